"""Where configurations are found: those that come with the project by name, a reader's own by path."""

import runpy
from importlib import resources
from pathlib import Path

import ml_collections


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
    """Loads a configuration by name or path, as its `get_config()` returns it."""
    return runpy.run_path(str(find_config(name_or_path)))["get_config"]()
