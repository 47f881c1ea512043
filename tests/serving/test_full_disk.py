"""A disk without room: what is written is whole or absent, the error is one line, and the same command goes on."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.export import export_run
from tfp_insects.serving.table import open_table

ORIGIN = {"model": "abc", "images": "/images"}


@pytest.fixture
def disk_with_room_for() -> Iterator[Callable[[int], None]]:
    """Limits the size of files that this process writes, as a full disk or a quota does; -1 ends the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda num_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (soft if num_bytes < 0 else num_bytes, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def append(path: Path, names: list[str]) -> int:
    with open_table(path, ORIGIN) as table:
        table.append(names, [Answer("ant", 0.5, 1.0, 0.5, 0.5, True)] * len(names))
        return table.num_rows


@pytest.mark.parametrize("num_bytes", [200, 600])
def test_a_table_keeps_its_whole_rows_and_goes_on(
    num_bytes: int, tmp_path: Path, disk_with_room_for: Callable[[int], None]
) -> None:
    path = tmp_path / "predictions.csv"
    assert append(path, ["0.jpg"]) == 1
    names = [f"{number}.jpg" for number in range(1, 40)]
    disk_with_room_for(num_bytes)
    with pytest.raises(
        InputError, match=r"predictions\.csv was not written \(File too large\): mend that and give the same"
    ):
        append(path, names)
    disk_with_room_for(-1)
    with open_table(path, ORIGIN) as table:
        written = [name for name, _ in table.rows()]
    assert written == ["0.jpg", *names][: len(written)]
    assert append(path, names[len(written) - 1 :]) == 40


def test_an_export_leaves_nothing_behind(
    run_of: Callable[[str], Path], tmp_path: Path, disk_with_room_for: Callable[[int], None]
) -> None:
    run, output = run_of("head"), tmp_path / "insects"
    disk_with_room_for(10_000)
    with pytest.raises(InputError, match=r"insects was not written \(File too large.*\): mend that and give the same"):
        export_run(run, output, None, 0.05)
    disk_with_room_for(-1)
    assert list(output.iterdir()) == []
    assert export_run(run, output, None, 0.05).version == output / "1"
