"""What tests of several rooms share; each module of `fixtures` says what it makes."""

import gc
import signal
import sys

import pytest

pytest_plugins = [
    "fixtures.https_servers",
    "fixtures.invented_runs",
    "fixtures.models",
    "fixtures.new_files",
    "fixtures.own_network",
    "fixtures.tiny_study",
    "fixtures.tiny_twin",
    "fixtures.wheels",
]

# Whoever starts the tests in the background may have signals ignored, which all processes that tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Lets weights that a test leaves to chance be the same in each run, whatever ran before."""
    if tf_keras := sys.modules.get("tf_keras"):
        tf_keras.utils.set_random_seed(0)


def pytest_collection_finish() -> None:
    """Leaves the garbage collector out of what is imported by now, through which it would go again and again."""
    gc.collect()
    gc.freeze()
