"""A finished run of the study, read back from its directory."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, read_json
from tfp_insects.models.build import build_model
from tfp_insects.models.method_table import find_method, methods
from tfp_insects.runs.cells import CONFIG_NAME, RECORD_NAME
from tfp_insects.training.checkpoints import WEIGHTS_PATH


@dataclasses.dataclass(frozen=True)
class LabelledPredictions:
    """A run's answers on images that it was not trained on.

    Attributes:
        probabilities: float32 `[num_draws, num_examples, num_classes]`, those of the last layer counted.
        labels: int32 `[num_examples]`.
    """

    probabilities: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run's directory and what it was made of.

    Attributes:
        directory: `<workdir>/<model>-n<n>-seed<seed>`.
        identity: Its `config.json`.
        record: Its `record.json`.
    """

    directory: Path
    identity: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of the model's outputs."""
        return tuple(self.identity["class_names"])

    @property
    def preprocessing(self) -> Preprocessing:
        """Resizing and normalisation."""
        fields = self.identity["preprocessing"]
        return Preprocessing(fields["image_size"], tuple(fields["mean"]), tuple(fields["std"]))

    @property
    def num_samples(self) -> int:
        """Draws of its predictions; 1 for the CNN."""
        return 1 if self.identity["model"] == "cnn" else self.identity["config"]["prediction"]["num_samples"]

    @property
    def num_last_layer_samples(self) -> int:
        """Draws of the last layer for each draw of the others; 1 for the CNN."""
        # Runs that do not say had one.
        section = self.identity["config"]["prediction"]
        return 1 if self.identity["model"] == "cnn" else section.get("num_last_layer_samples", 1)

    def build_model(self) -> tf_keras.Sequential:
        """The trained network, computing in float32 whatever it was trained in."""
        identity, config = self.identity, self.identity["config"]
        is_pretrained = bool(identity["weights_fingerprint"]) and find_method(identity["model"]).uses_pretrained(config)
        model = build_model(
            identity["model"],
            {**config, "model": {**config["model"], "precision": "float32"}},
            num_classes=len(self.class_names),
            num_train_examples=identity["num_train_examples"],
            seed=identity["seed"],
            is_pretrained=is_pretrained,
        )
        _load_weights(model, self.directory / WEIGHTS_PATH)
        return model

    def validation_predictions(self) -> LabelledPredictions:
        """Answers on the validation images, which chose the epoch."""
        return self._predictions("validation_predictions.npz")

    def test_predictions(self) -> LabelledPredictions:
        """Answers on the test images, which chose nothing."""
        return self._predictions("predictions.npz")

    def _predictions(self, name: str) -> LabelledPredictions:
        return LabelledPredictions(**read_arrays(self.directory / name, ("probabilities", "labels")))


def _load_weights(model: tf_keras.Sequential, path: Path) -> None:
    try:
        model.load_weights(str(path))
    except (OSError, KeyError, ValueError, RuntimeError) as error:  # What h5py and tf_keras raise for a damaged file.
        raise InputError(f"{path} cannot be read ({error}): remove the run's directory and run again") from error


def read_finished_run(directory: Path) -> FinishedRun:
    """Reads a run's directory.

    Raises:
        InputError: It is no run, not finished, incomplete, or of a model that is not exported.
    """
    if not (directory / CONFIG_NAME).is_file():
        raise InputError(
            f"--run={directory}: there is no run (no {CONFIG_NAME}); expected a directory such as runs/bnn-n500-seed0"
        )
    if not (directory / RECORD_NAME).is_file():
        raise InputError(
            f"--run={directory}: this run is not finished (no {RECORD_NAME}); start scripts/run.py again with the same "
            "flags, and it goes on where it was"
        )
    identity = read_json(directory / CONFIG_NAME)
    if not find_method(identity["model"]).is_exportable:
        expected = ", ".join(method.name for method in methods() if method.is_exportable)
        raise InputError(f"--run={directory}: a run of --model={identity['model']}; expected one of {expected}")
    for name in (WEIGHTS_PATH, "validation_predictions.npz", "predictions.npz"):
        if not (directory / name).is_file():
            raise InputError(f"--run={directory}: {name} is missing; remove the directory and run the cell again")
    return FinishedRun(directory, identity, read_json(directory / RECORD_NAME))
