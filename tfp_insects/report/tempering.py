"""In which way a posterior is not the ELBO's own, in words."""

from collections.abc import Sequence

from tfp_insects.models.architecture import SCOPES
from tfp_insects.models.bnn import Bayesian, make_bayesian
from tfp_insects.models.method_table import find_method, label_of
from tfp_insects.report.provenance import GROUP_WORDS
from tfp_insects.report.wording import enumerate_words
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet
from tfp_insects.training.schedules import annealed_kl_weight


def tempered_sentences(study: RunSet) -> list[str]:
    """What was done to the posteriors of tempered runs: each way once, with the models that it was done to."""
    ways: dict[str, dict[str, None]] = {}
    for run in study.runs:
        for way in _ways(run) if run.record["is_tempered"] else ():
            ways.setdefault(way, {})[label_of(run.model)] = None
    return [f"The posterior of the {enumerate_words(list(models))} is tempered: {way}." for way, models in ways.items()]


def divided_sentences(study: RunSet) -> list[str]:
    """By what logits were divided, a sentence for each model of which they were."""
    found: dict[str, list[float]] = {}
    for run in study.runs:
        if "temperature" in run.record:
            found.setdefault(label_of(run.model), []).append(run.record["temperature"])
    return [
        f"The logits of the {model} are divided by a temperature that the validation images chose, "
        f"{_span(temperatures)}: below 1 it makes answers surer."
        for model, temperatures in found.items()
    ]


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def bayesian_of(run: Run) -> Bayesian | None:
    """Which layers of a run are Bayesian, and how; none where none is."""
    method = find_method(run.model)
    layers = method.bayesian_layers(run.settings)
    return None if layers is None else make_bayesian(method.section(run.settings), layers, run.is_pretrained)


def _ways(run: Run) -> list[str]:
    bayesian, section = bayesian_of(run), find_method(run.model).section(run.settings)
    if bayesian is None:
        return []
    by_temperature: dict[float, list[str]] = {}
    for group in SCOPES[bayesian.layers]:
        temperature = bayesian.of_group(group).temperature
        if temperature != 1.0:
            by_temperature.setdefault(temperature, []).append(GROUP_WORDS[group])
    found = [
        f"in predictions the weights of {enumerate_words(words)} have {temperature:g} times the variance that they had in "
        "training"
        for temperature, words in by_temperature.items()
    ]
    weight = annealed_kl_weight(section.kl_weight, run.record["best_epoch"] - 1, section.kl_annealing_epochs)
    if weight != 1.0:
        found.append(f"its divergence had the weight {weight:g} instead of 1 in the epoch whose weights are used")
    return found
