"""How far answers by moments are from Monte Carlo draws of the same trained networks."""

import functools
import gc
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tf_keras
from rich.console import Console

from measuring.tables import print_table
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.data.pipeline import Examples
from tfp_insects.errors import InputError
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.out_of_distribution import auroc
from tfp_insects.metrics.summary import summarize
from tfp_insects.models.method_table import find_method
from tfp_insects.runs.config import MOMENTS_DRAWS
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey, make_run_keys
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.member import Member
from tfp_insects.study.task import Task

LAST_LAYER_SAMPLES = {"reference": 4, "again": 4, "pair": MOMENTS_DRAWS.num_last_layer_samples, "mean": 512}
HEADINGS = {
    "nll": "NLL",
    "brier": "Brier",
    "aurc": "AURC",
    "auroc_entropy": "AUROC H",
    "auroc_mutual_information": "AUROC I",
    "correlation": "corr. I",
}


class Setting(NamedTuple):
    """What is compared.

    Attributes:
        experiment: The images and the configuration that the runs were made with.
        model: Name of a method.
        sizes: Training images of each class, of the runs.
        seeds: Of the runs.
        workdir: Where the runs are.
        num_repeats: How often the pair by moments is drawn.
        num_reference: Draws of the reference.
        draws_again: Whether the reference is drawn a second time.
    """

    experiment: Experiment
    model: str
    sizes: Sequence[int]
    seeds: Sequence[int]
    workdir: Path
    num_repeats: int
    num_reference: int
    draws_again: bool = True


class Answer(NamedTuple):
    """Draws of class probabilities `[num_draws, num_examples, num_classes]` for labelled images and for unknown ones."""

    known: np.ndarray
    unknown: np.ndarray | None


def compare_predictors(setting: Setting, console: Console) -> list[dict[str, Any]]:
    """Predicts the validation images of each run with each predictor, and prints the differences from the reference.

    Returns:
        Figures of each run, predictor and repeat, one object each.

    Raises:
        InputError: A run is not finished, or was made with other images.
    """
    records: list[dict[str, Any]] = []
    for key in make_run_keys([setting.model], list(setting.sizes), list(setting.seeds)):
        own = _records_of(key, setting)
        _print(key.name, own, console)
        records += own
        gc.collect()  # A network holds more than half a gigabyte.
    for size in setting.sizes:
        _print(f"{size} images a class", [one for one in records if one["n_per_class"] == size], console)
    return records


def figures_of(answer: Answer, labels: np.ndarray, reference: Answer) -> dict[str, float]:
    """Metrics of an answer, and the correlation of its images' mutual information with the reference's."""
    draws, ones = Draws(answer.known), summarize(answer.known, labels)
    found = {name: ones[name] for name in ("nll", "brier", "aurc")}
    pairs = np.corrcoef(draws.mutual_information, Draws(reference.known).mutual_information)
    found["correlation"] = float(pairs[0, 1])
    if answer.unknown is None:
        return found
    out = Draws(answer.unknown)
    return found | {
        "auroc_entropy": auroc(draws.predictive_entropy, out.predictive_entropy),
        "auroc_mutual_information": auroc(draws.mutual_information, out.mutual_information),
    }


def _records_of(key: RunKey, setting: Setting) -> list[dict[str, Any]]:
    experiment = setting.experiment
    member = _finished_member(key, experiment, setting.workdir)
    model = member.trained()
    known, unknown = experiment.examples(experiment.split.validation), experiment.ood_examples()
    reference, records = None, []
    for predictor, repeat, answer in _answers(model, member, known, unknown, setting):
        reference = reference or answer
        figures = figures_of(answer, known.labels, reference)
        own = {"n_per_class": key.n_per_class, "seed": key.seed, "predictor": predictor, "repeat": repeat}
        records.append(own | figures)
    return records


def _answers(
    model: tf_keras.Model, member: Member, known: Examples, unknown: Examples | None, setting: Setting
) -> Iterator[tuple[str, int, Answer]]:
    """The reference first, then the reference with other draws, which shows its own noise, and moments."""
    draws, moments = MonteCarloPredictor(model).predict, MomentsPredictor(model).predict
    plan = [
        ("reference", draws, setting.num_reference, 1),
        ("again", draws, setting.num_reference, int(setting.draws_again)),
        ("pair", moments, 2, setting.num_repeats),
        ("mean", moments, 1, 1),
    ]
    for place, (name, predict, num_samples, num_repeats) in enumerate(plan):
        for repeat in range(num_repeats):
            own = functools.partial(
                predict,
                num_samples=num_samples,
                seed=100 * place + repeat,
                num_last_layer_samples=LAST_LAYER_SAMPLES[name],
            )
            first = own(member.inputs.evaluation(known))
            yield name, repeat, Answer(first, None if unknown is None else own(member.inputs.evaluation(unknown)))


def _finished_member(key: RunKey, experiment: Experiment, workdir: Path) -> Member:
    training = experiment.training_examples(key.n_per_class, key.seed)
    task = Task(find_method(key.model), experiment, training, experiment.preprocessing(training))
    directory = key.directory(workdir)
    member = Member(task, key.seed, directory)
    if not member.weights_path.exists():
        raise InputError(f"{directory}: no weights of a finished run are there ({member.weights_path})")
    if Run(directory).config["split_fingerprint"] != experiment.identity()["split_fingerprint"]:
        raise InputError(
            f"{directory}: was made with other images or another split; give the settings that it was made with"
        )
    return member


def _print(title: str, records: Sequence[dict[str, Any]], console: Console) -> None:
    """The reference's figures, and how much more the others' are: in the mean, and where it is the most."""
    names = [name for name in HEADINGS if name in records[0]]
    base = {one["seed"]: one for one in records if one["predictor"] == "reference"}
    rows = [["reference", *(f"{statistics.mean(one[name] for one in base.values()):.4f}" for name in names)]]
    for predictor in list(LAST_LAYER_SAMPLES)[1:]:
        if not (mine := [one for one in records if one["predictor"] == predictor]):
            continue
        more = {name: [one[name] - base[one["seed"]][name] for one in mine] for name in names}
        rows.append([f"{predictor}, mean", *(f"{statistics.mean(more[name]):+.4f}" for name in names)])
        rows.append([f"{predictor}, most", *(f"{max(more[name], key=abs):+.4f}" for name in names)])
    print_table(title, ["", *(HEADINGS[name] for name in names)], rows, console)
