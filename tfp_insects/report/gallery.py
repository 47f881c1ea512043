"""Images to look at: the most confident answers, right and wrong, and the most uncertain ones."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfp_insects.metrics.scores import example_correct, expected_entropy, mutual_information, predictive_entropy
from tfp_insects.runs.layout import THUMBNAILS_NAME
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet
from tfp_insects.runs.thumbnails import read_thumbnails

NUM_IMAGES = 4
NUM_BARS = 4


@dataclasses.dataclass(frozen=True)
class Bar:
    """A class probability: mean over draws, and the interval that holds 95 % of the draws."""

    class_name: str
    mean: float
    low: float
    high: float
    is_true: bool


@dataclasses.dataclass(frozen=True)
class Card:
    """One image.

    Attributes:
        example_id: Its id.
        image: Data URI of a JPEG; empty where the run kept no images.
        true_class: Its label.
        predicted_class: The class of highest mean probability.
        bars: The most probable classes, and the true one.
        figures: Its uncertainties as (name, nats).
    """

    example_id: str
    image: str
    true_class: str
    predicted_class: str
    bars: Sequence[Bar]
    figures: Sequence[tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Group:
    """Images chosen by one rule."""

    title: str
    text: str
    cards: Sequence[Card]


def gallery_run(study: RunSet) -> Run:
    """The run whose images are shown: the BNN's, else the first model's, of most images and smallest seed."""
    model = study.twin or study.models[0]
    return study.select(model, study.sizes_of(model)[-1])[0]


def make_gallery(run: Run) -> list[Group]:
    """Chooses images by the run's own confidence and uncertainty.

    Raises:
        InputError: The run's images are cut off.
    """
    chosen = [(title, text, indices) for title, text, indices in _chosen(run) if len(indices)]
    wanted = sorted({run.example_ids[index] for _, _, indices in chosen for index in indices})
    path = run.directory / THUMBNAILS_NAME
    images = read_thumbnails(path, wanted) if path.exists() else {}
    figures = _figures(run)
    return [
        Group(title, text, [_card(run, index, images, figures) for index in indices]) for title, text, indices in chosen
    ]


def _chosen(run: Run) -> list[tuple[str, str, np.ndarray]]:
    confidence = run.probabilities.mean(axis=0, dtype=np.float64).max(axis=-1)
    correct = example_correct(run.probabilities, run.labels)
    found = [
        (
            "Most confident and right",
            "What the model finds easy.",
            _highest(np.where(correct, confidence, -1.0), correct),
        ),
        (
            "Most confident and wrong",
            "The errors that confidence does not warn of. Look for labels that are wrong, too.",
            _highest(np.where(correct, -1.0, confidence), ~correct),
        ),
    ]
    everything = np.ones(len(correct), dtype=bool)
    if not run.has_draws:
        text = "Highest entropy. One network cannot say whether the image or its own knowledge is to blame."
        return [*found, ("Most uncertain", text, _highest(predictive_entropy(run.probabilities), everything))]
    return [
        *found,
        (
            "Most uncertain: the image (aleatoric)",
            "Every draw of the weights hesitates alike: to this model, the image itself leaves the doubt.",
            _highest(expected_entropy(run.probabilities), everything),
        ),
        (
            "Most uncertain: the knowledge (epistemic)",
            "Each draw is sure of something else, so bars have wide intervals: the model's weights leave the doubt.",
            _highest(mutual_information(run.probabilities), everything),
        ),
    ]


def _highest(scores: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Indices of the highest scores among the allowed examples, highest first."""
    order = np.argsort(-scores, kind="stable")
    return order[allowed[order]][:NUM_IMAGES]


def _figures(run: Run) -> dict[str, np.ndarray]:
    if not run.has_draws:
        return {"entropy": predictive_entropy(run.probabilities)}
    return {"aleatoric": expected_entropy(run.probabilities), "epistemic": mutual_information(run.probabilities)}


def _card(run: Run, index: int, images: Mapping[str, bytes], figures: Mapping[str, np.ndarray]) -> Card:
    names = run.record["class_names"]
    draws = run.probabilities[:, index].astype(np.float64)
    mean = draws.mean(axis=0)
    shown = list(np.argsort(-mean, kind="stable")[:NUM_BARS])
    label = int(run.labels[index])
    if label not in shown:
        shown[-1] = label
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    example_id = run.example_ids[index]
    return Card(
        example_id=example_id,
        image=_data_uri(images[example_id]) if example_id in images else "",
        true_class=names[label],
        predicted_class=names[int(mean.argmax())],
        bars=[Bar(names[i], float(mean[i]), float(low[i]), float(high[i]), i == label) for i in shown],
        figures=[(name, float(values[index])) for name, values in figures.items()],
    )


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
