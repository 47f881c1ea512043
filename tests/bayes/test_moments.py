import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from tfp_insects.bayes.moments import (
    DensePosterior,
    LogitMoments,
    Moments,
    RankOne,
    dense_moments,
    logit_moments,
    moments_of_pair,
    rank_one,
    relu_moments,
)

NUM_DRAWS = 100_000
BATCH, INPUTS, HIDDEN, CLASSES = 3, 5, 8, 4


def float32(array: np.ndarray) -> tf.Tensor:
    return tf.constant(array, tf.float32)


def spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Variances from .01 to 1."""
    return np.exp(rng.uniform(np.log(0.01), 0.0, shape))


def random_layer(rng: np.random.Generator, inputs: int, units: int, **fields: np.ndarray) -> DensePosterior:
    loc = float32(rng.normal(size=(inputs, units)))
    given = {name: float32(value) for name, value in fields.items()}
    if "factor" in given:
        given["factor_variance"] = tf.linalg.diag_part(given["factor"] @ tf.transpose(given["factor"]))
    return DensePosterior(loc, float32(rng.normal(size=units)), squared_loc=tf.square(loc), **given)


@pytest.mark.parametrize(
    ("mean", "scale"), [(0.3, 0.7), (-0.5, 0.4), (2.0, 0.5), (-2.0, 0.7), (0.0, 1.3), (30.0, 0.01)]
)
def test_relu_moments_equal_quadrature(mean: float, scale: float) -> None:
    def expectation(power: int) -> float:
        def integrand(u: float) -> float:
            return u**power * scipy.stats.norm.pdf(u, mean, scale)

        return scipy.integrate.quad(integrand, max(0.0, mean - 12 * scale), max(0.0, mean + 12 * scale), limit=200)[0]

    found = relu_moments(Moments(float32([[mean]]), float32([[scale**2]])))
    np.testing.assert_allclose(found.mean, [[expectation(1)]], rtol=1e-5)
    expected = scale**2 if mean > 12 * scale else expectation(2) - expectation(1) ** 2
    np.testing.assert_allclose(found.variance, [[expected]], rtol=2e-4)


def test_relu_of_known_units_is_relu() -> None:
    units = float32([[-1.5, -1e-30, 0.0, 1e-30, 2.0, 1e20]])
    found = relu_moments(Moments(units, tf.zeros_like(units)))
    np.testing.assert_array_equal(found.mean, tf.nn.relu(units))
    np.testing.assert_array_equal(found.variance, tf.zeros_like(units))
    np.testing.assert_array_equal(relu_moments(Moments(units)).mean, tf.nn.relu(units))


def test_relu_moments_stay_finite_and_positive_far_from_zero() -> None:
    mean, variance = np.meshgrid([-1e6, -30.0, -1e-3, 0.0, 1e-3, 30.0, 1e6], [1e-30, 1e-8, 1.0, 1e8])
    found = relu_moments(Moments(float32(mean), float32(variance)))
    assert np.all(np.isfinite(found.mean))
    assert np.all(found.mean.numpy() >= 0.0)
    assert np.all((found.variance.numpy() >= 0.0) & (found.variance.numpy() <= np.float32(variance) * 1.001))


def drawn_kernels(rng: np.random.Generator, layer: DensePosterior) -> np.ndarray:
    noise = rng.standard_normal((NUM_DRAWS, *layer.loc.shape), np.float32)
    if layer.factor is not None:
        noise = np.einsum("ij,njk->nik", layer.factor.numpy(), noise, optimize=True)
    else:
        noise *= np.sqrt(layer.variance.numpy())
    return layer.loc.numpy() + noise


@pytest.mark.parametrize("is_correlated", [False, True], ids=["independent", "correlated"])
def test_a_small_net_has_the_mean_and_covariance_of_its_draws(is_correlated: bool) -> None:
    """With one hidden layer nothing is approximated."""
    rng = np.random.default_rng(int(is_correlated))
    hidden = random_layer(rng, INPUTS, HIDDEN, variance=spread(rng, INPUTS, HIDDEN))
    covariance = {"factor": 0.2 * rng.normal(size=(HIDDEN, HIDDEN))}
    head = random_layer(
        rng, HIDDEN, CLASSES, **(covariance if is_correlated else {"variance": spread(rng, HIDDEN, CLASSES)})
    )
    images = rng.normal(size=(BATCH, INPUTS)).astype(np.float32)

    units = np.maximum(
        np.einsum("bi,nij->nbj", images, drawn_kernels(rng, hidden), optimize=True) + hidden.bias.numpy(), 0
    )
    logits = np.einsum("nbi,nij->nbj", units, drawn_kernels(rng, head), optimize=True) + head.bias.numpy()
    found = logit_moments(head, relu_moments(dense_moments(hidden, Moments(float32(images)))))

    assert_moments_of(logits, found)
    diagonal = dense_moments(head, relu_moments(dense_moments(hidden, Moments(float32(images)))))
    np.testing.assert_allclose(diagonal.mean, found.mean, atol=1e-5)
    np.testing.assert_allclose(diagonal.variance, tf.linalg.diag_part(found.covariance), rtol=1e-5)


def assert_moments_of(draws: np.ndarray, expected: LogitMoments) -> None:
    """Compares with `[num_draws, batch, units]` within five standard errors."""
    mean, covariance = expected.mean.numpy(), expected.covariance.numpy()
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * scale / np.sqrt(len(draws)))
    products = np.einsum("nbj,nbk->nbjk", draws - mean, draws - mean)
    assert np.all(np.abs(products.mean(0) - covariance) < 5 * products.std(0) / np.sqrt(len(draws)))
    off_diagonal = covariance[:, ~np.eye(CLASSES, dtype=bool)]
    assert np.abs(off_diagonal).max() > 0.05 * scale.max() ** 2  # There is something to find.


def test_independent_inputs_with_a_variance_are_carried_exactly() -> None:
    rng = np.random.default_rng(2)
    layer = random_layer(rng, INPUTS, CLASSES, variance=spread(rng, INPUTS, CLASSES))
    inputs = Moments(float32(rng.normal(size=(1, INPUTS))), float32(spread(rng, 1, INPUTS)))
    drawn = inputs.mean.numpy() + np.sqrt(inputs.variance.numpy()) * rng.standard_normal(
        (NUM_DRAWS, INPUTS), np.float32
    )
    outputs = np.einsum("ni,nij->nj", drawn, drawn_kernels(rng, layer)) + layer.bias.numpy()
    assert_moments_of(outputs[:, np.newaxis], logit_moments(layer, inputs))


def test_two_hidden_layers_are_near_their_draws() -> None:
    """Units are neither normal nor independent there, so that a few percent are left."""
    rng = np.random.default_rng(3)
    layers = [
        random_layer(rng, 20, 40, variance=0.1 * spread(rng, 20, 40)),
        random_layer(rng, 40, 40, variance=0.1 * spread(rng, 40, 40)),
        random_layer(rng, 40, CLASSES, variance=spread(rng, 40, CLASSES)),
    ]
    images = rng.normal(size=(BATCH, 20)).astype(np.float32)
    draws = np.repeat(images[np.newaxis], 4000, axis=0)
    for layer in layers:
        noise = rng.standard_normal((len(draws), *layer.loc.shape), np.float32) * np.sqrt(layer.variance.numpy())
        draws = np.einsum("nbi,nij->nbj", draws, layer.loc.numpy() + noise, optimize=True) + layer.bias.numpy()
        draws = draws if layer is layers[-1] else np.maximum(draws, 0)
    moments = Moments(float32(images))
    for layer in layers[:-1]:
        moments = relu_moments(dense_moments(layer, moments))
    found = logit_moments(layers[-1], moments)
    scale = draws.std(0)
    assert np.all(np.abs(found.mean - draws.mean(0)) < 0.1 * scale)
    np.testing.assert_allclose(tf.sqrt(tf.linalg.diag_part(found.covariance)), scale, rtol=0.1)


def test_known_weights_and_inputs_have_no_variance() -> None:
    rng = np.random.default_rng(4)
    layer, images = random_layer(rng, INPUTS, CLASSES), float32(rng.normal(size=(BATCH, INPUTS)))
    found = dense_moments(layer, Moments(images))
    assert found.variance is None
    np.testing.assert_allclose(found.mean, images @ layer.loc + layer.bias, rtol=1e-6)
    np.testing.assert_array_equal(logit_moments(layer, Moments(images)).covariance, np.zeros((BATCH, CLASSES, CLASSES)))


def test_rank_one_keeps_the_sums_of_rows_and_columns() -> None:
    matrix = spread(np.random.default_rng(5), INPUTS, HIDDEN)
    found = rank_one(float32(matrix))
    full = np.outer(found.rows, found.columns)
    np.testing.assert_allclose(full.sum(0), matrix.sum(0), rtol=1e-5)
    np.testing.assert_allclose(full.sum(1), matrix.sum(1), rtol=1e-5)
    np.testing.assert_array_equal(rank_one(tf.zeros([2, 3])).columns, np.zeros(3))


def test_rank_one_is_exact_for_inputs_whose_second_moments_are_alike_and_for_a_matrix_of_rank_one() -> None:
    rng = np.random.default_rng(6)
    layer = random_layer(rng, INPUTS, HIDDEN, variance=spread(rng, INPUTS, HIDDEN))
    cheap = layer._replace(variance=rank_one(layer.variance))
    alike = Moments(float32(rng.choice([-1.3, 1.3], (BATCH, INPUTS))))
    np.testing.assert_allclose(dense_moments(cheap, alike).variance, dense_moments(layer, alike).variance, rtol=1e-5)
    rows, columns = spread(rng, INPUTS), spread(rng, HIDDEN)
    product = layer._replace(variance=float32(np.outer(rows, columns)))
    factors = layer._replace(variance=RankOne(float32(rows), float32(columns)))
    inputs = Moments(float32(rng.normal(size=(BATCH, INPUTS))))
    expected = dense_moments(product, inputs).variance
    for one in (factors, layer._replace(variance=rank_one(product.variance))):
        np.testing.assert_allclose(dense_moments(one, inputs).variance, expected, rtol=1e-5)


def test_rank_one_is_near_the_matrix_in_a_wide_layer() -> None:
    """Variances as a share of the mean have: a hundredth of its square, over 2,000 inputs after ReLU."""
    rng = np.random.default_rng(7)
    layer = random_layer(rng, 2000, 100)
    layer = layer._replace(variance=0.01 * layer.squared_loc)
    cheap = layer._replace(variance=rank_one(layer.variance), squared_loc=rank_one(layer.squared_loc))
    inputs = relu_moments(Moments(float32(rng.normal(size=(BATCH, 2000))), float32(spread(rng, BATCH, 2000))))
    expected, found = dense_moments(layer, inputs), dense_moments(cheap, inputs)
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_allclose(found.variance, expected.variance, rtol=0.2)
    np.testing.assert_allclose(tf.reduce_mean(found.variance, 1), tf.reduce_mean(expected.variance, 1), rtol=0.01)


def test_kernels_in_bfloat16_give_the_same_within_rounding() -> None:
    rng = np.random.default_rng(8)
    layer = random_layer(rng, 50, HIDDEN, variance=spread(rng, 50, HIDDEN))
    low = layer._replace(
        **{name: tf.cast(getattr(layer, name), tf.bfloat16) for name in ("loc", "variance", "squared_loc")}
    )
    inputs = Moments(float32(rng.normal(size=(BATCH, 50))), float32(spread(rng, BATCH, 50)))
    expected = dense_moments(layer, inputs)
    for found in (
        dense_moments(low, inputs),
        dense_moments(low, inputs._replace(mean=tf.cast(inputs.mean, tf.bfloat16))),
    ):
        assert found.mean.dtype == found.variance.dtype == tf.float32
        np.testing.assert_allclose(found.mean, expected.mean, atol=0.02 * np.sqrt(expected.variance).max())
        np.testing.assert_allclose(found.variance, expected.variance, rtol=0.02)


def test_a_mirrored_pair_estimates_mean_and_variance_of_what_is_linear_in_the_noise() -> None:
    """Exact in the mean; over many pairs, the estimates' mean is the variance, and sums over units have little noise."""
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(size=(2, 500)), rng.uniform(0.1, 2.0, size=(2, 500))
    noise = scale * rng.normal(size=(4000, 2, 500))
    found = moments_of_pair(float32(mean + noise), float32(mean - noise))
    np.testing.assert_allclose(found.mean, np.broadcast_to(mean, noise.shape), atol=1e-5)
    error = 5 * np.sqrt(2 / 4000) * scale**2  # A squared normal's standard deviation is sqrt(2) of its mean.
    assert np.all(np.abs(found.variance.numpy().mean(0) - scale**2) < error)
    sums = found.variance.numpy().sum(-1)
    np.testing.assert_allclose(
        sums.std(0) / sums.mean(0), np.sqrt(2 * (scale**4).sum(-1)) / (scale**2).sum(-1), rtol=0.1
    )


@pytest.mark.parametrize("has_own", [False, True], ids=["of predictions", "its own"])
@pytest.mark.parametrize("is_random", [False, True], ids=["known inputs", "random inputs"])
def test_leverage_is_what_the_weights_vary_by_along_the_inputs(is_random: bool, has_own: bool) -> None:
    rng = np.random.default_rng(5)
    root, other, mean = (rng.normal(size=(rows, HIDDEN)) for rows in (HIDDEN, HIDDEN, BATCH))
    mean[1] = 0.0
    head = random_layer(rng, HIDDEN, CLASSES, factor=root)._replace(leverage_factor=float32(other) if has_own else None)
    inputs = Moments(float32(mean), float32(spread(rng, BATCH, HIDDEN)) if is_random else None)
    covariance = other @ other.T if has_own else root @ root.T
    expected = [m @ covariance @ m / (m @ m) if m.any() else 0.0 for m in mean]
    found = logit_moments(head, inputs)
    np.testing.assert_allclose(found.leverage, expected, rtol=1e-4)
    # The length of the features says nothing, and the logits are those of the other covariance.
    longer = logit_moments(head, inputs._replace(mean=3.0 * inputs.mean))
    np.testing.assert_allclose(longer.leverage, expected, rtol=1e-4)
    np.testing.assert_array_equal(
        found.covariance, logit_moments(head._replace(leverage_factor=None), inputs).covariance
    )


def test_independent_weights_have_no_leverage() -> None:
    rng = np.random.default_rng(6)
    layer = random_layer(rng, HIDDEN, CLASSES, variance=spread(rng, HIDDEN, CLASSES))
    assert not logit_moments(layer, Moments(float32(rng.normal(size=(BATCH, HIDDEN))))).leverage.numpy().any()
