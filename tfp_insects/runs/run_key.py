"""By what a run of the study's grid is named: one method, one number of images a class, one seed."""

import dataclasses
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.models.method_table import find_method, method_names
from tfp_insects.runs.layout import RECORD_NAME

MAX_SEED = 2**31 - 1  # What all of the libraries' generators take.


@dataclasses.dataclass(frozen=True)
class RunKey:
    """Which run.

    Attributes:
        model: Name of a method.
        n_per_class: Training images of each class.
        seed: Determines the subset, the initial weights, the order and the noise.
    """

    model: str
    n_per_class: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the run's directory."""
        return f"{self.model}-n{self.n_per_class}-seed{self.seed}"

    def directory(self, workdir: Path) -> Path:
        """Where the run's files are."""
        return workdir / self.name


def make_run_keys(models: list[str], sizes: list[int], seeds: list[int]) -> list[RunKey]:
    """All combinations, cheapest first.

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
    order = method_names()
    return sorted(unique, key=lambda key: (key.n_per_class, order.index(key.model), key.seed))


def is_finished(directory: Path) -> bool:
    """Whether the run's record is there: it is written last and at once."""
    return (directory / RECORD_NAME).exists()
