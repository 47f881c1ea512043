import json
from collections import Counter

import pytest

from tfp_insects.data.readers.names import (
    as_text,
    count_left_out,
    describe_left_out,
    describe_renamed,
    describe_twins,
    ending,
    is_image,
    is_visible,
)

LEFT_BEHIND = [
    ".DS_Store", "ant/._a.jpg", "__MACOSX/ant/a.jpg", "ant/Thumbs.db", "ant/thumbs.DB", "desktop.ini", "@eaDir/a.jpg/t.jpg",
    "ant/@eaDir/SYNOFILE_THUMB_M.jpg", "$RECYCLE.BIN/a.jpg", "System Volume Information/a.jpg", "lost+found/a.jpg",
    ".ipynb_checkpoints/a.jpg", "ant/Icon\r", ".git/a.jpg", "#recycle/a.jpg",
]  # fmt: skip


@pytest.mark.parametrize("file", LEFT_BEHIND)
def test_what_systems_leave_behind_is_not_seen(file):
    assert not is_visible(file)


@pytest.mark.parametrize("file", ["ant/a.jpg", "Thumbs.db/a.jpg", "lost/found.jpg", "my.ant/a..jpg", "@/a.jpg"])
def test_all_else_is_seen(file):
    assert is_visible(file)


def test_jpeg_and_png_are_known_by_each_of_their_endings():
    assert all(map(is_image, ["a.jpg", "a.JPG", "a.jpeg", "a.jpe", "a.JFIF", "a.png", "a/b.c/d.Png"]))
    assert not any(map(is_image, ["a.webp", "a.tif", "jpg", "a.jpg.txt", "a.jp2", "png/a"]))


@pytest.mark.parametrize(
    ("file", "expected"),
    [("a.TIF", ".tif"), ("b/a.tar.gz", ".gz"), ("a", ""), ("a.b/c", ""), (".hidden", ""), ("St. Anna 5 o'clock", "")],
)
def test_endings(file, expected):
    assert ending(file) == expected


def test_what_is_left_out_is_counted_by_ending_and_said_in_one_line():
    files = ["a.jpg", *["a.webp"] * 3, *["b.TIF"] * 2, "c.heic", "notes.txt", "labels.csv", "d", "e.xml", "f.JSON"]
    left_out = count_left_out(files)
    assert left_out == Counter({".webp": 3, ".tif": 2, ".heic": 1, "": 1})
    assert describe_left_out(left_out) == (
        "7 files are left out, since only JPEG and PNG (.jpg, .jpeg, .jpe, .jfif, .png) are read: "
        "3 .webp, 2 .tif, 1 .heic, 1 without an ending."
    )
    assert describe_left_out(Counter()) == ""
    assert "1 file is left out" in describe_left_out(Counter({".bmp": 1}))
    assert describe_left_out(Counter({f".{i}": 2 for i in range(20)})).endswith("2 .7 and 24 others.")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ant", "ant"),
        ("abeille à miel 🐝", "abeille à miel 🐝"),
        ("蚂蚁", "蚂蚁"),
        (b"abeill\xe9".decode("utf-8", "surrogateescape"), "abeillé"),
        (b"\xe2\x82\xac \x80 \x81".decode("utf-8", "surrogateescape"), "€ € \\x81"),
        ("Vespa\ncrabro\t\x1b[31m", "Vespa\\ncrabro\\t\\x1b[31m"),
        ("a\u2028b\x85", "a\\u2028b\\x85"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("lone \ud800", "lone \\ud800"),
        ("é", "é"),
        ("zero\u200dwidth", "zero\u200dwidth"),
    ],
)
def test_readable_names_can_be_printed_and_encoded(name, expected):
    assert as_text(name) == expected
    as_text(name).encode()
    assert "\n" not in as_text(name)
    assert json.loads(json.dumps(as_text(name))) == as_text(name)


def test_names_that_are_not_shown_as_they_are_are_said():
    names = ["ant", b"gu\xeape".decode("utf-8", "surrogateescape"), "a\nb"]
    assert describe_renamed(names) == (
        "2 names are not UTF-8, or with control characters; other bytes are read as Windows-1252 and controls written as "
        "escapes: 'a\\nb', 'guêpe'."
    )
    assert describe_renamed(["ant", "bee"]) == ""


def test_classes_that_may_be_one_are_named():
    assert describe_twins(["Ant", "bee", "ant", "abeillé", "abeille\u0301", "ANT "]) == (
        "Classes that differ in case, spaces or the form of accents alone are taken for different ones: "
        r"'Ant' and 'ant' and 'ANT ', 'abeill\xe9' and 'abeille\u0301'."
    )
    assert describe_twins(["ant", "ants", "bee_apis", "bee apis"]) == ""
