"""Tables and JSON objects from measurements that are made up."""

import io
from collections.abc import Callable, Sequence

import pytest
from measuring import epochs, parts
from measuring.configuration import Configuration
from measuring.parts import Grid, run_parts
from measuring.processes import Measurement
from rich.console import Console

MILLISECONDS = {"cnn": 100.0, "bnn": 210.0, "tfp_flipout": 840.0, "cnn_head": 2.0, "bnn_head": 3.0}
MILLISECONDS |= {"cnn_classifier": 40.0, "bnn_classifier": 100.0}
SLOWER = {"epoch_images": 10.0, "epoch_pipeline": 0.1}


def made_up(rows: Sequence[Configuration], repeats: int, description: str, console: Console) -> list[Measurement]:
    del description, console
    return [
        Measurement(
            row,
            row.n_per_class * row.num_classes if row.mode.startswith("epoch") else row.batch_size,
            tuple(MILLISECONDS[row.model] * SLOWER.get(row.mode, 1.0) * (i + 1) for i in range(repeats)),
            1000.0 if row.model == "cnn" else 3000.0,
        )
        for row in rows
    ]


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    for module in (parts, epochs):
        monkeypatch.setattr(module, "measure_with_progress", made_up)
    return Console(file=io.StringIO(), width=100)


def cells(console: Console, is_row: Callable[[list[str]], bool]) -> list[list[str]]:
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip() and is_row(line.split())]


def test_ratios_are_to_the_cnn_of_the_same_type_and_to_stock_in_float32(console: Console) -> None:
    grid = Grid(("cnn", "bnn", "tfp_flipout"), ("train",), ("float32", "mixed_bfloat16"), (64,))
    records = run_parts(grid, Configuration(), False, False, 3, console)
    assert len(records) == 5
    rows = {tuple(row[:2]): row[-2:] for row in cells(console, lambda row: row[0] in MILLISECONDS and len(row) == 8)}
    assert rows["cnn", "float32"] == ["1.00", "8.40"]
    assert rows["bnn", "mixed_bfloat16"] == ["2.10", "4.00"]
    assert rows["tfp_flipout", "float32"] == ["8.40", "1.00"]
    assert ("tfp_flipout", "mixed_bfloat16") not in rows
    assert "tfp_flipout is left out under mixed_bfloat16: TFP's own layers raise" in console.file.getvalue()


def test_what_is_not_measured_has_no_ratio(console: Console) -> None:
    run_parts(Grid(("bnn",), ("train",), ("float32",), (16,)), Configuration(), False, False, 1, console)
    assert [row[-2:] for row in cells(console, lambda row: row[0] == "bnn")] == [["-", "-"]]


def test_features_are_compared_with_images_and_with_the_cnn(console: Console) -> None:
    grid = Grid((), (), ("float32",), ())
    records = run_parts(grid, Configuration(), True, False, 3, console)
    rows = {row[0]: row[1:] for row in cells(console, lambda row: row[0] in MILLISECONDS)}
    assert rows["bnn_head"] == ["60.0", "6.00", "10.0", "1.50"]
    assert rows["bnn_classifier"] == ["2000", "200", "10.0", "2.50"]
    assert {record["mode"] for record in records} == {"epoch_images", "epoch_features"}
    assert records[0]["images_per_second"] == 12_500.0  # 500 images in the median of 20, 40 and 60 ms.


def test_memory_is_compared_on_few_and_many_images(console: Console) -> None:
    records = run_parts(Grid((), (), ("float32",), ()), Configuration(n_per_class=5), False, True, 3, console)
    rows = cells(console, lambda row: row[0] in MILLISECONDS)
    assert [row[:2] for row in rows] == [["cnn", "50"], ["bnn", "50"], ["cnn", "500"], ["bnn", "500"]]
    assert [row[2:] for row in rows] == [["1000", "1.00"], ["3000", "3.00"]] * 2
    assert [record["num_train_examples"] for record in records] == [50, 50, 500, 500]


def test_the_pipeline_is_compared_with_the_step_alone_and_fed(console: Console) -> None:
    (record,) = epochs.compare_with_steps(Configuration(n_per_class=10), ["synthetic"], 3, console)
    assert record["pipeline_images_per_second"] == 5000.0  # 100 images in 20 ms.
    assert record["step_images_per_second"] == 320.0  # 64 images in 200 ms.
    assert record["fed_images_per_second"] == 50.0  # 100 images in 2000 ms.
    assert cells(console, lambda row: row[0] == "synthetic") == [["synthetic", "5000", "320", "50.0", "15.6", "0.16"]]
