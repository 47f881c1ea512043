"""What a cell predicts: its networks trained one after the other, and their answers put together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.data.pipeline import Examples
from tfp_insects.files import write_arrays
from tfp_insects.metrics.temperature import fit_to_predictions, scale_predictions
from tfp_insects.study.graphs import graphs_forgotten
from tfp_insects.study.member import VALIDATION_SEED, Member, Task
from tfp_insects.study.parameters import count_parameters
from tfp_insects.training.fit import OnStep

TEST_SEED = 2
OOD_SEED = 3
VALIDATION_NAME = "validation_predictions.npz"
TEST_NAME = "predictions.npz"
OOD_NAME = "ood_predictions.npz"


class Part(NamedTuple):
    """Images to predict, and the seed of the draws for them."""

    examples: Examples
    seed: int


class Predictions(NamedTuple):
    """What a trained cell predicts.

    Attributes:
        probabilities: float32 `[num_draws, num_examples, num_classes]` by the name of the part.
        temperature: By which logits were divided; none where none was fitted.
        num_parameters: Numbers that its networks predict with, see `count_parameters`.
    """

    probabilities: Mapping[str, np.ndarray]
    temperature: float | None
    num_parameters: int


def parts_of(task: Task) -> dict[str, Part]:
    """Validation, test and out-of-distribution images by the name of the file that their predictions go into."""
    experiment, ood = task.experiment, task.experiment.ood_examples()
    parts = {
        VALIDATION_NAME: Part(experiment.examples(experiment.split.validation), VALIDATION_SEED),
        TEST_NAME: Part(experiment.examples(experiment.split.test), TEST_SEED),
    }
    return parts if ood is None else {**parts, OOD_NAME: Part(ood, OOD_SEED)}


def train_and_predict(task: Task, members: Sequence[Member], parts: Mapping[str, Part], on_step: OnStep) -> Predictions:
    """Trains what is left of each network and predicts; the networks need not fit into memory together.

    Args:
        task: What the networks share.
        members: The networks; their draws come one network after the other.
        parts: What to predict, the validation images among it.
        on_step: Called after each training step.
    """
    draws: dict[str, list[np.ndarray]] = {name: [] for name in parts}
    num_parameters = 0
    for member in members:
        with graphs_forgotten():
            answers, member_parameters = _answers_of(member, parts, task, on_step)
        num_parameters += member_parameters
        for name, probabilities in answers.items():
            draws[name].append(probabilities)
    joint = {name: np.concatenate(arrays) for name, arrays in draws.items()}
    if not task.method.fits_temperature:
        return Predictions(joint, None, num_parameters)
    temperature = fit_to_predictions(joint[VALIDATION_NAME], parts[VALIDATION_NAME].examples.labels)
    scaled = {name: scale_predictions(array, temperature).astype(np.float32) for name, array in joint.items()}
    return Predictions(scaled, temperature, num_parameters)


def write_predictions(directory: Path, task: Task, parts: Mapping[str, Part], predictions: Predictions) -> None:
    """Writes a file of arrays for each part."""
    for name, part in parts.items():
        examples = part.examples
        write_arrays(
            directory / name,
            probabilities=predictions.probabilities[name],
            labels=examples.labels,
            class_names=np.array(task.experiment.class_names),
            example_ids=np.array([examples.source.example_ids[i] for i in examples.indices]),
        )


def _answers_of(
    member: Member, parts: Mapping[str, Part], task: Task, on_step: OnStep
) -> tuple[dict[str, np.ndarray], int]:
    """One network's draws for each part, and the number of its parameters; the network itself can go."""
    model = member.trained(on_step)
    predictor = MonteCarloPredictor(model)
    section = task.experiment.config["prediction"]
    numbers = section["num_samples"], section["num_last_layer_samples"]
    answers = {
        name: predictor.predict(member.inputs.evaluation(part.examples), numbers[0], part.seed, numbers[1])
        for name, part in parts.items()
    }
    return answers, count_parameters(model)
