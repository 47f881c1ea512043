"""What is known of images once they are verified, by which other processes take them without reading each."""

import dataclasses
import socket

import numpy as np

from tfp_insects.data.readers.names import listing
from tfp_insects.data.source import ImageSource, content_digests, select
from tfp_insects.errors import InputError

NUM_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Verified:
    """Images that can be decoded.

    Attributes:
        example_ids: Their ids.
        digests: SHA-256 of each one's encoded bytes.
    """

    example_ids: tuple[str, ...]
    digests: tuple[bytes, ...]


def verified_in(source: ImageSource) -> Verified:
    """What is known of a source that `verify_images` gave."""
    return Verified(source.example_ids, content_digests(source))


def take_verified(source: ImageSource, verified: Verified) -> ImageSource:
    """The images of a source that were verified, by another process, with their digests.

    Args:
        source: The same images, opened anew.
        verified: What is known of them.

    Raises:
        InputError: Some of them are not there.
    """
    places = {example_id: place for place, example_id in enumerate(source.example_ids)}
    missing = [example_id for example_id in verified.example_ids if example_id not in places]
    if missing:
        raise InputError(
            f"{source.name}: {len(missing):,} of {len(verified.example_ids):,} images that the command verified are not "
            f"there on {socket.gethostname()} ({listing(missing, NUM_NAMED)}). Put the images on storage that all machines "
            "share, and leave them as they are while runs are made",
            field="data",
        )
    kept = select(source, np.array([places[example_id] for example_id in verified.example_ids], np.int64))
    return dataclasses.replace(kept, digests=verified.digests)
