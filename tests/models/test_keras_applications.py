"""Networks of tf_keras.applications: their preprocessing, that they are what tf_keras has, and that they can be used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.moments_graph import PredictiveGraph
from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.bayes.priors import Variational
from tfp_insects.data.images import normalise
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architecture_table import architecture_names, find_architecture
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import normalisations
from tfp_insects.models.pretrained_files import load_pretrained, save_weights
from tfp_insects.models.templates.keras_application import KerasApplication
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

SIDE, NUM_CLASSES = 32, 3
MODULES = {
    "densenet121": "densenet",
    "efficientnet_v2_b0": "efficientnet_v2",
    "mobilenet_v2": "mobilenet_v2",
    "resnet50": "resnet50",
    "resnet50_v2": "resnet_v2",
}
WIDTHS = {"mobilenet_v2": 0.35}
GREY_LEVELS = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
LARGE = pytest.mark.long  # A minute each where the machine is busy: they have up to 430 layers.
NAMES = [name if name == "mobilenet_v2" else pytest.param(name, marks=LARGE) for name in MODULES]


def applications() -> dict[str, KerasApplication]:
    found = {name: find_architecture(name) for name in architecture_names()}
    return {name: one for name, one in found.items() if isinstance(one, KerasApplication)}


def test_all_of_them_are_tested() -> None:
    assert set(applications()) == set(MODULES)
    for name, one in applications().items():
        assert one.name == name
        assert callable(getattr(tf_keras.applications, one.function))


@pytest.mark.parametrize("name", MODULES)
def test_images_are_normalised_as_their_own_function_does(name: str) -> None:
    architecture = applications()[name]
    preprocess = getattr(tf_keras.applications, MODULES[name]).preprocess_input
    expected = preprocess(GREY_LEVELS.astype(np.float32).copy())
    found = normalise(tf.constant(GREY_LEVELS), SIDE, *architecture.input_statistics)
    if architecture.bgr_kernel:
        expected = expected[..., ::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.fixture(scope="module")
def original(request: pytest.FixtureRequest) -> tuple[KerasApplication, tf_keras.Model]:
    """A network as tf_keras makes it, away from its first statistics."""
    architecture = applications()[request.param]
    model = architecture.template(SIDE, WIDTHS.get(request.param, 1.0))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "moving_variance" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    return architecture, model


@pytest.mark.parametrize("original", NAMES, indirect=True)
def test_weights_of_its_own_file_give_its_own_features(
    original: tuple[KerasApplication, tf_keras.Model], tmp_path: Path
) -> None:
    architecture, model = original
    model.save_weights(tmp_path / "own.h5")
    spec = NetworkSpec(architecture, NUM_CLASSES, SIDE, WIDTHS.get(architecture.name, 1.0))
    network = build_cnn(spec, seed=0, dropout=0.5)
    weights = load_pretrained(tmp_path / "own.h5", architecture)
    save_weights(tmp_path / "converted.npz", weights)
    again = load_pretrained(tmp_path / "converted.npz", architecture)
    assert weights.keys() == again.keys()
    start_at(network, again, architecture)
    preprocess = getattr(tf_keras.applications, MODULES[architecture.name]).preprocess_input
    inputs = [
        normalise(tf.constant(GREY_LEVELS), SIDE, *architecture.input_statistics),
        preprocess(GREY_LEVELS.astype(np.float32).copy()),
    ]
    found, expected = (
        tf_keras.Model(one.inputs, one.get_layer(architecture.head).input)(images, training=False).numpy()
        for one, images in zip((network, model), inputs, strict=True)
    )
    assert np.std(expected) > 0.0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    architecture = applications()["mobilenet_v2"]
    save_weights(tmp_path / "other.npz", {"conv/kernel": np.zeros([1]), "predictions/kernel": np.zeros([1])})
    message = (
        r"other\.npz: not the weights of MobileNetV2: missing Conv1/kernel, .* and \d+ more; left over conv/kernel$"
    )
    with pytest.raises(InputError, match=message):
        load_pretrained(tmp_path / "other.npz", architecture)


def test_a_width_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"model.width_multiplier=0.5: ResNet-50 has one width alone; give 1"):
        NetworkSpec(applications()["resnet50"], NUM_CLASSES, SIDE, width_multiplier=0.5)


def test_weights_that_there_are_not_say_what_to_do(tmp_path: Path) -> None:
    architecture = applications()["mobilenet_v2"]
    with pytest.raises(InputError, match=r"weights of MobileNetV2 cannot be downloaded by tf_keras: .*\. Name a file"):
        architecture.published_weights(tmp_path, width_multiplier=0.123)


def twin(architecture: KerasApplication, scope: str) -> tf_keras.Model:
    hidden = {
        "prior": {"kind": "scaled_normal"},
        "posterior_ratio": 0.1,
        "scale_per_weight": False,
        "learn_scale": False,
    }
    head = {"prior": {"kind": "scaled_normal", "scale": 4.0}, "posterior_ratio": 0.1}
    spec = NetworkSpec(architecture, NUM_CLASSES, SIDE, WIDTHS.get(architecture.name, 1.0))
    return build_bnn(spec, Bayesian(scope, Variational.of(hidden), Variational.of(head)), num_train_examples=20, seed=0)


@pytest.mark.long
@pytest.mark.parametrize("name", MODULES)
def test_its_twin_trains_predicts_and_is_exported(name: str, tmp_path: Path) -> None:
    architecture = applications()[name]
    model: Any = twin(architecture, "head")
    assert [layer.name for layer in bayesian_layers(model)] == [architecture.head]
    assert normalisations(model)
    for layer in normalisations(model):
        layer.trainable = False
    images = normalise(tf.constant(GREY_LEVELS), SIDE, *architecture.input_statistics)
    optimiser = make_optimiser(0.9, "float32")
    step = make_train_step(model, optimiser, LayerMultipliers())
    optimiser.learning_rate = 1e-3
    before = model.get_layer(architecture.head).loc.numpy()
    nll, _ = step(images, tf.constant([0, 1]))
    assert float(nll) > 0.0
    assert np.abs(model.get_layer(architecture.head).loc.numpy() - before).max() > 0.0
    expected = make_predictor(model).predict([(images, None)], 2, 0, 16).mean(0)
    served = tf.Module()
    served.graph = PredictiveGraph(model, 2, 2000)
    served.answer = tf.function(
        lambda batch: served.graph(batch, tf.constant(1, tf.int64)),
        input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3])],
        autograph=False,
    )
    tf.saved_model.save(served, str(tmp_path / "export"))
    loaded = tf.saved_model.load(str(tmp_path / "export"))  # Its functions do not keep its variables.
    found = loaded.answer(images).numpy().mean(0)
    np.testing.assert_allclose(found, expected, atol=0.05)
