import itertools

import pytest

from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.l2sp import build_l2sp
from tfp_insects.study.parameters import count_parameters

ARCHITECTURE = NetworkSpec(ALEXNET, 4, 63, 0.05)


def kernel_sizes() -> list[int]:
    """Weights of each kernel of the network, from the table of its layers."""
    filters = [3, *(ARCHITECTURE.width(row.filters) for row in CONVOLUTIONS)]
    units = [36 * filters[-1], *(ARCHITECTURE.width(row.units) for row in DENSE_LAYERS if row.units), 4]
    convolutions = [
        row.kernel_size**2 * a * b for row, (a, b) in zip(CONVOLUTIONS, itertools.pairwise(filters), strict=True)
    ]
    return convolutions + [a * b for a, b in itertools.pairwise(units)]


def num_biases() -> int:
    widths = [row.filters for row in CONVOLUTIONS] + [row.units for row in DENSE_LAYERS if row.units]
    return sum(map(ARCHITECTURE.width, widths)) + 4


PLAIN = sum(kernel_sizes()) + num_biases()
OWN = Variational(Prior("pretrained"))
NEW = Variational(Prior("scaled_normal"))
NEW_SHARED = Variational(Prior("scaled_normal"), scale_per_weight=False, learn_scale=False)
SHARED = Variational(Prior("pretrained"), scale_per_weight=False, learn_scale=False)


def test_the_cnn_has_kernels_and_biases_frozen_or_not() -> None:
    model = build_cnn(ARCHITECTURE, seed=0, dropout=0.5)
    assert count_parameters(model) == PLAIN
    model.layers[1].trainable = False
    assert count_parameters(model) == PLAIN


def test_the_penalty_of_a_prior_adds_none() -> None:
    assert count_parameters(build_l2sp(ARCHITECTURE, Bayesian("all", OWN, OWN), 40, seed=0)) == PLAIN


@pytest.mark.parametrize(
    ("bayesian", "num_scales"),
    [
        (Bayesian("all", OWN, NEW), sum(kernel_sizes())),
        (Bayesian("all", SHARED, NEW), 7 + kernel_sizes()[-1]),
        (Bayesian("head", SHARED, NEW_SHARED), 1),
    ],
)
def test_the_twin_adds_its_posterior_scales_and_not_its_prior(bayesian: Bayesian, num_scales: int) -> None:
    assert count_parameters(build_bnn(ARCHITECTURE, bayesian, 40, seed=0)) == PLAIN + num_scales
