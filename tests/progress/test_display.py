"""What is shown of a command that is at work, on a terminal and elsewhere."""

import io
import re

from rich.console import Console

from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import SECONDS_BETWEEN_LINES, Display
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import Part

PARTS = [Part("training", 100, "train", 1.0), Part("predicting", 50, "predict", 1.0)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_elsewhere_there_is_a_line_a_minute_at_most_without_control_characters() -> None:
    clock, stream = Clock(), io.StringIO()
    display = Display(Meter(Costs({"train": 1.0, "predict": 2.0}), clock=clock), Console(file=stream), "all runs")
    display.meter.plan("cnn-n5-seed0", PARTS)
    with display.opened(), display.working("cnn-n5-seed0") as on_work:
        for phase, units, seconds in (("training", 100, 1.0), ("predicting", 50, 2.0)):
            for _ in range(units):
                clock.now += seconds
                on_work(phase)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "cnn-n5-seed0: training; 30% of all runs after 1:00, about 2:20 left",
        "cnn-n5-seed0: predicting; 60% of all runs after 2:00, about 1:20 left",
        "cnn-n5-seed0: predicting; 90% of all runs after 3:00, about 0:20 left",
    ]
    assert SECONDS_BETWEEN_LINES == 60.0


def test_a_command_of_seconds_prints_no_line_elsewhere() -> None:
    stream = io.StringIO()
    display = Display(Meter(Costs(), clock=Clock()), Console(file=stream))
    display.meter.plan("a", PARTS)
    with display.opened(), display.working("a") as on_work:
        on_work("training", 100)
    assert stream.getvalue() == ""


def test_a_terminal_shows_each_running_run_and_the_whole_with_a_clock_that_runs() -> None:
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=110)
    display = Display(Meter(Costs({"train": 1.0, "predict": 2.0}), num_jobs=2, clock=clock), console, "all runs")
    for name in ("cnn-n5-seed0", "bnn-n5-seed0", "bnn-n9-seed0"):
        display.meter.plan(name, PARTS, is_alone=False)
    assert display._bars is not None
    rows = display._bars.progress
    display.start("cnn-n5-seed0")
    display.start("bnn-n5-seed0")
    clock.now = 10.0
    display.teller("bnn-n5-seed0")("training", 10)
    first = text_of(rows)
    clock.now = 13.0  # Nothing is told, and yet the time goes on.
    second = text_of(rows)
    display.end("cnn-n5-seed0")
    third = text_of(rows)
    with display.opened():
        pass
    assert re.search(r"all runs .*0:10 +6:30 left", first)
    assert re.search(r"bnn-n5-seed0: training .*5% +0:10 +3:10 left", first)
    assert "cnn-n5-seed0: training" in first
    assert "bnn-n9-seed0" not in first
    assert re.search(r"all runs .*0:13 +6:2[78] left", second)
    assert "cnn-n5-seed0" not in third
    assert "all runs" in stream.getvalue()


def text_of(rows: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=110).print(rows)
    return stream.getvalue()
