"""Images as people have them, predicted in this process: folders that grow, one image, any names, left-out files."""

import csv
import html
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.serving.folder import Command, predict_images
from tfp_insects.serving.loaded_model import LoadedModel

Get = Callable[[str], Path]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def make_images(folder: Path, runs: Any, count: int) -> Path:
    folder.mkdir()
    for i, content in enumerate(runs.images(count)):
        (folder / f"{i:04}.png").write_bytes(content)
    return folder


def predict(version: Path, images: Path, table: Path, review: Path | None = None) -> str:
    """Predicts in this process, and returns what was said."""
    console = Console(file=io.StringIO(), width=500)
    predict_images(Command(version, images, table, review, batch_size=4), console)
    return console.file.getvalue()


def test_images_that_came_later_are_appended(version_of: Get, runs: Any, tmp_path: Path) -> None:
    folder, table = make_images(tmp_path / "images", runs, 5), tmp_path / "table.csv"
    predict(version_of("cnn"), folder, table)
    before = read_rows(table)
    (folder / "later").mkdir()
    for name in ("0000a.png", "later/1.png", "z.png"):  # first, in between, last
        (folder / name).write_bytes(runs.images(1, seed=3)[0])
    assert "Going on after 5 of 8 images" in predict(version_of("cnn"), folder, table)
    rows = read_rows(table)
    assert rows[:5] == before
    assert [row["path"] for row in rows[5:]] == ["0000a.png", "z.png", "later/1.png"]
    assert len({row["probability"] for row in rows[5:]}) == 1
    assert "Going on after 8 of 8 images" in predict(version_of("cnn"), folder, table)
    assert read_rows(table) == rows
    assert sum(int(row["predicted"]) for row in read_rows(tmp_path / "table-counts.csv")) == 8


def test_images_that_are_gone_stay_in_the_table_and_are_counted_aloud(
    version_of: Get, runs: Any, tmp_path: Path
) -> None:
    folder, table = make_images(tmp_path / "images", runs, 5), tmp_path / "table.csv"
    predict(version_of("cnn"), folder, table)
    (folder / "0001.png").rename(folder / "renamed.png")
    said = predict(version_of("cnn"), folder, table)
    assert "1 row of the table is of an image no longer there; what is in the table stays, and counts." in said
    assert [row["path"] for row in read_rows(table)] == [*(f"{i:04}.png" for i in range(5)), "renamed.png"]
    for path in folder.iterdir():
        path.rename(folder / f"other-{path.name}")
    with pytest.raises(
        InputError, match=r"none of its 6 rows is of an image that is in .*images now\. Name another output"
    ):
        predict(version_of("cnn"), folder, table)


def test_one_image_is_predicted_and_another_of_its_folder_appended(version_of: Get, runs: Any, tmp_path: Path) -> None:
    folder, table = make_images(tmp_path / "images", runs, 3), tmp_path / "table.csv"
    predict(version_of("cnn"), folder / "0002.png", table)
    said = predict(version_of("cnn"), folder / "0000.png", table)
    assert "no longer there" not in said
    assert [row["path"] for row in read_rows(table)] == ["0002.png", "0000.png"]
    predict(version_of("cnn"), folder, table)
    assert [row["path"] for row in read_rows(table)] == ["0002.png", "0000.png", "0001.png"]
    (tmp_path / "lone").mkdir()
    (tmp_path / "lone" / "bee.png").write_bytes(runs.images(1)[0])
    predict(version_of("cnn"), tmp_path / "lone", tmp_path / "lone.csv")
    assert [row["path"] for row in read_rows(tmp_path / "lone.csv")] == ["bee.png"]


def test_names_of_any_bytes_reach_the_table_and_none_is_taken_for_markup(
    version_of: Get, runs: Any, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"[red]gr\xfcn \x1b[31m")
    folder.mkdir()
    names = ["a [b].png", "two\nlines.png", os.fsdecode(b"gr\xfcn.png"), "[bold]x.png", 'q"uote,.png', "蜂.png"]
    for name, content in zip(names, runs.images(len(names)), strict=True):
        (folder / name).write_bytes(content)
    table = folder / "out [x].csv"
    said = predict(version_of("cnn"), folder, table, folder / "page [y]")
    assert f"Table: {tmp_path}/[red]grün \\x1b[31m/out [x].csv" in said
    assert "page [y]/index.html" in said
    assert "\x1b" not in said
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["path"] for row in rows) == sorted(names)
    page = html.unescape((folder / "page [y]" / "index.html").read_text())
    shown = {"two\nlines.png": "two\\nlines.png", os.fsdecode(b"gr\xfcn.png"): "grün.png"}
    to_review = [row["path"] for row in rows if row["accepted"] == "false"]
    assert len(to_review) > 2
    assert all(shown.get(name, name) in page for name in to_review)


def test_what_is_left_out_is_said_and_bad_images_say_what_they_are(version_of: Get, runs: Any, tmp_path: Path) -> None:
    folder = make_images(tmp_path / "images", runs, 2)
    for name in ("a.webp", "b.webp", "c.tif"):
        (folder / name).touch()
    huge = bytearray(runs.images(1)[0])
    huge[16:24] = (40_000).to_bytes(4, "big") * 2
    for name, content in {
        "empty.png": b"",
        "gif.jpg": b"GIF89a",
        "huge.png": bytes(huge),
        "cut.png": runs.images(1)[0][:200],
    }.items():
        (folder / name).write_bytes(content)
    said = predict(version_of("cnn"), folder, tmp_path / "table.csv")
    assert "3 files are left out" in said
    assert "2 .webp, 1 .tif." in said
    errors = {row["path"]: row["error"] for row in read_rows(tmp_path / "table.csv") if row["error"]}
    assert errors == {
        "empty.png": "the file is empty",
        "gif.jpg": "a GIF, neither JPEG nor PNG",
        "huge.png": "too large: 40,000 x 40,000 pixels, at most 134 million are decoded",
        "cut.png": "truncated or damaged",
    }
    assert "4 images could not be read" in said


def test_a_photograph_that_was_held_upright_gets_the_answer_of_the_upright_one(version_of: Get, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = []
    for image, options in ((pixels, {"exif": exif}), (np.rot90(pixels, -1), {}), (pixels, {})):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG", **options)
        contents.append(stream.getvalue())
    tagged, upright, stored = (answer.entropy for answer in LoadedModel(version_of("cnn")).answer(contents))
    assert tagged == pytest.approx(upright, abs=1e-5)
    assert abs(tagged - stored) > 1e-3
