"""Calls made at the same time, each in a fresh process that ends with this one, however this one ends."""

import functools
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from tfp_insects.startup import use_threads
from tfp_insects.study.child_process import Message, answer

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

# Those of a terminal come to a command's whole group: what follows from them is for this process to decide. SIGTERM is
# unblocked by the new process itself, as soon as it can be ended by it.
BLOCKED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
END_SECONDS = 5.0
# Forking a process in which TensorFlow runs would copy its locks.
CONTEXT = multiprocessing.get_context("spawn")


def run_in_processes(
    calls: Mapping[Key, Callable[..., Result]],
    num_jobs: int,
    prepare: Callable[[], object] | None = None,
    on_start: Callable[[Key], object] = lambda key: None,
    on_message: Callable[[Key, Any], object] | None = None,
) -> Generator[tuple[Key, Result | None], None, None]:
    """Makes each call in a fresh process and yields the results as they come, none where the process died.

    When the iterator is closed, or an exception such as an interrupt leaves it, the processes are ended. When this process
    is killed, they end by themselves.

    Args:
        calls: What to call, by any name; `functools.partial` of functions at the top of a module.
        num_jobs: Processes at the same time.
        prepare: Called in each process before anything else is imported; by default it imports TensorFlow and gives it the
            process's share of the cores.
        on_start: Called with the name of each call that is begun.
        on_message: Called with a name and what its call tells on the way; each call then has one argument, the function that
            it tells it to.
    """
    prepare = prepare or functools.partial(use_threads, max(1, (os.cpu_count() or 1) // num_jobs))
    waiting = list(calls.items())
    running: dict[Connection, tuple[Key, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_jobs:
                key, call = waiting.pop(0)
                answers, process = _start(call, prepare, tells=on_message is not None)
                running[answers] = key, process
                on_start(key)
            ready = wait(list(running))
            for answers in [one for one in running if one in ready]:
                message, (key, process) = _receive(answers), running[answers]
                if not message.is_result:
                    assert on_message is not None
                    on_message(key, message.content)
                    continue
                del running[answers]
                answers.close()
                _end([process], is_done=message.content is not None)
                yield key, message.content
    finally:
        _end([process for _, process in running.values()])


def _start(call: Callable[..., object], prepare: Callable[[], object], tells: bool) -> tuple[Connection, BaseProcess]:
    answers, theirs = CONTEXT.Pipe(duplex=False)
    # Processes that are left at the end of this one are ended, not waited for, if they are daemons.
    process = CONTEXT.Process(target=answer, args=(pickle.dumps(call), prepare, theirs, tells), daemon=True)
    resource_tracker.ensure_running()  # Its start would unblock what is blocked here.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)  # A new process has what is blocked from its parent.
    try:
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # What came meanwhile is raised here.
    except BaseException:
        if (
            process.pid is not None
        ):  # Nobody else knows of it yet, and it cannot see its parent's end before it has begun.
            process.kill()
            process.join()
        raise
    theirs.close()
    return answers, process


def _receive(answers: Connection) -> Message:
    """The next message; that there is no result, where the process died."""
    try:
        return answers.recv()
    except EOFError:
        return Message(True, None)


def _end(processes: Iterable[BaseProcess], is_done: bool = False) -> None:
    """Waits for processes that have done their work, and ends others."""
    for process in processes:
        if not is_done:
            process.terminate()
    for process in processes:
        process.join(END_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
