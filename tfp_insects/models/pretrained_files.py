"""Pretrained weights as files: read, converted, written, and downloaded from where torchvision has them."""

import hashlib
import http.client
import json
import queue
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import wrap_file

from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.models.architecture import Architecture
from tfp_insects.models.torch_files.checkpoint import check_stored, read_state_dict
from tfp_insects.own_output import mark_own_output

CONNECT_SECONDS = 10.0
CHUNK_BYTES = 2**20
TORCH_SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin")


def load_pretrained(path: str | Path, architecture: Architecture) -> dict[str, np.ndarray]:
    """Reads a network's weights from a checkpoint of torch or from what `save_weights` wrote.

    Args:
        path: `.pth`, `.pt`, `.pth.tar`, `.ckpt` or `.bin` (in either format of torch, any floating-point type; a state_dict,
            or a training's checkpoint that holds one), or `.npz`.
        architecture: Whose weights they are to be.

    Returns:
        `<layer>/kernel` and `<layer>/bias` in order -> float32 in Keras layout.

    Raises:
        InputError: the file cannot be read, or holds something else than this network's finite weights.
    """
    path = Path(path)
    if path.suffix.lower() not in (*TORCH_SUFFIXES, ".npz"):
        raise InputError(f"{path}: expected weights in a file ending in {', '.join(TORCH_SUFFIXES)} or .npz")
    arrays = _read_npz(path) if path.suffix.lower() == ".npz" else read_state_dict(path)
    try:
        convert = architecture.check_weights if path.suffix.lower() == ".npz" else architecture.convert_state_dict
        return convert(arrays)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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


def imagenet_weights(
    cache_dir: str | Path,
    url: str,
    sha256: str,
    connect_seconds: float = CONNECT_SECONDS,
) -> Path:
    """Returns torchvision's file from the cache, after downloading it there if need be. Its hash is checked each time.

    Args:
        cache_dir: where the file is kept under its own name; made if need be.
        url: where to download it.
        sha256: hash of the whole file, in hex.
        connect_seconds: after so long without an answer, there is no network.

    Raises:
        InputError: it can neither be found nor downloaded, or its hash is another. Nothing is left behind.
    """
    path = _cached_path(cache_dir, url)
    try:
        if path.is_file() and _sha256(path) == sha256:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary, temporary.open("wb") as file:
            received = _download(url, file, connect_seconds)
            if received != sha256:
                raise OSError(f"the file received has SHA-256 {received}, expected {sha256}")
        mark_own_output(path.parent, [path.name])
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"{url}: the weights cannot be downloaded to {path}: {error}. Put the file there, name one as "
            "weights (a path that ends in .pth or .npz), or do without (none)",
            field="weights",
        ) from error
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


def _cached_path(cache_dir: str | Path, url: str) -> Path:
    return Path(cache_dir) / url.rpartition("/")[2]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, file: BinaryIO, connect_seconds: float) -> str:
    """Copies what `url` answers to `file`, and returns its SHA-256 in hex."""
    digest = hashlib.sha256()
    console = Console(stderr=True)
    with (
        _connect(url, connect_seconds) as response,
        wrap_file(response, response.length or 0, description=url.rpartition("/")[2], console=console) as body,
    ):
        while chunk := body.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _connect(url: str, seconds: float) -> Any:
    """Opens `url`, or gives up after `seconds` in all. urllib's own limit is for each address, and not for the name."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=seconds))
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            answers.put(error)
        except Exception as error:  # raised again by the thread that waits
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
