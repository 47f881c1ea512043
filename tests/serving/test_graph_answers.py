"""Answers of the exported graph, against the model that was exported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.moments_predictor import MomentsPredictor, make_predictor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.metric import OodScore
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.runs.reading import open_run
from tfp_insects.serving.graph import SERVED_SCORES, AlarmRule, ServedModel, ServingOptions, summarise

Get = Callable[[str], Path]


def test_a_seeded_answer_is_the_models_own_prediction(
    model_name: str, seeded: Callable, run_of: Get, runs: Any
) -> None:
    encoded = runs.images(6, seed=3)
    run = open_run(run_of(model_name))
    predictor, numbers = make_predictor(run.build_model()), (runs.num_samples, 5, runs.num_last_layer_samples)
    draws = predictor.predict([(runs.prepare(encoded), None)], *numbers)
    answer = seeded(model_name, runs.in_unit_range(encoded))
    np.testing.assert_allclose(answer["probabilities"], draws.mean(0), atol=1e-5)
    np.testing.assert_allclose(answer["probability_std"], draws.std(0), atol=1e-5)
    np.testing.assert_allclose(answer["predictive_entropy"], metrics.predictive_entropy(draws), atol=1e-5)
    np.testing.assert_allclose(answer["aleatoric"], metrics.expected_entropy(draws), atol=1e-5)
    np.testing.assert_allclose(answer["epistemic"], metrics.mutual_information(draws), atol=1e-5)
    names = np.array(runs.class_names).astype(bytes)
    assert answer["predicted_class"].tolist() == names[draws.mean(0).argmax(-1)].tolist()
    assert answer["class_names"].tolist() == [names.tolist()] * 6
    if model_name == "cnn":
        assert not answer["epistemic"].any()
        assert not answer["probability_std"].any()
    else:
        assert answer["epistemic"].min() > 0.001


@pytest.mark.parametrize("name", ["all", "head"])
def test_answers_agree_with_draws_of_all_weights(name: str, seeded: Callable, run_of: Get, runs: Any) -> None:
    encoded, num_answers, num_draws = runs.images(3, seed=3), 30, 150
    model = open_run(run_of(name)).build_model()
    draws = np.float64(MonteCarloPredictor(model).predict([(runs.prepare(encoded), None)], num_draws, seed=1))
    images = runs.in_unit_range(encoded)
    # Under seeds: what is fresh breaks any bound some day.
    answers = [seeded(name, images, seed) for seed in range(num_answers)]
    found = np.array([answer["probabilities"] for answer in answers], np.float64)
    error = np.sqrt(draws.var(0) / num_draws + found.var(0) / num_answers)
    assert np.all(np.abs(found.mean(0) - draws.mean(0)) < 5 * error + 1e-6)
    # Each answer is a mean of num_samples draws at least. A class that hardly any draw favours has a variance of chance.
    expected_variance, is_common = draws.var(0) / runs.num_samples, draws.mean(0) > 0.01
    assert is_common.sum() > 4
    assert np.all(found.var(0)[is_common] < 1.5 * expected_variance[is_common])
    assert found.std(0).max() > 0.01


@pytest.mark.parametrize("name", ["all", "head"])
def test_fresh_answers_have_the_distribution_of_seeded_ones(
    name: str, seeded: Callable, loaded: Callable[[str], Any], runs: Any
) -> None:
    encoded, num_answers = runs.images(3, seed=3), 30
    images, default = runs.in_unit_range(encoded), loaded(name).signatures["serving_default"]
    under_seeds = np.log([seeded(name, images, seed)["probabilities"] for seed in range(num_answers)])
    # Probabilities of a rare class are skewed, their logarithms hardly.
    fresh = np.log([default(image_bytes=tf.constant(encoded))["probabilities"] for _ in range(num_answers)])
    error = np.sqrt((fresh.var(0) + under_seeds.var(0)) / (num_answers - 1))
    assert np.all(np.abs(fresh.mean(0) - under_seeds.mean(0)) < 6 * error)
    ratio = fresh.std(0) / under_seeds.std(0)
    assert np.all((ratio > 1 / 6) & (ratio < 6))


def test_a_batch_of_1_and_of_64_give_one_answer(model_name: str, seeded: Callable, runs: Any) -> None:
    images = runs.in_unit_range(runs.images(64, seed=4))
    together = seeded(model_name, images)
    for i in (0, 17, 63):
        alone = seeded(model_name, images[i : i + 1])
        for key in ("probabilities", "probability_std", "epistemic"):
            np.testing.assert_allclose(alone[key][0], together[key][i], atol=1e-5)


def test_an_answer_repeats_under_its_seed_and_not_without(
    seeded: Callable, loaded: Callable[[str], Any], runs: Any
) -> None:
    images = runs.in_unit_range(runs.images(2))
    first, again, other = (seeded("all", images, seed)["probabilities"] for seed in (2**62, 2**62, -(2**62)))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    fresh = [loaded("all").signatures["predict_images"](images=images)["probabilities"].numpy() for _ in range(2)]
    assert np.abs(fresh[0] - fresh[1]).max() > 0.01


def test_answers_are_accepted_from_the_threshold_on() -> None:
    probabilities = tf.constant([[[0.6, 0.4], [0.3, 0.7]], [[0.7, 0.3], [0.7, 0.3]]])
    accepted = {
        threshold: summarise(probabilities, ("ant", "bee"), threshold)["accepted"].numpy().tolist()
        for threshold in (0.5, 0.6, 0.66, float("inf"))
    }
    assert accepted == {0.5: [True, True], 0.6: [True, False], 0.66: [False, False], float("inf"): [False, False]}


@pytest.mark.parametrize("score", ood_scores(), ids=lambda score: score.name)
def test_images_are_unknown_above_the_threshold_of_each_score_and_accepted_below(score: OodScore) -> None:
    assert score.name in SERVED_SCORES
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(3, 0.5), size=(4, 50)).astype(np.float32)
    leverage = rng.uniform(size=50).astype(np.float32)
    expected = score.score(Draws(probabilities, leverage))
    threshold = float(np.sort(expected)[29:31].mean())
    rule = AlarmRule(score.name, threshold)
    found = summarise(tf.constant(probabilities), ("ant", "bee", "fly"), 0.4, rule, tf.constant(leverage))
    np.testing.assert_array_equal(found["unknown"], expected > threshold)
    confidence = probabilities.mean(0).max(-1)
    np.testing.assert_array_equal(found["accepted"], (confidence >= 0.4) & (expected < threshold))
    assert 0 < found["accepted"].numpy().sum() <= 30
    assert not summarise(tf.constant(probabilities), ("ant", "bee", "fly"), 0.4)["unknown"].numpy().any()


def test_an_alarm_by_leverage_goes_by_the_models_own(run_of: Get, runs: Any, tmp_path: Path) -> None:
    run, encoded = open_run(run_of("all")), runs.images(12, seed=3)
    model, names = run.build_model(), tmp_path / "names.txt"
    head = bayesian_layers(model)[-1]
    head.covariance_factor.assign(np.random.default_rng(0).normal(0, 0.1, head.covariance_factor.shape))
    numbers = runs.num_samples, runs.num_last_layer_samples
    moments = MomentsPredictor(model).logit_moments([(runs.prepare(encoded), None)], numbers[0], 5)
    expected = moments.leverage.mean(axis=0)
    threshold = float(np.sort(expected)[5:7].mean())
    names.write_text("")
    rule = AlarmRule("leverage", threshold)
    served = ServedModel(model, ServingOptions(run.preprocessing, run.class_names, *numbers, 0.0, rule), names)
    found = served.predict_seeded(runs.in_unit_range(encoded), tf.fill([12], tf.constant(5, tf.int64)))
    np.testing.assert_array_equal(found["unknown"], expected > threshold)
    np.testing.assert_array_equal(found["accepted"], expected < threshold)
