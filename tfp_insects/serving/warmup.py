"""Requests that TensorFlow Serving runs when it loads a model, so that the first user does not wait for it."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

IMAGE_SIZE = 8  # The graph resizes what it gets.


def write_warmup_requests(path: Path, model_name: str) -> None:
    """Writes one request of one black image for each signature as a TFRecord file of `PredictionLog`.

    Args:
        path: `assets.extra/tf_serving_warmup_requests` of a version; its directory is made.
        model_name: What the server calls the model.
    """
    image = np.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3], np.float32)
    encoded = tf.io.encode_png(image[0].astype(np.uint8)).numpy()
    requests: dict[str, dict[str, np.ndarray]] = {
        "serving_default": {"image_bytes": np.array([encoded], object)},
        "predict_images": {"images": image},
        "predict_seeded": {"images": image, "seed": np.zeros([1], np.int64)},
        "predict_bytes_seeded": {"image_bytes": np.array([encoded], object), "seed": np.zeros([1], np.int64)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, inputs in requests.items():
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model_name, signature_name=signature_name),
                inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
