"""Models that users saved: read without running any of their code."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py  # type: ignore[import-untyped]
import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.templates.vetting import require_harmless
from tfp_insects.plain_path import PlainPath

METADATA = "keras_metadata.pb"
SUFFIXES = (".keras", ".h5", ".hdf5")
HOW_TO_SAVE = "save it with tf_keras: model.save('model.keras') of a model of tf_keras"


class Saved(NamedTuple):
    """What a file says of its model.

    Attributes:
        config: `class_name` and `config`, as Keras makes a model of it.
        version: Of the Keras that wrote it.
    """

    config: dict[str, Any]
    version: str


def is_model_file(name: str) -> bool:
    """Whether a name of a network is meant as a path."""
    return "/" in name or "\\" in name or name.endswith(SUFFIXES) or Path(name).expanduser().is_dir()


def fingerprint(path: Path) -> str:
    """SHA-256 in hex of a file, or of a SavedModel's files with their names."""
    digest = hashlib.sha256()
    for part in sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(part.relative_to(path).as_posix().encode() + b"\0")
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def load_model(path: Path) -> Any:
    """Reads a model of tf_keras: a `.keras` or `.h5` file or a SavedModel's folder.

    Raises:
        InputError: It cannot be read, is of Keras 3, or holds code; the message says what to do.
    """
    if not path.exists():
        raise InputError("no such file or folder; expected a model of tf_keras")
    read, load = _format_of(path)
    saved = _told(path, read)
    if saved.version.partition(".")[0] not in ("", "2"):
        raise InputError(
            f"it was saved by Keras {saved.version}, and tf_keras is Keras 2: build the same layers with tf_keras, carry the "
            "weights over by tf_keras_model.set_weights(keras_model.get_weights()), and save that one"
        )
    require_harmless(saved.config)
    return _told(path, lambda one: load(one, saved))


def _format_of(path: Path) -> tuple[Callable[[Path], Saved], Callable[[Path, Saved], Any]]:
    if path.is_dir():
        return _read_saved_model, _load_saved_model
    if path.suffix == ".keras":
        return _read_keras, _load_file
    if path.suffix in SUFFIXES:
        return _read_hdf5, _load_file
    raise InputError("expected a model of tf_keras in a file ending in .keras or .h5, or the folder of a SavedModel")


def _told(path: Path, action: Callable[[Path], Any]) -> Any:
    try:
        return action(path)
    except InputError:
        raise
    except Exception as error:  # What Keras, h5py and zipfile raise for damaged files is of many kinds.
        raise InputError(f"it cannot be read as a model of tf_keras ({_one_line(error)}): {HOW_TO_SAVE}") from error


def _read_keras(path: Path) -> Saved:
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
        return Saved(_without_compilation(json.loads(archive.read("config.json"))), str(metadata["keras_version"]))


def _read_hdf5(path: Path) -> Saved:
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise InputError(f"it holds weights alone: {HOW_TO_SAVE}, not model.save_weights")
        return Saved(json.loads(file.attrs["model_config"]), str(file.attrs.get("keras_version", "")))


def _read_saved_model(path: Path) -> Saved:
    from tf_keras.protobuf import saved_metadata_pb2

    if not (path / METADATA).is_file():
        raise InputError(f"it is no SavedModel of tf_keras (there is no {METADATA}): {HOW_TO_SAVE}")
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString((path / METADATA).read_bytes())
    root = json.loads(next(node.metadata for node in metadata.nodes if node.node_path == "root"))
    if not root.get("is_graph_network") and root.get("class_name") != "Sequential":
        raise InputError(
            f"it is a {root.get('class_name')} with a call of its own, which cannot be copied: expected a Sequential or "
            "Functional model"
        )
    return Saved({name: root[name] for name in ("class_name", "config")}, str(root.get("keras_version", "")))


def _without_compilation(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "compile_config"}


def _load_file(path: Path, saved: Saved) -> Any:
    import tf_keras

    import tfp_insects.bayes.layers  # noqa: F401 Registers layers of this package that the file may hold.

    del saved
    return tf_keras.models.load_model(path, compile=False, safe_mode=True)


def _load_saved_model(path: Path, saved: Saved) -> Any:
    """From the configuration and the variables: the graph within, which could do anything, is not even loaded."""
    import tf_keras

    model = tf_keras.models.model_from_json(json.dumps(saved.config))
    if not model.built:
        raise InputError("its input shape is not known: give the model an Input layer, and save it again")
    plain = PlainPath(path / "variables")  # Held until all is read.
    status = model.load_weights(plain.path / "variables")
    status.assert_existing_objects_matched()
    status.expect_partial()
    return model


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads the weights in an `.h5` file of tf_keras, of a model or of weights alone, by `<layer>/<variable>`.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return _weights_in(path)
    except (OSError, KeyError, ValueError, AttributeError) as error:  # What h5py raises for damaged files.
        raise InputError(f"cannot be read as weights of tf_keras ({_one_line(error)}): give another file") from error


def _weights_in(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        found: dict[str, np.ndarray] = {}
        for layer in root.attrs["layer_names"]:
            group = root[layer]
            for weight in group.attrs["weight_names"]:
                name = (weight.decode() if isinstance(weight, bytes) else weight).rpartition(":")[0]
                found[f"{_text(layer)}/{name.rpartition('/')[2]}"] = np.asarray(group[weight])
        return found


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
