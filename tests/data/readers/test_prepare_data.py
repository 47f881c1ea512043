import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fixtures.https_servers import HttpsServer
from PIL import Image

from tfp_insects.data import preparation
from tfp_insects.data.readers import insect_detect
from tfp_insects.errors import InputError

SCRIPT = Path(__file__).parents[3] / "scripts" / "prepare_data.py"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip in the layout of the real one: 27 class folders, two tiny JPEGs each."""
    path = tmp_path_factory.mktemp("archive") / "insects.zip"
    with zipfile.ZipFile(path, "w") as members:
        for label, name in enumerate(insect_detect.CLASS_NAMES):
            for day in ("20230517", "20230602"):
                content = io.BytesIO()
                Image.new("RGB", (8, 9), (9 * label, int(day[-2:]), 0)).save(content, "jpeg")
                members.writestr(f"{name}/{day}_10-55-26.014912_{label}_crop.jpg", content.getvalue())
    return path


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def url(https_server: HttpsServer, archive: Path) -> str:
    """Where the zip can be had."""
    https_server.behaviour.content = archive.read_bytes()
    return f"{https_server.url}/insects.zip"


def test_a_given_zip_is_built_and_then_found_prepared(archive, tmp_path, capsys):
    target = preparation.prepare_insect_detect(archive, tmp_path, md5_of(archive).upper(), accept_terms=False)
    assert insect_detect.is_prepared(tmp_path)
    assert target == insect_detect.prepared_dir(tmp_path)
    shown = capsys.readouterr().out
    assert "https://doi.org/10.5281/zenodo.8325384" in shown
    assert "has not confirmed under which licence" in shown
    preparation.prepare_insect_detect(None, tmp_path, "of no importance", accept_terms=False)
    assert f"It is prepared already, in {target}" in capsys.readouterr().out


def test_a_wrong_md5_names_both_sums_and_what_to_do(archive, tmp_path):
    found, expected = md5_of(archive), preparation.ARCHIVE_MD5
    with pytest.raises(InputError) as caught:
        preparation.prepare_insect_detect(archive, tmp_path, expected, accept_terms=False)
    message = str(caught.value)
    assert f"{archive}: MD5 is {found}, expected 0d54a626b7e9958de8278ad93373f89d." in message
    assert "remove it and fetch it again" in message
    assert f"now shows {found}, expect that one." in message
    assert not insect_detect.is_prepared(tmp_path)


def test_a_zip_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nix\.zip: the zip cannot be read \(No such file or directory\)"):
        preparation.prepare_insect_detect(tmp_path / "nix.zip", tmp_path, preparation.ARCHIVE_MD5, accept_terms=False)


def test_a_data_dir_that_cannot_be_made(archive, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"the folder cannot be made .* Name another data_dir"):
        preparation.prepare_insect_detect(archive, tmp_path / "file", md5_of(archive), accept_terms=False)


def test_accepted_terms_download_and_build(archive, tmp_path, url):
    preparation.prepare_insect_detect(None, tmp_path, md5_of(archive), accept_terms=True, url=url)
    assert insect_detect.is_prepared(tmp_path)
    assert [path.name for path in (tmp_path / "downloads").glob("[!.]*.*")] == [preparation.ARCHIVE_NAME]


def test_a_lost_connection_is_gone_on_from(archive, tmp_path, url, https_server):
    https_server.behaviour.cuts = [7, 0]
    lost = pytest.raises(
        InputError, match=r"download failed \(only 7 of [\d,]+ bytes arrived\)\. Try again, or .* name its path"
    )
    with lost:
        preparation.prepare_insect_detect(None, tmp_path, md5_of(archive), accept_terms=True, url=url)
    assert not (tmp_path / "downloads" / preparation.ARCHIVE_NAME).exists()
    preparation.prepare_insect_detect(None, tmp_path, md5_of(archive), accept_terms=True, url=url)
    assert insect_detect.is_prepared(tmp_path)
    assert https_server.asked[-1][0] == "bytes=7-"


def test_another_zip_than_the_expected_one_is_not_kept(archive, tmp_path, url):
    wrong = pytest.raises(InputError, match=f"has MD5 {md5_of(archive)}, expected {'0' * 32}.*shows another MD5")
    with wrong as caught:
        preparation.prepare_insect_detect(None, tmp_path, "0" * 32, accept_terms=True, url=url)
    assert caught.value.fields == ("zip", "md5")
    assert not list((tmp_path / "downloads").glob("[!.]*"))


def test_without_network(tmp_path, https_server, url):
    https_server.server_close()
    with pytest.raises(InputError, match=r"insects\.zip: the download failed .*(refused|reset).*name its path"):
        preparation.prepare_insect_detect(None, tmp_path, preparation.ARCHIVE_MD5, accept_terms=True, url=url)


@pytest.mark.parametrize(
    ("is_terminal", "answer", "message"),
    [(False, None, r"Read them, then accept them"), (True, "no", r"not accepted, so nothing is downloaded")],
)
def test_nothing_is_downloaded_without_acceptance(monkeypatch, tmp_path, is_terminal, answer, message):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: is_terminal)
    with pytest.raises(InputError, match=message):
        preparation.prepare_insect_detect(None, tmp_path, "", accept_terms=False, url="https://127.0.0.1:1/never.zip")


def test_terms_may_be_accepted_on_the_terminal(monkeypatch, archive, tmp_path, url):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Yes\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    preparation.prepare_insect_detect(None, tmp_path, md5_of(archive), accept_terms=False, url=url)
    assert insect_detect.is_prepared(tmp_path)


def test_the_script_tells_a_mistake_in_one_line(archive, tmp_path):
    command = [sys.executable, str(SCRIPT), f"--zip={archive}", f"--data_dir={tmp_path}", "--md5=0"]
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("Insect Detect classification v2, DOI 10.5281/zenodo.8325384\n")
    assert done.stderr.startswith(f"error: {archive}: MD5 is {md5_of(archive)}, expected 0.")
    assert done.stderr.count("\n") == 1
