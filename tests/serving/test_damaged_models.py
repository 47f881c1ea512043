"""Exported models that were cut off on their way, or are another program's."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.serving.loaded_model import LoadedModel


@pytest.fixture
def version(version_of: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(version_of("cnn"), tmp_path / "insects" / "1")


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_that_is_cut_off(version: Path, name: str, share: float) -> None:
    content = (version / name).read_bytes()
    (version / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        InputError, match=r"model=.*insects: the exported model in .*1 cannot be loaded \(.*Export the run"
    ):
        LoadedModel(version.parent)


@pytest.mark.parametrize("name", ["export_id", "class_names", "test_confusion", "accepted"])
def test_a_card_without_a_field(version: Path, name: str) -> None:
    path = version / "model_card.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != name}))
    with pytest.raises(InputError, match=rf"model_card\.json has no field '{name}'"):
        LoadedModel(version)
