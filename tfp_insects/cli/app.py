"""What every script shares: flags parsed, user mistakes told in one line, TensorFlow kept quiet."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from tfp_insects.errors import InputError
from tfp_insects.interruption import Interrupted, interruptible
from tfp_insects.startup import import_tensorflow_quietly

EXIT_INPUT_ERROR = 1
EXIT_BAD_FLAGS = 2

flags.disclaim_key_flags()  # so that --help lists a flag defined here under the script that asked for it


def define_config_file(name: str, default: str, help_text: str) -> flags.FlagHolder:
    """Defines a flag for a config file whose fields `--<name>.field=value` overrides.

    A file that cannot be loaded and an override of a field that the config does not have end the process with code 2.
    """
    with _stopping_on_config_errors(sys.argv):
        holder = config_flags.DEFINE_config_file(name, default, help_text)
    flags.register_validator(holder, _is_loaded)
    return holder


def run_main(main: Callable[[list[str]], None]) -> NoReturn:
    """Runs a script's `main(argv)` after parsing the absl flags.

    The process ends with code 0, with 1 after an `InputError` (printed as `error: ...` on stderr), with 2 after a bad
    flag, and with 128 + n when signal n interrupts it. Every other exception keeps its traceback. Scripts import what needs
    TensorFlow inside `main`, so that `--help` and bad flags answer at once, and its start-up messages are caught here.

    Args:
        main: The script's function. It gets the program's name alone, because arguments that are no flags are refused.
    """

    def guarded_main(argv: list[str]) -> None:
        try:
            with interruptible():
                _set_up_logging()
                import_tensorflow_quietly()
                main(argv)
        except InputError as error:
            _stop(str(error), EXIT_INPUT_ERROR)
        except app.UsageError as error:
            _stop(str(error), EXIT_BAD_FLAGS)
        except Interrupted as interrupted:
            _stop(str(interrupted), interrupted.exit_code)

    app.run(guarded_main, flags_parser=_parse_flags)
    raise AssertionError("app.run ends the process.")


def _parse_flags(argv: Sequence[str]) -> list[str]:
    try:
        with _stopping_on_config_errors(argv):
            arguments = flags.FLAGS(argv)
    except flags.Error as error:
        _stop(f"{error}\nPass --help for the list of flags.", EXIT_BAD_FLAGS)
    except SystemExit as end:
        sys.exit(0 if end.code == 1 else end.code)  # absl ends --help with code 1
    if len(arguments) > 1:
        _stop(f"unexpected argument {arguments[1]!r}: every option has the form --name=value.", EXIT_BAD_FLAGS)
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = absl_logging.WARNING
    return arguments


@contextlib.contextmanager
def _stopping_on_config_errors(argv: Sequence[str]) -> Iterator[None]:
    """Turns what ml_collections raises for a bad config flag into an error that names it."""
    try:
        yield
    except OSError as error:
        _stop_without_config(error)
    except (AttributeError, KeyError) as error:
        field = re.search(r"'(\w+)\\?'", str(error))
        overrides = [argument for argument in argv if field and re.match(rf"--?\w[\w.]*\.{field[1]}\b", argument)]
        if not overrides:
            raise
        suggestion = re.search(r'Did you mean "(\w+)"', str(error))
        hint = f" Did you mean {suggestion[1]!r}?" if suggestion else ""
        _stop(f"{overrides[0]}: the config has no such field.{hint}", EXIT_BAD_FLAGS)


def _is_loaded(config: Any) -> bool:
    """Ends the process where a config flag's file was not found: ml_collections says so only when a field is read."""
    try:
        return hasattr(config, "lock")
    except OSError as error:
        _stop_without_config(error)


def _stop_without_config(error: OSError) -> NoReturn:
    cause = str(error).rpartition("\n")[2].strip()  # the line before it is ml_collections' own account of its attempts
    _stop(f"the config file cannot be read: {cause}", EXIT_BAD_FLAGS)


def _stop(message: str, code: int) -> NoReturn:
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _set_up_logging() -> None:
    """Warnings of the project come as one plain line; TensorFlow's C++ messages only where it crashes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    absl_logging.get_absl_handler().setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger("tensorflow").addFilter(_is_no_false_alarm)


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Each network of a grid has compiled functions of its own, which TensorFlow takes for one that is compiled again."""
    return "triggered tf.function retracing" not in record.getMessage()
