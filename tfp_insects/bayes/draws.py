"""Which kernel a random layer uses in a pass: one that is given, the one that this pass has drawn already, or a new one.

A pass is one call of the outermost Keras layer or model, nested ones included. Keras itself says where one begins: there it
forgets the losses of the pass before. So a draw lives as long as the divergence that was added with it, and a layer that is
called several times in a pass finds both. Nothing is kept for layers that are called once.
"""

import contextlib
import contextvars
import types
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import tensorflow as tf
import tf_keras

Kernels = Mapping[tf_keras.layers.Layer, tf.Tensor]

_GIVEN: contextvars.ContextVar[Kernels] = contextvars.ContextVar("given_kernels", default=types.MappingProxyType({}))
_DRAW = "_tfp_insects_draw"


class Draw(NamedTuple):
    """One draw of a kernel for a training pass.

    Attributes:
        mean: The posterior's mean, the kernel's shape, in the layer's compute type.
        perturbation: What is added to it, before signs; the same shape and type.
        step: int64 scalar, which the signs depend on.
    """

    mean: tf.Tensor
    perturbation: tf.Tensor
    step: tf.Tensor


@contextlib.contextmanager
def drawn_kernels(kernels: Kernels) -> Iterator[None]:
    """Within this context, layers use the given kernels instead of their posterior, however often they are called.

    Args:
        kernels: By layer; a kernel for a Bayesian one, a mask for one of dropout, as `sample_pair` makes them. Layers that
            are not named do as usual.
    """
    token = _GIVEN.set({**_GIVEN.get(), **kernels})
    try:
        yield
    finally:
        _GIVEN.reset(token)


def given_kernel(layer: tf_keras.layers.Layer) -> tf.Tensor | None:
    """The kernel that `drawn_kernels` gives a layer, if any."""
    return _GIVEN.get().get(layer)


def draw_of_this_pass(layer: tf_keras.layers.Layer) -> Draw | None:
    """What a layer has drawn in this pass, if it has been called before; its divergence is in the losses then."""
    for loss in layer.losses:
        draw = getattr(loss, _DRAW, None)
        # A model that is put together with `training=True` leaves losses of a graph that is gone.
        if draw is not None and _is_within_reach(loss):
            return draw
    return None


def keep_for_this_pass(divergence: tf.Tensor, draw: Draw) -> None:
    """Lets further calls of a layer find a draw, as long as its divergence is in the losses."""
    setattr(divergence, _DRAW, draw)


def _is_within_reach(tensor: tf.Tensor) -> bool:
    if tf.executing_eagerly():
        return not tf.is_symbolic_tensor(tensor)
    return tf.is_symbolic_tensor(tensor) and tensor.graph is tf.compat.v1.get_default_graph()
