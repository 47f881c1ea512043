"""A run's figures: what it was, how good it is, what it cost."""

import dataclasses
import importlib.metadata
import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_insects.metrics.cross_validation import variance_factor
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.scores import per_class_accuracy
from tfp_insects.metrics.summary import metric_intervals, out_of_distribution_intervals
from tfp_insects.models.architecture import SCOPES
from tfp_insects.models.bnn import make_bayesian
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.config import MONTE_CARLO, RunConfig
from tfp_insects.runs.predictions import num_passes
from tfp_insects.training.fit import Validation
from tfp_insects.training.history import EpochRow, best_row, joint_history, seconds_to_best_epoch
from tfp_insects.training.replicas import Replicas
from tfp_insects.training.schedules import annealed_kl_weight
from tfp_insects.training.strategies import NONE

VERSIONED = ("tensorflow", "tf-keras", "tensorflow-probability", "numpy", "tfp_insects")
INTERVAL_SEED = 0


@dataclasses.dataclass(frozen=True)
class OutOfDistribution:
    """Predictions for images of no known class.

    Attributes:
        name: What records call the images.
        fingerprint: SHA-256 over them.
        draws: The predictions.
    """

    name: str
    fingerprint: str
    draws: Draws


def make_record(
    identity: Mapping[str, Any],
    *,
    histories: Sequence[list[EpochRow]],
    validation: Validation,
    test: LabelledDraws,
    num_parameters: int,
    steps_per_epoch: int,
    predict_seconds: float,
    prediction_method: str = MONTE_CARLO,
    num_last_layer_samples: int = 1,
    ood: OutOfDistribution | None = None,
    temperature: float | None = None,
    architecture: str = "",
    layers: Mapping[str, Any] | None = None,
    num_folds: int = 0,
    replicas: Replicas | None = None,
    covariance_scale: float | None = None,
    collecting_seconds: float = 0.0,
) -> dict[str, Any]:
    """Collects a finished run's figures in plain values.

    Args:
        identity: What the run was made of, as in its `config.json`.
        histories: For each network of the run, one row an epoch; each network was left at its own best epoch.
        validation: Quality of the run's predictions for the validation images.
        test: Predictions for the test images.
        num_parameters: Numbers that the networks predict with.
        steps_per_epoch: Training steps of one epoch of all networks.
        prediction_method: What predicted, see `PredictionConfig`.
        num_last_layer_samples: Draws of the last random layer, or of the logits, in each pass.
        predict_seconds: Time that the test predictions took, all draws of all networks.
        ood: Predictions for out-of-distribution images, or none.
        temperature: By which logits were divided; none where none was fitted.
        architecture: What pages call the network design.
        layers: What became of its layers, see `count_layers`.
        num_folds: Networks of which each answers other images, as in a cross-validation; 0 where one answers all.
        replicas: The devices that trained; none for one alone.
        covariance_scale: Of the last layer's covariance; none where it was not chosen for this run.
        collecting_seconds: Time that snapshots of trained weights took, which is training too.
    """
    num_draws, num_test, _ = test.probabilities.shape
    factor = variance_factor(num_folds, num_test / num_folds, identity["num_train_examples"]) if num_folds else 1.0
    record = {
        **{key: value for key, value in identity.items() if key not in ("config", "preprocessing")},
        "num_classes": len(identity["class_names"]),
        "num_test_examples": num_test,
        "num_samples": num_passes(num_draws, len(histories), num_last_layer_samples),
        "num_draws": num_draws,
        "prediction_method": prediction_method,
        **({"num_folds": num_folds} if num_folds else {}),
        **_quality(test, identity["class_names"], factor),
        **_training(identity, histories, validation, steps_per_epoch),
        "predict_seconds": predict_seconds,
        "architecture": architecture,
        "layers": dict(layers or {}),
        "num_parameters": num_parameters,
        "precision": identity["config"]["model"]["precision"],
        "strategy": NONE if replicas is None else replicas.name,
        "num_replicas": 1 if replicas is None else replicas.num_replicas,
        "hardware": hardware(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }
    record["train_seconds"] += collecting_seconds
    if temperature is not None:
        record["temperature"] = temperature
    if covariance_scale is not None:
        record["covariance_scale"] = covariance_scale
    return record if ood is None else _with_ood(record, test, ood, factor)


def _training(
    identity: Mapping[str, Any], histories: Sequence[list[EpochRow]], validation: Validation, steps_per_epoch: int
) -> dict[str, Any]:
    """Where the training was left, and how long it took."""
    history = joint_history(histories)
    best_epoch = best_row(history).epoch  # Of several networks, that of their mean.
    return {
        "best_epoch": best_epoch,
        "validation_nll": validation.nll,
        "validation_accuracy": validation.accuracy,
        "is_tempered": _is_tempered(identity, best_epoch),
        "train_seconds": sum(row.seconds for row in history),
        "seconds_to_best_epoch": sum(map(seconds_to_best_epoch, histories)),
        "seconds_per_step": float(np.median([row.seconds for row in history])) / steps_per_epoch,
    }


def with_training_of(before: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of new predictions that says of its training what the record of before said.

    Where the machine or the versions that predict are others than those that trained, it names both.
    """
    trained_on = {name: before[name] for name in ("hardware", "versions")}
    others = {f"prediction_{name}": record[name] for name, value in trained_on.items() if record[name] != value}
    # Records of before several devices could train do not say so.
    trained_by = {"strategy": before.get("strategy", NONE), "num_replicas": before.get("num_replicas", 1)}
    return {**record, **trained_on, **trained_by, **others}


def _is_tempered(identity: Mapping[str, Any], best_epoch: int) -> bool:
    """Whether there is a posterior that is not the ELBO's: colder, or with a divergence of another weight than 1.

    What counts is the weight in the epoch whose weights are used.
    """
    method, config = find_method(identity["model"]), RunConfig.from_plain(identity["config"])
    layers = method.bayesian_layers(config)
    if layers is None:
        return False
    section = method.section(config)
    is_pretrained = bool(identity["weights_fingerprint"]) and method.uses_pretrained(config)
    bayesian = make_bayesian(section, layers, is_pretrained)
    if any(bayesian.of_group(group).temperature != 1.0 for group in SCOPES[layers]):
        return True
    return annealed_kl_weight(section.kl_weight, best_epoch - 1, section.kl_annealing_epochs) != 1.0


def _quality(test: LabelledDraws, class_names: Sequence[str], factor: float) -> dict[str, Any]:
    """Every metric, the accuracy in each class (none where it has no test image), and 95 % intervals over test images."""
    per_class = per_class_accuracy(test.probabilities, test.labels).tolist()
    intervals = metric_intervals(test.probabilities, test.labels, seed=INTERVAL_SEED, factor=factor)
    return {
        **{name: interval.estimate for name, interval in intervals.items()},
        "per_class_accuracy": {
            name: None if math.isnan(value) else value for name, value in zip(class_names, per_class, strict=True)
        },
        "intervals": {name: [interval.low, interval.high] for name, interval in intervals.items()},
    }


def _with_ood(record: Mapping[str, Any], known: Draws, ood: OutOfDistribution, factor: float) -> dict[str, Any]:
    """Adds how well out-of-distribution images are told from test images, with intervals over both."""
    found = out_of_distribution_intervals(known, ood.draws, seed=INTERVAL_SEED, factor=factor)
    return {
        **record,
        "ood_data": ood.name,
        "ood_fingerprint": ood.fingerprint,
        "num_ood_examples": ood.draws.probabilities.shape[1],
        **{name: interval.estimate for name, interval in found.items()},
        "intervals": record["intervals"] | {name: [interval.low, interval.high] for name, interval in found.items()},
    }


def hardware() -> dict[str, Any]:
    """What the figures were measured on, in plain values."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count(),
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
