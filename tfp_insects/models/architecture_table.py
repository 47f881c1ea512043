"""All network designs: whatever file of `models/architectures` says that it is one, and models that users saved."""

import functools
import importlib
import pkgutil
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.models import architectures as folder
from tfp_insects.models.architecture import Architecture
from tfp_insects.models.config import NetworkConfig
from tfp_insects.models.templates.files import is_model_file
from tfp_insects.models.templates.model_file import ModelFile


def architecture_names() -> tuple[str, ...]:
    """Names of all designs."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folder.__path__)))


def find_architecture(name: str) -> Architecture:
    """Finds a design by its name, or reads the model at a path.

    Raises:
        InputError: There is none of that name, or the model cannot be used.
    """
    if name in architecture_names():
        return importlib.import_module(f"{folder.__name__}.{name}").ARCHITECTURE
    if is_model_file(name):
        path = Path(name).expanduser()
        return _model_file(path, _changed_at(path))
    raise InputError(
        f"architecture={name}: unknown; expected one of {', '.join(architecture_names())}, or the path of a model of "
        "tf_keras (.keras, .h5 or SavedModel)",
        field="model.architecture",
    )


def architecture_of(config: NetworkConfig) -> Architecture:
    """The design that a configuration names."""
    return find_architecture(config.model.architecture)


@functools.lru_cache(maxsize=1)
def _model_file(path: Path, changed_at: int) -> ModelFile:
    """A run asks for its network again and again, and to read it takes seconds."""
    del changed_at
    return ModelFile(path)


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
