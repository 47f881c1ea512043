"""Kills of a study, and how they are counted."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

COLUMNS = ("jobs", "kills", "survived", "lost_records", "differing_records")
MOMENTS = ("start", "runs", "report")
ALL = "all"


@dataclasses.dataclass(frozen=True)
class Kill:
    """One signal, and what was wrong after it.

    Attributes:
        signal: Its name.
        num_jobs: Runs at the same time.
        seconds: Of the cores that the command had used before.
        moment: Where it was: `start`, before any run; `runs`; `report`, after the last of them.
        faults: What was wrong, in words.
        num_lost: Records that were finished, and are not there as they were.
    """

    signal: str
    num_jobs: int
    seconds: float
    moment: str
    faults: tuple[str, ...] = ()
    num_lost: int = 0


@dataclasses.dataclass(frozen=True)
class Result:
    """A study that was killed until it finished.

    Attributes:
        kills: All kills of it.
        num_records: Runs of the study.
        num_differing: Of these, with other figures than those of the undisturbed study.
        faults: What was wrong in the end, in words.
        num_lost: Finished records that the start after the last kill lost.
    """

    kills: tuple[Kill, ...]
    num_records: int
    num_differing: int = 0
    faults: tuple[str, ...] = ()
    num_lost: int = 0

    @property
    def all_faults(self) -> Iterator[str]:
        """What was wrong after each kill, and in the end."""
        for kill in self.kills:
            yield from (f"{kill.signal} after {kill.seconds:.1f} s of work: {fault}" for fault in kill.faults)
        yield from (f"in the end: {fault}" for fault in self.faults)


def to_records(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One object of the JSON list for each signal and number of jobs, and one for all kills together.

    Records are counted once for a study, so those that differ in the end stand in the last object alone.
    """
    kinds = sorted({(kill.num_jobs, kill.signal) for result in results for kill in result.kills})
    rows = [_row(signal, jobs, _chosen(results, jobs, signal)) for jobs, signal in kinds]
    total = _row(ALL, ALL, [(kill, result) for result in results for kill in result.kills])
    total |= {
        "lost_records": total["lost_records"] + sum(result.num_lost for result in results),
        "studies": len(results),
        "records": sum(result.num_records for result in results),
        "differing_records": sum(result.num_differing for result in results),
        "faults": [fault for result in results for fault in result.all_faults],
    }
    return [*rows, total]


def to_row(record: dict[str, Any]) -> list[str]:
    """A row of the table: the signal, and `COLUMNS`."""
    return [record["signal"], *(str(record.get(name, "")) for name in COLUMNS)]


def _chosen(results: Iterable[Result], jobs: int, signal: str) -> list[tuple[Kill, Result]]:
    kills = ((kill, result) for result in results for kill in result.kills)
    return [(kill, result) for kill, result in kills if (kill.num_jobs, kill.signal) == (jobs, signal)]


def _row(signal: str, jobs: int | str, kills: Sequence[tuple[Kill, Result]]) -> dict[str, Any]:
    moments = [kill.moment for kill, _ in kills]
    return {
        "signal": signal,
        "jobs": jobs,
        "kills": len(kills),
        "survived": sum(not kill.faults and not result.faults for kill, result in kills),
        "lost_records": sum(kill.num_lost for kill, _ in kills),
        **{f"kills_in_{moment}": moments.count(moment) for moment in MOMENTS},
    }
