"""A model from its plain configuration."""

from collections.abc import Mapping
from typing import Any

import tf_keras

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet import CONVOLUTIONS, DENSE_LAYERS, HEAD, Architecture, bayesian_layer_names
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn


def build_model(
    name: str, config: Mapping[str, Any], num_classes: int, num_train_examples: int, seed: int, is_pretrained: bool
) -> tf_keras.Sequential:
    """Builds either twin; its weights are set by `alexnet.load_pretrained` or by `load_weights`.

    Args:
        name: `cnn` or `bnn`.
        config: Plain configuration of a run, `model.precision` resolved.
        num_classes: Units of the last layer.
        num_train_examples: Training images, by which the BNN's divergence is divided.
        seed: Integer that determines initial weights and noise.
        is_pretrained: Whether pretrained weights will be loaded; without them a prior cannot be centred on them.
    """
    model_config = config["model"]
    architecture = Architecture(
        num_classes, model_config["image_size"], model_config["width_multiplier"], model_config["precision"]
    )
    if name == "cnn":
        model = build_cnn(architecture, seed, config["cnn"]["dropout"])
    else:
        model = build_bnn(architecture, _bayesian(config["bnn"], is_pretrained), num_train_examples, seed)
    _freeze(name, model, config)
    return model


def _bayesian(config: Mapping[str, Any], is_pretrained: bool) -> Bayesian:
    body = config["body"] if is_pretrained else config["body_from_scratch"]
    return Bayesian(config["layers"], body, config["head"])


def _freeze(name: str, model: tf_keras.Sequential, config: Mapping[str, Any]) -> None:
    frozen = _frozen_layer_names(config["model"])
    scope = config["bnn"]["layers"]
    if name == "bnn" and not frozen.isdisjoint(bayesian_layer_names(scope)):
        raise InputError(
            f"--config.bnn.layers={scope} makes layers Bayesian that --config.model.freeze_features and freeze_classifier "
            "leave as they are: choose classifier or head, or freeze less"
        )
    for layer in model.layers:
        if layer.name in frozen:
            layer.trainable = False


def _frozen_layer_names(model_config: Mapping[str, Any]) -> set[str]:
    names = set()
    if model_config["freeze_features"]:
        names |= {row.name for row in CONVOLUTIONS}
    if model_config["freeze_classifier"]:
        names |= {row.name for row in DENSE_LAYERS if row.name != HEAD}
    return names
