"""Whether a run learned anything that helps: a network can end with finite weights that are of no use."""

import math
from collections.abc import Mapping
from typing import Any


def guessing_nll(num_classes: int) -> float:
    """The NLL of who gives each class the same probability, ln(num_classes) nats an image, whatever the images are."""
    return math.log(num_classes)


def is_no_better_than_guessing(record: Mapping[str, Any]) -> bool:
    """Whether a run's predictions for its validation images, which chose the epoch, are as bad as a guess or worse."""
    return record["validation_nll"] >= guessing_nll(len(record["class_names"]))
