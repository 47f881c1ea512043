import dataclasses
import json
import math
from typing import Any

import ml_collections
import numpy as np
import pytest

from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.errors import InputError

CONFIG = {"prior": {"kind": "normal", "scale": 2.0, "floor": 0.3}, "num_train_examples": 50, "posterior_ratio": 0.2}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("standard_normal", 1.0), ("normal", 0.5), ("scaled_normal", 0.5 / math.sqrt(288))],
)
def test_scale_of_priors_at_zero(kind: str, expected: float) -> None:
    factor, floor = Prior(kind, scale=0.5).factor_and_floor(fan_in=288)
    assert factor * max(0.0, floor) == pytest.approx(expected, rel=1e-12)
    assert not Prior(kind).is_centred_on_pretrained


def test_scale_of_a_pretrained_prior_has_a_floor_of_a_share_of_the_root_mean_square() -> None:
    kernel = np.array([[3.0, -4.0], [0.0, 0.01]], np.float32)
    prior = Prior("pretrained", scale=2.0, floor=0.1)
    assert prior.is_centred_on_pretrained
    factor, floor = prior.factor_and_floor(2, kernel)
    root_mean_square = math.sqrt((9 + 16 + 0 + 0.0001) / 4)
    expected = [[6.0, 8.0], [0.2 * root_mean_square, 0.2 * root_mean_square]]
    np.testing.assert_allclose(factor * np.maximum(np.abs(kernel), floor), expected, rtol=1e-6)


def test_a_pretrained_kernel_of_zeros_still_has_a_positive_scale() -> None:
    factor, floor = Prior("pretrained").factor_and_floor(2, np.zeros((2, 2), np.float32))
    assert factor * floor > 0.0


def test_an_unknown_kind_is_refused_with_what_there_is() -> None:
    known = "standard_normal, normal, scaled_normal, pretrained, log_uniform"
    message = f"prior kind 'laplace' is unknown; expected one of {known}"
    with pytest.raises(InputError, match=message):
        Prior("laplace")


@pytest.mark.parametrize(("scale", "floor"), [(0.0, 0.1), (-1.0, 0.1), (math.nan, 0.1), (1.0, 0.0), (1.0, math.nan)])
def test_scale_and_floor_must_be_positive(scale: float, floor: float) -> None:
    with pytest.raises(InputError, match=rf"scale and floor must be positive; got scale={scale}, floor={floor}"):
        Prior("normal", scale, floor)


def test_a_log_uniform_prior_takes_the_other_kinds_fields_and_is_centred_on_nothing() -> None:
    prior = Prior("log_uniform", scale=10.0, floor=0.1)
    assert not prior.is_centred_on_pretrained
    config = {**CONFIG, "prior": dataclasses.asdict(prior)}
    assert Variational.from_config(json.loads(json.dumps(config))).prior == prior


def test_configuration_makes_the_same_again() -> None:
    variational = Variational.from_config(CONFIG)
    assert variational.prior == Prior("normal", 2.0, 0.3)
    assert (variational.num_train_examples, variational.posterior_ratio) == (50, 0.2)
    assert variational.scale_per_weight
    assert variational.learn_scale
    assert variational.noise_multiplier == 1.0
    assert Variational.from_config(json.loads(json.dumps(variational.to_config()))) == variational


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**CONFIG, "ratio": 1.0}, "unknown Variational field 'ratio'; expected one of .*posterior_ratio"),
        ({**CONFIG, "prior": {"sort": "normal"}}, "unknown Prior field 'sort'; expected one of floor, kind, scale"),
        ({**CONFIG, "posterior_ratio": 0.0}, r"posterior_ratio must be positive; got 0\.0"),
        ({**CONFIG, "posterior_ratio": math.nan}, "posterior_ratio must be positive; got nan"),
        ({**CONFIG, "num_train_examples": 0}, "num_train_examples must be at least 1; got 0"),
        ({**CONFIG, "temperature": -0.1}, r"must be at least 0; got temperature=-0\.1, covariance_scale=0\.0"),
        ({**CONFIG, "covariance_scale": -0.1}, r"must be at least 0; got temperature=1\.0, covariance_scale=-0\.1"),
    ],
)
def test_bad_configuration_is_refused_by_name(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Variational.from_config(config)


def test_what_is_left_out_has_its_default() -> None:
    assert Variational.from_config({}) == Variational() == Variational(Prior("scaled_normal"), 1, 0.1)
    partial = Variational.from_config({"prior": {"kind": "normal"}, "num_train_examples": 7})
    assert partial == Variational(Prior("normal", scale=1.0, floor=0.1), num_train_examples=7)
    assert (partial.temperature, partial.covariance_scale, partial.starts_at_zero) == (1.0, 0.0, False)


def test_a_posterior_may_be_cold_or_without_any_variance() -> None:
    assert [Variational(temperature=temperature).temperature for temperature in (0.5, 0.0)] == [0.5, 0.0]


def test_what_a_layer_was_given_cannot_change_behind_its_back() -> None:
    for value in (Prior(), Variational()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.__setattr__(dataclasses.fields(value)[0].name, "other")


@pytest.mark.parametrize("given", [Variational(Prior("normal")), Variational(Prior("normal")).to_config()])
def test_a_specification_is_given_as_itself_or_as_its_mapping(given: Any) -> None:
    assert Variational.of(given) == Variational(Prior("normal"))
    assert Variational.of(ml_collections.ConfigDict({"prior": {"kind": "normal"}})) == Variational(Prior("normal"))
    assert Variational.of(None) == Variational()
    with pytest.raises(TypeError, match="variational: expected a Variational or a mapping of its fields; got 3"):
        Variational.of(3)
