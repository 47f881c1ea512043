"""All figures of a comparison in plain values, as the benchmark writes them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfp_insects.compare.comparison import Comparison, Figure
from tfp_insects.compare.criteria import LARGEST_SIZE
from tfp_insects.compare.pair import Difference, Pair
from tfp_insects.models.method_table import find_twin
from tfp_insects.runs.run_set import REFERENCE


def plain_figures(comparison: Comparison) -> dict[str, Any]:
    """Compares the twin with each other model.

    Returns:
        `challenger`: the twin, or the first of its variants where it was not run itself, or none. `models`: by model and
        size, metrics with their intervals, numbers of seeds, and seconds. `differences`: `challenger - x` for each other
        model x, by size: metrics, and McNemar's test of each seed. `differences_over_sizes`: the same metrics averaged over
        sizes, from the seeds that were run at all of them, if any; `differences_over_primary_sizes`: those up to
        `criteria.LARGEST_SIZE`, with their p-values. `time_ratios`: how many times as long as the CNN the
        challenger takes, by size and by the name of the time. Sizes are words, as JSON has it.
    """
    twin = find_twin(comparison.models)
    pairs = [Pair(comparison, twin, model) for model in comparison.models if model != twin] if twin else []
    return {
        "challenger": twin,
        "models": {model: _by_size(comparison, model) for model in comparison.models},
        "differences": {_name(pair): {str(size): _at(pair, size) for size in pair.sizes} for pair in pairs},
        "differences_over_sizes": {_name(pair): _over_sizes(pair) for pair in pairs},
        "differences_over_primary_sizes": {_name(pair): _over_primary_sizes(pair) for pair in pairs},
        "time_ratios": next((_ratios(pair) for pair in pairs if pair.reference == REFERENCE), {}),
    }


def _name(pair: Pair) -> str:
    return f"{pair.model} - {pair.reference}"


def _by_size(comparison: Comparison, model: str) -> dict[str, Any]:
    return {str(size): _figures(comparison, model, size) for size in comparison.sizes_of(model)}


def _figures(comparison: Comparison, model: str, size: int) -> dict[str, Any]:
    answers = comparison.answers(model, size)
    known = [name for name in answers[0].times if all(name in one.times for one in answers)]
    return {
        "num_seeds": len(answers),
        **_plain(comparison.figures(model, size)),
        **{name: float(np.mean([one.times[name] for one in answers])) for name in known},
    }


def _at(pair: Pair, size: int) -> dict[str, Any]:
    return {
        "num_seeds": len(pair.seeds(size)),
        **_plain(pair.differences(size)),
        "mcnemar": [dataclasses.asdict(result) for _, result in pair.mcnemar(size)],
    }


def _over_sizes(pair: Pair) -> dict[str, Any]:
    found = pair.differences_over_sizes()
    return {"num_seeds": max(one.num_seeds for one in found.values()), **_plain(found)} if found else {}


def _over_primary_sizes(pair: Pair) -> dict[str, Any]:
    found = pair.differences_over_sizes(LARGEST_SIZE)
    return {name: {**dataclasses.asdict(one.interval), "p_value": one.p_value} for name, one in found.items()}


def _ratios(pair: Pair) -> dict[str, Any]:
    return {str(size): {name: one.ratio for name, one in pair.time_ratios(size).items()} for size in pair.sizes}


def _plain(figures: Mapping[str, Figure] | Mapping[str, Difference]) -> dict[str, Any]:
    return {name: dataclasses.asdict(one.interval) for name, one in figures.items()}
