"""Weights: whole `.pth` and `.npz` files, and pickles in a checkpoint that is whole otherwise."""

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

INSTRUMENTED = ["tfp_insects.models.torch_files", "tfp_insects.models.alexnet", "tfp_insects.models.pretrained_files"]
WHOLE_PTH, WHOLE_NPZ, PICKLE = b"\x00", b"\x01", b"\x02"


def prepare(directory: Path) -> tuple[Callable[[bytes], None], list[bytes]]:
    import numpy as np
    from models.pretrained.conftest import Checkpoints, _narrow_state_dict

    from tfp_insects.errors import InputError
    from tfp_insects.models.alexnet.weights_layout import convert_state_dict
    from tfp_insects.models.architecture_table import find_architecture
    from tfp_insects.models.pretrained_files import load_pretrained, save_weights

    alexnet = find_architecture("alexnet")
    narrow = _narrowest(_narrow_state_dict("float16"))
    zipped = Checkpoints.write_arrays(directory / "seed.pth", "zip", narrow).read_bytes()
    legacy = Checkpoints.write_arrays(directory / "seed.pth", "legacy", narrow).read_bytes()
    save_weights(directory / "seed.npz", convert_state_dict(narrow))
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def run(data: bytes) -> None:
        kind, content = data[:1], data[1:]
        if kind == PICKLE:
            content = _packed({**members, "model/data.pkl": content})
        path = directory / ("input.npz" if kind == WHOLE_NPZ else "input.pth")
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            for array in load_pretrained(path, alexnet).values():
                assert array.dtype == np.float32
                assert np.isfinite(array).all()

    npz = (directory / "seed.npz").read_bytes()
    pickles = [members["model/data.pkl"], b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R."]
    return run, [WHOLE_PTH + zipped, WHOLE_PTH + legacy, WHOLE_NPZ + npz, *(PICKLE + content for content in pickles)]


def _narrowest(arrays: dict) -> dict:
    """One channel in each layer, for short inputs."""
    return {
        name: array[:1, : 36 if name == "classifier.1.weight" else 3 if name == "features.0.weight" else 1]
        if array.ndim > 1
        else array[:1]
        for name, array in arrays.items()
    }


def _packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()
