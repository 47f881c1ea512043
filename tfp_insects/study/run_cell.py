"""One cell, from training images to its record."""

import contextlib
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.data.pipeline import (
    batch_size_for,
)
from tfp_insects.files import read_json, write_arrays, write_json
from tfp_insects.models.alexnet import load_pretrained
from tfp_insects.models.build import build_model
from tfp_insects.study.cells import RECORD_NAME, Cell, claim_directory, is_finished
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.inputs import InputMaker, Inputs
from tfp_insects.study.records import make_record
from tfp_insects.study.thumbnails import THUMBNAILS_NAME, write_thumbnails
from tfp_insects.training.checkpoints import WEIGHTS_NAME, Checkpoints, TrainingState
from tfp_insects.training.fit import OnStep, Schedule, Training, Validate, Validation
from tfp_insects.training.history import EpochRow, History, read_history
from tfp_insects.training.optimiser import LearningRates, make_optimiser
from tfp_insects.uncertainty.metrics import accuracy, negative_log_likelihood
from tfp_insects.uncertainty.monte_carlo import MonteCarloPredictor

VALIDATION_SEED = 1
TEST_SEED = 2


class CellRun:
    """Runs one cell: trains or resumes, predicts, and writes the record last.

    Args:
        cell: What to run.
        experiment: What all cells share.
        workdir: Where the cell's directory goes.
    """

    def __init__(self, cell: Cell, experiment: Experiment, workdir: Path) -> None:
        self._cell = cell
        self._experiment = experiment
        self._directory = cell.directory(workdir)
        self._checkpoints = self._directory / "checkpoints"
        self._config = experiment.config
        self._training = experiment.training_examples(cell.n_per_class, cell.seed)
        self._preprocessing = experiment.preprocessing(self._training)
        self._inputs = InputMaker(self._config, self._preprocessing, self._batch_size, cell.seed, self._directory)

    @property
    def num_steps(self) -> int:
        """Training steps of the whole run."""
        return self._config["training"]["epochs"] * -(-len(self._training) // self._batch_size)

    @property
    def _batch_size(self) -> int:
        training = self._config["training"]
        return batch_size_for(len(self._training), training["batch_size"], training["min_steps_per_epoch"])

    def run(self, on_step: OnStep = lambda: None) -> dict[str, Any]:
        """Runs what is left of the cell and returns its record; a finished cell is only read.

        Raises:
            InputError: The directory holds another run, or the loss diverged.
        """
        claim_directory(self._directory, self._identity())
        if is_finished(self._directory):
            return read_json(self._directory / RECORD_NAME)
        write_json(self._directory / "split.json", self._experiment.split_record())
        model = self._build()
        self._train(model, on_step)
        record = self._evaluate(model)
        write_json(self._directory / RECORD_NAME, record)
        _free_memory()
        return record

    def _identity(self) -> dict[str, Any]:
        return {
            "model": self._cell.model,
            "n_per_class": self._cell.n_per_class,
            "seed": self._cell.seed,
            "num_train_examples": len(self._training),
            "batch_size": self._batch_size,
            "preprocessing": {
                "image_size": self._preprocessing.image_size,
                "mean": list(self._preprocessing.mean),
                "std": list(self._preprocessing.std),
            },
            **self._experiment.identity(),
        }

    def _build(self) -> tf_keras.Sequential:
        weights = self._experiment.pretrained.weights
        model = build_model(
            self._cell.model,
            self._config,
            num_classes=len(self._experiment.class_names),
            num_train_examples=len(self._training),
            seed=self._cell.seed,
            is_pretrained=weights is not None,
        )
        if weights is not None:
            load_pretrained(model, weights)
        return model

    def _train(self, model: tf_keras.Sequential, on_step: OnStep) -> None:
        finished = self._checkpoints / WEIGHTS_NAME
        if finished.exists():  # Killed between the end of training and the record.
            model.load_weights(str(finished))
            return
        validation = self._experiment.examples(self._experiment.split.validation)
        inputs = self._inputs.make(model, self._training, validation)
        training = self._config["training"]
        state = TrainingState(model, make_optimiser(training["momentum"], self._config["model"]["precision"]))
        checkpoints = Checkpoints(self._checkpoints, state, training["checkpoint_seconds"])
        checkpoints.restore()
        for _ in range(int(state.epoch) * inputs.pipeline.steps_per_epoch):
            on_step()
        history = History(self._directory / "history.csv", num_rows=int(state.epoch))
        validate = self._validator(inputs, validation.labels)
        with _tensorboard(self._directory / "tensorboard") as on_epoch:
            Training(state, inputs, self._schedule(), validate, on_step, on_epoch).run(history, checkpoints)
        checkpoints.finish()

    def _schedule(self) -> Schedule:
        training, model = self._config["training"], self._config[self._cell.model]
        return Schedule(
            epochs=training["epochs"],
            learning_rate=model["learning_rate"],
            warmup_epochs=training["warmup_epochs"],
            kl_weight=model.get("kl_weight", 0.0),
            kl_annealing_epochs=model.get("kl_annealing_epochs", 0.0),
            rates=LearningRates(**model["rates"]),
        )

    def _validator(self, inputs: Inputs, labels: np.ndarray) -> Validate:
        predictor = MonteCarloPredictor(inputs.model, fresh_noise=False)
        num_samples = self._config["training"]["num_validation_samples"]

        def validate() -> Validation:
            probabilities = predictor.predict(inputs.validation, num_samples, VALIDATION_SEED)
            return Validation(negative_log_likelihood(probabilities, labels), accuracy(probabilities, labels))

        return validate

    def _evaluate(self, model: tf_keras.Sequential) -> dict[str, Any]:
        predictor = MonteCarloPredictor(model)
        split = self._experiment.split
        self._predict(predictor, split.validation, VALIDATION_SEED, "validation_predictions.npz")
        probabilities, labels = self._predict(predictor, split.test, TEST_SEED, "predictions.npz")
        write_thumbnails(self._directory / THUMBNAILS_NAME, self._experiment.examples(split.test))
        return make_record(
            self._identity(),
            history=read_history(self._directory / "history.csv"),
            probabilities=probabilities,
            labels=labels,
            num_parameters=model.count_params(),
            steps_per_epoch=self.num_steps // self._config["training"]["epochs"],
        )

    def _predict(
        self, predictor: MonteCarloPredictor, indices: np.ndarray, seed: int, name: str
    ) -> tuple[np.ndarray, np.ndarray]:
        examples = self._experiment.examples(indices)
        num_samples = self._config["prediction"]["num_samples"]
        probabilities = predictor.predict(self._inputs.evaluation(examples), num_samples, seed)
        write_arrays(
            self._directory / name,
            probabilities=probabilities,
            labels=examples.labels,
            class_names=np.array(self._experiment.class_names),
            example_ids=np.array([examples.source.example_ids[i] for i in indices]),
        )
        return probabilities, examples.labels


@contextlib.contextmanager
def _tensorboard(directory: Path) -> Iterator[Any]:
    """Gives a function that writes an epoch's row as TensorBoard scalars."""
    writer = tf.summary.create_file_writer(str(directory))

    def on_epoch(row: EpochRow) -> None:
        with writer.as_default(step=row.epoch):
            for part in ("train", "validation"):
                for figure in ("loss", "nll", "accuracy"):
                    tf.summary.scalar(f"{part}/{figure}", getattr(row, f"{part}_{figure}"))
            tf.summary.scalar("train/kl", row.kl)

    with contextlib.closing(writer):
        yield on_epoch


def _free_memory() -> None:
    tf_keras.backend.clear_session()
    gc.collect()
