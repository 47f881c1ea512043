"""Signatures of the exported graph: what they take, give and refuse, loaded in Python and as a server runs them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

Get = Callable[[str], Path]
OUTPUTS: dict[str, tuple[Any, list[int | None]]] = {
    "probabilities": (tf.float32, [None, 4]),
    "class_names": (tf.string, [None, 4]),
    "predicted_class": (tf.string, [None]),
    "predictive_entropy": (tf.float32, [None]),
    "aleatoric": (tf.float32, [None]),
    "epistemic": (tf.float32, [None]),
    "probability_std": (tf.float32, [None, 4]),
    "accepted": (tf.bool, [None]),
    "unknown": (tf.bool, [None]),
}
BAD_INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "grey levels": ("predict_images", {"images": np.full([1, 9, 9, 3], 200.0, np.float32)}),
    "nan": ("predict_images", {"images": np.full([1, 9, 9, 3], np.nan, np.float32)}),
    "no pixels": ("predict_images", {"images": np.zeros([1, 0, 9, 3], np.float32)}),
    "one channel": ("predict_images", {"images": np.zeros([1, 9, 9, 1], np.float32)}),
    "four channels": ("predict_images", {"images": np.zeros([1, 9, 9, 4], np.float32)}),
    "no batch": ("predict_images", {"images": np.zeros([9, 9, 3], np.float32)}),
    "scalar bytes": ("serving_default", {"image_bytes": np.array(b"x", object)}),
    "two seeds": (
        "predict_seeded",
        {"images": np.zeros([2, 9, 9, 3], np.float32), "seed": np.array([1, 2], np.int64)},
    ),
    "too few seeds": (
        "predict_seeded",
        {"images": np.zeros([2, 9, 9, 3], np.float32), "seed": np.array([1], np.int64)},
    ),
    "seed for nothing": (
        "predict_seeded",
        {"images": np.zeros([0, 9, 9, 3], np.float32), "seed": np.array([1], np.int64)},
    ),
}


def test_signatures_are_float32_with_the_batch_first(model_name: str, loaded: Callable[[str], Any]) -> None:
    signatures = loaded(model_name).signatures
    inputs = {
        "serving_default": {"image_bytes": (tf.string, [None])},
        "predict_images": {"images": (tf.float32, [None, None, None, 3])},
        "predict_seeded": {"images": (tf.float32, [None, None, None, 3]), "seed": (tf.int64, [None])},
        "predict_bytes_seeded": {"image_bytes": (tf.string, [None]), "seed": (tf.int64, [None])},
    }
    assert set(signatures) == set(inputs)
    for signature_name, expected in inputs.items():
        signature = signatures[signature_name]
        found = {
            key: (spec.dtype, spec.shape.as_list()) for key, spec in signature.structured_input_signature[1].items()
        }
        assert found == expected
        outputs = {key: (spec.dtype, spec.shape.as_list()) for key, spec in signature.structured_outputs.items()}
        assert outputs == OUTPUTS


def test_an_empty_batch_gets_an_empty_answer(model_name: str, loaded: Callable[[str], Any]) -> None:
    signatures, no_images = loaded(model_name).signatures, tf.zeros([0, 63, 63, 3])
    answers = [
        signatures["serving_default"](image_bytes=tf.zeros([0], tf.string)),
        signatures["predict_images"](images=no_images),
        signatures["predict_seeded"](images=no_images, seed=tf.zeros([0], tf.int64)),
        signatures["predict_bytes_seeded"](image_bytes=tf.zeros([0], tf.string), seed=tf.zeros([0], tf.int64)),
    ]
    for answer in answers:
        assert {key: value.shape.as_list() for key, value in answer.items()} == {
            key: [0, *shape[1:]] for key, (_, shape) in OUTPUTS.items()
        }


@pytest.fixture(scope="module")
def session(version_of: Get) -> Iterator[Any]:
    """What TensorFlow Serving does: the graph in a C++ session, fed by the names of the signature's tensors."""
    version = str(version_of("all"))
    with tf.Graph().as_default():
        session = tf.compat.v1.Session()
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], version)

    def run(signature_name: str, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        signature = meta_graph.signature_def[signature_name]
        options = config_pb2.CallableOptions(
            feed=[signature.inputs[name].name for name in inputs],
            fetch=[signature.outputs[name].name for name in OUTPUTS],
        )
        # Session.run would refuse wrong shapes in Python, before the graph sees them.
        call = session._make_callable_from_options(options)
        return dict(zip(OUTPUTS, call(*inputs.values()), strict=True))

    yield run
    session.close()


def test_a_session_gives_the_same_answers(session: Any, seeded: Callable, runs: Any) -> None:
    images = runs.in_unit_range(runs.images(3))
    expected = seeded("all", images)
    found = session("predict_seeded", {"images": images.numpy(), "seed": np.full([3], 5, np.int64)})
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-5)
    assert found["predicted_class"].tolist() == expected["predicted_class"].tolist()
    with pytest.raises(tf.errors.InvalidArgumentError):
        session("serving_default", {"image_bytes": np.array([b"no image"], object)})
    assert len(session("serving_default", {"image_bytes": np.array([], object)})["accepted"]) == 0


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_a_wrong_input_is_an_invalid_argument_in_a_session_too(kind: str, session: Any) -> None:
    signature_name, inputs = BAD_INPUTS[kind]
    with pytest.raises(tf.errors.InvalidArgumentError):
        session(signature_name, inputs)
