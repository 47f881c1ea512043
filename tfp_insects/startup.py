"""How a process starts TensorFlow.

Nothing large is imported here at the top: a fresh process unpickles what it has to call, and that imports this file before
anything else.
"""

import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow; the lines that its libraries print while they load are shown only if that fails.

    They are written to the file descriptor before TensorFlow reads any setting, so nothing gentler silences them.

    TensorFlow imports a whole Keras. Unless told otherwise that is Keras 3, which nothing here uses, and which imports
    scikit-learn and Matplotlib in turn: told to take `tf_keras`, it starts in two thirds of the time.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured, _nothing_collected():
        os.dup2(captured.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Leaves the garbage collector out of what is imported, then and later: hundreds of thousands of objects, all of use."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


def use_threads(num_threads: int) -> None:
    """Imports TensorFlow and gives it this many threads, within an operation and between operations."""
    import_tensorflow_quietly()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)


def without_autograph(function: Function) -> Function:
    """Makes a function whose call, and all that it calls, leaves Python's code as it is.

    AutoGraph rewrites every function that is traced into a file of its own among the system's temporary files, which stays
    there when the process is killed. No function here needs it: none has a Python `if` or `for` over tensors. A `tf.function`
    asks for it whatever is around it, unless it says `autograph=False`.
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def use_deterministic_operations() -> None:
    """Lets TensorFlow use only operations that give the same bits each time, from now on and in the whole process."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy or TensorFlow says that there is no memory for what was asked for."""
    import tensorflow as tf

    return isinstance(error, MemoryError | tf.errors.ResourceExhaustedError)
