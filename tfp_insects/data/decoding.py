"""Decodes many images, several at a time."""

import collections
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from tfp_insects.data.images import decode_image


def decoded(contents: Iterable[bytes], image_size: int) -> Iterator[np.ndarray]:
    """Decodes images in as many threads as TensorFlow has, and holds no more of them than keep these busy.

    This is no pipeline of tf.data, which would trace, optimise and keep a graph for each iteration: for a few images that
    takes fifty times as long as to decode them.

    Args:
        contents: JPEG or PNG files, read one after the other in the caller's thread.
        image_size: The model's input size in pixels; see `decode_image`.

    Yields:
        uint8 `[height, width, 3]`, in the order of the contents.

    Raises:
        tf.errors.InvalidArgumentError: See `decode_image`.
    """
    num_threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    waiting: collections.deque[Future[np.ndarray]] = collections.deque()
    with ThreadPoolExecutor(num_threads) as threads:
        for content in contents:
            waiting.append(threads.submit(_decoded, content, image_size))
            if len(waiting) > 2 * num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _decoded(content: bytes, image_size: int) -> np.ndarray:
    with tf.device("CPU"):
        return _decode(tf.constant(content), tf.constant(image_size)).numpy()


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)], autograph=False)
def _decode(content: tf.Tensor, image_size: tf.Tensor) -> tf.Tensor:
    return decode_image(content, image_size)
