"""The published weights: their cache, and what is said where they cannot be had. How files come: tests/downloads/."""

import socket
from pathlib import Path

import pytest
from fixtures.https_servers import CONTENT, HttpsServer

from tfp_insects.downloads.https import Patience
from tfp_insects.errors import InputError
from tfp_insects.models.pretrained_files import imagenet_weights
from tfp_insects.own_output import MARKER_NAME

WAYS_OUT = r"name one as weights .*, or do without \(none\)"


def test_downloads_once_and_keeps_the_file(https_server: HttpsServer, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache"
    path = imagenet_weights(cache, f"{https_server.url}/w.pth", https_server.sha256)
    assert path == cache / "w.pth"
    assert path.read_bytes() == CONTENT
    assert {path.name for path in cache.iterdir()} == {MARKER_NAME, ".w.pth.lock", "w.pth"}
    # The same name at a server that is not there: only the cache can answer.
    assert imagenet_weights(cache, "https://127.0.0.1:9/w.pth", https_server.sha256) == path


def test_a_damaged_cached_file_is_replaced(https_server: HttpsServer, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(CONTENT[:-1])
    path = imagenet_weights(tmp_path, f"{https_server.url}/w.pth", https_server.sha256)
    assert path.read_bytes() == CONTENT


def test_a_failed_download_leaves_nothing_that_could_be_taken_for_weights(
    https_server: HttpsServer, tmp_path: Path
) -> None:
    url = f"{https_server.url}/w.pth"
    with pytest.raises(InputError, match=f"{url}: .*cannot be downloaded .*has SHA-256 .*{WAYS_OUT}") as caught:
        imagenet_weights(tmp_path, url, "0" * 64)
    assert caught.value.fields == ("weights",)
    assert [path.name for path in tmp_path.iterdir()] == [".w.pth.lock"]


def test_without_network_the_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=rf"refused.*{WAYS_OUT}"):
        imagenet_weights(tmp_path, f"https://127.0.0.1:{port}/w.pth", "0" * 64)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/w.pth"
        with pytest.raises(InputError, match=r"no answer within 0\.2 s"):
            imagenet_weights(tmp_path, url, "0" * 64, Patience(connect=0.2))


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be downloaded to .*file/w\.pth"):
        imagenet_weights(tmp_path / "file", "https://127.0.0.1:9/w.pth", "0" * 64)
