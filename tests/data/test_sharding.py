"""Batches are dealt out so that each image is with exactly one replica, as numpy splits arrays."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.data.features import FeaturePipeline, FeatureStore
from tfp_insects.data.pipeline import Augmentation, Examples, Preprocessing, TrainingPipeline
from tfp_insects.data.sharding import Sharding, Share
from tfp_insects.data.source import ImageSource

SIZE = 8
# Replicas of all processes, and how many each process has.
CLUSTERS = [(2, 1), (4, 2), (3, 1), (5, 1), (6, 3), (2, 2)]


def shardings(num_replicas: int, num_local: int) -> list[Sharding]:
    return [Sharding(num_replicas, first, num_local) for first in range(0, num_replicas, num_local)]


def counted(batch: np.ndarray, share: Share) -> np.ndarray:
    """What of a process's batch its replicas count."""
    assert len(batch) == share.stop - share.start
    return batch[: sum(share.counts)]


def batch_sizes(num_examples: int, batch_size: int) -> list[int]:
    return [min(batch_size, num_examples - first) for first in range(0, num_examples, batch_size)]


@pytest.mark.parametrize(("num_replicas", "num_local"), CLUSTERS)
def test_each_image_of_a_batch_is_with_one_replica(num_replicas: int, num_local: int) -> None:
    for size in range(1, 3 * num_replicas + 1):
        shares = [one.share(size) for one in shardings(num_replicas, num_local)]
        assert all(share.size == size for share in shares)
        pieces = [len(piece) for piece in np.array_split(np.arange(size), num_replicas)]
        assert [count for share in shares for count in share.counts] == pieces
        own = [counted(np.arange(size)[share.start : share.stop], share) for share in shares]
        np.testing.assert_array_equal(np.concatenate(own), np.arange(size))
        assert all(share.start < share.stop for share in shares), "a process without an image"


@pytest.mark.parametrize(("num_replicas", "num_local"), CLUSTERS)
def test_a_later_batch_has_no_larger_share(num_replicas: int, num_local: int) -> None:
    for sharding in shardings(num_replicas, num_local):
        lengths = [share.stop - share.start for size in range(1, 40) for share in [sharding.share(size)]]
        assert lengths == sorted(lengths)


def numbered_images(count: int, seed: int = 0) -> Examples:
    """Images that are known again: a gradient that tells how it was moved, and blue tells which it is."""

    def read(index: int) -> bytes:
        pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
        pixels[..., 0] = 20 * np.arange(SIZE)
        pixels[..., 1] = 20 * np.arange(SIZE)[:, np.newaxis]
        pixels[..., 2] = index
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        return stream.getvalue()

    ids = tuple(f"a/{i:04}.png" for i in range(count))
    source = ImageSource("test", ("a",), ids, np.zeros(count, np.int32), None, read)
    return Examples(source, np.arange(count), np.arange(count, dtype=np.int32))


def image_pipeline(examples: Examples, batch_size: int, sharding: Sharding) -> TrainingPipeline:
    preprocessing = Preprocessing(SIZE, mean=(0.0,) * 3, std=(1 / 255,) * 3)
    return TrainingPipeline(examples, preprocessing, Augmentation(shift=0.3), batch_size, 5, sharding=sharding)


def feature_pipeline(examples: Examples, batch_size: int, sharding: Sharding) -> FeaturePipeline:
    features = np.float32(np.random.default_rng(0).normal(size=(len(examples), 3)))
    store = FeatureStore([features], examples.labels, 10_000, Path())
    return FeaturePipeline(store, batch_size, 5, sharding)


def as_batches(pairs: Iterable[tuple[tf.Tensor, tf.Tensor]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(inputs), np.asarray(labels)) for inputs, labels in pairs]


@pytest.mark.parametrize("make", [image_pipeline, feature_pipeline])
@pytest.mark.parametrize(("num_replicas", "num_local"), [(2, 1), (6, 3)])
@pytest.mark.parametrize(("num_examples", "batch_size"), [(23, 8), (13, 12)])
def test_processes_read_what_one_alone_reads_and_nothing_twice(
    make, num_replicas: int, num_local: int, num_examples: int, batch_size: int
) -> None:
    examples = numbered_images(num_examples)
    for epoch in (0, 3) if make is feature_pipeline else (3,):
        whole = as_batches(make(examples, batch_size, Sharding()).epoch(epoch))
        parts = []
        for sharding in shardings(num_replicas, num_local):
            pipeline = make(examples, batch_size, sharding)
            assert (pipeline.num_examples, pipeline.steps_per_epoch) == (num_examples, len(whole))
            parts.append((sharding, as_batches(pipeline.epoch(epoch))))
            assert len(parts[-1][1]) == len(whole)
        seen = []
        for step, size in enumerate(batch_sizes(num_examples, batch_size)):
            for place in range(2):  # Images, changed as they are at their place of the whole batch, and labels.
                own = [counted(batches[step][place], sharding.share(size)) for sharding, batches in parts]
                np.testing.assert_array_equal(np.concatenate(own), whole[step][place])
            seen.extend(np.concatenate(own).tolist())
        assert sorted(seen) == list(range(num_examples))
