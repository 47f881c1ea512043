from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.models.alexnet.table import HEAD
from tfp_insects.models.build import build_model
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.inputs import InputMaker, Inputs

BATCH_SIZE = 6
Batch = tuple[tf.Tensor, tf.Tensor]


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def config(request: pytest.FixtureRequest, tiny_config: RunConfig) -> RunConfig:
    return tiny_config.replaced({"model.precision": request.param})


@pytest.fixture
def model(config: RunConfig) -> tf_keras.Sequential:
    """A network whose convolutions stay as they are; its last layer does not start at zero here."""
    model = build_model("bnn_head", config, num_classes=4, num_train_examples=16, seed=0, is_pretrained=True)
    head = model.get_layer(HEAD).loc
    head.assign(tf.random.stateless_normal(head.shape, [0, 0]))
    return model


def make_inputs(
    model: tf_keras.Sequential, config: RunConfig, experiment: Experiment, megabytes: int, directory: Path
) -> tuple[Inputs, InputMaker]:
    config = config.replaced({"model.max_feature_cache_megabytes": megabytes})
    maker = InputMaker(config, Preprocessing(63), BATCH_SIZE, seed=5, directory=directory)
    training, validation = experiment.training_examples(4, 0), experiment.examples(experiment.split.validation)
    return maker.make(model, training, validation), maker


def as_arrays(batches: list[Batch]) -> list[np.ndarray]:
    return [np.asarray(tf.cast(part, tf.float32)) for batch in batches for part in batch]


def test_features_in_a_file_are_those_in_memory(
    model: tf_keras.Sequential, config: RunConfig, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    found = []
    for megabytes, kind in ((1024, np.ndarray), (0, np.memmap)):
        inputs, _ = make_inputs(model, config, tiny_experiment, megabytes, tmp_path)
        assert type(inputs.pipeline._store._features) is kind
        found.append(as_arrays([*inputs.pipeline.epoch(0), *inputs.pipeline.epoch(1), *inputs.validation]))
    assert len(found[0]) == 2 * (3 + 3 + 1)
    for in_memory, in_file in zip(*found, strict=True):
        np.testing.assert_array_equal(in_memory, in_file)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("megabytes", [0, 1024])
def test_the_rest_of_the_model_says_of_features_what_the_model_says_of_images(
    megabytes: int, model: tf_keras.Sequential, config: RunConfig, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    inputs, maker = make_inputs(model, config, tiny_experiment, megabytes, tmp_path)
    images = list(maker.evaluation(tiny_experiment.examples(tiny_experiment.split.validation)))
    features = list(inputs.validation)
    assert inputs.model is not model
    expected = np.concatenate([model(batch, training=False) for batch, _ in images])
    found = np.concatenate([inputs.model(batch, training=False) for batch, _ in features])
    assert expected.std(0).min() > 0.0
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.std(0).min())
    np.testing.assert_array_equal(*(np.concatenate([labels for _, labels in part]) for part in (images, features)))
