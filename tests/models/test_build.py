import runpy
from pathlib import Path
from typing import Any

import pytest
import tf_keras
from fixtures.models import ALEXNET_SCOPES

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.errors import InputError
from tfp_insects.models.build import build_model
from tfp_insects.runs.config import RunConfig

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
CONVOLUTIONS = [f"features_{i}" for i in (0, 3, 6, 8, 10)]
WIDE = ["classifier_1", "classifier_4"]


def make_config(scope: str = "head", **model: Any) -> dict[str, Any]:
    """The study's configuration, narrow, with a prior of its own for each group of layers."""
    config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    fields = {"image_size": 63, "width_multiplier": 0.03, "precision": "float32"}
    config["model"] = {**fields, "freeze_features": False, "freeze_classifier": False, **model}
    config["cnn"]["dropout"] = 0.25
    config["bnn"] |= {
        "layers": scope,
        "hidden": {"prior": {"kind": "pretrained"}, "posterior_ratio": 0.2},
        "features": None,
        "hidden_from_scratch": {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.3},
        "head": {"prior": {"kind": "normal"}, "posterior_ratio": 0.4},
    }
    return config


def build(name: str, config: dict[str, Any], is_pretrained: bool = True) -> tf_keras.Sequential:
    return build_model(
        name, RunConfig.from_plain(config), num_classes=6, num_train_examples=50, seed=3, is_pretrained=is_pretrained
    )


def trainable_layers(model: tf_keras.Sequential) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


def test_builds_the_cnn() -> None:
    model = build("cnn", make_config(image_size=95))
    assert model.input_shape == (None, 95, 95, 3)
    assert model.output_shape == (None, 6)
    assert {layer.rate for layer in model.layers if isinstance(layer, tf_keras.layers.Dropout)} == {0.25}
    assert bayesian_layers(model) == []


@pytest.mark.parametrize("scope", ["classifier", "head"])
def test_builds_the_bnn(scope: str) -> None:
    model = build("bnn", make_config(scope, precision="mixed_bfloat16"))
    *hidden, head = bayesian_layers(model)
    assert [layer.name for layer in hidden] == (WIDE if scope == "classifier" else [])
    assert head.name == "classifier_6"
    assert head.variational.prior.kind == "normal"
    assert {layer.variational.num_train_examples for layer in (*hidden, head)} == {50}
    assert {layer.compute_dtype for layer in (*hidden, head)} == {"bfloat16"}
    assert not any(isinstance(layer, tf_keras.layers.Dropout) for layer in model.layers)


@pytest.mark.parametrize(("is_pretrained", "kind", "ratio"), [(True, "pretrained", 0.2), (False, "scaled_normal", 0.3)])
def test_hidden_layers_have_another_prior_without_pretrained_weights(
    is_pretrained: bool, kind: str, ratio: float
) -> None:
    *hidden, head = bayesian_layers(build("bnn", make_config("classifier"), is_pretrained))
    assert [layer.variational.prior.kind for layer in hidden] == [kind] * 2
    assert [layer.variational.posterior_ratio for layer in (*hidden, head)] == [ratio] * 2 + [0.4]


@pytest.mark.parametrize("name", ["cnn", "bnn"])
@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        ({}, [*CONVOLUTIONS, *WIDE, "classifier_6"]),
        ({"freeze_features": True}, [*WIDE, "classifier_6"]),
        ({"freeze_classifier": True}, [*CONVOLUTIONS, "classifier_6"]),
        ({"freeze_features": True, "freeze_classifier": True}, ["classifier_6"]),
    ],
)
def test_frozen_layers_have_nothing_to_train(name: str, frozen: dict[str, bool], expected: list[str]) -> None:
    assert trainable_layers(build(name, make_config("head", **frozen))) == expected


@pytest.mark.parametrize(
    ("scope", "frozen"),
    [("all", "freeze_features"), ("all", "freeze_classifier"), ("classifier", "freeze_classifier")],
)
def test_a_frozen_layer_cannot_be_bayesian(scope: str, frozen: str) -> None:
    message = rf"model=bnn is Bayesian in layers \({scope}\) that model\.freeze_features"
    with pytest.raises(InputError, match=message):
        build("bnn", make_config(scope, **{frozen: True}))
    for other in ("cnn", "cnn_l2sp", "bnn_head"):  # These have no such trouble.
        assert build(other, make_config(scope, **{frozen: True}))


@pytest.mark.parametrize("scope", ["classifier", "head"])
def test_a_variant_is_bayesian_in_the_layers_of_its_name(scope: str) -> None:
    variant = build(f"bnn_{scope}", make_config("all"))
    twin = build("bnn", make_config(scope))
    expected = ALEXNET_SCOPES[scope]
    for model in (variant, twin):
        assert tuple(layer.name for layer in model.layers if hasattr(layer, "sample_pair")) == expected


def test_a_log_uniform_hidden_layer_serves_the_twin_and_not_its_penalty() -> None:
    config = make_config("classifier")
    config["bnn"]["hidden"] = {"prior": {"kind": "log_uniform", "scale": 10.0, "floor": 0.1}, "posterior_ratio": 0.3}
    *hidden, head = bayesian_layers(build("bnn", config))
    assert [layer.variational.prior.kind for layer in (*hidden, head)] == ["log_uniform", "log_uniform", "normal"]
    with pytest.raises(InputError, match=r"model=cnn_l2sp cannot use bnn\.hidden\.prior\.kind=log_uniform"):
        build("cnn_l2sp", config)


def test_a_log_uniform_head_is_refused() -> None:
    config = make_config("head")
    config["bnn"]["head"]["prior"]["kind"] = "log_uniform"
    with pytest.raises(InputError, match=r"bnn\.head\.prior\.kind=log_uniform"):
        build("bnn", config)


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(InputError, match="layers='some' is unknown"):
        build("bnn", make_config("some"))
