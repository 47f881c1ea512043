"""What a saved model may have Keras make: its own layers, and operations that compute.

The configuration in a file of a model names what is to be imported and called, and Keras does so even in its safe mode. So a
file from elsewhere could run any code. Here a configuration is read before Keras sees it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tfp_insects.errors import InputError

ROOTS = ("keras", "tf_keras", "tfp_insects")
FUNCTION_MODULES = ("activations", "initializers", "constraints", "regularizers")
OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")
# Operations of TensorFlow that compute, by the start of their names; others read and write files.
COMPUTING = ("math.", "nn.", "linalg.", "image.", "__operators__.", "keras.activations.", "compat.v1.nn.")
ARRAYS = (
    *("broadcast_to", "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "gather", "identity"),
    *(
        "ones_like",
        "pad",
        "repeat",
        "reshape",
        "reverse",
        "shape",
        "slice",
        "split",
        "squeeze",
        "stack",
        "strided_slice",
    ),
    *("tile", "transpose", "unstack", "where", "zeros_like", "compat.v1.pad", "compat.v1.transpose", "compat.v1.shape"),
)
CUSTOM = (
    "which is not of tf_keras: only its own layers can be read, since others would run code of the file's author. Build this "
    "part of your model from tf_keras.layers and save it again"
)


def require_harmless(config: Any) -> None:
    """Refuses a model's configuration with anything but layers of tf_keras and this package, and computing operations.

    Args:
        config: As in the file: nested mappings and sequences of plain values.

    Raises:
        InputError: There is something else; the message names it.
    """
    for one in _objects(config):
        kind, name = str(one["class_name"]), _name(one)
        if kind in ("Lambda", "__lambda__"):
            raise InputError(
                f"layer {name!r} is a Lambda, whose code would be run: write it with layers of tf_keras, such as Rescaling, "
                "or with operations such as tf.nn.relu on its input, and save the model again"
            )
        module, registered = one.get("module"), one.get("registered_name")
        given = str(registered or kind)
        if not given.startswith("tfp_insects>") and (">" in given or not _is_ours(module)):
            raise InputError(f"{name!r} is of the class {given} of {module or 'its author'}, {CUSTOM}")
        if kind == "function" and module not in (None, "builtins") and not str(module).endswith(FUNCTION_MODULES):
            raise InputError(f"{name!r} is a function of {module}, {CUSTOM}")
        if kind in OPERATIONS:
            _require_computing(one)


def _require_computing(config: Mapping[str, Any]) -> None:
    own = config.get("config", {})
    called = str(own.get("function", own.get("cls_symbol", ""))).removeprefix("tf.")
    if not (called.startswith(COMPUTING) or called in ARRAYS):
        raise InputError(
            f"{_name(config)!r} calls {called or 'an operation without a name'}, which is not among those that only compute: "
            "build this part of your model from tf_keras.layers and save it again"
        )


def _is_ours(module: Any) -> bool:
    return module in (None, "builtins") or str(module).partition(".")[0] in ROOTS


def _name(config: Mapping[str, Any]) -> str:
    inner = config.get("config")
    own = inner.get("name") if isinstance(inner, Mapping) else inner
    return str(config.get("name") or own or config["class_name"])


def _objects(config: Any) -> Iterator[Mapping[str, Any]]:
    """All that Keras would make something of."""
    if isinstance(config, Mapping):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _objects(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _objects(value)
