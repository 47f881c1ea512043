"""What a table says as a whole, on the page and on the terminal."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfp_insects.compare.folds import APPROXIMATE_BOUND
from tfp_insects.serving import wording
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.review import render
from tfp_insects.serving.summary import summarise

CARD = {
    "model": "bnn",
    "class_names": ["ant", "bee"],
    "test_confusion": [[45, 5], [10, 40]],
    "num_test_examples": 100,
    "accepted": {
        "risk": 0.05,
        "threshold": 0.9,
        "test": {"num_accepted": 60, "accuracy": {"estimate": 0.95, "low": 0.87, "high": 0.98}},
    },
    "training": {"drawn": False, "n_per_class": 5},
}


# As of now: with promises.
NEW_CARD = {
    **CARD,
    "accepted": {
        "risk": 0.05,
        "confidence_level": 0.95,
        "threshold": 0.9,
        "calibration": {
            **{"images": "test", "num_examples": 100, "num_accepted": 60, "num_errors": 0},
            **{"coverage": 0.6, "upper_bound": 0.0487},
        },
        "num_images_needed": None,
        "lowest_risk": None,
    },
    "alarm": {
        "label": "mutual information",
        "false_alarm_rate": 0.05,
        "false_alarm_interval": {"low": 0.02, "high": 0.09},
        "num_examples": 100,
        "unknown": {
            **{"data": "objects.zip", "num_judged": 50},
            "passed": {"count": 20, "estimate": 0.4, "low": 0.28, "high": 0.54},
            "accepted": {"count": 5, "estimate": 0.1, "low": 0.04, "high": 0.21},
        },
        "test_confusion": [[40, 0], [0, 40]],
    },
}
PROMISE = (
    "Of the other 890, at most 5% should be wrong: that is promised with a confidence of 95% of images of the known classes "
    "that are like the test images, of which 0 of 60 accepted answers were wrong."
)


def many_rows(count: int) -> Iterator[tuple[str, Answer]]:
    """Each tenth image is uncertain, the later the more; each hundredth is bad."""
    for i in range(count):
        if i % 100 == 7:
            yield f"{i}.jpg", Answer(error="bad")
        else:
            name = "ant" if i % 4 else "bee"
            yield f"{i}.jpg", Answer(name, 0.9, i / count, i / count, 0.0, accepted=i % 10 != 3)


def test_a_summary_keeps_the_most_uncertain_images_and_no_more() -> None:
    summary = summarise(many_rows(10_000), CARD, max_to_review=5)
    assert (summary.num_images, summary.num_errors, summary.num_to_review) == (10_000, 100, 1000)
    assert [path for path, _ in summary.to_review] == ["9993.jpg", "9983.jpg", "9973.jpg", "9963.jpg", "9953.jpg"]
    assert len(summary.errors) == 100
    assert {count.name: count.predicted for count in summary.counts} == {"ant": 7400, "bee": 2500}
    # By the confusion matrix, 90 % of ants and 20 % of bees are taken for ants.
    ants = summary.counts[0]
    assert ants.estimate == pytest.approx((7400 - 0.2 * 9900) / 0.7, rel=0.03)
    assert ants.low < ants.estimate < ants.high
    assert sum(count.estimate for count in summary.counts) == pytest.approx(9900)


def test_a_risk_below_one_per_cent_is_not_rounded_away() -> None:
    summary = summarise(many_rows(10), CARD, max_to_review=5)
    for threshold in (0.9, None):
        card = {**CARD, "accepted": {"risk": 0.005, "threshold": threshold}}
        assert re.search(r"risk (level )?of 0\.5%\.$", wording.review_share(summary, card))


def test_the_page_says_what_it_leaves_out_and_what_the_rest_is_worth() -> None:
    summary = summarise(many_rows(1000), CARD, max_to_review=5)

    def read(path: str) -> bytes:
        return b"no image"

    page = re.sub(r"\s+", " ", render(summary, CARD, read, Path("table.csv")))
    assert "100 of 990 images (10.1%) should be looked at" in page
    assert (
        "Of the other 890, 95.0% should be right (87.0% to 98.0%), as of the 60 accepted answers to test images" in page
    )
    assert "These are the 5 most uncertain; table.csv has all 100 of them" in page
    assert page.count("no picture") == 5
    nothing = summarise(iter([]), CARD, 5)
    assert "No image could be read." in render(nothing, CARD, read, Path("table.csv"))


def unknown_rows(count: int) -> Iterator[tuple[str, Answer]]:
    """The same, every uncertain image called unknown, the others not."""
    for path, answer in many_rows(count):
        yield path, answer if answer.error else dataclasses.replace(answer, unknown=not answer.accepted)


def test_the_bound_of_a_cross_validation_is_called_approximate() -> None:
    summary = summarise(many_rows(1000), NEW_CARD, max_to_review=5)
    folded = {**NEW_CARD, "accepted": {**NEW_CARD["accepted"], "is_approximate": True}}
    for sentence in (wording.promise_of_accepted, lambda card: wording.expected_accuracy(summary, card)):
        assert sentence(folded) == f"{sentence(NEW_CARD)} {APPROXIMATE_BOUND}"
        assert "approximate" not in sentence(NEW_CARD)


def test_images_that_are_called_unknown_are_counted_apart_and_shown() -> None:
    summary = summarise(unknown_rows(1000), NEW_CARD, max_to_review=5)
    assert (summary.num_unknown, summary.num_to_review) == (100, 100)
    assert sum(count.predicted for count in summary.counts) == 890
    # Of the images that were not called unknown no test image was mistaken; of all, every sixth was.
    for count in summary.counts:
        assert count.estimate == pytest.approx(count.predicted, rel=0.03)
    page = re.sub(r"\s+", " ", render(summary, NEW_CARD, lambda path: b"no image", Path("table.csv")))
    assert PROMISE in page
    assert "100 of 990 images (10.1%) are called unknown. Of images of the known classes at most 5% should be" in page
    assert "of 50 of objects.zip, 40.0% (28.0% to 54.0%) passed." in page
    assert page.count("unknown; most like") == 5
    assert '<th scope="row">(unknown)</th><td>100</td>' in page
    assert "Images that are called unknown are counted apart." in page


def test_the_page_of_a_model_that_accepts_nothing_says_what_would_help() -> None:
    accepted = {**NEW_CARD["accepted"], "threshold": None, "num_images_needed": 1234, "lowest_risk": 0.12}
    card = {**NEW_CARD, "accepted": accepted, "alarm": None}
    rows = ((path, dataclasses.replace(answer, accepted=False)) for path, answer in many_rows(100))
    page = re.sub(r"\s+", " ", render(summarise(rows, card, 5), card, lambda path: b"", Path("table.csv")))
    assert (
        "at a risk of 5%. About 1,234 test images would be needed. A risk of 12% can be had, with less confidence, since"
        in page
    )
    assert "called unknown" not in page
    assert "(unknown)" not in page
    none = {**card, "accepted": {**accepted, "num_images_needed": None, "lowest_risk": None}}
    assert wording.review_share(summarise(many_rows(10), none, 5), none).endswith(
        "More test images would not help: too many of the surest answers are wrong."
    )
