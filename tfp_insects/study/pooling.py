"""All folds of a cross-validation as one run: what each network says of the images that it never saw, put together.

The run's network, by which it can be used elsewhere, is that of the first fold: one of several that were trained alike.
"""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written, write_json, written_whole
from tfp_insects.metrics.draws import LabelledDraws
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.claim import claimed_directory, holds_work
from tfp_insects.runs.identity import read_identity
from tfp_insects.runs.layout import (
    CONFIG_NAME,
    HISTORY_NAME,
    MEMBER_NAME,
    OOD_NAME,
    POSTERIOR_NAME,
    RECORD_NAME,
    TEST_NAME,
    THUMBNAILS_NAME,
    VALIDATION_NAME,
    WEIGHT_POSTERIOR_NAME,
    WEIGHTS_PATH,
)
from tfp_insects.runs.predictions import Predictions, write_predictions
from tfp_insects.runs.replacing import replaced_together
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.runs.thumbnails import write_thumbnails
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.grid import Outcome, tell_outcome, written_at
from tfp_insects.study.pooled_predictions import in_turn, joined
from tfp_insects.study.records import OutOfDistribution, make_record
from tfp_insects.study.work import WRITING
from tfp_insects.training.fit import Validation
from tfp_insects.training.history import EpochRow, joint_history, write_history

# What a record of one fold says of the network that the pooled run has, and of where all were trained.
OF_NETWORK = ("architecture", "layers", "temperature")
OF_MACHINE = ("hardware", "versions", "prediction_hardware", "prediction_versions", "strategy", "num_replicas")
SUMMED = ("train_seconds", "seconds_to_best_epoch", "predict_seconds", "run_seconds")


def require_room_for_pooled(keys: Sequence[RunKey], num_folds: int, workdir: Path) -> None:
    """Refuses a work directory where a run is that is no cross-validation in so many folds, before anything is trained.

    Raises:
        InputError: There is one; the message names its directory.
    """
    for key in dict.fromkeys(key.pooled for key in keys):
        path = key.directory(workdir) / CONFIG_NAME
        if not (path.exists() and holds_work(path.parent)):
            continue
        before = read_identity(path)["config"].get("data", {}).get("folds", 0)
        if before != num_folds:
            raise InputError(
                f"{path.parent} holds a run whose config.data.folds was {before}; now it is {num_folds}. "
                "Give another work directory, or remove that one to run anew",
                field="workdir",
            )


def pool_all(
    outcomes: Sequence[Outcome],
    experiment: Experiment,
    workdir: Path,
    console: Console,
    on_work: OnWork = ignore_work,
) -> list[Outcome]:
    """Pools the runs of which all folds are finished, and tells each result in a line.

    Args:
        outcomes: Of all folds.
        experiment: What they share.
        workdir: Where they are, and where the pooled runs go.
        console: Where results are told.
        on_work: Told of images whose answers are written.

    Returns:
        One outcome for each pooled run; none for one that lacks a fold.
    """
    lacking = {outcome.key.pooled for outcome in outcomes if outcome.record is None}
    found = []
    for key in dict.fromkeys(outcome.key.pooled for outcome in outcomes):
        if key in lacking:
            continue
        before = written_at(key, workdir)
        try:
            outcome = Outcome(key, pool_folds(key, experiment, workdir, on_work), None)
        except InputError as error:
            outcome = Outcome(key, None, str(error))
        tell_outcome(outcome, before, workdir, console)
        found.append(outcome)
    return found


def pool_folds(key: RunKey, experiment: Experiment, workdir: Path, on_work: OnWork = ignore_work) -> dict[str, Any]:
    """Writes one finished run from the runs of all folds, and returns its record.

    Its predictions for test and validation images are those of all folds in the order of the source, where each image is
    once. An image of no known class is answered by one fold, in turn. A run that was made of the same records is only read.

    Args:
        key: Of the pooled run.
        experiment: What the folds share.
        workdir: Where they are, all finished.
        on_work: Told of images whose answers are written.

    Raises:
        InputError: The directory holds another run or is in use, or a file cannot be read or written.
    """
    folds = [Run(dataclasses.replace(key, fold=i).directory(workdir)) for i in range(len(experiment.split.folds))]
    directory, identity = key.directory(workdir), _identity(experiment, folds[0])
    with claimed_directory(directory, identity, experiment.split_file()), told_if_not_written(directory):
        before, made_from = Run(directory), _made_from(folds)
        if not before.is_finished or before.record.get("folds") != made_from:
            _write(directory, identity, experiment, folds, made_from)
        on_work(WRITING, len(experiment.split.test))
        return dict(Run(directory).record)


def _identity(experiment: Experiment, first: Run) -> dict[str, Any]:
    """The pooled run's `config.json`: the first fold's, as its network is, with the split of all."""
    own = {name: value for name, value in first.config.items() if name != "fold"}
    return {**own, "split_fingerprint": experiment.identity()["split_fingerprint"]}


def _made_from(folds: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {
            "run": fold.directory.name,
            "num_test_examples": fold.record["num_test_examples"],
            "accuracy": fold.record["accuracy"],
            "best_epoch": fold.record["best_epoch"],
            "record": hashlib.sha256((fold.directory / RECORD_NAME).read_bytes()).hexdigest(),
        }
        for fold in folds
    ]


def _write(
    directory: Path,
    identity: Mapping[str, Any],
    experiment: Experiment,
    folds: Sequence[Run],
    made_from: Sequence[Mapping[str, Any]],
) -> None:
    """Puts all files in place, the record last."""
    order = [experiment.source.example_ids[index] for index in experiment.split.test]
    parts = {
        VALIDATION_NAME: joined([fold.validation for fold in folds], order),
        TEST_NAME: joined([fold.test for fold in folds], order),
    }
    if all(fold.ood is not None for fold in folds):
        parts[OOD_NAME] = in_turn([fold.ood for fold in folds if fold.ood is not None])
    histories = [joint_history(same_member) for same_member in zip(*(fold.histories for fold in folds), strict=True)]
    write_history(directory / HISTORY_NAME, joint_history(histories))
    _take_network(directory, folds[0])
    with replaced_together(directory) as new:
        write_json(new / CONFIG_NAME, identity)
        for name, predictions in parts.items():
            write_predictions(new / name, predictions, experiment.class_names)
        write_thumbnails(new / THUMBNAILS_NAME, experiment.examples(experiment.split.test))
        write_json(new / RECORD_NAME, {**_record(identity, folds, parts, histories), "folds": list(made_from)})
    if OOD_NAME not in parts:  # Of before, of which the new record knows nothing.
        (directory / OOD_NAME).unlink(missing_ok=True)


def _take_network(directory: Path, first: Run) -> None:
    """Gives the pooled run the weights of the first fold, by links where the file system has them."""
    members = [Path(MEMBER_NAME.format(i)) for i in range(first.num_networks)] if first.num_networks > 1 else [Path()]
    for name in (one / name for one in members for name in (POSTERIOR_NAME, WEIGHT_POSTERIOR_NAME, WEIGHTS_PATH)):
        source, target = first.directory / name, directory / name
        if not source.exists() or (target.exists() and source.samefile(target)):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as temporary:
            try:
                os.link(source, temporary)
            except OSError:
                shutil.copyfile(source, temporary)


def _record(
    identity: Mapping[str, Any],
    folds: Sequence[Run],
    parts: Mapping[str, Predictions],
    histories: Sequence[list[EpochRow]],
) -> dict[str, Any]:
    records, first = [fold.record for fold in folds], folds[0]
    test, validation, ood = parts[TEST_NAME], parts[VALIDATION_NAME], None
    if OOD_NAME in parts:
        ood = OutOfDistribution(records[0]["ood_data"], records[0]["ood_fingerprint"], parts[OOD_NAME].draws)
    sums = {name: sum(one[name] for one in records) for name in SUMMED}
    record = make_record(
        identity,
        histories=histories,
        validation=Validation(
            negative_log_likelihood(validation.probabilities, validation.labels),
            accuracy(validation.probabilities, validation.labels),
        ),
        test=LabelledDraws(test.probabilities, test.labels, test.leverage),
        num_parameters=first.record["num_parameters"],
        steps_per_epoch=sum(map(_steps_per_epoch, folds)),
        predict_seconds=sums["predict_seconds"],
        prediction_method=first.prediction_method,
        num_last_layer_samples=first.num_last_layer_samples,
        ood=ood,
        num_folds=len(folds),
    )
    own = {name: first.record[name] for name in (*OF_NETWORK, *OF_MACHINE) if name in first.record}
    phases = dict.fromkeys(phase for one in records for phase in one["seconds_by_phase"])
    return {
        **record,
        **own,
        **sums,
        "is_tempered": any(one["is_tempered"] for one in records),
        "seconds_by_phase": {
            phase: sum(one["seconds_by_phase"].get(phase, 0.0) for one in records) for phase in phases
        },
    }


def _steps_per_epoch(fold: Run) -> int:
    return fold.num_networks * -(-fold.config["num_train_examples"] // fold.config["batch_size"])
