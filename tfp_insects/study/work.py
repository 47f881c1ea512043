"""What a run is made of, phase by phase: the plan that a bar and a dry run go by."""

import hashlib
import json
from typing import NamedTuple

from tfp_insects.data.pipeline import READING
from tfp_insects.data.split import Split, training_subset
from tfp_insects.data.verification import VERIFYING
from tfp_insects.models.config import BY_VALIDATION
from tfp_insects.models.method import Method
from tfp_insects.models.method_table import find_method
from tfp_insects.plain import to_plain
from tfp_insects.progress.work import NETWORK, SECONDS, Part
from tfp_insects.runs.config import MONTE_CARLO, RunConfig
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.records import hardware
from tfp_insects.study.steps import Steps, steps_of_run

PRETRAINING, REPORT = "pretraining", "report"
FEATURES, TRAINING, VALIDATING = "features", "training", "validating"
COLLECTING = "collecting snapshots"
COVARIANCE, WRITING = "covariance", "writing results"
PREDICTING_VALIDATION = "predicting validation images"
PREDICTING_TEST = "predicting test images"
PREDICTING_UNKNOWN = "predicting unknown images"
# What is not answering; the rest of a run is.
TRAINING_PHASES = frozenset({READING, FEATURES, TRAINING, VALIDATING, COVARIANCE, COLLECTING})

# The pace of what passes the layers behind frozen ones alone: what share of a network these are differs between networks.
BEHIND_FROZEN = "behind frozen layers"

# Guesses in seconds, from full AlexNet on two cores. A step has a part that no smaller batch makes smaller: reading and
# changing the weights, which takes as long as so many images.
STEP_IMAGES = 50
PROCESS_SECONDS = 8.0
CNN_SECONDS, BAYESIAN_FACTOR, PASS_SECONDS, FIRST_STEP_SECONDS = 0.0034, 1.7, 0.0012, 4.0
READ_SECONDS, VERIFY_SECONDS, WRITE_SECONDS, REPORT_SECONDS = 0.001, 0.0005, 0.004, 3.0


class Sizes(NamedTuple):
    """Numbers of images that a run reads besides those that it trains on."""

    validation: int
    test: int
    unknown: int


def sizes_of(split: Split, num_unknown: int) -> Sizes:
    """Counts the images that every run of an experiment answers."""
    return Sizes(len(split.validation), len(split.test), num_unknown)


def machine(num_jobs: int, num_replicas: int = 1) -> str:
    """The name under which costs are remembered: they depend on the cores that each run has, and on what trains it."""
    found = hardware()
    gpus = "".join(f", {name}" for name in found["gpus"])
    replicas = f", {num_replicas} replicas" if num_replicas > 1 else ""
    return f"{found['processor']}, {found['cores']} cores{gpus}, {num_jobs} at a time{replicas}"


def work_of_run(key: RunKey, split: Split, config: RunConfig, num_unknown: int = 0, num_opened: int = 0) -> list[Part]:
    """The parts of a whole run, from its first image to its record.

    Args:
        key: Which run.
        split: Of the experiment.
        config: Of the experiment.
        num_unknown: Out-of-distribution images.
        num_opened: Images that its process verifies before, where it has a process of its own.
    """
    method = find_method(key.model)
    steps, split = steps_of_run(key, split, config), split.of_fold(key.fold)
    num_training, sizes = len(training_subset(split, key.n_per_class, key.seed)), sizes_of(split, num_unknown)
    parts = _training_parts(method, config, steps, num_training, sizes)
    if num_opened:
        parts.insert(0, Part(VERIFYING, num_opened, VERIFYING, VERIFY_SECONDS, "process", PROCESS_SECONDS, SECONDS))
    return [part for part in [*parts, *_answering_parts(method, config, sizes)] if part.units]


def fits_covariance(method: Method, config: RunConfig) -> bool:
    """Whether the last layer of its networks gets a covariance from the training images."""
    return method.bayesian_layers(config) is not None and config.methods["bnn"].head.covariance_scale > 0


def _num_choosing(method: Method, config: RunConfig, sizes: Sizes) -> int:
    """How many images choose the scale of that covariance and a temperature."""
    if not fits_covariance(method, config):
        return 0
    section = config.methods["bnn"]
    return sizes.validation * ((section.covariance_scale_by == BY_VALIDATION) + section.fits_logit_temperature)


def keeps_features(config: RunConfig) -> bool:
    """Whether frozen layers answer each image once for the whole training, if they are pretrained."""
    return config.model.freezes_layers and config.augmentation.is_identity


def _training_parts(method: Method, config: RunConfig, steps: Steps, num_training: int, sizes: Sizes) -> list[Part]:
    network, factor = network_key(method, config), BAYESIAN_FACTOR if method.is_bayesian else 1.0
    epochs, num_networks = config.training.epochs, len(method.member_seeds(config, seed=0))
    has_covariance = method.has_last_layer_posterior or fits_covariance(method, config)
    num_covariance = num_training + _num_choosing(method, config, sizes) if has_covariance else 0
    snapshots = method.snapshots(config)
    num_collecting = 0 if snapshots is None else num_training
    num_read = num_training + sizes.validation + num_covariance + num_collecting + sum(sizes)
    num_kept = num_training + sizes.validation + num_collecting if keeps_features(config) else 0
    pace = BEHIND_FROZEN if num_kept else NETWORK
    validated = num_networks * epochs * sizes.validation
    step_key = f"step of {steps.batch_size} {network}"
    num_snapshots = 0 if snapshots is None else snapshots.num_snapshots
    return [
        Part(READING, num_networks * num_read, READING, READ_SECONDS, f"build {network}", 2.0 * factor),
        Part(FEATURES, num_networks * num_kept, f"features {network}", PASS_SECONDS),
        Part(
            TRAINING,
            steps.per_run,
            step_key,
            step_guess(steps.batch_size) * factor,
            f"first step {network}",
            FIRST_STEP_SECONDS * factor,
            pace,
        ),
        Part(
            VALIDATING,
            validated,
            f"validate {network}",
            PASS_SECONDS * factor,
            f"first validation {network}",
            2.0,
            pace,
        ),
        Part(COVARIANCE, num_networks * num_covariance, f"covariance {network}", 2 * PASS_SECONDS, "covariance", 2.0),
        Part(
            COLLECTING,
            num_networks * num_snapshots * steps.per_epoch,
            step_key,
            step_guess(steps.batch_size),
            "snapshots",
            FIRST_STEP_SECONDS,
            pace,
        ),
    ]


def _answering_parts(method: Method, config: RunConfig, sizes: Sizes) -> list[Part]:
    network, num_networks = network_key(method, config), len(method.member_seeds(config, seed=0))
    prediction = config.prediction
    draws = prediction.draws(prediction.method if method.is_bayesian else MONTE_CARLO)
    passes = draws.num_samples * BAYESIAN_FACTOR if method.is_bayesian else 1.0
    if method.snapshots(config) is not None:
        passes = float(draws.num_samples)
    if config.model.freezes_layers:
        passes = 1.0  # Of the frozen layers, which all draws share.
    key = f"predict {prediction.method} {draws.num_samples}x{draws.num_last_layer_samples} {network}"
    parts = zip((PREDICTING_VALIDATION, PREDICTING_TEST, PREDICTING_UNKNOWN), sizes, strict=True)
    found = [Part(phase, num_networks * count, key, passes * PASS_SECONDS) for phase, count in parts]
    found[0] = found[0]._replace(start_key=f"first {key}", start_guess=3.0 * passes)
    return [*found, Part(WRITING, sizes.test + sizes.unknown, WRITING, WRITE_SECONDS, pace=SECONDS)]


def step_guess(batch_size: int) -> float:
    """Seconds of a training step of the CNN, in relation to the other guesses."""
    return CNN_SECONDS * (batch_size + STEP_IMAGES)


def network_key(method: Method, config: RunConfig) -> str:
    """What the cost of a network depends on."""
    fields = [to_plain(config.model), method.bayesian_layers(config), config.training.validation_method]
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:8]
    return f"{method.name} {config.model.image_size}px {digest}"
