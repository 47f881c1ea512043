"""What metrics read of a model's predictions: draws of class probabilities, and what follows from them, computed once."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics import scores
from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray, checked_draws, checked_labels, checked_scores


class Draws:
    """Predictions for some images.

    Args:
        probabilities: float [num_samples, num_examples, num_classes]; or [num_examples, num_classes], one draw.
        leverage: float [num_examples], how unlike those of training images the images' features are; none where that is not
            known.

    Attributes:
        probabilities: float [num_samples, num_examples, num_classes].
        leverage: float64 [num_examples], or none.

    Raises:
        ValueError: a wrong shape, or values that are no probabilities, or no finite numbers.
    """

    def __init__(self, probabilities: npt.ArrayLike, leverage: npt.ArrayLike | None = None) -> None:
        array = checked_draws(probabilities, ndims=(2, 3))
        self.leverage: FloatArray | None = None if leverage is None else checked_scores(leverage, "leverage")
        self.probabilities: npt.NDArray[np.floating[Any]] = array if array.ndim == 3 else array[np.newaxis]

    @property
    def has_several(self) -> bool:
        """Whether there are several draws, so that epistemic uncertainty is defined."""
        return len(self.probabilities) > 1

    @cached_property
    def mean(self) -> FloatArray:
        """Mean probabilities, float64 [num_examples, num_classes]."""
        return scores.mean_probabilities(self.probabilities)

    @cached_property
    def confidence(self) -> FloatArray:
        """Highest mean probability, float64 [num_examples]."""
        return self.mean.max(axis=-1)

    @cached_property
    def predictive_entropy(self) -> FloatArray:
        """Total uncertainty, float64 [num_examples], nats."""
        return scores.predictive_entropy(self.mean)

    @cached_property
    def expected_entropy(self) -> FloatArray:
        """Aleatoric uncertainty, float64 [num_examples], nats."""
        return scores.expected_entropy(self.probabilities)

    @cached_property
    def mutual_information(self) -> FloatArray:
        """Epistemic uncertainty, float64 [num_examples], nats; 0 where there is one draw."""
        return scores.difference_of_entropies(self.predictive_entropy, self.expected_entropy)


class LabelledDraws(Draws):
    """Predictions for images whose classes are known.

    Args:
        probabilities: as of `Draws`.
        labels: int [num_examples].
        leverage: as of `Draws`.

    Attributes:
        labels: int64 [num_examples].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities or no labels.
    """

    def __init__(
        self, probabilities: npt.ArrayLike, labels: npt.ArrayLike, leverage: npt.ArrayLike | None = None
    ) -> None:
        super().__init__(probabilities, leverage)
        self.labels: IntArray = checked_labels(labels, *self.probabilities.shape[1:])

    @cached_property
    def correct(self) -> BoolArray:
        """Whether the class of highest mean probability is the label, bool [num_examples]."""
        return scores.example_correct(self.mean, self.labels)
