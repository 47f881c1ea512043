"""Folders on disk: links, loops, names of any bytes, and what this program wrote itself."""

import os
import zipfile
from pathlib import Path

import pytest

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.readers.folders import folder_source
from tfp_insects.data.readers.walking import MAX_DEPTH, walk
from tfp_insects.errors import InputError
from tfp_insects.files import require_writable
from tfp_insects.own_output import MARKER_NAME, mark_own_output


def write(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(file.encode())
    return root


def found(root: Path) -> list[str]:
    return [path for listing in walk(root) for path in listing.paths_of(listing.files)]


def test_folders_come_before_what_is_in_them_in_the_order_of_names(tmp_path):
    write(tmp_path, "b/2", "b/10", "b/c/1", "a", "c")
    assert found(tmp_path) == ["a", "c", "b/10", "b/2", "b/c/1"]


def test_links_are_followed_but_not_in_circles(tmp_path):
    write(tmp_path / "elsewhere", "1.jpg", "deep/2.jpg")
    root = write(tmp_path / "root", "a/1.jpg")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "file.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    (root / "a" / "up").symlink_to(root)
    (tmp_path / "elsewhere" / "deep" / "back").symlink_to(root / "linked")
    (root / "itself").symlink_to(root / "itself")
    (root / "nowhere").symlink_to(tmp_path / "nowhere")
    assert found(root) == ["file.jpg", "itself", "nowhere", "a/1.jpg", "linked/1.jpg", "linked/deep/2.jpg"]


def test_depth_is_bounded(tmp_path):
    write(tmp_path, "/".join(["d"] * (MAX_DEPTH - 1) + ["1.jpg"]), "/".join(["d"] * (MAX_DEPTH + 3) + ["2.jpg"]))
    assert [name[-5:] for name in found(tmp_path)] == ["1.jpg"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    write(tmp_path, "a")
    with pytest.raises(InputError, match=r"/a: the folder cannot be read \(Not a directory\)"):
        found(tmp_path / "a")


def test_names_of_any_bytes_are_read(tmp_path):
    for folder, file in ((b"abeill\xe9", b"1.jpg"), (b"gu\xeape", b"gr\xfcn.jpg"), (b"\x80\x81", b"\x1b[31m.jpg")):
        os.mkdir(os.fsencode(tmp_path) + b"/" + folder)
        with open(os.fsencode(tmp_path) + b"/" + folder + b"/" + file, "wb") as stream:
            stream.write(file)
    source = folder_source(tmp_path)
    assert source.class_names == ("abeillé", "guêpe", "€\\x81")
    assert source.example_ids == ("abeillé/1.jpg", "guêpe/grün.jpg", "€\\x81/\\x1b[31m.jpg")
    assert [source.read(i) for i in range(3)] == [b"1.jpg", b"gr\xfcn.jpg", b"\x1b[31m.jpg"]
    assert "5 names are not UTF-8, or with control characters" in source.notes[0]


def test_two_files_that_are_one_as_text_are_named(tmp_path):
    write(tmp_path, "ant/é.jpg", "bee/1.jpg")
    with open(os.fsencode(tmp_path) + b"/ant/\xe9.jpg", "wb"):
        pass
    with pytest.raises(InputError, match=r"two images are called 'ant/é\.jpg' once their names are read as text"):
        folder_source(tmp_path)


CLASSES = ("ant/1.jpg", "bee/1.jpg")
RUN = ("config.json", ".lock", "history.csv", "picture.png")
OWN = {
    "a work directory": [f"runs/cnn-n5-seed0/{name}" for name in RUN] + ["runs/accuracy_cnn.png", "runs/report/index.html"],
    "a work directory with a report of pictures": [f"runs/bnn-n5-seed0/{name}" for name in RUN] + ["runs/report/a.png"],
    "a run alone": [f"cnn-n5-seed0/{name}" for name in RUN],
    "a run from a zip that left hidden files out": ["old/config.json", "old/history.csv", "old/a.png"],
    "exported models": [f"models/{i}/{name}" for i in (1, 2) for name in ("saved_model.pb", "model_card.json", "a.png")],
    "a version": ["model/saved_model.pb", "model/model_card.json", "model/a.png"],
    "a marked folder": [f"new/{MARKER_NAME}", "new/a.png", "new/deeper/b.png"],
}  # fmt: skip


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_own_output_is_no_data(tmp_path, own):
    write(tmp_path, *CLASSES, *own)
    assert folder_source(tmp_path).example_ids == CLASSES
    assert found(tmp_path) == list(CLASSES)


def test_a_work_directory_is_no_data_as_soon_as_it_is_made(tmp_path):
    write(tmp_path, *CLASSES)
    require_writable(tmp_path / "runs")
    assert folder_source(tmp_path).example_ids == CLASSES


def test_a_folder_of_the_users_is_never_marked(tmp_path):
    write(tmp_path, "insects/ant/1.jpg", "insects/bee/1.jpg")
    require_writable(tmp_path / "insects")  # as the work directory
    mark_own_output(tmp_path / "insects", ["index.html"])
    write(tmp_path, *(f"insects/cnn-n5-seed0/{name}" for name in RUN))
    assert folder_source(tmp_path).example_ids == CLASSES


def test_a_folder_that_is_named_is_read_whatever_it_is(tmp_path):
    root = write(tmp_path / "photos", *CLASSES, MARKER_NAME)
    assert folder_source(root).example_ids == CLASSES


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_own_output_in_a_zip_is_no_data_either(tmp_path, own):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in (*CLASSES, *own):
            archive.writestr(f"insects/{name}", name)
    assert archive_source(tmp_path / "a.zip").example_ids == CLASSES
