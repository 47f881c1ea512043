"""What suits a network stands over a configuration, and under what the user sets."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.cli import config_files
from tfp_insects.cli.config_files import load_config, with_overrides
from tfp_insects.models.architecture_table import architecture_names, find_architecture

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"cnn.learning_rate": 0.5, "bnn.learning_rate": 0.25, "model.image_size": 96}


@pytest.fixture
def with_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """MobileNetV2 has settings of its own."""

    def find(name: str) -> Any:
        found = find_architecture(name)
        return dataclasses.replace(found, settings=SETTINGS) if name == "mobilenet_v2" else found

    monkeypatch.setattr(config_files, "find_architecture", find)


@pytest.mark.usefixtures("with_settings")
def test_settings_of_the_network_stand_between_configuration_and_user() -> None:
    config = load_config("study")
    before = config.to_dict()
    found = with_overrides(config, {"model.architecture": "mobilenet_v2", "bnn.learning_rate": 0.125})
    assert (found.cnn.learning_rate, found.bnn.learning_rate, found.model.image_size) == (0.5, 0.125, 96)
    assert found.mc_dropout.learning_rate == 0.5  # It follows the CNN.
    assert config.to_dict() == before
    assert with_overrides(config, {}).to_dict() == before


def test_a_configuration_of_before_has_the_default_network() -> None:
    config = load_config("study")
    with config.unlocked():
        del config.model.architecture
    assert with_overrides(config, {"cnn.dropout": 0.25}).cnn.dropout == 0.25


def test_benchmarks_take_what_suits_a_network_too() -> None:
    program = """if True:
        import sys
        from absl import flags
        from tfp_insects.cli.app import config_of, define_config_file
        define_config_file("config", "study", "help")
        flags.FLAGS([sys.argv[0], *sys.argv[1:]])
        config = config_of("config")
        print(config.model.freeze_features, config.cnn.learning_rate == 64e-4, config.bnn.learning_rate)
    """
    network = "--config.model.architecture=efficientnet_lite0"
    command = [sys.executable, "-c", program, network, "--config.bnn.learning_rate=0.125"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == [
        *("True", "True", "0.125")
    ]
    plain = subprocess.run(command[:3], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert plain == ["False", "False", "0.0016"]


def test_the_command_line_lists_the_networks_for_an_unknown_one(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/run.py", "--architecture=alexnett", f"--workdir={tmp_path}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(
        f"error: architecture=alexnett: unknown; expected one of {', '.join(architecture_names())}, or"
    )
    assert line.endswith("(set with --architecture)")
