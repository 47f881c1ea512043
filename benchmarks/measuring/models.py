"""Models to measure: `configs/study.py` as it is, or with a few fields changed."""

import runpy
from pathlib import Path

import numpy as np
import tf_keras

from measuring.configuration import OVERRIDES, STOCK, Configuration
from measuring.stock_flipout import build_stock_flipout
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE
from tfp_insects.models.build import build_model
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import entries_in
from tfp_insects.runs.config import RunConfig

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
SEED = 0


def study_config(configuration: Configuration) -> RunConfig:
    """Configuration of a run of the study with this model."""
    config = runpy.run_path(str(STUDY))["get_config"]()
    config.update_from_flattened_dict(OVERRIDES[configuration.model])
    config.model.image_size = configuration.image_size
    config.model.width_multiplier = configuration.width_multiplier
    config.model.precision = configuration.dtype
    return RunConfig.from_plain(config.to_dict())


def make_model(configuration: Configuration) -> tf_keras.Sequential:
    """Builds a model that stands at "pretrained" weights, which are random ones: speed does not depend on their values."""
    num_train_examples = configuration.num_classes * configuration.n_per_class
    if configuration.model == STOCK:
        sizes = (configuration.num_classes, configuration.image_size, configuration.width_multiplier)
        return build_stock_flipout(NetworkSpec(ARCHITECTURE, *sizes, configuration.dtype), num_train_examples)
    name = configuration.model.split("_")[0]
    config = study_config(configuration)
    model = build_model(name, config, configuration.num_classes, num_train_examples, SEED, is_pretrained=True)
    start_at(model, _initial_weights(model), ARCHITECTURE)
    return model


def _initial_weights(model: tf_keras.Sequential) -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = {}
    for name, layer in entries_in(model, ARCHITECTURE, "all"):
        kernel = layer.loc if hasattr(layer, "loc") else layer.kernel
        weights |= {f"{name}/kernel": kernel.numpy(), f"{name}/bias": layer.bias.numpy()}
    return weights
