"""The predictive integral for a few images at once, as an exported model computes it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.models.alexnet.sampling import Weights, class_probabilities, weights_of


class FewImagesPredictor:
    """Does what `MonteCarloPredictor` does, faster where there are few images.

    It draws no weights of dense layers (see `models.sampling`), but it runs them twice, so that it pays below a few hundred
    images. For each image the distribution of the answer is that of `MonteCarloPredictor`. The two differ in what images
    share: here, within one draw, images have the noise of the dense layers' outputs in common, not the weights.

    Args:
        model: AlexNet or its twin, images to logits.
    """

    def __init__(self, model: tf_keras.Sequential) -> None:
        self._dtype = model.layers[0].compute_dtype
        self._weights = tf.function(lambda: weights_of(model), autograph=False)
        self._run = tf.function(self._class_probabilities, reduce_retracing=True, autograph=False)

    def predict(
        self,
        batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
        num_samples: int,
        seed: int,
        num_last_layer_samples: int = 1,
    ) -> np.ndarray:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels.
            num_samples: Draws; a model without Bayesian layers is run once, whatever is asked for.
            seed: Integer; equal seeds give equal draws.
            num_last_layer_samples: Draws of the last random layer for each draw of those before it.

        Returns:
            Probabilities, float32 `[num_samples * num_last_layer_samples, num_examples, num_classes]`.
        """
        weights, seed_tensor = self._weights(), tf.constant(seed, tf.int64)
        runs = [
            self._run(weights, images, seed_tensor, num_samples, num_last_layer_samples).numpy()
            for images, _ in batches
        ]
        return np.concatenate(runs, axis=1)

    def _class_probabilities(self, weights: Weights, images: tf.Tensor, *draws: Any) -> tf.Tensor:
        return class_probabilities(weights, tf.cast(images, self._dtype), *draws)
