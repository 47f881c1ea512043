"""The training loop of both twins."""

import contextlib
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
from tfp_insects.training.optimiser import LayerMultipliers, make_train_step, optimiser_variables
from tfp_insects.training.replica_step import make_replica_step
from tfp_insects.training.replicas import END, Replicas
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

    @property
    def batch_size(self) -> int:
        """Examples in a batch, of all processes, but for an epoch's last."""

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
# Called with the step's number in its epoch and a batch; returns the sum of the NLL and the number of correct answers.
Step = Callable[[int, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
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
        replicas: The devices that train, where it is not one alone: state, inputs and pipeline are theirs.
    """

    def __init__(
        self,
        state: TrainingState,
        inputs: TrainingInputs,
        schedule: Schedule,
        validate: Validate,
        on_step: OnStep = lambda: None,
        on_epoch: OnEpoch = lambda row: None,
        replicas: Replicas | None = None,
    ) -> None:
        self._state = state
        self._pipeline = inputs.pipeline
        self._schedule = schedule
        self._validate = validate
        self._on_step = on_step
        self._on_epoch = on_epoch
        self._replicas = replicas
        self._step = self._alone(inputs.model) if replicas is None else self._as_replicas(inputs.model, replicas)

    def run(self, history: History, checkpoints: Checkpoints) -> None:
        """Trains the epochs that are left; of several processes, the chief, whom others `follow`.

        Raises:
            InputError: The loss is no number any more; the message says what to lower.
        """
        self._start_alike()
        for epoch in range(int(self._state.epoch), self._schedule.epochs):
            if self._replicas is not None:
                self._replicas.tell(epoch)
            row = self._run_epoch(epoch, checkpoints)
            self._state.epoch.assign(epoch + 1)
            self._state.keep_if_best(row.validation_nll, row.epoch)
            history.append(row)
            self._on_epoch(row)
            checkpoints.save_if_due()
        self._state.use_best()

    def follow(self) -> None:
        """Trains along with the chief of several processes, epoch by epoch, until it ends."""
        assert self._replicas is not None
        self._start_alike()
        while (epoch := self._replicas.heard()) != END:
            self._set_kl_weight(epoch)
            self._train(epoch)

    def _start_alike(self) -> None:
        if self._replicas is not None:
            self._replicas.copy_from_chief([*self._model.variables, *optimiser_variables(self._state.optimiser)])

    def _set_kl_weight(self, epoch: int) -> float:
        kl_weight = annealed_kl_weight(self._schedule.kl_weight, epoch, self._schedule.kl_annealing_epochs)
        set_kl_weight(self._model, kl_weight)
        return kl_weight

    def _run_epoch(self, epoch: int, checkpoints: Checkpoints) -> EpochRow:
        started = time.perf_counter()
        kl_weight = self._set_kl_weight(epoch)
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
        with contextlib.nullcontext() if self._replicas is None else self._replicas.together():
            for i, (images, labels) in enumerate(self._pipeline.epoch(epoch)):
                self._set_learning_rate(epoch * self._pipeline.steps_per_epoch + i)
                nll, correct = self._step(i, images, labels)
                total_nll += nll
                total_correct += correct
                self._on_step()
            count = self._pipeline.num_examples
            return float(total_nll) / count, int(total_correct) / count

    def _alone(self, model: tf_keras.Model) -> Step:
        train_step = make_train_step(model, self._state.optimiser, self._schedule.multipliers)

        def step(place: int, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            nll, correct = train_step(images, labels)
            return nll * tf.cast(tf.size(labels), tf.float32), correct

        return step

    def _as_replicas(self, model: tf_keras.Model, replicas: Replicas) -> Step:
        train_step = make_replica_step(model, self._state.optimiser, self._schedule.multipliers, replicas)

        def step(place: int, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            size = min(self._pipeline.batch_size, self._pipeline.num_examples - place * self._pipeline.batch_size)
            return train_step(images, labels, replicas.sharding.share(size))

        return step

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
