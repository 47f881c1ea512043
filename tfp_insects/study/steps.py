"""How many training steps a run takes."""

from typing import NamedTuple

from tfp_insects.data.pipeline import batch_size_for
from tfp_insects.data.split import Split, training_subset
from tfp_insects.models.method import Method
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey


class Steps(NamedTuple):
    """Training steps of a run.

    Attributes:
        batch_size: Training images in a batch.
        per_epoch: Steps of one epoch of one network.
        per_run: Steps of all epochs of all networks.
    """

    batch_size: int
    per_epoch: int
    per_run: int


def count_steps(method: Method, config: RunConfig, num_examples: int) -> Steps:
    """Counts the steps of a run.

    Args:
        method: Its model.
        config: Of the study.
        num_examples: Training images.
    """
    training = config.training
    batch_size = batch_size_for(num_examples, training.batch_size, training.min_steps_per_epoch)
    per_epoch = -(-num_examples // batch_size)
    num_networks = len(method.member_seeds(config, seed=0))
    return Steps(batch_size, per_epoch, num_networks * training.epochs * per_epoch)


def steps_of_run(key: RunKey, split: Split, config: RunConfig) -> Steps:
    """Counts the steps of a run, for which no image need be read and no weights found."""
    return count_steps(
        find_method(key.model), config, len(training_subset(split.of_fold(key.fold), key.n_per_class, key.seed))
    )
