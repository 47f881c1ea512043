"""The files beside the page, and pages of fewer runs."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from fixtures.page_text import Text, page_without_pictures, read
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.report.page import write_report


def report(workdir: Path) -> Path:
    return write_report(workdir, Console(quiet=True))


@pytest.fixture(scope="module")
def text(grid_page):
    return read(grid_page)


@pytest.fixture(scope="module")
def records(grid_workdir):
    found = (json.loads(path.read_text()) for path in grid_workdir.glob("*/record.json"))
    return {(record["model"], record["n_per_class"], record["seed"]): record for record in found}


def test_files_beside_the_page(grid_page, text):
    beside = {path.name for path in grid_page.parent.iterdir()}
    for name in re.findall(r"Files: (\w+)\.svg, \.png", text.words):
        assert {f"{name}.svg", f"{name}.png"} <= beside
    assert {"runs.csv", "differences.csv", "quality_by_images.csv", "out_of_distribution.csv"} <= beside
    assert not [name for name in beside if name.startswith(".")]


def test_figures_beside_the_page(grid_page, records):
    with (grid_page.parent / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        record = records[row["model"], int(row["n_per_class"]), int(row["seed"])]
        assert float(row["nll"]) == record["nll"]
        assert row["num_ood_examples"] == str(record.get("num_ood_examples", ""))
    with (grid_page.parent / "differences.csv").open() as file:
        first = next(csv.DictReader(file))
    gap = np.mean([records["bnn", 5, seed]["accuracy"] - records["cnn", 5, seed]["accuracy"] for seed in (0, 1)])
    assert float(first["difference"]) == pytest.approx(gap)


def test_a_single_run_on_drawn_insects(make_run, tmp_path):
    make_run(tmp_path, "cnn", 5, 0, num_examples=40)
    page = report(tmp_path)
    text = read(page)
    assert "Drawn insects, not photographs." in text.words
    assert text.words.count("Data: drawn insects, not photographs.") == text.words.count("Files: ")
    assert "The records hold CNN." in text.words
    assert "nothing is compared here" in text.words
    assert re.search(r"With 5 images a class the CNN is right on [\d.]+ % of the test images", text.words)
    assert "Each method was run once a size, with one seed." in text.words
    for missing in ("How is data traded", "McNemar", "The weights as distributions", "Images of no known class"):
        assert missing not in text.words
    first = page.read_text(encoding="utf-8")
    assert "(drawn insects, not photographs)</title>" in first
    assert report(tmp_path).read_text(encoding="utf-8") == first


def test_one_twin_a_baseline_and_an_unfinished_run(make_run, tmp_path):
    make_run(tmp_path, "bnn", 5, 0, num_examples=40)
    make_run(tmp_path, "mc_dropout", 10, 1, num_examples=40)
    (make_run(tmp_path, "cnn", 5, 0, num_examples=40) / "record.json").unlink()
    (tmp_path / "mc_dropout-n10-seed1" / "test_images.zip").unlink()
    text = Text(page_without_pictures(tmp_path))
    assert "The records hold BNN and MC dropout." in text.words
    assert "Not finished, and left out: cnn-n5-seed0." in text.words
    assert "has 6 runs that are not finished" in text.words
    assert "The weights as distributions" in text.words


def test_a_variant_stands_for_the_twin(make_run, tmp_path):
    for model in ("cnn", "bnn_head"):
        make_run(tmp_path, model, 5, 0, num_examples=40)
    text = Text(page_without_pictures(tmp_path))
    assert "nothing is compared here" not in text.words
    assert "BNN-head" in text.words
    assert "What does it cost?" in text.words


def test_an_empty_workdir_is_left_empty(tmp_path):
    with pytest.raises(InputError, match="no finished run there"):
        report(tmp_path)
    assert not list(tmp_path.iterdir())
