"""Sentences about a table of predictions, for the terminal and for the page alike."""

from collections.abc import Mapping
from typing import Any

from tfp_insects.serving.summary import Summary


def review_share(summary: Summary, card: Mapping[str, Any]) -> str:
    """How many images a person should look at."""
    num_read = summary.num_images - summary.num_errors
    if num_read == 0:
        return "No image could be read."
    share = f"{summary.num_to_review:,} of {num_read:,} images ({summary.num_to_review / num_read:.1%})"
    risk = f"{100 * card['accepted']['risk']:g}%"
    if card["accepted"]["threshold"] is None:
        return (
            f"{share} should be looked at: this model has no answer that it could be trusted with at a risk of {risk}."
        )
    return f"{share} should be looked at: their answers are not trusted at the model's risk level of {risk}."


def expected_accuracy(summary: Summary, card: Mapping[str, Any]) -> str:
    """What accuracy is to be expected on the other images; empty where there are none."""
    accuracy, num_test = card["accepted"]["test"]["accuracy"], card["accepted"]["test"]["num_accepted"]
    if summary.num_accepted == 0:
        return ""
    if accuracy is None:
        return f"Of the other {summary.num_accepted:,}, no accuracy is known: no answer to a test image was accepted."
    return (
        f"Of the other {summary.num_accepted:,}, {accuracy['estimate']:.1%} should be right "
        f"({accuracy['low']:.1%} to {accuracy['high']:.1%}), as of the {num_test:,} accepted answers to test images; "
        "if these images are like those."
    )


def unread(summary: Summary) -> str:
    """How many images could not be read."""
    return (
        "1 image could not be read" if summary.num_errors == 1 else f"{summary.num_errors:,} images could not be read"
    )


def counts_note(card: Mapping[str, Any]) -> str:
    """What stands behind corrected counts."""
    return (
        f"Estimate: corrected for the errors on {card['num_test_examples']:,} test images, with 95 % intervals. It holds if "
        "the model errs here as it did there, and if every image shows one of its classes."
    )
