"""Which configuration `run` uses, asked in processes of its own, as absl's flags are global."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.cli.config_files import config_names, find_config, load_config

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import json, sys
from absl import flags
from tfp_insects.cli.commands import run
flags.FLAGS(sys.argv)
print(json.dumps([run.config_for(is_drawn) for is_drawn in (True, False)]))
"""
DRAWN, STUDY, QUICKSTART = 4, 16, 12  # Epochs in configs/drawn.py, configs/study.py and configs/quickstart.py.


def configs(*arguments: str, folder: Path = ROOT) -> list[dict[str, Any]]:
    """What drawn and what other images get."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASK, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ((), [DRAWN, STUDY]),
        (("--config.training.batch_size=7",), [DRAWN, STUDY]),
        (("--config=configs/study.py", "--config.training.batch_size=7"), [STUDY, STUDY]),
        (("--config", "configs/study.py"), [STUDY, STUDY]),
        (("--config=quickstart", "--config.training.batch_size=7"), [QUICKSTART, QUICKSTART]),
        (("--config", "study"), [STUDY, STUDY]),
    ],
)
def test_drawn_images_have_a_configuration_of_their_own_where_none_is_given(
    arguments: tuple[str, ...], epochs: list[int]
) -> None:
    found = configs(*arguments)
    assert [config["training"]["epochs"] for config in found] == epochs
    batch_size = 7 if "--config.training.batch_size=7" in arguments else 64
    assert [config["training"]["batch_size"] for config in found] == [batch_size, batch_size]


@pytest.mark.parametrize("name", ["study.py", "./study"])
def test_a_file_of_the_same_name_is_not_taken_for_the_study(tmp_path: Path, name: str) -> None:
    own = (ROOT / "configs" / "study.py").read_text().replace("section.epochs = 16", "section.epochs = 9")
    (tmp_path / name).write_text(own)
    found = configs(f"--config={name}", folder=tmp_path)
    assert [config["training"]["epochs"] for config in found] == [9, 9]


def test_a_name_is_not_taken_for_a_file_that_lies_there(tmp_path: Path) -> None:
    for name in config_names():
        (tmp_path / name).write_text("raise AssertionError('a file of a stranger was executed')")
    for arguments, epochs in (([], [DRAWN, STUDY]), (["--config=study"], [STUDY, STUDY])):
        assert [config["training"]["epochs"] for config in configs(*arguments, folder=tmp_path)] == epochs


def test_configs_are_found_by_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_names() == sorted(path.stem for path in (ROOT / "configs").glob("*.py"))
    assert [find_config(name) for name in config_names()] == sorted((ROOT / "configs").glob("*.py"))
    assert load_config("quickstart").training.epochs == QUICKSTART
    for path in ("nix", "nix.py", "configs/study.py", "study.py"):
        assert find_config(path) == Path(path)
