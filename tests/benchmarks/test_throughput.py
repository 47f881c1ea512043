import json
from pathlib import Path

import pytest

FIELDS = {"model", "mode", "dtype", "batch_size", "milliseconds", "images_per_second", "peak_megabytes"}


@pytest.mark.long
def test_prints_a_table_and_writes_a_list(run_script, tmp_path: Path) -> None:
    chosen = ("--models=cnn", "--modes=forward", "--dtypes=float32", "--batch_sizes=2")
    finished = run_script("throughput.py", *chosen, "--json=times.json")
    assert finished.returncode == 0, finished.stderr
    assert "forward, batch size 2" in finished.stdout
    (record,) = json.loads((tmp_path / "times.json").read_text())
    assert record.keys() == FIELDS
    assert [record[field] for field in ("model", "mode", "dtype", "batch_size")] == ["cnn", "forward", "float32", 2]
    assert record["images_per_second"] * record["milliseconds"] == pytest.approx(2000, rel=0.01)
    assert 100 < record["peak_megabytes"] < 10_000


def test_mistakes_are_told_in_one_line(run_script, tmp_path: Path) -> None:
    finished = run_script("throughput.py", "--models=vgg")
    assert finished.returncode == 1
    assert finished.stderr.startswith(
        "error: --models=vgg: unknown; expected one or more of cnn, bnn, bnn_weight_scale"
    )
    assert not list(tmp_path.iterdir())
