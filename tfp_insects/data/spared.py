"""Images that are kept out of a comparison, since what is compared was chosen on them."""

import numpy as np

from tfp_insects.data.config import DataConfig
from tfp_insects.data.grouping import find_units
from tfp_insects.data.source import ImageSource, select
from tfp_insects.data.split import make_split


def without_validation_images(source: ImageSource, chosen_on: DataConfig) -> ImageSource:
    """The images that did not validate in another split, nor have the content or the capture group of one that did.

    Args:
        source: All images.
        chosen_on: How that split was cut: its seed, and its numbers of test and validation images of each class.

    Raises:
        InputError: The images do not suffice for that split.
    """
    split = make_split(
        source,
        num_test_per_class=chosen_on.num_test_per_class,
        num_validation_per_class=chosen_on.num_validation_per_class,
        max_n_per_class=1,
        split_seed=chosen_on.split_seed,
    )
    units = find_units(source, chosen_on.split_seed)
    return select(source, np.flatnonzero(~np.isin(units, units[split.validation])))
