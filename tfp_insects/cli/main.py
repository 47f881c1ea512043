"""The command `tfp-insects`: finds the command that is asked for, among the files of `cli/commands`, and starts it."""

import ast
import difflib
import importlib
import sys
from pathlib import Path
from typing import NoReturn

from absl import flags

import tfp_insects
from tfp_insects.cli.app import EXIT_BAD_FLAGS, run_main, stop

PROGRAM = "tfp-insects"
COMMANDS = Path(__file__).with_name("commands")

flags.disclaim_key_flags()  # so that --help lists a command's flags under the program's name


def main() -> NoReturn:
    """Runs `tfp-insects COMMAND --flag=value ...`; without a command, or with an unknown one, says which there are."""
    names = command_names()
    match sys.argv[1:]:
        case ["--version", *_]:
            print(f"{PROGRAM} {tfp_insects.__version__}")
            sys.exit(0)
        case ["help" | "-h" | "-help" | "--help", *_]:
            print(usage())
            sys.exit(0)
        case [name, *arguments] if name in names:
            sys.argv = [f"{PROGRAM} {name}", *arguments]
            sys.modules["__main__"].__doc__ = _docstring(name) + "\n"  # What absl's --help prints above the flags.
            start(name)
        case [word, *_]:
            near = difflib.get_close_matches(word, names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            stop(f"there is no command {word!r}.{hint} Commands: {', '.join(names)}.", EXIT_BAD_FLAGS)
    print(usage(), file=sys.stderr)
    sys.exit(EXIT_BAD_FLAGS)


def start(name: str) -> NoReturn:
    """Runs one command with the flags of this process, and ends the process.

    Args:
        name: One of `command_names()`.
    """
    command = importlib.import_module(f"tfp_insects.cli.commands.{_module_name(name)}")
    flags.adopt_module_key_flags(command)
    script = sys.modules["__main__"]  # Its docstring is what absl's --help prints above the flags.
    script.__doc__ = "\n".join([script.__doc__ or "", getattr(command, "MORE_HELP", "")])
    run_main(lambda argv: command.main(), getattr(command, "NEEDS_TENSORFLOW", True))


def command_names() -> list[str]:
    """Names of all commands, in alphabetical order."""
    return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("[a-z]*.py"))


def usage() -> str:
    """How the program is called, with a line for each command."""
    names = command_names()
    width = max(map(len, names))
    commands = [f"  {name:{width}}  {_docstring(name).splitlines()[0]}" for name in names]
    return "\n".join(
        [
            tfp_insects.__doc__ or "",
            "",
            f"{PROGRAM} COMMAND --flag=value ...",
            f"{PROGRAM} COMMAND --help",
            f"{PROGRAM} --version",
            "",
            "commands:",
            *commands,
        ]
    )


def _module_name(name: str) -> str:
    return name.replace("-", "_")


def _docstring(name: str) -> str:
    """The words of a command about itself, read without an import, which would define its flags."""
    tree = ast.parse((COMMANDS / f"{_module_name(name)}.py").read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""
