from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.models import ALEXNET_SCOPES

from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence, set_kl_weight
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.noise import NoiseTable
from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.models.architecture import SCOPES, NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at

NARROW = NetworkSpec(ALEXNET, num_classes=4, image_size=63, width_multiplier=0.05)
NUM_TRAIN_EXAMPLES = 40
scopes = pytest.mark.parametrize("scope", SCOPES)


def make_bnn(
    scope: str, hidden: dict[str, Any] | None = None, architecture: NetworkSpec = NARROW, **options: Any
) -> tf_keras.Sequential:
    hidden = {"prior": {"kind": "pretrained", "scale": 0.5}, "posterior_ratio": 0.5, **(hidden or {}), **options}
    head = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.5, **options}
    return build_bnn(
        architecture, Bayesian(scope, Variational.of(hidden), Variational.of(head)), NUM_TRAIN_EXAMPLES, seed=0
    )


def start(model: tf_keras.Sequential) -> None:
    """Starts either twin at the same weights, biases and head included."""
    cnn = build_cnn(NARROW, seed=7)
    rng = np.random.default_rng(0)
    weights = {}
    for layer in cnn.layers:
        if hasattr(layer, "kernel"):
            kernel, bias = layer.get_weights()
            weights[f"{layer.name}/kernel"] = kernel
            weights[f"{layer.name}/bias"] = np.float32(rng.normal(0, 0.1, bias.shape))
    start_at(model, weights, ALEXNET)
    head = model.get_layer("classifier_6")
    (head.loc if hasattr(head, "loc") else head.kernel).assign(rng.normal(0, 0.1, (205, 4)))
    head.bias.assign(rng.normal(0, 0.1, 4))


def random_batch(num_images: int = 6) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(1)
    images = tf.constant(rng.normal(size=(num_images, 63, 63, 3)), tf.float32)
    return images, tf.constant(rng.integers(4, size=num_images), tf.int32)


@scopes
def test_without_noise_the_twin_is_the_cnn(scope: str) -> None:
    cnn, bnn = build_cnn(NARROW, seed=0, dropout=0.0), make_bnn(scope, noise_multiplier=0.0)
    start(cnn)
    start(bnn)
    images, labels = random_batch()
    expected = cnn(images, training=True).numpy()
    assert np.abs(expected).max() > 0.1
    for training in (True, False):
        np.testing.assert_allclose(bnn(images, training=training), expected, rtol=0, atol=1e-5)
    probabilities = MonteCarloPredictor(bnn).predict([(images, labels)], num_samples=2, seed=0)
    np.testing.assert_allclose(probabilities, np.stack([tf.nn.softmax(expected)] * 2), rtol=0, atol=1e-5)


@scopes
def test_with_noise_the_twin_is_another(scope: str) -> None:
    cnn, bnn = build_cnn(NARROW, seed=0, dropout=0.0), make_bnn(scope)
    start(cnn)
    start(bnn)
    images, _ = random_batch()
    assert np.abs(bnn(images, training=True) - cnn(images)).max() > 0.01
    np.testing.assert_allclose(bnn(images, training=False), cnn(images), rtol=0, atol=1e-5)


@scopes
def test_dropout_acts_in_training_alone_as_the_cnns_does(scope: str) -> None:
    bayesian = Variational(prior=Prior("scaled_normal"), noise_multiplier=0.0)
    cnn = build_cnn(NARROW, seed=0, dropout=0.5)
    bnn = build_bnn(NARROW, Bayesian(scope, bayesian, bayesian, dropout=0.5), NUM_TRAIN_EXAMPLES, seed=0)
    start(cnn)
    start(bnn)
    images, _ = random_batch()
    trained = cnn(images, training=True)
    np.testing.assert_allclose(bnn(images, training=True), trained, rtol=0, atol=1e-5)
    np.testing.assert_allclose(bnn(images, training=False), cnn(images), rtol=0, atol=1e-5)
    assert np.abs(trained - cnn(images)).max() > 0.01


@scopes
def test_bayesian_layers_are_those_of_the_scope(scope: str) -> None:
    names = ALEXNET_SCOPES[scope]
    assert tuple(layer.name for layer in bayesian_layers(make_bnn(scope))) == names
    assert bayesian_layers(build_cnn(NARROW, seed=0)) == []


@scopes
def test_divergence_is_the_sum_of_tfps_over_the_layers_and_counted_once(scope: str) -> None:
    model = make_bnn(scope)
    start(model)
    for i, layer in enumerate(bayesian_layers(model)):
        layer.loc.assign_add(tf.fill(layer.loc.shape, 0.01 * (i + 1)))
    expected = sum(
        float(
            layer.kernel_posterior.distribution.kl_divergence(layer.kernel_prior.distribution).numpy().sum(dtype=float)
        )
        for layer in bayesian_layers(model)
    )
    np.testing.assert_allclose(kl_divergence(model), expected, rtol=1e-5)
    set_kl_weight(model, 0.3)

    @tf.function
    def losses(images: tf.Tensor) -> list[tf.Tensor]:
        model(images, training=True)
        return model.losses

    images, _ = random_batch()
    found = losses(images)
    assert len(found) == len(bayesian_layers(model))
    np.testing.assert_allclose(sum(map(float, found)), 0.3 * expected / NUM_TRAIN_EXAMPLES, rtol=1e-5)
    set_kl_weight(model, 0.0)
    assert [float(loss) for loss in losses(images)] == [0.0] * len(found)


def test_divergence_of_the_cnn_is_zero() -> None:
    cnn = build_cnn(NARROW, seed=0)
    set_kl_weight(cnn, 0.5)
    assert float(kl_divergence(cnn)) == 0.0


def test_divergence_is_zero_at_a_start_centred_on_pretrained_weights() -> None:
    model = make_bnn("all", posterior_ratio=1.0)
    start(model)
    assert [float(layer.kl_divergence()) for layer in bayesian_layers(model)[:-1]] == [0.0] * 7
    fresh = make_bnn("all", posterior_ratio=1.0)
    start_at(fresh, pretrained(fresh), ALEXNET)
    assert float(kl_divergence(fresh)) == 0.0  # The head starts at its prior's location, 0.


def pretrained(model: tf_keras.Sequential) -> dict[str, np.ndarray]:
    layers = bayesian_layers(model)
    kernels = {f"{layer.name}/kernel": layer.loc.numpy() + 1.0 for layer in layers}
    return kernels | {f"{layer.name}/bias": layer.bias.numpy() for layer in layers}


class Anneal(tf_keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        set_kl_weight(self.model, [0.0, 0.5, 1.0][epoch])


def test_annealing_acts_under_fit_and_validation_has_no_divergence() -> None:
    model = make_bnn("classifier", noise_multiplier=0.0)
    start(model)
    images, labels = random_batch(8)
    nll = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.legacy.SGD(0.0), nll)
    history = model.fit(
        images, labels, batch_size=4, epochs=3, validation_data=(images, labels), verbose=0, callbacks=[Anneal()]
    ).history
    expected_nll = float(nll(labels, model(images)))
    divergence = float(kl_divergence(model)) / NUM_TRAIN_EXAMPLES
    assert divergence > 0.1
    np.testing.assert_allclose(history["loss"], [expected_nll + w * divergence for w in (0.0, 0.5, 1.0)], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [expected_nll] * 3, rtol=1e-5)


def test_layers_read_disjoint_places_of_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = NoiseTable.read

    def spy(table: NoiseTable, step: tf.Tensor, position: int, shape: list[int]) -> tf.Tensor:
        reads.append((table, int(step), position, int(np.prod(shape))))
        return read(table, step, position, shape)

    monkeypatch.setattr(NoiseTable, "read", spy)
    model = make_bnn("all")
    images, _ = random_batch(2)
    model(images, training=True)
    tables, steps, positions, lengths = zip(*reads, strict=True)
    assert len(reads) == 8
    assert len(set(map(id, tables))) == 1
    assert set(steps) == {1}  # All layers count steps alike, so that they share the start of a step.
    np.testing.assert_array_equal(positions, np.cumsum((0, *lengths[:-1])))
    assert sum(lengths) <= tables[0].size


def test_layers_of_equal_shape_start_and_move_differently() -> None:
    tiny = NetworkSpec(ALEXNET, 4, 63, width_multiplier=0.0026)
    model = make_bnn("all", architecture=tiny)
    layers = [model.get_layer(f"features_{i}") for i in (6, 8, 10)]
    step = tf.constant(1, tf.int64)
    for values in (
        [layer.loc.numpy() for layer in layers],
        [layer._noise(step).numpy() for layer in layers],
        [layer._signs([9, 1], step, salt=1, rank=4).numpy() for layer in layers],
    ):
        assert len({value.tobytes() for value in values}) == 3


def test_start_and_noise_repeat_under_a_seed() -> None:
    images, _ = random_batch(2)
    outputs = []
    for seed in (0, 0, 1):
        hidden = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.5}
        model = build_bnn(
            NARROW, Bayesian("classifier", Variational.of(hidden), Variational.of(hidden)), NUM_TRAIN_EXAMPLES, seed
        )
        outputs.append([model(images, training=True).numpy() for _ in range(2)])
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])
    assert not np.allclose(outputs[0][0], outputs[0][1])


@scopes
def test_saved_weights_go_into_a_freshly_built_model(scope: str, tmp_path: Path) -> None:
    model = make_bnn(scope)
    start(model)
    images, labels = random_batch(2)
    model(images, training=True)
    set_kl_weight(model, 0.25)
    for layer in bayesian_layers(model):
        layer.log_ratio.assign_add(tf.fill(layer.log_ratio.shape, 0.1))
    model.save_weights(str(tmp_path / "weights.h5"), save_format="h5")
    rebuilt = make_bnn(scope)
    rebuilt.load_weights(str(tmp_path / "weights.h5"))
    for old, new in zip(model.weights, rebuilt.weights, strict=True):
        assert old.name == new.name
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(kl_divergence(model), kl_divergence(rebuilt))
    np.testing.assert_array_equal(model(images, training=True), rebuilt(images, training=True))
    first, second = (MonteCarloPredictor(m).predict([(images, labels)], 2, seed=3) for m in (model, rebuilt))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_hidden_layers_and_head_have_their_own_configuration(scale_per_weight: bool) -> None:
    model = make_bnn("classifier", {"scale_per_weight": scale_per_weight, "learn_scale": False})
    *hidden, head = bayesian_layers(model)
    assert all(layer.log_ratio.shape == (layer.loc.shape if scale_per_weight else ()) for layer in hidden)
    assert head.log_ratio.shape == head.loc.shape
    assert [layer.variational.prior.kind for layer in (*hidden, head)] == ["pretrained", "pretrained", "scaled_normal"]
    trainable = {id(variable) for variable in model.trainable_variables}
    assert id(head.log_ratio) in trainable
    assert not any(id(layer.log_ratio) in trainable for layer in hidden)
    assert {layer.variational.num_train_examples for layer in (*hidden, head)} == {NUM_TRAIN_EXAMPLES}
