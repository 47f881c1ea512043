"""What a process that is no chief does of the runs: it trains along, and touches no run's directory.

The chief tells it, run by run, which networks it trains: a number for each, and `END` when the run is done. For a network it
tells `READY`, or `END` where something keeps it from training; then the number of each epoch, and `END`.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.graphs import graphs_forgotten
from tfp_insects.study.task import Task
from tfp_insects.training.checkpoints import TrainingState
from tfp_insects.training.fit import Training, Validation
from tfp_insects.training.replicas import END, Replicas


def follow_runs(keys: Sequence[RunKey], experiment: Experiment, replicas: Replicas, directory: Path) -> None:
    """Trains along with the chief, run by run.

    Args:
        keys: The runs, in the chief's order.
        experiment: The chief's, on this process's replicas.
        replicas: The same.
        directory: Where decoded images are kept as long as they are needed, in files without a name.

    Raises:
        InputError: The chief is gone, or what it trains on cannot be read here.
    """
    with told_if_not_written(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for key in keys:
        while (number := replicas.heard()) != END:
            with graphs_forgotten():
                task = Task.of_run(key, experiment.for_key(key))
                _follow_network(task, key.seed, number, replicas, directory)


def _follow_network(task: Task, seed: int, number: int, replicas: Replicas, directory: Path) -> None:
    network_seed = task.method.member_seeds(task.experiment.config, seed)[number]
    model, optimiser = task.build_in(replicas, network_seed)
    inputs = task.input_maker(network_seed, directory).training(model, task.training)
    if replicas.heard() == END:
        return
    state = TrainingState(model, optimiser)
    Training(state, inputs, task.schedule(model), _not_asked, replicas=replicas).follow()


def _not_asked() -> Validation:
    raise AssertionError("the chief alone validates")


def require_agreement(keys: Sequence[RunKey], experiment: Experiment, replicas: Replicas) -> None:
    """Raises `InputError` in a process that was asked for something else than the chief; all call it.

    Args:
        keys: The runs.
        experiment: Of this process.
        replicas: Its replicas.
    """
    facts = {
        "runs": [key.name for key in keys],
        "devices of a worker": replicas.sharding.num_local,
        **experiment.identity(),
    }
    names = sorted(name for name in facts if name not in ("data", "weights"))  # Paths may differ, contents may not.
    own = [_digest(facts[name]) for name in names]
    (told,) = replicas.from_chief([tf.constant(own, tf.int64)])
    different = [name for name, one, other in zip(names, own, told.numpy(), strict=True) if one != other]
    if different:
        raise InputError(
            f"worker {replicas.worker + 1} of {replicas.num_workers} has another {different[0]} than the first: start "
            "all workers with the same command, version, images and weights, on machines with as many devices each"
        )


def _digest(value: object) -> int:
    text = json.dumps(value, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
