"""What a run predicts: its networks trained one after the other, and their predictions put together."""

import functools
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfp_insects.bayes.moments_predictor import Answers
from tfp_insects.data.pipeline import Examples
from tfp_insects.metrics.temperature import fit_to_predictions, scale_predictions
from tfp_insects.progress.work import OnWork
from tfp_insects.runs.layout import OOD_NAME, TEST_NAME, VALIDATION_NAME
from tfp_insects.runs.predictions import Predictions, write_predictions
from tfp_insects.study.graphs import graphs_forgotten
from tfp_insects.study.layer_counts import count_layers
from tfp_insects.study.member import VALIDATION_SEED, Member
from tfp_insects.study.parameters import count_parameters
from tfp_insects.study.predicting import Chosen, choose_predictor
from tfp_insects.study.task import Task
from tfp_insects.study.work import PREDICTING_TEST, PREDICTING_UNKNOWN, PREDICTING_VALIDATION

TEST_SEED = 2
OOD_SEED = 3


class Part(NamedTuple):
    """Images to predict, the seed of the draws for them, and what the user reads meanwhile."""

    examples: Examples
    seed: int
    phase: str


class Predicted(NamedTuple):
    """What a trained run predicts.

    Attributes:
        probabilities: float32 `[num_draws, num_examples, num_classes]` by the name of the part.
        seconds: Time that each part took, by its name: reading and decoding the images, and all draws of all networks.
        temperature: By which logits were divided; none where none was fitted.
        num_parameters: Numbers that its networks predict with, see `count_parameters`.
        method: What predicted, see `PredictionConfig`.
        num_last_layer_samples: See `Draws`.
        layers: See `count_layers`; of one network.
        leverage: float32 `[num_examples]` by the name of the part, see `Draws`; of a run of one network that has one.
    """

    probabilities: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    temperature: float | None
    num_parameters: int
    method: str
    num_last_layer_samples: int
    layers: Mapping[str, Any]
    leverage: Mapping[str, np.ndarray] = types.MappingProxyType({})


def parts_of(task: Task) -> dict[str, Part]:
    """Validation, test and out-of-distribution images by the name of the file that their predictions go into."""
    experiment, ood = task.experiment, task.experiment.ood_examples()
    parts = {
        VALIDATION_NAME: Part(experiment.examples(experiment.split.validation), VALIDATION_SEED, PREDICTING_VALIDATION),
        TEST_NAME: Part(experiment.examples(experiment.split.test), TEST_SEED, PREDICTING_TEST),
    }
    return parts if ood is None else {**parts, OOD_NAME: Part(ood, OOD_SEED, PREDICTING_UNKNOWN)}


def train_and_predict(task: Task, members: Sequence[Member], parts: Mapping[str, Part], on_work: OnWork) -> Predicted:
    """Trains what is left of each network and predicts; the networks need not fit into memory together.

    Args:
        task: What the networks share.
        members: The networks; their draws come one network after the other.
        parts: What to predict, the validation images first among it: they bear the time of what is compiled once.
        on_work: Told of images that are answered.
    """
    draws: dict[str, list[np.ndarray]] = {name: [] for name in parts}
    leverage: dict[str, np.ndarray] = {}
    seconds = dict.fromkeys(parts, 0.0)
    num_parameters = 0
    for member in members:
        with graphs_forgotten():
            answers, member_parameters, chosen, layers = _answers_of(member, parts, task, on_work)
            method, num_last = chosen.method, chosen.draws.num_last_layer_samples
            del chosen  # It holds the network.
        num_parameters += member_parameters
        for name, (answer, own_seconds) in answers.items():
            draws[name].append(answer.probabilities)
            seconds[name] += own_seconds
            if answer.leverage is not None and len(members) == 1:
                leverage[name] = answer.leverage
    joint = {name: np.concatenate(arrays) for name, arrays in draws.items()}
    if not task.method.fits_temperature:
        return Predicted(joint, seconds, None, num_parameters, method, num_last, layers, leverage)
    temperature = fit_to_predictions(joint[VALIDATION_NAME], parts[VALIDATION_NAME].examples.labels)
    scaled = {name: scale_predictions(array, temperature).astype(np.float32) for name, array in joint.items()}
    return Predicted(scaled, seconds, temperature, num_parameters, method, num_last, layers, leverage)


def write_parts(directory: Path, parts: Mapping[str, Part], predicted: Predicted, class_names: Sequence[str]) -> None:
    """Writes a file of predictions for each part."""
    for name, part in parts.items():
        examples = part.examples
        ids = tuple(examples.source.example_ids[i] for i in examples.indices)
        found = Predictions(predicted.probabilities[name], examples.labels, ids, predicted.leverage.get(name))
        write_predictions(directory / name, found, class_names)


def _answers_of(
    member: Member, parts: Mapping[str, Part], task: Task, on_work: OnWork
) -> tuple[dict[str, tuple[Answers, float]], int, Chosen, dict[str, Any]]:
    """One network's answers for each part with their time, the number of its parameters, what predicted, and its layers."""
    model = member.trained()
    posterior = member.weight_posterior(model)
    chosen = choose_predictor(member.inputs.answered(model), task.experiment.config.prediction, posterior)
    num_parameters = count_parameters(model)
    if posterior is not None:  # Its mean stands in the trained weights' stead.
        num_parameters += posterior.num_numbers - posterior.mean.size
    answers = {}
    for name, part in parts.items():
        started = time.perf_counter()
        images = member.inputs.asked(model, part.examples)
        answer = chosen.answer(images, part.seed, functools.partial(on_work, part.phase))
        answers[name] = answer, time.perf_counter() - started
    return answers, num_parameters, chosen, count_layers(model)
