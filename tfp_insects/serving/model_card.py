"""What goes with an exported model so that its users know what it is, how good it is, and when to doubt it."""

import dataclasses
import datetime
import importlib.metadata
import uuid
from typing import Any

from tfp_insects.compare.folds import APPROXIMATE_PROMISES, folds_sentence
from tfp_insects.compare.prediction_sets import make_set_rule
from tfp_insects.compare.promise import Terms, promise_of
from tfp_insects.metrics.counts import confusion_matrix
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.metrics.scores import mean_probabilities
from tfp_insects.metrics.summary import metric_intervals
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.config import MOMENTS, Draws
from tfp_insects.runs.run import Run
from tfp_insects.serving.answers import ONE_PASS
from tfp_insects.serving.graph import SERVED_SCORES
from tfp_insects.serving.promise_fields import accepted_fields, alarm_fields

VERSIONED = ("tensorflow", "tf-keras", "tensorflow-probability", "tensorflow-serving-api", "numpy", "tfp_insects")
INTERVAL_SEED = 0
NO_ALARM = "Every image gets one of the classes, also an image of something else."
ALARM = (
    "An image of something else is called unknown as often as the field alarm says of other such things; else it gets one "
    "of the classes."
)
LIMITS = (
    "Metrics, promises and corrected counts hold for images like the test images; a new place, season or camera can break "
    "them without notice.",
    "What is promised of accepted and of unknown answers holds for images of the known classes, each caught independently: "
    "of images that were captured together and look alike, so many say less, and the bound is too low.",
    "It holds for a risk that was chosen beforehand, and for one model: of several, the one that promises most promises too "
    "much.",
    "Metrics and promises were measured in the precision of the run (see training.precision); the export computes in "
    "float32, with fresh noise.",
)
OTHER_DRAWS = (
    "Metrics and promises were measured with {run} draws of what lies before the dense layers by {method}; the export "
    "answers with {export} by moments."
)
LICENCES = {
    "code": "MIT",
    "drawn": "The training images are drawn by tfp_insects and are free to use under its licence, MIT.",
    "photographs": "The terms of the training images bind this model where they reach that far; they are those of "
    "their source and are not known to the program.",
    "insect_detect": "Trained on Insect Detect classification v2, DOI 10.5281/zenodo.8325384; its terms are on that page.",
}


def make_model_card(run: Run, draws: Draws, terms: Terms, set_coverage: float | None = None) -> dict[str, Any]:
    """Collects all in plain values.

    Args:
        run: The run that is exported.
        draws: Of the exported model.
        terms: What is promised of accepted and of unknown answers.
        set_coverage: How often sets of classes hold the true one; none for no sets.
    """
    test = run.test
    promise = promise_of(run, terms, [score for score in ood_scores() if score.name in SERVED_SCORES])
    alarm = promise.alarm
    intervals = metric_intervals(test.probabilities, test.labels, seed=INTERVAL_SEED, factor=run.variance_factor)
    predicted = mean_probabilities(test.probabilities).argmax(axis=-1)
    return {
        "export_id": uuid.uuid4().hex,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": run.config["model"],
        "prediction_method": MOMENTS if run.num_draws > 1 else ONE_PASS,
        "num_samples": draws.num_samples,
        "num_last_layer_samples": draws.num_last_layer_samples,
        "class_names": list(run.class_names),
        "preprocessing": run.config["preprocessing"],
        "training": _training(run),
        "metrics": {name: dataclasses.asdict(value) for name, value in intervals.items()},
        "num_test_examples": len(test.labels),
        "num_folds": run.num_folds,
        "accepted": accepted_fields(promise.acceptance),
        "alarm": None if alarm is None else alarm_fields(alarm, test, run.record["ood_data"]),
        "alarm_obstacle": promise.alarm_obstacle,
        "prediction_sets": None if set_coverage is None else dataclasses.asdict(make_set_rule(test, set_coverage)),
        "test_confusion": confusion_matrix(test.labels, predicted, len(run.class_names)).tolist(),
        "limits": [NO_ALARM if alarm is None else ALARM, *LIMITS, *_other_draws(run, draws), *_folds(run)],
        "licences": _licences(run),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }


def _training(run: Run) -> dict[str, Any]:
    identity, config, method = run.config, run.settings, find_method(run.model)
    names = ("data", "data_fingerprint", "drawn", "n_per_class", "num_train_examples", "seed", "weights")
    return {
        "run": run.directory.resolve().name,
        **{name: identity[name] for name in names},
        "weights_fingerprint": identity["weights_fingerprint"],
        "bayesian_layers": method.bayesian_layers(config) or ("head" if method.has_last_layer_posterior else "none"),
        "width_multiplier": config.model.width_multiplier,
        "precision": config.model.precision,
        "best_epoch": run.record["best_epoch"],
        "is_tempered": run.record["is_tempered"],
    }


def _folds(run: Run) -> list[str]:
    """Says of which networks of a cross-validation the metrics are."""
    return [folds_sentence(run.num_folds), APPROXIMATE_PROMISES] if run.num_folds else []


def _other_draws(run: Run, draws: Draws) -> list[str]:
    """Says that the export does not answer just as the run did, whose answers were measured."""
    if (run.num_samples, run.prediction_method) == (draws.num_samples, MOMENTS) or run.num_draws == 1:
        return []
    method = run.prediction_method.replace("_", " ")
    return [OTHER_DRAWS.format(run=run.num_samples, method=method, export=draws.num_samples)]


def _licences(run: Run) -> list[str]:
    data, is_drawn = run.config["data"], run.config["drawn"]
    images = "insect_detect" if data == "insect_detect" else "drawn" if is_drawn else "photographs"
    architecture = architecture_of(run.settings)
    is_published = run.config["weights"] == architecture.published_name
    weights = [architecture.weights_licence] if is_published and architecture.weights_licence else []
    return [f"Code: {LICENCES['code']}.", LICENCES[images], *weights]
