"""How far a command is, on the terminal: a bar for the whole and one for each run; a line now and then elsewhere."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from tfp_insects.progress.countdown import Countdown, clock_words
from tfp_insects.progress.meter import Group, Meter
from tfp_insects.progress.work import OnWork
from tfp_insects.text import plain

SECONDS_BETWEEN_LINES = 60.0
NARROW = 60  # Columns of a terminal that has no room for long bars.


class Display:
    """Shows a meter while it is open, and passes on to it what it is told.

    Args:
        meter: What is shown.
        console: Where. Bars vanish at the end; where the console is no terminal there are lines without control characters
            instead, a minute apart at least.
        whole: What the whole is called.
    """

    def __init__(self, meter: Meter, console: Console, whole: str = "all") -> None:
        self.meter = meter
        self._console = console
        self._whole = whole
        self._line_at = 0.0
        self._bars = _Bars(meter, console, whole) if console.is_terminal else None

    @contextlib.contextmanager
    def opened(self) -> Iterator["Display"]:
        """Shows the bars for the length of the block."""
        if self._bars is None:
            yield self
            return
        with self._bars.progress:
            yield self

    def teller(self, name: str) -> OnWork:
        """What a group tells its work to."""

        def tell(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
            self.meter.tell(name, phase, units, of=of)
            self._show()

        return tell

    def start(self, name: str) -> None:
        """As `Meter.start`."""
        self.meter.start(name)
        self._show()

    def end(self, name: str) -> None:
        """As `Meter.end`."""
        self.meter.end(name)
        self._show()

    @contextlib.contextmanager
    def working(self, name: str) -> Iterator[OnWork]:
        """A group that was planned is worked on for the length of the block."""
        self.start(name)
        try:
            yield self.teller(name)
        finally:
            self.end(name)

    def _show(self) -> None:
        if self._bars is not None:
            self._bars.refresh()
        elif self.meter.elapsed() - self._line_at >= SECONDS_BETWEEN_LINES and self.meter.running:
            self._line_at = self.meter.elapsed()
            self._console.print(plain(self._line()), soft_wrap=True)

    def _line(self) -> str:
        runs = ", ".join(_group_words(group) for group in self.meter.running)
        left = self.meter.seconds_left()
        words = "" if left is None else f", about {clock_words(left)} left"
        share = f"{self.meter.share():.0%} of {self._whole} " if self.meter.is_planned else ""
        return f"{runs}; {share}after {clock_words(self.meter.elapsed())}{words}"


class _Bars:
    """Bars of `rich`, which draws them ten times a second in a thread of its own, so that the time never stands still."""

    def __init__(self, meter: Meter, console: Console, whole: str) -> None:
        self._meter = meter
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10 if console.width < NARROW else 25),
            TextColumn("{task.percentage:>3.0f}%"),
            _Clock(meter.elapsed, ""),
            _Clock(self._left, " left"),
            console=console,
            transient=True,
        )
        self._countdowns: dict[str | None, Countdown] = {}
        self._rows: dict[str | None, TaskID] = {
            None: self.progress.add_task(f"{whole}: starting", total=1.0, group=None)
        }
        self._whole = whole

    def refresh(self) -> None:
        """Shows what was told."""
        running = {group.name: group for group in self._meter.running}
        for name in [name for name in self._rows if name is not None and name not in running]:
            self.progress.remove_task(self._rows.pop(name))
        words: dict[str | None, str] = {None: self._whole}
        words |= {name: _group_words(group) for name, group in running.items()}
        for row, description in words.items():
            if row not in self._rows:
                self._rows[row] = self.progress.add_task(description, total=1.0, group=row)
            self.progress.update(self._rows[row], completed=self._meter.share(row), description=description)

    def _left(self, name: str | None) -> float | None:
        countdown = self._countdowns.setdefault(name, Countdown())
        return countdown.shown(self._meter.seconds_left(name), self._meter.elapsed())


class _Clock(ProgressColumn):
    """Seconds of the whole or of a run, as minutes and seconds."""

    def __init__(self, seconds: Callable[[Any], float | None], unit: str) -> None:
        super().__init__()
        self._seconds = seconds
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{clock_words(self._seconds(task.fields['group']))}{self._unit}")


def _group_words(group: Group) -> str:
    return f"{group.name}: {group.phase}" if group.phase not in ("", group.name) else group.name
