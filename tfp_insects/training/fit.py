"""The training loop of both twins."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import kl_divergence, set_kl_weight
from tfp_insects.errors import InputError
from tfp_insects.training.checkpoints import Checkpoints, TrainingState
from tfp_insects.training.history import EpochRow, History
from tfp_insects.training.optimiser import LayerMultipliers, TrainStep, make_train_step
from tfp_insects.training.schedules import annealed_kl_weight, cosine_learning_rate


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and how fast a model trains.

    Attributes:
        epochs: Passes over the training images.
        learning_rate: Peak of the cosine schedule.
        warmup_epochs: Length of the linear rise before it.
        kl_weight: Weight of the divergence; 1 is the ELBO, less is a tempered posterior.
        kl_annealing_epochs: Epochs over which that weight rises from 0.
        multipliers: Of the learning rate, by layer and for the scales of a posterior.
    """

    epochs: int
    learning_rate: float
    warmup_epochs: float = 0.0
    kl_weight: float = 1.0
    kl_annealing_epochs: float = 0.0
    multipliers: LayerMultipliers = dataclasses.field(default_factory=LayerMultipliers)


class TrainingPipeline(Protocol):
    """Batches `(inputs, labels)` of an epoch, which depend on (seed, epoch) alone."""

    @property
    def num_examples(self) -> int:
        """Number of training examples."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""

    def epoch(self, epoch: int) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
        """The batches of one epoch."""


class TrainingInputs(Protocol):
    """The model to run, which is the state's or the part of it behind frozen layers, and what it trains on."""

    @property
    def model(self) -> tf_keras.Model:
        """Maps the pipeline's batches to logits."""

    @property
    def pipeline(self) -> TrainingPipeline:
        """Training batches, epoch by epoch."""


class Validation(NamedTuple):
    """Quality on the validation images: `nll` in nats an image, `accuracy` as a share; nan where the weights are broken."""

    nll: float
    accuracy: float


Validate = Callable[[], Validation]
OnStep = Callable[[], None]
OnEpoch = Callable[[EpochRow], None]


class Training:
    """Trains a model and leaves it at the epoch of lowest validation NLL.

    Args:
        state: Model, optimiser and progress, restored if the run is resumed.
        inputs: The model to run, which is the state's or the part of it behind frozen layers, and its training batches.
        schedule: Durations and learning rates.
        validate: Predicts the validation images with the model as it is.
        on_step: Called after each step, for progress bars.
        on_epoch: Called after each epoch with its row.
    """

    def __init__(
        self,
        state: TrainingState,
        inputs: TrainingInputs,
        schedule: Schedule,
        validate: Validate,
        on_step: OnStep = lambda: None,
        on_epoch: OnEpoch = lambda row: None,
    ) -> None:
        self._state = state
        self._pipeline = inputs.pipeline
        self._schedule = schedule
        self._validate = validate
        self._on_step = on_step
        self._on_epoch = on_epoch
        self._train_step: TrainStep = make_train_step(inputs.model, state.optimiser, schedule.multipliers)

    def run(self, history: History, checkpoints: Checkpoints) -> None:
        """Trains the epochs that are left.

        Raises:
            InputError: The loss is no number any more; the message says what to lower.
        """
        for epoch in range(int(self._state.epoch), self._schedule.epochs):
            row = self._run_epoch(epoch, checkpoints)
            self._state.epoch.assign(epoch + 1)
            self._state.keep_if_best(row.validation_nll, row.epoch)
            history.append(row)
            self._on_epoch(row)
            checkpoints.save_if_due()
        self._state.use_best()

    def _run_epoch(self, epoch: int, checkpoints: Checkpoints) -> EpochRow:
        started = time.perf_counter()
        kl_weight = annealed_kl_weight(self._schedule.kl_weight, epoch, self._schedule.kl_annealing_epochs)
        set_kl_weight(self._model, kl_weight)
        train_nll, train_accuracy = self._train(epoch)
        seconds = time.perf_counter() - started
        kl = float(kl_divergence(self._model))
        divergence = kl_weight * kl / self._pipeline.num_examples
        if not math.isfinite(train_nll + divergence):
            raise _diverged(f"training loss became {train_nll + divergence}", epoch, checkpoints)
        before_validation = time.perf_counter()
        validation = self._validate()
        if math.isnan(validation.nll):  # An epoch's last step can break the weights after its own loss was taken.
            raise _diverged("validation loss became nan", epoch, checkpoints)
        return EpochRow(
            epoch=epoch + 1,
            train_loss=train_nll + divergence,
            train_nll=train_nll,
            train_accuracy=train_accuracy,
            validation_loss=validation.nll + divergence,
            validation_nll=validation.nll,
            validation_accuracy=validation.accuracy,
            kl=kl,
            seconds=seconds,
            validation_seconds=time.perf_counter() - before_validation,
        )

    def _train(self, epoch: int) -> tuple[float, float]:
        total_nll, total_correct = tf.zeros([]), tf.zeros([], tf.int32)
        for i, (images, labels) in enumerate(self._pipeline.epoch(epoch)):
            self._set_learning_rate(epoch * self._pipeline.steps_per_epoch + i)
            nll, correct = self._train_step(images, labels)
            total_nll += nll * tf.cast(tf.size(labels), tf.float32)
            total_correct += correct
            self._on_step()
        count = self._pipeline.num_examples
        return float(total_nll) / count, int(total_correct) / count

    def _set_learning_rate(self, step: int) -> None:
        steps_per_epoch = self._pipeline.steps_per_epoch
        self._state.optimiser.learning_rate = cosine_learning_rate(
            self._schedule.learning_rate,
            step,
            self._schedule.epochs * steps_per_epoch,
            round(self._schedule.warmup_epochs * steps_per_epoch),
        )

    @property
    def _model(self) -> tf_keras.Model:
        return self._state.model


def _diverged(what: str, epoch: int, checkpoints: Checkpoints) -> InputError:
    where = ", in another work directory or after removing this run's: it has a checkpoint, which keeps to its rates"
    return InputError(
        f"the {what} in epoch {epoch + 1}: lower the method's learning rate or its multipliers, or lengthen the warm-up, "
        f"and give the command again{where if checkpoints.is_one_there else ''}",
        field=(
            "cnn.learning_rate",
            "bnn.learning_rate",
            "cnn.learning_rate_multipliers",
            "bnn.learning_rate_multipliers",
            "training.warmup_epochs",
        ),
    )
