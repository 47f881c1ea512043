"""The command `tfp-insects`, and the scripts that are the same commands; TensorFlow must not be needed for any of this."""

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tfp_insects
from tfp_insects.cli import main as cli
from tfp_insects.cli.config_files import config_names
from tfp_insects.models.method_table import method_names

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    *("convert-weights", "draw-concepts", "export", "posterior"),
    *("predict", "prepare-data", "report", "run"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place outside the checkout, where whoever imports TensorFlow fails."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("tensorflow", "tf_keras"):
        (folder / f"{name}.py").write_text("raise AssertionError('TensorFlow was imported')")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "COLUMNS": "80"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@functools.cache
def help_of(folder: Path, *program: str) -> str:
    done = run(folder, *program, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def script(command: str) -> Path:
    return ROOT / "scripts" / f"{command.replace('-', '_')}.py"


def as_command(words: str) -> str:
    """Words about scripts, as words about commands."""
    return re.sub(r"(?:python )?scripts/(\w+)\.py", lambda match: f"tfp-insects {match[1].replace('_', '-')}", words)


def test_each_command_is_a_script_and_each_script_a_command() -> None:
    assert tuple(cli.command_names()) == COMMANDS
    assert sorted((ROOT / "scripts").glob("*.py")) == [script(command) for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_script_has_the_words_and_the_flags_of_its_command(folder: Path, command: str) -> None:
    words, _, listed = help_of(folder, "-m", "tfp_insects", command).partition("\nflags:\n")
    script_words, _, script_listed = help_of(folder, str(script(command))).partition("\nflags:\n")
    assert words == as_command(script_words)
    assert listed.replace(f"tfp-insects {command}:", f"{script(command)}:") == script_listed


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_flags_of_the_file_and_no_other(folder: Path, command: str) -> None:
    path = cli.COMMANDS / f"{command.replace('-', '_')}.py"
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    defined = {
        node.args[0].value for node in calls if re.match(r"(flags\.DEFINE_|define_config_file)", ast.unparse(node.func))
    }
    listed = re.findall(r"^  --(?:\[no\])?(\w+):", help_of(folder, "-m", "tfp_insects", command), re.M)
    assert listed == sorted(defined)


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",)])
def test_help_lists_all_commands_with_a_line_each(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(folder, "-m", "tfp_insects", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    listed = done.stdout.partition("\ncommands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert "  report           Writes the report of all finished runs" in done.stdout


def test_no_command_is_an_error_that_shows_the_help(folder: Path) -> None:
    done = run(folder, "-m", "tfp_insects")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == cli.usage() + "\n"


def test_the_version_is_that_of_the_package(folder: Path) -> None:
    done = run(folder, "-m", "tfp_insects", "--version")
    assert (done.returncode, done.stdout) == (0, f"tfp-insects {tfp_insects.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reprot",), "error: there is no command 'reprot'. Did you mean 'report'? Commands: convert-weights, draw-"),
        (("prepare_data",), "error: there is no command 'prepare_data'. Did you mean 'prepare-data'? Commands: "),
        (("--workdir=runs",), "error: there is no command '--workdir=runs'. Commands: convert-weights, "),
        (("report", "--workdri=runs"), "error: Unknown command line flag 'workdri'. Did you mean: workdir"),
        (("report", "runs"), "error: unexpected argument 'runs': every option has the form --name=value."),
        (("export",), "error: flag --run=None: Flag --run must have a value other than None."),
        (("run", "--config=quickstart", "--config.nix=1"), "error: --config.nix=1: the config has no such field."),
        (
            ("run", "--config.bnn.body.posterior_ratio=0.1"),
            "error: --config.bnn.body.posterior_ratio=0.1: the config has no such field. Its name is 'hidden' now.",
        ),
        (
            ("run", "--config.cnn.rates.head=2"),
            "error: --config.cnn.rates.head=2: the config has no such field. Its name is 'learning_rate_multipliers' now.",
        ),
    ],
)
def test_what_cannot_be_understood_is_named_and_exit_code_2(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(folder, "-m", "tfp_insects", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {cli.PROGRAM: f"{cli.__name__}:{cli.main.__name__}"}


def test_the_help_of_run_names_all_methods_and_configs(folder: Path) -> None:
    words = " ".join(help_of(folder, "-m", "tfp_insects", "run").split())
    assert f"--model: one or more of {', '.join(method_names())} (default: 'cnn,bnn')" in words
    assert f"--config: one of {', '.join(config_names())}, or a file" in words
