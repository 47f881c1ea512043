"""What tests of several models share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.models import mean_field


@pytest.fixture(params=[True, False], ids=["learned scale", "fixed scale"])
def require_autodiff(request: pytest.FixtureRequest) -> Callable:
    """Returns a function that compares the fused operation and its gradients with a plain formula and its autodiff."""
    learn_scale = request.param

    def require(state: mean_field.KernelState, plain: Callable) -> None:
        shape, rng = state.loc.shape, np.random.default_rng(1)
        noise, upstream_mean, upstream_perturbation = (
            tf.constant(rng.normal(size=shape), tf.float32) for _ in range(3)
        )

        def objective(mean: tf.Tensor, perturbation: tf.Tensor, divergence: tf.Tensor) -> tf.Tensor:
            # The factor of 2 stands for a loss scale: what comes from above must reach the divergence's gradient too.
            sums = tf.reduce_sum(mean * upstream_mean) + tf.reduce_sum(perturbation * upstream_perturbation)
            return sums + 2 * divergence

        with tf.GradientTape(persistent=True) as tape:
            tape.watch([state.loc, state.log_ratio])
            fused = mean_field.kernel_and_perturbation(state, noise, tf.float32, tf.constant(0.3), learn_scale)
            expected = plain(state, noise, 0.3)
            objectives = objective(*fused), objective(*expected)
        for one, other in zip(fused, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        found, wanted = (tape.gradient(one, [state.loc, state.log_ratio]) for one in objectives)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5, atol=1e-5)
        scale_gradient = wanted[1] if learn_scale else np.zeros_like(wanted[1])
        np.testing.assert_allclose(found[1], scale_gradient, rtol=1e-5, atol=1e-5)

    return require


@pytest.fixture
def real_checkpoint() -> Path:
    path = Path(__file__).parents[3] / "shared" / "weights" / "alexnet-190.pth"
    if not path.is_file():
        pytest.skip(f"needs the real checkpoint {path.name} in ../shared/weights")
    return path
