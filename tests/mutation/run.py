"""Do the tests notice when the code is wrong? `python tests/mutation/run.py --number=300 --seed=0 --log=mutants.jsonl`.

Needs cosmic-ray, which makes the mutants. Each is tried by the tests nearest to its file, in a copy of the repository. Ends
with code 0 if enough mutants were killed and `unkillable.py` has a reason for each of the others.

What is in the log as killed is not tried again: so the same command goes on where it was broken off, and after new tests
tries the survivors alone.
"""

import argparse
import dataclasses
import importlib.util
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from forked import Trial, preload, run_tests
from mutants import Mutant, all_mutants, change, sample
from nearest import FILES, nearest_tests
from unkillable import UNKILLABLE

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("pyproject.toml", "tfp_insects", "tests", "configs", "scripts")
MIN_KILLED = 0.85
BASELINE_CPU_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Row:
    """A mutant, and what became of it: see `forked.Trial`; before it was tried, nothing."""

    path: str
    line_number: int
    operator: str
    change: str
    outcome: str = ""
    cpu_seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.outcome:8} {self.cpu_seconds:5.1f} s {self.path}:{self.line_number} {self.change}"

    @property
    def is_killed(self) -> bool:
        return self.outcome != "passed"

    @property
    def reason(self) -> str | None:
        """Why no test kills it, if that is known."""
        return UNKILLABLE.get((self.path, self.change))


def main() -> int:
    arguments = parse_arguments()
    drawn = sample(ROOT, all_mutants(ROOT, FILES), arguments.number, arguments.seed)
    known = {(row.path, row.operator, row.change): row for row in read_log(arguments.log) if row.is_killed}
    rows = [describe(mutant) for mutant in drawn]
    rows = [known.get((row.path, row.operator, row.change), row) for row in rows]
    waiting = [index for index, row in enumerate(rows) if not row.outcome]
    preload({rows[index].path.split("/")[1] for index in waiting})
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Path(directory) / "tree"
        copy(tree)
        limits = baselines(tree, {rows[index].path for index in waiting})
        for index in waiting:
            rows[index] = try_mutant(tree, drawn[index], rows[index], limits)
            print(f"{index + 1:3d} {rows[index]}", flush=True)
            if arguments.log:
                with arguments.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(dataclasses.asdict(rows[index])) + "\n")
    return tell(rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a file to which each result is appended, as a line of JSON")
    return parser.parse_args()


def read_log(path: Path | None) -> list[Row]:
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def describe(mutant: Mutant) -> Row:
    before = (ROOT / mutant.path).read_text(encoding="utf-8")
    return Row(mutant.path, mutant.start[0], mutant.operator, change(before, mutant.code(before)))


def copy(tree: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy2(source, tree / name)


def baselines(tree: Path, paths: set[str]) -> dict[str, float]:
    """Runs the tests of each file on the code as it is; returns the limit for its mutants, seconds of the processor."""
    limits: dict[frozenset[str], float] = {}
    for path in sorted(paths):
        tests = nearest_tests(ROOT, path)
        if frozenset(tests) not in limits:
            limits[frozenset(tests)] = 5.0 * passing(tree, tests).cpu_seconds + 20.0
    for path in paths:  # A mutant as long as the original and of the same second would be taken for it.
        Path(importlib.util.cache_from_source(str(tree / path))).unlink(missing_ok=True)
    return {path: limits[frozenset(nearest_tests(ROOT, path))] for path in paths}


def passing(tree: Path, tests: Sequence[str]) -> Trial:
    log = tree.parent / "baseline.log"
    trial = run_tests(tree, tests, log, max_cpu_seconds=BASELINE_CPU_SECONDS, write_bytecode=True)
    if trial.outcome != "passed":
        raise SystemExit(f"{log.read_text(errors='replace')[-4000:]}\nThese tests fail without any mutant: {tests}")
    print(f"As it is: passed {trial.cpu_seconds:5.1f} s {' '.join(tests)}", flush=True)
    return trial


def try_mutant(tree: Path, mutant: Mutant, row: Row, limits: dict[str, float]) -> Row:
    path = tree / mutant.path
    before = path.read_text(encoding="utf-8")
    path.write_text(mutant.code(before), encoding="utf-8")
    try:
        trials = list(until_one_fails(tree, nearest_tests(ROOT, mutant.path), limits[mutant.path]))
    finally:
        path.write_text(before, encoding="utf-8")
    cpu_seconds = sum(trial.cpu_seconds for trial in trials)
    return dataclasses.replace(row, outcome=trials[-1].outcome, cpu_seconds=round(cpu_seconds, 1))


def until_one_fails(tree: Path, tests: Sequence[str], max_cpu_seconds: float) -> Iterator[Trial]:
    """Runs the nearest file alone, which is enough for most mutants, then the others."""
    for some in (tests[:1], tests[1:]):
        if some:
            log = tree.parent / "mutant.log"
            yield (trial := run_tests(tree, some, log, max_cpu_seconds=max_cpu_seconds, write_bytecode=False))
            if trial.outcome != "passed":
                return


def tell(rows: Sequence[Row]) -> int:
    """Prints the table; returns 0 if all is well."""
    print("\n| files | mutants | failed a test | broke before any test | stopped at a limit | survived | explained |")
    print("|---|---|---|---|---|---|---|")
    for room in [*sorted({row.path.split("/")[1] for row in rows}), "all"]:
        print_line(room, [row for row in rows if room in ("all", row.path.split("/")[1])])
    killed, survived = sum(row.is_killed for row in rows), [row for row in rows if not row.is_killed]
    print(f"\nKilled: {killed} of {len(rows)}, {100 * killed / len(rows):.1f} %.")
    unexplained = [row for row in survived if row.reason is None]
    for row in unexplained:
        print(f"Survived without a reason: {row}")
    return int(bool(unexplained) or killed < MIN_KILLED * len(rows))


def print_line(room: str, rows: Sequence[Row]) -> None:
    counts = Counter(row.outcome for row in rows)
    explained = sum(row.reason is not None for row in rows if not row.is_killed)
    numbers = (len(rows), *(counts[outcome] for outcome in ("failed", "broken", "slow", "passed")), explained)
    print(f"| {room} | {' | '.join(map(str, numbers))} |")


if __name__ == "__main__":
    sys.exit(main())
