"""Nothing is opened but https, wherever a redirection leads."""

import http.server
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.https_servers import CONTENT, HttpsServer

from tfp_insects.downloads.cached import DownloadError, RemoteFile, download
from tfp_insects.downloads.https import PATIENCE, Patience, open_https


@pytest.fixture
def plain_server() -> Iterator[str]:
    """A server by http, which has the file too; it is never to be asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/w.bin"
        server.shutdown()
        thread.join()
    assert not asked


def refused(server: HttpsServer, url: str, folder: Path, patience: Patience = PATIENCE) -> str:
    """The one line that says why `url` is not downloaded."""
    with pytest.raises(DownloadError) as caught:
        download(RemoteFile(url, "sha256", server.sha256), folder / "w.bin", patience)
    assert not [path for path in folder.iterdir() if not path.name.startswith(".")]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_http_is_refused(https_server: HttpsServer, plain_server: str, tmp_path: Path) -> None:
    assert f"{plain_server}: expected an address that begins with https://" in refused(
        https_server, plain_server, tmp_path
    )


def test_a_redirection_to_http_is_refused(https_server: HttpsServer, plain_server: str, tmp_path: Path) -> None:
    for code in (301, 302, 303, 307, 308):
        https_server.behaviour.answers["/moved"] = code, {"Location": plain_server}
        message = refused(https_server, f"{https_server.url}/moved", tmp_path)
        assert f"{plain_server}: expected an address that begins with https://" in message


def test_a_redirection_within_https_is_followed_and_asks_for_the_rest(
    https_server: HttpsServer, tmp_path: Path
) -> None:
    https_server.behaviour.answers["/moved"] = 302, {"Location": f"{https_server.url}/w.bin"}
    (tmp_path / "w.bin.part").write_bytes(CONTENT[:1000])
    download(RemoteFile(f"{https_server.url}/moved", "sha256", https_server.sha256), tmp_path / "w.bin")
    assert https_server.asked == [("bytes=1000-", ""), ("bytes=1000-", "")]
    assert (tmp_path / "w.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://127.0.0.1/w.bin", "data:text/plain,x", "https://[", ""]
)
def test_an_odd_redirection_is_one_line(https_server: HttpsServer, tmp_path: Path, address: str) -> None:
    https_server.behaviour.answers["/moved"] = 302, {"Location": address}
    assert refused(https_server, f"{https_server.url}/moved", tmp_path)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    https_server: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    message = refused(https_server, f"{https_server.url}/w.bin", tmp_path)
    assert re.search("CERTIFICATE_VERIFY_FAILED", message)
    assert not https_server.asked


def test_a_certificate_for_another_name_is_refused(https_server: HttpsServer, tmp_path: Path) -> None:
    url = f"https://localhost:{https_server.server_port}/w.bin"
    assert "CERTIFICATE_VERIFY_FAILED" in refused(https_server, url, tmp_path)
    assert not https_server.asked


def test_what_a_server_says_cannot_write_to_the_terminal(https_server: HttpsServer, tmp_path: Path) -> None:
    https_server.behaviour.answers["/moved"] = 302, {"Location": "gopher://\x1b[31mred"}
    message = refused(https_server, f"{https_server.url}/moved", tmp_path)
    assert "\x1b" not in message


def test_errors_of_the_server_are_named(https_server: HttpsServer, tmp_path: Path) -> None:
    https_server.behaviour.answers["/absent"] = 404, {}
    assert refused(https_server, f"{https_server.url}/absent", tmp_path) == "HTTP Error 404: Not Found"
    assert len(https_server.asked) == 1


def test_a_server_that_never_answers_is_given_up(https_server: HttpsServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/w.bin"
        assert refused(https_server, url, tmp_path, Patience(connect=0.2)) == "no answer within 0.2 s"


def test_what_answers_without_tls_is_one_line(https_server: HttpsServer, tmp_path: Path, plain_server: str) -> None:
    assert "SSL" in refused(https_server, plain_server.replace("http:", "https:"), tmp_path)


def test_a_proxy_is_asked_for_a_tunnel_and_sees_nothing_else(
    https_server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(TimeoutError):
            open_https("https://example.org/w.bin", {}, Patience(connect=0.5, silent=5.0))
        connection, _ = proxy.accept()
        with connection:
            assert connection.recv(1000).startswith(b"CONNECT example.org:443 HTTP/1.")
