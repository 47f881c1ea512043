import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.moments import LogitMoments
from tfp_insects.bayes.moments_draws import balanced_normals, draw_logits

SEED = tf.constant([3, 4], tf.int64)


def random_moments(batch: int, num_classes: int, rank: int, seed: int = 0) -> LogitMoments:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(batch, num_classes, rank))
    covariance = np.einsum("bij,bkj->bik", roots, roots)
    return LogitMoments(
        tf.constant(rng.normal(size=(batch, num_classes)), tf.float32),
        tf.constant(covariance, tf.float32),
        tf.zeros([batch]),
    )


def sample_covariance(draws: np.ndarray) -> np.ndarray:
    centred = draws - draws.mean(0)
    return np.einsum("nbi,nbj->bij", centred, centred) / len(draws)


@pytest.mark.parametrize("num_draws", [20, 22, 64])
def test_the_sample_itself_has_the_mean_and_the_covariance(num_draws: int) -> None:
    moments = random_moments(3, 10, rank=10)
    draws = np.float64(draw_logits(moments, num_draws, SEED))
    assert draws.shape == (num_draws, 3, 10)
    np.testing.assert_allclose(draws.mean(0), moments.mean, atol=1e-5)
    np.testing.assert_allclose(sample_covariance(draws), moments.covariance, atol=2e-3)


def test_over_seeds_each_draw_has_the_mean_and_the_covariance() -> None:
    """Also where there are too few draws for the sample to have them."""
    moments, num_seeds = random_moments(1, 3, rank=3), 2000

    @tf.function
    def last_draws(num_draws: int) -> tf.Tensor:
        def last(seed: tf.Tensor) -> tf.Tensor:
            return draw_logits(moments, num_draws, tf.stack([seed, 0]))[-1, 0]

        return tf.map_fn(last, tf.range(num_seeds), fn_output_signature=tf.float32)

    for num_draws in (1, 6):
        draws = last_draws(num_draws).numpy()
        scale = np.sqrt(np.diag(moments.covariance[0]))
        assert np.all(np.abs(draws.mean(0) - moments.mean[0]) < 5 * scale / np.sqrt(num_seeds))
        found = np.cov(draws.T)
        assert np.all(np.abs(found - moments.covariance[0]) < 5 * np.outer(scale, scale) * np.sqrt(2 / num_seeds))


def test_draws_come_in_mirrored_pairs_of_which_an_odd_number_lacks_the_last() -> None:
    noise = balanced_normals(7, 3, SEED).numpy()
    assert noise.shape == (7, 3)
    np.testing.assert_array_equal(noise[1::2], -noise[:6:2])
    assert len(np.unique(np.abs(noise[:, 0]))) == 4


def test_seeds_decide() -> None:
    moments = random_moments(2, 4, rank=4)
    first, again, other = (draw_logits(moments, 6, tf.constant([0, seed])).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 1e-4


def test_an_image_alone_is_drawn_as_in_its_batch() -> None:
    moments = random_moments(64, 10, rank=12)
    together = draw_logits(moments, 32, SEED)
    alone = [draw_logits(LogitMoments(*(one[i : i + 1] for one in moments)), 32, SEED) for i in (0, 17, 63)]
    np.testing.assert_allclose(tf.concat(alone, 1), tf.gather(together, [0, 17, 63], axis=1), atol=1e-5)


@pytest.mark.parametrize(("num_classes", "rank"), [(10, 1), (100, 1), (100, 30)])
def test_a_singular_covariance_is_drawn_from(num_classes: int, rank: int) -> None:
    moments = random_moments(4, num_classes, rank)
    draws = draw_logits(moments, 4 * num_classes, SEED).numpy()
    largest = np.abs(moments.covariance).max()
    np.testing.assert_allclose(sample_covariance(draws), moments.covariance, atol=2e-3 * largest)


def test_no_covariance_gives_the_mean() -> None:
    mean = tf.constant(np.random.default_rng(0).normal(size=(2, 10)), tf.float32)
    draws = draw_logits(LogitMoments(mean, tf.zeros([2, 10, 10]), tf.zeros([2])), 32, SEED)
    np.testing.assert_allclose(draws, np.broadcast_to(mean, (32, 2, 10)), atol=1e-5)


def test_numbers_that_are_none_stay_so() -> None:
    """A training that diverged is told by them."""
    moments = LogitMoments(tf.fill([1, 4], np.nan), tf.fill([1, 4, 4], np.nan), tf.zeros([1]))
    assert np.isnan(draw_logits(moments, 8, SEED)).all()
