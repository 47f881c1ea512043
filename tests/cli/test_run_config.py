"""Which configuration `scripts/run.py` uses, asked in processes of its own, as absl's flags are global."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASK = f"""
import json, runpy, sys
from absl import flags
script = runpy.run_path({str(ROOT / "scripts" / "run.py")!r})
flags.FLAGS(sys.argv)
print(json.dumps([script["config_for"](is_drawn) for is_drawn in (True, False)]))
"""
DRAWN, STUDY = 4, 16  # Epochs in configs/drawn.py and configs/study.py.


def configs(*arguments: str) -> list[dict[str, Any]]:
    """What drawn and what other images get."""
    done = subprocess.run([sys.executable, "-c", ASK, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ((), [DRAWN, STUDY]),
        (("--config.training.batch_size=7",), [DRAWN, STUDY]),
        (("--config=configs/study.py", "--config.training.batch_size=7"), [STUDY, STUDY]),
        (("--config", "configs/study.py"), [STUDY, STUDY]),
    ],
)
def test_drawn_images_have_a_configuration_of_their_own_where_none_is_given(
    arguments: tuple[str, ...], epochs: list[int]
) -> None:
    found = configs(*arguments)
    assert [config["training"]["epochs"] for config in found] == epochs
    batch_size = 7 if "--config.training.batch_size=7" in arguments else 64
    assert [config["training"]["batch_size"] for config in found] == [batch_size, batch_size]


def test_a_file_of_the_same_name_is_not_taken_for_the_study(tmp_path: Path) -> None:
    own = (ROOT / "configs" / "study.py").read_text().replace("section.epochs = 16", "section.epochs = 9")
    (tmp_path / "study.py").write_text(own)
    found = configs(f"--config={tmp_path / 'study.py'}")
    assert [config["training"]["epochs"] for config in found] == [9, 9]
