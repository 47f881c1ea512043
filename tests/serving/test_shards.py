import os
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import PARTIAL
from tfp_insects.serving.answers import COLUMNS, Answer
from tfp_insects.serving.shards import MAX_TRIES, Shards, name_of, open_shards, storable

parquet = pytest.importorskip("pyarrow.parquet", reason="only the extra scale installs it")
ORIGIN = {"model": "abc", "images": "/images", "seed": None}
NAMES = ["ant/1.jpg", 'a "b", c.png', os.fsdecode(b"not utf-8 \xff.jpg"), "käfer.png"]
ANSWERS = [
    Answer("ant", 0.875, 1.5, 1.25, 0.25, True),
    Answer("wasp", 0.25, 2.0, 2.0, None, False, unknown=False, prediction_set=("wasp", 'bee, "wild"', "käfer")),
    Answer(error="Neither JPEG, nor PNG."),
    Answer("bee", 0.5, 1.0, 0.5, 0.5, False, unknown=True, prediction_set=()),
]


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    with open_shards(tmp_path / "new" / "shards", ORIGIN) as shards:
        assert shards.next_number == 0
        shards.write(10, NAMES[2:], ANSWERS[2:])
        shards.write(9, NAMES[:2], ANSWERS[:2])
        assert shards.next_number == 11
        assert list(shards.rows()) == list(zip(NAMES, ANSWERS, strict=True))
        written, num_rows = shards.written()
        assert (written.count, num_rows) == (4, 4)
        assert list(written.among([*NAMES, "other.jpg"])) == [True] * 4 + [False]


def test_other_programs_read_typed_columns(tmp_path: Path) -> None:
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        shards.write(0, NAMES, ANSWERS)
    [path] = Shards(tmp_path / "shards").paths
    table = parquet.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert table["path"].to_pylist()[2] == "not utf-8 \\udcff.jpg"
    assert table["probability"].to_pylist() == [0.875, 0.25, None, 0.5]
    assert table["accepted"].to_pylist() == [True, False, None, False]
    assert table["error"].to_pylist() == [None, None, "Neither JPEG, nor PNG.", None]


@pytest.mark.parametrize("name", [*NAMES, "\\udc", "two\nlines"])
def test_any_name_can_be_stored(name: str) -> None:
    storable(name).encode("utf-8")
    assert name_of(storable(name)) == name


def test_what_is_left_of_a_killed_worker_goes_and_whole_shards_stay(tmp_path: Path) -> None:
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        shards.write(0, NAMES, ANSWERS)
    (tmp_path / "shards" / f"{PARTIAL}far-away-7-part-000001.parquet").write_bytes(b"PAR1")
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        assert [path.name for path in shards.paths] == ["part-000000.parquet"]
        assert not list(shards.directory.glob(f"{PARTIAL}*"))


def test_shards_are_of_one_model_and_one_command_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "shards"
    with open_shards(directory, ORIGIN) as first:
        another = open_shards(directory, ORIGIN)
        with pytest.raises(InputError, match="in use by another command"):
            another.__enter__()
    with pytest.raises(InputError, match="was begun with seed None; now it is 5"):
        open_shards(directory, {**ORIGIN, "seed": 5}).__enter__()
    with open_shards(directory, ORIGIN) as second:
        with pytest.raises(
            InputError, match="another command writes here now"
        ):  # As of a worker that outlived its own.
            first.write(0, NAMES, ANSWERS)
        assert second.paths == []


def test_a_shard_of_which_each_worker_dies_is_given_up_and_says_which_images_it_has(tmp_path: Path) -> None:
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        for _ in range(MAX_TRIES):
            shards.begin(0, NAMES)
        with pytest.raises(InputError, match=r"5 workers died .* the 4 images from ant/1\.jpg to käfer\.png"):
            shards.begin(0, NAMES)
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        shards.begin(0, NAMES)
        shards.write(0, NAMES, ANSWERS)
        assert [path.name for path in shards.directory.glob(".tries*")] == []


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    with open_shards(tmp_path / "shards", ORIGIN) as shards:
        shards.write(0, NAMES, ANSWERS)
        shards.paths[0].write_bytes(b"PAR1")
        with pytest.raises(InputError, match=r"part-000000\.parquet is damaged \(.*\): remove it, and its images"):
            list(shards.rows())
