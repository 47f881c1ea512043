"""Class folders as people arrange them, and splits that data sets come with; folders and zips alike."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tfp_insects.data.opening import open_source
from tfp_insects.data.source import ImageSource, fingerprint
from tfp_insects.errors import InputError

Open = Callable[..., ImageSource]


@pytest.fixture(params=["folder", "zip"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens files whose content is their own name, from a folder or a zip; a name that ends with a slash is a folder."""

    def as_folder(*files: str, **options: bool) -> ImageSource:
        root = tmp_path / "insects"
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).mkdir(exist_ok=True) if file.endswith("/") else (root / file).write_bytes(file.encode())
        return open_source(str(root), tmp_path, num_synthetic_per_class=1, **options)

    def as_zip(*files: str, **options: bool) -> ImageSource:
        with zipfile.ZipFile(tmp_path / "insects.zip", "w") as archive:
            for file in files:
                archive.writestr(file, b"" if file.endswith("/") else file)
        return open_source(str(tmp_path / "insects.zip"), tmp_path, num_synthetic_per_class=1, **options)

    return as_folder if request.param == "folder" else as_zip


def classes_of(source: ImageSource) -> dict[str, str]:
    return {name: source.class_names[label] for name, label in zip(source.example_ids, source.labels, strict=True)}


@pytest.mark.parametrize("top", ["", "insects/", "export/2024/insects/", "train/"])
def test_folders_above_the_classes_do_not_count(opened: Open, top: str) -> None:
    source = opened(f"{top}ant/1.jpg", f"{top}bee/1.jpg", f"{top}README.md")
    assert classes_of(source) == {"ant/1.jpg": "ant", "bee/1.jpg": "bee"}
    assert source.read(1) == f"{top}bee/1.jpg".encode()
    assert source.parts is None
    assert source.notes == ()


def test_folders_within_a_class_belong_to_it(opened: Open) -> None:
    source = opened("ant/site1/1.jpg", "ant/site2/2024/1.jpg", "ant/1.jpg", "bee/site1/1.jpg")
    assert classes_of(source) == {
        **{"ant/1.jpg": "ant", "ant/site1/1.jpg": "ant", "ant/site2/2024/1.jpg": "ant"},
        "bee/site1/1.jpg": "bee",
    }
    assert source.notes == ("Folders within a class belong to it: 3 images, such as 'ant/site1/1.jpg' of class 'ant'.",)


@pytest.mark.parametrize("tops", [("site1", "site2"), ("train", "holdout")])
def test_folders_that_look_like_the_classes_are_told(opened: Open, tops: tuple[str, str]) -> None:
    source = opened(*(f"{top}/{name}/1.jpg" for top in tops for name in ("ant", "bee")))
    assert source.class_names == tuple(sorted(tops))
    assert source.notes[0].endswith(
        " All classes have the same folders, ant, bee: if these are the classes, move them to the top, or call the folders "
        "above them train, val and test."
    )


def test_an_empty_class_is_named_with_what_it_holds_instead(opened: Open) -> None:
    with pytest.raises(InputError) as caught:
        opened("ant/1.jpg", "bee/1.jpg", "cricket/1.webp", "cricket/2.webp", "dragonfly/")
    message = str(caught.value)
    assert "2 class folders are empty (without a JPEG or PNG file), the first is 'cricket'" in message
    assert "2 files are left out, since only JPEG and PNG" in message
    assert "2 .webp" in message


def test_what_is_left_out_is_counted(opened: Open) -> None:
    source = opened("ant/1.jpg", "ant/2.jfif", "ant/1.tif", "bee/1.jpe", "bee/1.webp", "bee/2.webp", "bee/Thumbs.db")
    assert source.example_ids == ("ant/1.jpg", "ant/2.jfif", "bee/1.jpe")
    assert len(source.notes) == 1
    assert source.notes[0].endswith("are read: 2 .webp, 1 .tif.")


def test_nothing_that_can_be_read_says_what_is_there(opened: Open) -> None:
    with pytest.raises(InputError, match=r"there are no images .* Expected class/image\.jpg .*: 2 \.heic"):
        opened("ant/1.heic", "bee/1.heic")


PARTS = {
    "train": [f"train/{name}/{i}.jpg" for name in ("ant", "bee") for i in range(3)],
    "validation": ["valid/ant/a.jpg", "valid/bee/a.jpg"],
    "test": ["Test/ant/0.jpg", "Test/bee/deeper/0.jpg"],
}


@pytest.mark.parametrize("top", ["", "insects/"])
@pytest.mark.parametrize("parts", [("train", "test"), ("train", "validation"), ("train", "validation", "test")])
def test_a_given_split_is_read(opened: Open, top: str, parts: tuple[str, ...]) -> None:
    files = [file for part in parts for file in PARTS[part]]
    source = opened(*(top + file for file in files), f"{top}notes.txt")
    assert source.example_ids == tuple(sorted(files))
    assert source.class_names == ("ant", "bee")
    assert set(classes_of(source).values()) == {"ant", "bee"}
    part_of = dict(zip(source.example_ids, source.parts or (), strict=True))
    assert part_of == {file: part for part in parts for file in PARTS[part]}
    assert source.notes[0].startswith("The split that the data set comes with is kept: 6 train, 2 ")


def test_a_split_within_each_class_is_read(opened: Open) -> None:
    source = opened("ant/train/1.jpg", "ant/test/1.jpg", "bee/train/1.jpg", "bee/test/1.jpg")
    assert classes_of(source)["ant/test/1.jpg"] == "ant"
    assert source.parts == ("test", "train", "test", "train")


@pytest.mark.parametrize(
    "names",
    [
        *(("TRAIN", "VAL", "TEST"), ("training", "dev", "testing")),
        *(("train_set", "val-set", "testset"), ("train images", "valid data", "test images")),
    ],
)
def test_parts_have_many_spellings(opened: Open, names: tuple[str, ...]) -> None:
    source = opened(*(f"{part}/{name}/1.jpg" for part in names for name in ("ant", "bee")))
    assert source.class_names == ("ant", "bee")
    part_of = dict(zip(source.example_ids, source.parts or (), strict=True))
    assert [part_of[f"{name}/ant/1.jpg"] for name in names] == ["train", "validation", "test"]


def test_classes_may_be_called_train_and_test(opened: Open) -> None:
    source = opened("train/1.jpg", "test/1.jpg", "bus/1.jpg")
    assert source.class_names == ("bus", "test", "train")
    assert source.parts is None


def test_parts_with_other_classes_are_named(opened: Open) -> None:
    message = (
        r"the given split has classes without an image in test: bee\. Put images into each, or remove these classes"
    )
    with pytest.raises(InputError, match=message):
        opened("train/ant/1.jpg", "train/bee/1.jpg", "test/ant/1.jpg")
    with pytest.raises(InputError, match="without an image in train: wasp"):
        opened("train/ant/2.jpg", "train/bee/2.jpg", "test/ant/2.jpg", "test/bee/2.jpg", "test/wasp/2.jpg")


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        (
            "test/1.jpg",
            r"split into test, train, but 1 image is in none of their class folders, the first is 'test/1",
        ),
        ("unlabelled/1.jpg", r"the first is 'unlabelled/1\.jpg'\. Expected part/class/image\.jpg; move these"),
        ("extra/ant/1.jpg", r"the first is 'extra/ant/1\.jpg'"),
        ("training/ant/1.jpg", "the folders train and training both stand for the part train"),
    ],
)
def test_images_outside_the_parts_are_named(opened: Open, stray: str, message: str) -> None:
    files = ["train/ant/1.jpg", "train/bee/1.jpg", "test/ant/1.jpg", "test/bee/1.jpg"]
    with pytest.raises(InputError, match=message):
        opened(*files, stray)


@pytest.mark.parametrize("files", [["1.jpg", "2.png"], ["stones/1.jpg"], ["1.jpg", "stones/a/1.jpg"], ["a/b/1.jpg"]])
def test_images_without_classes_are_read_where_none_are_needed(opened: Open, files: list[str]) -> None:
    source = opened(*files, "notes.txt", "x.gif", needs_classes=False)
    assert [source.read(i).decode() for i in range(len(files))] == sorted(files)
    assert source.labels.tolist() == [0] * len(files)
    assert len(source.class_names) == 1
    assert "1 .gif" in source.notes[0]


def test_class_folders_are_the_same_data_whether_classes_are_needed_or_not(opened: Open) -> None:
    files = ("ant/1.jpg", "bee/1.jpg", "bee/2.jpg")
    assert fingerprint(opened(*files, needs_classes=False)) == fingerprint(opened(*files))


def test_a_zip_and_a_folder_of_any_name_are_the_same_data(tmp_path: Path) -> None:
    files = ("train/ant/1.jpg", "train/bee/1.jpg", "test/ant/1.jpg", "test/bee/1.jpg")
    prints = set()
    for name in ("insects", "renamed [x]"):
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(file)
        prints.add(fingerprint(open_source(str(tmp_path / name), tmp_path, num_synthetic_per_class=1)))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in files:
            archive.writestr(f"top/{file}", file)
    prints.add(fingerprint(open_source(str(tmp_path / "x.zip"), tmp_path, num_synthetic_per_class=1)))
    assert len(prints) == 1
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        for file in files:
            archive.writestr(f"top/{file.replace('test', 'val')}", file)
    assert fingerprint(open_source(str(tmp_path / "y.zip"), tmp_path, num_synthetic_per_class=1)) not in prints


def test_names_that_are_not_text_become_text(opened: Open, tmp_path: Path) -> None:
    source = opened("Bombus [cf. terrestris]/a [x].jpg", "Vespa\ncrabro/1.jpg")
    assert source.class_names == ("Bombus [cf. terrestris]", "Vespa\\ncrabro")
    assert source.example_ids == ("Bombus [cf. terrestris]/a [x].jpg", "Vespa\\ncrabro/1.jpg")
    assert source.read(1) == b"Vespa\ncrabro/1.jpg"
    assert "'Vespa" in source.notes[0]
