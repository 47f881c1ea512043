"""What is downloaded, from a real server by https, on this machine."""

import hashlib
from pathlib import Path

import pytest
from fixtures.full_disks import full_disk
from fixtures.https_servers import CONTENT, HttpsServer

from tfp_insects.downloads import partial as partial_module
from tfp_insects.downloads.cached import DownloadError, RemoteFile, download, lock_path_of
from tfp_insects.downloads.https import Patience
from tfp_insects.errors import InputError


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "w.bin"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_module, "PAUSE_SECONDS", 0.0)


def remote(server: HttpsServer, name: str = "w.bin", **changed: object) -> RemoteFile:
    return RemoteFile(**{"url": f"{server.url}/{name}", "algorithm": "sha256", "digest": server.sha256, **changed})


def kept(target: Path) -> set[str]:
    """Names of what is left, but for the lock, which stays."""
    return {path.name for path in target.parent.iterdir()} - {lock_path_of(target).name}


def part_of(target: Path, content: bytes, validator: str | None = '"1"') -> Path:
    """What a broken download left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    if validator is not None:
        part.with_name(f"{part.name}.validator").write_text(validator)
    return part


def test_a_file_is_downloaded_once(https_server: HttpsServer, target: Path, capsys: pytest.CaptureFixture) -> None:
    for _ in range(2):
        download(remote(https_server), target)
    assert target.read_bytes() == CONTENT
    assert https_server.asked == [("", "")]
    assert kept(target) == {"w.bin"}
    shown = capsys.readouterr()
    assert "w.bin" in shown.err
    assert not shown.out


def test_a_damaged_file_is_replaced(https_server: HttpsServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    download(remote(https_server), target)
    assert target.read_bytes() == CONTENT


def test_a_broken_connection_is_made_anew_and_nothing_is_sent_twice(https_server: HttpsServer, target: Path) -> None:
    https_server.behaviour.cuts = [1000, 500]
    download(remote(https_server), target)
    assert target.read_bytes() == CONTENT
    assert https_server.asked == [("", ""), ("bytes=1000-", '"1"'), ("bytes=1500-", '"1"')]


def test_connections_that_bring_nothing_are_given_up_and_what_is_there_is_kept(
    https_server: HttpsServer, target: Path
) -> None:
    https_server.behaviour.cuts = [1000, 0]
    with pytest.raises(DownloadError, match=r"only 1,000 of 102,400 bytes arrived"):
        download(remote(https_server), target)
    assert kept(target) == {"w.bin.part", "w.bin.part.validator"}
    download(remote(https_server), target)
    assert https_server.asked[-1] == ("bytes=1000-", '"1"')
    assert target.read_bytes() == CONTENT


def test_connections_that_bring_little_are_given_up_in_the_end(
    https_server: HttpsServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_module, "MAX_CONNECTIONS", 5)
    https_server.behaviour.cuts = [1] * 1000
    with pytest.raises(DownloadError, match="bytes arrived"):
        download(remote(https_server), target)
    assert len(https_server.asked) == 5


def test_a_server_without_ranges_sends_the_whole_again(https_server: HttpsServer, target: Path) -> None:
    https_server.behaviour.has_ranges = False
    part_of(target, CONTENT[:1000])
    download(remote(https_server), target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_has_changed_on_the_server_is_received_anew(https_server: HttpsServer, target: Path) -> None:
    part_of(target, b"old" * 100, '"0"')
    download(remote(https_server), target)
    assert https_server.asked == [("bytes=300-", '"0"')]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}, {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}])
def test_only_a_strong_validator_is_sent_back(https_server: HttpsServer, target: Path, headers: dict[str, str]) -> None:
    https_server.behaviour.headers, https_server.behaviour.cuts = headers, [1000]
    download(remote(https_server), target)
    assert https_server.asked[:2] == [("", ""), ("bytes=1000-", headers.get("Last-Modified", ""))]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("beginning", [b"x" * 300, CONTENT + b"x", b"x" * len(CONTENT)])
def test_a_beginning_that_turns_out_wrong_is_thrown_away(
    https_server: HttpsServer, target: Path, beginning: bytes
) -> None:
    part_of(target, beginning)
    download(remote(https_server), target)
    assert target.read_bytes() == CONTENT
    assert https_server.asked[-1] == ("", "")
    assert kept(target) == {"w.bin"}


@pytest.mark.parametrize("validator", [None, "", '"1"\r\nX-Y: z', "ä", '"' * 10**6])
def test_whatever_lies_beside_a_beginning_no_header_is_made_of_it(
    https_server: HttpsServer, target: Path, validator: str | None
) -> None:
    part_of(target, CONTENT[:1000], validator)
    download(remote(https_server), target)
    assert https_server.asked == [("bytes=1000-", "")]
    assert target.read_bytes() == CONTENT


def test_a_whole_that_was_not_put_in_place_is_not_received_again(https_server: HttpsServer, target: Path) -> None:
    part_of(target, CONTENT)
    download(remote(https_server), target)
    assert https_server.asked == []
    assert kept(target) == {"w.bin"}


def test_another_part_than_the_one_asked_for_is_refused(https_server: HttpsServer, target: Path) -> None:
    part_of(target, CONTENT[:1000])
    https_server.behaviour.answers["/w.bin"] = 206, {"Content-Range": "bytes 10-20/30", "Content-Length": "0"}
    with pytest.raises(DownloadError, match=r"from byte 1,000, the server sent another part \('bytes 10-20/30'\)"):
        download(remote(https_server), target)
    assert not kept(target)


def test_a_wrong_content_names_both_sums_and_is_not_kept(https_server: HttpsServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=f"has SHA-256 {https_server.sha256}, expected {'0' * 64}"):
        download(remote(https_server, digest="0" * 64), target)
    assert not kept(target)


@pytest.mark.parametrize("algorithm", ["md5", "sha512"])
def test_other_sums_and_capitals_are_known(https_server: HttpsServer, target: Path, algorithm: str) -> None:
    digest = hashlib.new(algorithm, CONTENT).hexdigest().upper()
    download(remote(https_server, algorithm=algorithm, digest=digest), target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("is_told", [True, False])
def test_more_than_is_allowed_is_refused(https_server: HttpsServer, target: Path, is_told: bool) -> None:
    https_server.behaviour.has_length = is_told
    with pytest.raises(DownloadError, match=r"sends 102,400 bytes or more; expected at most 102,399"):
        download(remote(https_server, max_bytes=len(CONTENT) - 1), target)
    assert not kept(target)
    download(remote(https_server, max_bytes=len(CONTENT)), target)
    assert target.read_bytes() == CONTENT


def test_what_a_server_sends_behind_the_end_is_left_alone(https_server: HttpsServer, target: Path) -> None:
    file = remote(https_server)
    https_server.behaviour.content = CONTENT + b"more"
    https_server.behaviour.headers["Content-Length"] = str(len(CONTENT))
    download(file, target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_falls_silent_in_the_middle_is_given_up(
    https_server: HttpsServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_module, "MAX_CONNECTIONS", 1)
    https_server.behaviour.pause_after = 1000
    with pytest.raises(DownloadError, match="timed out"):
        download(remote(https_server), target, Patience(silent=0.3))
    part = target.with_name("w.bin.part").read_bytes()
    assert len(part) >= 1000
    assert part == CONTENT[: len(part)]


def test_a_full_disk_is_told_and_gone_on_from(https_server: HttpsServer, target: Path) -> None:
    target.parent.mkdir()
    told = r"w\.bin\.part was not written \(File too large\)"
    with full_disk(50_000), pytest.raises(InputError, match=told):
        download(remote(https_server), target)
    download(remote(https_server), target)
    assert https_server.asked == [("", ""), ("bytes=50000-", '"1"')]
    assert target.read_bytes() == CONTENT


def test_the_files_of_a_shared_cache_need_no_right_to_write(https_server: HttpsServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    download(remote(https_server), target)
    assert [path.name for path in target.parent.iterdir()] == ["w.bin"]
    assert not https_server.asked
