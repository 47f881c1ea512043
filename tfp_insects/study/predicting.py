"""Which predictor a network gets, and with how many draws."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import tf_keras

from tfp_insects.bayes.moments_predictor import Answers, MomentsPredictor
from tfp_insects.bayes.moments_tail import moments_obstacle
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.swag import WeightPosterior
from tfp_insects.bayes.swag_predictor import SwagPredictor
from tfp_insects.runs.config import MOMENTS, MOMENTS_DRAWS, MONTE_CARLO, Draws, PredictionConfig, RunConfig

OnImages = Callable[[float], object]
# Called with batches, a seed, and what is told of images that are answered.
Predict = Callable[[Iterable[tuple[Any, Any]], int, OnImages], np.ndarray]


class Chosen(NamedTuple):
    """A predictor, the name of its method, and how often it draws."""

    predictor: MomentsPredictor | MonteCarloPredictor | SwagPredictor
    method: str
    draws: Draws

    def answer(self, batches: Iterable[tuple[Any, Any]], seed: int, on_images: OnImages) -> Answers:
        """Its answers, with so many draws; arguments as of `MomentsPredictor.predict`."""
        num_samples, num_last = self.draws.num_samples, self.draws.num_last_layer_samples
        if isinstance(self.predictor, MomentsPredictor):
            moments = self.predictor.logit_moments(batches, num_samples, seed, on_images)
            return self.predictor.answer(moments, num_samples * num_last, seed)
        return Answers(self.predictor.predict(batches, num_samples, seed, num_last, on_images))


def choose_predictor(
    model: tf_keras.Model, config: PredictionConfig, posterior: WeightPosterior | None = None
) -> Chosen:
    """By moments, where the configuration asks for them and they pass through the network's end; else by Monte Carlo.

    Where all weights have a posterior, it is Monte Carlo, and each draw has a last layer of its own.
    """
    if posterior is not None:
        draws = Draws(config.draws(MONTE_CARLO).num_samples, num_last_layer_samples=1)
        return Chosen(SwagPredictor(model, posterior), MONTE_CARLO, draws)
    if config.method == MOMENTS and moments_obstacle(model) is None:
        return Chosen(MomentsPredictor(model), MOMENTS, config.draws(MOMENTS))
    return Chosen(MonteCarloPredictor(model), MONTE_CARLO, config.draws(MONTE_CARLO))


def validation_predictor(model: tf_keras.Model, config: RunConfig) -> Predict:
    """What judges an epoch: cheap, the same in each epoch, and with the last layer as it is trained.

    By moments there is no noise at all: what lies before the dense layers stands at its mean. By Monte Carlo the noise is
    read from the table of the training steps.
    """
    if config.training.validation_method == MOMENTS and moments_obstacle(model) is None:
        by_moments = MomentsPredictor(model, uses_covariance=False)
        return lambda batches, seed, on_images: by_moments.predict(
            batches, 1, seed, MOMENTS_DRAWS.num_last_layer_samples, on_images
        )
    predictor = MonteCarloPredictor(model, fresh_noise=False)
    return lambda batches, seed, on_images: predictor.predict(
        batches, config.training.num_validation_samples, seed, on_images=on_images
    )
