"""A small study that is killed at random moments, and what it suffers from that."""

import itertools
import random
import resource
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from measuring.kill_counts import COLUMNS, Kill, Result, to_records, to_row
from measuring.remains import blocking_locks, differing_files, files_below, finished_records, lost_records
from measuring.sessions import Session
from measuring.small_study import ROOT, SmallStudy, draw_images
from measuring.tables import print_table, write_records
from tfp_insects.errors import InputError

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MAX_SECONDS = 1800.0  # Of a command that nobody kills.
END_SECONDS = 40.0  # From a signal to the end, of which ten are the command's time of grace.
ORPHAN_SECONDS = 10.0  # From the end of the first process to that of the last.


class Blow(NamedTuple):
    """A signal, after how much work it comes, in seconds of the cores, and whether to all processes or the first alone."""

    number: signal.Signals
    seconds: float
    is_for_all: bool


class Place:
    """Where one study is done.

    Args:
        root: Its directory, which is made.
        command: What is done there, from images and directories.
        num_records: How many runs the study has.
    """

    def __init__(self, root: Path, command: Sequence[str], num_records: int) -> None:
        self.workdir = root / "runs"
        self.num_records = num_records
        self._root = root
        self._command = command
        self._temporary = root / "tmp"
        self._temporary.mkdir(parents=True)

    def start(self) -> Session:
        """Gives the command."""
        environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self._temporary), "COLUMNS": "120"}
        return Session(self._command, environment, self._root / "output.txt")

    @property
    def moment(self) -> str:
        """How far the study is."""
        if len(finished_records(self.workdir)) == self.num_records:
            return "report"
        return "runs" if self.runs else "start"

    @property
    def runs(self) -> list[str]:
        """Names of the runs that were begun."""
        return [path.name for path in self.workdir.glob("*-seed*")]

    @property
    def files(self) -> set[str]:
        """All that is there: results, caches, temporary files."""
        return files_below(self._root)


def count_kills(
    study: SmallStudy, num_kills: int, jobs: Sequence[int], seed: int, path: Path | None, console: Console
) -> None:
    """Kills studies until there were so many kills; prints the counts, and writes them after each study.

    Args:
        study: What is done.
        num_kills: How often it is killed.
        jobs: Runs at the same time, one study after the other; a number may be there twice.
        seed: Determines moments, and who gets the signal.
        path: Of the JSON list, if any.
        console: Where the table is printed, and what was wrong.

    Raises:
        InputError: The study does not finish when nobody disturbs it.
    """
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory() as root,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("kills", total=num_kills)
        for result in _killed_studies(study, num_kills, jobs, seed, Path(root)):
            results.append(result)
            progress.advance(task, len(result.kills))
            write_records(to_records(results), path)
    print_table("Kills", ["", *COLUMNS], [to_row(record) for record in to_records(results)], console)
    for result in results:
        for fault in result.all_faults:
            console.print(fault, soft_wrap=True, markup=False, highlight=False)


def kill_until_finished(place: Place, expected: Place, num_jobs: int, blows: Iterator[Blow]) -> Result:
    """Kills a study at each of the moments, starting it again after each, until it finishes or cannot go on.

    Args:
        place: Where it is done.
        expected: Where the same was done undisturbed.
        num_jobs: Runs at the same time.
        blows: Where there are no more, the study is left to finish.
    """
    kills: list[Kill] = []
    known: dict[str, str] = {}
    while True:
        session = place.start()
        try:
            blow = next(blows, None)
            code = session.wait(MAX_SECONDS) if blow is None else session.wait_for_work(blow.seconds, MAX_SECONDS)
            if code is not None or blow is None:
                ending = f"ended with code {code}: {session.last_line}" if code is not None else "did not end"
                faults = differences(place, expected) if code == 0 else {"command": f"the command {ending}"}
                return _judge(place, tuple(kills), faults, lost_records(known, place.workdir))
            kills.append(_kill(place, session, blow, num_jobs, known))
            known = finished_records(place.workdir)
        finally:
            session.end()


def _judge(place: Place, kills: tuple[Kill, ...], faults: Mapping[str, str], lost: Sequence[str]) -> Result:
    """What came of a study, from what is wrong with it in the end and from the records that its last start lost."""
    num_differing = place.num_records if "command" in faults else sum(name in faults for name in place.runs)
    words = [*faults.values(), *([f"lost records: {lost}"] if lost else [])]
    return Result(kills, place.num_records, num_differing, tuple(words), len(lost))


def differences(place: Place, expected: Place) -> dict[str, str]:
    """What is otherwise than where nobody disturbed, in words: by the name of the run, or `files`, or `locks`."""
    faults = {}
    for name in finished_records(expected.workdir):
        found = differing_files(place.workdir / name, expected.workdir / name)
        if found:
            faults[name] = f"{name}: {', '.join(found)} differ"
    stray, missing = place.files - expected.files, expected.files - place.files
    if stray or missing:
        faults["files"] = f"stray files: {sorted(stray)}; missing: {sorted(missing)}"
    blocking = blocking_locks(place.workdir)
    if blocking:
        faults["locks"] = f"locked: {blocking}"
    return faults


def _killed_studies(study: SmallStudy, num_kills: int, jobs: Sequence[int], seed: int, root: Path) -> Iterator[Result]:
    images = root / "insects.zip"
    draw_images(images)
    generator, signals = random.Random(seed), itertools.cycle(SIGNALS)
    undisturbed: dict[int, tuple[Place, float]] = {}

    def place_of(name: str, num_jobs: int) -> Place:
        directory = root / name
        command = study.command(images, directory / "runs", directory / "cache", num_jobs)
        return Place(directory, command, len(study.models))

    for i in itertools.count():
        num_jobs = jobs[i % len(jobs)]
        if num_jobs not in undisturbed:
            undisturbed[num_jobs] = _undisturbed(place_of(f"undisturbed-{num_jobs}", num_jobs))
        expected, seconds = undisturbed[num_jobs]
        blows = (Blow(next(signals), generator.uniform(0, seconds), generator.random() < 0.5) for _ in range(num_kills))
        result = kill_until_finished(place_of(f"killed-{i}", num_jobs), expected, num_jobs, blows)
        yield result
        num_kills -= len(result.kills)
        if num_kills <= 0:
            return


def _undisturbed(place: Place) -> tuple[Place, float]:
    """Does a study that nobody kills; where it was done, and how many seconds of the cores it took."""
    before, session = _children_seconds(), place.start()
    try:
        code = session.wait(MAX_SECONDS)
        if code != 0:
            raise InputError(f"the study that nobody kills ended with code {code}: {session.last_line}")
    finally:
        session.end()
    return place, _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kill(place: Place, session: Session, blow: Blow, num_jobs: int, known: Mapping[str, str]) -> Kill:
    before, moment = {**finished_records(place.workdir), **known}, place.moment
    session.send(blow.number, blow.is_for_all)
    code = session.wait(END_SECONDS)
    faults = []
    if code is None:
        faults.append(f"the command did not end within {END_SECONDS:.0f} s")
    # 128 + n where it is told in a line; -n before and after the time in which it listens; 0 where it was done already.
    elif code not in (128 + blow.number, -blow.number, 0):
        faults.append(f"the command ended with code {code}: {session.last_line}")
    orphans = session.left_after(ORPHAN_SECONDS)
    if orphans and code is not None:
        faults.append(f"{len(orphans)} processes are left")
    session.end()
    lost = lost_records(before, place.workdir)
    if lost:
        faults.append(f"lost records: {lost}")
    blocking = blocking_locks(place.workdir)
    if blocking:
        faults.append(f"locked: {blocking}")
    return Kill(blow.number.name, num_jobs, blow.seconds, moment, tuple(faults), len(lost))
