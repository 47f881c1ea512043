"""What every command shares: flags parsed, user mistakes told in one line, TensorFlow kept quiet."""

import contextlib
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import ml_collections
from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from tfp_insects.cli.config_errors import unknown_field
from tfp_insects.cli.config_files import find_config, load_config, with_overrides
from tfp_insects.errors import InputError
from tfp_insects.interruption import Interrupted, end_interrupted, interruptible
from tfp_insects.startup import import_tensorflow_quietly, is_out_of_memory, without_autograph

EXIT_INPUT_ERROR = 1
EXIT_BAD_FLAGS = 2
OUT_OF_MEMORY = "memory ran out: end what else runs on this machine, or ask for smaller batches or smaller images"

flags.disclaim_key_flags()  # so that --help lists a flag defined here under the script that asked for it


def define_config_file(name: str, default: str, help_text: str) -> flags.FlagHolder:
    """Defines a flag for a config file whose fields `--<name>.field=value` overrides.

    A file that cannot be loaded and an override of a field that the config does not have end the process with code 2.

    Args:
        name: The flag's name.
        default: The file where the flag is not given. Like the flag's value, it is the name of a configuration that comes
            with the project, or a path.
        help_text: Words of `--help`.
    """
    with _stopping_on_config_errors(sys.argv):
        holder = config_flags.DEFINE_config_file(name, str(find_config(default)), help_text)
    flag = flags.FLAGS[name]
    flag.parser = _ConfigParser()
    flag.default_as_str = repr(default)
    return holder


def config_of(name: str) -> ml_collections.ConfigDict:
    """The configuration of such a flag, with what suits its network under what the user sets.

    Args:
        name: The flag's name.
    """
    flag = flags.FLAGS[name]
    return with_overrides(flag.value, config_flags.get_override_values(flag))


class _ConfigParser(flags.ArgumentParser):
    """Loads a config by name or path. ml_collections' own parser knows paths alone, and answers with tracebacks."""

    def parse(self, argument: str) -> ml_collections.ConfigDict:
        try:
            return load_config(argument).lock()
        except InputError as error:
            stop(str(error), EXIT_BAD_FLAGS)

    def flag_type(self) -> str:
        return "config object"


def run_main(main: Callable[[list[str]], None], needs_tensorflow: bool = True) -> NoReturn:
    """Runs a command's `main(argv)` after parsing the absl flags.

    The process ends with code 0, with 1 after an `InputError` (printed as `error: ...` on stderr, with the flags of its
    fields), with 2 after a bad flag, and with 128 + n when signal n interrupts it. Every other exception keeps its
    traceback. Commands import what needs TensorFlow inside `main`, so that `--help` and bad flags answer at once, and
    TensorFlow's start-up messages are caught here.

    Args:
        main: The command's function. It gets the program's name alone, because arguments that are no flags are refused.
        needs_tensorflow: Whether TensorFlow is imported before `main` is called.
    """

    def guarded_main(argv: list[str]) -> None:
        try:
            with interruptible():
                _set_up_logging()
                _let_any_name_be_printed()
                if needs_tensorflow:
                    import_tensorflow_quietly()
                    without_autograph(main)(argv)
                else:
                    main(argv)
        except InputError as error:
            stop(_with_flags(error), EXIT_INPUT_ERROR)
        except app.UsageError as error:
            stop(str(error), EXIT_BAD_FLAGS)
        except Interrupted as interrupted:
            end_interrupted(interrupted)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            stop(OUT_OF_MEMORY, EXIT_INPUT_ERROR)

    app.run(guarded_main, flags_parser=_parse_flags)
    raise AssertionError("app.run ends the process.")


def stop(message: str, code: int) -> NoReturn:
    """Ends the process with `error: <message>` on stderr and an exit code."""
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def _with_flags(error: InputError) -> str:
    """The error's message, with values that would work as flags, or else the flags that set its fields."""
    message = str(error)
    working = [words for values in (error.values, error.other_values) if (words := _as_flags(values))]
    if working:
        return f"{message} (this would do: {'; or: '.join(working)})"
    known = [flag for field in error.fields if (flag := _flag_of_field(field))]
    found = [flag for flag in known if not re.search(rf"{re.escape(flag)}\b", message)]
    return f"{message} (set with {' or '.join(found)})" if found else message


def _as_flags(values: Mapping[str, object]) -> str:
    found = ((_flag_of_field(field), value) for field, value in values.items())
    return " ".join(f"{flag}={value}" for flag, value in found if flag)


def _flag_of_field(field: str) -> str | None:
    """The flag that sets a field: one of the field's name, or an override of that field of a config.

    A flag with the last part of the name is short for the override.
    """
    if field in flags.FLAGS:
        return f"--{field}"
    values = flags.FLAGS.flag_values_dict()
    config = next((name for name, value in values.items() if _has_field(value, field)), None)
    if config is None:
        return None
    last = field.rpartition(".")[2]
    return f"--{last}" if last in flags.FLAGS else f"--{config}.{field}"


def _has_field(config: Any, field: str) -> bool:
    for name in field.split("."):
        if not (isinstance(config, ml_collections.ConfigDict) and name in config):
            return False
        config = config[name]
    return True


def _parse_flags(argv: Sequence[str]) -> list[str]:
    try:
        with _stopping_on_config_errors(argv):
            arguments = flags.FLAGS(argv)
    except flags.Error as error:
        stop(f"{error}\nPass --help for the list of flags.", EXIT_BAD_FLAGS)
    except SystemExit as end:
        sys.exit(0 if end.code == 1 else end.code)  # absl ends --help with code 1
    except BrokenPipeError:  # as of `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # What is left to write goes there.
        sys.exit(EXIT_INPUT_ERROR)
    if len(arguments) > 1:
        stop(f"unexpected argument {arguments[1]!r}: every option has the form --name=value.", EXIT_BAD_FLAGS)
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = absl_logging.WARNING
    return arguments


@contextlib.contextmanager
def _stopping_on_config_errors(argv: Sequence[str]) -> Iterator[None]:
    """Turns what ml_collections raises for a bad config flag into an error that names it."""
    try:
        yield
    except (AttributeError, KeyError) as error:
        field = unknown_field(error)
        overrides = [argument for argument in argv if field and re.match(rf"--?\w[\w.]*\.{field.name}\b", argument)]
        if field is None or not overrides:
            raise
        stop(f"{overrides[0]}: the config has no such field.{field.hint}", EXIT_BAD_FLAGS)


def _set_up_logging() -> None:
    """Warnings of the project come as one plain line; TensorFlow's C++ messages only where it crashes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    absl_logging.get_absl_handler().setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger("tensorflow").addFilter(_is_no_false_alarm)


def _let_any_name_be_printed() -> None:
    """What a terminal or pipe cannot show (bytes of file names, letters outside its encoding) becomes an escape, no error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Each network of a grid has compiled functions of its own, which TensorFlow takes for one that is compiled again."""
    return "triggered tf.function retracing" not in record.getMessage()
