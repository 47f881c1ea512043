"""Where configurations are found: those that come with the project by name, a reader's own by path."""

import copy
import runpy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import ml_collections

from tfp_insects.cli.config_errors import error_in_file, line_of
from tfp_insects.errors import InputError
from tfp_insects.models.architecture_table import find_architecture
from tfp_insects.models.config import DEFAULT_ARCHITECTURE

_TO_BEGIN_WITH = "Begin with a copy of one that comes with the project, such as configs/quickstart.py"


def config_directory() -> Path:
    """The folder of the project's configurations: inside an installed package, beside the package in a checkout."""
    package = Path(str(resources.files("tfp_insects")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def config_names() -> list[str]:
    """Names of the project's configurations, in alphabetical order."""
    return sorted(path.stem for path in config_directory().glob("*.py"))


def find_config(name_or_path: str) -> Path:
    """Finds a configuration.

    Args:
        name_or_path: One of `config_names()`, or the path of a file. A name is never taken for a file: configurations are
            programs, and the directory where a command is given may have come from a stranger.

    Returns:
        The file's path, whether or not it is there.
    """
    if name_or_path in config_names():
        return config_directory() / f"{name_or_path}.py"
    return Path(name_or_path).expanduser()


def load_config(name_or_path: str) -> ml_collections.ConfigDict:
    """Loads a configuration by name or path, as its `get_config()` returns it.

    Raises:
        InputError: The file cannot be read, fails, or gives no configuration; the message names file, line and field.
    """
    path = find_config(name_or_path)
    _require_readable(path)
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
        config = get_config() if callable(get_config) else None
    except Exception as error:
        raise error_in_file(path, error) from error
    if not callable(get_config):
        raise InputError(f"{path}: it has no function get_config(). {_TO_BEGIN_WITH}")
    if not isinstance(config, ml_collections.ConfigDict):
        place = line_of(path, "get_config")
        forgotten = " (is its return missing?)" if config is None else ""
        raise InputError(
            f"{place}: get_config() gives {type(config).__name__}{forgotten}, but an ml_collections.ConfigDict is expected. "
            f"{_TO_BEGIN_WITH}"
        )
    return config


def _require_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        names = ", ".join(config_names())
        raise InputError(f"the config file cannot be read: {error}; configs with a name: {names}") from error


def with_overrides(config: ml_collections.ConfigDict, overrides: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """A copy of a configuration with what suits its network, and with what the user sets over that.

    Args:
        config: As `load_config` gives it.
        overrides: Values by the paths of their fields.

    Raises:
        InputError: There is no network of that name, or its file cannot be used.
    """
    found = copy.deepcopy(config)  # Fields that follow others do so in the copy.
    with found.unlocked():
        found.update_from_flattened_dict(overrides)
        name = found.get("model", {}).get("architecture", DEFAULT_ARCHITECTURE)
        found.update_from_flattened_dict(find_architecture(name).settings)
        found.update_from_flattened_dict(overrides)
    return found
