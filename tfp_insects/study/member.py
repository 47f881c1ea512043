"""One network of a run: built, then trained, resumed or read."""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.covariance_scale import by_held_out, by_marginal_likelihood
from tfp_insects.bayes.head_covariance import ChooseScale, fit_head_covariance
from tfp_insects.data.pipeline import Examples, Preprocessing
from tfp_insects.data.sharding import WHOLE
from tfp_insects.files import read_json, told_if_not_written, write_json
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.build import build_model
from tfp_insects.models.config import BY_MARGINAL_LIKELIHOOD, BY_VALIDATION, LearningRateMultipliers
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import entries_in
from tfp_insects.models.method import Method
from tfp_insects.models.method_table import find_method
from tfp_insects.models.normalisation import settle_normalisations
from tfp_insects.plain_path import PlainPath
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.last_layer_posterior import read_last_layer_posterior, write_last_layer_posterior
from tfp_insects.runs.layout import (
    CHECKPOINTS_NAME,
    COVARIANCE_NAME,
    HISTORY_NAME,
    POSTERIOR_NAME,
    TENSORBOARD_NAME,
    WEIGHTS_PATH,
)
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.inputs import InputMaker, Inputs
from tfp_insects.study.predicting import validation_predictor
from tfp_insects.study.steps import Steps, count_steps
from tfp_insects.study.work import COVARIANCE, TRAINING, VALIDATING, fits_covariance
from tfp_insects.training.checkpoints import (
    Checkpoints,
    TrainingState,
    load_weights,
    remove_all_but_weights,
    told_if_tensorflow_did_not_write,
)
from tfp_insects.training.fit import Schedule, Training, Validate, Validation
from tfp_insects.training.history import EpochRow, History, read_history
from tfp_insects.training.optimiser import LayerMultipliers, create_momenta, make_optimiser
from tfp_insects.training.replicas import READY, Replicas

VALIDATION_SEED = 1
COVARIANCE_SEED = 4
NUM_COVARIANCE_DRAWS = 2


@dataclasses.dataclass(frozen=True)
class Task:
    """What all networks of a run share.

    Attributes:
        method: Its method.
        experiment: What all runs share.
        training: The training images.
        preprocessing: From an image to an input.
    """

    method: Method
    experiment: Experiment
    training: Examples
    preprocessing: Preprocessing

    @classmethod
    def of_run(cls, key: RunKey, experiment: Experiment) -> "Task":
        """That of a run, of an experiment with the split of its fold."""
        training = experiment.training_examples(key.n_per_class, key.seed)
        return cls(find_method(key.model), experiment, training, experiment.preprocessing(training))

    @property
    def steps(self) -> Steps:
        """How many steps the training takes."""
        return count_steps(self.method, self.experiment.config, len(self.training))

    def schedule(self, model: tf_keras.Model) -> Schedule:
        """How long and how fast a network trains."""
        training, section = self.experiment.config.training, self.method.section(self.experiment.config)
        return Schedule(
            epochs=training.epochs,
            learning_rate=section.learning_rate * self._learning_rate_factor,
            warmup_epochs=training.warmup_epochs,
            kl_weight=getattr(section, "kl_weight", 0.0),
            kl_annealing_epochs=getattr(section, "kl_annealing_epochs", 0.0),
            multipliers=self._multipliers(model, section.learning_rate_multipliers),
        )

    def _multipliers(self, model: tf_keras.Model, section: LearningRateMultipliers) -> LayerMultipliers:
        architecture = architecture_of(self.experiment.config)
        by_group = {"features": section.features, "hidden": 1.0, "head": section.head}
        layers = {path: by_group[architecture.group_of(path)] for path, _ in entries_in(model, architecture, "all")}
        return LayerMultipliers(layers, section.scale)

    @property
    def _learning_rate_factor(self) -> float:
        """Square root of the batch's share of a full one (Krizhevsky 2014, "One weird trick for parallelizing ...")."""
        training = self.experiment.config.training
        return math.sqrt(self.steps.batch_size / training.batch_size) if training.scale_learning_rate else 1.0

    @property
    def starts_pretrained(self) -> bool:
        """Whether networks start at pretrained weights."""
        return bool(self.experiment.pretrained.weights) and self.method.uses_pretrained(self.experiment.config)

    def build(self, seed: int) -> tf_keras.Model:
        """A network as it is before training."""
        config = self.experiment.config
        weights = self.experiment.pretrained.weights if self.starts_pretrained else None
        model = build_model(
            self.method.name,
            config,
            num_classes=len(self.experiment.class_names),
            num_train_examples=len(self.training),
            seed=seed,
            is_pretrained=weights is not None,
        )
        if weights is not None:
            start_at(model, weights, architecture_of(config))
        return model

    def optimiser(self) -> tf_keras.optimizers.legacy.Optimizer:
        """An optimiser as it is before training."""
        config = self.experiment.config
        return make_optimiser(config.training.momentum, config.model.precision)

    def build_in(self, replicas: Replicas, seed: int) -> tuple[tf_keras.Model, tf_keras.optimizers.legacy.Optimizer]:
        """A network and its optimiser with a copy in each replica, as all processes make them."""
        with replicas.scope():
            model, optimiser = self.build(seed), self.optimiser()
            create_momenta(optimiser, model)  # Else the chief alone would, when it restores a checkpoint.
        return model, optimiser

    def input_maker(self, seed: int, directory: Path, on_work: OnWork = ignore_work) -> InputMaker:
        """Makes the inputs of a network; arguments as for `InputMaker`."""
        config, replicas = self.experiment.config, self.experiment.replicas
        sharding = WHOLE if replicas is None else replicas.sharding
        return InputMaker(config, self.preprocessing, self.steps.batch_size, seed, directory, on_work, sharding)


class Member:
    """One network of a run.

    Args:
        task: What all networks of the run share.
        seed: Determines its initial weights, order and noise.
        directory: Where its history and its checkpoints go.
        on_work: Told of all that is done.
        number: Its number among the networks of the run.
    """

    def __init__(self, task: Task, seed: int, directory: Path, on_work: OnWork = ignore_work, number: int = 0) -> None:
        self._number = number
        self._task = task
        self._seed = seed
        self._directory = directory
        self._checkpoints = directory / CHECKPOINTS_NAME
        self.weights_path = directory / WEIGHTS_PATH  # There when its training is finished.
        self._config = task.experiment.config
        self._on_work = on_work
        self.inputs = task.input_maker(seed, directory, on_work)

    @property
    def history(self) -> list[EpochRow]:
        """One row for each epoch that is finished."""
        return read_history(self._directory / HISTORY_NAME)

    @property
    def covariance_scale(self) -> float | None:
        """Of the last layer's covariance, where it was chosen for this network."""
        path = self._directory / COVARIANCE_NAME
        return float(read_json(path)["covariance_scale"]) if path.exists() else None

    def trained(self) -> tf_keras.Model:
        """Trains what is left and returns the network at its best epoch.

        Raises:
            InputError: The loss diverged, or a file cannot be read or written.
        """
        self._directory.mkdir(exist_ok=True)
        if self.weights_path.exists():  # Killed between the end of training and the record, or asked to predict anew.
            model = self._from_weights()
            remove_all_but_weights(self._checkpoints)
        else:
            for name in (POSTERIOR_NAME, COVARIANCE_NAME):  # Of weights that are gone.
                (self._directory / name).unlink(missing_ok=True)
            model = self._newly_trained()
        return self._with_posterior(model) if self._task.method.has_last_layer_posterior else model

    def _with_posterior(self, model: tf_keras.Model) -> tf_keras.Model:
        path = self._directory / POSTERIOR_NAME
        if not path.exists():
            images = self.inputs.evaluation(self._task.training)
            write_last_layer_posterior(model, images, path, functools.partial(self._on_work, COVARIANCE))
        return read_last_layer_posterior(model, path)

    def _from_weights(self) -> tf_keras.Model:
        model = self._task.build(self._seed)
        load_weights(model, self.weights_path)
        return model

    def _newly_trained(self) -> tf_keras.Model:
        replicas = self._task.experiment.replicas
        if replicas is None:
            model = self._task.build(self._seed)
            self._train(model, self._task.optimiser())
            return model
        replicas.tell(self._number)
        with replicas.ended_for_all():
            self._train(*self._task.build_in(replicas, self._seed))
        return self._from_weights()  # On one device again, as after a training that was finished before.

    def _train(self, model: tf_keras.Model, optimiser: tf_keras.optimizers.legacy.Optimizer) -> None:
        experiment, training = self._task.experiment, self._config.training
        validation = experiment.examples(experiment.split.validation)
        if not self._task.starts_pretrained:
            settle_normalisations(model, (images for images, _ in self.inputs.evaluation(self._task.training)))
        inputs = self.inputs.make(model, self._task.training, validation)
        state = TrainingState(model, optimiser)
        checkpoints = Checkpoints(self._checkpoints, state, training.checkpoint_seconds)
        checkpoints.restore()
        history = History(self._directory / HISTORY_NAME, num_rows=int(state.epoch))
        validate = self._validator(inputs, validation.labels)
        with _tensorboard(self._directory / TENSORBOARD_NAME) as on_epoch:
            on_step = functools.partial(self._on_work, TRAINING)
            if experiment.replicas is not None:
                experiment.replicas.tell(READY)
            run = Training(state, inputs, self._task.schedule(model), validate, on_step, on_epoch, experiment.replicas)
            run.run(history, checkpoints)
        if fits_covariance(self._task.method, self._config):  # Else no image need be decoded.
            on_images = functools.partial(self._on_work, COVARIANCE)
            images = self.inputs.evaluation(self._task.training)
            choose = self._scale_chooser(inputs, validation.labels, on_images)
            scale = fit_head_covariance(
                model, images, NUM_COVARIANCE_DRAWS, COVARIANCE_SEED, on_images=on_images, choose_scale=choose
            )
            if choose is not None:
                write_json(self._directory / COVARIANCE_NAME, {"covariance_scale": scale})
        checkpoints.finish()

    def _scale_chooser(
        self, inputs: Inputs, labels: np.ndarray, on_images: Callable[[float], object]
    ) -> ChooseScale | None:
        chosen_by = self._config.methods["bnn"].covariance_scale_by
        if chosen_by == BY_VALIDATION:
            nll = functools.partial(negative_log_likelihood, labels=labels)
            return by_held_out(inputs.model, inputs.validation, nll, NUM_COVARIANCE_DRAWS, VALIDATION_SEED, on_images)
        return by_marginal_likelihood if chosen_by == BY_MARGINAL_LIKELIHOOD else None

    def _validator(self, inputs: Inputs, labels: np.ndarray) -> Validate:
        predict = validation_predictor(inputs.model, self._config)

        def validate() -> Validation:
            probabilities = predict(inputs.validation, VALIDATION_SEED, functools.partial(self._on_work, VALIDATING))
            if np.isnan(probabilities).any():  # The training says what to do.
                return Validation(nll=np.nan, accuracy=np.nan)
            return Validation(negative_log_likelihood(probabilities, labels), accuracy(probabilities, labels))

        return validate


@contextlib.contextmanager
def _tensorboard(directory: Path) -> Iterator[Any]:
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
