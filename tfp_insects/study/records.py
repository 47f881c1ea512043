"""A run's figures: what it was, how good it is, what it cost."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_insects.training.history import EpochRow
from tfp_insects.uncertainty.metrics import summarize

VERSIONED = ("tensorflow", "tf-keras", "tensorflow-probability", "numpy", "tfp_insects")


def make_record(
    identity: Mapping[str, Any],
    *,
    history: Sequence[EpochRow],
    probabilities: np.ndarray,
    labels: np.ndarray,
    num_parameters: int,
    steps_per_epoch: int,
) -> dict[str, Any]:
    """Collects a finished run's figures in plain values.

    Args:
        identity: What the run was made of, as in its `config.json`.
        history: One row an epoch.
        probabilities: Test predictions `[num_samples, num_examples, num_classes]`.
        labels: int32 `[num_examples]`.
        num_parameters: Numbers that the model holds, priors included.
        steps_per_epoch: Training steps of one epoch.
    """
    best = min(history, key=lambda row: row.validation_nll)
    is_tempered = identity["model"] == "bnn" and identity["config"]["bnn"]["kl_weight"] != 1.0
    return {
        **{key: value for key, value in identity.items() if key not in ("config", "preprocessing")},
        "num_classes": len(identity["class_names"]),
        "num_test_examples": len(labels),
        "num_samples": len(probabilities),
        **summarize(probabilities, labels),
        "best_epoch": best.epoch,
        "validation_nll": best.validation_nll,
        "validation_accuracy": best.validation_accuracy,
        "is_tempered": is_tempered,
        "train_seconds": sum(row.seconds for row in history),
        "seconds_to_best_epoch": sum(row.seconds for row in history if row.epoch <= best.epoch),
        "seconds_per_step": float(np.median([row.seconds for row in history])) / steps_per_epoch,
        "num_parameters": num_parameters,
        "precision": identity["config"]["model"]["precision"],
        "hardware": _hardware(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }


def _hardware() -> dict[str, Any]:
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
