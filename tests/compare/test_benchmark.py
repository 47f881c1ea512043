import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.compare.answers import TIMES, WHOLE_RUN
from tfp_insects.compare.benchmark import Benchmark, run_benchmark
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.report.content import make_content
from tfp_insects.report.figure_files import difference_rows, figure_rows
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.reading import load_runs


def pack(source: ImageSource, path: Path) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(source.example_ids):
            archive.writestr(name, source.read(i))
    return str(path)


def interval_of(row: dict[str, Any], estimate: str) -> dict[str, float]:
    return {"estimate": row[estimate], "low": row["low"], "high": row["high"]}


@pytest.fixture
def make_benchmark(insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig, tmp_path: Path):
    data, ood_data = pack(insects, tmp_path / "insects.zip"), pack(other_insects, tmp_path / "others.zip")
    config = tiny_config.replaced({"training.epochs": 1})

    def make(split: Any, models: tuple[str, ...], seeds: list[int]) -> Benchmark:
        return Benchmark(split, models, [3], seeds, data, "none", ood_data, config, tmp_path / "runs", tmp_path)

    return make


def test_runs_all_seeds_of_the_twins_and_the_first_of_the_dearer_baselines(make_benchmark) -> None:
    benchmark = make_benchmark("test", ("ensemble", "bnn", "cnn_l2sp", "cnn"), [0, 1])
    first = [
        "cnn-n3-seed0",
        "cnn-n3-seed1",
        "bnn-n3-seed0",
        "bnn-n3-seed1",
        "cnn_l2sp-n3-seed0",
        "cnn_l2sp-n3-seed1",
        "ensemble-n3-seed0",
    ]
    assert [key.name for key in benchmark.keys] == first
    compared = dataclasses.replace(benchmark, only_finished=True)
    assert [key.name for key in compared.keys] == [*first, "ensemble-n3-seed1"]


@pytest.mark.long
def test_chooses_without_the_test_and_then_tests_what_was_trained(make_benchmark, tmp_path: Path) -> None:
    twins = ("cnn", "bnn"), [1]
    console = Console(file=io.StringIO(), width=80)
    chosen = run_benchmark(make_benchmark("validation", *twins), console)
    runs = tmp_path / "runs"
    assert not list(runs.glob("*/predictions.npz"))
    assert not list(runs.glob("*/ood_predictions.npz"))
    assert not list(runs.glob("*/record.json"))
    weights = {path: path.stat().st_mtime_ns for path in runs.rglob("weights.h5")}
    assert len(weights) == 2

    unfinished = dataclasses.replace(make_benchmark("test", *twins), only_finished=True)
    with pytest.raises(InputError, match="no finished run of test there, so there is nothing to compare"):
        run_benchmark(unfinished, console)
    tested = run_benchmark(make_benchmark("test", *twins), console)
    more = dataclasses.replace(make_benchmark("test", *twins), seeds=[1, 2], only_finished=True)
    assert run_benchmark(more, console)["models"] == tested["models"]
    run_benchmark(make_benchmark("test", *twins), console)
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("weights.h5")} == weights
    for split, result in (("validation", chosen), ("test", tested)):
        assert json.loads((runs / f"quality-{split}.json").read_text()) == result
    assert (chosen["ood_data"], tested["ood_data"]) == (None, "others.zip")
    record = json.loads((runs / "bnn-n3-seed1" / "record.json").read_text())
    for name in ("accuracy", "nll", "auroc_predictive_entropy"):
        assert tested["models"]["bnn"]["3"][name]["estimate"] == pytest.approx(record[name])
    assert set(tested["time_ratios"]["3"]) == {*TIMES, WHOLE_RUN}
    assert set(chosen["time_ratios"]["3"]) == {"seconds_to_best_epoch", "train_seconds"}
    assert "auroc_predictive_entropy" in tested["differences"]["bnn - cnn"]["3"]
    # The page of the same runs shows the same figures.
    content = make_content(load_runs(runs))
    for row in figure_rows(content.comparison):
        assert interval_of(row, "estimate") == tested["models"][row["model"]]["3"][row["metric"]]
    for row in difference_rows(content.pairs):
        assert interval_of(row, "difference") == tested["differences"]["bnn - cnn"]["3"][row["metric"]]
    # Each seed has a split of its own.
    identity = json.loads((runs / "bnn-n3-seed1" / "config.json").read_text())
    assert identity["config"]["data"]["split_seed"] == 1


def test_noted_runs_are_not_run_again_elsewhere(make_benchmark, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    first = dataclasses.replace(make_benchmark("test", ("cnn",), [0, 1]), table=tmp_path / "runs.csv")
    assert "cnn" in run_benchmark(first, console)["models"]
    assert "Comparing 2 runs on 2,000 resamples of their images.\n" in console.file.getvalue()
    written = first.table.read_text()
    elsewhere = dataclasses.replace(first, workdir=tmp_path / "elsewhere")
    assert run_benchmark(elsewhere, console) == {}
    assert not list(elsewhere.workdir.glob("*/record.json"))
    assert first.table.read_text() == written
    # What has other settings is run, and takes the place of what was there.
    other = dataclasses.replace(elsewhere, config=elsewhere.config.replaced({"cnn.learning_rate": 1e-4}), seeds=[0])
    run_benchmark(other, console)
    assert [path.parent.name for path in other.workdir.glob("*/record.json")] == ["cnn-n3-seed0"]
    assert len(first.table.read_text().splitlines()) == 3
    assert first.table.read_text() != written


def test_a_table_is_of_tests_alone(make_benchmark, tmp_path: Path) -> None:
    benchmark = dataclasses.replace(make_benchmark("validation", ("cnn",), [0]), table=tmp_path / "runs.csv")
    with pytest.raises(InputError, match="runs are noted once they are tested"):
        run_benchmark(benchmark, Console(file=io.StringIO()))
