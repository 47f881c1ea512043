"""The predictive integral p(label | image) = E_q[p(label | image, weights)], by Monte Carlo.

Draws are outermost: each draw samples every Bayesian kernel, or dropout mask, once for all images, and then costs one plain
forward pass. What lies before the first of these layers is computed once for all draws. No Flipout signs are used, so an
image's answer depends neither on its batch nor on its place in it.

Draws of a Bayesian layer come in antithetic pairs: the second kernel is the mirror image of the first in the posterior's mean
(Hammersley and Morton 1956). Each draw still follows the posterior, but what is odd in the noise cancels in a pair's mean, so
that fewer draws are needed for the same error. Masks of dropout are paired likewise.

What lies before the last random layer is most of a pass (where that is the network's last layer, nearly all), so that several
draws of it for each draw of the others cost little and lower the error further. Each of them with what lies before it is a
draw from the posterior.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.models.alexnet.network import run_layers

Pair = tuple[tf.Tensor, tf.Tensor]


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
        last = model.layers.index(self._drawn[-1]) if self._drawn else len(model.layers)
        self._fresh_noise = fresh_noise
        self._fixed, self._shared, self._last = model.layers[:first], model.layers[first:last], model.layers[last:]
        self._sample = tf.function(self._sample_pairs, autograph=False)
        self._prefix = tf.function(self._run_prefix, reduce_retracing=True, autograph=False)
        self._suffix = tf.function(self._run_suffix, reduce_retracing=True, autograph=False)

    def predict(
        self,
        batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
        num_samples: int,
        seed: int,
        num_last_layer_samples: int = 1,
    ) -> np.ndarray:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
            num_samples: Draws of the weights; a model without random layers is run once, whatever is asked for. The last of
                an odd number has no mirror image.
            seed: Integer; equal seeds give equal draws. Without fresh noise it is not used: a draw's number alone decides.
            num_last_layer_samples: Draws of the last random layer for each draw of those before it; above 1 with fresh noise
                alone.

        Returns:
            Probabilities, float32 `[num_samples * num_last_layer_samples, num_examples, num_classes]`, or what `activation`
            makes of the outputs; `[1, num_examples, num_classes]` of a model without random layers.

        Raises:
            ValueError: Several draws of the last layer without fresh noise.
        """
        if num_last_layer_samples > 1 and not self._fresh_noise:
            raise ValueError(f"num_last_layer_samples is {num_last_layer_samples}; the table has noise for 1 alone")
        if not self._drawn:
            return np.concatenate([self._prefix_probabilities(images) for images, _ in batches])[np.newaxis]
        inputs = [self._prefix(images) for images, _ in batches] if self._fixed else None
        draws = []
        for kernels in self._kernels(num_samples, seed, num_last_layer_samples):
            stream = inputs if inputs is not None else (images for images, _ in batches)
            draws.append(np.concatenate([self._suffix(batch, *kernels).numpy() for batch in stream], axis=1))
            del kernels  # They are as large as the model, and the next ones are about to be drawn.
        return np.concatenate(draws)

    def _kernels(
        self, num_samples: int, seed: int, num_last: int
    ) -> Iterator[tuple[Mapping[str, tf.Tensor], list[tf.Tensor]]]:
        """For one draw after the other, the kernels of all random layers but the last, and several of the last."""
        for first in range(0, num_samples, 2):
            shared, last = self._sample(tf.constant([seed, first // 2], tf.int32), num_last)
            for side in range(min(2, num_samples - first)):
                yield {name: pair[side] for name, pair in shared.items()}, [pair[side] for pair in last]
            del shared, last

    def _prefix_probabilities(self, images: tf.Tensor) -> np.ndarray:
        return self._activation(self._prefix(images)).numpy()

    def _sample_pairs(self, seed: tf.Tensor, num_last: int) -> tuple[Mapping[str, Pair], list[Pair]]:
        *shared, last = self._drawn
        return (
            {layer.name: self._sample_pair(layer, seed, place) for place, layer in enumerate(shared)},
            [self._sample_pair(last, seed, len(shared) + i) for i in range(num_last)],
        )

    def _sample_pair(self, layer: tf_keras.layers.Layer, seed: tf.Tensor, place: int) -> Pair:
        if not self._fresh_noise:
            return layer.sample_pair_from_table(seed[1])
        # Folding the layer's own number in keeps layers of equal shape apart.
        return layer.sample_pair(tf.random.experimental.stateless_fold_in(seed, place))

    def _run_prefix(self, images: tf.Tensor) -> tf.Tensor:
        return run_layers(self._fixed, images, {})

    def _run_suffix(self, inputs: tf.Tensor, shared: Mapping[str, tf.Tensor], last: list[tf.Tensor]) -> tf.Tensor:
        outputs, name = run_layers(self._shared, inputs, shared), self._drawn[-1].name
        return tf.stack([self._activation(run_layers(self._last, outputs, {name: kernel})) for kernel in last])


def _first_to_run_again(layers: Sequence[tf_keras.layers.Layer]) -> int:
    """Place of the first layer whose outputs are not worth keeping for all draws."""
    first = next((i for i, layer in enumerate(layers) if hasattr(layer, "sample_pair")), len(layers))
    # What only pads or reshapes costs nothing, but its outputs for many images fill the memory.
    return first if any(layer.weights for layer in layers[:first]) else 0
