import json
from pathlib import Path


def test_prints_a_table_and_writes_a_list(run_script, tmp_path: Path) -> None:
    finished = run_script("pipeline.py", "--n_per_class=2", "--batch_size=4", "--num_classes=2", "--json=rates.json")
    assert finished.returncode == 0, finished.stderr
    assert "images a second, mixed_bfloat16, batch size 4" in finished.stdout
    (record,) = json.loads((tmp_path / "rates.json").read_text())
    assert (record["data"], record["dtype"], record["batch_size"]) == ("synthetic", "mixed_bfloat16", 4)
    assert all(record[f"{name}_images_per_second"] > 0 for name in ("pipeline", "step", "fed"))


def test_mistakes_are_told_in_one_line(run_script) -> None:
    finished = run_script("pipeline.py", "--data=missing.zip")
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: cnn epoch_pipeline")
    assert "--data=missing.zip: no such file or folder" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
