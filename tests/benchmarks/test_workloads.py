import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from measuring import workloads
from measuring.configuration import OVERRIDES, STOCK, Configuration
from measuring.models import make_model
from measuring.workloads import Workload, make_workload, open_examples

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.data.pipeline import TrainingPipeline
from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS
from tfp_insects.models.frozen import num_frozen_layers
from tfp_insects.training.optimiser import TrainStep

NAMES = tuple(row.name for row in (*CONVOLUTIONS, *DENSE_LAYERS))
BAYESIAN = {"bnn": 8, "bnn_weight_scale": 8, "bnn_classifier": 3, "bnn_head": 1}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    cache_dir = str(tmp_path_factory.mktemp("cache"))
    sizes = {"image_size": 63, "width_multiplier": 0.03, "num_samples": 2, "n_per_class": 2}
    return Configuration(dtype="float32", batch_size=8, cache_dir=cache_dir, **sizes)


def workload(narrow: Configuration, model: str, mode: str, **fields: object) -> Workload:
    return make_workload(dataclasses.replace(narrow, model=model, mode=mode, **fields))


@pytest.mark.parametrize("name", OVERRIDES)
def test_models_are_the_studys_with_few_fields_changed(narrow: Configuration, name: str) -> None:
    model = make_model(dataclasses.replace(narrow, model=name))
    layers = bayesian_layers(model)
    assert len(layers) == BAYESIAN.get(name, 0)
    assert [layer.loc.shape.rank for layer in layers] == [
        2 if one.name.startswith("classifier") else 4 for one in layers
    ]
    hidden = [layer for layer in layers if layer.name != NAMES[-1]]
    assert all((layer.log_ratio.shape.rank > 0) == (name == "bnn_weight_scale") for layer in hidden)
    for layer in hidden:  # "Pretrained" weights, on which the prior is centred.
        np.testing.assert_array_equal(layer.prior_weights.loc, layer.loc)
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    expected = {"classifier": NAMES[:5], "head": NAMES[:7]}.get(name.split("_")[-1], ())
    assert frozen == set(expected)
    assert (num_frozen_layers(model) > 5) == bool(expected)


@pytest.mark.parametrize("model", ["cnn", "bnn", STOCK])
def test_forward_gives_logits(narrow: Configuration, model: str) -> None:
    one = workload(narrow, model, "forward")
    first, second = one.run(), one.run()
    assert np.shape(first) == (8, 10)
    assert one.num_images == 8
    # The head's mean is zero, so that only what is drawn anew differs from call to call.
    assert np.array_equal(first, second) == (model == "cnn")


@pytest.mark.parametrize("model", ["cnn", "bnn_weight_scale"])
def test_steps_learn_the_batch(narrow: Configuration, model: str) -> None:
    one = workload(narrow, model, "train")
    losses = [float(one.run()) for _ in range(3)]
    assert np.all(np.isfinite(losses))
    assert len(set(losses)) == 3


@pytest.mark.parametrize(
    ("model", "mode", "num_draws", "num_images"),
    [
        ("cnn", "predict", 1, 3),
        ("bnn", "predict", 128, 66),
        ("bnn", "predict_mean", 128, 3),
        ("bnn", "predict_monte_carlo", 8, 3),  # The twin's last layer is drawn four times for each of two draws.
        (STOCK, "predict", 2, 66),
    ],
)
def test_predictions_are_of_all_images_and_draws(
    narrow: Configuration, model: str, mode: str, num_draws: int, num_images: int
) -> None:
    one = workload(narrow, model, mode, batch_size=num_images)
    probabilities = np.asarray(one.run())
    assert probabilities.shape == (num_draws, num_images, 10)
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, rtol=1e-4)


@pytest.mark.parametrize("mode", ["epoch_images", "epoch_features", "epoch_pipeline"])
def test_an_epoch_is_all_images(narrow: Configuration, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_epoch, received = workloads._epoch_workload, []

    def make_counted_epoch(pipeline: TrainingPipeline, step: TrainStep) -> Workload:
        def counted_step(images: tf.Tensor, labels: tf.Tensor) -> tuple:
            received.extend(labels.numpy())
            return step(images, labels)

        return make_epoch(pipeline, counted_step)

    monkeypatch.setattr(workloads, "_epoch_workload", make_counted_epoch)
    one = workload(narrow, "bnn_head", mode)
    for epoch in (1, 2):
        one.run()
        assert np.bincount(received).tolist() == [2 * epoch] * 10
    assert one.num_images == 20


def test_examples_are_the_first_of_each_class(narrow: Configuration) -> None:
    examples = open_examples(dataclasses.replace(narrow, num_classes=3))
    assert examples.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert [examples.source.example_ids[i].split("/")[1] for i in examples.indices] == ["00000.jpg", "00001.jpg"] * 3


def test_too_few_images_are_told(narrow: Configuration, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(b"\xff\xd8\xff")
    configuration = dataclasses.replace(narrow, data=str(tmp_path))
    for fields in ({"num_classes": 2}, {"n_per_class": 1}):
        with pytest.raises(InputError, match=r"images of each of \d+ classes are needed, and there are not so many"):
            open_examples(dataclasses.replace(configuration, **fields))


def test_models_compute_in_the_type_asked_for(narrow: Configuration) -> None:
    model: tf_keras.Sequential = make_model(dataclasses.replace(narrow, dtype="mixed_bfloat16"))
    assert {layer.compute_dtype for layer in model.layers[:-1]} == {"bfloat16"}
