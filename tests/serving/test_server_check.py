"""The check of a server, against a stand-in that speaks TensorFlow Serving's protocols."""

import base64
import http.server
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfp_insects.serving.server_check import check_server

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "serving_check.sh"


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: Any) -> None:
        self.model = model

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        signature = self.model.signatures[request.model_spec.signature_name]
        outputs = signature(**{name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()})
        protos = {name: tf.make_tensor_proto(value) for name, value in outputs.items()}
        return predict_pb2.PredictResponse(model_spec=request.model_spec, outputs=protos)


def handler(model: Any) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/models/insects:predict"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            encoded = [base64.b64decode(row["image_bytes"]["b64"]) for row in body["instances"]]
            outputs = model.signatures["serving_default"](image_bytes=tf.constant(encoded))
            rows = [{"probabilities": row.tolist()} for row in outputs["probabilities"].numpy()]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"predictions": rows}).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


@pytest.fixture
def addresses(request: pytest.FixtureRequest, version_of: Callable[[str], Path]) -> Iterator[tuple[str, str]]:
    """Serves the export of the run that the test names."""
    model = tf.saved_model.load(str(version_of(request.param)))
    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(model), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(model)) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}", f"127.0.0.1:{port}"
        web.shutdown()
    server.stop(None).wait()


@pytest.fixture
def image(runs: Any, tmp_path: Path) -> Path:
    (tmp_path / "image.png").write_bytes(runs.images(1)[0])
    return tmp_path / "image.png"


@pytest.mark.parametrize("addresses", ["head"], indirect=True)
def test_a_server_of_the_run_passes(addresses, run_of, version_of, image) -> None:
    said = check_server(run_of("head"), version_of("head").parent, image, *addresses)
    assert said.startswith("REST, fresh noise: the server's answer and the run's own differ by ")
    assert "gRPC, one seed" in said


@pytest.mark.parametrize("addresses", ["cnn"], indirect=True)
def test_a_server_of_another_run_fails(addresses, run_of, version_of, image) -> None:
    with pytest.raises(AssertionError, match=r"the server answers .*, the run itself "):
        check_server(run_of("head"), version_of("head").parent, image, *addresses)


def test_without_docker_the_script_says_that_it_was_not_run(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        [str(SCRIPT), "run", str(tmp_path), "image"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (77, "NOT RUN: Docker is not there, or its daemon does not answer.\n")


def test_an_interrupted_script_removes_the_container_and_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name, lines in (
        ("docker", f'echo "$@" >> {log}\necho some_container\n'),
        ("curl", f"echo curl >> {log}\nexit 1\n"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    script = subprocess.Popen([str(SCRIPT), "run", str(tmp_path), "image"], env=environment)
    end = time.monotonic() + 60
    while not log.exists() or "curl" not in log.read_text():
        assert time.monotonic() < end, "the server was not asked in time"
        time.sleep(0.01)
    script.send_signal(signal.SIGTERM)
    assert script.wait(timeout=60) == 130
    assert log.read_text().endswith("rm --force some_container\n")
