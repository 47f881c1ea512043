"""An exported model, used from Python without the code that trained it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_insects.compare.prediction_sets import sets_of
from tfp_insects.data.image_headers import DAMAGED, in_groups, objection
from tfp_insects.errors import InputError
from tfp_insects.files import read_json
from tfp_insects.plain_path import PlainPath
from tfp_insects.runs.fields import LIST, MAPPING, NAMES, TEXT, Field, require_fields
from tfp_insects.serving.answers import Answer, has_draws
from tfp_insects.serving.layout import MODEL_CARD_NAME, SAVED_MODEL_NAME
from tfp_insects.serving.versions import versions_in

SEEDED = "predict_bytes_seeded"  # The signature.
# What is asked of a model's card.
CARD: Mapping[str, Field] = {"export_id": TEXT, "class_names": NAMES, "test_confusion": LIST, "accepted": MAPPING}


class LoadedModel:
    """The newest version of a model.

    Args:
        path: A model's directory, or that of one version.
        seed: Determines the noise of all answers; none for fresh noise in each batch.

    Raises:
        InputError: There is no exported model, it is damaged, or it is too old for a seed.
    """

    def __init__(self, path: Path, seed: int | None = None) -> None:
        self.version = newest_version(path)
        self.card = read_card(self.version)
        self._seed = seed
        plain = PlainPath(self.version)  # Held until all is read.
        try:
            # The signature does not keep the variables alive.
            self._loaded = tf.saved_model.load(str(plain))
            signatures = self._loaded.signatures
            self._signature = signatures["serving_default"]
        except Exception as error:  # TensorFlow raises errors of many kinds for a damaged model.
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"model={path}: the exported model in {self.version} cannot be loaded ({reason}). Export the run anew",
                field="model",
            ) from error
        if seed is not None:
            if SEEDED not in signatures:
                raise InputError(
                    f"seed={seed}: the exported model in {self.version} is of a version that takes no seed with files of "
                    "images. Export the run anew, or give no seed",
                    field="seed",
                )
            self._signature = signatures[SEEDED]

    def answer(self, contents: Sequence[bytes]) -> list[Answer]:
        """Answers encoded images; a bad one costs nothing but its own answer."""
        answers = {i: Answer(error=objection(content) or "") for i, content in enumerate(contents)}
        promising = [(i, content) for i, content in enumerate(contents) if not answers[i].error]
        for group in in_groups(promising, max_images=len(contents)):
            numbers, images = zip(*group, strict=True)
            answers |= zip(numbers, self._answer_group(images), strict=True)
        return [answers[i] for i in range(len(contents))]

    def _answer_group(self, contents: Sequence[bytes]) -> list[Answer]:
        try:
            outputs = self._signature(image_bytes=tf.constant(contents, tf.string), **self._seeds(len(contents)))
        except tf.errors.OpError as error:
            if len(contents) == 1:
                return [Answer(error=_reason(error))]
            middle = len(contents) // 2
            return self._answer_group(contents[:middle]) + self._answer_group(contents[middle:])
        return _answers({name: value.numpy() for name, value in outputs.items()}, self.card)

    def _seeds(self, num_images: int) -> dict[str, tf.Tensor]:
        return {} if self._seed is None else {"seed": tf.fill([num_images], tf.constant(self._seed, tf.int64))}


def read_card(version: Path) -> dict[str, Any]:
    """The card of a version.

    Raises:
        InputError: It is damaged.
    """
    card = read_json(version / MODEL_CARD_NAME)
    require_fields(version / MODEL_CARD_NAME, card, CARD, advice="export the run anew")
    return card


def newest_version(path: Path) -> Path:
    """The directory of a model's highest version, or the one given if it is a version itself.

    Raises:
        InputError: There is no exported model.
    """
    versions = versions_in(path)
    directory = path / str(versions[-1]) if versions and not (path / SAVED_MODEL_NAME).is_file() else path
    for name in (SAVED_MODEL_NAME, MODEL_CARD_NAME):
        if not (directory / name).is_file():
            raise InputError(
                f"model={path}: there is no exported model (no {name} in {directory}); make one with the command export",
                field="model",
            )
    return directory


def _answers(outputs: Mapping[str, Any], card: Mapping[str, Any]) -> list[Answer]:
    accepted = outputs["accepted"].tolist()
    nothing = [None] * len(accepted)
    columns = (
        [name.decode() for name in outputs["predicted_class"]],
        outputs["probabilities"].max(axis=-1).tolist(),
        outputs["predictive_entropy"].tolist(),
        outputs["aleatoric"].tolist(),
        outputs["epistemic"].tolist() if has_draws(card) else nothing,
        accepted,
        outputs["unknown"].tolist() if card.get("alarm") else nothing,
    )
    answers = [Answer(*fields) for fields in zip(*columns, strict=True)]
    sets = _prediction_sets(outputs["probabilities"], card)
    return [dataclasses.replace(one, prediction_set=found) for one, found in zip(answers, sets, strict=True)]


def _prediction_sets(probabilities: np.ndarray, card: Mapping[str, Any]) -> list[tuple[str, ...] | None]:
    """The set of each image, most probable class first; none where the model was exported without."""
    rule = card.get("prediction_sets")
    if rule is None:
        return [None] * len(probabilities)
    sets, names = sets_of(probabilities, rule["threshold"]), card["class_names"]
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    return [tuple(names[label] for label in row if own[label]) for row, own in zip(order, sets, strict=True)]


def _reason(error: tf.errors.OpError) -> str:
    """What was wrong with an image, in one line without the names of operations."""
    text = error.message.rpartition("<stack traces unavailable>")[2].partition("[[")[0]
    words = " ".join(text.replace("assertion failed:", "").split()).strip(" []")
    return words if words and "Invalid JPEG" not in words and "Invalid PNG" not in words else DAMAGED
