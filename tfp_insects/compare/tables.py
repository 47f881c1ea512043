"""A comparison on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.compare.criteria import Criterion
from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.metric_table import find_metric, ood_metrics, table_metrics
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
