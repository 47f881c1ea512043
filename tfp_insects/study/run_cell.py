"""One cell, from training images to its record."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfp_insects.files import read_json, write_json
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.cells import RECORD_NAME, Cell, claimed_directory, is_finished
from tfp_insects.runs.same_training import take_over_training
from tfp_insects.runs.thumbnails import THUMBNAILS_NAME, write_thumbnails
from tfp_insects.study.cell_predictions import (
    OOD_NAME,
    TEST_NAME,
    VALIDATION_NAME,
    Part,
    Predictions,
    parts_of,
    train_and_predict,
    write_predictions,
)
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.member import HISTORY_NAME, Member, Task
from tfp_insects.study.records import OutOfDistribution, make_record
from tfp_insects.training.fit import OnStep, Validation
from tfp_insects.training.history import joint_history, write_history


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
        self._workdir = workdir
        self._directory = cell.directory(workdir)
        training = experiment.training_examples(cell.n_per_class, cell.seed)
        self._task = Task(find_method(cell.model), experiment, training, experiment.preprocessing(training))
        self._members = _make_members(self._task, cell.seed, self._directory)

    @property
    def num_steps(self) -> int:
        """Training steps of the whole run."""
        return self._task.steps.per_run

    def run(self, on_step: OnStep = lambda: None) -> dict[str, Any]:
        """Runs what is left of the cell and returns its record; a finished cell is only read.

        A finished cell that was not asked about the out-of-distribution images before predicts again.

        Raises:
            InputError: The directory holds another run or is in use, or the loss diverged.
        """
        with claimed_directory(self._directory, self._identity()):
            before = read_json(self._directory / RECORD_NAME) if is_finished(self._directory) else None
            if before is not None and self._is_complete(before):
                return before
            parts = parts_of(self._task)
            record = self._record(parts, self._predict(parts, on_step))
            if before is not None:  # The training times are those of the machine that trained.
                record |= {name: before[name] for name in ("hardware", "versions")}
            write_json(self._directory / RECORD_NAME, record)
            return record

    def run_validation(self, on_step: OnStep = lambda: None) -> None:
        """Runs the cell as far as the predictions of its validation images, and predicts no others.

        Raises:
            InputError: The directory holds another run or is in use, or the loss diverged.
        """
        with claimed_directory(self._directory, self._identity()):
            if not (self._directory / VALIDATION_NAME).exists():
                self._predict({VALIDATION_NAME: parts_of(self._task)[VALIDATION_NAME]}, on_step)

    def _is_complete(self, record: Mapping[str, Any]) -> bool:
        """Whether a record answers all that the experiment asks."""
        ood = self._experiment.ood_fingerprint
        return not ood or ood == record.get("ood_fingerprint")

    def _identity(self) -> dict[str, Any]:
        preprocessing = self._task.preprocessing
        return {
            "model": self._cell.model,
            "n_per_class": self._cell.n_per_class,
            "seed": self._cell.seed,
            "num_train_examples": len(self._task.training),
            "batch_size": self._task.steps.batch_size,
            "preprocessing": {
                "image_size": preprocessing.image_size,
                "mean": list(preprocessing.mean),
                "std": list(preprocessing.std),
            },
            **self._experiment.identity(),
        }

    def _predict(self, parts: Mapping[str, Part], on_step: OnStep) -> Predictions:
        """Trains what is left, predicts, and writes what a report needs beside the record."""
        write_json(self._directory / "split.json", self._experiment.split_record())
        if self._task.method.trains_like is not None:
            donor = dataclasses.replace(self._cell, model=self._task.method.trains_like)
            take_over_training(self._directory, donor.directory(self._workdir))
        predictions = train_and_predict(self._task, self._members, parts, on_step)
        if len(self._members) > 1:
            rows = joint_history([member.history for member in self._members])
            write_history(self._directory / HISTORY_NAME, rows)
        write_predictions(self._directory, self._task, parts, predictions)
        if TEST_NAME in parts:
            write_thumbnails(self._directory / THUMBNAILS_NAME, parts[TEST_NAME].examples)
        return predictions

    def _record(self, parts: Mapping[str, Part], predictions: Predictions) -> dict[str, Any]:
        experiment, ood = self._experiment, None
        if experiment.ood is not None:
            probabilities = predictions.probabilities[OOD_NAME]
            ood = OutOfDistribution(experiment.ood.name, experiment.ood_fingerprint, probabilities)
        return make_record(
            self._identity(),
            histories=[member.history for member in self._members],
            validation=_validation(parts[VALIDATION_NAME], predictions.probabilities[VALIDATION_NAME]),
            probabilities=predictions.probabilities[TEST_NAME],
            labels=parts[TEST_NAME].examples.labels,
            num_parameters=predictions.num_parameters,
            steps_per_epoch=self._task.steps.per_epoch * len(self._members),
            ood=ood,
            temperature=predictions.temperature,
        )


def _validation(part: Part, probabilities: np.ndarray) -> Validation:
    labels = part.examples.labels
    return Validation(negative_log_likelihood(probabilities, labels), accuracy(probabilities, labels))


def _make_members(task: Task, seed: int, directory: Path) -> list[Member]:
    """One network in the cell's own directory, or several in directories below it."""
    seeds = task.method.member_seeds(task.experiment.config, seed)
    if len(seeds) == 1:
        return [Member(task, seeds[0], directory)]
    return [Member(task, member_seed, directory / f"member-{i}") for i, member_seed in enumerate(seeds)]
