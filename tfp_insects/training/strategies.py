"""Which devices train a network: one, all of this process, or those of several processes.

It needs no TensorFlow: the names are read for help texts too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tfp_insects.errors import InputError
from tfp_insects.training.cluster import VARIABLE, Cluster, read_cluster

AUTO, NONE, MIRRORED, MULTIWORKER = "auto", "none", "mirrored", "multiworker"
STRATEGIES = (AUTO, NONE, MIRRORED, MULTIWORKER)


class Choice(NamedTuple):
    """What trains.

    Attributes:
        name: `none`, `mirrored` or `multiworker`.
        cluster: Of `multiworker`.
    """

    name: str
    cluster: Cluster | None = None


def choose_strategy(name: str, environment: Mapping[str, str], num_gpus: int, num_jobs: int = 1) -> Choice:
    """Chooses what trains.

    `auto` is `multiworker` where TF_CONFIG is set, else `mirrored` where there are several GPUs, else `none`. A cluster of
    one worker is none: its devices are chosen as without it.

    Args:
        name: One of `STRATEGIES`.
        environment: Of the process.
        num_gpus: Of this machine.
        num_jobs: Runs at the same time. With several, each trains on one device.

    Raises:
        InputError: The name is unknown, or does not go with the others; the message says what to do.
    """
    if name not in STRATEGIES:
        raise InputError(f"strategy={name!r}: expected one of {', '.join(STRATEGIES)}", field="strategy")
    text = environment.get(VARIABLE, "").strip()
    if name == MULTIWORKER and not text:
        raise InputError(
            f"strategy={MULTIWORKER}: {VARIABLE} is not set in this process; set it in each of them to name all "
            f"workers and this one, or choose {MIRRORED} for the GPUs of one machine",
            field="strategy",
        )
    cluster = read_cluster(text) if text and name in (AUTO, MULTIWORKER) else None
    if cluster is not None and len(cluster.addresses) == 1:
        name, cluster = AUTO, None
    if name == MIRRORED and num_gpus < 2:
        raise InputError(
            f"strategy={MIRRORED}: this machine has {num_gpus or 'no'} GPU{'' if num_gpus == 1 else 's'} that TensorFlow "
            f"can use, and one device has nothing to mirror: choose {AUTO} or {NONE}",
            field="strategy",
        )
    if num_jobs > 1 and (cluster is not None or name == MIRRORED):
        raise InputError(
            f"jobs={num_jobs}: one run trains at a time on several devices; set jobs to 1, or the strategy to {NONE}",
            field=("jobs", "strategy"),
        )
    if cluster is not None:
        return Choice(MULTIWORKER, cluster)
    return Choice(MIRRORED if name == MIRRORED or (name == AUTO and num_gpus > 1 and num_jobs == 1) else NONE)
