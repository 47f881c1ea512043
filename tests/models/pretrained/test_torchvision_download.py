"""The download of the published weights: its cache, and servers that fail."""

import http.server
import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.pretrained_files import imagenet_weights
from tfp_insects.own_output import MARKER_NAME

CONTENT = b"not really weights" * 1000
CONTENT_SHA256 = sha256(CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/absent.pth":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 100 if self.path == "/partial.pth" else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as local:
        thread = threading.Thread(target=local.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{local.server_port}"
        local.shutdown()
        thread.join()


def test_downloads_once_and_keeps_the_file(server: str, tmp_path: Path) -> None:
    cache, url = tmp_path / "new" / "cache", f"{server}/w.pth"
    path = imagenet_weights(cache, url, CONTENT_SHA256)
    assert path == cache / "w.pth"
    assert path.read_bytes() == CONTENT
    assert sorted(cache.iterdir()) == [cache / MARKER_NAME, path]
    # The same name at a server that is not there: only the cache can answer.
    assert imagenet_weights(cache, "http://127.0.0.1:9/w.pth", CONTENT_SHA256) == path


def test_a_damaged_cached_file_is_replaced(server: str, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(CONTENT[:-1])
    assert imagenet_weights(tmp_path, f"{server}/w.pth", CONTENT_SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "expected_sha256", "reason"),
    [
        ("w.pth", "0" * 64, f"has SHA-256 {CONTENT_SHA256}, expected {'0' * 64}"),
        ("partial.pth", CONTENT_SHA256, ""),
        ("absent.pth", CONTENT_SHA256, "404"),
    ],
)
def test_a_failed_download_leaves_nothing(
    server: str, tmp_path: Path, name: str, expected_sha256: str, reason: str
) -> None:
    ways_out = r"name one as weights .*, or do without \(none\)"
    with pytest.raises(InputError, match=f"{server}/{name}: .*cannot be downloaded .*{reason}.*{ways_out}"):
        imagenet_weights(tmp_path, f"{server}/{name}", expected_sha256)
    assert not list(tmp_path.iterdir())


def test_without_network_the_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=r"refused.*name one as weights.*or do without \(none\)"):
        imagenet_weights(tmp_path, f"http://127.0.0.1:{port}/w.pth", CONTENT_SHA256)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w.pth"
        with pytest.raises(InputError, match=r"no answer within|timed out"):
            imagenet_weights(tmp_path, url, CONTENT_SHA256, connect_seconds=0.2)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be downloaded to .*file/w\.pth"):
        imagenet_weights(tmp_path / "file", "http://127.0.0.1:9/w.pth", CONTENT_SHA256)
