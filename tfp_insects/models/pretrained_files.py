"""Pretrained weights as files: read, converted, written, and downloaded from where torchvision has them."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfp_insects.downloads.cached import DownloadError, RemoteFile, download, lock_path_of
from tfp_insects.downloads.https import PATIENCE, Patience
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.models.architecture import Architecture
from tfp_insects.models.templates.files import read_weights
from tfp_insects.models.torch_files.checkpoint import check_stored, read_state_dict
from tfp_insects.own_output import mark_own_output

TORCH_SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin")


def load_pretrained(path: str | Path, architecture: Architecture) -> dict[str, np.ndarray]:
    """Reads a network's weights from a checkpoint of torch or from what `save_weights` wrote.

    Args:
        path: `.pth`, `.pt`, `.pth.tar`, `.ckpt` or `.bin` (in either format of torch, any floating-point type; a state_dict,
            or a training's checkpoint that holds one), or `.npz`; or `.h5` of tf_keras.
        architecture: Whose weights they are to be.

    Returns:
        `<layer>/kernel` and `<layer>/bias` in order -> float32 in Keras layout.

    Raises:
        InputError: the file cannot be read, or holds something else than this network's finite weights.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*TORCH_SUFFIXES, ".npz", ".h5"):
        raise InputError(f"{path}: expected weights in a file ending in {', '.join(TORCH_SUFFIXES)}, .h5 or .npz")
    try:
        if suffix == ".h5":
            return architecture.convert_keras(read_weights(path))
        if suffix == ".npz":
            return architecture.check_weights(_read_npz(path))
        return architecture.convert_state_dict(read_state_dict(path))
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(str(path)) else f"{path}: {message}") from error


def save_weights(path: str | Path, weights: Mapping[str, np.ndarray]) -> None:
    """Writes weights, as `load_pretrained` returns them, to an uncompressed `.npz` file, whole or not at all.

    Raises:
        InputError: the name does not end in .npz, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path}: expected a name that ends in .npz for converted weights")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **weights)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}. Choose another place") from error


def convert_file(source: str | Path, target: str | Path, architecture: Architecture) -> str:
    """Converts a network's weights from a checkpoint of torch to an `.npz` file.

    Returns:
        One line for each weight: its name and shape there and here.

    Raises:
        InputError: either file's name or content is not as expected.
    """
    state_dict = read_state_dict(source)
    try:
        weights = architecture.convert_state_dict(state_dict)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    save_weights(target, weights)
    names = [(architecture.torch_name(name), name) for name in weights]
    return "\n".join(f"{old} {state_dict[old].shape} -> {new} {weights[new].shape}" for old, new in names)


def weights_fingerprint(weights: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256, in hex, of the names, shapes and float32 values; their order does not matter."""
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(json.dumps([name, array.shape]).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").data)
    return digest.hexdigest()


def imagenet_weights(cache_dir: str | Path, url: str, sha256: str, patience: Patience = PATIENCE) -> Path:
    """Returns torchvision's file from the cache, after downloading it there if need be. Its hash is checked each time.

    Args:
        cache_dir: where the file is kept under its own name; made if need be. Several processes may share it.
        url: where to download it.
        sha256: hash of the whole file, in hex.
        patience: with the server.

    Raises:
        InputError: it can neither be found nor downloaded, or its hash is another.
    """
    path = Path(cache_dir) / url.rpartition("/")[2]
    try:
        download(RemoteFile(url, "sha256", sha256), path, patience)
    except DownloadError as error:
        raise InputError(
            f"{url}: the weights cannot be downloaded to {path}: {error}. Put the file there, name one as "
            "weights (a path that ends in .pth or .npz), or do without (none)",
            field="weights",
        ) from error
    mark_own_output(path.parent, [path.name, lock_path_of(path).name])
    return path


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected weights that scripts/convert_weights.py wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            check_stored(archive, path.stat().st_size)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # NumPy's header parser raises errors of many kinds for damaged or hostile files
        raise InputError(f"{path}: cannot be read as converted weights: {error}. Convert them anew") from error
