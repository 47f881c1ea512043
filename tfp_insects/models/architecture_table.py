"""All network designs: whatever file of `models/architectures` says that it is one."""

import importlib
import pkgutil

from tfp_insects.errors import InputError
from tfp_insects.models import architectures as folder
from tfp_insects.models.architecture import Architecture
from tfp_insects.models.config import ModelConfig, NetworkConfig

DEFAULT = ModelConfig.architecture


def architecture_names() -> tuple[str, ...]:
    """Names of all designs."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folder.__path__)))


def find_architecture(name: str) -> Architecture:
    """Finds a design by its name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in architecture_names():
        raise InputError(f"architecture={name}: unknown; expected one of {', '.join(architecture_names())}")
    return importlib.import_module(f"{folder.__name__}.{name}").ARCHITECTURE


def architecture_of(config: NetworkConfig) -> Architecture:
    """The design that a configuration names."""
    return find_architecture(config.model.architecture)
