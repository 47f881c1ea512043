"""From a finished run to a SavedModel for TensorFlow Serving."""

import math
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from tfp_insects.compare.promise import Terms
from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written, write_json
from tfp_insects.models.method_table import find_method, methods
from tfp_insects.plain_path import PlainPath
from tfp_insects.runs.config import MOMENTS, MOMENTS_DRAWS, Draws
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run import Run
from tfp_insects.serving import wording
from tfp_insects.serving.graph import AlarmRule, ServedModel, ServingOptions
from tfp_insects.serving.layout import CLASS_NAMES_NAME, MODEL_CARD_NAME, WARMUP_NAME
from tfp_insects.serving.model_card import make_model_card
from tfp_insects.serving.versions import write_version
from tfp_insects.serving.warmup import write_warmup_requests
from tfp_insects.text import readable
from tfp_insects.training.checkpoints import told_if_tensorflow_did_not_write


class Export(NamedTuple):
    """A version that was written, and its model card."""

    version: Path
    card: dict[str, Any]


def export_run(
    run_directory: Path,
    output: Path,
    num_samples: int | None,
    risk: float,
    false_alarm_rate: float = 0.05,
    set_coverage: float | None = None,
) -> Export:
    """Exports a run as the next version of a model.

    Args:
        run_directory: A finished run.
        output: The model's directory; its name is what servers call it.
        num_samples: Draws of what lies before the dense layers; none for the run's own number. The CNN has one always.
        risk: Share of wrong answers allowed among accepted ones.
        false_alarm_rate: Share of images of known classes that may be called unknown.
        set_coverage: How often `predict`'s sets of classes hold the true one; none for no sets.

    Raises:
        InputError: The run is not finished, a number makes no sense, or `output` cannot be written.
    """
    if num_samples is not None and num_samples < 1:
        raise InputError(
            f"num_samples={num_samples}: expected a number of at least 1, for example 2", field="num_samples"
        )
    terms = Terms(risk, false_alarm_rate)
    run = open_exportable(run_directory)
    card = make_model_card(run, _draws(run, num_samples), terms, set_coverage)

    def write(partial: Path) -> None:
        with told_if_tensorflow_did_not_write(output), told_if_not_written(output):
            plain = PlainPath(partial)
            save_model(run, card, plain.path)
            write_json(partial / MODEL_CARD_NAME, card)
            write_warmup_requests(plain.path / WARMUP_NAME, readable(output.resolve().name))

    return Export(write_version(output, write), card)


def _draws(run: Run, num_samples: int | None) -> Draws:
    """How often an export draws: as the run, where that predicts by moments too."""
    if run.num_draws == 1:
        return Draws(1, 1)
    own = Draws(run.num_samples, run.num_last_layer_samples) if run.prediction_method == MOMENTS else MOMENTS_DRAWS
    return own if num_samples is None else Draws(num_samples, own.num_last_layer_samples)


def open_exportable(run_directory: Path) -> Run:
    """Opens a finished run whose method can be exported.

    Raises:
        InputError: There is none, or its method cannot.
    """
    run = open_run(run_directory)
    if not find_method(run.model).is_exportable:
        expected = ", ".join(method.name for method in methods() if method.is_exportable)
        raise InputError(f"{run_directory}: a run of {run.model}; expected one of {expected}")
    return run


def save_model(run: Run, card: dict[str, Any], directory: Path) -> None:
    """Writes the SavedModel alone into a directory."""
    threshold, alarm = card["accepted"]["threshold"], card["alarm"]
    options = ServingOptions(
        run.preprocessing,
        run.class_names,
        card["num_samples"],
        card["num_last_layer_samples"],
        math.inf if threshold is None else threshold,
        None if alarm is None else AlarmRule(alarm["score"], alarm["threshold"]),
    )
    model = run.build_model()
    with tempfile.TemporaryDirectory() as scratch:
        class_names_file = Path(scratch) / CLASS_NAMES_NAME
        class_names_file.write_text("".join(f"{name}\n" for name in run.class_names), encoding="utf-8")
        served = ServedModel(model, options, class_names_file)
        signatures = {
            "serving_default": served.predict_bytes,
            "predict_images": served.predict_images,
            "predict_seeded": served.predict_seeded,
            "predict_bytes_seeded": served.predict_bytes_seeded,
        }
        tf.saved_model.save(served, str(directory), signatures)


def describe(export: Export) -> str:
    """Says in a few lines what was exported."""
    card = export.card
    accuracy = card["metrics"]["accuracy"]
    return "\n".join(
        [
            f"Exported {export.version}: {card['model']} with {len(card['class_names'])} classes, "
            f"{'one pass' if card['num_samples'] == 1 else str(card['num_samples']) + ' passes'} an answer.",
            f"Test accuracy {accuracy['estimate']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f}) on "
            f"{card['num_test_examples']} images.",
            wording.promise_of_accepted(card),
            wording.promise_of_alarm(card),
            *([wording.promise_of_sets(card)] if card["prediction_sets"] else []),
        ]
    )
