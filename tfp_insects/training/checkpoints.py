"""What a broken run needs to go on, and what a finished run keeps."""

import shutil
import time
from pathlib import Path

import tensorflow as tf
import tf_keras

from tfp_insects.files import written_whole

CHECKPOINTS_NAME = "checkpoints"
WEIGHTS_NAME = "weights.h5"
WEIGHTS_PATH = f"{CHECKPOINTS_NAME}/{WEIGHTS_NAME}"  # In a network's directory: there when its training is finished.


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
        self._manager = tf.train.CheckpointManager(tf.train.Checkpoint(state=state), str(directory), max_to_keep=1)

    def restore(self) -> bool:
        """Restores the newest checkpoint; false if there is none."""
        latest = self._manager.latest_checkpoint
        if latest is None:
            return False
        # Optimiser slots are created later and restored then.
        self._manager.checkpoint.restore(latest).assert_existing_objects_matched()
        return True

    def save_if_due(self) -> None:
        """Saves if the last save is long enough ago."""
        if time.monotonic() - self._saved_at >= self._min_seconds:
            self._manager.save()
            self._saved_at = time.monotonic()

    def finish(self) -> None:
        """Replaces what training needed by the model's weights alone, in one step that is done or not done."""
        save_weights(self._state.model, self._directory / WEIGHTS_NAME)
        remove_all_but_weights(self._directory)


def remove_all_but_weights(directory: Path) -> None:
    """Removes what training needed from the `checkpoints/` of a finished run."""
    for path in directory.iterdir():
        if path.name != WEIGHTS_NAME:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def save_weights(model: tf_keras.Model, path: Path) -> None:
    """Writes all weights of a model, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        model.save_weights(str(temporary), save_format="h5")
