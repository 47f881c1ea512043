"""Which numbers a model computes in."""

from pathlib import Path

import tensorflow as tf

from tfp_insects.errors import InputError

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def resolve_precision(name: str) -> str:
    """Turns `auto` into a Keras policy: `mixed_bfloat16` where the hardware has it, else `float32`.

    Args:
        name: `auto` or one of `POLICIES`.

    Returns:
        One of `POLICIES`.
    """
    if name == "auto":
        return "mixed_bfloat16" if _has_bfloat16() else "float32"
    if name not in POLICIES:
        raise InputError(f"precision {name!r} is unknown; expected auto or one of {', '.join(POLICIES)}")
    return name


def _has_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return capability >= (8, 0)
    processor = Path("/proc/cpuinfo")
    return processor.exists() and "bf16" in processor.read_text(errors="replace")
