"""Configuration files that readers wrote: whatever is wrong in one is a line that says where."""

import re
from pathlib import Path

import pytest

from tfp_insects.cli.config_errors import error_of_field
from tfp_insects.cli.config_files import load_config
from tfp_insects.errors import InputError
from tfp_insects.plain import FieldError
from tfp_insects.runs.config import RunConfig

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
OWN = f"""import runpy


def get_config():
    config = runpy.run_path({str(STUDY)!r})["get_config"]()
    %s
    return config
"""
LINE = 6  # of what is put into it


def own_file(folder: Path, content: str) -> Path:
    path = folder / "own.py"
    path.write_text(content)
    return path


def test_a_file_of_ones_own_is_loaded(tmp_path: Path) -> None:
    assert load_config(str(own_file(tmp_path, OWN % "config.training.epochs = 3"))).training.epochs == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("config.bnn.body.posterior_ratio = 0.5", "the config has no field 'body'. Its name is 'hidden' now."),
        (
            "config.cnn.rates.head = 2.0",
            "the config has no field 'rates'. Its name is 'learning_rate_multipliers' now.",
        ),
        ("config.trainin.epochs = 3", "the config has no field 'trainin'. Did you mean 'training'?"),
        ('config["bnn"]["boddy"]["x"] = 1', "the config has no field 'boddy'. Mend this line"),
        ("x = 1 / 0", "ZeroDivisionError: division by zero. Mend this line"),
        ("assert config.training.epochs == 3", "AssertionError. Mend this line"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'. Mend this line"),
        ("config.x = (", "'(' was never closed. Mend this line"),
        ("  x = 1", "unexpected indent. Mend this line"),
    ],
)
def test_a_line_that_fails_is_named_with_the_reason(tmp_path: Path, line: str, message: str) -> None:
    path = own_file(tmp_path, OWN % line)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}, line {LINE} ({line.strip()}): {message}')}$"):
        load_config(str(path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("config.training.epochs = 'many'", "TypeError: Could not override field 'epochs'"),
        ("config.lock(); config.nix = 3", "AttributeError: .*is locked"),
        ("open('nix.txt')", r"FileNotFoundError: \[Errno 2\] No such file or directory: 'nix.txt'\. Mend this line$"),
    ],
)
def test_what_others_say_of_a_line_is_repeated(tmp_path: Path, line: str, message: str) -> None:
    path = own_file(tmp_path, OWN % line)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}, line {LINE} ({line}): ')}{message}"):
        load_config(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"own\.py: it has no function get_config\(\)\. Begin with a copy"),
        ("get_config = 3", r"own\.py: it has no function get_config\(\)\. Begin with a copy"),
        ("def get_config():\n    pass", r"own\.py, line 1: get_config\(\) gives NoneType \(is its return missing\?\)"),
        ("\ndef get_config():\n    return {}", r"own\.py, line 2: get_config\(\) gives dict, but an ml_collections"),
        ("def get_config(size):\n    return size", r"own\.py: TypeError: .* argument: 'size'\. Mend this file"),
        ("\0", r"own\.py: .*null bytes\. Mend this file"),
    ],
)
def test_a_file_that_gives_no_configuration_says_so(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config(str(own_file(tmp_path, content)))


@pytest.mark.parametrize("name", ["nix.py", "."])
def test_a_file_that_cannot_be_read_is_named_with_those_that_can(name: str) -> None:
    with pytest.raises(
        InputError, match=f"cannot be read: .*'{re.escape(name)}'; configs with a name: drawn, quickstart"
    ):
        load_config(name)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("config.training.epoch = 3", "training.epoch: the configuration has no such field; did you mean 'epochs'?"),
        ("config.bnn.body = config.bnn.hidden", "bnn.body: the config has no such field. Its name is 'hidden' now."),
        ("config.nix = 3", "nix: the configuration has no such field; expected one of data,"),
    ],
)
def test_a_field_that_a_file_adds_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = own_file(tmp_path, OWN % line)
    with pytest.raises(FieldError) as caught:
        RunConfig.from_plain(load_config(str(path)).to_dict())
    assert str(error_of_field(path, caught.value)).startswith(f"{path}, line {LINE}: {message}")
