"""The Bayesian twin."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.noise import NoiseTable
from tfp_insects.bayes.priors import LOG_UNIFORM
from tfp_insects.bayes.variational_kernel import VariationalKernel
from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.network import build_sequential
from tfp_insects.models.architecture import Group, NetworkSpec
from tfp_insects.models.initial_weights import initializer, layer_seed


@dataclasses.dataclass(frozen=True)
class Bayesian:
    """Which layers are Bayesian, and how.

    Attributes:
        layers: Scope, see `Architecture.layers_in`.
        body: Plain configuration (`priors.Variational` without `num_train_examples`) of all Bayesian layers but the last.
        head: The same for the last layer, which is new and has no pretrained weights.
        features: The same for the convolutions, where they differ from the body.
    """

    layers: str
    body: Mapping[str, Any]
    head: Mapping[str, Any]
    features: Mapping[str, Any] | None = None

    def of_group(self, group: Group) -> Mapping[str, Any]:
        """The configuration of the layers of a group."""
        if group == "head":
            return self.head
        return self.features if self.features and group == "features" else self.body


def make_bayesian(section: Mapping[str, Any], layers: str, is_pretrained: bool) -> Bayesian:
    """Reads the section `bnn` of a configuration for a scope, with and without pretrained weights."""
    if not is_pretrained:
        return Bayesian(layers, section["body_from_scratch"], section["head"])
    return Bayesian(layers, section["body"], section["head"], section.get("features"))


def build_bnn(spec: NetworkSpec, bayesian: Bayesian, num_train_examples: int, seed: int) -> tf_keras.Sequential:
    """AlexNet with Flipout layers, no dropout; layers outside the scope are the CNN's.

    Args:
        spec: The design, its widths, input and precision.
        bayesian: Scope, priors and posteriors.
        num_train_examples: Number of training images, by which the divergence is divided.
        seed: Integer that determines initial weights, noise and signs.

    Raises:
        InputError: The head's prior is log-uniform, or another layer asks for a covariance.
    """
    if bayesian.head["prior"]["kind"] == LOG_UNIFORM:
        raise InputError(
            f"--config.bnn.head.prior.kind={LOG_UNIFORM}: the last layer starts at a mean of 0, and a share of 0 is no "
            "noise at all; give it a normal prior, such as scaled_normal"
        )
    for section in ("body", "features"):
        if (getattr(bayesian, section) or {}).get("covariance_scale"):
            raise InputError(
                f"--config.bnn.{section}.covariance_scale: only the last layer has a covariance "
                "(--config.bnn.head.covariance_scale); leave it at 0 here"
            )
    names = spec.architecture.layers_in(bayesian.layers)

    def make(flipout: type, deterministic: type, *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        start = tf_keras.initializers.Zeros() if name == spec.architecture.head else initializer(name, seed)
        if name not in names:
            return deterministic(*sizes, name=name, kernel_initializer=start, **kwargs)
        config = bayesian.of_group(spec.architecture.group_of(name))
        variational = {**config, "num_train_examples": num_train_examples}
        return flipout(
            *sizes, name=name, kernel_initializer=start, variational=variational, seed=layer_seed(name, seed), **kwargs
        )

    model = build_sequential(
        spec,
        lambda *sizes, **kwargs: make(Convolution2DFlipout, tf_keras.layers.Conv2D, *sizes, **kwargs),
        lambda *sizes, **kwargs: make(DenseFlipout, tf_keras.layers.Dense, *sizes, **kwargs),
    )
    _share_noise(model, seed)
    return model


def bayesian_layers(model: tf_keras.Model) -> list[VariationalKernel]:
    """The model's Bayesian layers, from input to output; none for the CNN."""
    return [layer for layer in model.layers if isinstance(layer, VariationalKernel)]


def layers_with_prior(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """Layers whose losses hold a weighted divergence from a prior: Bayesian ones, and those of `l2sp`."""
    return [layer for layer in model.layers if hasattr(layer, "kl_weight")]


def kl_divergence(model: tf_keras.Model) -> tf.Tensor:
    """KL(posterior || prior) in nats over all layers with a prior, float32 scalar, not weighted; 0 for the CNN."""
    return tf.add_n([tf.zeros([]), *[layer.kl_divergence() for layer in layers_with_prior(model)]])


def set_kl_weight(model: tf_keras.Model, weight: float) -> None:
    """Sets the weight of the divergence in the loss; it takes effect in compiled steps too."""
    for layer in layers_with_prior(model):
        layer.kl_weight.assign(weight)


def _share_noise(model: tf_keras.Model, seed: int) -> None:
    layers = bayesian_layers(model)
    lengths = [layer.loc.shape.num_elements() for layer in layers]
    table = NoiseTable(sum(lengths), max(lengths), seed, layers[0].compute_dtype)
    for i, layer in enumerate(layers):
        layer.use_noise_table(table, position=sum(lengths[:i]))
