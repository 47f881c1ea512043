"""Do the tests notice when the code is wrong? `python tests/mutation/run.py --number=300 --seed=0`.

Needs cosmic-ray, which makes the mutants. Each is tried by the tests nearest to its file, in a copy of the repository. Ends
with code 0 if enough mutants were killed and `equivalent.py` has a reason for each of the others.
"""

import argparse
import dataclasses
import importlib.util
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from equivalent import EQUIVALENT
from forked import Trial, preload, run_tests
from mutants import Mutant, all_mutants, change, sample
from nearest import FILES, nearest_tests

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("pyproject.toml", "tfp_insects", "tests", "configs", "scripts")
MIN_KILLED = 0.85
BASELINE_CPU_SECONDS = 600.0


def main() -> int:
    arguments = parse_arguments()
    drawn = sample(ROOT, all_mutants(ROOT, FILES), arguments.number, arguments.seed)
    chosen = arguments.only or range(1, len(drawn) + 1)
    preload()
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Path(directory) / "tree"
        copy(tree)
        limits = baselines(tree, {drawn[index - 1].path for index in chosen})
        rows = []
        for index in chosen:
            rows.append(try_mutant(tree, drawn[index - 1], limits))
            print(f"{index:3d} {rows[-1].line()}", flush=True)
            if arguments.log:
                with arguments.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"index": index, **dataclasses.asdict(rows[-1])}) + "\n")
    return tell(rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants to try, instead of all")
    parser.add_argument("--log", type=Path, help="a file to which each result is appended, as a line of JSON")
    return parser.parse_args()


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of a mutant."""

    path: str
    line_number: int
    operator: str
    change: str
    outcome: str
    cpu_seconds: float

    def line(self) -> str:
        return f"{self.outcome:8} {self.cpu_seconds:5.1f} s {self.path}:{self.line_number} {self.change}"

    @property
    def is_killed(self) -> bool:
        return self.outcome != "passed"

    @property
    def reason(self) -> str | None:
        """Why nothing can kill it, if that is known."""
        return EQUIVALENT.get((self.path, self.change))


def copy(tree: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy2(source, tree / name)


def baselines(tree: Path, paths: set[str]) -> dict[tuple[str, ...], float]:
    """Runs all tests in question on the code as it is; returns the limit for each list of them, seconds of the processor."""
    limits = {}
    for tests in sorted({nearest_tests(ROOT, path) for path in paths}, key=sorted):
        known = next((limit for other, limit in limits.items() if set(other) == set(tests)), None)
        limits[tests] = known or 5.0 * _passing(tree, tests).cpu_seconds + 20.0
    for path in paths:  # A mutant as long as the original and of the same second would be taken for it.
        Path(importlib.util.cache_from_source(str(tree / path))).unlink(missing_ok=True)
    return limits


def _passing(tree: Path, tests: Sequence[str]) -> Trial:
    log = tree.parent / "baseline.log"
    trial = run_tests(tree, tests, log, max_cpu_seconds=BASELINE_CPU_SECONDS, write_bytecode=True)
    if trial.outcome != "passed":
        raise SystemExit(f"{log.read_text(errors='replace')[-4000:]}\nThese tests fail without any mutant: {tests}")
    print(f"As it is: passed {trial.cpu_seconds:5.1f} s {' '.join(tests)}", flush=True)
    return trial


def try_mutant(tree: Path, mutant: Mutant, limits: dict[tuple[str, ...], float]) -> Row:
    path, tests = tree / mutant.path, nearest_tests(ROOT, mutant.path)
    before = path.read_text(encoding="utf-8")
    after = mutant.code(before)
    path.write_text(after, encoding="utf-8")
    try:
        log = tree.parent / "mutant.log"
        trial = run_tests(tree, tests, log, max_cpu_seconds=limits[tests], write_bytecode=False)
    finally:
        path.write_text(before, encoding="utf-8")
    where = mutant.path, mutant.start[0], mutant.operator
    return Row(*where, change(before, after), trial.outcome, round(trial.cpu_seconds, 1))


def tell(rows: Sequence[Row]) -> int:
    """Prints the table; returns 0 if all is well."""
    print("\n| files | mutants | failed a test | could not be imported | ran into a limit | survived | explained |")
    print("|---|---|---|---|---|---|---|")
    for room in [*sorted({row.path.split("/")[1] for row in rows}), "all"]:
        print_line(room, [row for row in rows if room in ("all", row.path.split("/")[1])])
    killed, survived = sum(row.is_killed for row in rows), [row for row in rows if not row.is_killed]
    unexplained = [row for row in survived if row.reason is None]
    print(f"\nKilled: {killed} of {len(rows)}, {100 * killed / len(rows):.1f} %.")
    for row in unexplained:
        print(f"Survived without a reason: {row.line()}")
    return int(bool(unexplained) or killed < MIN_KILLED * len(rows))


def print_line(name: str, rows: Sequence[Row]) -> None:
    counts = Counter(row.outcome for row in rows)
    explained = sum(row.reason is not None for row in rows if not row.is_killed)
    numbers = (len(rows), *(counts[name] for name in ("failed", "broken", "slow", "passed")), explained)
    print(f"| {name} | {' | '.join(map(str, numbers))} |")


if __name__ == "__main__":
    sys.exit(main())
