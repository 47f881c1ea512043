"""What tests of several rooms share; each module of `fixtures` says what it makes."""

import gc
import signal
from pathlib import Path

import pytest
import tensorflow as tf
import tf_keras

pytest_plugins = [
    "fixtures.https_servers",
    "fixtures.invented_runs",
    "fixtures.made_once",
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


def pytest_configure() -> None:
    """Lets TensorFlow have one thread where tests run two at a time; processes that tests start have as many as a user's."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Lets weights that a test leaves to chance be the same in each run, whatever ran before."""
    tf_keras.utils.set_random_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files of whole commands first: one that began last would leave the other process without work."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def pytest_collection_finish() -> None:
    """Leaves the garbage collector out of what is imported by now, and lets it look at the rest less often.

    Tracing makes many objects that live; going through them again and again takes one part in twenty of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
