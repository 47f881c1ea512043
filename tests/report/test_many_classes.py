"""With many classes a report stays small: pictures show what matters most, files beside it have all."""

import csv
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from fixtures.page_text import Text
from markupsafe import Markup

from tfp_insects.report.class_pictures import MAX_CLASSES_SHOWN, MAX_PAIRS
from tfp_insects.report.content import Content, make_content
from tfp_insects.report.page import render
from tfp_insects.report.pictures import panel_svg, save_picture
from tfp_insects.runs.reading import load_runs
from tfp_insects.runs.run import Run

NAMES = tuple(f"Genus{i // 7}_species_{i:04d}" for i in range(500))
NUM_EXAMPLES = 1000


@pytest.fixture(scope="module")
def content(make_run, tmp_path_factory) -> Content:
    workdir = tmp_path_factory.mktemp("many")
    make_run(workdir, "cnn", skill=4.0, drawn=False, num_examples=NUM_EXAMPLES, class_names=NAMES, has_images=False)
    return make_content(load_runs(workdir))


@pytest.fixture(scope="module")
def run(content: Content) -> Run:
    return content.study.first


@pytest.fixture(scope="module")
def pictures(content: Content):
    return {picture.name: picture for picture in content.pictures}


def svg_of(picture) -> Markup:
    return panel_svg(picture.panels[0], picture.sizes[0], "one")


def test_the_page_names_few_of_many_classes_and_is_small(content: Content, tmp_path: Path) -> None:
    sections = [section for section in content.sections if section.key in ("quality", "trust", "classes", "cost")]
    few = [dataclasses.replace(one, pictures=() if one.key != "classes" else one.pictures) for one in sections]
    page = render(dataclasses.replace(content, sections=few), tmp_path)
    assert len(page.encode()) < 1_000_000
    named = [name for name in NAMES if name in page]
    assert 0 < len(named) < 30 + MAX_CLASSES_SHOWN + 2 * MAX_PAIRS + 50
    assert "and 470 more (in accuracy_by_class.csv)" in Text(page).words
    assert "Shown are the 30 hardest of 500 classes" in page


def test_files_of_pictures_are_small(pictures, tmp_path: Path) -> None:
    for name in ("confusion", "accuracy_by_class", "risk_coverage"):
        save_picture(pictures[name], tmp_path)
        assert (tmp_path / f"{name}.svg").stat().st_size < 1_000_000, name
        assert (tmp_path / f"{name}.png").stat().st_size < 1_000_000, name
    with (tmp_path / "accuracy_by_class.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == list(NAMES)


def test_pairs_shown_are_those_with_most_images(pictures, run: Run) -> None:
    predicted = run.probabilities.mean(axis=0).argmax(axis=1)
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(run.labels.tolist(), predicted.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    shown = pictures["confusion"].panels[0].draw.keywords["pairs"]
    assert len(shown) == MAX_PAIRS
    wrong = sorted((num for (true, other), num in counts.items() if true != other), reverse=True)
    assert [counts[pair] for pair in shown] == wrong[:MAX_PAIRS]
    assert all(true != other for true, other in shown)
    true, other = shown[0]
    assert f"{NAMES[true]} → {NAMES[other]}" in svg_of(pictures["confusion"])
    rows = {(row["true_class"], row["predicted_class"]): row for row in pictures["confusion"].rows}
    assert {pair: row["num_predictions"] for pair, row in rows.items()} == {
        (NAMES[true], NAMES[other]): num for (true, other), num in counts.items()
    }
    of_class = np.bincount(run.labels)
    for (true, other), num in itertools.islice(counts.items(), 50):
        assert rows[NAMES[true], NAMES[other]]["share"] == num / of_class[true]


def test_classes_shown_are_the_hardest(pictures, run: Run) -> None:
    right = run.probabilities.mean(axis=0).argmax(axis=1) == run.labels
    accuracies = np.bincount(run.labels, right) / np.bincount(run.labels)
    shown = pictures["accuracy_by_class"].panels[0].draw.keywords["order"]
    assert len(shown) == MAX_CLASSES_SHOWN
    hidden = np.setdiff1d(np.arange(500), shown)
    assert accuracies[shown].max() <= accuracies[hidden].min()
    assert (np.diff(accuracies[shown]) <= 0).all()


def test_few_classes_are_shown_whole(make_run, tmp_path: Path) -> None:
    make_run(tmp_path, "cnn", num_examples=40)
    pictures = {picture.name: picture for picture in make_content(load_runs(tmp_path)).pictures}
    assert pictures["confusion"].panels[0].draw.keywords["shares"].shape == (4, 4)
    assert "hardest of" not in pictures["accuracy_by_class"].caption
    assert "pairs with most" not in pictures["confusion"].caption
