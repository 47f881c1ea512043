"""Models that cannot be used are refused in one line that says what to do, and none of their code is run."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
import tensorflow as tf
import tf_keras
from fixtures.own_network import own_network

from tfp_insects.errors import InputError
from tfp_insects.models.architecture_table import architecture_names, find_architecture
from tfp_insects.models.pretrained_files import load_pretrained
from tfp_insects.models.templates.vetting import require_harmless

layers = tf_keras.layers


def image_input() -> Any:
    return tf_keras.Input([8, 8, 3])


def no_dense_end() -> tf_keras.Model:
    inputs = image_input()
    return tf_keras.Model(inputs, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="last")(inputs)))


def two_outputs() -> tf_keras.Model:
    inputs = image_input()
    flat = layers.Flatten()(inputs)
    return tf_keras.Model(inputs, [layers.Dense(2)(flat), layers.Dense(3)(flat)])


def two_inputs() -> tf_keras.Model:
    inputs = [image_input(), image_input()]
    return tf_keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Add()(inputs))))


def grey_input() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input([8, 8, 1]), layers.Flatten(), layers.Dense(2)])


def nested_end() -> tf_keras.Model:
    top = tf_keras.Sequential([tf_keras.Input([192]), layers.Dense(2)], name="top")
    return tf_keras.Sequential([image_input(), layers.Flatten(), top])


def dense_on_a_map() -> tf_keras.Model:
    return tf_keras.Sequential([image_input(), layers.Dense(2, name="everywhere")])


def random_crop() -> tf_keras.Model:
    return tf_keras.Sequential([image_input(), layers.RandomCrop(4, 4, name="crop"), layers.Flatten(), layers.Dense(2)])


def with_lambda() -> tf_keras.Model:
    return tf_keras.Sequential(
        [image_input(), layers.Lambda(lambda images: images / 2, name="halves"), layers.Flatten(), layers.Dense(2)]
    )


def writes_a_file() -> tf_keras.Model:
    inputs = image_input()
    flat = layers.Flatten()(inputs)
    return tf_keras.Model(inputs, layers.Dense(2)(tf.io.decode_raw(tf.strings.as_string(flat), tf.uint8)[:, :, 0]))


@tf_keras.utils.register_keras_serializable(package="theirs")
class Custom(layers.Layer):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs


def with_custom_layer() -> tf_keras.Model:
    return tf_keras.Sequential([image_input(), Custom(name="own"), layers.Flatten(), layers.Dense(2)])


class Subclassed(tf_keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.parts = [layers.Flatten(), layers.Dense(2)]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.parts[1](self.parts[0](inputs))


def subclassed() -> tf_keras.Model:
    model = Subclassed()
    model(tf.zeros([1, 8, 8, 3]))
    return model


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (
            no_dense_end,
            "m.keras",
            "does not end in a Dense layer but in .*GlobalAveragePooling2D.*: put tf_keras",
        ),
        (two_outputs, "m.keras", "the model has 2 outputs; expected one"),
        (two_inputs, "m.keras", "the model has 2 inputs; expected one"),
        (grey_input, "m.keras", r"input has the shape \(None, 8, 8, 1\); expected square colour images"),
        (nested_end, "m.keras", "its last layers lie in the nested model 'top': build them on its output instead"),
        (dense_on_a_map, "m.keras", "its last Dense layer 'everywhere' must be called once, on one vector"),
        (random_crop, "m.keras", r"layer 'crop' \(RandomCrop\) changes the size of images at random: take it out"),
        (with_lambda, "m.keras", "layer 'halves' is a Lambda, whose code would be run: write it with layers"),
        (with_lambda, "m.h5", "layer 'halves' is a Lambda, whose code would be run"),
        (with_lambda, "m", "layer 'halves' is a Lambda, whose code would be run"),
        (writes_a_file, "m.keras", "calls .*, which is not among those that only compute"),
        (
            with_custom_layer,
            "m.keras",
            "'own' is of the class theirs>Custom of .*, which is not of tf_keras: only its own",
        ),
        (with_custom_layer, "m.h5", "'own' is of the class theirs>Custom of its author"),
        (
            subclassed,
            "m",
            "Subclassed with a call of its own, which cannot be copied: expected a Sequential or Functional",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    make: Callable[[], tf_keras.Model], name: str, message: str, tmp_path: Path
) -> None:
    make().save(tmp_path / name)
    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path / name))}: .*{message}") as caught:
        find_architecture(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert caught.value.fields == ("model.architecture",)


def rewritten(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Changes a JSON file within a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        contents = {one: archive.read(one) for one in archive.namelist()}
    contents[name] = json.dumps(change(json.loads(contents[name]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in contents.items():
            archive.writestr(one, content)


def test_a_file_of_keras_3_is_told_by_its_version(tmp_path: Path) -> None:
    message = "saved by Keras 3.9.0, and tf_keras is Keras 2: build the same layers .*get_weights"
    own_network().save(tmp_path / "m.keras")
    rewritten(tmp_path / "m.keras", "metadata.json", lambda metadata: {**metadata, "keras_version": "3.9.0"})
    own_network().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["keras_version"] = "3.9.0"
    for name in ("m.keras", "m.h5"):
        with pytest.raises(InputError, match=message):
            find_architecture(str(tmp_path / name))


def test_a_class_of_any_module_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras imports what a configuration names, in its safe mode too."""
    (tmp_path / "hostile.py").write_text("from pathlib import Path\nPath(__file__).with_name('was_run').touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "m.keras"
    own_network().save(path)

    def hostile(config: Any) -> Any:
        config["config"]["layers"][1] |= {"module": "hostile", "class_name": "Layer"}
        return config

    rewritten(path, "config.json", hostile)
    with pytest.raises(InputError, match="of the class Layer of hostile, which is not of tf_keras"):
        find_architecture(str(path))
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "TFOpLambda", "name": "w", "config": {"function": "io.write_file"}}, "'w' calls io.write_file"),
        ({"class_name": "function", "module": "os", "config": "system"}, "'system' is of the class function of os"),
        (
            {"class_name": "function", "module": "keras.utils", "config": "get_file"},
            "is a function of keras.utils",
        ),
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "is a Lambda"),
        ([{"deep": ({"class_name": "Evil", "module": "evil"},)}], "of the class Evil of evil"),
    ],
)
def test_code_is_found_wherever_it_hides(config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_harmless(config)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.keras", "no such file or folder"),
        ("text.keras", "cannot be read as a model of tf_keras"),
        ("text.h5", "cannot be read as a model of tf_keras"),
        ("text.onnx", r"expected a model of tf_keras in a file ending in \.keras or \.h5"),
        ("folder", r"it is no SavedModel of tf_keras \(there is no keras_metadata\.pb\)"),
        ("weights.h5", "it holds weights alone: save it with tf_keras"),
    ],
)
def test_what_is_no_model_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for text in ("text.keras", "text.h5", "text.onnx"):
        (tmp_path / text).write_text("no model")
    own_network().save_weights(tmp_path / "weights.h5")
    with pytest.raises(InputError, match=message):
        find_architecture(str(tmp_path / name))


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    assert "alexnet" in architecture_names()
    listed = ", ".join(architecture_names())
    with pytest.raises(InputError, match=f"architecture=alexnett: unknown; expected one of {listed}, or the path"):
        find_architecture("alexnett")


def test_another_size_than_the_models_own_is_refused(own_network_file: Path) -> None:
    with pytest.raises(InputError, match="takes images of 32 x 32 pixels alone; give 0"):
        find_architecture(str(own_network_file)).require_image_size(64)


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights")
    message = f"^{re.escape(str(tmp_path / 'text.h5'))}: cannot be read as weights of tf_keras"
    with pytest.raises(InputError, match=message):
        load_pretrained(tmp_path / "text.h5", find_architecture("alexnet"))
