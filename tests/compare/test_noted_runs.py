from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tfp_insects.compare.noted_runs import NotedRuns, difference_over_seeds
from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.runs.run_key import RunKey


@pytest.fixture
def noted(make_answers, tmp_path: Path) -> NotedRuns:
    table = NotedRuns(tmp_path / "runs.csv")
    for seed in (1, 0, 2):
        for size in (5, 10):
            table.note(make_answers("bnn", size, seed, 1.5), "b" * 12)
            table.note(make_answers("cnn", size, seed, 1.0), "a" * 12)
    table.note(make_answers("laplace", 5, 0, 1.0), "c" * 12)
    return table


def test_each_run_is_a_row_with_its_figures(noted: NotedRuns, make_answers) -> None:
    again = NotedRuns(noted._path)
    assert again.rows == noted.rows
    assert [row["n_per_class"] for row in again.rows] == ["5"] * 7 + ["10"] * 6
    row = next(row for row in again.rows if (row["model"], row["n_per_class"], row["seed"]) == ("bnn", "10", "2"))
    one = make_answers("bnn", 10, 2, 1.5)
    assert float(row["nll"]) == pytest.approx(negative_log_likelihood(one.probabilities, one.labels), abs=1e-5)
    for name in ("auroc_chosen_score", "auroc_predictive_entropy", "thr_size_90"):
        counts = np.ones((1, 280 if name.startswith("auroc") else 200), np.int64)
        assert float(row[name]) == pytest.approx(float(one.statistics[name](counts)[0]), abs=1e-5)
    assert row["seconds_to_best_epoch"] == "10.0"
    assert row["predict_seconds"] == ""


def test_what_is_there_with_the_same_settings_is_known(noted: NotedRuns, make_answers) -> None:
    assert noted.has(RunKey("bnn", 5, 0), "b" * 12)
    assert not noted.has(RunKey("bnn", 5, 0), "a" * 12)
    assert not noted.has(RunKey("laplace", 10, 0), "c" * 12)
    num_rows = len(noted.rows)
    noted.note(make_answers("bnn", 5, 0, 3.0), "d" * 12)
    assert len(noted.rows) == num_rows
    assert (noted.has(RunKey("bnn", 5, 0), "b" * 12), noted.has(RunKey("bnn", 5, 0), "d" * 12)) == (False, True)


def test_differences_are_paired_by_seed_and_averaged_over_sizes(noted: NotedRuns) -> None:
    values = {(row["model"], row["n_per_class"], row["seed"]): float(row["nll"]) for row in noted.rows}
    of_seeds = [
        np.mean([values["bnn", size, seed] - values["cnn", size, seed] for size in ("5", "10")]) for seed in "012"
    ]
    found = difference_over_seeds(noted.rows, "bnn", "cnn", "nll", [5, 10])
    assert found is not None
    interval, p_value, num_seeds = found
    half = stats.t.ppf(0.975, 2) * np.std(of_seeds, ddof=1) / np.sqrt(3)
    assert interval.estimate == pytest.approx(np.mean(of_seeds))
    assert (interval.high - interval.low) / 2 == pytest.approx(half)
    t = np.mean(of_seeds) / (np.std(of_seeds, ddof=1) / np.sqrt(3))
    assert p_value == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert num_seeds == 3
    assert difference_over_seeds(noted.rows, "bnn", "laplace", "nll", [5]) is None  # One seed tells no spread.
    assert difference_over_seeds(noted.rows, "bnn", "laplace", "nll", [5, 10]) is None


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("model,accuracy\ncnn,0.5\n")
    with pytest.raises(InputError, match="expected a table of runs with the columns n_per_class, model"):
        NotedRuns(path)
