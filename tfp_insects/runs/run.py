"""One run, read from its directory."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.errors import InputError
from tfp_insects.files import read_json
from tfp_insects.metrics.arrays import IntArray
from tfp_insects.metrics.cross_validation import variance_factor
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.build import build_model
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.config import MONTE_CARLO, RunConfig
from tfp_insects.runs.identity import read_identity, require_known_format
from tfp_insects.runs.last_layer_posterior import read_last_layer_posterior
from tfp_insects.runs.layout import (
    CONFIG_NAME,
    HISTORY_NAME,
    MEMBER_NAME,
    OOD_NAME,
    POSTERIOR_NAME,
    RECORD_NAME,
    TEST_NAME,
    VALIDATION_NAME,
    WEIGHTS_PATH,
)
from tfp_insects.runs.predictions import Predictions, num_passes, read_predictions
from tfp_insects.training.checkpoints import load_weights
from tfp_insects.training.history import EpochRow, read_history, seconds_to_best_epoch


class Run:
    """One run. Each file is read when it is asked for the first time; `InputError` names one that cannot be read.

    Args:
        directory: `<workdir>/<model>-n<n>-seed<seed>`.
        record: This and what follows are known already and not read, as of a run that is not on disk.
        config: See the properties of these names.
        history: One row an epoch.
        probabilities: Of the test images.
        labels: Of the test images.
        example_ids: Of the test images.
    """

    def __init__(
        self,
        directory: Path,
        record: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        history: list[EpochRow] | None = None,
        probabilities: np.ndarray | None = None,
        labels: IntArray | None = None,
        example_ids: tuple[str, ...] | None = None,
    ) -> None:
        self.directory = directory
        known: dict[str, Any] = {"record": record, "config": config, "history": history}
        known |= {"probabilities": probabilities, "labels": labels, "example_ids": example_ids}
        self.__dict__.update({name: value for name, value in known.items() if value is not None})

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Its `config.json`: what it was made of, with the configuration that its method read in `config`."""
        return read_identity(self.directory / CONFIG_NAME)

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """Its `record.json`, in which `num_samples` counts passes and `num_draws` predictions, whatever the format."""
        path = self.directory / RECORD_NAME
        record = read_json(path)
        require_known_format(record, path)
        return record if "format" in record else self._as_now(record)

    @property
    def is_finished(self) -> bool:
        """Whether it has a record."""
        return "record" in self.__dict__ or (self.directory / RECORD_NAME).exists()

    @property
    def model(self) -> str:
        """Name of its method."""
        return self._of_either("model")

    @property
    def n_per_class(self) -> int:
        """Training images of each class."""
        return self._of_either("n_per_class")

    @property
    def seed(self) -> int:
        """Its seed."""
        return self._of_either("seed")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of the model's outputs."""
        return tuple(self._of_either("class_names"))

    @property
    def preprocessing(self) -> Preprocessing:
        """Resizing and normalisation."""
        fields = self.config["preprocessing"]
        return Preprocessing(fields["image_size"], tuple(fields["mean"]), tuple(fields["std"]))

    @cached_property
    def history(self) -> list[EpochRow]:
        """One row an epoch, of several networks their mean; empty where nothing was trained."""
        path = self.directory / HISTORY_NAME
        return read_history(path) if path.exists() else []

    @cached_property
    def histories(self) -> list[list[EpochRow]]:
        """The same for each of its networks."""
        paths = [self.directory / MEMBER_NAME.format(i) / HISTORY_NAME for i in range(self.num_networks)]
        return [read_history(path) for path in paths] if self.num_networks > 1 else [self.history]

    @cached_property
    def validation(self) -> Predictions:
        """Predictions for the validation images, which chose the epoch."""
        return read_predictions(self.directory / VALIDATION_NAME)

    @cached_property
    def test(self) -> Predictions:
        """Predictions for the test images, which chose nothing."""
        return read_predictions(self.directory / TEST_NAME)

    @cached_property
    def ood(self) -> Predictions | None:
        """Predictions for out-of-distribution images; none where the record knows of none."""
        return read_predictions(self.directory / OOD_NAME) if "ood_fingerprint" in self.record else None

    @cached_property
    def probabilities(self) -> np.ndarray:
        """float32 `[num_draws, num_examples, num_classes]`, of the test images."""
        return self.test.probabilities

    @cached_property
    def labels(self) -> IntArray:
        """int64 `[num_examples]`, of the test images."""
        return self.test.labels.astype(np.int64)

    @cached_property
    def example_ids(self) -> tuple[str, ...]:
        """Of the test images."""
        return self.test.example_ids

    @property
    def has_draws(self) -> bool:
        """Whether the predictions are several draws, so that epistemic uncertainty is defined."""
        return len(self.probabilities) > 1

    @property
    def num_draws(self) -> int:
        """Predictions of each image: passes, times draws of the last layer, times networks."""
        return self.record["num_draws"]

    @cached_property
    def settings(self) -> RunConfig:
        """Its configuration, typed; fields that came after it was written have the values that did what was done then."""
        return RunConfig.from_plain(self.config["config"])

    @property
    def is_pretrained(self) -> bool:
        """Whether its networks started at pretrained weights."""
        return bool(self.config["weights_fingerprint"]) and find_method(self.model).uses_pretrained(self.settings)

    @property
    def num_networks(self) -> int:
        """Networks that answer together; 1 but for an ensemble."""
        return len(find_method(self.model).member_seeds(self.settings, seed=0))

    @property
    def num_folds(self) -> int:
        """Networks of which each answered other test images, in a cross-validation; 0 where one answered all."""
        return self.record.get("num_folds", 0) if self.is_finished else 0

    @property
    def variance_factor(self) -> float:
        """By how much the variance over its test images is too small for what it says, see `metrics.cross_validation`."""
        if self.num_folds == 0:
            return 1.0
        record = self.record
        return variance_factor(
            self.num_folds, record["num_test_examples"] / self.num_folds, record["num_train_examples"]
        )

    @property
    def num_samples(self) -> int:
        """Passes through all random layers that predictions are asked for; 1 for the CNN."""
        return self.record["num_samples"]

    @property
    def prediction_method(self) -> str:
        """What predicted, see `PredictionConfig`."""
        return self.record.get("prediction_method", MONTE_CARLO)

    @property
    def num_last_layer_samples(self) -> int:
        """Draws of the last layer for each of these; 1 for the CNN."""
        return self.num_draws // (self.num_samples * self.num_networks)

    @property
    def train_seconds(self) -> float:
        """Time of the training steps of all epochs and networks, input pipeline included, validation excluded."""
        return self._recorded("train_seconds", lambda rows: sum(row.seconds for row in rows))

    @property
    def seconds_to_best_epoch(self) -> float:
        """The same up to the epoch of lowest validation NLL of each network."""
        return self._recorded("seconds_to_best_epoch", seconds_to_best_epoch)

    @property
    def predict_seconds(self) -> float | None:
        """Time that the predictions of the test images took; none where version 0.1.0 did not measure it."""
        return self.record.get("predict_seconds")

    def build_model(self) -> tf_keras.Model:
        """The trained network, computing in float32 whatever it was trained in.

        Raises:
            InputError: Its weights cannot be read, or the file with its network is not the one that it was trained with.
        """
        identity, is_pretrained = self.config, self.is_pretrained
        self._require_same_architecture()
        model = build_model(
            self.model,
            self.settings.replaced({"model.precision": "float32"}),
            num_classes=len(self.class_names),
            num_train_examples=identity["num_train_examples"],
            seed=self.seed,
            is_pretrained=is_pretrained,
        )
        load_weights(model, self.directory / WEIGHTS_PATH)
        if find_method(self.model).has_last_layer_posterior:
            return read_last_layer_posterior(model, self.directory / POSTERIOR_NAME)
        return model

    def _require_same_architecture(self) -> None:
        expected = self.config.get("architecture_fingerprint", "")
        if expected and architecture_of(self.settings).fingerprint != expected:
            raise InputError(
                f"{self.settings.model.architecture} is not the model that {self.directory} was trained with (SHA-256 "
                f"{expected[:16]}…): put that one back in its place"
            )

    def _of_either(self, field: str) -> Any:
        """A field that config and record have alike, from what has been read."""
        known = self.__dict__.get("record", {})
        return known[field] if field in known else self.config[field]

    def _recorded(self, name: str, of_network: Callable[[list[EpochRow]], float]) -> float:
        """A figure of the record, or, before there is one, its sum over networks."""
        return self.record[name] if self.is_finished else sum(map(of_network, self.histories))

    def _as_now(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record of 0.1.0, which counted draws as samples."""
        num_draws = record.get("num_samples")
        if not isinstance(num_draws, int):  # Whoever needs them says that they are not there.
            return dict(record)
        passes = num_passes(num_draws, self.num_networks, self._num_last_layer_samples)
        return {**record, "num_draws": num_draws, "num_samples": passes}

    @property
    def _num_last_layer_samples(self) -> int:
        return self.settings.prediction.draws(MONTE_CARLO).num_last_layer_samples
