from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from tfp_insects.report import concept_examples as examples

CONCEPTS = Path(__file__).resolve().parents[2] / "docs" / "concepts.md"


def normal_density(x, loc, scale):
    return np.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))


@pytest.mark.parametrize("num_insects", [1, 2, 3])
def test_posterior_is_prior_times_likelihood_on_a_grid(num_insects):
    weight = np.linspace(0.0, 2.5, 20001)
    product = normal_density(weight, *examples.PRIOR)
    for x, y in list(zip(examples.BODY_LENGTHS, examples.WING_LENGTHS, strict=True))[:num_insects]:
        product = product * normal_density(y, weight * x, examples.NOISE_SCALE)
    product /= product.sum()
    loc = (weight * product).sum()
    posterior = examples.weight_posterior(num_insects)
    assert posterior.loc == pytest.approx(loc, abs=1e-6)
    assert posterior.scale == pytest.approx(np.sqrt(((weight - loc) ** 2 * product).sum()), abs=1e-6)


def test_elbo_is_highest_at_the_posterior_and_equals_the_evidence_there():
    def joint(w):
        terms = normal_density(examples.WING_LENGTHS, w * examples.BODY_LENGTHS, examples.NOISE_SCALE)
        return float(np.prod(terms) * normal_density(w, *examples.PRIOR))

    evidence = np.log(integrate.quad(joint, 0.3, 1.6, epsabs=1e-12)[0])
    assert examples.log_evidence() == pytest.approx(evidence, abs=1e-6)
    posterior = examples.weight_posterior(3)
    at_posterior = float(examples.elbo(*map(np.array, posterior)))
    assert at_posterior == pytest.approx(evidence, abs=1e-6)
    loc, scale = np.meshgrid(np.linspace(0.7, 1.2, 41), np.geomspace(0.01, 0.3, 41))
    assert examples.elbo(loc, scale).max() <= at_posterior


def test_expected_log_likelihood_is_a_mean_over_draws():
    draws = np.random.default_rng(1).normal(1.0, 0.1, 200_000)
    expected = examples.expected_log_likelihood(np.array(1.0), np.array(0.1))
    assert float(expected) == pytest.approx(examples.log_likelihood(draws).mean(), abs=0.03)


def test_unit_output_has_the_moments_of_draws():
    rng = np.random.default_rng(2)
    draws = rng.normal(examples.WEIGHT_LOCS, examples.WEIGHT_SCALES, (200_000, 3)) @ examples.INPUTS
    output = examples.unit_output()
    assert output.loc == pytest.approx(draws.mean(), abs=2e-3)
    assert output.scale == pytest.approx(draws.std(), abs=2e-3)


def test_exact_probability_is_within_the_error_of_many_draws():
    logits = np.random.default_rng(3).normal(*examples.LOGIT, 1_000_000)
    assert examples.exact_probability() == pytest.approx((1 / (1 + np.exp(-logits))).mean(), abs=2e-3)


@pytest.mark.parametrize("draws", [examples.CLEAR, examples.BLURRED, examples.UNKNOWN])
def test_uncertainty_is_the_sum_of_its_parts(draws):
    np.testing.assert_allclose(draws.sum(axis=1), 1.0)
    found = examples.photo_uncertainty(draws)
    mean = draws.mean(axis=0)
    assert found.total == pytest.approx(-(mean * np.log(mean)).sum())
    assert found.aleatoric == pytest.approx(-(draws * np.log(draws)).sum(axis=1).mean())
    assert found.epistemic == pytest.approx(found.total - found.aleatoric)


def text_numbers() -> dict[str, str]:
    """Phrases of the page that hold computed figures, with the figures in them."""
    minus = "\N{MINUS SIGN}"
    one, three = examples.weight_posterior(1), examples.weight_posterior(3)
    best = examples.weight_likelihood(3)
    near_number = np.array(0.906), np.array(0.01)
    prior = tuple(map(np.array, examples.PRIOR))
    posterior = tuple(map(np.array, three))
    phrases = {
        "one insect": f"N({one.loc:.3f}, {one.scale:.3f}²)",
        "three insects": f"it is N({three.loc:.3f}, {three.scale:.3f}²)",
        "maximum": f"*w* = {best.loc:.3f}",
        "its log-likelihood": f"{minus}{-float(examples.log_likelihood(np.array(best.loc))):.2f} nats",
        "unit": f"√0.03 = {examples.unit_output().scale:.3f}",
        "plug-in": f"gives a probability of {examples.plug_in_probability():.3f}",
        "integral": f"The integral is {examples.exact_probability():.3f}.",
        "evidence": f"log {minus}{-examples.log_evidence():.2f} nats",
        "entropy": f"ln 3 = {np.log(3):.3f} nats",
    }
    for name, (label, q) in {
        "prior": ("the prior itself, N(1.2, 0.3²)", prior),
        "near": ("nearly a number, N(0.906, 0.01²)", near_number),
        "posterior": (f"the posterior, N({three.loc:.3f}, {three.scale:.3f}²)", posterior),
    }.items():
        fit, cost = float(examples.expected_log_likelihood(*q)), abs(float(examples.divergence(*q)))
        bound = f"{minus}{-float(examples.elbo(*q)):.2f}"
        bold = f"**{bound}**" if name == "posterior" else bound
        phrases[name] = f"| {label} | {minus}{-fit:.2f} | {cost:.2f} | {bold} |"
    for num in examples.NUM_DRAWS[1:]:
        estimate = examples.monte_carlo(num)
        phrases[f"{num} draws"] = f"| {num} | {estimate.mean:.3f} | {estimate.error:.3f} |"
    images = {"a wasp, clear": examples.CLEAR, "the same, out of focus": examples.BLURRED}
    for label, draws in {**images, "an insect of no known class": examples.UNKNOWN}.items():
        found = examples.photo_uncertainty(draws)
        phrases[label] = f"| {label} | {found.aleatoric:.3f} | {found.epistemic:.3f} | {found.total:.3f} nats |"
    return phrases


@pytest.mark.parametrize("name", text_numbers())
def test_every_computed_figure_of_the_page_is_the_computed_one(name):
    text = " ".join(CONCEPTS.read_text(encoding="utf-8").split())
    assert text_numbers()[name] in text


def test_pictures_of_the_page_are_there():
    text = CONCEPTS.read_text(encoding="utf-8")
    for name in ("weight", "unit", "training", "prediction", "uncertainty"):
        assert f"(images/concept_{name}.png)" in text
        assert (CONCEPTS.parent / "images" / f"concept_{name}.png").exists()


def test_likelihood_alone_has_no_prior_in_it():
    x, y = examples.BODY_LENGTHS, examples.WING_LENGTHS
    best = examples.weight_likelihood(3)
    assert best.loc == pytest.approx((x * y).sum() / (x * x).sum())
    assert stats.norm.logpdf(y - best.loc * x).sum() == pytest.approx(
        float(examples.log_likelihood(np.array(best.loc)))
    )
