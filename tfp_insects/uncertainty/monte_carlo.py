"""The predictive integral p(label | image) = E_q[p(label | image, weights)], by Monte Carlo.

Draws are outermost: each draw samples every Bayesian kernel, or dropout mask, once for all images, and then costs one plain
forward pass. What lies before the first of these layers is computed once for all draws. No Flipout signs are used, so an
image's answer depends neither on its batch nor on its place in it.

Draws of a Bayesian layer come in antithetic pairs: the second kernel is the mirror image of the first in the posterior's mean
(Hammersley and Morton 1956). Each draw still follows the posterior, but what is odd in the noise cancels in a pair's mean, so
that fewer draws are needed for the same error. Masks of dropout are paired likewise.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.models.alexnet import run_layers


class MonteCarloPredictor:
    """Class probabilities of a model under several draws of its weights.

    Args:
        model: Images to logits.
        fresh_noise: Whether each draw has normals of its own. If not, they are read from the table of the training steps,
            which is cheaper by a large factor and good enough to watch the training.
        activation: Applied to the model's outputs.
    """

    def __init__(
        self,
        model: tf_keras.Sequential,
        fresh_noise: bool = True,
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.softmax,
    ) -> None:
        self._activation = activation
        self._drawn = [layer for layer in model.layers if hasattr(layer, "sample_pair")]
        first = _first_to_run_again(model.layers)
        self._fresh_noise = fresh_noise
        self._fixed, self._random = model.layers[:first], model.layers[first:]
        self._sample = tf.function(self._sample_pairs)
        self._prefix = tf.function(self._run_prefix, reduce_retracing=True)
        self._suffix = tf.function(self._run_suffix, reduce_retracing=True)

    def predict(self, batches: Iterable[tuple[tf.Tensor, tf.Tensor]], num_samples: int, seed: int) -> np.ndarray:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
            num_samples: Draws of the weights; a model without random layers is run once, whatever is asked for. The last of
                an odd number has no mirror image.
            seed: Integer; equal seeds give equal draws. Without fresh noise it is not used: a draw's number alone decides.

        Returns:
            Probabilities, float32 `[num_samples, num_examples, num_classes]`, or what `activation` makes of the outputs.
        """
        if not self._drawn:
            return np.concatenate([self._prefix_probabilities(images) for images, _ in batches])[np.newaxis]
        inputs = [self._prefix(images) for images, _ in batches] if self._fixed else None
        draws = []
        for kernels in self._kernels(num_samples, seed):
            stream = inputs if inputs is not None else (images for images, _ in batches)
            draws.append(np.concatenate([self._suffix(batch, kernels).numpy() for batch in stream]))
        return np.stack(draws)

    def _kernels(self, num_samples: int, seed: int) -> Iterator[Mapping[str, tf.Tensor]]:
        """The kernels of one draw after the other."""
        for first in range(0, num_samples, 2):
            pairs = self._sample(tf.constant([seed, first // 2], tf.int32))
            for side in range(min(2, num_samples - first)):
                yield {name: pair[side] for name, pair in pairs.items()}

    def _prefix_probabilities(self, images: tf.Tensor) -> np.ndarray:
        return self._activation(self._prefix(images)).numpy()

    def _sample_pairs(self, seed: tf.Tensor) -> Mapping[str, tuple[tf.Tensor, tf.Tensor]]:
        if not self._fresh_noise:
            return {layer.name: layer.sample_pair_from_table(seed[1]) for layer in self._drawn}
        # Folding the layer's own number in keeps layers of equal shape apart.
        return {
            layer.name: layer.sample_pair(tf.random.experimental.stateless_fold_in(seed, i))
            for i, layer in enumerate(self._drawn)
        }

    def _run_prefix(self, images: tf.Tensor) -> tf.Tensor:
        return run_layers(self._fixed, images, {})

    def _run_suffix(self, inputs: tf.Tensor, kernels: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return self._activation(run_layers(self._random, inputs, kernels))


def _first_to_run_again(layers: Sequence[tf_keras.layers.Layer]) -> int:
    """Place of the first layer whose outputs are not worth keeping for all draws."""
    first = next((i for i, layer in enumerate(layers) if hasattr(layer, "sample_pair")), len(layers))
    # What only pads or reshapes costs nothing, but its outputs for many images fill the memory.
    return first if any(layer.weights for layer in layers[:first]) else 0
