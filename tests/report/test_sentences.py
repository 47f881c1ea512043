from types import SimpleNamespace

import pytest

from tfp_insects.compare.learning_curve import Doubling, ImagesNeeded
from tfp_insects.compare.pair import Difference, TimeRatio
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.metrics.metric_table import table_metrics
from tfp_insects.report.sentences import (
    doubling_sentence,
    images_sentence,
    quality_sentence,
    quality_summary,
    time_sentence,
    time_summary,
)

NOTHING = Interval(0.0, -0.01, 0.01)


def twins(found: dict[int, dict[str, Interval]], ratios: dict[int, float] | None = None):
    """A pair with these differences, by size and metric."""

    def differences(size):
        return {one.name: Difference(one.name, found[size].get(one.name, NOTHING), 1) for one in table_metrics()}

    def time_ratios(size):
        ratio = (ratios or {})[size]
        return {
            "train_seconds": TimeRatio(10.0 * ratio, 10.0, 0.9 * ratio, 1.1 * ratio, 2),
            "seconds_per_step": TimeRatio(0.12, 0.1, 1.2, 1.2, 2),
        }

    return SimpleNamespace(
        model="bnn", reference="cnn", sizes=list(found), differences=differences, time_ratios=time_ratios
    )


def test_claims_what_the_interval_shows():
    found = {"accuracy": Interval(0.019, 0.004, 0.033), "nll": Interval(-0.067, -0.12, -0.01)}
    assert quality_sentence(twins({50: found}), 50) == (
        "With 50 images a class the BNN is 1.9 points more accurate than the CNN (95 % interval 0.4 to 3.3). "
        "Its NLL is 0.067 nats lower (0.010 to 0.120). "
        "No difference is shown in Brier score (−0.010 to 0.010), ECE (−1.0 to 1.0 points), AURC (−1.0 to 1.0 "
        "points) and coverage at 5 % risk (−1.0 to 1.0 points)."
    )


def test_less_is_told_without_signs():
    found = {"accuracy": Interval(-0.019, -0.033, -0.004), "ece": Interval(0.05, 0.01, 0.09)}
    text = quality_sentence(twins({50: found}), 50)
    assert "the BNN is 1.9 points less accurate than the CNN (95 % interval 0.4 to 3.3)." in text
    assert "Its ECE is 5.0 points higher (1.0 to 9.0)." in text


@pytest.mark.parametrize("ends", [(-0.001, 0.03), (0.0, 0.03), (-0.03, 0.0)])
def test_no_claim_where_the_interval_holds_zero(ends):
    found = {"accuracy": Interval(sum(ends) / 2, *ends)}
    text = quality_sentence(twins({5: found}), 5)
    assert "With 5 images a class no difference in accuracy is shown: BNN minus CNN is" in text
    assert "more accurate" not in text
    assert "less accurate" not in text


def test_no_claim_where_a_biased_estimate_lies_outside_its_interval():
    text = quality_sentence(twins({5: {"ece": Interval(-0.01, 0.02, 0.05)}}), 5)
    assert "ECE is" not in text
    assert "ECE (2.0 to 5.0 points)" in text


def test_summary_names_the_sizes():
    more, less = Interval(0.02, 0.01, 0.03), Interval(-0.02, -0.03, -0.01)
    found = {5: {"accuracy": more}, 10: {}, 50: {"accuracy": less, "nll": less}, 100: {"accuracy": more}}
    assert quality_summary(twins(found)) == [
        "The BNN is more accurate than the CNN with 5 and 100 and less with 50 images a class; "
        "with 10 no difference is shown.",
        "Its NLL is lower with 50 images a class; with 5, 10 and 100 no difference is shown. "
        "No difference in calibration error is shown at any of the 4 sizes.",
    ]


def test_summary_of_no_difference():
    lines = quality_summary(twins({5: {}, 10: {}}))
    assert lines[0] == "No difference in accuracy between BNN and CNN is shown at any of the 2 sizes."


def test_summary_of_one_size_is_its_sentence():
    one = twins({5: {}})
    assert quality_summary(one) == [quality_sentence(one, 5)]


def test_times():
    ratios = {5: 1.7, 50: 2.44}
    assert time_summary(twins({5: {}, 50: {}}, ratios)) == (
        "A training run of the BNN takes 1.7 to 2.4 times as long as one of the CNN, depending on the number of images."
    )
    one = twins({5: {}}, ratios)
    assert time_summary(one) == "A training run of the BNN takes 1.7 times as long as one of the CNN."
    assert time_sentence(one, 5) == (
        "With 5 images a class a training run of the BNN takes 1.7 times as long as one of the CNN "
        "(17 s against 10 s; 1.5 to 1.9 over 2 seeds); one step takes 1.2 times as long."
    )


@pytest.mark.parametrize(
    ("interval", "end"),
    [
        (Interval(30.4, 20.0, 45.0), "needs 30 (95 % interval 20 to 45): fewer images."),
        (Interval(80.0, 60.0, 100.0), "needs 80 (95 % interval 60 to 100 or more): more images."),
        (Interval(7.25, 5.0, 60.0), "needs 7.2 (95 % interval 5 or fewer to 60): no difference in the number of images is "
                                    "shown."),
    ],
)  # fmt: skip
def test_needed_images(interval, end):
    text = images_sentence(twins({50: {}}), ImagesNeeded(50, 0.5781, interval, 5, 100))
    assert text == f"To be as accurate as the CNN with 50 images a class (57.8 %), the BNN {end}"


def test_doubling_is_called_an_extrapolation():
    text = doubling_sentence([Doubling("cnn", 400, Interval(0.031, 0.024, 0.038))])
    assert "going from 400 to 800 images a class should bring the CNN 3.1 points of accuracy (2.4 to 3.8)." in text
    assert text.endswith("This is an extrapolation: no such run was made.")


def test_a_metric_of_the_table_that_a_pair_lacks_is_not_spoken_of():
    one = twins({5: {}})
    without = {name: found for name, found in one.differences(5).items() if name != "aurc"}
    text = quality_sentence(SimpleNamespace(**{**vars(one), "differences": lambda size: without}), 5)
    assert "ECE" in text
    assert "AURC" not in text


def test_images_of_no_known_class_are_spoken_of_where_they_were_given():
    one = twins({5: {}})
    auroc = Difference("auroc_predictive_entropy", Interval(0.095, 0.06, 0.13), 1)
    asked = {**one.differences(5), auroc.metric: auroc}
    text = quality_sentence(SimpleNamespace(**{**vars(one), "differences": lambda size: asked}), 5)
    assert "Its AUROC, predictive entropy is 0.095 higher (0.060 to 0.130)." in text
