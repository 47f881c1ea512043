"""A model from its plain configuration."""

import tf_keras

from tfp_insects.errors import InputError
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.config import NetworkConfig
from tfp_insects.models.layer_groups import entries_in, normalisations
from tfp_insects.models.method import Blueprint, Method
from tfp_insects.models.method_table import find_method


def build_model(
    name: str, config: NetworkConfig, num_classes: int, num_train_examples: int, seed: int, is_pretrained: bool
) -> tf_keras.Model:
    """Builds one network of a method; its weights are set by `initial_weights.start_at` or by `load_weights`.

    Batch normalisation stays as it is, statistics, scale and offset: few images give no statistics, and a layer that is
    normalised by its batch makes an answer depend on other images.

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
    for layer in normalisations(model):
        layer.trainable = False
    if is_pretrained:  # What starts at random must be trained.
        _freeze(method, model, config)
    return model


def _freeze(method: Method, model: tf_keras.Model, config: NetworkConfig) -> None:
    architecture = architecture_of(config)
    frozen_groups = [
        group
        for group, is_frozen in (
            ("features", config.model.freeze_features),
            ("hidden", config.model.freeze_classifier),
        )
        if is_frozen
    ]
    frozen = [
        entry for entry in entries_in(model, architecture, "all") if architecture.group_of(entry.path) in frozen_groups
    ]
    bayesian = method.bayesian_layers(config)
    if any(hasattr(layer, "sample_pair") for _, layer in frozen):
        raise InputError(
            f"model={method.name} is Bayesian in layers ({bayesian}) that model.freeze_features or model.freeze_classifier "
            "leaves as they are: choose bnn_classifier or bnn_head, or freeze less",
            field=("model", "model.freeze_features", "model.freeze_classifier"),
        )
    for _, layer in frozen:
        layer.trainable = False
