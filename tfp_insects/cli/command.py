"""What a user asks of `run`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.training.strategies import AUTO, NONE

LOCAL, RAY = "local", "ray"
# What the command itself finds, wherever it is.
NAMED_DATA, NAMED_WEIGHTS = ("auto", "insect_detect", "synthetic"), ("auto", "imagenet", "none")


@dataclasses.dataclass(frozen=True)
class Command:
    """What the user asked for, as in the flags of `cli/commands/run.py`.

    Attributes:
        models: Names of models.
        sizes: Numbers of training images of each class, as given.
        seeds: Seeds, as given.
        data: `auto`, `insect_detect`, `synthetic` or a path.
        weights: `auto`, `imagenet`, `none` or a path.
        workdir: Where runs are written.
        cache_dir: Where drawn images and weights are kept.
        data_dir: Where TFDS keeps prepared data; none for its own default.
        ood_data: Path of images of other things, or empty.
        num_jobs: Runs at the same time; with Ray, on each machine.
        engine: `local`, or `ray` for a cluster.
        ray_address: Of the cluster's head; see `connected`.
        strategy: What trains a network, one of `training.strategies.STRATEGIES`.
        dry_run: Whether to say what would be done instead of doing it.
        config_file: Where the configuration is from, for errors.
    """

    models: Sequence[str]
    sizes: Sequence[str]
    seeds: Sequence[str]
    data: str
    weights: str
    workdir: Path
    cache_dir: Path
    data_dir: Path | None = None
    ood_data: str = ""
    num_jobs: int = 1
    engine: str = LOCAL
    ray_address: str = ""
    strategy: str = AUTO
    dry_run: bool = False
    config_file: Path | None = None

    def strategy_here(self) -> str:
        """What trains in the processes of this command.

        Raises:
            InputError: Several devices are asked for, and a cluster that gives each run its own.
        """
        if self.engine == LOCAL:
            return self.strategy
        if self.strategy not in (AUTO, NONE):
            raise InputError(
                f"engine={RAY}: each run trains on one device of the cluster, so strategy={self.strategy} has no place; "
                f"leave it at {AUTO}, or train on several devices with engine={LOCAL}",
                field=("engine", "strategy"),
            )
        return NONE

    def for_any_machine(self) -> "Command":
        """The same with whole paths, which mean the same in each process of a cluster."""
        return dataclasses.replace(
            self,
            data=self.data if self.data in NAMED_DATA else _whole(self.data),
            weights=self.weights if self.weights in NAMED_WEIGHTS else _whole(self.weights),
            ood_data=_whole(self.ood_data) if self.ood_data else "",
            workdir=self.workdir.absolute(),
            cache_dir=self.cache_dir.absolute(),
            data_dir=None if self.data_dir is None else self.data_dir.absolute(),
        )


def _whole(path: str) -> str:
    return str(Path(path).expanduser().absolute())
