import os
import zipfile
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.serving.image_files import open_image_files, open_reader

NAMES = ["b/2.PNG", "a.jpg", "b/c/d/e/3.jpeg", "b/10.jpg"]
OTHERS = ["notes.txt", ".hidden.jpg", ".git/4.jpg", "__MACOSX/5.jpg", "b/6.gif"]


def make_folder(path: Path) -> Path:
    for name in [*NAMES, *OTHERS]:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(name.encode())
    return path


def make_zip(path: Path) -> Path:
    archive = path / "images.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in [*NAMES, *OTHERS]:
            file.writestr(name, name)
    return archive


@pytest.mark.parametrize("make", [make_folder, make_zip])
def test_images_are_found_at_any_depth_in_a_fixed_order(make, tmp_path: Path) -> None:
    images = open_image_files(make(tmp_path))
    assert sorted(images.names()) == sorted(NAMES)
    assert list(images.names()) == list(images.names())
    assert images.count == len(NAMES)
    assert all(images.read(name) == name.encode() for name in NAMES)


def test_a_folder_is_listed_folder_by_folder(tmp_path: Path) -> None:
    images = open_image_files(make_folder(tmp_path))
    assert list(images.names()) == ["a.jpg", "b/10.jpg", "b/2.PNG", "b/c/d/e/3.jpeg"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "images")
    (folder / "b" / "round").symlink_to(folder)
    (folder / "site").symlink_to(make_folder(tmp_path / "elsewhere"))
    images = open_image_files(folder)
    assert sorted(images.names()) == sorted([*NAMES, *(f"site/{name}" for name in NAMES)])
    assert images.count == 2 * len(NAMES)
    assert images.read("site/a.jpg") == b"a.jpg"


@pytest.mark.parametrize("make", [make_folder, make_zip])
def test_what_is_left_out_is_counted_as_in_training(make, tmp_path: Path) -> None:
    assert open_image_files(make(tmp_path)).left_out == (
        "1 file is left out, since only JPEG and PNG (.jpg, .jpeg, .jpe, .jfif, .png) are read: 1 .gif."
    )


@pytest.mark.parametrize("name", ["bee.jpg", "bee", "bee [1].JFIF"])
def test_one_image_is_read(name: str, tmp_path: Path) -> None:
    content = b"\xff\xd8\xff" + bytes(20)
    (tmp_path / name).write_bytes(content)
    (tmp_path / "another.jpg").write_bytes(content)
    images = open_image_files(tmp_path / name)
    assert (list(images.names()), images.count, images.is_whole) == ([name], 1, False)
    assert images.read(name) == content
    assert images.origin == tmp_path


def test_what_this_program_wrote_is_no_image(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "images")
    for name in (
        "runs/cnn-n5-seed0/.lock",
        "runs/cnn-n5-seed0/config.json",
        "runs/accuracy.png",
        "review/.tfp_insects",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "review" / "a.png").touch()
    assert open_image_files(folder).count == len(NAMES)


@pytest.mark.parametrize("name", ["nothing", "notes.txt", "empty"])
def test_what_holds_no_images_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    messages = {
        "nothing": "images=.*nothing: no such file or folder; expected an image, or a folder or a zip of images",
        "notes.txt": "notes.txt: there is no image in it; expected a path a line",
        "empty": r"images=.*empty: there is no image in it; expected files ending in .jpg, .jpeg, .jpe, .jfif, .png",
    }
    with pytest.raises(InputError, match=messages[name]):
        open_image_files(tmp_path / name)


def test_an_image_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    images = open_image_files(make_folder(tmp_path))
    os.remove(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        images.read("a.jpg")
    archive = make_zip(tmp_path)
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"b/2.PNGb/2.PNG", b"b/2.PNGb/3.PNG", 1))
    with pytest.raises(InputError, match=r"member 'b/2.PNG' is damaged"):
        open_image_files(archive).read("b/2.PNG")


def test_what_may_never_end_or_is_too_large_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(2**28 + 1)  # Takes no room on the disk.
    images = open_image_files(tmp_path)
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(InputError, match="is a pipe or a device, not a file"):
            images.read(name)
    with pytest.raises(InputError, match="has 268,435,457 bytes, too much for an image"):
        images.read("large.jpg")


def test_a_zip_that_leads_outside_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as file:
        file.writestr("../1.jpg", b"")
    with pytest.raises(InputError, match="leads outside the zip"):
        open_image_files(tmp_path / "images.zip")


def test_a_list_names_images_from_its_own_folder_on_or_by_whole_paths(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "images")
    paths = ["images/a.jpg", str(folder / "b" / "10.jpg"), "gone.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(["", *paths, ""]))
    images = open_image_files(tmp_path / "list.txt")
    assert list(images.names()) == paths
    assert images.count == 3
    assert [images.read(name) for name in paths[:2]] == [b"a.jpg", b"b/10.jpg"]
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        images.read("gone.jpg")


@pytest.mark.parametrize("kind", ["folder", "zip", "list", "image"])
def test_who_knows_the_names_reads_them_without_a_listing(kind: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "images")
    (tmp_path / "list.txt").write_text("images/a.jpg\n")
    paths = {"folder": folder, "image": folder / "a.jpg", "list": tmp_path / "list.txt"}
    path = make_zip(tmp_path) if kind == "zip" else paths[kind]
    images = open_image_files(path)
    read = open_reader(path)
    assert [read(name) for name in images.names()] == [images.read(name) for name in images.names()]
