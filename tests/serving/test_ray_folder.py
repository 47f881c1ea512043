"""Predictions on a real cluster of this machine: each image once, a worker killed or not, as the local engine's."""

import io
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.ray_heads import require_ray, started_head
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.serving.folder import Command, predict_images
from tfp_insects.serving.ray_folder import Done, RayCommand, predict_on_ray
from tfp_insects.serving.shards import Shards
from tfp_insects.serving.table import open_table

require_ray()
NUM_IMAGES, SHARD_SIZE, SEED = 30, 4, 5
BAD = {"bad & <b>.jpg": b"no image", os.fsdecode(b"caf\xe9.png"): b"", "cut.png": b"\x89PNG\r\n\x1a\n"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="ray-") as scratch, started_head(Path(scratch)) as head:
        yield head.address


@pytest.fixture(scope="module")
def images(runs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for i, content in enumerate(runs.images(NUM_IMAGES)):
        (folder / f"{i:04}.png").write_bytes(content)
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    return folder


def predict(
    model: Path, images: Path, output: Path, address: str, act: Callable[[Done], object] = id, jobs: int = 2
) -> str:
    """Predicts on the cluster; returns what was said."""
    console = Console(file=io.StringIO(), width=200)
    command = RayCommand(model, images, output, None, 4, SEED, SHARD_SIZE, jobs, ray_address=address)
    predict_on_ray(command, console, act)
    return console.file.getvalue()


def exact(rows: Any) -> dict[str, Any]:
    """By name, of each answer what rounding does not change."""
    return {name: (one.predicted_class, one.accepted, one.unknown, one.error) for name, one in rows}


def numbers(rows: Any) -> dict[str, list[float]]:
    return {name: [one.probability, one.entropy, one.aleatoric, one.epistemic or 0.0] for name, one in rows}


@pytest.mark.long  # Four workers load TensorFlow, one after another's death.
def test_every_image_is_answered_once_as_by_the_local_engine_though_a_worker_is_killed(
    address: str, images: Path, version_of: Callable[[str], Path], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_once(done: Done) -> None:
        if not killed:
            killed.append(int(done.worker.split()[1]))
            os.kill(killed[0], signal.SIGKILL)

    output, model = tmp_path / "predictions", version_of("all")
    said = predict(model, images, output, address, kill_once)
    assert len(killed) == 1
    assert "3 images could not be read" in said
    rows = list(Shards(output).rows())
    assert Counter(name for name, _ in rows) == Counter(sorted(os.listdir(images)))
    predict_images(Command(model, images, tmp_path / "local.csv", None, batch_size=7, seed=SEED), Console(quiet=True))
    with open_table(tmp_path / "local.csv", {}) as opened:
        expected = list(opened.rows())
    assert exact(rows) == exact(expected)
    counts = [(tmp_path / f"{name}-counts.csv").read_text() for name in ("predictions", "local")]
    assert counts[0] == counts[1]
    found, wanted = numbers(rows), numbers(expected)
    assert all(found[name] == pytest.approx(wanted[name], abs=2e-5) for name in wanted)

    before = {path: path.stat().st_mtime_ns for path in Shards(output).paths}
    gone = list(before)[3]
    gone.unlink()
    assert f"Going on after {len(rows) - SHARD_SIZE} of {len(rows)} images" in predict(model, images, output, address)
    after = {path: path.stat().st_mtime_ns for path in Shards(output).paths}
    assert {path: after.get(path) for path in before if path != gone} == {
        path: time for path, time in before.items() if path != gone
    }
    assert sorted(name for name, _ in Shards(output).rows()) == sorted(os.listdir(images))


@pytest.mark.long  # Its worker costs seconds of the processor.
def test_what_a_worker_cannot_use_is_one_line(address: str, images: Path, version_of: Any, tmp_path: Path) -> None:
    output = tmp_path / "predictions"

    def begin_anew(done: Done) -> None:
        (output / ".command").write_text("another")

    with pytest.raises(InputError, match=r"output=.*: another command writes here now"):
        predict(version_of("all"), images, output, address, begin_anew, jobs=1)
