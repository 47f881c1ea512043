"""Several runs, by method, size and seed, and in pairs."""

from pathlib import Path

import numpy as np

from tfp_insects.metrics.arrays import FloatArray, IntArray
from tfp_insects.models.method_table import find_twin, method_names
from tfp_insects.runs.run import Run

REFERENCE = "cnn"


class RunSet:
    """Runs that are compared: all finished ones of a work directory, say, on one data set.

    Args:
        workdir: The work directory.
        runs: One or more.
        unfinished: Names of runs without a record.
    """

    def __init__(self, workdir: Path, runs: list[Run], unfinished: tuple[str, ...] = ()) -> None:
        self.workdir = workdir
        self.runs = sorted(runs, key=lambda run: (_model_order(run.model), run.n_per_class, run.seed))
        self.unfinished = unfinished

    @property
    def models(self) -> list[str]:
        """Names of the models, the twins first."""
        return list(dict.fromkeys(run.model for run in self.runs))

    @property
    def sizes(self) -> list[int]:
        """Numbers of images a class, increasing."""
        return sorted({run.n_per_class for run in self.runs})

    @property
    def seeds(self) -> list[int]:
        """All seeds, increasing."""
        return sorted({run.seed for run in self.runs})

    @property
    def first(self) -> Run:
        """Any run; for what all have alike."""
        return self.runs[0]

    @property
    def class_names(self) -> list[str]:
        """Names of the classes."""
        return self.first.record["class_names"]

    @property
    def is_drawn(self) -> bool:
        """Whether the images are drawn by the project, not photographed."""
        return self.first.record["drawn"]

    @property
    def num_folds(self) -> int:
        """Folds of the cross-validations that the runs are; 0 for single splits, as all runs of one data set share theirs."""
        return self.first.num_folds

    @property
    def pair(self) -> tuple[str, str] | None:
        """The CNN and its twin, if both were run with one size and seed at least."""
        pair = (REFERENCE, self.twin or "")
        return pair if self.paired_sizes(pair) else None

    @property
    def twin(self) -> str | None:
        """The Bayesian twin, or the variant that stands for it."""
        return find_twin(self.models)

    def select(self, model: str, n_per_class: int) -> list[Run]:
        """Runs of one model and size, by seed."""
        return [run for run in self.runs if run.model == model and run.n_per_class == n_per_class]

    def sizes_of(self, model: str) -> list[int]:
        """Sizes at which a model was run."""
        return [size for size in self.sizes if self.select(model, size)]

    def paired(self, pair: tuple[str, str], n_per_class: int) -> list[tuple[Run, Run]]:
        """Runs of two models with the same size and seed."""
        first, second = ({run.seed: run for run in self.select(model, n_per_class)} for model in pair)
        return [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]

    def paired_sizes(self, pair: tuple[str, str]) -> list[int]:
        """Sizes at which both models were run with a seed in common."""
        return [size for size in self.sizes if self.paired(pair, size)]


def pooled(runs: list[Run]) -> tuple[FloatArray, IntArray]:
    """Mean probabilities and labels of several runs, one after the other: `[num, num_classes]` and `[num]`."""
    averaged = [run.probabilities.mean(axis=0, dtype=np.float64) for run in runs]
    return np.concatenate(averaged), np.concatenate([run.labels for run in runs])


def _model_order(model: str) -> tuple[int, str]:
    known = method_names()
    return (known.index(model) if model in known else len(known), model)
