"""Run directories as `scripts/run.py` leaves them, from invented predictions."""

import io
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tfp_insects.data.pipeline import Examples
from tfp_insects.data.sources import ImageSource
from tfp_insects.files import write_arrays, write_json
from tfp_insects.study.cells import Cell
from tfp_insects.study.records import OutOfDistribution, make_record
from tfp_insects.study.report.page import write_report
from tfp_insects.study.thumbnails import THUMBNAILS_NAME, write_thumbnails
from tfp_insects.training.fit import Validation
from tfp_insects.training.history import EpochRow, write_history

CLASSES = ("ant", "bee & co", "<wasp>", "$fly$")
NUM_EXAMPLES = 120
NUM_EPOCHS = 4
QUICKSTART = Path(__file__).resolve().parents[3] / "configs" / "quickstart.py"
LAYERS = {"features_0": (3, 3, 3, 4), "classifier_1": (36, 16), "classifier_6": (16, len(CLASSES))}
BAYESIAN_LAYERS = {"bnn": tuple(LAYERS), "bnn_head": ("classifier_6",)}

MakeRun = Callable[..., Path]


def invented_probabilities(labels: np.ndarray, num_samples: int, skill: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=(1, len(labels), len(CLASSES))) + 0.6 * rng.normal(
        size=(num_samples, len(labels), len(CLASSES))
    )
    logits = noise + skill * np.eye(len(CLASSES))[labels]
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)


def invented_history(skill: float, seconds: float, rng: np.random.Generator) -> list[EpochRow]:
    rows = []
    for epoch in range(1, NUM_EPOCHS + 1):
        accuracy = 0.25 + 0.1 * skill * epoch / NUM_EPOCHS
        nll = 1.4 - 0.2 * skill * epoch / NUM_EPOCHS
        rows.append(
            EpochRow(epoch, nll, nll, accuracy - 0.05, nll, nll, accuracy, 3.0, seconds * rng.uniform(0.9, 1.1))
        )
    return rows


def write_weights(path: Path, layers: Sequence[str], rng: np.random.Generator) -> None:
    """A checkpoint in the layout of Keras, its layers Bayesian, the last with scales of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name in layers:
            shape = LAYERS[name]
            group = file.create_group(f"{name}/{name}")
            is_head = name == "classifier_6"
            prior_loc = np.zeros(()) if is_head else rng.normal(0.0, 0.1, shape)
            arrays = {
                "kernel_loc": prior_loc + rng.normal(0.0, 0.02, shape),
                "kernel_log_ratio": np.log(0.4) + rng.normal(0.0, 0.1, shape) if is_head else np.log(0.03),
                "prior_loc": prior_loc,
                "prior_factor": 0.5 if is_head else 10.0,
                "prior_floor": 1.0 if is_head else 0.01,
                "bias": np.zeros(shape[-1]),
            }
            for field, value in arrays.items():
                group.create_dataset(f"{field}:0", data=np.asarray(value, np.float32))


def make_identity(cell: Cell, drawn: bool) -> dict[str, Any]:
    config = runpy.run_path(str(QUICKSTART))["get_config"]().to_dict()
    config["model"]["precision"] = "float32"
    return {
        "model": cell.model,
        "n_per_class": cell.n_per_class,
        "seed": cell.seed,
        "num_train_examples": cell.n_per_class * len(CLASSES),
        "batch_size": 16,
        "preprocessing": {"image_size": 95, "mean": [0.5] * 3, "std": [0.2] * 3},
        "data": "synthetic" if drawn else "photos.zip",
        "data_fingerprint": "d" * 64,
        "drawn": drawn,
        "split_fingerprint": "5" * 64,
        "class_names": list(CLASSES),
        "weights": "synthetic_pretraining" if drawn else "alexnet.npz",
        "weights_fingerprint": "0" * 64,
        "config": config,
    }


def write_images(path: Path, example_ids: tuple[str, ...], labels: np.ndarray) -> None:
    def read(index: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), (60 * int(labels[index]), 2 * index % 255, 120)).save(buffer, "PNG")
        return buffer.getvalue()

    source = ImageSource("photos.zip", CLASSES, example_ids, labels.astype(np.int32), None, read)
    write_thumbnails(path, Examples(source, np.arange(len(labels)), labels))


def write_run(
    workdir: Path,
    model: str = "bnn",
    n_per_class: int = 5,
    seed: int = 0,
    *,
    drawn: bool = True,
    skill: float = 1.0,
    seconds: float = 2.0,
    has_ood: bool = False,
    num_examples: int = NUM_EXAMPLES,
) -> Path:
    """Writes what a finished cell leaves, and returns its directory."""
    cell = Cell(model, n_per_class, seed)
    directory = cell.directory(workdir)
    directory.mkdir(parents=True)
    rng = np.random.default_rng([seed, n_per_class, len(model)])
    labels = np.arange(num_examples) % len(CLASSES)
    example_ids = tuple(f"{CLASSES[label]}/{i:03d}.png" for i, label in enumerate(labels))
    num_samples = 1 if model.startswith("cnn") else 8
    # Images differ in difficulty alike for all runs, as photographs do.
    skills = skill + np.random.default_rng(0).normal(0.0, 1.0, (num_examples, 1))
    probabilities = invented_probabilities(labels, num_samples, skills, rng)
    identity = make_identity(cell, drawn)
    ood = None
    if has_ood:
        unknown = invented_probabilities(labels[:40], num_samples, 0.0, rng)
        ood = OutOfDistribution("objects.zip", "f" * 64, unknown)
        write_arrays(directory / "ood_predictions.npz", probabilities=unknown)
    history = invented_history(skill, seconds, rng)
    write_history(directory / "history.csv", history)
    write_json(directory / "config.json", identity)
    write_json(directory / "split.json", {"test": list(example_ids)})
    write_arrays(
        directory / "predictions.npz",
        probabilities=probabilities,
        labels=labels.astype(np.int32),
        class_names=np.array(CLASSES),
        example_ids=np.array(example_ids),
    )
    write_images(directory / THUMBNAILS_NAME, example_ids, labels)
    if model in BAYESIAN_LAYERS:
        write_weights(directory / "checkpoints" / "weights.h5", BAYESIAN_LAYERS[model], rng)
    record = make_record(
        identity,
        histories=[history],
        validation=Validation(history[-1].validation_nll, history[-1].validation_accuracy),
        probabilities=probabilities,
        labels=labels,
        num_parameters=1000,
        steps_per_epoch=4,
        ood=ood,
    )
    write_json(directory / "record.json", record)
    return directory


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return write_run


@pytest.fixture(scope="session")
def grid_workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both twins, three sizes and two seeds, on invented photographs; out-of-distribution images at one size."""
    workdir = tmp_path_factory.mktemp("grid")
    for size, skill, gain in ((5, 0.8, 0.0), (10, 1.4, 0.6), (40, 2.2, 0.2)):
        for seed in (0, 1):
            has_ood = size == 40
            write_run(workdir, "cnn", size, seed, drawn=False, skill=skill, seconds=2.0, has_ood=has_ood)
            write_run(workdir, "bnn", size, seed, drawn=False, skill=skill + gain, seconds=5.0, has_ood=has_ood)
    return workdir


@pytest.fixture(scope="session")
def grid_page(grid_workdir: Path) -> Path:
    """The report of `grid_workdir`."""
    return write_report(grid_workdir, Console(quiet=True))
