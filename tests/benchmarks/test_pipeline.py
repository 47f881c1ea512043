import json
from pathlib import Path

import pytest


@pytest.mark.long
def test_prints_a_table_and_writes_a_list(run_script, tmp_path: Path) -> None:
    finished = run_script("pipeline.py", "--n_per_class=2", "--batch_size=4", "--num_classes=2", "--json=rates.json")
    assert finished.returncode == 0, finished.stderr
    assert "images a second, mixed_bfloat16, batch size 4" in finished.stdout
    (record,) = json.loads((tmp_path / "rates.json").read_text())
    assert (record["data"], record["dtype"], record["batch_size"]) == ("synthetic", "mixed_bfloat16", 4)
    assert all(record[f"{name}_images_per_second"] > 0 for name in ("pipeline", "step", "fed"))
