"""What the report needs of a work directory, and its refusal of records that do not belong together."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, read_json
from tfp_insects.metrics.scores import accuracy
from tfp_insects.runs.cells import CONFIG_NAME, RECORD_NAME
from tfp_insects.runs.run_set import Run, Study
from tfp_insects.study.cell_predictions import TEST_NAME
from tfp_insects.study.member import HISTORY_NAME
from tfp_insects.training.history import EpochRow, read_history

# Fields of record.json and their types.
REQUIRED: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "n_per_class": int,
    "seed": int,
    "num_train_examples": int,
    "batch_size": int,
    "data": str,
    "data_fingerprint": str,
    "drawn": bool,
    "split_fingerprint": str,
    "class_names": list,
    "weights": str,
    "num_test_examples": int,
    "num_samples": int,
    "accuracy": (int, float),
    "nll": (int, float),
    "ece": (int, float),
    "best_epoch": int,
    "is_tempered": bool,
    "train_seconds": (int, float),
    "seconds_to_best_epoch": (int, float),
    "seconds_per_step": (int, float),
    "num_parameters": int,
    "precision": str,
    "hardware": dict,
    "versions": dict,
}
# The same where `ood_fingerprint` is one of them.
REQUIRED_WITH_OOD: Mapping[str, type | tuple[type, ...]] = {"ood_data": str, "num_ood_examples": int}
# Fields in which all records that have them must agree: figures of other images cannot be compared.
SHARED = ("data_fingerprint", "split_fingerprint", "class_names", "num_test_examples", "ood_fingerprint")
PREDICTION_ARRAYS = ("probabilities", "labels", "example_ids")


def load_study(workdir: Path, seeds: Sequence[int] | None = None) -> Study:
    """Reads the finished runs of a work directory.

    Args:
        workdir: Where they are.
        seeds: Those of the runs that count; all of them if none is named.

    Raises:
        InputError: There is none, a file of one is cut off or lacks a field, or runs differ in data, split or test set. The
            message names the directory and the field.
    """
    claimed = sorted(path.parent for path in workdir.glob(f"*/{CONFIG_NAME}"))
    if seeds is not None:
        claimed = [directory for directory in claimed if read_json(directory / CONFIG_NAME).get("seed") in seeds]
    finished = [directory for directory in claimed if (directory / RECORD_NAME).exists()]
    if not finished:
        started = f" ({len(claimed)} started, none finished)" if claimed else ""
        named = "" if seeds is None else f" with --seeds={','.join(map(str, seeds))}"
        raise InputError(
            f"--workdir={workdir}: no finished run{named} there{started}; expected folders with a {RECORD_NAME}. "
            f"Run scripts/run.py with the same --workdir first"
        )
    runs = [load_run(directory) for directory in finished]
    _require_one_test_set(runs)
    return Study(workdir, runs, tuple(path.name for path in claimed if path not in finished))


def load_run(directory: Path) -> Run:
    """Reads one finished run.

    Raises:
        InputError: A file is cut off, or lacks a field; the message names the file and the field.
    """
    record = read_json(directory / RECORD_NAME)
    _require_fields(directory / RECORD_NAME, record)
    arrays = read_arrays(directory / TEST_NAME, PREDICTION_ARRAYS)
    run = Run(
        directory=directory,
        record=record,
        config=read_json(directory / CONFIG_NAME),
        history=_read_history(directory / HISTORY_NAME),
        probabilities=arrays["probabilities"],
        labels=arrays["labels"].astype(np.int64),
        example_ids=tuple(str(name) for name in arrays["example_ids"]),
    )
    _require_own_predictions(run)
    _require_own_history(run)
    return run


def _require_fields(path: Path, record: Mapping[str, Any]) -> None:
    required = {**REQUIRED, **(REQUIRED_WITH_OOD if "ood_fingerprint" in record else {})}
    for name, kind in required.items():
        if name not in record:
            raise InputError(
                f"{path} has no field {name!r}, which the report needs: remove its directory and run again"
            )
        value = record[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(
                f"{path}: field {name!r} is {json.dumps(value)[:60]}, which is of another type than expected"
            )


def _read_history(path: Path) -> list[EpochRow]:
    """Rows of a run's epochs; none where the run has no such file."""
    if not path.exists():
        return []
    try:
        rows = read_history(path)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}): remove its directory and run again") from error
    if not rows:
        raise InputError(f"{path} holds no epoch: remove its directory and run again")
    return rows


def _require_own_predictions(run: Run) -> None:
    """Refuses predictions that are not those of the record."""
    record, path = run.record, run.directory / TEST_NAME
    num_examples, num_classes = record["num_test_examples"], len(record["class_names"])
    expected = (record["num_samples"], num_examples, num_classes)
    if run.probabilities.shape != expected:
        raise InputError(f"{path}: probabilities have shape {run.probabilities.shape}; the record says {expected}")
    for name, length in (("labels", len(run.labels)), ("example_ids", len(run.example_ids))):
        if length != num_examples:
            raise InputError(f"{path}: {name} has {length} entries; the record says num_test_examples {num_examples}")
    measured = accuracy(run.probabilities, run.labels)
    if abs(measured - record["accuracy"]) > 1e-6:
        raise InputError(f"{path} gives an accuracy of {measured:.6f}; the record says {record['accuracy']:.6f}")


def _require_own_history(run: Run) -> None:
    """Refuses epochs that do not reach the record's best."""
    best, num_epochs = run.record["best_epoch"], len(run.history)
    if run.history and not 1 <= best <= num_epochs:
        raise InputError(
            f"{run.directory / HISTORY_NAME} holds {num_epochs} epochs; the record says best_epoch {best}: "
            f"remove its directory and run again"
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
        f"keep runs of other data or another split in a --workdir of their own, or name the seeds of one split: "
        f"scripts/report.py --seeds"
    )
