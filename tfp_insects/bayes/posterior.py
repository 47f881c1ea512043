"""What a posterior has learnt about its weights: distributions of loc and scale, and which weights can go.

The signal-to-noise ratio of a weight is |loc| / scale; a weight whose sign is not known has a low one, and setting it to zero
should do little harm (Graves 2011; Blundell et al. 2015, section 5.1). Under a log-uniform prior it is one number for all
weights that share a ratio of scale to mean, and does not tell them apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.variational_kernel import VariationalKernel

BoolArray = npt.NDArray[np.bool_]

QUANTILES = (0.05, 0.5, 0.95)
PRUNED_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)


class LayerPosterior(NamedTuple):
    """The posterior of one layer's kernel.

    Attributes:
        name: The layer's.
        loc: float32 `[num_weights]`.
        scale: float32 `[num_weights]`.
        kl: KL(posterior || prior) in nats, summed over the kernel.
    """

    name: str
    loc: np.ndarray
    scale: np.ndarray
    kl: float


def layer_posteriors(model: tf_keras.Model) -> Iterator[LayerPosterior]:
    """The Bayesian layers' posteriors from input to output, one at a time, since they are large."""
    for layer in bayesian_layers(model):
        scale = np.broadcast_to(layer.posterior_scale().numpy(), layer.loc.shape)
        yield LayerPosterior(layer.name, layer.loc.numpy().ravel(), scale.ravel(), float(layer.kl_divergence()))


def signal_to_noise(loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Returns |loc| / scale, infinite where the scale is 0; float32, the arguments' shape."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(loc) / scale
    return np.where(scale == 0.0, np.float32(np.inf), ratio)


def summarise_layer(posterior: LayerPosterior) -> dict[str, float | int | str]:
    """Quantiles of loc, scale and signal-to-noise ratio over a layer's weights, and its divergence a weight, in nats."""
    values = {
        "loc": posterior.loc,
        "scale": posterior.scale,
        "snr": signal_to_noise(posterior.loc, posterior.scale),
    }
    quantiles = {
        f"{name}_q{round(100 * level):02d}": float(value)
        for name, array in values.items()
        for level, value in zip(QUANTILES, np.quantile(array, QUANTILES), strict=True)
    }
    num_weights = posterior.loc.size
    return {
        "layer": posterior.name,
        "num_weights": num_weights,
        **quantiles,
        "kl_per_weight": posterior.kl / num_weights,
    }


def kept_weights(ratios: np.ndarray, share: float) -> BoolArray:
    """Says which weights stay when the share with the lowest ratios goes; of equal ratios the first go first.

    Args:
        ratios: float `[num_weights]`.
        share: Between 0 and 1; `round(share * num_weights)` weights go.

    Returns:
        bool `[num_weights]`.

    Raises:
        ValueError: A share that is not between 0 and 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share: expected between 0 and 1, got {share}")
    num_pruned = round(share * ratios.size)
    if num_pruned == ratios.size:
        return np.zeros(ratios.shape, np.bool_)
    threshold = np.partition(ratios, num_pruned)[num_pruned]
    kept = ratios >= threshold
    surplus = num_pruned - int(ratios.size - kept.sum())
    kept[np.flatnonzero(ratios == threshold)[:surplus]] = False
    return kept


def predictions_when_pruned(
    model: tf_keras.Model,
    batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
    shares: Sequence[float] = PRUNED_SHARES,
) -> Iterator[tuple[float, np.ndarray]]:
    """Sets the weights of lowest signal-to-noise ratio to zero, over all Bayesian layers together, and predicts.

    The weights that stay are at the posterior's mean, so that nothing else differs between the shares.

    Args:
        model: Bayesian, to logits.
        batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
        shares: Of the weights that go.

    Yields:
        Each share, and class probabilities, float32 `[num_examples, num_classes]`.
    """
    layers = bayesian_layers(model)
    ratios = np.concatenate([signal_to_noise(one.loc, one.scale) for one in layer_posteriors(model)])

    @tf.function(autograph=False)
    def run(images: tf.Tensor, kernels: Sequence[tf.Tensor]) -> tf.Tensor:
        with drawn_kernels(dict(zip(layers, kernels, strict=True))):
            return tf.nn.softmax(model(images, training=False))

    for share in shares:
        kernels = _pruned_kernels(layers, kept_weights(ratios, share))
        yield share, np.concatenate([run(images, kernels).numpy() for images, _ in batches])


def _pruned_kernels(layers: Sequence[VariationalKernel], kept: BoolArray) -> list[tf.Tensor]:
    """The posterior's means with zeros where `kept`, `[num_weights]` over all layers, is false."""
    kernels, position = [], 0
    for layer in layers:
        size = layer.loc.shape.num_elements()
        mask = kept[position : position + size].reshape(layer.loc.shape)
        kernels.append(tf.cast(layer.loc * mask.astype(np.float32), layer.compute_dtype))
        position += size
    return kernels
