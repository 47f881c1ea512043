import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data import opening
from tfp_insects.data.opening import open_source
from tfp_insects.data.readers import insect_detect
from tfp_insects.data.source import ImageSource, content_digests, fingerprint, select
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork

IDS = ("ant/a.jpg", "ant/b.jpg", "bee/c.jpg")


def make_source(contents: tuple[bytes, ...] = (b"a", b"b", b"c"), **changes: object) -> ImageSource:
    fields = {
        "name": "few",
        "class_names": ("ant", "bee"),
        "example_ids": IDS,
        "labels": np.array([0, 0, 1], np.int32),
        "groups": ("may", "june", "may"),
        "read": contents.__getitem__,
    }
    return ImageSource(**(fields | changes))


def test_select_keeps_what_belongs_together():
    kept = select(make_source(), np.array([0, 2]))
    assert kept.example_ids == ("ant/a.jpg", "bee/c.jpg")
    assert kept.class_names == ("ant", "bee")
    assert kept.groups == ("may", "may")
    np.testing.assert_array_equal(kept.labels, [0, 1])
    assert [kept.read(0), kept.read(1)] == [b"a", b"c"]
    assert select(make_source(groups=None), np.array([1])).groups is None


def test_equal_digests_are_equal_images():
    first, second, third = content_digests(make_source((b"same", b"other", b"same")))
    assert first == third != second


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": ("ant", "wasp")},
        {"example_ids": ("ant/a.jpg", "ant/d.jpg", "bee/c.jpg")},
        {"labels": np.array([0, 1, 1], np.int32)},
        {"groups": ("may", "june", "june")},
        {"groups": None},
        {"read": (b"a", b"b", b"changed").__getitem__},
        {"read": (b"ab", b"", b"c").__getitem__},
    ],
)
def test_the_fingerprint_sees_every_change_of_the_data(changes):
    assert fingerprint(make_source(**changes)) != fingerprint(make_source())


def test_the_fingerprint_does_not_see_the_name():
    assert fingerprint(make_source(name="other")) == fingerprint(make_source())
    assert len(fingerprint(make_source())) == 64


def test_a_folder_and_a_zip_of_it_are_the_same_data(tmp_path):
    folder = tmp_path / "crops"
    for example_id in IDS:
        (folder / example_id).parent.mkdir(parents=True, exist_ok=True)
        (folder / example_id).write_bytes(example_id.encode())
    with zipfile.ZipFile(tmp_path / "crops.zip", "w") as archive:
        for example_id in IDS:
            archive.write(folder / example_id, example_id)
    from_folder, from_zip = (
        open_source(str(path), tmp_path, num_synthetic_per_class=1) for path in (folder, tmp_path / "crops.zip")
    )
    assert (from_folder.name, from_zip.name) == ("crops", "crops.zip")
    assert fingerprint(from_folder) == fingerprint(from_zip)


def test_a_path_that_is_not_there_names_the_flag(tmp_path):
    path = tmp_path / "nix.zip"
    with pytest.raises(InputError, match=rf"^data={path}: no such file or folder\. Expected auto, insect_detect, "):
        open_source(str(path), tmp_path, num_synthetic_per_class=1)


def test_a_path_may_begin_with_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for example_id in IDS:
        (tmp_path / "crops" / example_id).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "crops" / example_id).touch()
    assert open_source("~/crops", tmp_path, num_synthetic_per_class=1).example_ids == IDS


def test_auto_is_insect_detect_where_it_is_prepared_else_drawn(monkeypatch, tmp_path):
    asked = []

    def draw(num_per_class: int, seed: int, cache_dir: Path, on_work: OnWork) -> ImageSource:
        asked.append((num_per_class, seed, cache_dir))
        return make_source(name="synthetic", drawn=True)

    monkeypatch.setattr(opening, "synthetic_source", draw)
    for spec in ("auto", "synthetic"):
        assert open_source(spec, tmp_path / "cache", num_synthetic_per_class=9, data_dir=tmp_path).name == "synthetic"
    assert asked == [(9, 0, tmp_path / "cache")] * 2
    with pytest.raises(InputError, match="not prepared"):
        open_source("insect_detect", tmp_path, num_synthetic_per_class=9, data_dir=tmp_path)

    path = tmp_path / "insects.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in insect_detect.CLASS_NAMES:
            archive.writestr(f"{name}/20230517_10-55-26.014912_81_crop.jpg", name)
    insect_detect.build(path, tmp_path)
    for spec in ("auto", "insect_detect"):
        source = open_source(spec, tmp_path, num_synthetic_per_class=9, data_dir=tmp_path)
        assert (source.name, len(source.class_names)) == ("insect_detect", 27)


def test_looking_for_insect_detect_leaves_no_trace(tmp_path, caplog):
    assert not insect_detect.is_prepared(tmp_path)
    assert not os.listdir(tmp_path)
    assert not caplog.records
