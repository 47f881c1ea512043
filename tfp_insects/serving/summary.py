"""What a table of predictions says as a whole: how many images of each class, and which a person should look at."""

import dataclasses
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfp_insects.metrics.counts import corrected_counts
from tfp_insects.serving.answers import Answer

COUNTS_SEED = 0
MAX_ERRORS = 200  # As many are listed by name.


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """Images of one class.

    Attributes:
        name: The class.
        predicted: Images that the model takes for it.
        estimate: Images that are it, corrected for the errors that the model made on its test images.
        low: Lower end of the 95 % interval of `estimate`.
        high: Upper end.
    """

    name: str
    predicted: int
    estimate: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Summary:
    """A whole table.

    Attributes:
        num_images: Rows.
        num_errors: Images that could not be read.
        num_accepted: Answers that are trusted.
        counts: One entry a class, of the images that are not called unknown; empty where there is none.
        to_review: Images with answers that are not trusted, most uncertain first; no more than were asked for.
        errors: Images that could not be read, with the reason; the first ones.
        num_unknown: Images that are called unknown; none where the model has no alarm.
    """

    num_images: int
    num_errors: int
    num_accepted: int
    counts: Sequence[ClassCount]
    to_review: Sequence[tuple[str, Answer]]
    errors: Sequence[tuple[str, Answer]]
    num_unknown: int | None = None

    @property
    def num_to_review(self) -> int:
        """Images whose answer is not trusted."""
        return self.num_images - self.num_errors - self.num_accepted


def summarise(rows: Iterable[tuple[str, Answer]], card: Mapping[str, Any], max_to_review: int) -> Summary:
    """Reads a table once, keeping little of it.

    Args:
        rows: Path and answer of each image.
        card: The model's card.
        max_to_review: Number of images to keep for review.
    """
    num_unknown = 0
    kinds: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    errors: list[tuple[str, Answer]] = []
    uncertain: list[tuple[float, int, str, Answer]] = []
    for number, (path, answer) in enumerate(rows):
        if answer.error:
            kinds["error"] += 1
            errors += [(path, answer)] if len(errors) < MAX_ERRORS else []
            continue
        if answer.unknown:
            num_unknown += 1
        else:
            predicted[answer.predicted_class] += 1
        kinds["accepted" if answer.accepted else "review"] += 1
        if not answer.accepted:
            _keep_largest(uncertain, (answer.entropy, -number, path, answer), max_to_review)
    return Summary(
        num_images=kinds.total(),
        num_errors=kinds["error"],
        num_accepted=kinds["accepted"],
        counts=_class_counts(predicted, card),
        to_review=[(path, answer) for _, _, path, answer in sorted(uncertain, reverse=True)],
        errors=errors,
        num_unknown=num_unknown if card.get("alarm") else None,
    )


def _keep_largest(heap: list[Any], item: Any, size: int) -> None:
    if len(heap) < size:
        heapq.heappush(heap, item)
    else:
        heapq.heappushpop(heap, item)


def _class_counts(predicted: Mapping[str, int], card: Mapping[str, Any]) -> list[ClassCount]:
    names = card["class_names"]
    numbers = np.array([predicted.get(name, 0) for name in names])
    if numbers.sum() == 0:
        return []
    confusion = (card.get("alarm") or card)["test_confusion"]
    corrected = corrected_counts(np.array(confusion), numbers, seed=COUNTS_SEED)
    fields = zip(names, numbers.tolist(), corrected.counts, corrected.low, corrected.high, strict=True)
    return [ClassCount(name, count, float(mean), float(low), float(high)) for name, count, mean, low, high in fields]
