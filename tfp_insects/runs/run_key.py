"""By what a run of the study's grid is named: one method, one number of images a class, one seed, perhaps one fold."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.models.method_table import find_method, method_names
from tfp_insects.runs.layout import FOLDS_NAME, RECORD_NAME

MAX_SEED = 2**31 - 1  # What all of the libraries' generators take.


@dataclasses.dataclass(frozen=True)
class RunKey:
    """Which run.

    Attributes:
        model: Name of a method.
        n_per_class: Training images of each class.
        seed: Determines the subset, the initial weights, the order and the noise.
        fold: Of a cross-validation, from 0; none for a run that stands for itself.
    """

    model: str
    n_per_class: int
    seed: int
    fold: int | None = None

    @property
    def name(self) -> str:
        """Name of the run's directory."""
        whole = f"{self.model}-n{self.n_per_class}-seed{self.seed}"
        return whole if self.fold is None else f"{whole}-fold{self.fold}"

    def directory(self, workdir: Path) -> Path:
        """Where the run's files are; runs of folds are not among those of the work directory that are compared."""
        return (workdir if self.fold is None else workdir / FOLDS_NAME) / self.name

    @property
    def pooled(self) -> "RunKey":
        """The run that this is a fold of."""
        return dataclasses.replace(self, fold=None)


def make_run_keys(models: list[str], sizes: list[int], seeds: list[int], num_folds: int = 0) -> list[RunKey]:
    """All combinations, cheapest first, and of each all folds, if there are any.

    Raises:
        InputError: An unknown model, a size below 1, or a seed that random generators do not take.
    """
    for model in models:
        find_method(model)
    for size in sizes:
        if size < 1:
            raise InputError(
                f"n_per_class={size}: expected a number of at least 1, for example 5,10,50", field="n_per_class"
            )
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise InputError(f"seed {seed}: expected a number from 0 to {MAX_SEED}", field="seeds")
    unique = {RunKey(model, size, seed) for model in models for size in sizes for seed in seeds}
    return [
        dataclasses.replace(key, fold=fold)
        for key in in_order(unique)
        for fold in (range(num_folds) if num_folds else [None])
    ]


def in_order(keys: Iterable[RunKey]) -> list[RunKey]:
    """Cheapest first: by size, then by method, then by seed."""
    order = method_names()
    return sorted(keys, key=lambda key: (key.n_per_class, order.index(key.model), key.seed))


def is_finished(directory: Path) -> bool:
    """Whether the run's record is there: it is written last and at once."""
    return (directory / RECORD_NAME).exists()
