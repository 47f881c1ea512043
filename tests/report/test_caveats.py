import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfp_insects.report.caveats import caveats


def study(*validation_nlls: float) -> SimpleNamespace:
    runs = [
        SimpleNamespace(
            directory=Path(f"cnn-n5-seed{seed}"),
            record={"validation_nll": nll, "class_names": ["ant", "bee"], "is_tempered": False},
        )
        for seed, nll in enumerate(validation_nlls)
    ]
    return SimpleNamespace(runs=runs, seeds=range(len(runs)), pair=None, class_names=["ant", "bee"], num_folds=0)


@pytest.mark.parametrize(
    ("nlls", "named"),
    [
        ((0.5, math.log(2)), "cnn-n5-seed1"),
        ((354.2, 0.69, 1.0), "cnn-n5-seed0 and cnn-n5-seed2"),
        ((1.0,) * 10, f"{', '.join(f'cnn-n5-seed{seed}' for seed in range(8))} and 2 more"),
    ],
)
def test_runs_that_are_no_better_than_guessing_are_named(nlls: tuple[float, ...], named: str) -> None:
    last = caveats(study(*nlls))[-1]  # type: ignore[arg-type]
    assert last.startswith(
        f"No better than guessing: {named}. The NLL of the validation images, which chose the epoch, is"
    )
    assert "(ln 2 = 0.693 nats)" in last


def test_nothing_is_said_of_runs_that_have_learned() -> None:
    assert not any("guessing" in line for line in caveats(study(0.5, 0.693)))  # type: ignore[arg-type]


def test_temperatures_of_logits_are_told_for_each_model() -> None:
    runs = study(0.5, 0.5, 0.5)
    for run, model, temperature in zip(runs.runs, ("bnn", "bnn", "cnn_temperature"), (0.712, 0.9, 1.2), strict=True):
        run.model = model
        run.record["temperature"] = temperature
    lines = [line for line in caveats(runs) if "logits" in line]  # type: ignore[arg-type]
    assert [line.split(", ")[1].split(":")[0] for line in lines] == ["0.71 to 0.90", "1.20"]
    assert [
        line.startswith(f"The logits of the {label} are")
        for line, label in zip(lines, ("BNN", "CNN + temperature"), strict=True)
    ] == [True, True]
    assert not any("logits" in line for line in caveats(study(0.5)))  # type: ignore[arg-type]
