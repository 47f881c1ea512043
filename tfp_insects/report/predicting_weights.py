"""The posterior that predicts: that of training, colder, and with the covariance of the last layer."""

import dataclasses

import numpy as np

from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.report.tempering import bayesian_of
from tfp_insects.report.weights import LayerWeights, read_weights
from tfp_insects.report.wording import enumerate_words
from tfp_insects.runs.run import Run


def read_predicting_weights(run: Run) -> list[LayerWeights]:
    """The Bayesian layers of a run from input to output, with the scales that predictions draw from.

    A scale is that of training times the square root of the layer's temperature. In a last layer that has a covariance it is
    the square root of that covariance's diagonal, with the same factor.

    Raises:
        InputError: The checkpoint is cut off.
    """
    bayesian, architecture = bayesian_of(run), architecture_of(run.settings)
    if bayesian is None:
        return read_weights(run)
    return [
        _predicting(layer, float(bayesian.of_group(architecture.group_of(layer.name)).temperature))
        for layer in read_weights(run)
    ]


def predicting_words(run: Run, layers: list[LayerWeights]) -> str:
    """Which posterior is shown, and how far scales that are learned have moved."""
    words = "Scales are those that predictions draw from"
    with_covariance = [layer.name for layer in layers if layer.covariance_scale is not None]
    if with_covariance:
        words += (
            f"; in {enumerate_words(with_covariance)} they are the diagonal of a covariance found after training, so "
            "the scales that were trained there predict nothing"
        )
    moved = _moved_words(run, layers)
    return f"{words}. {moved}" if moved else f"{words}."


def _predicting(layer: LayerWeights, temperature: float) -> LayerWeights:
    scale = layer.scale if layer.covariance_scale is None else layer.covariance_scale
    return dataclasses.replace(layer, scale=np.sqrt(temperature) * scale)


def _moved_words(run: Run, layers: list[LayerWeights]) -> str:
    """From which share of the prior's scale to which the median of scales went that are learned."""
    bayesian, architecture = bayesian_of(run), architecture_of(run.settings)
    if bayesian is None:
        return ""
    found = []
    for layer in layers:
        section = bayesian.of_group(architecture.group_of(layer.name))
        if section.learn_scale:
            start, now = 100.0 * section.posterior_ratio, 100.0 * layer.median_ratio
            found.append(f"from {start:.3g} to {now:.3g} % of the prior's in {layer.name}")
    return f"In training, the median of scales that are learned went {enumerate_words(found)}." if found else ""
