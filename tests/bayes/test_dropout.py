from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dropout import MonteCarloDropout, SeededDropout
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn

NARROW = NetworkSpec(ALEXNET, num_classes=4, image_size=63, width_multiplier=0.05)
ONES = tf.ones([3, 2000])


def built(kind: type[SeededDropout] = SeededDropout, rate: float = 0.25, seed: int = 5) -> SeededDropout:
    layer = kind(rate, seed=seed)
    layer.build(tf.TensorShape([None, 2000]))
    return layer


def test_keeps_the_mean_and_changes_nothing_outside_training() -> None:
    outputs = built()(ONES, training=True).numpy()
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(1 / 0.75)}
    # 6000 Bernoulli draws: three standard errors of the mean.
    assert abs((outputs > 0).mean() - 0.75) < 3 * np.sqrt(0.25 * 0.75 / 6000)
    np.testing.assert_array_equal(built()(ONES, training=False), ONES)


def test_masks_are_a_function_of_seed_and_step() -> None:
    first, same, other = built(), built(), built(seed=6)
    steps = [first(ONES, training=True).numpy() for _ in range(3)]
    for step in steps:
        np.testing.assert_array_equal(same(ONES, training=True), step)
    assert not np.array_equal(steps[0], steps[1])
    assert not np.array_equal(steps[0][0], steps[0][1])  # Each example has a mask of its own.
    assert not np.array_equal(steps[0], other(ONES, training=True))


@pytest.mark.parametrize("kind", [SeededDropout, MonteCarloDropout])
def test_a_mask_is_the_same_along_shared_axes(kind: type[SeededDropout]) -> None:
    layer, maps = kind(0.5, seed=5, noise_shape=(None, 1, 1, 500)), tf.ones([2, 3, 4, 500])
    masks = [layer(maps, training=True).numpy()]
    if kind is MonteCarloDropout:
        masks += [layer.apply_kernel(maps, mask).numpy() for mask in layer.sample_pair(tf.constant([1, 2]))]
    for mask in masks:
        np.testing.assert_array_equal(mask, np.broadcast_to(mask[:, :1, :1], maps.shape))
        assert abs((mask[0, 0, 0] > 0).mean() - 0.5) < 5 * np.sqrt(0.25 / 500)
    assert not np.array_equal(masks[0][0], masks[0][1])


def test_a_restored_layer_goes_on_where_it_was(tmp_path: Path) -> None:
    layer, restored = built(), built()
    layer(ONES, training=True)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=restored).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(restored(ONES, training=True), layer(ONES, training=True))


def test_the_two_layers_of_a_network_have_masks_of_their_own() -> None:
    cnn = build_cnn(NetworkSpec(ALEXNET, 4, 63, width_multiplier=0.2), seed=0)
    first, second = (layer for layer in cnn.layers if isinstance(layer, SeededDropout))
    width = first.input_shape[-1]
    inputs = tf.ones([1, width])
    assert not np.array_equal(first(inputs, training=True), second(inputs, training=True))


def test_a_draw_is_a_draw_of_the_next_layers_weights() -> None:
    layer = built(MonteCarloDropout)
    rng = np.random.default_rng(0)
    inputs, kernel = rng.normal(size=(3, 2000)).astype(np.float32), rng.normal(size=(2000, 2)).astype(np.float32)
    mask, other = (mask.numpy() for mask in layer.sample_pair(tf.constant([1, 2])))
    for one in (mask, other):
        assert abs((one == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / len(one))
    assert np.all(mask + other > 0)
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    outputs = layer.apply_kernel(tf.constant(inputs), mask).numpy() @ kernel
    np.testing.assert_allclose(outputs, inputs @ (mask[:, None] * kernel), rtol=1e-3, atol=1e-3)


def mc_dropout() -> tf_keras.Sequential:
    model = build_cnn(NARROW, 0, 0.5, MonteCarloDropout)
    rng = np.random.default_rng(1)
    model.get_layer("classifier_6").kernel.assign(rng.normal(scale=0.05, size=(205, 4)))
    return model


def test_predictions_repeat_under_a_seed_and_do_not_depend_on_the_batch() -> None:
    images = tf.constant(np.random.default_rng(2).normal(size=(4, 63, 63, 3)), tf.float32)
    labels = tf.zeros([4], tf.int32)
    predictor = MonteCarloPredictor(mc_dropout())
    one_batch = predictor.predict([(images, labels)], num_samples=3, seed=7)
    single = predictor.predict([(images[i : i + 1], labels[i : i + 1]) for i in range(4)], num_samples=3, seed=7)
    assert one_batch.shape == (3, 4, 4)
    np.testing.assert_allclose(single, one_batch, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(predictor.predict([(images, labels)], num_samples=3, seed=7), one_batch)
    assert np.abs(one_batch[0] - one_batch[1]).max() > 1e-3
    assert np.abs(predictor.predict([(images, labels)], num_samples=3, seed=8) - one_batch).max() > 1e-3
    shuffled = predictor.predict([(tf.reverse(images, [0]), labels)], num_samples=3, seed=7)
    np.testing.assert_allclose(shuffled[:, ::-1], one_batch, rtol=1e-5, atol=1e-6)


def test_what_watches_the_training_repeats_too() -> None:
    images = tf.constant(np.random.default_rng(2).normal(size=(2, 63, 63, 3)), tf.float32)
    batches = [(images, tf.zeros([2], tf.int32))]
    predictor = MonteCarloPredictor(mc_dropout(), fresh_noise=False)
    first = predictor.predict(batches, num_samples=2, seed=0)
    np.testing.assert_array_equal(predictor.predict(batches, num_samples=2, seed=0), first)
    assert np.abs(first[0] - first[1]).max() > 1e-3
