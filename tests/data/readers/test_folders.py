from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data.readers.folders import folder_source
from tfp_insects.errors import InputError


def write(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(file.encode())
    return root


def test_classes_examples_and_labels_are_sorted(tmp_path):
    source = folder_source(write(tmp_path / "crops", "wasp/b.jpg", "wasp/a.PNG", "ant/z.Jpeg", "ant-like/c.jpg"))
    assert source.name == "crops"
    assert source.class_names == ("ant", "ant-like", "wasp")
    assert source.example_ids == ("ant-like/c.jpg", "ant/z.Jpeg", "wasp/a.PNG", "wasp/b.jpg")
    np.testing.assert_array_equal(source.labels, np.array([1, 0, 2, 2], np.int32))
    assert source.labels.dtype == np.int32
    assert source.groups is None
    assert not source.drawn
    assert [source.read(index) for index in range(4)] == [example.encode() for example in source.example_ids]


def test_one_top_folder_is_left_out_of_the_ids(tmp_path):
    source = folder_source(write(tmp_path, "crops/ant/a.jpg", "crops/bee/b.jpg", "crops/README.txt"))
    assert source.class_names == ("ant", "bee")
    assert source.example_ids == ("ant/a.jpg", "bee/b.jpg")
    assert source.read(1) == b"crops/bee/b.jpg"


def test_what_is_hidden_or_no_image_is_ignored(tmp_path):
    write(tmp_path, "ant/a.jpg", "bee/b.jpg", "ant/.hidden.jpg", "ant/Thumbs.db", "ant/notes.txt", "README.md")
    write(tmp_path, ".cache/c.jpg", "__MACOSX/ant/a.jpg", "ant/raw/a.tif")
    assert folder_source(tmp_path).example_ids == ("ant/a.jpg", "bee/b.jpg")


def test_links_are_followed_and_a_link_to_itself_does_no_harm(tmp_path):
    write(tmp_path / "elsewhere", "bee/b.jpg")
    root = write(tmp_path / "root", "ant/a.jpg")
    (root / "bee").symlink_to(tmp_path / "elsewhere" / "bee")
    (tmp_path / "elsewhere" / "bee" / "loop").symlink_to(root / "bee")
    (root / "ant" / "loop").symlink_to(root / "ant")
    source = folder_source(root)
    assert source.example_ids == ("ant/a.jpg", "bee/b.jpg")
    assert source.read(1) == b"bee/b.jpg"


def test_an_image_outside_the_class_folders_is_named(tmp_path):
    write(tmp_path, "ant/a.jpg", "bee/b.jpg", "c.jpg")
    with pytest.raises(
        InputError, match=r"1 image is in no class folder, the first is 'c\.jpg'\. Expected class/image"
    ):
        folder_source(tmp_path)


def test_an_empty_class_folder_is_named(tmp_path):
    write(tmp_path, "ant/a.jpg", "bee/b.jpg", "cricket/notes.txt")
    (tmp_path / "dragonfly").mkdir()
    with pytest.raises(InputError, match=r"2 class folders are empty .* the first is 'cricket'\. Put images"):
        folder_source(tmp_path)


def test_one_class_is_too_few(tmp_path):
    with pytest.raises(InputError, match=r"only one class folder, 'ant'\. Expected class/image\.jpg"):
        folder_source(write(tmp_path, "ant/a.jpg"))


def test_no_class_folder(tmp_path):
    with pytest.raises(
        InputError, match=r"there are no class folders\. Expected class/image\.jpg or top/class/image\.jpg"
    ):
        folder_source(write(tmp_path, "a.jpg", "b.jpg"))


def test_a_file_that_vanishes_is_named(tmp_path):
    source = folder_source(write(tmp_path, "ant/a.jpg", "bee/b.jpg"))
    (tmp_path / "ant" / "a.jpg").unlink()
    with pytest.raises(InputError, match=r"ant/a\.jpg: not a file"):
        source.read(0)
