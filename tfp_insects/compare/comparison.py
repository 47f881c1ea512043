"""All figures of a comparison in plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfp_insects.compare.answers import AnswerBook, Answers
from tfp_insects.compare.figures import (
    differences_over_sizes,
    mcnemar,
    metric_differences,
    metric_means,
    ood_difference,
    ood_means,
)
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.models.method_table import find_twin

REFERENCE = "cnn"


def compare(book: AnswerBook, num_resamples: int = 2000) -> dict[str, Any]:
    """Compares the models of a book.

    Returns:
        `challenger`: the twin, or the first of its variants where it was not run itself, or none. `models`: by model and
        size, metrics with their intervals, numbers of seeds, and seconds. `differences`: `challenger - x` for each other
        model x, by size: metrics, and McNemar's test of each seed. `differences_over_sizes`: the same metrics averaged over
        sizes, from the seeds that were run at all of them, if any. `ood_auroc_difference`: challenger - CNN over all sizes,
        or none. `time_ratio`: of their training times to the best epoch, by size. Sizes are words, as JSON has it.
    """
    twin = find_twin(book.models) or ""
    challenged = [model for model in book.models if model != twin] if twin else []
    return {
        "challenger": twin or None,
        "models": {model: _by_size(book, model, num_resamples) for model in book.models},
        "differences": {f"{twin} - {model}": _differences(book, twin, model, num_resamples) for model in challenged},
        "differences_over_sizes": {
            f"{twin} - {model}": _over_sizes(book, twin, model, num_resamples) for model in challenged
        },
        "ood_auroc_difference": _ood(book, twin, num_resamples) if REFERENCE in challenged else None,
        "time_ratio": _time_ratio(book, twin) if REFERENCE in challenged else {},
    }


def _by_size(book: AnswerBook, model: str, num_resamples: int) -> dict[str, Any]:
    return {str(size): _figures(book.of(model, size), num_resamples) for size in book.sizes if book.of(model, size)}


def _figures(answers: Sequence[Answers], num_resamples: int) -> dict[str, Any]:
    ood = ood_means(answers, num_resamples) if _has_ood(answers) else {}
    return {
        "num_seeds": len(answers),
        **_plain(metric_means(answers, num_resamples)),
        **_plain(ood),
        "train_seconds": float(np.mean([one.train_seconds for one in answers])),
        "seconds_to_best_epoch": float(np.mean([one.seconds_to_best_epoch for one in answers])),
    }


def _differences(book: AnswerBook, twin: str, model: str, num_resamples: int) -> dict[str, Any]:
    found = {}
    for size in book.sizes:
        pairs = book.pairs(twin, model, size)
        if pairs:
            found[str(size)] = {
                "num_seeds": len(pairs),
                **_plain(metric_differences(pairs, num_resamples)),
                "mcnemar": [mcnemar(pair) for pair in pairs],
            }
    return found


def _over_sizes(book: AnswerBook, twin: str, model: str, num_resamples: int) -> dict[str, Any]:
    seeds = book.pairs_at_all_sizes(twin, model)
    return {"num_seeds": len(seeds), **_plain(differences_over_sizes(seeds, num_resamples))} if seeds else {}


def _ood(book: AnswerBook, twin: str, num_resamples: int) -> dict[str, float] | None:
    seeds = book.pairs_at_all_sizes(twin, REFERENCE)
    answers = [one for pairs in seeds for pair in pairs for one in pair]
    if not answers or not _has_ood(answers):
        return None
    return _plain({"all": ood_difference(seeds, num_resamples)})["all"]


def _time_ratio(book: AnswerBook, twin: str) -> dict[str, float]:
    ratios = {}
    for size in book.sizes:
        pairs = book.pairs(twin, REFERENCE, size)
        if pairs:
            first, second = (sum(one.seconds_to_best_epoch for one in side) for side in zip(*pairs, strict=True))
            ratios[str(size)] = first / second
    return ratios


def _has_ood(answers: Sequence[Answers]) -> bool:
    return all(one.ood is not None for one in answers)


def _plain(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: {"estimate": one.estimate, "low": one.low, "high": one.high} for name, one in intervals.items()}
