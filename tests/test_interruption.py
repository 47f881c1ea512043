"""Signals that end a process, sent by the system to real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fixtures.interrupting import raise_instead

from tfp_insects.errors import InputError
from tfp_insects.interruption import SIGNALS, Interrupted, interruptible, raise_if_interrupted

ROOT = Path(__file__).resolve().parents[1]
LINE = "error: interrupted by SIGTERM; the same command goes on where this one was\n"
START = """
import hashlib, signal, sys, time
from tfp_insects.errors import InputError
from tfp_insects.interruption import interruptible

def ready():
    print("ready", flush=True)
"""
# One instruction of Python's that takes minutes, as a large operation of TensorFlow can.
STUCK = """
with interruptible(grace_seconds=0.5):
    ready()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""
# Where exceptions are only reported.
LOST = """
class Careless:
    def __del__(self):
        ready()
        time.sleep({seconds})

with interruptible(grace_seconds={grace}):
    Careless()
    time.sleep(60)
"""
IGNORED = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with interruptible():
    ready()
    time.sleep(60)
"""


def start(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", START + script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_exception_that_is_taken_for_no_defect(number: signal.Signals) -> None:
    before, threads = {one: signal.getsignal(one) for one in SIGNALS}, threading.active_count()
    caught = None
    try:
        with interruptible():
            try:
                os.kill(os.getpid(), number)
                time.sleep(1)
            except Exception:
                pytest.fail("it was taken for a defect")
    except KeyboardInterrupt as interrupted:
        caught = interrupted
    assert isinstance(caught, Interrupted)
    assert caught.exit_code == 128 + number
    assert str(caught) == f"interrupted by {number.name}; the same command goes on where this one was"
    assert {one: signal.getsignal(one) for one in SIGNALS} == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("script", [STUCK, LOST.format(seconds=60, grace=0.5)], ids=["stuck", "lost"])
def test_a_process_that_does_not_get_to_it_ends_after_a_time_of_grace(script: str) -> None:
    process = start(script)
    time.sleep(0.1)
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 143
    assert errors.endswith(LINE)


def test_a_second_signal_ends_at_once() -> None:
    process = start(LOST.format(seconds=0.2, grace=60))
    process.terminate()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 143
    assert errors.endswith(LINE)


def test_what_is_ignored_stays_ignored() -> None:
    process = start(IGNORED)
    process.send_signal(signal.SIGHUP)  # As after nohup, when the terminal goes.
    time.sleep(0.3)
    assert process.poll() is None
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert "Interrupted: interrupted by SIGTERM" in errors


def test_an_error_that_a_library_makes_of_a_signal_is_the_signal() -> None:
    with pytest.raises(Interrupted, match="interrupted by SIGTERM"), interruptible():
        raise_instead(SystemError())


def test_work_that_goes_on_after_errors_ends_after_that_of_a_signal() -> None:
    with interruptible():
        raise_if_interrupted(ValueError("no signal came"))
        with pytest.raises(SystemError) as found:
            raise_instead(SystemError())
        with pytest.raises(Interrupted):
            raise_if_interrupted(found.value)
    raise_if_interrupted(ValueError("outside of the block nothing is known of it"))


def test_who_knows_what_interrupted_it_may_say_so() -> None:
    """As Ray's watch does, which interrupts the main thread where the head of a cluster is gone."""
    with pytest.raises(InputError, match="the head is gone"), interruptible():
        raise_instead(InputError("the head is gone"), signal.SIGINT)


def test_without_a_signal_an_error_is_itself() -> None:
    with pytest.raises(SystemError), interruptible():
        raise SystemError
