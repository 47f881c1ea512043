"""Each test runs a small script of its own, with a stand-in for TensorFlow that prints what the real one prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import logging, os, signal
from absl import flags
from tfp_insects.cli import app as cli
from tfp_insects.errors import InputError

SIZE = flags.DEFINE_integer("size", 1, "how large", lower_bound=1)
FIELDS = flags.DEFINE_list("fields", [], "fields of the error")
VALUES = flags.DEFINE_list("values", [], "fields with values that would do")
OTHERS = flags.DEFINE_list("others", [], "the same in another way")
FOLDS = flags.DEFINE_integer("folds", 0, "short for --config.data.folds")
KINDS = ["", "InputError", "SIGINT", "SIGTERM", "SIGHUP", "print", "KeyError", "MemoryError", "ResourceExhaustedError"]
RAISES = flags.DEFINE_enum("raises", "", KINDS, "what to raise")
CONFIG = cli.define_config_file("config", {config!r}, "the config")


def main(argv):
    logging.getLogger("tfp_insects").warning("left out %s", "ant/1.jpg")
    logging.getLogger("tfp_insects").info("a detail")
    logging.getLogger("tensorflow").warning("5 calls triggered tf.function retracing")
    if RAISES.value == "KeyError":
        raise KeyError("a defect")
    if RAISES.value == "print":
        print(chr(0xDCE9), chr(0x8681))
    if RAISES.value.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, RAISES.value))
    if RAISES.value == "MemoryError":
        bytearray(2**62)
    if RAISES.value == "ResourceExhaustedError":
        import tensorflow as tf
        raise tf.errors.ResourceExhaustedError("OOM when allocating")
    if RAISES.value == "InputError":
        values, others = (dict(zip(flag.value[::2], flag.value[1::2])) for flag in (VALUES, OTHERS))
        raise InputError("data=nix: no such file", field=tuple(FIELDS.value), values=values, other_values=others)
    print(argv[1:], SIZE.value, CONFIG.value.data.num_test_per_class)


cli.run_main(main)
"""
CONFIG = """
import ml_collections


def get_config():
    return ml_collections.ConfigDict({"data": {"num_test_per_class": 50, "folds": 0}})
"""
TENSORFLOW = """
import os
from types import SimpleNamespace

os.write(2, b"cudart_stub.cc: no drivers")
autograph = SimpleNamespace(experimental=SimpleNamespace(do_not_convert=lambda function: function))
errors = SimpleNamespace(ResourceExhaustedError=type("ResourceExhaustedError", (Exception,), {}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "script.py").write_text(SCRIPT.format(config=str(tmp_path / "config.py")))
    (tmp_path / "tensorflow.py").write_text(TENSORFLOW)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return start(folder, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def start(folder: Path, *arguments: str, stdout: int, stderr: int) -> subprocess.CompletedProcess[str]:
    repository = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(repository)])}
    command = [sys.executable, str(folder / "script.py"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, stdout=stdout, stderr=stderr, text=True, check=False)


def test_runs_main_with_the_parsed_flags_and_without_the_noise_of_tensorflow(folder):
    done = run(folder, "--size=3", "--config.data.num_test_per_class=7")
    assert (done.returncode, done.stdout) == (0, "[] 3 7\n")
    assert done.stderr == "WARNING: left out ant/1.jpg\n"


def test_an_input_error_is_one_line_and_exit_code_1(folder):
    done = run(folder, "--raises=InputError")
    assert done.returncode == 1
    assert done.stderr.endswith("\nerror: data=nix: no such file\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ("size", " (set with --size)"),
        ("data.num_test_per_class", " (set with --config.data.num_test_per_class)"),
        ("size,data.num_test_per_class", " (set with --size or --config.data.num_test_per_class)"),
        ("data", " (set with --config.data)"),
        ("data.num_tests,nix.field", ""),
    ],
)
def test_an_input_error_says_how_its_fields_are_set_on_the_command_line(folder, fields, hint):
    done = run(folder, "--raises=InputError", f"--fields={fields}")
    assert done.stderr.endswith(f"\nerror: data=nix: no such file{hint}\n")


def test_values_that_would_do_are_said_as_flags(folder):
    done = run(folder, "--raises=InputError", "--fields=size", "--values=size,2,data.num_test_per_class,9,nix.field,1")
    hint = " (this would do: --size=2 --config.data.num_test_per_class=9)"
    assert done.stderr.endswith(f"\nerror: data=nix: no such file{hint}\n")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--values=size,2", "--others=data.folds,5"], "--size=2; or: --folds=5"),
        (["--others=data.folds,5,size,3"], "--folds=5 --size=3"),
        (["--values=nix.field,1", "--others=data.folds,5"], "--folds=5"),
    ],
)
def test_two_ways_that_would_do_are_said_by_their_shortest_flags(folder, flags, words):
    done = run(folder, "--raises=InputError", *flags)
    assert done.stderr.endswith(f"\nerror: data=nix: no such file (this would do: {words})\n")


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "\\udce9 蚁"), ("ascii", "\\udce9 \\u8681")])
def test_what_cannot_be_shown_is_escaped(folder, monkeypatch, encoding, shown):
    monkeypatch.setenv("PYTHONIOENCODING", f"{encoding}:strict")
    done = run(folder, "--raises=print")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, shown)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGHUP", 129), ("SIGTERM", 143)])
def test_a_signal_is_one_line_and_its_exit_code(folder, name, code):
    done = run(folder, f"--raises={name}")
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert done.stderr.endswith(f"error: interrupted by {name}; the same command goes on where this one was\n")


@pytest.mark.parametrize("error", ["MemoryError", "ResourceExhaustedError"])
def test_memory_that_runs_out_is_one_line(folder, error):
    done = run(folder, f"--raises={error}")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[-1].startswith("error: memory ran out: ")


def test_a_defect_keeps_its_traceback(folder):
    done = run(folder, "--raises=KeyError")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'a defect'" in done.stderr


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--size=0", "error: flag --size=0: 0 is not a positive integer"),
        ("--sise=1", "error: Unknown command line flag 'sise'. Did you mean: size"),
        ("--raises=all", "error: flag --raises=all: value should be one of"),
        ("5", "error: unexpected argument '5': every option has the form --name=value."),
        ("--config.nix=1", "error: --config.nix=1: the config has no such field."),
        (
            "--config.data.num_tests_per_class=1",
            "error: --config.data.num_tests_per_class=1: the config has no such field. "
            "Did you mean 'num_test_per_class'?",
        ),
        ("--config.data.num_test_per_class=few", "error: flag --config.data.num_test_per_class=few: "),
        (
            "--config=nix.py",
            "error: the config file cannot be read: [Errno 2] No such file or directory: 'nix.py'; "
            "configs with a name: drawn, quickstart, study, study_2025",
        ),
    ],
)
def test_a_bad_flag_is_named_and_exit_code_2(folder, argument, message):
    done = run(folder, argument)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_an_error_in_a_config_file_is_one_line_and_exit_code_2(folder):
    broken = CONFIG.replace('"data": {"num_test_per_class": 50, "folds": 0}', "").replace("({})", "({}).nix")
    (folder / "broken.py").write_text(broken)
    done = run(folder, f"--config={folder / 'broken.py'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {folder / 'broken.py'}, line 6 (return ml_collections.ConfigDict({{}}).nix): "
        "the config has no field 'nix'. Mend this line\n"
    )


def test_help_lists_the_flags_and_ends_well(folder):
    done = run(folder, "--help")
    assert done.returncode == 0
    assert "--config: the config" in done.stdout
    assert "--size: how large" in done.stdout


def test_help_ends_quietly_where_nobody_reads_it(folder):
    read, write = os.pipe()
    os.close(read)
    done = start(folder, "--help", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_broken_tensorflow_shows_what_it_printed(folder):
    (folder / "tensorflow.py").write_text(TENSORFLOW + "raise ImportError('broken')")
    done = run(folder)
    assert done.returncode == 1
    assert "cudart_stub.cc: no drivers" in done.stderr
    assert "ImportError: broken" in done.stderr
