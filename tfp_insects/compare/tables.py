"""A comparison on the terminal."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.compare.criteria import ENSEMBLE, LARGEST_SIZE, PRIMARY, SINGLE_MODELS, Criterion
from tfp_insects.compare.noted_runs import Row, difference_over_seeds
from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.holm import holm_adjusted
from tfp_insects.metrics.metric_table import find_metric, ood_metrics, table_metrics
from tfp_insects.models.method_table import find_twin
from tfp_insects.text import plain

Figures = Mapping[str, Any]


def print_comparison(figures: Figures, criteria: Sequence[Criterion], console: Console) -> None:
    """Prints means, differences and what is reached."""
    console.print(_means(figures["models"]))
    for name, by_size in figures["differences"].items():
        if by_size:
            console.print(_differences(name, by_size, figures["differences_over_sizes"][name]))
    for criterion in criteria:
        console.print(plain(f"[{'x' if criterion.is_reached else ' '}] {criterion.text}"))
        for shortfall in criterion.shortfalls:
            console.print(plain(f"      {shortfall}"))


def print_noted(rows: Sequence[Row], console: Console) -> None:
    """Prints what a table of runs says: the twin's differences over the sizes that decide, with intervals over seeds."""
    twin = find_twin({row["model"] for row in rows})
    if twin is None:
        return
    rivals = [name for name in (*SINGLE_MODELS, ENSEMBLE) if any(row["model"] == name for row in rows)]
    found = {}
    for rival in rivals:
        sizes = sorted(set.intersection(*(_sizes(rows, name) for name in (twin, rival))))
        one = difference_over_seeds(rows, twin, rival, PRIMARY, sizes) if sizes else None
        if one is not None:
            found[rival] = (sizes, *one)
    adjusted = holm_adjusted({name: p_value for name, (_, _, p_value, _) in found.items() if name != ENSEMBLE})
    title = (
        f"{twin} minus rival in {PRIMARY}, noted runs: mean over sizes and seeds, Student's 95 % interval over seeds"
    )
    table = Table(title=plain(title), box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in ("rival", "sizes", "seeds", "difference", "p by Holm"):
        table.add_column(heading, justify="left" if heading == "rival" else "right", no_wrap=True)
    for name, (sizes, interval, _, num_seeds) in found.items():
        p_value = f"{adjusted[name]:.3f}" if name in adjusted else ""
        words = _signed(dataclasses.asdict(interval))
        table.add_row(*map(plain, (name, " ".join(map(str, sizes)), str(num_seeds), words, p_value)))
    console.print(table)


def _sizes(rows: Sequence[Row], model: str) -> set[int]:
    sizes = {int(row["n_per_class"]) for row in rows if row["model"] == model}
    return {size for size in sizes if size <= LARGEST_SIZE}


def _headings(figures: Sequence[Figures]) -> dict[str, str]:
    """Headings of the metrics that are shown first, and of the AUROCs of the first and of the chosen score, if any."""
    names = [metric.name for metric in table_metrics()]
    aurocs = (ood_metrics()[0].name, chosen_score.METRIC.name)
    names += [name for name in aurocs if any(name in one for one in figures)]
    return {name: find_metric(name).heading for name in names}


def _means(models: Figures) -> Table:
    headings = _headings([one for by_size in models.values() for one in by_size.values()])
    table = Table(
        title="Means over seeds; s: training time to the best epoch", box=box.SIMPLE_HEAD, padding=0, pad_edge=False
    )
    for heading in ("model", "n", "seeds", *headings.values(), "s"):
        table.add_column(plain(heading), justify="left" if heading == "model" else "right", no_wrap=True)
    sizes = sorted({size for by_size in models.values() for size in by_size}, key=int)
    for size in sizes:
        for model, by_size in models.items():
            if size in by_size:
                table.add_row(*map(plain, _row(model, size, by_size[size], headings)))
        table.add_section()
    return table


def _row(model: str, size: str, one: Figures, names: Mapping[str, str]) -> list[str]:
    means = [f"{one[name]['estimate']:.3f}" if name in one else "" for name in names]
    seconds = one.get("seconds_to_best_epoch")
    return [model, size, str(one["num_seeds"]), *means, "" if seconds is None else f"{seconds:.0f}"]


def _differences(name: str, by_size: Figures, over_sizes: Figures) -> Table:
    table = Table(
        title=plain(f"{name}: mean over seeds (95 % interval)"), box=box.SIMPLE_HEAD, padding=0, pad_edge=False
    )
    for heading in ("n", "metric", "difference", "McNemar p by seed"):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    rows = {**by_size, "all": over_sizes} if len(by_size) > 1 and over_sizes else by_size
    headings = _headings(list(rows.values()))
    for size, one in rows.items():
        for metric, heading in headings.items():
            if metric in one:
                tests = one.get("mcnemar", []) if metric == "accuracy" else []
                p_values = [f"{test['p_value']:.2f}" for test in tests]
                table.add_row(size, plain(heading), _signed(one[metric]), " ".join(p_values))
        table.add_section()
    return table


def _signed(interval: Figures) -> str:
    return f"{interval['estimate']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"
