"""The verdict, recomputed from the files of the runs."""

import dataclasses
import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.page_text import read
from rich.console import Console

from tfp_insects.compare.answers import answers_of
from tfp_insects.compare.calibration import calibration_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.decision_shares import Shares
from tfp_insects.compare.pair import Pair, TimeRatio
from tfp_insects.compare.promise import Terms, make_promise
from tfp_insects.compare.verdict import Measured, decide
from tfp_insects.metrics.bootstrap import Interval, Resampled
from tfp_insects.metrics.cross_validation import widened
from tfp_insects.metrics.out_of_distribution import auroc
from tfp_insects.report.page import write_report
from tfp_insects.report.verdict_words import alone_sentence, headline_words, strangers_sentence
from tfp_insects.runs.reading import load_runs

MINUS = "\N{MINUS SIGN}"
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def words(grid_page):
    return " ".join(read(grid_page).words.split()).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def calibrations(grid_workdir):
    runs = [run for run in load_runs(grid_workdir, None).runs if run.n_per_class == 40]
    return {(run.model, run.seed): calibration_of(run.validation, run.test, run.ood) for run in runs}


@pytest.fixture(scope="module")
def records(grid_workdir):
    found = (json.loads(path.read_text()) for path in grid_workdir.glob("*-n40-*/record.json"))
    return {(record["model"], record["seed"]): record for record in found}


def test_no_share_is_above_a_hundred_where_an_interval_is_widened():
    values = np.random.default_rng(0).normal(0.9, 0.05, 1000)
    shares = Shares(0.05, {"cnn": widened(Resampled(0.9, values), 9.0)}, 0.05, {})
    words = alone_sentence(shares, SimpleNamespace(has_folds=True), ["cnn"], 12)
    assert re.search(r"the CNN answers 90 \([1-8]\d to 100\) alone", words.replace("\N{NO-BREAK SPACE}", " "))


def test_images_answered_alone_are_those_of_the_promise(words, calibrations):
    risk = int(re.search(r"With at most (\d+) % errors(?: \(95 % confidence\))?, of 100 images", words)[1]) / 100
    found = re.search(
        r"the CNN answers (\d+) \((\d+) to (\d+)\) and the BNN answers (\d+) \((\d+) to (\d+)\) alone", words
    )
    for model, shown in (("cnn", found.groups()[:3]), ("bnn", found.groups()[3:])):
        promises = [make_promise(calibrations[model, seed], Terms(risk)).acceptance.coverage for seed in SEEDS]
        share, low, high = map(int, shown)
        assert share == pytest.approx(100 * np.mean(promises), abs=0.5001)
        assert low <= share <= high

    def possible(risk):
        return [make_promise(one, Terms(risk)).acceptance.is_possible for one in calibrations.values()]

    assert all(possible(risk)) if risk > 0.05 else any(possible(0.05))
    if risk > 0.05:
        assert not any(possible(0.05))
        assert not all(possible(risk - 0.01))
        assert "That is the lowest risk that both can keep." in words
        assert "so the confidence is below the 95 % of a risk that is chosen beforehand" in words
    assert ("% errors (95 % confidence), of 100" in words) == (risk == 0.05)


def judged_auroc_of(one):
    """By the score that tells one half of the strangers best from validation images, on the other half and test images."""
    name = max(one.validation.scores, key=lambda name: auroc(one.validation.scores[name], one.choosing.scores[name]))
    return auroc(one.test.scores[name], one.judging.scores[name])


def test_strangers_are_those_that_pass_the_alarms(words, calibrations):
    found = re.search(
        r"Of 100 images of no known class (\d+) \(\d+ to \d+\) pass the CNN and (\d+) \(\d+ to \d+\) pass", words
    )
    for model, shown in zip(("cnn", "bnn"), found.groups(), strict=True):
        alarms = [make_promise(calibrations[model, seed], Terms()).alarm for seed in SEEDS]
        assert int(shown) == pytest.approx(
            100 * np.mean([one.num_passed / one.num_judged for one in alarms]), abs=0.5001
        )
    found = re.search(r"AUROC by the score that suits each, .*?: ([\d.]+) \(.*?\) for the CNN and ([\d.]+) \(", words)
    for model, shown in zip(("cnn", "bnn"), found.groups(), strict=True):
        mean = np.mean([judged_auroc_of(calibrations[model, seed]) for seed in SEEDS])
        assert float(shown) == pytest.approx(mean, abs=5.1e-4)


def test_without_validation_images_to_choose_by_strangers_are_told_by_entropy(grid_workdir):
    answers = [answers_of(run) for run in load_runs(grid_workdir, None).runs if run.n_per_class == 40]
    unchosen = Comparison([dataclasses.replace(one, validation=None) for one in answers])
    found = strangers_sentence(None, unchosen, Pair(unchosen, "bnn", "cnn"), 40)
    means = [unchosen.figure(name, 40, "auroc_predictive_entropy").interval.estimate for name in ("cnn", "bnn")]
    assert re.findall(r"([\d.]+) \(", found) == [f"{mean:.3f}" for mean in means]
    assert found.startswith("AUROC by predictive entropy: ")
    nobody = Comparison([dataclasses.replace(one, ood=None) for one in answers])
    assert strangers_sentence(None, nobody, Pair(nobody, "bnn", "cnn"), 40) == ""


def test_the_whole_run_is_timed(words, records):
    whole = [
        np.mean([records[m, s]["train_seconds"] + records[m, s]["predict_seconds"] for s in SEEDS])
        for m in ("bnn", "cnn")
    ]
    assert (
        f"A whole run, with training and all answers, takes the BNN {whole[0] / whole[1]:.1f} times as long as the CNN"
        in words
    )
    for name, start in (("train_seconds", "Training"), ("predict_seconds", "Answering the test images")):
        own, other = (np.mean([records[m, s][name] for s in SEEDS]) for m in ("bnn", "cnn"))
        assert f"{start} takes {own / other:.1f} times as long (" in words


def test_the_differences_are_those_of_the_records_and_their_intervals_decide(words, records):
    text = re.search(r"BNN minus CNN: (.*?)\. Not shown to differ: ([^.]*)\.", words)
    gap = np.mean([records["bnn", seed]["nll"] - records["cnn", seed]["nll"] for seed in SEEDS])
    for label, value, low, high in re.findall(
        rf"([^;]+) is \+?({MINUS}?[\d.]+)(?: points)? \(({MINUS}?[\d.]+) to ({MINUS}?[\d.]+)\)", text[1]
    ):
        ends = [float(end.replace(MINUS, "-")) for end in (low, high)]
        assert ends[0] > 0 or ends[1] < 0, label
        if "NLL" in label:
            assert float(value.replace(MINUS, "-")) == pytest.approx(gap, abs=5.1e-4)
    assert "The rule: a model is advised if, with the most training images (40 images a class)" in words


def test_more_images_are_read_from_the_curve(words):
    assert re.search(r"To be as accurate as the BNN with 10 images a class \([\d.]+ %\), the CNN needs [\d.]+", words)


def test_one_size_says_that_images_cannot_be_traded_and_one_seed_that_it_may_be_luck(tmp_path, make_run):
    for model in ("cnn", "bnn"):
        make_run(tmp_path, model, 5, 0, num_examples=60, has_images=False)
    console = Console(width=400, file=io.StringIO())
    words = read(write_report(tmp_path, console)).words
    assert "cannot be said: that takes several sizes." in words
    assert "This rests on one training of each: another one may say otherwise." in words
    assert "an estimate, no promise." in words
    headline = next(line for line in console.file.getvalue().splitlines() if "This rests" in line)
    assert " ".join(headline.split()) in " ".join(words.split()).replace("\N{NO-BREAK SPACE}", " ")


def headline(*measured: Measured) -> str:
    ratios = {"run_seconds": TimeRatio(20.0, 10.0, 2.0, 2.0, 2)}
    pair = SimpleNamespace(model="bnn", reference="cnn", time_ratios=lambda size: ratios)
    return headline_words(decide(measured), pair, 5, 2)


def measure(label: str, low: float, high: float, p_value: float) -> Measured:
    return Measured(label, Interval((low + high) / 2, low, high), p_value, is_high_good=True)


def test_headlines():
    more, less = measure("AUROC", 0.06, 0.12, 0.001), measure("accuracy", -0.03, -0.01, 0.001)
    perhaps, unclear = measure("AURC", 0.01, 0.03, 0.04), measure("ECE", -1.0, 1.0, 0.9)
    assert (
        headline(more, unclear)
        == "Use the BNN: with 5 images a class it is better in AUROC, and shown to be worse in nothing."
    )
    assert (
        headline(less)
        == "Use the CNN: with 5 images a class it is better in accuracy, and shown to be worse in nothing."
    )
    assert headline(more, less).endswith("the BNN is better in AUROC, the CNN in accuracy.")
    assert headline(perhaps, unclear) == (
        "No advice: with 5 images a class the BNN seems better in AURC, but among 2 measures that may be luck. "
        "The CNN takes less time."
    )
    assert headline(perhaps, measure("NLL", -0.03, -0.01, 0.04), unclear).startswith(
        "No advice: with 5 images a class the BNN seems better in AURC and the CNN seems better in NLL, but among 3"
    )
    assert headline(unclear) == (
        "No difference between BNN and CNN is shown with 5 images a class, in any of 1 measures. The CNN takes less time."
    )
