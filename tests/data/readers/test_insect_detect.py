import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data.readers.insect_detect import CLASS_NAMES, build, capture_day, insect_detect_source
from tfp_insects.errors import InputError

NAME = "20230517_10-55-26.014912_81_crop.jpg"


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_there_are_27_classes_in_order():
    assert len(CLASS_NAMES) == 27
    assert list(CLASS_NAMES) == sorted(CLASS_NAMES)


def test_capture_day():
    assert capture_day(NAME) == "20230517"


@pytest.mark.parametrize(
    "name", ["crop_81.jpg", "20231317_10-55-26.014912_81_crop.jpg", "2023051_10-55-26_crop.jpg", ""]
)
def test_a_name_without_a_capture_day_is_named(name):
    with pytest.raises(InputError, match=rf"'{name}': no capture day in the file's name\. Expected a name like 2023"):
        capture_day(name)


def test_the_prepared_data_set_keeps_bytes_names_and_days(tmp_path):
    files = {
        f"{name}/{day}_{label:02d}-00-00.5_{label}_crop.jpg": bytes([255, 216, 255, label, int(day[-1])])
        for label, name in enumerate(CLASS_NAMES)
        for day in ("20230602", "20230517", "20230604")
    }
    build(pack(tmp_path / "insects.zip", files), tmp_path)
    source = insect_detect_source(tmp_path)
    assert source.name == "insect_detect"
    assert source.class_names == CLASS_NAMES
    assert source.example_ids == tuple(sorted(files))
    assert [CLASS_NAMES[label] for label in source.labels] == [name.split("/")[0] for name in sorted(files)]
    assert source.labels.dtype == np.int32
    assert source.groups == tuple(name.split("/")[1][:8] for name in sorted(files))
    assert [source.read(index) for index in range(len(files))] == [files[name] for name in sorted(files)]
    assert not source.drawn


def test_what_is_not_prepared_says_how_to_prepare_it(tmp_path):
    with pytest.raises(
        InputError, match=r"not prepared in .*insect_detect/2\.0\.0\. Prepare it with the command prepare-data"
    ):
        insect_detect_source(tmp_path)


def test_other_classes_are_refused(tmp_path):
    files = {f"{name}/{NAME}": b"" for name in (*CLASS_NAMES[1:], "zebra")}
    with pytest.raises(
        InputError, match=r"not the 27 classes of Insect Detect \(missing: \['ant'\], unknown: \['zebra'\]"
    ):
        build(pack(tmp_path / "insects.zip", files), tmp_path)


def test_a_file_without_a_day_stops_before_anything_is_built(tmp_path):
    files = {f"{name}/{NAME}": b"" for name in CLASS_NAMES} | {"wasp/IMG_1.jpg": b""}
    with pytest.raises(InputError, match=r"'IMG_1\.jpg': no capture day"):
        build(pack(tmp_path / "insects.zip", files), tmp_path)
    assert not (tmp_path / "insect_detect").exists()
