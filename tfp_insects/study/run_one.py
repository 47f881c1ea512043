"""One run, from training images to its record."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.progress.stopwatch import Stopwatch
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.claim import claimed_directory
from tfp_insects.runs.identity import FORMAT, first_difference, in_words, kept_sections, predicted_with
from tfp_insects.runs.layout import (
    CONFIG_NAME,
    HISTORY_NAME,
    MEMBER_NAME,
    OOD_NAME,
    RECORD_NAME,
    TEST_NAME,
    THUMBNAILS_NAME,
    VALIDATION_NAME,
)
from tfp_insects.runs.replacing import replaced_together
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.runs.same_training import take_over_training
from tfp_insects.runs.thumbnails import write_thumbnails
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.member import Member
from tfp_insects.study.records import OutOfDistribution, make_record, with_training_of
from tfp_insects.study.run_predictions import Part, Predicted, parts_of, train_and_predict, write_parts
from tfp_insects.study.task import Task
from tfp_insects.study.work import COLLECTING, TRAINING, TRAINING_PHASES, VALIDATING, WRITING
from tfp_insects.training.fit import Validation
from tfp_insects.training.history import joint_history, write_history


class OneRun:
    """Does one run: trains or resumes, predicts, and writes the record last.

    Args:
        key: What to run.
        experiment: What all runs share; of a cross-validation, with all folds.
        workdir: Where the run's directory goes.
        on_work: Told of all that is done.
    """

    def __init__(self, key: RunKey, experiment: Experiment, workdir: Path, on_work: OnWork = ignore_work) -> None:
        self._key = key
        experiment = experiment.for_key(key)
        self._experiment = experiment
        self._workdir = workdir
        self._directory = key.directory(workdir)
        self._task = Task.of_run(key, experiment)
        self._watch = Stopwatch(on_work)
        self._members = _make_members(self._task, key.seed, self._directory, self._watch)

    def run(self) -> dict[str, Any]:
        """Does what is left of the run and returns its record; a finished run is only read.

        A finished run predicts again, from the weights that it has, where it is asked to predict in another way, or about
        out-of-distribution images for the first time.

        Raises:
            InputError: The directory holds another run or is in use, the loss diverged, or a file cannot be written.
        """
        identity = self.identity
        with claimed_directory(self._directory, identity, self._experiment.split_file()):
            before = Run(self._directory)
            if not before.is_finished:
                self._predict(parts_of(self._task), identity)
            elif self._asks_anew(before, identity):
                self._require_weights(before, identity)
                self._predict(parts_of(self._task), identity, before.record)
            return dict(Run(self._directory).record)

    def run_validation(self) -> None:
        """Does the run as far as the predictions of its validation images, and predicts no others.

        A run that has more already is treated as `run` does.

        Raises:
            InputError: As `run`.
        """
        if Run(self._directory).is_finished:
            self.run()
            return
        identity = self.identity
        with claimed_directory(self._directory, identity, self._experiment.split_file()):
            is_there = (self._directory / VALIDATION_NAME).exists()
            if not is_there or self._predicts_otherwise(Run(self._directory), identity):
                self._predict({VALIDATION_NAME: parts_of(self._task)[VALIDATION_NAME]}, identity)

    @property
    def identity(self) -> dict[str, Any]:
        """The run's `config.json`: what it is."""
        shared, preprocessing = self._experiment.identity(), self._task.preprocessing
        return {
            "format": FORMAT,
            "model": self._key.model,
            "n_per_class": self._key.n_per_class,
            "seed": self._key.seed,
            **({} if self._key.fold is None else {"fold": self._key.fold}),
            "num_train_examples": len(self._task.training),
            "batch_size": self._task.steps.batch_size,
            "preprocessing": {
                "image_size": preprocessing.image_size,
                "mean": list(preprocessing.mean),
                "std": list(preprocessing.std),
            },
            **shared,
            "config": kept_sections(self._key.model, shared["config"]),
        }

    def _asks_anew(self, before: Run, identity: Mapping[str, Any]) -> bool:
        """Whether a finished run does not answer all that the experiment asks."""
        ood = self._experiment.ood_fingerprint
        return (bool(ood) and ood != before.record.get("ood_fingerprint")) or self._predicts_otherwise(before, identity)

    @staticmethod
    def _predicts_otherwise(before: Run, identity: Mapping[str, Any]) -> bool:
        return first_difference(predicted_with(before.config), predicted_with(identity)) is not None

    def _require_weights(self, before: Run, identity: Mapping[str, Any]) -> None:
        """Refuses to train again what is finished."""
        missing = [member.weights_path for member in self._members if not member.weights_path.exists()]
        if not missing:
            return
        found = first_difference(predicted_with(before.config), predicted_with(identity))
        wish = "about out-of-distribution images"
        if found is not None:
            wish = f"with {found.field} {in_words(found.now)}, not {in_words(found.before)}"
        raise InputError(
            f"{self._directory} is finished, and cannot predict anew {wish}: its weights are gone ({missing[0]}). "
            "Remove the directory to train again"
        )

    def _predict(
        self,
        parts: Mapping[str, Part],
        identity: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
    ) -> None:
        """Trains what is left, predicts, and puts what it says of itself, predictions and record in place together."""
        if self._task.method.trains_like is not None:
            donor = dataclasses.replace(self._key, model=self._task.method.trains_like)
            take_over_training(self._directory, donor.directory(self._workdir))
        predicted = train_and_predict(self._task, self._members, parts, self._watch)
        if len(self._members) > 1:
            rows = joint_history([member.history for member in self._members])
            write_history(self._directory / HISTORY_NAME, rows)
        with replaced_together(self._directory) as new:
            write_json(new / CONFIG_NAME, identity)
            write_parts(new, parts, predicted, self._experiment.class_names)
            if TEST_NAME in parts:
                write_thumbnails(new / THUMBNAILS_NAME, parts[TEST_NAME].examples)
                record = self._record(identity, parts, predicted)
                self._watch(WRITING, sum(len(part.examples) for name, part in parts.items() if name != VALIDATION_NAME))
                record["seconds_by_phase"] = self._seconds(before)
                record["run_seconds"] = sum(record["seconds_by_phase"].values())
                write_json(new / RECORD_NAME, record if before is None else with_training_of(before, record))
        if OOD_NAME not in parts:  # Predictions of before, of which the new record knows nothing.
            (self._directory / OOD_NAME).unlink(missing_ok=True)

    def _seconds(self, before: Mapping[str, Any] | None) -> dict[str, float]:
        """Seconds by phase: epochs and predictions of earlier commands have theirs from where these were written down."""
        rows = joint_history([member.history for member in self._members])
        epochs = {TRAINING: sum(row.seconds for row in rows), VALIDATING: sum(row.validation_seconds for row in rows)}
        if collecting := sum(member.collecting_seconds for member in self._members):
            epochs[COLLECTING] = collecting
        own = self._watch.seconds
        own |= {phase: max(seconds, own.get(phase, 0.0)) for phase, seconds in epochs.items()}
        earlier = {} if before is None else before.get("seconds_by_phase", {})
        return {**own, **{phase: seconds for phase, seconds in earlier.items() if phase in TRAINING_PHASES}}

    def _record(self, identity: Mapping[str, Any], parts: Mapping[str, Part], predicted: Predicted) -> dict[str, Any]:
        experiment, ood, chosen = self._experiment, None, self._members[0].chosen
        if experiment.ood is not None:
            draws = Draws(predicted.probabilities[OOD_NAME], predicted.leverage.get(OOD_NAME))
            ood = OutOfDistribution(experiment.ood.name, experiment.ood_fingerprint, draws)
        labels, leverage = parts[TEST_NAME].examples.labels, predicted.leverage.get(TEST_NAME)
        return make_record(
            identity,
            histories=[member.history for member in self._members],
            validation=_validation(parts[VALIDATION_NAME], predicted.probabilities[VALIDATION_NAME]),
            test=LabelledDraws(predicted.probabilities[TEST_NAME], labels, leverage),
            num_parameters=predicted.num_parameters,
            steps_per_epoch=self._task.steps.per_epoch * len(self._members),
            predict_seconds=predicted.seconds[TEST_NAME],
            prediction_method=predicted.method,
            num_last_layer_samples=predicted.num_last_layer_samples,
            ood=ood,
            temperature=predicted.temperature or chosen.get("temperature"),
            architecture=architecture_of(experiment.config).label,
            layers=predicted.layers,
            replicas=experiment.replicas,
            covariance_scale=chosen.get("covariance_scale"),
            collecting_seconds=sum(member.collecting_seconds for member in self._members),
        )


def _validation(part: Part, probabilities: np.ndarray) -> Validation:
    labels = part.examples.labels
    return Validation(negative_log_likelihood(probabilities, labels), accuracy(probabilities, labels))


def _make_members(task: Task, seed: int, directory: Path, on_work: OnWork) -> list[Member]:
    """One network in the run's own directory, or several in directories below it."""
    seeds = task.method.member_seeds(task.experiment.config, seed)
    if len(seeds) == 1:
        return [Member(task, seeds[0], directory, on_work)]
    return [
        Member(task, member_seed, directory / MEMBER_NAME.format(i), on_work, i) for i, member_seed in enumerate(seeds)
    ]
