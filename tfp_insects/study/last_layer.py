"""What a trained Bayesian network's last layer gets for predictions: its covariance, and a temperature of its logits."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tf_keras

from tfp_insects.bayes.covariance_scale import by_held_out, by_marginal_likelihood
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.head_covariance import ChooseScale, fit_head_covariance
from tfp_insects.bayes.logit_temperature import divide_logits, fit_logit_temperature
from tfp_insects.data.pipeline import Examples
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.models.config import BY_MARGINAL_LIKELIHOOD, BY_VALIDATION, BnnConfig
from tfp_insects.study.inputs import InputMaker, Inputs

COVARIANCE_SEED, HELD_OUT_SEED = 4, 1
NUM_DRAWS = 2


def finish_last_layer(
    model: tf_keras.Model,
    config: BnnConfig,
    maker: InputMaker,
    inputs: Inputs,
    training: Examples,
    labels: np.ndarray,
    on_images: Callable[[float], object],
) -> Mapping[str, Any]:
    """Gives the last layer of a trained network what predictions read.

    Args:
        model: The network.
        config: Of the BNN; its last layer is to have a covariance.
        maker: Of the run's inputs.
        inputs: What it was trained on, with the validation images.
        training: The training images.
        labels: Of the validation images.
        on_images: Told of images that pass the network.

    Returns:
        What was chosen for this network: `covariance_scale`, `temperature`.
    """
    found: dict[str, Any] = {}
    loss = functools.partial(negative_log_likelihood, labels=labels)
    choose = _scale_chooser(config, inputs, loss, on_images)
    answered, images = maker.answered(model), maker.asked(model, training)
    scale = fit_head_covariance(answered, images, NUM_DRAWS, COVARIANCE_SEED, on_images=on_images, choose_scale=choose)
    if choose is not None:
        found["covariance_scale"] = scale
    if config.fits_logit_temperature:
        temperature = fit_logit_temperature(inputs.model, inputs.validation, loss, NUM_DRAWS, HELD_OUT_SEED, on_images)
        divide_logits(bayesian_layers(model)[-1], temperature)
        found["temperature"] = temperature
    return found


def _scale_chooser(
    config: BnnConfig, inputs: Inputs, loss: Callable[[np.ndarray], float], on_images: Callable[[float], object]
) -> ChooseScale | None:
    if config.covariance_scale_by == BY_VALIDATION:
        return by_held_out(inputs.model, inputs.validation, loss, NUM_DRAWS, HELD_OUT_SEED, on_images)
    return by_marginal_likelihood if config.covariance_scale_by == BY_MARGINAL_LIKELIHOOD else None
