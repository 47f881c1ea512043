"""What tests of several rooms share; each module of `fixtures` says what it makes."""

import gc
import signal

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


def pytest_collection_finish() -> None:
    """Leaves the garbage collector out of what is imported by now, through which it would go again and again."""
    gc.collect()
    gc.freeze()
