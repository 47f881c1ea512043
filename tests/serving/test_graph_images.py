"""Images in every form that the exported graph takes, and encoded ones that it refuses."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.data.pipeline import Examples, evaluation_dataset
from tfp_insects.data.source import ImageSource
from tfp_insects.runs.reading import open_run
from tfp_insects.serving.graph import ServedModel, ServingOptions

Get = Callable[[str], Path]


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
    model = open_run(run_of("cnn")).build_model()
    expected = make_predictor(model).predict(pipeline_batches(encoded, runs), 1, seed=0)[0]
    found = loaded("cnn").signatures["serving_default"](image_bytes=tf.constant(encoded))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(0).max() > 0.01


def test_encoded_images_get_the_answer_of_the_training_pipeline_under_one_seed(
    run_of: Get, runs: Any, tmp_path: Path
) -> None:
    encoded, run = files(), open_run(run_of("all"))
    model = run.build_model()
    expected = make_predictor(model).predict(pipeline_batches(encoded, runs), 3, 5, 2).mean(0)
    (tmp_path / "names.txt").touch()
    options = ServingOptions(run.preprocessing, run.class_names, 3, 2, 0.5)
    served = ServedModel(model, options, tmp_path / "names.txt")
    found = served.answer(served.prepare_bytes(tf.constant(encoded)), tf.constant(5, tf.int64))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_decoded_images_get_the_answer_of_their_files(loaded: Callable[[str], Any], runs: Any) -> None:
    served = loaded("cnn")
    for encoded in (runs.images(1, size=50), runs.images(1, size=200)):
        from_bytes = served.signatures["serving_default"](image_bytes=tf.constant(encoded))["probabilities"]
        from_images = served.signatures["predict_images"](images=runs.in_unit_range(encoded))["probabilities"]
        np.testing.assert_allclose(from_images, from_bytes, atol=1e-5)


def cut_off(form: str) -> bytes:
    return encode(np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8), form)[:300]


BAD_BYTES = {
    "text": b"this is no image",
    "empty": b"",
    "one byte": b"\xff",
    "gif": b"GIF89a" + bytes(40),
    "cut jpeg": cut_off("JPEG"),
    "cut png": cut_off("PNG"),
    "jpeg's first bytes": b"\xff\xd8\xff\xe0" + bytes(30),
}


@pytest.mark.parametrize("content", BAD_BYTES.values(), ids=BAD_BYTES)
def test_malformed_bytes_are_an_invalid_argument(content: bytes, loaded: Callable[[str], Any], runs: Any) -> None:
    signature = loaded("all").signatures["serving_default"]
    good = runs.images(1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        signature(image_bytes=tf.constant([*good, content]))
    assert signature(image_bytes=tf.constant(good))["probabilities"].shape == (1, 4)
