"""What a broken run needs to go on, and what a finished run keeps."""

import contextlib
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import tensorflow as tf
import tf_keras
from tf_keras.src.saving.legacy.hdf5_format import save_weights_to_hdf5_group

from tfp_insects.errors import InputError
from tfp_insects.files import not_written, told_if_not_written, written_whole
from tfp_insects.plain_path import PlainPath

WEIGHTS_NAME = "weights.h5"


class TrainingState(tf.Module):
    """Everything that training changes: model, optimiser, progress, and the best weights so far.

    Args:
        model: The model in training.
        optimiser: Its optimiser.
    """

    def __init__(self, model: tf_keras.Model, optimiser: tf_keras.optimizers.legacy.Optimizer) -> None:
        super().__init__()
        self.model = model
        self.optimiser = optimiser
        self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64)  # Epochs finished.
        self.best_epoch = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.best_nll = tf.Variable(float("inf"), trainable=False, dtype=tf.float64)
        self.best_weights = [tf.Variable(weight, trainable=False) for weight in model.trainable_variables]

    def keep_if_best(self, nll: float, epoch: int) -> None:
        """Remembers the current weights if the validation NLL is the lowest so far."""
        if not nll < float(self.best_nll):  # NaN is no improvement either.
            return
        self.best_nll.assign(nll)
        self.best_epoch.assign(epoch)
        for best, weight in zip(self.best_weights, self.model.trainable_variables, strict=True):
            best.assign(weight)

    def use_best(self) -> None:
        """Gives the model its best weights."""
        for best, weight in zip(self.best_weights, self.model.trainable_variables, strict=True):
            weight.assign(best)


class Checkpoints:
    """Saves the training state at most once in `min_seconds`, keeps one, and restores it.

    Args:
        directory: The run's `checkpoints/`.
        state: What is saved.
        min_seconds: Least time between two checkpoints.
    """

    def __init__(self, directory: Path, state: TrainingState, min_seconds: float = 60.0) -> None:
        self._state = state
        self._directory = directory
        self._min_seconds = min_seconds
        self._saved_at = time.monotonic()
        with told_if_not_written(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._plain = PlainPath(directory)
        self._manager = tf.train.CheckpointManager(tf.train.Checkpoint(state=state), str(self._plain), max_to_keep=1)

    @property
    def is_one_there(self) -> bool:
        """Whether a broken run would go on from a checkpoint."""
        return self._manager.latest_checkpoint is not None

    def restore(self) -> bool:
        """Restores the newest checkpoint; false if there is none.

        Raises:
            InputError: It is damaged, or of another version of the program.
        """
        latest = self._manager.latest_checkpoint
        if latest is None:
            return False
        try:
            status = self._manager.checkpoint.restore(latest)
            # Optimiser slots are created later and restored then.
            status.assert_existing_objects_matched()
        except AssertionError as error:
            status.expect_partial()  # Else it lists each of them when it goes.
            raise _cannot_read(self._directory / Path(latest).name, "it is not of this model") from error
        except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
            raise _cannot_read(self._directory / Path(latest).name, str(error)) from error
        return True

    def save_if_due(self) -> None:
        """Saves if the last save is long enough ago.

        Raises:
            InputError: The system cannot write; the checkpoint before stays.
        """
        if time.monotonic() - self._saved_at < self._min_seconds:
            return
        with told_if_tensorflow_did_not_write(self._directory):
            self._manager.save()
        self._saved_at = time.monotonic()

    def finish(self) -> None:
        """Replaces what training needed by the model's weights alone, in one step that is done or not done."""
        save_weights(self._state.model, self._directory / WEIGHTS_NAME)
        remove_all_but_weights(self._directory)


@contextlib.contextmanager
def told_if_tensorflow_did_not_write(path: Path) -> Iterator[None]:
    """Turns what TensorFlow's own writers say of files that the block writes into an `InputError`."""
    try:
        yield
    except tf.errors.OpError as error:  # "<path of a temporary file>; <what the system says>", and more behind it.
        raise not_written(path, error.message.rpartition("; ")[2].splitlines()[0].partition(" [Op")[0]) from error


def remove_all_but_weights(directory: Path) -> None:
    """Removes what training needed from the `checkpoints/` of a finished run."""
    for path in directory.iterdir():
        if path.name != WEIGHTS_NAME:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def save_weights(model: tf_keras.Model, path: Path) -> None:
    """Writes all weights of a model in Keras' HDF5 layout, complete or not at all.

    The file is made in memory: HDF5 ends the process (a segmentation fault) where it closes a file on a disk that is full.

    Raises:
        InputError: The system cannot write.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        save_weights_to_hdf5_group(file, model)
    with told_if_not_written(path):
        path.parent.mkdir(exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_weights(model: tf_keras.Model, path: Path) -> None:
    """Reads what `save_weights` wrote into a model that is built in the same way.

    Raises:
        InputError: The file is damaged, or of another model.
    """
    try:
        model.load_weights(str(path))
    except (OSError, KeyError, ValueError, RuntimeError) as error:  # What h5py and tf_keras raise for a damaged file.
        raise _cannot_read(path, str(error)) from error


def _cannot_read(path: Path, reason: str) -> InputError:
    return InputError(f"{path} cannot be read ({reason}): remove the run's directory and run again")
