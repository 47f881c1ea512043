"""A model from its plain configuration."""

import tf_keras

from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Architecture
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.config import ModelConfig, NetworkConfig
from tfp_insects.models.method import Blueprint, Method
from tfp_insects.models.method_table import find_method


def build_model(
    name: str, config: NetworkConfig, num_classes: int, num_train_examples: int, seed: int, is_pretrained: bool
) -> tf_keras.Sequential:
    """Builds one network of a method; its weights are set by `initial_weights.start_at` or by `load_weights`.

    Args:
        name: Of the method.
        config: Of a run.
        num_classes: Units of the last layer.
        num_train_examples: Training images, by which divergences are divided.
        seed: Integer that determines initial weights and noise.
        is_pretrained: Whether pretrained weights will be loaded; without them a prior cannot be centred on them.
    """
    method = find_method(name)
    model = method.build(Blueprint(config, num_classes, num_train_examples, seed, is_pretrained))
    if is_pretrained:  # What starts at random must be trained.
        _freeze(method, model, config)
    return model


def _freeze(method: Method, model: tf_keras.Sequential, config: NetworkConfig) -> None:
    architecture = architecture_of(config)
    frozen = _frozen_layer_names(architecture, config.model)
    bayesian = method.bayesian_layers(config)
    if bayesian is not None and not frozen.isdisjoint(architecture.layers_in(bayesian)):
        raise InputError(
            f"model={method.name} is Bayesian in layers ({bayesian}) that model.freeze_features or model.freeze_classifier "
            "leaves as they are: choose bnn_classifier or bnn_head, or freeze less",
            field=("model", "model.freeze_features", "model.freeze_classifier"),
        )
    for layer in model.layers:
        if layer.name in frozen:
            layer.trainable = False


def _frozen_layer_names(architecture: Architecture, model_config: ModelConfig) -> set[str]:
    names: set[str] = set()
    if model_config.freeze_features:
        names |= set(architecture.groups["features"])
    if model_config.freeze_classifier:
        names |= set(architecture.groups["hidden"])
    return names
