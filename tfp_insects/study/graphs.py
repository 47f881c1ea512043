"""Frees the memory of networks that are no longer used."""

import contextlib
import gc
from collections.abc import Iterator

import tf_keras
from tensorflow.python.framework import ops

CUSTOM_GRADIENT = "CustomGradient-"


@contextlib.contextmanager
def graphs_forgotten() -> Iterator[None]:
    """Frees what networks made inside leave behind, once nothing else refers to them.

    TensorFlow registers each custom gradient of each traced graph for ever, and with it the graph and all weights that it
    reads (tensorflow/tensorflow#97697): half a gigabyte for a network of 60 million
    weights. There is no public way to take one back.
    """
    registered = ops.gradient_registry
    before = set(registered.list())
    try:
        yield
    finally:
        for name in set(registered.list()) - before:
            if name.startswith(CUSTOM_GRADIENT):
                registered._registry.pop(name)
        tf_keras.backend.clear_session()
        gc.collect()
