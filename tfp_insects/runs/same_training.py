"""A training that another model's run has done already, taken over instead of repeated."""

import shutil
from pathlib import Path

from tfp_insects.files import written_whole
from tfp_insects.runs.identity import first_difference, read_identity, trained_with
from tfp_insects.runs.layout import CONFIG_NAME, HISTORY_NAME, WEIGHTS_PATH


def take_over_training(directory: Path, donor: Path) -> None:
    """Copies the history and the weights of a trained run of one network, after which nothing is left to train.

    Nothing is copied where this run is trained already, the other is not, or the two were trained with something else.

    Args:
        directory: This run's, with its `config.json`.
        donor: The other run's directory, whose model trains in the same way.

    Raises:
        InputError: A `config.json` cannot be read.
    """
    if (directory / WEIGHTS_PATH).exists() or not (donor / WEIGHTS_PATH).exists():
        return
    own, other = (read_identity(run / CONFIG_NAME) for run in (directory, donor))
    # What this run does after the training, and the sections for that, are no part of it.
    if first_difference(trained_with({**own, "model": other["model"]}), trained_with(other)) is not None:
        return
    for name in (HISTORY_NAME, WEIGHTS_PATH):  # The weights last: where they are, training is finished.
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        with written_whole(directory / name) as temporary:
            shutil.copyfile(donor / name, temporary)
