"""Class probabilities of a network under draws of all its trained weights, as an ensemble's members answer."""

from collections.abc import Callable

import numpy as np
import tf_keras

from tfp_insects.bayes.monte_carlo import Batches, MonteCarloPredictor
from tfp_insects.bayes.swag import WeightPosterior, assign_weights, draw_weights


class SwagPredictor:
    """Predicts with one network after the other, whose weights are a draw.

    A draw is shared by all images, so an image's answer does not depend on its batch. Each draw costs a whole pass, since
    the first layers differ too; to draw the weights of AlexNet costs about as much as a thousand images do.

    Args:
        model: Images to logits. Its trained weights become those of the draws, and the posterior's mean after a prediction.
        posterior: Of these weights, in their order.
    """

    def __init__(self, model: tf_keras.Model, posterior: WeightPosterior) -> None:
        self._variables = model.trainable_variables
        self._posterior = posterior
        self._predictor = MonteCarloPredictor(model)

    def predict(
        self,
        batches: Batches,
        num_samples: int,
        seed: int,
        num_last_layer_samples: int = 1,
        on_images: Callable[[float], object] = lambda number: None,
    ) -> np.ndarray:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
            num_samples: Draws of the weights.
            seed: Integer; equal seeds give equal draws.
            num_last_layer_samples: 1: the last layer is drawn with the others.
            on_images: See `MonteCarloPredictor.predict`.

        Returns:
            Probabilities, float32 `[num_samples, num_examples, num_classes]`.

        Raises:
            ValueError: Several draws of the last layer.
        """
        if num_last_layer_samples != 1:
            raise ValueError(f"num_last_layer_samples: expected 1, got {num_last_layer_samples}")
        draws = []
        for number in range(num_samples):
            assign_weights(self._variables, draw_weights(self._posterior, seed, number))
            draws.append(self._predictor.predict(batches, 1, seed, on_images=lambda n: on_images(n / num_samples)))
        assign_weights(self._variables, self._posterior.mean)
        return np.concatenate(draws)
