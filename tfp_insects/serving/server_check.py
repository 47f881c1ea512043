"""Does a running TensorFlow Serving give the answers of the run that it serves? Over REST and over gRPC."""

import base64
import json
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_service_pb2_grpc

from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.data.images import decode_image
from tfp_insects.files import read_json
from tfp_insects.runs.run import Run
from tfp_insects.serving.export import open_exportable
from tfp_insects.serving.layout import MODEL_CARD_NAME
from tfp_insects.serving.loaded_model import newest_version

SEED = 5
ROUNDING = 1e-4  # Another build of TensorFlow sums in another order.
NUM_OWN_ANSWERS = 50
STANDARD_ERRORS = 5.0
TIMEOUT_SECONDS = 120.0


def check_server(run: Path, model: Path, image: Path, rest: str, grpc_address: str) -> str:
    """Sends one image over both protocols and compares the answers with the run's own prediction.

    Args:
        run: Directory of the run that was exported.
        model: Directory of the exported model; its name is the server's.
        image: A JPEG or PNG file.
        rest: `http://host:port`.
        grpc_address: `host:port`.

    Returns:
        What was compared, in two lines.

    Raises:
        AssertionError: An answer differs by more than rounding, or, where the noise is fresh, more than noise does.
    """
    finished, encoded, name = open_exportable(run), image.read_bytes(), model.resolve().name
    card = read_json(newest_version(model) / MODEL_CARD_NAME)
    num_samples, num_last = card["num_samples"], card.get("num_last_layer_samples", 1)
    fresh = np.array(ask_rest(f"{rest}/v1/models/{name}:predict", encoded)["probabilities"])
    seeded = ask_grpc(grpc_address, name, encoded, SEED)["probabilities"][0]
    seeds = range(SEED, SEED + 1 + NUM_OWN_ANSWERS)
    own_seeded, *own_fresh = _own_answers(finished, encoded, num_samples, num_last, seeds)
    allowed = STANDARD_ERRORS * np.std(own_fresh, axis=0) * (1 + 1 / NUM_OWN_ANSWERS) ** 0.5 + ROUNDING
    return "\n".join(
        [
            _compare("REST, fresh noise", fresh, np.mean(own_fresh, axis=0), allowed),
            _compare("gRPC, one seed", seeded, own_seeded, np.full(len(own_seeded), ROUNDING)),
        ]
    )


def ask_rest(url: str, encoded: bytes) -> dict[str, Any]:
    """Sends one encoded image to `serving_default`."""
    body = {"instances": [{"image_bytes": {"b64": base64.b64encode(encoded).decode()}}]}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        (answer,) = json.load(response)["predictions"]
    return answer


def ask_grpc(address: str, model_name: str, encoded: bytes, seed: int) -> dict[str, np.ndarray]:
    """Sends one decoded image to `predict_seeded`."""
    pixels = tf.cast(tf.io.decode_image(encoded, channels=3, expand_animations=False), tf.float32) / 255.0
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name=model_name, signature_name="predict_seeded"),
        inputs={
            "images": tf.make_tensor_proto(pixels[tf.newaxis]),
            "seed": tf.make_tensor_proto(np.array([seed], np.int64)),
        },
    )
    with grpc.insecure_channel(address) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, TIMEOUT_SECONDS)
    return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def _own_answers(run: Run, encoded: bytes, num_samples: int, num_last: int, seeds: Iterable[int]) -> list[np.ndarray]:
    """The run's own predictions of one image under different seeds, `[num_classes]` each."""
    image = run.preprocessing(decode_image(tf.constant(encoded), run.preprocessing.image_size))
    predictor, batches = make_predictor(run.build_model()), [(image[tf.newaxis], None)]
    return [predictor.predict(batches, num_samples, seed, num_last)[:, 0].mean(axis=0) for seed in seeds]


def _compare(what: str, found: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> str:
    difference = np.abs(found - expected)
    if np.any(difference > allowed):
        raise AssertionError(f"{what}: the server answers {found.tolist()}, the run itself {expected.tolist()}")
    return f"{what}: the server's answer and the run's own differ by {difference.max():.2g} at the most."
