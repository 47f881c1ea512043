from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fixtures.moments_models import NUM_CLASSES, SIDE, built, images, in_batches, layers, make_twin

from tfp_insects.bayes.moments_graph import PredictiveGraph
from tfp_insects.bayes.moments_predictor import MomentsPredictor


@pytest.mark.parametrize("num_samples", [1, 2, 3, 4])
def test_the_graph_for_export_draws_the_same(num_samples: int) -> None:
    model, inputs = make_twin(covariance_scale=1.0), images()
    graph = PredictiveGraph(model, num_samples, 16)
    found = tf.function(graph)(inputs, tf.constant(7, tf.int64))
    predictor = MomentsPredictor(model)
    expected = predictor.answer(predictor.logit_moments(in_batches(inputs, 8), num_samples, 7), 16 * num_samples, 7)
    np.testing.assert_allclose(found, expected.probabilities, atol=1e-5)
    leverage = tf.function(lambda: graph.answer(inputs, tf.constant(7, tf.int64)).leverage)()
    np.testing.assert_allclose(leverage, expected.leverage, rtol=1e-4)


def test_the_graph_of_a_deterministic_model_gives_its_answer_once() -> None:
    model, inputs = built([layers.Flatten(), layers.Dense(NUM_CLASSES)]), images()
    found = PredictiveGraph(model, 2, 16)(inputs, tf.constant(0, tf.int64))
    np.testing.assert_allclose(found[0], tf.nn.softmax(model(inputs)), atol=1e-6)
    assert found.shape[0] == 1
    assert PredictiveGraph(model, 2, 16).answer(inputs, tf.constant(0, tf.int64)).leverage is None


def test_the_graph_has_no_prior_and_no_variances_of_weights() -> None:
    model = make_twin(covariance_scale=1.0)
    graph = PredictiveGraph(model, 2, 16)
    sizes = sum(int(np.prod(variable.shape)) for variable in graph.variables)
    kernel, *dense_layers = (layer for layer in model.layers if hasattr(layer, "loc"))
    biases = sum(layer.bias.shape[0] for layer in (kernel, *dense_layers))
    summaries = [
        sum(layer.loc.shape) for layer in dense_layers
    ]  # Of variances, and of squares, both of rank one; the factor's.
    expected = 2 * np.prod(kernel.loc.shape) + sum(np.prod(layer.loc.shape) for layer in dense_layers) + biases
    expected += 2 * summaries[0] + 2 * summaries[1] + 30 * 30 + 30
    assert sizes == expected


def test_the_graph_survives_saving(tmp_path: Path) -> None:
    model, inputs = make_twin(covariance_scale=1.0), images()
    module = tf.Module()
    module.graph = PredictiveGraph(model, 2, 16)
    specs = [tf.TensorSpec([None, SIDE, SIDE, 2]), tf.TensorSpec([], tf.int64)]
    module.predict = tf.function(module.graph.__call__, input_signature=specs)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    seed = tf.constant(7, tf.int64)
    np.testing.assert_allclose(loaded.predict(inputs, seed), module.predict(inputs, seed), atol=1e-6)
