"""A comparison on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.compare.criteria import Criterion

Figures = Mapping[str, Any]

METRICS = {"accuracy": "acc.", "nll": "NLL", "brier": "Brier", "ece": "ECE", "aurc": "AURC"}
AUROC = "auroc_predictive_entropy"


def print_comparison(figures: Figures, criteria: Sequence[Criterion], console: Console) -> None:
    """Prints means, differences and what is reached."""
    console.print(_means(figures["models"]))
    for name, by_size in figures["differences"].items():
        if by_size:
            console.print(_differences(name, by_size, figures["differences_over_sizes"][name]))
    if figures["ood_auroc_difference"]:
        difference = _signed(figures["ood_auroc_difference"])
        console.print(f"Out-of-distribution AUROC, {figures['challenger']} - cnn, all sizes: {difference}")
    for criterion in criteria:
        console.print(f"[{'x' if criterion.is_reached else ' '}] {criterion.text}", markup=False)
        for shortfall in criterion.shortfalls:
            console.print(f"      {shortfall}", markup=False)


def _means(models: Figures) -> Table:
    table = Table(
        title="Means over seeds; s: training time to the best epoch", box=box.SIMPLE_HEAD, padding=0, pad_edge=False
    )
    for heading in ("model", "n", "seeds", *METRICS.values(), "AUROC", "s"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    sizes = sorted({size for by_size in models.values() for size in by_size}, key=int)
    for size in sizes:
        for model, by_size in models.items():
            if size in by_size:
                table.add_row(*_row(model, size, by_size[size]))
        table.add_section()
    return table


def _row(model: str, size: str, one: Figures) -> list[str]:
    means = [f"{one[name]['estimate']:.3f}" for name in METRICS]
    auroc = f"{one[AUROC]['estimate']:.3f}" if AUROC in one else ""
    return [model, size, str(one["num_seeds"]), *means, auroc, f"{one['seconds_to_best_epoch']:.0f}"]


def _differences(name: str, by_size: Figures, over_sizes: Figures) -> Table:
    table = Table(title=f"{name}: mean over seeds (95 % interval)", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in ("n", "metric", "difference", "McNemar p by seed"):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    rows = {**by_size, "all": over_sizes} if len(by_size) > 1 and over_sizes else by_size
    for size, one in rows.items():
        for metric, heading in METRICS.items():
            tests = one.get("mcnemar", []) if metric == "accuracy" else []
            p_values = [f"{test['p_value']:.2f}" for test in tests]
            table.add_row(size, heading, _signed(one[metric]), " ".join(p_values))
        table.add_section()
    return table


def _signed(interval: Figures) -> str:
    return f"{interval['estimate']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"
