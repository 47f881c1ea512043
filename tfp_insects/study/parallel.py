"""How several runs are made at the same time."""

import dataclasses

from tfp_insects.study.experiment import Recipe


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How several runs are made at the same time, each in a process of its own.

    Attributes:
        recipe: From which each process makes the experiment.
        num_jobs: Processes at the same time; each gets its share of the cores.
    """

    recipe: Recipe
    num_jobs: int
