"""The process in which a target is fuzzed; `run.py` starts it.

A target is a file in `targets/` with:

- `INSTRUMENTED`: the project's modules whose branches guide the fuzzer;
- `prepare(directory)`: imports what it needs, and returns a function of an input and a list of inputs to begin with. The
  function may use the directory, and passes on every error but the project's own.
"""

import functools
import importlib
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import atheris
from guard import guard

MAX_CPU_SECONDS = 20.0  # for one input, whatever else the machine does
MAX_GROWTH_BYTES = 2**30  # the largest image that is decoded takes 400 MB, and as much again while it is turned


def main(name: str, directory: Path, arguments: list[str]) -> None:
    target = importlib.import_module(f"targets.{name}")
    with atheris.instrument_imports(include=target.INSTRUMENTED):
        run, seeds = target.prepare(directory)
    for seed in seeds:
        run(seed)  # also what is imported late
    corpus = next((Path(argument) for argument in arguments if Path(argument).is_dir()), None)
    for number, seed in enumerate(seeds if corpus else ()):
        (corpus / f"seed{number}").write_bytes(seed)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)  # libFuzzer closes the other
    bound_memory()
    signal.signal(signal.SIGPROF, stop_slow_input)
    guard(directory)
    atheris.Setup([sys.argv[0], *arguments], functools.partial(run_in_time, run))
    atheris.Fuzz()


def run_in_time(run: Callable[[bytes], None], data: bytes) -> None:
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_SECONDS)
    run(data)
    signal.setitimer(signal.ITIMER_PROF, 0)


def stop_slow_input(*_: object) -> None:
    raise TimeoutError(f"an input takes over {MAX_CPU_SECONDS:g} seconds of the processor")


def bound_memory() -> None:
    """What is there already stays; it may grow by so much."""
    kilobytes = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert kilobytes is not None
    limit = 1024 * int(kilobytes[1]) + MAX_GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
