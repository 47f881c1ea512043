"""What suits EfficientNet-Lite0: its blocks stay as they are, and images pass them once."""

import pytest
import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.cli.config_files import config_names, load_config, with_overrides
from tfp_insects.models.architecture_table import architecture_names
from tfp_insects.models.build import build_model
from tfp_insects.models.frozen import without_frozen_layers
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.work import keeps_features

SMALL = {"model.architecture": "efficientnet_lite0", "model.image_size": 32, "model.width_multiplier": 0.125}


def configured(overrides: dict[str, object]) -> RunConfig:
    return RunConfig.from_plain(with_overrides(load_config("study"), {**SMALL, **overrides}).to_dict())


def build(method: str, config: RunConfig) -> tf_keras.Model:
    return build_model(method, config, num_classes=3, num_train_examples=12, seed=0, is_pretrained=True)


@pytest.mark.parametrize("name", config_names())
@pytest.mark.parametrize("architecture", architecture_names())
def test_what_suits_a_network_fits_each_configuration(architecture: str, name: str) -> None:
    RunConfig.from_plain(with_overrides(load_config(name), {"model.architecture": architecture}).to_dict())


@pytest.mark.parametrize(("method", "expected"), [("cnn", []), ("bnn", ["conv_head", "fc"]), ("bnn_head", ["fc"])])
def test_all_methods_train_what_is_behind_the_kept_features(method: str, expected: list[str]) -> None:
    config = configured({})
    assert keeps_features(config)
    model = build(method, config)
    assert [path for path, layer in list_layers(model) if layer.trainable_weights] == ["conv_head", "fc"]
    assert [layer.name for layer in bayesian_layers(model)] == expected
    assert without_frozen_layers(model).input_shape == (None, 1, 1, 40)  # 320 channels, an eighth of the width.


def test_who_asks_for_all_layers_gets_them() -> None:
    config = configured({"model.freeze_features": False, "augmentation.flip": True, "bnn.layers": "all"})
    assert not keeps_features(config)
    assert len(bayesian_layers(build("bnn", config))) == 33
