"""Images of no class that the models know: what a run predicted for them, and how well it tells them apart."""

import dataclasses

import numpy as np

from tfp_insects.compare.quality import BOOTSTRAP_SEED, NUM_RESAMPLES
from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays
from tfp_insects.metrics.bootstrap import Interval, seeds_interval
from tfp_insects.metrics.intervals import out_of_distribution_statistics
from tfp_insects.metrics.scores import predictive_entropy
from tfp_insects.runs.layout import OOD_NAME
from tfp_insects.runs.run_set import Run, Study

SCORES = ("predictive_entropy", "mutual_information")


@dataclasses.dataclass(frozen=True)
class OodFigure:
    """AUROC of a score for telling out-of-distribution images from test images: mean over seeds, 95 % interval."""

    model: str
    n_per_class: int
    score: str
    auroc: Interval


def ood_figures(study: Study) -> list[OodFigure]:
    """AUROC of each model, size and score; empty where no run was given out-of-distribution images.

    Raises:
        InputError: A file is cut off, or does not hold what the record says.
    """
    found = []
    for model in study.models:
        for size in study.sizes_of(model):
            runs = [run for run in study.select(model, size) if _has_ood(run)]
            if runs:
                found += _figures(model, size, runs)
    return found


def entropies(study: Study, n_per_class: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Predictive entropy of test and of out-of-distribution images, nats, by model; of the smallest seed that has them."""
    found = {}
    for model in study.models:
        run = next((run for run in study.select(model, n_per_class) if _has_ood(run)), None)
        if run is not None:
            found[model] = predictive_entropy(run.probabilities), predictive_entropy(_read_ood(run))
    return found


def _has_ood(run: Run) -> bool:
    return "ood_fingerprint" in run.record


def _figures(model: str, size: int, runs: list[Run]) -> list[OodFigure]:
    ood = [_read_ood(run) for run in runs]
    statistics = [
        out_of_distribution_statistics(run.probabilities, array) for run, array in zip(runs, ood, strict=True)
    ]
    scores = SCORES if all(run.has_draws for run in runs) else SCORES[:1]
    return [
        OodFigure(
            model,
            size,
            score,
            seeds_interval(
                [found[f"auroc_{score}"] for found in statistics],
                [(len(run.labels), run.record["num_ood_examples"]) for run in runs],
                shared_images=True,
                seed=BOOTSTRAP_SEED,
                num_resamples=NUM_RESAMPLES,
            ),
        )
        for score in scores
    ]


def _read_ood(run: Run) -> np.ndarray:
    path = run.directory / OOD_NAME
    probabilities = read_arrays(path, ("probabilities",))["probabilities"]
    num_samples, _, num_classes = run.probabilities.shape
    expected = (num_samples, run.record["num_ood_examples"], num_classes)
    if probabilities.shape != expected:
        raise InputError(f"{path}: probabilities have shape {probabilities.shape}; the record says {expected}")
    return probabilities
