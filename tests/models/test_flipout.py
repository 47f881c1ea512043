import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.errors import InputError
from tfp_insects.models.flipout import Convolution2DFlipout, DenseFlipout, VariationalKernel

NUM_TRAIN_EXAMPLES = 40
PRIORS = ("standard_normal", "normal", "scaled_normal", "pretrained")
KERNELS = {"dense": (5, 7), "convolution": (3, 3, 2, 4)}
INPUTS = {"dense": (6, 5), "convolution": (6, 5, 6, 2)}
kinds = pytest.mark.parametrize("kind", KERNELS)
# One whose posterior's scale stays where it is, and one whose scale follows the mean.
families = pytest.mark.parametrize("prior", ["pretrained", "log_uniform"])


def variational(prior: str = "pretrained", **options: Any) -> dict[str, Any]:
    config = {"num_train_examples": NUM_TRAIN_EXAMPLES, "posterior_ratio": 0.5}
    return {"prior": {"kind": prior, "scale": 0.8, "floor": 0.1}, **config, **options}


def make_layer(kind: str, config: Mapping[str, Any], seed: int = 3, **kwargs: Any) -> VariationalKernel:
    if kind == "dense":
        layer = DenseFlipout(7, variational=config, seed=seed, name="dense", **kwargs)
    else:
        strides = {"strides": 2, "padding": "same"}
        layer = Convolution2DFlipout(4, 3, variational=config, seed=seed, name="convolution", **strides, **kwargs)
    layer.build(INPUTS[kind])
    return layer


def trained_layer(kind: str, config: Mapping[str, Any] | None = None, **kwargs: Any) -> VariationalKernel:
    """A layer that has moved away from its start, with a scale of its own for each weight where it may have one."""
    layer = make_layer(kind, variational() if config is None else config, **kwargs)
    rng = np.random.default_rng(5)
    layer.centre_on(np.float32(rng.normal(size=KERNELS[kind])), np.float32(rng.normal(size=KERNELS[kind][-1])))
    layer.loc.assign_add(tf.constant(rng.normal(0, 0.3, size=KERNELS[kind]), tf.float32))
    layer.log_ratio.assign_add(tf.constant(rng.normal(0, 0.3, size=layer.log_ratio.shape), tf.float32))
    return layer


def random_inputs(kind: str, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=INPUTS[kind]), tf.float32)


def linear(kind: str, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return inputs @ kernel if kind == "dense" else tf.nn.conv2d(inputs, kernel, 2, "SAME")


def kl_in_float64(layer: VariationalKernel, prior_loc: np.ndarray, prior_scale: np.ndarray) -> float:
    loc, log_ratio = (np.float64(variable.numpy()) for variable in (layer.loc, layer.log_ratio))
    scale = prior_scale * np.exp(log_ratio)
    terms = np.log(prior_scale / scale) + (scale**2 + (loc - prior_loc) ** 2) / (2 * prior_scale**2) - 0.5
    return np.broadcast_to(terms, loc.shape).sum()


def noise_and_signs(layer: VariationalKernel, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The random numbers of the layer's last training call."""
    step, rank = tf.convert_to_tensor(layer.noise_step), inputs.shape.rank
    sign_in = layer._signs([inputs.shape[0], inputs.shape[-1]], step, salt=1, rank=rank)
    sign_out = layer._signs([inputs.shape[0], layer.loc.shape[-1]], step, salt=2, rank=rank)
    return layer._noise(step), sign_in, sign_out


@kinds
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_divergence_is_the_closed_form_and_tfps(kind: str, prior: str, scale_per_weight: bool) -> None:
    layer = trained_layer(kind, variational(prior, scale_per_weight=scale_per_weight))
    assert layer.log_ratio.shape == (KERNELS[kind] if scale_per_weight else ())
    pretrained = np.float64(np.random.default_rng(5).normal(size=KERNELS[kind]).astype(np.float32))
    root_mean_square = np.sqrt(np.mean(pretrained**2))
    prior_loc, prior_scale = {
        "standard_normal": (0.0, 1.0),
        "normal": (0.0, 0.8),
        "scaled_normal": (0.0, 0.8 / np.sqrt(np.prod(KERNELS[kind][:-1]))),
        "pretrained": (pretrained, 0.8 * np.maximum(np.abs(pretrained), 0.1 * root_mean_square)),
    }[prior]
    expected = kl_in_float64(layer, prior_loc, prior_scale)
    np.testing.assert_allclose(layer.kl_divergence(), expected, rtol=1e-5)
    tfps = tfp.distributions.kl_divergence(layer.kernel_posterior, layer.kernel_prior)
    np.testing.assert_allclose(tfps, expected, rtol=1e-5)
    assert layer.kernel_posterior.mean().shape == layer.kernel_prior.stddev().shape == KERNELS[kind]


@kinds
@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_divergence_is_zero_at_the_prior(kind: str, scale_per_weight: bool) -> None:
    layer = make_layer(kind, variational(posterior_ratio=1.0, scale_per_weight=scale_per_weight))
    kernel = np.random.default_rng(0).normal(size=KERNELS[kind]).astype(np.float32)
    layer.centre_on(kernel, np.ones(KERNELS[kind][-1], np.float32))
    assert float(layer.kl_divergence()) == 0.0
    np.testing.assert_array_equal(layer.loc, kernel)
    np.testing.assert_array_equal(layer.kernel_posterior.mean(), kernel)
    np.testing.assert_array_equal(layer.kernel_posterior.stddev(), layer.kernel_prior.stddev())


@kinds
def test_priors_at_zero_start_at_pretrained_weights_too(kind: str) -> None:
    layer = trained_layer(kind, variational("normal"))
    np.testing.assert_array_equal(layer.kernel_prior.mean(), np.zeros(KERNELS[kind]))
    np.testing.assert_allclose(layer.kernel_prior.stddev(), np.full(KERNELS[kind], 0.8, np.float32))


@kinds
def test_losses_are_the_weighted_divergence_of_one_example(kind: str) -> None:
    layer, inputs = trained_layer(kind), random_inputs(kind)
    layer.kl_weight.assign(0.25)
    layer(inputs, training=True)
    (loss,) = layer.losses
    expected = 0.25 * float(layer.kl_divergence()) / NUM_TRAIN_EXAMPLES
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    layer(inputs[:2], training=True)  # The batch size does not matter, and the last call counts alone.
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-6)
    layer(inputs, training=False)
    assert layer.losses == []


@kinds
def test_divergence_weight_acts_inside_a_traced_function(kind: str) -> None:
    layer, inputs = trained_layer(kind), random_inputs(kind)

    @tf.function
    def loss_and_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            layer(inputs, training=True)
            loss = tf.add_n(layer.losses)
        return loss, tape.gradient(loss, layer.loc)

    loss, gradient = loss_and_gradient()
    layer.kl_weight.assign(0.5)
    half_loss, half_gradient = loss_and_gradient()
    layer.kl_weight.assign(0.0)
    no_loss, no_gradient = loss_and_gradient()
    assert loss_and_gradient.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(half_loss, loss / 2, rtol=1e-6)
    np.testing.assert_allclose(half_gradient, gradient / 2, rtol=1e-6)
    assert float(no_loss) == 0.0
    assert not np.any(no_gradient)


@kinds
def test_without_training_the_kernel_is_the_mean(kind: str) -> None:
    layer, inputs = trained_layer(kind, activation="relu"), random_inputs(kind)
    expected = tf.nn.relu(linear(kind, inputs, layer.loc) + layer.bias)
    for found in (layer(inputs), layer(inputs, training=False), layer.apply_kernel(inputs, layer.loc)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert int(layer.noise_step) == 0


@kinds
@families
def test_a_training_call_is_flipout_written_out(kind: str, prior: str) -> None:
    layer, inputs = trained_layer(kind, variational(prior), activation="relu"), random_inputs(kind)
    found = layer(inputs, training=True)
    noise, sign_in, sign_out = noise_and_signs(layer, inputs)
    assert noise.shape == KERNELS[kind]
    np.testing.assert_array_equal(np.abs(sign_in), np.ones(sign_in.shape))
    # One sign a channel of an example, shared by its places.
    assert sign_in.shape.num_elements() == inputs.shape[0] * inputs.shape[-1]
    perturbation = layer.kernel_posterior.stddev() * noise
    perturbed = linear(kind, inputs * sign_in, perturbation) * sign_out
    expected = tf.nn.relu(linear(kind, inputs, layer.loc) + perturbed + layer.bias)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def stock_layer(
    layer: VariationalKernel, kind: str, noise: tf.Tensor
) -> tuple[tf_keras.layers.Layer, list[tf.Variable]]:
    """TFP's own layer on copies of the same posterior and prior, with the given noise, and its loc, log_ratio and bias."""
    prior_loc, prior_scale = layer.kernel_prior.mean(), layer.kernel_prior.stddev()
    loc, log_ratio, bias = (tf.Variable(v) for v in (layer.loc, layer.log_ratio, layer.bias))
    scale = tfp.util.DeferredTensor(log_ratio, lambda value: prior_scale * tf.exp(value))
    normal, independent = tfp.distributions.Normal, tfp.distributions.Independent
    kwargs = {
        "activation": "relu",
        "kernel_posterior_fn": lambda dtype, shape, *_: independent(normal(loc, scale), len(shape)),
        "kernel_posterior_tensor_fn": lambda affine: affine.scale * noise,
        "kernel_prior_fn": lambda dtype, shape, *_: independent(normal(prior_loc, prior_scale), len(shape)),
        "kernel_divergence_fn": lambda q, p, _: 0.3 * tfp.distributions.kl_divergence(q, p) / NUM_TRAIN_EXAMPLES,
        "bias_posterior_fn": lambda *_: independent(tfp.distributions.Deterministic(bias), 1),
    }
    if kind == "dense":
        return tfp.layers.DenseFlipout(7, **kwargs), [loc, log_ratio, bias]
    return tfp.layers.Convolution2DFlipout(4, 3, strides=2, padding="same", **kwargs), [loc, log_ratio, bias]


@kinds
def test_outputs_and_gradients_are_those_of_tfps_own_layer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, inputs = trained_layer(kind, activation="relu"), random_inputs(kind)
    layer.kl_weight.assign(0.3)
    upstream = tf.constant(np.random.default_rng(9).normal(size=layer(inputs).shape), tf.float32)

    def run(one: tf_keras.layers.Layer, variables: list[tf.Variable], **kwargs: bool) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = one(inputs, **kwargs)
            divergence = tf.add_n(one.losses)
            objective = tf.reduce_sum(outputs * upstream) + divergence
        return [outputs, divergence, *tape.gradient(objective, [inputs, *variables])]

    found = run(layer, [layer.loc, layer.log_ratio, layer.bias], training=True)
    noise, *signs = noise_and_signs(layer, inputs)
    monkeypatch.setattr(tfp.random, "rademacher", lambda shape, **_: tf.reshape(signs.pop(0), shape))
    expected = run(*stock_layer(layer, kind, noise))
    assert not signs
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def outputs_over_steps(layer: VariationalKernel, inputs: tf.Tensor, num_steps: int) -> np.ndarray:
    """float64 `[num_steps, batch, ...]`."""
    outputs = tf.function(
        lambda: tf.map_fn(lambda _: layer(inputs, training=True), tf.range(num_steps), fn_output_signature=tf.float32)
    )()
    return np.float64(outputs.numpy())


@kinds
@families
def test_mean_and_variance_over_steps_equal_the_closed_form(kind: str, prior: str) -> None:
    layer, num_steps = trained_layer(kind, variational(prior)), 4000
    image = random_inputs(kind)[:1]
    outputs = outputs_over_steps(layer, tf.concat([image, image], 0), num_steps)
    mean = (linear(kind, image, layer.loc) + layer.bias).numpy()
    variance = linear(kind, image**2, layer.kernel_posterior.variance()).numpy()
    # Outputs are exactly normal, so these are five standard errors.
    assert np.all(np.abs(outputs.mean(0) - mean) < 5 * np.sqrt(variance / num_steps))
    assert np.all(np.abs(outputs.var(0) / variance - 1) < 5 * np.sqrt(2 / num_steps))


@kinds
def test_perturbations_of_two_examples_are_uncorrelated(kind: str) -> None:
    layer, num_steps = trained_layer(kind), 4000
    image = random_inputs(kind)[:1]
    outputs = outputs_over_steps(layer, tf.concat([image, image], 0), num_steps)
    first, second = (outputs[:, i] - outputs[:, i].mean(0) for i in (0, 1))
    correlation = (first * second).mean(0) / (first.std(0) * second.std(0))
    # Both share |noise|, so a product's variance is between 1 and 3 (that of one weight alone).
    assert np.all(np.abs(correlation) < 5 * np.sqrt(3 / num_steps))
    assert np.all(np.abs(np.mean(first[1:] * first[:-1], 0) / first.var(0)) < 5 / np.sqrt(num_steps))
    # It is the signs that make them differ, not the noise.
    assert not np.allclose(first, second)


def test_places_of_one_image_share_the_perturbed_kernel() -> None:
    layer = trained_layer("convolution")
    inputs = tf.ones([1, 9, 9, 2])
    perturbation = layer(inputs, training=True) - layer(inputs)
    inner = perturbation[0, 1:-1, 1:-1].numpy()
    np.testing.assert_allclose(inner, np.broadcast_to(inner[0, 0], inner.shape), rtol=1e-4, atol=1e-5)
    assert np.all(np.abs(inner[0, 0]) > 1e-4)


def test_signs_are_fair_and_independent_of_each_other() -> None:
    # A square layer, so that equal streams for inputs and outputs would show.
    layer = DenseFlipout(4, variational=variational(), seed=3)
    layer.build([2, 4])

    def signs(step: tf.Tensor) -> tf.Tensor:
        return tf.concat([layer._signs([2, 4], step, salt=salt, rank=2) for salt in (1, 2)], 1)

    steps = tf.range(4000, dtype=tf.int64)
    values = tf.function(lambda: tf.map_fn(signs, steps, fn_output_signature=tf.float32))().numpy().reshape(4000, 16)
    np.testing.assert_array_equal(np.unique(values), [-1, 1])
    assert np.abs(values.mean(0)).max() < 5 / np.sqrt(4000)
    assert np.abs(np.corrcoef(values.T)[np.triu_indices(16, 1)]).max() < 5 / np.sqrt(4000)


@kinds
@families
def test_noise_multiplied_by_zero_leaves_the_mean(kind: str, prior: str) -> None:
    layer, inputs = trained_layer(kind, variational(prior, noise_multiplier=0.0)), random_inputs(kind)
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs, training=False), atol=1e-6)
    np.testing.assert_array_equal(layer.sample_kernel(tf.constant([0, 1])), layer.loc)
    layer(inputs, training=True)
    np.testing.assert_allclose(layer.losses, [layer.kl_divergence() / NUM_TRAIN_EXAMPLES], rtol=1e-6)


@kinds
@families
def test_noise_multiplier_multiplies_the_perturbation(kind: str, prior: str) -> None:
    inputs = random_inputs(kind)
    perturbations = []
    for factor in (1.0, 0.5):
        layer = trained_layer(kind, variational(prior, noise_multiplier=factor))
        kernel_part = layer.sample_kernel(tf.constant([0, 1])) - layer.loc
        perturbations.append((layer(inputs, training=True) - layer(inputs), kernel_part))
    for whole, half in zip(*perturbations, strict=True):
        np.testing.assert_allclose(whole / 2, half, rtol=1e-3, atol=1e-5)


@kinds
def test_training_repeats_under_a_seed(kind: str) -> None:
    inputs = random_inputs(kind)
    first, second, other = (trained_layer(kind, seed=seed) for seed in (3, 3, 4))
    results = [[layer(inputs, training=True).numpy() for _ in range(2)] for layer in (first, second, other)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])
    assert not np.allclose(results[0][0], results[0][1])


@kinds
@families
def test_sampled_kernels_follow_the_posterior(kind: str, prior: str) -> None:
    layer, num_draws = trained_layer(kind, variational(prior)), 4000
    seeds = tf.stack([tf.fill([num_draws], 7), tf.range(num_draws)], 1)
    sample = tf.function(lambda: tf.map_fn(layer.sample_kernel, seeds, fn_output_signature=tf.float32))
    kernels = np.float64(sample().numpy())
    variance = layer.kernel_posterior.variance().numpy()
    assert np.all(np.abs(kernels.mean(0) - layer.loc) < 5 * np.sqrt(variance / num_draws))
    assert np.all(np.abs(kernels.var(0) / variance - 1) < 5 * np.sqrt(2 / num_draws))
    np.testing.assert_allclose(kernels[3], layer.sample_kernel(tf.constant([7, 3])), rtol=1e-5, atol=1e-6)


@kinds
@pytest.mark.parametrize("noise_multiplier", [1.0, 0.5])
def test_kernels_from_the_table_are_unlike_the_noise_of_training_steps(kind: str, noise_multiplier: float) -> None:
    layer = trained_layer(kind, variational(noise_multiplier=noise_multiplier))
    draws = [layer.sample_kernel_from_table(tf.constant(draw)).numpy() for draw in (0, 1, 0)]
    np.testing.assert_array_equal(draws[0], draws[2])
    scale = noise_multiplier * layer.kernel_posterior.stddev().numpy()
    noises = [((draw - layer.loc) / scale).numpy().ravel() for draw in draws[:2]]
    steps = [layer._table().read(tf.constant(step, tf.int64), 0, KERNELS[kind]).numpy().ravel() for step in range(1, 9)]
    for noise in noises:
        assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
        assert abs(noise.var() - 1) < 5 * np.sqrt(2 / noise.size)
    correlations = np.corrcoef([*noises, *steps])[np.triu_indices(10, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(noises[0].size)


@kinds
@families
def test_is_rebuilt_from_json(kind: str, prior: str) -> None:
    layer, inputs = trained_layer(kind, variational(prior), activation="relu"), random_inputs(kind)
    config = json.loads(json.dumps(layer.get_config()))
    rebuilt = type(layer).from_config(config)
    assert json.dumps(rebuilt.get_config()) == json.dumps(layer.get_config())
    rebuilt.build(INPUTS[kind])
    rebuilt.set_weights(layer.get_weights())
    for training in (False, True):
        np.testing.assert_array_equal(rebuilt(inputs, training=training), layer(inputs, training=training))
    np.testing.assert_array_equal(rebuilt.kl_divergence(), layer.kl_divergence())


@kinds
@families
@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
def test_mixed_precision_computes_low_and_stores_high(kind: str, prior: str, policy: str, tolerance: float) -> None:
    config, inputs = variational(prior), random_inputs(kind)
    layer = trained_layer(kind, config, activation="relu", dtype=policy)
    assert {variable.dtype for variable in layer.trainable_variables} == {tf.float32}
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32)) + tf.add_n(layer.losses)
    assert outputs.dtype == layer.compute_dtype
    assert layer.losses[0].dtype == tf.float32
    noise, sign_in, sign_out = (tf.cast(part, tf.float32) for part in noise_and_signs(layer, inputs))
    perturbed = linear(kind, inputs * sign_in, layer.kernel_posterior.stddev() * noise) * sign_out
    expected = tf.nn.relu(linear(kind, inputs, layer.loc) + perturbed + layer.bias)
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), expected, atol=tolerance * float(tf.reduce_max(tf.abs(expected)))
    )
    gradients = tape.gradient(total, layer.trainable_variables)
    assert all(gradient.dtype == tf.float32 and np.all(np.isfinite(gradient)) for gradient in gradients)
    np.testing.assert_allclose(layer.kl_divergence(), trained_layer(kind, config).kl_divergence(), rtol=1e-6)


@kinds
@pytest.mark.parametrize("learn_scale", [True, False])
def test_a_scale_that_is_not_learned_is_no_trainable_variable(kind: str, learn_scale: bool) -> None:
    layer = make_layer(kind, variational(learn_scale=learn_scale))
    expected = [layer.loc, layer.log_ratio, layer.bias] if learn_scale else [layer.loc, layer.bias]
    assert {id(v) for v in layer.trainable_variables} == {id(v) for v in expected}
    assert len(layer.trainable_variables) == len(expected)
    assert any(v is layer.prior_weights.loc for v in layer.non_trainable_variables)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(InputError, match="unknown Variational field 'prior_scale'"):
        DenseFlipout(7, variational=variational(prior_scale=1.0), seed=0)


def test_layers_are_tfps() -> None:
    assert issubclass(DenseFlipout, tfp.layers.DenseFlipout)
    assert issubclass(Convolution2DFlipout, tfp.layers.Convolution2DFlipout)
