"""Epochs as TensorBoard shows them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfp_insects.files import told_if_not_written
from tfp_insects.plain_path import PlainPath
from tfp_insects.training.checkpoints import told_if_tensorflow_did_not_write
from tfp_insects.training.fit import OnEpoch
from tfp_insects.training.history import EpochRow


@contextlib.contextmanager
def tensorboard(directory: Path) -> Iterator[OnEpoch]:
    """Gives a function that writes an epoch's row as TensorBoard scalars, equal tags for equal quantities of all models."""
    with told_if_tensorflow_did_not_write(directory), told_if_not_written(directory):
        directory.mkdir(exist_ok=True)
        plain = PlainPath(directory)
        writer = tf.summary.create_file_writer(str(plain))

    def on_epoch(row: EpochRow) -> None:
        with told_if_tensorflow_did_not_write(directory), writer.as_default(step=row.epoch):
            for figure in ("nll", "accuracy"):
                for part in ("train", "validation"):
                    tf.summary.scalar(f"{figure}/{part}", getattr(row, f"{part}_{figure}"))
            if row.kl:  # By itself: added to an NLL, it would hide that one thousands of times over.
                tf.summary.scalar("divergence/nats", row.kl)

    try:
        yield on_epoch
    finally:
        with told_if_tensorflow_did_not_write(directory):
            writer.close()
