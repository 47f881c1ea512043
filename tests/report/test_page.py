"""The page's words and numbers, computed anew from the files of the runs."""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from fixtures.page_text import Text, page_without_pictures, read
from scipy import stats

from tfp_insects.report.study_2025 import is_as_in_2025

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
MINUS = "\N{MINUS SIGN}"
SIZES, SEEDS = (5, 10, 40), (0, 1)
METRICS = {"accuracy": (100, 1), "nll": (1, 3), "brier": (1, 3), "ece": (100, 1), "aurc": (100, 1)}
METRICS["coverage_at_5_risk"] = (100, 1)


@pytest.fixture(scope="module")
def text(grid_page):
    return read(grid_page)


@pytest.fixture(scope="module")
def records(grid_workdir):
    found = (json.loads(path.read_text()) for path in grid_workdir.glob("*/record.json"))
    return {(record["model"], record["n_per_class"], record["seed"]): record for record in found}


@pytest.fixture(scope="module")
def correct(grid_workdir):
    """Right answers, bool, by run."""
    found = {}
    for path in grid_workdir.glob("*/predictions.npz"):
        with np.load(path) as file:
            right = file["probabilities"].astype(np.float64).mean(axis=0).argmax(axis=1) == file["labels"]
        model, size, seed = re.fullmatch(r"(\w+)-n(\d+)-seed(\d+)", path.parent.name).groups()
        found[model, int(size), int(seed)] = right
    return found


def mean_of(records, model, size, name):
    return float(np.mean([records[model, size, seed][name] for seed in SEEDS]))


def as_number(words: str) -> float:
    return float(words.replace(MINUS, "-").replace("+", "").replace(",", ""))


def shown(value: float, scale: float, decimals: int) -> float:
    return float(f"{scale * value:.{decimals}f}")


def bootstrap(first: list[np.ndarray], second: list[np.ndarray]) -> np.ndarray:
    """95 % interval of the mean difference second - first over seeds and images, resampled one by one."""
    rng = np.random.default_rng(123)
    differences = np.array(second, float) - np.array(first, float)
    num_seeds, num_images = differences.shape
    means = [
        differences[rng.integers(num_seeds, size=num_seeds)][:, rng.integers(num_images, size=num_images)].mean()
        for _ in range(4000)
    ]
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("size", SIZES)
def test_sentence_of_each_size(text, records, correct, size):
    claim = re.search(
        rf"With {size} images a class the BNN is ([\d.]+) points (more|less) accurate than the CNN "
        rf"\(95 % interval ([\d.]+) to ([\d.]+)\)",
        text.words,
    )
    none = re.search(
        rf"With {size} images a class no difference in accuracy is shown: BNN minus CNN is ({MINUS}?[\d.]+) points "
        rf"\(95 % interval ({MINUS}?[\d.]+) to ({MINUS}?[\d.]+)\)",
        text.words,
    )
    if claim:
        sign = 1 if claim[2] == "more" else -1
        estimate, ends = sign * as_number(claim[1]), sorted(sign * as_number(claim[i]) for i in (3, 4))
    else:
        estimate, *ends = (as_number(none[i]) for i in (1, 2, 3))
    gap = mean_of(records, "bnn", size, "accuracy") - mean_of(records, "cnn", size, "accuracy")
    assert estimate == shown(gap, 100, 1)
    low, high = 100 * bootstrap(
        [correct["cnn", size, seed] for seed in SEEDS], [correct["bnn", size, seed] for seed in SEEDS]
    )
    np.testing.assert_allclose(ends, [low, high], atol=1.5)
    assert bool(claim) == (low > 0 or high < 0)


def test_a_difference_is_claimed_and_one_is_not(text):
    assert re.search(r"With 10 images a class the BNN is [\d.]+ points more accurate", text.words)
    assert "no difference in accuracy is shown" in text.words


def test_table_of_differences(text, records, correct):
    rows = text.table("McNemar")
    assert [row[0] for row in rows] == [str(size) for size in SIZES]
    for size, row in zip(SIZES, rows, strict=True):
        for cell, (name, (scale, decimals)) in zip(row[1:7], METRICS.items(), strict=True):
            gap = mean_of(records, "bnn", size, name) - mean_of(records, "cnn", size, name)
            estimate, ends, *verdict = cell.split(" | ")
            assert as_number(estimate) == shown(gap, scale, decimals)
            low, high = (as_number(end) for end in ends.split(" to "))
            is_better = (gap > 0) == (name in ("accuracy", "coverage_at_5_risk"))
            assert verdict == ([f"{'BNN' if is_better else 'CNN'} better"] if low > 0 or high < 0 else [])
        ratio = mean_of(records, "bnn", size, "train_seconds") / mean_of(records, "cnn", size, "train_seconds")
        step = mean_of(records, "bnn", size, "seconds_per_step") / mean_of(records, "cnn", size, "seconds_per_step")
        assert row[8] == f"{ratio:.1f} times | a step {step:.1f} times"
        whole = [
            mean_of(records, model, size, "train_seconds") + mean_of(records, model, size, "predict_seconds")
            for model in ("bnn", "cnn")
        ]
        assert row[9] == f"{whole[0] / whole[1]:.1f} times"
        assert row[10] == mcnemar_words(correct, size)


def test_the_difference_in_auroc_stands_where_both_were_asked(text, records):
    cells = {row[0]: row[7] for row in text.table("McNemar")}
    assert (cells["5"], cells["10"]) == ("", "")
    auroc = "auroc_predictive_entropy"
    gap = mean_of(records, "bnn", 40, auroc) - mean_of(records, "cnn", 40, auroc)
    assert as_number(cells["40"].partition(" | ")[0]) == shown(gap, 1, 3)


def mcnemar_words(correct, size) -> str:
    values, counts = [], []
    for seed in SEEDS:
        first, second = correct["cnn", size, seed], correct["bnn", size, seed]
        only_first, only_second = (first & ~second).sum(), (second & ~first).sum()
        p_value = stats.binomtest(int(only_first), int(only_first + only_second)).pvalue
        values.append("< 0.001" if p_value < 0.001 else f"{p_value:.3f}")
        counts.append(f"{only_first} : {only_second}")
    return f"{', '.join(values)} | {'; '.join(counts)}"


def test_table_of_figures(text, records):
    rows = text.table("Seeds")
    assert [(row[0], row[1], row[2]) for row in rows] == [(m, str(n), "2") for m in ("CNN", "BNN") for n in SIZES]
    for row in rows:
        model, size = row[0].lower(), int(row[1])
        for cell, (name, (scale, decimals)) in zip(row[3:9], METRICS.items(), strict=True):
            assert as_number(cell.partition(" | ")[0]) == shown(mean_of(records, model, size, name), scale, decimals)
        assert as_number(row[9].split()[0]) == pytest.approx(mean_of(records, model, size, "train_seconds"), rel=0.03)
        assert as_number(row[12].split()[0]) == pytest.approx(
            mean_of(records, model, size, "seconds_per_step"), rel=0.05
        )


def test_sentence_of_times(text, records):
    ratios = {
        size: mean_of(records, "bnn", size, "train_seconds") / mean_of(records, "cnn", size, "train_seconds")
        for size in SIZES
    }
    low, high = f"{min(ratios.values()):.1f}", f"{max(ratios.values()):.1f}"
    span = f"{low} times" if low == high else f"{low} to {high} times"
    assert f"A training run of the BNN takes {span} as long as one of the CNN" in text.words
    assert f"With 40 images a class a training run of the BNN takes {ratios[40]:.1f} times as long" in text.words


def test_table_of_needed_images(text, records):
    curve = [mean_of(records, "bnn", size, "accuracy") for size in SIZES]
    assert curve == sorted(curve)
    for row, size in zip(text.table("BNN needs"), SIZES, strict=True):
        target = mean_of(records, "cnn", size, "accuracy")
        assert row[:2] == [str(size), f"{100 * target:.1f} %"]
        needed = float(np.exp(np.interp(target, curve, np.log(SIZES))))
        if target <= curve[0]:
            assert row[2] == "5 or fewer"
        elif target >= curve[-1]:
            assert row[2] == "40 or more"
        else:
            assert as_number(row[2]) == shown(needed, 1, 0 if needed >= 10 else 1)


def test_sentence_of_the_next_doubling(text, records):
    for model in ("cnn", "bnn"):
        errors = [1 - mean_of(records, model, size, "accuracy") for size in SIZES]
        slope = np.polyfit(np.log(SIZES), np.log(errors), 1)[0]
        gain = 100 * errors[-1] * (1 - 2**slope)
        assert f"the {model.upper()} {gain:.1f} points of accuracy" in text.words
    assert "going from 40 to 80 images a class" in text.words


def test_table_of_ood_images(text, records):
    rows = text.table("Score")
    assert [(row[0], row[2]) for row in rows] == [
        ("CNN", "predictive entropy"),
        ("BNN", "predictive entropy"),
        ("BNN", "mutual information"),
    ]
    for row in rows:
        value = mean_of(records, row[0].lower(), 40, f"auroc_{row[2].replace(' ', '_')}")
        assert as_number(row[3].partition(" | ")[0]) == shown(value, 1, 3)
        fpr95 = mean_of(records, row[0].lower(), 40, f"fpr95_{row[2].replace(' ', '_')}")
        assert as_number(row[4].partition(" | ")[0]) == shown(fpr95, 100, 1)


def test_table_of_weights(text, grid_workdir):
    for row in text.table("median"):
        for i, size in enumerate((5, 40)):
            with h5py.File(grid_workdir / f"bnn-n{size}-seed0" / "checkpoints" / "weights.h5") as file:
                group = {name: np.asarray(array, float) for name, array in file[row[0]][row[0]].items()}
            prior = group["prior_factor:0"] * np.maximum(np.abs(group["prior_loc:0"]), group["prior_floor:0"])
            scale = np.broadcast_to(prior * np.exp(group["kernel_log_ratio:0"]), group["kernel_loc:0"].shape)
            assert row[1] == f"{scale.size:,}"
            assert as_number(row[2 + i]) == pytest.approx(np.median(scale), rel=0.05)
            assert as_number(row[4 + i]) == pytest.approx(np.median(np.abs(group["kernel_loc:0"]) / scale), abs=0.006)
            shift = (group["kernel_loc:0"] - group["prior_loc:0"]) / prior
            kl = 0.5 * ((scale / prior) ** 2 + shift**2 - 1) - np.log(scale / prior)
            assert as_number(row[6 + i]) == pytest.approx(kl.mean(), abs=6e-4)


def test_the_study_of_2025_stands_beside_runs_in_its_configuration_alone(text, make_run, tmp_path):
    assert "2025" not in text.words
    for model in ("cnn", "bnn"):
        make_run(tmp_path, model, 10, 0, config_path=CONFIGS / "study_2025.py")
    beside = Text(page_without_pictures(tmp_path))
    rows = {row[0]: row for row in beside.table("CNN, 2025")}
    assert list(rows) == ["5", "10", "50", "100", "500"]
    assert rows["100"][1:] == ["74.38 %", "–", "about 16 %", "–"]
    for column, model in ((2, "cnn"), (4, "bnn")):
        record = json.loads((tmp_path / f"{model}-n10-seed0" / "record.json").read_text())
        assert rows["10"][column].startswith(f"{100 * record['accuracy']:.1f} % (")


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.py")))
def test_the_configuration_of_2025_is_known_from_what_makes_it_one(name):
    config = runpy.run_path(str(CONFIGS / name))["get_config"]()
    is_as_in_2025_of = lambda config: is_as_in_2025(SimpleNamespace(config={"config": config.to_dict()}))  # noqa: E731
    assert is_as_in_2025_of(config) is (name == "study_2025.py")
    config.bnn.kl_weight = 1.0
    assert not is_as_in_2025_of(config)


def test_what_it_was_made_from(text, records):
    seconds = round(sum(record["train_seconds"] for record in records.values()))
    for words in (
        "photos.zip (images as given)",
        "4: ant, bee & co, <wasp>, $fly$",
        "120 images, the same for all models",
        "CNN one pass, BNN by Monte Carlo, 8 draws in 2 passes",
        f"{seconds // 60} min {seconds % 60} s in 12 runs",
        "--model=cnn,bnn --n_per_class=5,10,40 --seeds=0,1 --data=PATH/photos.zip",
        "held at about 10 % of the pretrained weight's size in convolutions and at about 30 % of the pretrained",
        "--weights=PATH/alexnet.npz --ood_data=PATH/objects.zip --workdir=grid",
        "Shown: BNN, 5 images a class, seed 0; BNN, 40 images a class, seed 0.",
    ):
        assert words in text.words
    assert "Figures are means over up to 2 seeds" in text.words
    assert "up to 29 % too narrow" in text.words


def test_photographs_are_not_called_drawn(text):
    assert "drawn insects" not in text.words.lower()
