"""Images that one process has verified are taken by another without a look at them."""

import dataclasses

import numpy as np
import pytest

from tfp_insects.data.source import ImageSource, fingerprint, select
from tfp_insects.data.verification import verify_images
from tfp_insects.data.verified import take_verified, verified_in
from tfp_insects.errors import InputError


def with_a_bad_image(source: ImageSource) -> ImageSource:
    """The same, whose third image is none."""
    return dataclasses.replace(source, read=lambda index: b"" if index == 2 else source.read(index))


def never_read(index: int) -> bytes:
    raise AssertionError(f"image {index} was read")


def test_what_was_verified_is_the_same_without_reading_an_image(insects: ImageSource) -> None:
    opened = with_a_bad_image(insects)
    verified = verify_images(opened, "skip")
    taken = take_verified(dataclasses.replace(opened, read=never_read), verified_in(verified))
    assert taken.example_ids == verified.example_ids
    assert len(taken.example_ids) == len(insects.example_ids) - 1
    assert taken.labels.tolist() == verified.labels.tolist()
    assert fingerprint(taken) == fingerprint(verified)


def test_images_that_are_not_there_any_more_are_named(insects: ImageSource) -> None:
    known = verified_in(verify_images(insects))
    fewer = select(insects, np.arange(1, len(insects.example_ids)))
    with pytest.raises(
        InputError, match=rf"1 of {len(insects.example_ids)} images .* not there .*{insects.example_ids[0]}"
    ):
        take_verified(fewer, known)
