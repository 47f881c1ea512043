"""One configuration in a process of its own, so that its peak of memory is its own.

Started by `processes.py` with a configuration as its argument. It builds, runs once to warm up, and prints the number of
images of a run. Then it runs once for each line that it reads and prints the milliseconds; at the end of its input it prints
its peak of memory in megabytes.
"""

import resource
import sys
import time

from measuring.configuration import Configuration
from tfp_insects.startup import import_tensorflow_quietly


def main() -> None:
    """Serves one configuration."""
    import_tensorflow_quietly()
    import tensorflow as tf

    from measuring.workloads import make_workload

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    workload = make_workload(Configuration.from_json(sys.argv[1]))
    workload.run()
    print(workload.num_images, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        workload.run()
        print((time.perf_counter() - started) * 1e3, flush=True)
    print(_peak_megabytes(on_gpu=bool(gpus)), flush=True)


def _peak_megabytes(on_gpu: bool) -> float:
    """Peak of the GPU's memory where there is one, else of the whole process (TensorFlow itself is about 500)."""
    if on_gpu:
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
