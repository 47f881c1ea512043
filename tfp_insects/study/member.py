"""One network of a run: built, then trained, resumed or read."""

import functools
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tf_keras

from tfp_insects.bayes.swag import WeightPosterior
from tfp_insects.data.sharding import WHOLE
from tfp_insects.files import read_json, write_json
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.models.normalisation import settle_normalisations
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.last_layer_posterior import read_last_layer_posterior, write_last_layer_posterior
from tfp_insects.runs.layout import (
    CHECKPOINTS_NAME,
    COVARIANCE_NAME,
    HISTORY_NAME,
    POSTERIOR_NAME,
    TENSORBOARD_NAME,
    WEIGHT_POSTERIOR_NAME,
    WEIGHTS_PATH,
)
from tfp_insects.runs.weight_posterior import collecting_seconds, read_weight_posterior, write_weight_posterior
from tfp_insects.study.inputs import Inputs
from tfp_insects.study.last_layer import finish_last_layer
from tfp_insects.study.predicting import validation_predictor
from tfp_insects.study.task import Task
from tfp_insects.study.work import COLLECTING, COVARIANCE, TRAINING, VALIDATING, fits_covariance
from tfp_insects.training.checkpoints import Checkpoints, TrainingState, load_weights, remove_all_but_weights
from tfp_insects.training.collecting import collect_posterior
from tfp_insects.training.fit import Training, Validate, Validation
from tfp_insects.training.history import EpochRow, History, read_history
from tfp_insects.training.replicas import READY
from tfp_insects.training.tensorboard import tensorboard

VALIDATION_SEED = 1


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
    def chosen(self) -> Mapping[str, float]:
        """What was chosen for the last layer of this network, see `finish_last_layer`."""
        path = self._directory / COVARIANCE_NAME
        return read_json(path) if path.exists() else {}

    @property
    def collecting_seconds(self) -> float:
        """Time that its snapshots took; 0 where it has none."""
        return collecting_seconds(self._directory / WEIGHT_POSTERIOR_NAME)

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
            for name in (POSTERIOR_NAME, COVARIANCE_NAME, WEIGHT_POSTERIOR_NAME):  # Of weights that are gone.
                (self._directory / name).unlink(missing_ok=True)
            model = self._newly_trained()
        return self._with_posterior(model) if self._task.method.has_last_layer_posterior else model

    def _with_posterior(self, model: tf_keras.Model) -> tf_keras.Model:
        path = self._directory / POSTERIOR_NAME
        if not path.exists():
            answered, images = self.inputs.answered(model), self.inputs.asked(model, self._task.training)
            write_last_layer_posterior(answered, images, path, functools.partial(self._on_work, COVARIANCE))
        return read_last_layer_posterior(model, path)

    def weight_posterior(self, model: tf_keras.Model) -> WeightPosterior | None:
        """The posterior of the trained weights of what `trained` returned, collected where it is not there yet.

        To collect it moves the weights of the network.

        Returns:
            None where its method has none.

        Raises:
            InputError: The loss diverged, or a file cannot be read or written.
        """
        collection = self._task.collection(model)
        if collection is None:
            return None
        path = self._directory / WEIGHT_POSTERIOR_NAME
        if path.exists():
            return read_weight_posterior(model, path)
        # On this device alone, whatever trained: other processes wait for the next network.
        maker = self._task.input_maker(self._seed, self._directory, self._on_work, WHOLE)
        inputs, started = maker.training(model, self._task.training), time.perf_counter()
        on_step = functools.partial(self._on_work, COLLECTING)
        posterior = collect_posterior(inputs, self._task.optimiser(), collection, on_step)
        write_weight_posterior(posterior, time.perf_counter() - started, path)
        return posterior

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
        with tensorboard(self._directory / TENSORBOARD_NAME) as on_epoch:
            on_step = functools.partial(self._on_work, TRAINING)
            if experiment.replicas is not None:
                experiment.replicas.tell(READY)
            run = Training(state, inputs, self._task.schedule(model), validate, on_step, on_epoch, experiment.replicas)
            run.run(history, checkpoints)
        if fits_covariance(self._task.method, self._config):  # Else no image need be decoded.
            on_images = functools.partial(self._on_work, COVARIANCE)
            chosen = finish_last_layer(
                model,
                self._config.methods["bnn"],
                self.inputs,
                inputs,
                self._task.training,
                validation.labels,
                on_images,
            )
            if chosen:
                write_json(self._directory / COVARIANCE_NAME, chosen)
        checkpoints.finish()

    def _validator(self, inputs: Inputs, labels: np.ndarray) -> Validate:
        predict = validation_predictor(inputs.model, self._config)

        def validate() -> Validation:
            probabilities = predict(inputs.validation, VALIDATION_SEED, functools.partial(self._on_work, VALIDATING))
            if np.isnan(probabilities).any():  # The training says what to do.
                return Validation(nll=np.nan, accuracy=np.nan)
            return Validation(negative_log_likelihood(probabilities, labels), accuracy(probabilities, labels))

        return validate
