import csv
import json
import os
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.serving.answers import COLUMNS, OLD_COLUMNS, Answer, has_draws
from tfp_insects.serving.table import WrittenNames, open_table

ORIGIN = {"model": "abc", "images": "/images"}
# Names of files can hold anything but a slash and a zero byte.
NAMES = ["ant/1.jpg", 'a "b", c.png', "two\nlines.jpg", os.fsdecode(b"not utf-8 \xff.jpg"), "käfer.png"]
ANSWERS = [
    Answer("ant", 0.875, 1.5, 1.25, 0.25, True),
    Answer("bee", 0.5, 1.0, 0.5, 0.5, False, unknown=True),
    Answer(error="Neither JPEG, nor PNG."),
    Answer("wasp", 0.25, 2.0, 2.0, 0.0, False, unknown=False, prediction_set=("wasp", 'bee, "wild"', "käfer")),
    Answer("ant", 1.0, 0.0, 0.0, 0.0, True),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "predictions.csv"


def write(path: Path, count: int = len(NAMES)) -> bytes:
    with open_table(path, ORIGIN) as table:
        table.append(NAMES[:count], ANSWERS[:count])
    return path.read_bytes()


def test_rows_are_read_as_they_were_written(path: Path) -> None:
    write(path)
    with open_table(path, ORIGIN) as table:
        assert table.num_rows == len(NAMES)
        assert list(table.rows()) == list(zip(NAMES, ANSWERS, strict=True))
        written = table.written()
        assert list(written.among([*NAMES, "next.jpg"])) == [True] * len(NAMES) + [False]


def test_the_table_is_plain_csv(path: Path) -> None:
    write(path)
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert rows[0] == ["ant/1.jpg", "ant", "0.875", "1.5", "1.25", "0.25", "true", "", "", ""]
    assert [row[-3] for row in rows] == ["", "true", "", "false", ""]
    assert [row[-2] for row in rows] == ["", "", "", '["wasp", "bee, \\"wild\\"", "käfer"]', ""]
    assert rows[2] == ["two\nlines.jpg", "", "", "", "", "", "", "", "", "Neither JPEG, nor PNG."]


def test_a_table_that_was_begun_without_an_alarm_is_read_and_continued_as_it_was(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("predictions.csv.json").write_text(json.dumps(ORIGIN))
    old = [",".join(OLD_COLUMNS[1]), "ant/1.jpg,ant,0.875,1.5,1.25,0.25,true,", "bee.jpg,,,,,,,Neither JPEG nor PNG."]
    path.write_text("\n".join(old) + "\n")
    with open_table(path, ORIGIN) as table:
        table.append(
            ["fly.jpg", "bad.jpg"], [Answer("fly", 0.5, 1.0, 0.5, 0.5, False, unknown=None), Answer(error="bad")]
        )
        rows = list(table.rows())
    assert path.read_text().splitlines() == [*old, "fly.jpg,fly,0.5,1,0.5,0.5,false,", "bad.jpg,,,,,,,bad"]
    assert [answer.unknown for _, answer in rows] == [None] * 4
    assert rows[0] == ("ant/1.jpg", ANSWERS[0])


def test_a_table_that_was_begun_without_sets_is_continued_as_it_was(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("predictions.csv.json").write_text(json.dumps(ORIGIN))
    old = [",".join(OLD_COLUMNS[0]), "ant/1.jpg,ant,0.875,1.5,1.25,0.25,true,,"]
    path.write_text("\n".join(old) + "\n")
    with open_table(path, ORIGIN) as table:
        table.append(["fly.jpg"], [Answer("fly", 0.5, 1.0, 0.5, 0.5, False, True, prediction_set=("fly", "bee"))])
        assert next(table.rows()) == ("ant/1.jpg", ANSWERS[0])
    assert path.read_text().splitlines() == [*old, "fly.jpg,fly,0.5,1,0.5,0.5,false,true,"]


def test_a_table_cut_off_anywhere_is_continued_without_loss_or_repetition(path: Path) -> None:
    whole = write(path)
    lengths = set()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with open_table(path, ORIGIN) as table:
            lengths.add(table.num_rows)
            is_written = list(table.written().among(NAMES))
            assert is_written == [number < table.num_rows for number in range(len(NAMES))]
            table.append(NAMES[table.num_rows :], ANSWERS[table.num_rows :])
        assert path.read_bytes() == whole
    assert lengths == set(range(len(NAMES)))


def test_a_row_that_is_damaged_amid_others_is_refused(path: Path) -> None:
    lines = write(path).split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1][:20], *lines[2:]]))
    with pytest.raises(InputError, match=r"predictions.csv: row 1 is damaged; mend it, or remove the file"):
        write(path)
    assert path.read_bytes().startswith(lines[0])
    path.write_bytes(b"\n".join([lines[0], lines[1].replace(b"0.875", b"much"), *lines[2:]]))
    with open_table(path, ORIGIN) as table, pytest.raises(InputError, match="row 1 is damaged"):
        list(table.rows())


def test_another_header_is_refused(path: Path) -> None:
    whole = write(path)
    path.write_bytes(whole.replace(b"epistemic", b"epistemics"))
    with pytest.raises(InputError, match="row 0 is damaged"):
        write(path)


def test_a_table_of_another_model_or_of_other_images_is_refused(path: Path) -> None:
    whole = write(path)
    message = r"was begun with model 'abc'; now it is 'def'. Give another output, or remove the file"
    with pytest.raises(InputError, match=message), open_table(path, {**ORIGIN, "model": "def"}):
        pass
    with pytest.raises(InputError, match="was begun with images"), open_table(path, {**ORIGIN, "images": "/others"}):
        pass
    assert path.read_bytes() == whole


def test_of_many_names_each_is_found_in_any_order() -> None:
    names = [f"{i}.jpg" for i in range(20_000)]
    written = WrittenNames(names[::3])
    assert list(written.among(reversed(names))) == [i % 3 == 0 for i in reversed(range(len(names)))]
    assert list(WrittenNames([]).among(names[:2])) == [False, False]


def test_a_file_that_is_no_table_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my notes")
    with pytest.raises(InputError, match=r"exists and is no table of this program \(no predictions.csv.json\)"):
        write(path)
    assert path.read_text() == "my notes"


def test_one_process_writes_at_a_time(path: Path) -> None:
    with open_table(path, ORIGIN), pytest.raises(InputError, match="another process is writing this file"):
        write(path)
    with open_table(path, ORIGIN):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match=r"^output=.*/file/predictions.csv: cannot be written \(.*\); give another one"
    ):
        write(tmp_path / "file" / "predictions.csv")


def test_an_epistemic_uncertainty_that_nobody_knows_is_empty_and_not_zero(path: Path) -> None:
    one = Answer("ant", 0.5, 0.7, 0.7, None, True)
    with open_table(path, ORIGIN) as table:
        table.append(["ant.jpg"], [one])
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["entropy"], row["epistemic"]) == ("0.7", "")
    with open_table(path, ORIGIN) as table:
        assert [answer for _, answer in table.rows()] == [one]


@pytest.mark.parametrize(
    ("card", "has"),
    [
        ({"prediction_method": "one_pass", "num_samples": 1}, False),
        ({"prediction_method": "moments", "num_samples": 1}, True),
        ({"num_samples": 1}, False),  # Of version 0.1.0.
        ({"num_samples": 30}, True),
    ],
)
def test_a_card_says_whether_there_are_draws(card: dict[str, object], has: bool) -> None:
    assert has_draws(card) is has
