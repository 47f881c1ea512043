"""The worked examples of `docs/concepts.md`: small enough to follow by hand, and all their figures computed here."""

import dataclasses
from typing import NamedTuple

import numpy as np
from scipy import integrate, special, stats

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.scores import expected_entropy, mutual_information, predictive_entropy


class Normal(NamedTuple):
    """A normal distribution."""

    loc: float
    scale: float


# One weight: wing length = w x body length + noise, in millimetres, of three insects of one species.
PRIOR = Normal(1.2, 0.3)
BODY_LENGTHS = np.array([10.0, 12.0, 8.0])
WING_LENGTHS = np.array([9.1, 10.4, 7.9])
NOISE_SCALE = 1.0

# Three weights of one unit: y = w1 x1 + w2 x2 + w3 x3.
INPUTS = np.array([1.0, 0.5, 0.25])
WEIGHT_LOCS = np.array([0.5, -1.0, 2.0])
WEIGHT_SCALES = np.array([0.1, 0.2, 0.4])

# The logit of "wasp" for one photo under the posterior.
LOGIT = Normal(1.6, 3.0)
NUM_DRAWS = (1, 10, 30, 1000)
DRAW_SEED = 0

CLASSES = ("wasp", "hoverfly", "bee")
# Class probabilities of one photo under five draws of all weights.
CLEAR = np.array([[0.96, 0.02, 0.02], [0.94, 0.04, 0.02], [0.97, 0.02, 0.01], [0.95, 0.02, 0.03], [0.93, 0.05, 0.02]])
BLURRED = np.array([[0.42, 0.38, 0.20], [0.36, 0.42, 0.22], [0.40, 0.36, 0.24], [0.38, 0.40, 0.22], [0.44, 0.34, 0.22]])
UNKNOWN = np.array([[0.92, 0.05, 0.03], [0.06, 0.90, 0.04], [0.05, 0.03, 0.92], [0.88, 0.08, 0.04], [0.04, 0.93, 0.03]])


class Uncertainty(NamedTuple):
    """Uncertainty of one photo, in nats: total = aleatoric + epistemic."""

    total: float
    aleatoric: float
    epistemic: float


@dataclasses.dataclass(frozen=True)
class MonteCarlo:
    """An average over draws.

    Attributes:
        mean: The estimate.
        error: Its standard error, the draws' standard deviation / sqrt(number of draws); 0 for one draw.
    """

    mean: float
    error: float


def weight_posterior(num_insects: int) -> Normal:
    """Posterior of the one weight after some of the insects: precisions add, and locations are weighted by them.

    1 / scale² = 1 / prior_scale² + sum x² / noise²; loc / scale² = prior_loc / prior_scale² + sum x y / noise².
    """
    x, y = BODY_LENGTHS[:num_insects], WING_LENGTHS[:num_insects]
    precision = 1.0 / PRIOR.scale**2 + float(x @ x) / NOISE_SCALE**2
    weighted = PRIOR.loc / PRIOR.scale**2 + float(x @ y) / NOISE_SCALE**2
    return Normal(weighted / precision, precision**-0.5)


def weight_likelihood(num_insects: int) -> Normal:
    """The likelihood of the one weight, which has the shape of a normal: its maximum and its scale."""
    x, y = BODY_LENGTHS[:num_insects], WING_LENGTHS[:num_insects]
    return Normal(float(x @ y) / float(x @ x), NOISE_SCALE / float(x @ x) ** 0.5)


def log_likelihood(weight: FloatArray) -> FloatArray:
    """Log p(all wing lengths | weight), nats, of each weight."""
    residuals = WING_LENGTHS - np.asarray(weight)[..., np.newaxis] * BODY_LENGTHS
    return stats.norm.logpdf(residuals, scale=NOISE_SCALE).sum(axis=-1)


def expected_log_likelihood(loc: FloatArray, scale: FloatArray) -> FloatArray:
    """E_q[log p(all wing lengths | w)] for q = N(loc, scale²), nats: the noise costs sum x² scale² / (2 noise²)."""
    return log_likelihood(loc) - 0.5 * float(BODY_LENGTHS @ BODY_LENGTHS) * np.square(scale) / NOISE_SCALE**2


def divergence(loc: FloatArray, scale: FloatArray) -> FloatArray:
    """KL(N(loc, scale²) || prior), nats."""
    ratio, shift = scale / PRIOR.scale, (loc - PRIOR.loc) / PRIOR.scale
    return 0.5 * (np.square(ratio) + np.square(shift) - 1.0) - np.log(ratio)


def elbo(loc: FloatArray, scale: FloatArray) -> FloatArray:
    """Expected log-likelihood minus divergence, nats."""
    return expected_log_likelihood(loc, scale) - divergence(loc, scale)


def log_evidence() -> float:
    """Log p(all wing lengths), nats: the integral over the prior, which no ELBO exceeds."""
    cov = PRIOR.scale**2 * np.outer(BODY_LENGTHS, BODY_LENGTHS) + NOISE_SCALE**2 * np.eye(BODY_LENGTHS.size)
    return float(stats.multivariate_normal.logpdf(WING_LENGTHS, PRIOR.loc * BODY_LENGTHS, cov))


def unit_output() -> Normal:
    """Distribution of y = sum of w x for independent normal weights: means add, and so do variances."""
    return Normal(float(WEIGHT_LOCS @ INPUTS), float(np.square(WEIGHT_SCALES) @ np.square(INPUTS)) ** 0.5)


def plug_in_probability() -> float:
    """Probability of "wasp" from the mean of the weights alone."""
    return float(special.expit(LOGIT.loc))


def exact_probability() -> float:
    """The predictive integral: the mean of sigmoid(logit) over the posterior, by quadrature."""
    density = stats.norm(LOGIT.loc, LOGIT.scale).pdf
    ends = (LOGIT.loc - 12.0 * LOGIT.scale, LOGIT.loc + 12.0 * LOGIT.scale)
    return float(integrate.quad(lambda z: special.expit(z) * density(z), *ends)[0])


def drawn_probabilities() -> FloatArray:
    """Probability of "wasp" under 1000 draws of the weights."""
    logits = np.random.default_rng(DRAW_SEED).normal(LOGIT.loc, LOGIT.scale, NUM_DRAWS[-1])
    return special.expit(logits)


def monte_carlo(num_draws: int) -> MonteCarlo:
    """The predictive integral from the first draws."""
    draws = drawn_probabilities()[:num_draws]
    error = float(draws.std(ddof=1) / num_draws**0.5) if num_draws > 1 else 0.0
    return MonteCarlo(float(draws.mean()), error)


def photo_uncertainty(draws: FloatArray) -> Uncertainty:
    """Uncertainty of a photo from its class probabilities under each draw, `[num_draws, num_classes]`."""
    stacked = draws[:, np.newaxis, :]
    return Uncertainty(
        float(predictive_entropy(stacked)[0]),
        float(expected_entropy(stacked)[0]),
        float(mutual_information(stacked)[0]),
    )
