"""Runs found on disk, and the refusal of files that do not belong together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import accuracy
from tfp_insects.runs.fields import COUNT, INTEGER, MAPPING, NAMES, NUMBER, TEXT, TRUTH, Field, require_fields
from tfp_insects.runs.identity import IDENTITY
from tfp_insects.runs.layout import CONFIG_NAME, HISTORY_NAME, RECORD_NAME, TEST_NAME, VALIDATION_NAME, WEIGHTS_PATH
from tfp_insects.runs.replacing import settle
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

# Fields of record.json and what they must be.
REQUIRED: Mapping[str, Field] = {
    "model": TEXT,
    "n_per_class": COUNT,
    "seed": INTEGER,
    "num_train_examples": COUNT,
    "batch_size": COUNT,
    "data": TEXT,
    "data_fingerprint": TEXT,
    "drawn": TRUTH,
    "split_fingerprint": TEXT,
    "class_names": NAMES,
    "weights": TEXT,
    "num_test_examples": COUNT,
    "num_samples": COUNT,
    "num_draws": COUNT,
    "accuracy": NUMBER,
    "nll": NUMBER,
    "ece": NUMBER,
    "best_epoch": INTEGER,
    "validation_nll": NUMBER,
    "is_tempered": TRUTH,
    "train_seconds": NUMBER,
    "seconds_to_best_epoch": NUMBER,
    "seconds_per_step": NUMBER,
    "num_parameters": INTEGER,
    "precision": TEXT,
    "hardware": MAPPING,
    "versions": MAPPING,
}
# The same where `ood_fingerprint` is one of them.
REQUIRED_WITH_OOD: Mapping[str, Field] = {"ood_data": TEXT, "num_ood_examples": INTEGER}
# The same of a cross-validation.
FOLD_FIELDS: Mapping[str, Field] = {"num_folds": COUNT}
# Fields in which all records that have them must agree: figures of other images cannot be compared.
SHARED = ("data_fingerprint", "split_fingerprint", "class_names", "num_test_examples", "ood_fingerprint")


def load_runs(workdir: Path, seeds: Sequence[int] | None = None) -> RunSet:
    """Reads the finished runs of a work directory, and checks that they can be compared.

    Args:
        workdir: Where they are.
        seeds: Those of the runs that count; all of them if none is named.

    Raises:
        InputError: There is none, a file of one is cut off or lacks a field, or runs differ in data, split or test set. The
            message names the directory and the field.
    """
    runs = find_runs(workdir, seeds)
    finished = [load_run(run.directory) for run in runs if run.is_finished]
    if not finished:
        started = f" ({len(runs)} started, none finished)" if runs else ""
        named = "" if seeds is None else f" with seeds {','.join(map(str, seeds))}"
        raise InputError(
            f"{workdir}: no finished run{named} there{started}; expected folders with a {RECORD_NAME}, "
            "as the command that runs a study makes them"
        )
    _require_one_test_set(finished)
    return RunSet(workdir, finished, tuple(run.directory.name for run in runs if not run.is_finished))


def find_runs(workdir: Path, seeds: Sequence[int] | None = None) -> list[Run]:
    """All runs of a work directory, finished or not, by name; nothing but a seed is read and checked."""
    directories = sorted(path.parent for path in workdir.glob(f"*/{CONFIG_NAME}"))
    for directory in directories:
        settle(directory)
    runs = [Run(directory) for directory in directories]
    return [run for run in runs if seeds is None or run.config.get("seed") in seeds]


def load_run(directory: Path) -> Run:
    """Reads one finished run and checks that its files belong together.

    Raises:
        InputError: A file is cut off, or lacks a field; the message names the file and the field.
    """
    settle(directory)
    run = Run(directory)
    require_fields(directory / CONFIG_NAME, run.config, IDENTITY)
    more = REQUIRED_WITH_OOD if "ood_fingerprint" in run.record else {}
    require_fields(directory / RECORD_NAME, run.record, {**REQUIRED, **more})
    require_fields(directory / RECORD_NAME, run.record, FOLD_FIELDS, may_lack=True)
    _require_own_predictions(run)
    _require_own_history(run)
    return run


def open_run(directory: Path) -> Run:
    """Finds one finished run that a user named, with all that is needed to use its network.

    Raises:
        InputError: It is no run, not finished, or incomplete.
    """
    if not (directory / CONFIG_NAME).is_file():
        raise InputError(
            f"{directory}: there is no run (no {CONFIG_NAME}); expected a directory such as runs/bnn-n500-seed0"
        )
    settle(directory)
    if not (directory / RECORD_NAME).is_file():
        raise InputError(
            f"{directory}: this run is not finished (no {RECORD_NAME}); give the command that began it again, "
            "and it goes on where it was"
        )
    for name in (WEIGHTS_PATH, VALIDATION_NAME, TEST_NAME):
        if not (directory / name).is_file():
            raise InputError(f"{directory}: {name} is missing; remove the directory and run again")
    run = Run(directory)
    require_fields(directory / CONFIG_NAME, run.config, IDENTITY)
    return run


def _require_own_predictions(run: Run) -> None:
    """Refuses predictions that are not those of the record."""
    record, path = run.record, run.directory / TEST_NAME
    expected = (record["num_draws"], record["num_test_examples"], len(record["class_names"]))
    if run.probabilities.shape != expected:
        raise InputError(f"{path}: probabilities have shape {run.probabilities.shape}; the record says {expected}")
    measured = accuracy(run.probabilities, run.labels)
    if abs(measured - record["accuracy"]) > 1e-6:
        raise InputError(f"{path} gives an accuracy of {measured:.6f}; the record says {record['accuracy']:.6f}")


def _require_own_history(run: Run) -> None:
    """Refuses epochs that do not reach the record's best."""
    path, best, num_epochs = run.directory / HISTORY_NAME, run.record["best_epoch"], len(run.history)
    if path.exists() and not 1 <= best <= num_epochs:
        raise InputError(
            f"{path} holds {num_epochs} epochs; the record says best_epoch {best}: remove its directory and run again"
        )


def _require_one_test_set(runs: list[Run]) -> None:
    for name in SHARED:
        having = [run for run in runs if name in run.record]
        for run in having[1:]:
            if run.record[name] != having[0].record[name]:
                raise _difference(having[0], run, name)
    first = runs[0]
    for run in runs[1:]:
        if run.example_ids != first.example_ids or not np.array_equal(run.labels, first.labels):
            raise _difference(first, run, "example_ids or labels (the test set)")


def _difference(first: Run, other: Run, name: str) -> InputError:
    return InputError(
        f"{other.directory} and {first.directory} differ in {name}, so their figures cannot be compared: "
        f"keep runs of other data or another split in a work directory of their own, or name the seeds of one split"
    )
