"""A table of finished runs, one row each, by which a long comparison can be broken off and taken up on another machine.

It has figures alone, no predictions. So what is compared from it is paired by seed: a difference is one number for each seed,
and its interval is Student's over seeds. That is wider, with few seeds, than one over seeds and images.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tfp_insects.compare.answers import WHOLE_RUN, Answers
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.runs.identity import predicted_with, trained_with
from tfp_insects.runs.run_key import RunKey, in_order

METRICS = (
    *("accuracy", "nll", "brier", "ece", "aurc", "thr_size_90", "thr_coverage_90", "aps_size_90", "aps_coverage_90"),
    *("auroc_predictive_entropy", "auroc_mutual_information", "auroc_leverage", chosen_score.METRIC.name),
)
TIMES = ("seconds_to_best_epoch", "train_seconds", "predict_seconds", WHOLE_RUN)
COLUMNS = ("n_per_class", "model", "seed", *METRICS, *TIMES, "settings")
Row = Mapping[str, str]


def settings_digest(identity: Mapping[str, Any]) -> str:
    """Twelve digits that tell what a run was trained and predicted with, its images and split among it."""
    text = json.dumps([trained_with(identity), predicted_with(identity)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class NotedRuns:
    """The table.

    Args:
        path: A CSV file; it need not be there yet.

    Raises:
        InputError: It is there, and no such table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[Row] = _read(path) if path.exists() else []

    def has(self, key: RunKey, settings: str) -> bool:
        """Whether a run is there, with the same settings."""
        return any(_key(row) == key and row["settings"] == settings for row in self.rows)

    def note(self, answers: Answers, settings: str) -> None:
        """Adds a finished run, in place of one with other settings, and writes the table."""
        others = [row for row in self.rows if _key(row) != answers.key]
        found = {_key(row): row for row in [*others, _row(answers, settings)]}
        self.rows = [found[key] for key in in_order(found)]
        with written_whole(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def difference_over_seeds(
    rows: Iterable[Row], model: str, reference: str, metric: str, sizes: Sequence[int]
) -> tuple[Interval, float, int] | None:
    """A model's metric minus its reference's, averaged over sizes, from the seeds with which both were run at all of them.

    Returns:
        The difference with Student's 95 % interval over seeds, its p-value, and the number of seeds; none with fewer than
        two.
    """
    values = {(_key(row)): float(row[metric]) for row in rows if row[metric]}
    seeds = sorted({key.seed for key in values})
    differences = [
        [values[RunKey(model, size, seed)] - values[RunKey(reference, size, seed)] for size in sizes]
        for seed in seeds
        if all(RunKey(name, size, seed) in values for name in (model, reference) for size in sizes)
    ]
    if len(differences) < 2:
        return None
    of_seeds = np.mean(differences, axis=1)
    test = stats.ttest_1samp(of_seeds, 0.0)
    low, high = test.confidence_interval(0.95)
    return Interval(float(of_seeds.mean()), float(low), float(high)), float(test.pvalue), len(of_seeds)


def _key(row: Row) -> RunKey:
    return RunKey(row["model"], int(row["n_per_class"]), int(row["seed"]))


def _row(answers: Answers, settings: str) -> dict[str, str]:
    num = len(answers.labels) + (0 if answers.ood is None else answers.ood.probabilities.shape[1])
    ones = np.ones((1, num), np.int64)
    of_known = ones[:, : len(answers.labels)]
    values = {
        name: float(statistic(ones if name.startswith("auroc") else of_known)[0])
        for name, statistic in answers.statistics.items()
        if name in METRICS
    }
    key = answers.key
    return {
        "n_per_class": str(key.n_per_class),
        "model": key.model,
        "seed": str(key.seed),
        **{name: f"{values[name]:.5f}" if name in values else "" for name in METRICS},
        **{name: f"{answers.times[name]:.1f}" if name in answers.times else "" for name in TIMES},
        "settings": settings,
    }


def _read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"{path}: expected a table of runs with the columns {', '.join(COLUMNS)}", field="table")
        return list(reader)
