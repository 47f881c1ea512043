import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.metrics.metric_table import all_metrics


def record(model: str, *, has_ood: bool, **more: Any) -> dict[str, Any]:
    metrics = [one.name for one in all_metrics() if has_ood or not hasattr(one, "separation")]
    values = {name: round(0.101 + i / 100, 3) for i, name in enumerate(metrics)}
    return {
        "model": model,
        "n_per_class": 400,
        "seed": 2,
        "drawn": False,
        "data": "photos.zip",
        "num_classes": 10,
        "num_test_examples": 500,
        "weights": "alexnet.npz",
        "best_epoch": 37,
        "train_seconds": 1234.5,
        "predict_seconds": 98.7,
        "run_seconds": 1456.7,
        "num_draws": 8,
        "seconds_per_step": 0.321,
        **values,
        **more,
    }


def printed(records: list[dict[str, Any]], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_table(records, console)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("has_ood", [False, True])
@pytest.mark.parametrize("width", [80, 110])
def test_the_metrics_shown_first_fit_a_terminal(has_ood: bool, width: int) -> None:
    lines = printed([record(model, has_ood=has_ood) for model in ("cnn", "cnn_temperature")], width)
    heading = next(line for line in lines if "acc." in line).split()
    for name in ("acc.", "NLL", "Brier", "ECE", "AURC", "epist.", *(["AUROC"] if has_ood else [])):
        assert name in heading
    assert ("s/step" in heading) is (width == 110)
    assert ("train" in heading) is ("test" in heading)  # Both parts of what a user waits for, or neither.
    assert "…" not in "".join(lines)
    assert all(len(line) <= width for line in lines)
    row = next(line for line in lines if line.split()[:1] == ["cnn_temperature"]).split()
    assert row[heading.index("AURC")] == "0.161"
    if has_ood:
        assert (
            row[heading.index("AUROC")] == f"{record('cnn_temperature', has_ood=True)['auroc_predictive_entropy']:.3f}"
        )
        assert "AUROC: images of no known class, by entropy" in " ".join(" ".join(lines).split())


def test_runs_that_were_not_asked_about_unknown_images_have_no_figure_there() -> None:
    lines = printed([record("cnn", has_ood=True), record("bnn", has_ood=False)], 100)
    cnn, bnn = (next(line for line in lines if line.split()[:1] == [model]).split() for model in ("cnn", "bnn"))
    assert len(cnn) == len(bnn) + 1


def test_the_name_of_the_data_is_no_markup() -> None:
    lines = printed([record("cnn", has_ood=False, data="[red]my [draft] :bee:")], 100)
    assert any("[red]my [draft] :bee:: 10 classes" in line for line in lines)


def test_the_file_has_every_metric(tmp_path: Path) -> None:
    records = [record("cnn", has_ood=True), record("bnn", has_ood=False)]
    write_comparison(records, tmp_path / "comparison.csv")
    with (tmp_path / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["cnn", "bnn"]
    for metric in all_metrics():
        for row, one in zip(rows, records, strict=True):
            assert row[metric.name] == str(one.get(metric.name, "")), metric.name
    assert {"aurc", "auroc_predictive_entropy", "seconds_to_best_epoch", "predict_seconds"} <= set(rows[0])


def test_what_one_draw_cannot_say_is_empty_and_not_zero(tmp_path: Path) -> None:
    one = record("cnn", has_ood=True, num_draws=1, mean_mutual_information=0.0)
    write_comparison([one, record("bnn", has_ood=True)], tmp_path / "comparison.csv")
    with (tmp_path / "comparison.csv").open() as file:
        cnn, bnn = csv.DictReader(file)
    unknown = {metric.name for metric in all_metrics() if metric.needs_draws}
    assert {name for name in cnn if not cnn[name] and bnn[name]} == unknown
    assert {"mean_mutual_information", "mean_expected_entropy", "auroc_mutual_information"} <= unknown
    lines = printed([one], 110)
    heading, row = (next(line for line in lines if line.strip().startswith(word)) for word in ("model", "cnn"))
    place = heading.index("epist.")
    assert row[place : place + len("epist.")].strip() == ""
