"""The exported graph, in the process that made it and as a server runs it."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import config_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfp_insects.data.pipeline import Examples, evaluation_dataset
from tfp_insects.data.sources import ImageSource
from tfp_insects.models.sampling import weights_of
from tfp_insects.serving.finished_run import read_finished_run
from tfp_insects.serving.graph import ServedModel, ServingOptions, summarise
from tfp_insects.uncertainty import metrics
from tfp_insects.uncertainty.few_images import FewImagesPredictor
from tfp_insects.uncertainty.monte_carlo import MonteCarloPredictor

Get = Callable[[str], Path]
MODELS = ("cnn", "all", "classifier", "head")
models = pytest.mark.parametrize("name", MODELS)
OUTPUTS = {
    "probabilities": (tf.float32, [None, 4]),
    "class_names": (tf.string, [None, 4]),
    "predicted_class": (tf.string, [None]),
    "predictive_entropy": (tf.float32, [None]),
    "aleatoric": (tf.float32, [None]),
    "epistemic": (tf.float32, [None]),
    "probability_std": (tf.float32, [None, 4]),
    "accepted": (tf.bool, [None]),
}


@pytest.fixture(scope="module")
def loaded(version_of: Get) -> Callable[[str], Any]:
    cache: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name not in cache:
            cache[name] = tf.saved_model.load(str(version_of(name)))
        return cache[name]

    return load


def in_unit_range(encoded: list[bytes]) -> tf.Tensor:
    return tf.stack([tf.cast(tf.io.decode_png(image), tf.float32) / 255.0 for image in encoded])


def seeded(model: Any, images: tf.Tensor, seed: int = 5) -> dict[str, np.ndarray]:
    answer = model.signatures["predict_seeded"](images=images, seed=tf.fill([len(images)], np.int64(seed)))
    return {name: value.numpy() for name, value in answer.items()}


@models
def test_signatures_are_float32_with_the_batch_first(name: str, loaded: Callable[[str], Any]) -> None:
    signatures = loaded(name).signatures
    inputs = {
        "serving_default": {"image_bytes": (tf.string, [None])},
        "predict_images": {"images": (tf.float32, [None, None, None, 3])},
        "predict_seeded": {"images": (tf.float32, [None, None, None, 3]), "seed": (tf.int64, [None])},
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


@models
def test_a_seeded_answer_is_the_models_own_prediction(
    name: str, loaded: Callable[[str], Any], run_of: Get, runs: Any
) -> None:
    encoded = runs.images(6, seed=3)
    run = read_finished_run(run_of(name))
    draws = FewImagesPredictor(run.build_model()).predict([(runs.prepare(encoded), None)], runs.num_samples, seed=5)
    answer = seeded(loaded(name), in_unit_range(encoded))
    np.testing.assert_allclose(answer["probabilities"], draws.mean(0), atol=1e-5)
    np.testing.assert_allclose(answer["probability_std"], draws.std(0), atol=1e-5)
    np.testing.assert_allclose(answer["predictive_entropy"], metrics.predictive_entropy(draws), atol=1e-5)
    np.testing.assert_allclose(answer["aleatoric"], metrics.expected_entropy(draws), atol=1e-5)
    np.testing.assert_allclose(answer["epistemic"], metrics.mutual_information(draws), atol=1e-5)
    names = np.array(runs.class_names).astype(bytes)
    assert answer["predicted_class"].tolist() == names[draws.mean(0).argmax(-1)].tolist()
    assert answer["class_names"].tolist() == [names.tolist()] * 6
    if name == "cnn":
        assert not answer["epistemic"].any()
        assert not answer["probability_std"].any()
    else:
        assert answer["epistemic"].min() > 0.001


@pytest.mark.parametrize("name", ["all", "head"])
def test_fresh_answers_agree_with_draws_of_all_weights(
    name: str, loaded: Callable[[str], Any], run_of: Get, runs: Any
) -> None:
    encoded, num_answers, num_draws = runs.images(3, seed=3), 30, 150
    model = read_finished_run(run_of(name)).build_model()
    draws = np.float64(MonteCarloPredictor(model).predict([(runs.prepare(encoded), None)], num_draws, seed=1))
    default = loaded(name).signatures["serving_default"]
    answers = [default(image_bytes=tf.constant(encoded)) for _ in range(num_answers)]
    found = np.array([answer["probabilities"] for answer in answers], np.float64)
    error = np.sqrt(draws.var(0) / num_draws + found.var(0) / num_answers)
    assert np.all(np.abs(found.mean(0) - draws.mean(0)) < 5 * error + 1e-6)
    # Each answer is a mean of num_samples draws.
    expected_variance = draws.var(0) / runs.num_samples
    assert np.all(found.var(0)[expected_variance > 1e-5] < 3 * expected_variance[expected_variance > 1e-5])
    assert found.std(0).max() > 0.01


def encode(pixels: np.ndarray, form: str, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, form)
    return stream.getvalue()


def files() -> list[bytes]:
    """Small, large (shrunk on decoding), long, grey, palette and transparent ones."""
    rng = np.random.default_rng(2)

    def noise(height: int, width: int) -> np.ndarray:
        return np.kron(rng.integers(0, 255, (height // 10, width // 10, 3)), np.ones((10, 10, 1))).astype(np.uint8)

    return [
        encode(noise(60, 70), "JPEG"),
        encode(noise(190, 230), "JPEG"),
        encode(noise(40, 300), "PNG"),
        encode(noise(50, 50), "JPEG", "L"),
        encode(noise(80, 80), "PNG", "P"),
        encode(noise(80, 80), "PNG", "RGBA"),
    ]


def pipeline_batches(encoded: list[bytes], runs: Any) -> tf.data.Dataset:
    labels = np.zeros(len(encoded), np.int32)
    names = tuple(f"ant/{i}.jpg" for i in range(len(encoded)))
    source = ImageSource("files", ("ant", "bee"), names, labels, None, lambda i: encoded[i])
    return evaluation_dataset(Examples(source, np.arange(len(encoded)), labels), runs.preprocessing, batch_size=4)


def test_encoded_images_get_the_answer_of_the_training_pipeline(
    loaded: Callable[[str], Any], run_of: Get, runs: Any
) -> None:
    encoded = files()
    model = read_finished_run(run_of("cnn")).build_model()
    expected = FewImagesPredictor(model).predict(pipeline_batches(encoded, runs), 1, seed=0)[0]
    found = loaded("cnn").signatures["serving_default"](image_bytes=tf.constant(encoded))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(0).max() > 0.01


def test_encoded_images_get_the_answer_of_the_training_pipeline_under_one_seed(
    run_of: Get, runs: Any, tmp_path: Path
) -> None:
    encoded, run = files(), read_finished_run(run_of("all"))
    model = run.build_model()
    expected = FewImagesPredictor(model).predict(pipeline_batches(encoded, runs), 3, seed=5).mean(0)
    (tmp_path / "names.txt").touch()
    options = ServingOptions(run.preprocessing, run.class_names, 3, 0.5)
    served = ServedModel(weights_of(model), options, tmp_path / "names.txt")
    found = served.answer(served.prepare_bytes(tf.constant(encoded)), tf.constant(5, tf.int64))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_decoded_images_get_the_answer_of_their_files(loaded: Callable[[str], Any], runs: Any) -> None:
    served = loaded("cnn")
    for encoded in (runs.images(1, size=50), runs.images(1, size=200)):
        from_bytes = served.signatures["serving_default"](image_bytes=tf.constant(encoded))["probabilities"]
        from_images = served.signatures["predict_images"](images=in_unit_range(encoded))["probabilities"]
        np.testing.assert_allclose(from_images, from_bytes, atol=1e-5)


@models
def test_a_batch_of_1_and_of_64_give_one_answer(name: str, loaded: Callable[[str], Any], runs: Any) -> None:
    images = in_unit_range(runs.images(64, seed=4))
    together = seeded(loaded(name), images)
    for i in (0, 17, 63):
        alone = seeded(loaded(name), images[i : i + 1])
        for key in ("probabilities", "probability_std", "epistemic"):
            np.testing.assert_allclose(alone[key][0], together[key][i], atol=1e-5)


def test_an_answer_repeats_under_its_seed_and_not_without(loaded: Callable[[str], Any], runs: Any) -> None:
    images = in_unit_range(runs.images(2))
    first, again, other = (seeded(loaded("all"), images, seed)["probabilities"] for seed in (2**62, 2**62, -(2**62)))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    fresh = [loaded("all").signatures["predict_images"](images=images)["probabilities"].numpy() for _ in range(2)]
    assert np.abs(fresh[0] - fresh[1]).max() > 0.01


def test_answers_are_accepted_from_the_threshold_on() -> None:
    probabilities = tf.constant([[[0.6, 0.4], [0.3, 0.7]], [[0.7, 0.3], [0.7, 0.3]]])
    accepted = {
        threshold: summarise(probabilities, ("ant", "bee"), threshold)["accepted"].numpy().tolist()
        for threshold in (0.5, 0.6, 0.66, float("inf"))
    }
    assert accepted == {0.5: [True, True], 0.6: [True, False], 0.66: [False, False], float("inf"): [False, False]}


def graph_nodes(version: Path) -> tuple[list[Any], list[Any]]:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version / "saved_model.pb").read_bytes())
    (meta_graph,) = saved.meta_graphs
    functions = list(meta_graph.graph_def.library.function)
    nodes = [*meta_graph.graph_def.node, *(node for function in functions for node in function.node_def)]
    return nodes, functions


@models
def test_the_graph_is_made_of_tensorflows_own_operations(name: str, version_of: Get) -> None:
    nodes, functions = graph_nodes(version_of(name))
    operations = {node.op for node in nodes}
    names_of_functions = {function.signature.name for function in functions}
    assert {
        operation for operation in operations - names_of_functions if op_def_registry.get(operation) is None
    } == set()
    forbidden = ("PyFunc", "Xla", "Numpy", "Generator", "RngSkip", "RngRead")
    assert [operation for operation in operations if any(word in operation for word in forbidden)] == []
    for item in [*nodes, *functions]:
        assert not item.attr["_XlaMustCompile"].b
    if name != "cnn":
        assert "StatelessRandomNormalV2" in operations


@models
def test_no_seed_is_stored(name: str, version_of: Get) -> None:
    nodes, _ = graph_nodes(version_of(name))
    stateful = [node for node in nodes if "Random" in node.op and "Stateless" not in node.op]
    assert {(node.op, node.attr["seed"].i, node.attr["seed2"].i) for node in stateful} == {("RandomUniformInt", 0, 0)}


@models
def test_the_export_holds_its_weights_once_and_no_more(name: str, version_of: Get, run_of: Get) -> None:
    model = read_finished_run(run_of(name)).build_model()
    kernels = [weight for weight in model.weights if weight.name.endswith(("kernel:0", "kernel_loc:0"))]
    biases = [weight for weight in model.weights if weight.name.endswith("bias:0")]
    random = [weight for weight in kernels if weight.name.endswith("kernel_loc:0")]
    assert (len(kernels), len(biases)) == (8, 8)
    needed = 4 * sum(weight.shape.num_elements() for weight in [*kernels, *random, *biases])
    version = version_of(name)
    held = sum(path.stat().st_size for path in (version / "variables").iterdir())
    assert needed <= held < needed + 5_000
    rest = sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) - held
    assert rest < 250_000  # The graph, whatever the width.
    saved = (version / "saved_model.pb").read_bytes()
    for word in (b"tf_keras", b"keras", b"prior", b"momentum", b"kl_weight"):
        assert word not in saved


BAD_BYTES = {
    "text": b"this is no image",
    "empty": b"",
    "one byte": b"\xff",
    "gif": b"GIF89a" + bytes(40),
    "cut jpeg": None,
    "cut png": None,
    "jpeg's first bytes": b"\xff\xd8\xff\xe0" + bytes(30),
}


def bad_bytes(kind: str) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    cut = {"cut jpeg": "JPEG", "cut png": "PNG"}
    return encode(image, cut[kind])[:300] if kind in cut else BAD_BYTES[kind]


@pytest.mark.parametrize("kind", BAD_BYTES)
def test_malformed_bytes_are_an_invalid_argument(kind: str, loaded: Callable[[str], Any], runs: Any) -> None:
    signature = loaded("all").signatures["serving_default"]
    good = runs.images(1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        signature(image_bytes=tf.constant([*good, bad_bytes(kind)]))
    assert signature(image_bytes=tf.constant(good))["probabilities"].shape == (1, 4)


@models
def test_an_empty_batch_gets_an_empty_answer(name: str, loaded: Callable[[str], Any]) -> None:
    signatures, no_images = loaded(name).signatures, tf.zeros([0, 63, 63, 3])
    answers = [
        signatures["serving_default"](image_bytes=tf.zeros([0], tf.string)),
        signatures["predict_images"](images=no_images),
        signatures["predict_seeded"](images=no_images, seed=tf.zeros([0], tf.int64)),
    ]
    for answer in answers:
        assert {key: value.shape.as_list() for key, value in answer.items()} == {
            key: [0, *shape[1:]] for key, (_, shape) in OUTPUTS.items()
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


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_a_wrong_input_is_an_invalid_argument_in_a_session_too(kind: str, session: Any) -> None:
    signature_name, inputs = BAD_INPUTS[kind]
    with pytest.raises(tf.errors.InvalidArgumentError):
        session(signature_name, inputs)


def test_a_session_gives_the_same_answers(session: Any, loaded: Callable[[str], Any], runs: Any) -> None:
    images = in_unit_range(runs.images(3))
    expected = seeded(loaded("all"), images)
    found = session("predict_seeded", {"images": images.numpy(), "seed": np.full([3], 5, np.int64)})
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-5)
    assert found["predicted_class"].tolist() == expected["predicted_class"].tolist()
    with pytest.raises(tf.errors.InvalidArgumentError):
        session("serving_default", {"image_bytes": np.array([b"no image"], object)})
    assert len(session("serving_default", {"image_bytes": np.array([], object)})["accepted"]) == 0
