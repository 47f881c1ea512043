"""Features that are kept for other runs: the same answers, and each image passes the frozen layers once."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.data.pipeline import Examples
from tfp_insects.data.source import ImageSource
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment, make_experiment
from tfp_insects.study.kept_features import KeptFeatures
from tfp_insects.study.pretraining import Pretrained
from tfp_insects.study.probing import any_weights
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.work import FEATURES


@pytest.fixture(scope="module")
def experiment(
    insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> Experiment:
    config = tiny_config.replaced({"bnn.head.covariance_scale": 1.0, "model.precision": "float32"})
    cache = tmp_path_factory.mktemp("cache")
    found = make_experiment(insects, "none", [4], config, cache, lambda line: None, other_insects)
    return dataclasses.replace(found, pretrained=Pretrained("some", any_weights(config, num_classes=4)))


class Reads:
    """A source that counts how often each image is read."""

    def __init__(self, source: ImageSource) -> None:
        self.counts = dict.fromkeys(range(len(source.example_ids)), 0)
        self.source = dataclasses.replace(source, read=self._read)
        self._source = source

    def _read(self, index: int) -> bytes:
        self.counts[index] += 1
        return self._source.read(index)


@pytest.mark.parametrize(
    "model", ["bnn", *(pytest.param(name, marks=pytest.mark.long) for name in ("cnn", "laplace", "mc_dropout"))]
)
def test_answers_are_those_of_a_run_alone(model: str, experiment: Experiment, tmp_path: Path) -> None:
    key = RunKey(model, 4, 0)
    shared = dataclasses.replace(experiment, kept_features=KeptFeatures())
    found = {}
    for name, one in (("alone", experiment), ("first", shared), ("second", shared)):
        OneRun(key, one, tmp_path / name).run()
        run = Run(key.directory(tmp_path / name))
        assert run.ood is not None
        found[name] = [run.validation.probabilities, run.test.probabilities, run.ood.probabilities]
    for name in ("first", "second"):
        for own, expected in zip(found[name], found["alone"], strict=True):
            np.testing.assert_allclose(own, expected, atol=2e-5)


def test_each_image_passes_the_frozen_layers_once(
    experiment: Experiment, other_insects: ImageSource, tmp_path: Path
) -> None:
    reads, told = Reads(experiment.source), {"cnn": 0.0, "bnn": 0.0}
    shared = dataclasses.replace(experiment, source=reads.source, kept_features=KeptFeatures())

    def tell(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        told[model] += units if phase == FEATURES else 0.0

    for model in told:
        first = dict(reads.counts)
        OneRun(RunKey(model, 4, 0), shared, tmp_path, tell).run()
    asked = [int(index) for index in (*experiment.split.validation, *experiment.split.test)]
    # Each is read for its digest in both runs, and a test image for its thumbnail.
    assert {first[index] - (reads.counts[index] - first[index]) for index in asked} == {1}
    assert {first[int(index)] for index in experiment.split.validation} == {2}
    num_read = 4 * 4 + len(experiment.split.validation)  # Of which each run tells, however long they take it.
    assert told["bnn"] == num_read
    assert told["cnn"] == num_read + len(experiment.split.test) + len(other_insects.example_ids)


def multiplying(factor: float) -> tf_keras.Model:
    """Multiplies by a factor in a frozen layer, before one that is trained."""
    frozen = tf_keras.layers.Dense(1, use_bias=False, name="frozen", trainable=False)
    model = tf_keras.Sequential([tf_keras.Input([1]), frozen, tf_keras.layers.Dense(2, name="trained")])
    frozen.set_weights([np.array([[factor]], np.float32)])
    return model


def test_features_belong_to_the_weights_that_made_them() -> None:
    kept, sides = KeptFeatures(), np.arange(6, dtype=np.float32)
    source = ImageSource(
        "numbers", tuple(f"{side:.0f}" for side in sides), ("one",), np.zeros(6, np.int32), None, lambda i: b""
    )
    examples = Examples(source, np.array([4, 1, 3]), np.zeros(3, np.int32))

    def read(missing: Examples) -> list[tuple[tf.Tensor, tf.Tensor]]:
        images = tf.constant(sides[missing.indices][:, None])
        return [(images[i : i + 2], missing.labels[i : i + 2]) for i in range(0, len(images), 2)]

    models = [multiplying(factor) for factor in (2.0, 5.0, 2.0)]
    counts: list[int] = []
    found = [np.concatenate(kept.of(model, examples, read, counts.append)) for model in models]
    np.testing.assert_array_equal(found, np.outer([2.0, 5.0, 2.0], [4.0, 1.0, 3.0]))
    assert counts == [2, 1, 2, 1]  # The third model's weights are the first's.


@pytest.mark.long
def test_other_weights_have_other_features(experiment: Experiment, tmp_path: Path) -> None:
    """A run whose frozen layers are others does not get those of the run before."""
    kept = KeptFeatures()
    other = {name: 0.5 * value for name, value in experiment.pretrained.weights.items()}
    changed = dataclasses.replace(experiment, pretrained=Pretrained("others", other))
    answers = []
    for name, one in (("some", experiment), ("others", changed), ("alone", changed)):
        shared = one if name == "alone" else dataclasses.replace(one, kept_features=kept)
        OneRun(RunKey("cnn", 4, 0), shared, tmp_path / name).run()
        answers.append(Run(RunKey("cnn", 4, 0).directory(tmp_path / name)).test.probabilities)
    np.testing.assert_allclose(answers[1], answers[2], atol=2e-5)
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
