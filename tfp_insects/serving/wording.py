"""Sentences about a table of predictions and about what a model promises, for the terminal and for the page alike.

Cards of models that were exported before there were promises have no field `accepted.calibration`.
"""

from collections.abc import Mapping
from typing import Any

from tfp_insects.compare.folds import APPROXIMATE_BOUND
from tfp_insects.serving.summary import Summary

UNKNOWN = "(unknown)"  # What tables of counts call images of no known class.
Card = Mapping[str, Any]


def promise_of_accepted(card: Card) -> str:
    """How often accepted answers are wrong, and on what that rests; or why none is accepted, and what would help."""
    accepted = card["accepted"]
    risk, level, calibration = _per_cent(accepted["risk"]), accepted["confidence_level"], accepted["calibration"]
    if accepted["threshold"] is None:
        return (
            f"No answer is accepted: on {calibration['num_examples']:,} test images no threshold keeps to {risk} wrong "
            f"answers with a confidence of {_per_cent(level)}. {_what_would_help(card)}"
        )
    return (
        f"Accepted: {calibration['coverage']:.1%} of {calibration['num_examples']:,} test images. Of accepted answers to "
        f"images of the known classes at most {risk} are wrong, with a confidence of {_per_cent(level)}: of "
        f"{calibration['num_accepted']:,} here {calibration['num_errors']:,} were, so that the bound is "
        f"{calibration['upper_bound']:.1%}.{_approximate(card)}"
    )


def promise_of_alarm(card: Card) -> str:
    """How often images of known classes are called unknown, and how often others are not; or why none is."""
    alarm = card["alarm"]
    if alarm is None:
        return f"No image is called unknown: {card['alarm_obstacle']}."
    interval, unknown = alarm["false_alarm_interval"], alarm["unknown"]
    return (
        f"Called unknown by {alarm['label']}: at most {_per_cent(alarm['false_alarm_rate'])} of images of the known classes "
        f"({interval['low']:.1%} to {interval['high']:.1%}, by {alarm['num_examples']:,} test images). Of "
        f"{unknown['num_judged']:,} images of {unknown['data']} that did not choose the score, {_share(unknown['passed'])} "
        f"pass, and {_share(unknown['accepted'])} are accepted."
    )


def promise_of_sets(card: Card) -> str:
    """How often sets of classes hold the true one, and how large they are."""
    rule = card["prediction_sets"]
    return (
        f"Prediction sets hold the true class of {_per_cent(rule['coverage'])} of images of the known classes, in the mean "
        f"over calibrations such as this one on {rule['num_examples']:,} test images; there they have "
        f"{rule['mean_size']:.2f} classes of {len(card['class_names'])}."
    )


def review_share(summary: Summary, card: Card) -> str:
    """How many images a person should look at."""
    num_read = summary.num_images - summary.num_errors
    if num_read == 0:
        return "No image could be read."
    share = f"{summary.num_to_review:,} of {num_read:,} images ({summary.num_to_review / num_read:.1%})"
    risk = _per_cent(card["accepted"]["risk"])
    if card["accepted"]["threshold"] is None:
        none = (
            f"{share} should be looked at: this model has no answer that it could be trusted with at a risk of {risk}."
        )
        return f"{none} {_what_would_help(card)}" if "calibration" in card["accepted"] else none
    return f"{share} should be looked at: their answers are not trusted at the model's risk level of {risk}."


def expected_accuracy(summary: Summary, card: Card) -> str:
    """What is to be expected of the other images; empty where there are none."""
    if summary.num_accepted == 0:
        return ""
    if "calibration" not in card["accepted"]:
        return _accuracy_without_promise(summary, card)
    accepted, calibration = card["accepted"], card["accepted"]["calibration"]
    return (
        f"Of the other {summary.num_accepted:,}, at most {_per_cent(accepted['risk'])} should be wrong: that is promised "
        f"with a confidence of {_per_cent(accepted['confidence_level'])} of images of the known classes that are like the "
        f"test images, of which {calibration['num_errors']:,} of {calibration['num_accepted']:,} accepted answers were wrong."
        f"{_approximate(card)}"
    )


def unknown_share(summary: Summary, card: Card) -> str:
    """How many images are called unknown, and what that means; empty where the model has no alarm."""
    num_read = summary.num_images - summary.num_errors
    if summary.num_unknown is None or num_read == 0:
        return ""
    alarm = card["alarm"]
    passed = alarm["unknown"]["passed"]
    return (
        f"{summary.num_unknown:,} of {num_read:,} images ({summary.num_unknown / num_read:.1%}) are called unknown. Of "
        f"images of the known classes at most {_per_cent(alarm['false_alarm_rate'])} should be; of other images not all are: "
        f"of {alarm['unknown']['num_judged']:,} of {alarm['unknown']['data']}, {_share(passed)} passed."
    )


def unread(summary: Summary) -> str:
    """How many images could not be read."""
    return (
        "1 image could not be read" if summary.num_errors == 1 else f"{summary.num_errors:,} images could not be read"
    )


def counts_note(card: Card) -> str:
    """What stands behind corrected counts."""
    note = (
        f"Estimate: corrected for the errors on {card['num_test_examples']:,} test images, with 95 % intervals. It holds if "
        "the model errs here as it did there, and if every image shows one of its classes."
    )
    return f"{note} Images that are called unknown are counted apart." if card.get("alarm") else note


def _approximate(card: Card) -> str:
    """A sentence for models of a cross-validation, which older cards do not know."""
    return f" {APPROXIMATE_BOUND}" if card["accepted"].get("is_approximate") else ""


def _what_would_help(card: Card) -> str:
    needed, lowest = card["accepted"]["num_images_needed"], card["accepted"]["lowest_risk"]
    images = (
        "More test images would not help: too many of the surest answers are wrong."
        if needed is None
        else f"About {needed:,} test images would be needed."
    )
    if lowest is None:
        return images
    had = f"A risk of {_per_cent(lowest)} can be had"
    return f"{images} {had}, with less confidence, since these images were looked at for it."


def _accuracy_without_promise(summary: Summary, card: Card) -> str:
    accuracy, num_test = card["accepted"]["test"]["accuracy"], card["accepted"]["test"]["num_accepted"]
    if accuracy is None:
        return f"Of the other {summary.num_accepted:,}, no accuracy is known: no answer to a test image was accepted."
    return (
        f"Of the other {summary.num_accepted:,}, {accuracy['estimate']:.1%} should be right "
        f"({accuracy['low']:.1%} to {accuracy['high']:.1%}), as of the {num_test:,} accepted answers to test images; "
        "if these images are like those."
    )


def _share(share: Mapping[str, float]) -> str:
    return f"{share['estimate']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _per_cent(share: float) -> str:
    return f"{100 * share:g}%"
