"""A disk without room: what is written is whole or absent, the error is one line, and the same command goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.full_disks import full_disk

from tfp_insects.errors import InputError
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.export import export_run
from tfp_insects.serving.table import open_table

ORIGIN = {"model": "abc", "images": "/images"}


def append(path: Path, names: list[str]) -> int:
    with open_table(path, ORIGIN) as table:
        table.append(names, [Answer("ant", 0.5, 1.0, 0.5, 0.5, True)] * len(names))
        return table.num_rows


@pytest.mark.parametrize("num_bytes", [200, 600])
def test_a_table_keeps_its_whole_rows_and_goes_on(num_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    assert append(path, ["0.jpg"]) == 1
    names = [f"{number}.jpg" for number in range(1, 40)]
    told = r"predictions\.csv was not written \(File too large\): mend that and give the same"
    with full_disk(num_bytes), pytest.raises(InputError, match=told):
        append(path, names)
    with open_table(path, ORIGIN) as table:
        written = [name for name, _ in table.rows()]
    assert written == ["0.jpg", *names][: len(written)]
    assert append(path, names[len(written) - 1 :]) == 40


def test_an_export_leaves_nothing_behind(run_of: Callable[[str], Path], tmp_path: Path) -> None:
    run, output = run_of("head"), tmp_path / "insects"
    told = r"insects was not written \(File too large.*\): mend that and give the same"
    with full_disk(10_000), pytest.raises(InputError, match=told):
        export_run(run, output, None, 0.05)
    assert list(output.iterdir()) == []
    assert export_run(run, output, None, 0.05).version == output / "1"
