"""The Bayesian twin of a model."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.conversion import DROPOUT_LAYERS, Choice, Entry, check_dropout, choose, list_layers
from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import all_layers, bayesian_layers
from tfp_insects.bayes.graph import is_graph
from tfp_insects.bayes.noise import NoiseTable, layer_seed
from tfp_insects.bayes.priors import LOG_UNIFORM, Prior, Variational
from tfp_insects.bayes.variational_kernel import VariationalKernel

Layer: TypeAlias = tf_keras.layers.Layer
Specification = Variational | Callable[[Layer], Variational]

# A prior ten times as wide as each weight, so that it holds no weight back, and noise of a tenth of it.
NEAR_THE_MODEL = Variational(
    prior=Prior("pretrained", scale=10.0),
    num_train_examples=1,
    posterior_ratio=0.01,
    scale_per_weight=False,
    learn_scale=False,
)


def to_bayesian(
    model: tf_keras.Model,
    *,
    num_train_examples: int,
    layers: Choice = "all",
    variational: Specification = NEAR_THE_MODEL,
    dropout: str = "keep",
    seed: int = 0,
) -> tf_keras.Model:
    """Makes the Bayesian twin of a Sequential or Functional model, nested ones included; the model itself stays as it is.

    `Dense` and `Conv2D` become `DenseFlipout` and `Convolution2DFlipout` of the same name, activation, dtype policy and other
    arguments, whose posterior is centred on the model's weights. All other layers are copied with their weights and states;
    `list_conversion` says which they are and why. A layer that is called several times in a pass has one draw there, and its
    divergence is counted once. So is a nested model's.

    With the noise times zero the twin is the model. It is not compiled: compile it with the loss that the model's outputs ask
    for, see `outputs`, and `fit` minimises the negative evidence lower bound.

    What becomes of the rest: `trainable` is kept. The regularizers of a kernel and its bias are left out, since the prior
    takes their place; those of its outputs are kept. A layer with a constraint stays as it is: a draw would not keep it.

    Args:
        model: Built. Its last activation may be none, softmax or sigmoid.
        num_train_examples: Number of training examples, by which the divergence is divided.
        layers: Which layers become Bayesian: `all` that can and are not frozen, the `last` of these, a list of names
            (`dense`, or `base/dense` in a nested model), or a function from a layer to whether it does. Names and a function
            may choose frozen layers too: these have noise, and do not learn.
        variational: Prior and posterior of each kernel, or a function that gives a layer its own. The number of training
            examples that it names is replaced. `starts_at_zero` has the kernel start at zero instead of at the model's.
        dropout: `keep` layers of dropout, or `drop` them, since noise of the weights takes their place.
        seed: Integer that determines noise and signs.

    Returns:
        The twin: a model of the same kind, with the same names of layers.

    Raises:
        TypeError: No model of `tf_keras`.
        ValueError: A subclassed or unbuilt model; an argument with a value out of range; names of layers that are unknown
            or cannot become Bayesian; a layer that cannot be copied, or a specification that does not suit its layer.
    """
    _check_model(model)
    check_dropout(dropout)
    if num_train_examples < 1:
        raise ValueError(f"num_train_examples: expected at least 1, got {num_train_examples}")
    entries = list_layers(model)
    chosen = choose(entries, layers)
    converter = _Converter(entries, chosen, variational, num_train_examples, dropout == "drop", seed)
    twin = converter.clone(model)
    if not twin.built:
        twin.build(model.input_shape)
    converter.copy_state(model, twin)
    share_noise(twin, seed)
    return twin


def share_noise(model: tf_keras.Model, seed: int) -> None:
    """Has the Bayesian layers of a model read their training noise from one table, each at a place of its own."""
    layers = bayesian_layers(model)
    lengths = [layer.loc.shape.num_elements() for layer in layers]
    table = NoiseTable(sum(lengths), max(lengths), seed, layers[0].compute_dtype)
    for i, layer in enumerate(layers):
        layer.use_noise_table(table, position=sum(lengths[:i]))


class _Converter:
    """Clones models, and remembers what became of each layer, so that shared ones stay shared."""

    def __init__(
        self,
        entries: list[Entry],
        chosen: list[Layer],
        variational: Specification,
        num_train_examples: int,
        drops_dropout: bool,
        seed: int,
    ) -> None:
        self._paths = {id(layer): path for path, layer in entries}
        self._specifications = {
            id(layer): _specification(layer, variational, num_train_examples, is_last=layer is chosen[-1])
            for layer in chosen
        }
        self._drops_dropout = drops_dropout
        self._seed = seed
        self._made: dict[int, tuple[Layer, Layer]] = {}

    def clone(self, model: tf_keras.Model) -> tf_keras.Model:
        """Clones a model, or a model nested in it."""
        return tf_keras.models.clone_model(model, clone_function=self._convert)

    def copy_state(self, model: tf_keras.Model, twin: tf_keras.Model) -> None:
        """Starts all layers at the weights of those that they were made of, and trains those that were trained."""
        twin.trainable = model.trainable  # It sets all layers within, so they come after it.
        for layer in model.layers:
            made = self._made.get(id(layer), (layer, None))[1]
            if made is None:  # Input layers have no state.
                continue
            if is_graph(layer):
                self.copy_state(layer, made)
            else:
                self._copy_layer_state(layer, made)

    def _convert(self, layer: Layer) -> Layer:
        if id(layer) not in self._made:
            self._made[id(layer)] = layer, self._make(layer)
        return self._made[id(layer)][1]

    def _make(self, layer: Layer) -> Layer:
        if is_graph(layer):
            return self.clone(layer)
        if id(layer) in self._specifications:
            return _counterpart(layer, self._specifications[id(layer)], layer_seed(self._path(layer), self._seed))
        if self._drops_dropout and isinstance(layer, DROPOUT_LAYERS):
            return tf_keras.layers.Identity(name=layer.name, dtype=layer.get_config()["dtype"])
        return self._copy(layer)

    def _copy(self, layer: Layer) -> Layer:
        try:
            return type(layer).from_config(layer.get_config())
        except (NotImplementedError, TypeError, ValueError, KeyError) as error:
            raise ValueError(self._cannot_copy(layer, error)) from error

    def _copy_layer_state(self, layer: Layer, made: Layer) -> None:
        made.trainable = layer.trainable
        if id(layer) in self._specifications:
            if not made.variational.starts_at_zero:
                kernel, bias = (
                    None if one is None else one.numpy().astype(np.float32, copy=False)
                    for one in (layer.kernel, layer.bias)
                )
                made.centre_on(kernel, bias)
                made.kernel_initializer = _fresh(layer.kernel_initializer)
            return
        if not (self._drops_dropout and isinstance(layer, DROPOUT_LAYERS)):
            try:
                for old, new in zip(all_layers(layer), all_layers(made), strict=True):
                    _copy_own_state(old, new)
            except (ValueError, KeyError) as error:
                raise ValueError(self._cannot_copy(layer, error)) from error

    def _cannot_copy(self, layer: Layer, error: Exception) -> str:
        return (
            f"layer {self._path(layer)!r} ({type(layer).__name__}) cannot be copied: give its class a get_config from which "
            f"from_config makes the same layer again ({error})"
        )

    def _path(self, layer: Layer) -> str:
        return self._paths.get(id(layer), layer.name)


def _copy_own_state(layer: Layer, made: Layer) -> None:
    """Copies what a layer has without the layers within, as Keras writes it to a file and reads it."""
    made.trainable = layer.trainable
    state: dict[str, np.ndarray] = {}
    layer.save_own_variables(state)
    made.load_own_variables(state)


def _counterpart(layer: Layer, variational: Variational, seed: int) -> VariationalKernel:
    """The Bayesian layer for a deterministic one, before it has the weights."""
    common = {
        "name": layer.name,
        "dtype": layer.get_config()["dtype"],
        "activation": layer.activation,
        "activity_regularizer": layer.activity_regularizer,
        "use_bias": layer.use_bias,
        "kernel_initializer": "zeros",  # The weights come later: drawing millions in their place would take seconds.
        "variational": variational,
        "seed": seed,
    }
    if isinstance(layer, tf_keras.layers.Dense):
        return DenseFlipout(layer.units, **common)
    return Convolution2DFlipout(
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        **common,
    )


def _fresh(initializer: Any) -> Any:
    """The same initialiser anew: Keras warns where one without a seed is used twice."""
    return (
        type(initializer).from_config(initializer.get_config()) if hasattr(initializer, "get_config") else initializer
    )


def _specification(layer: Layer, variational: Specification, num_train_examples: int, is_last: bool) -> Variational:
    """A layer's own specification, checked against the layer."""
    found = variational(layer) if callable(variational) else variational
    if not isinstance(found, Variational):
        raise TypeError(f"variational: expected a Variational for layer {layer.name!r}, got {found!r}")
    if found.covariance_scale and not (is_last and isinstance(layer, tf_keras.layers.Dense)):
        raise ValueError(
            f"variational: layer {layer.name!r} cannot have a covariance_scale; only the last Bayesian layer can, if it is "
            "dense"
        )
    if found.prior.kind in ("pretrained", LOG_UNIFORM) and (
        found.starts_at_zero or not tf.reduce_any(layer.kernel != 0.0)
    ):
        raise ValueError(
            f"variational: the kernel of layer {layer.name!r} starts at zero, and a prior of kind {found.prior.kind!r} takes "
            "its scale from the kernel; give it another, such as Prior('scaled_normal')"
        )
    return dataclasses.replace(found, num_train_examples=num_train_examples)


def _check_model(model: Any) -> None:
    """Refuses what is no built Sequential or Functional model of tf_keras."""
    if not isinstance(model, tf_keras.Model):
        raise TypeError(_no_model_of_tf_keras(model))
    if not model.built:
        raise ValueError(
            f"model {model.name!r} has no weights yet: build it, or call it on a batch of inputs, and try again"
        )
    if not is_graph(model):
        raise ValueError(
            f"model {model.name!r} ({type(model).__name__}) has a call of its own, which cannot be copied: expected a "
            "Sequential or Functional model; write the subclass with DenseFlipout and Convolution2DFlipout instead"
        )


def _no_model_of_tf_keras(model: Any) -> str:
    carry = (
        "build the same layers with tf_keras, and carry the weights over by "
        "tf_keras_model.set_weights(keras_model.get_weights())"
    )
    if isinstance(model, str | os.PathLike):
        return (
            f"model: expected a model, got the path {os.fspath(model)!r}: give tf_keras.models.load_model(path). If that "
            f"fails, the file may be Keras 3's: open it with keras.saving.load_model, {carry}"
        )
    if any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__):
        return f"model {model.name!r} is of Keras 3, for which TensorFlow Probability has no layers: {carry}"
    return f"model: expected a tf_keras model, got {type(model).__name__}"
