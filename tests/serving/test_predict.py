"""scripts/predict.py, as it is run: in processes that cannot import what trained the model."""

import csv
import html
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.serving.folder import Command, predict_images
from tfp_insects.serving.loaded_model import LoadedModel

Get = Callable[[str], Path]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path: Path, blocked_environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(REPOSITORY / "scripts" / "predict.py"), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tmp_path, env=blocked_environment, stdout=pipe, stderr=pipe, text=True)

    return run


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def make_images(folder: Path, runs: Any, count: int) -> Path:
    folder.mkdir()
    for i, content in enumerate(runs.images(count)):
        (folder / f"{i:04}.png").write_bytes(content)
    return folder


def wait_for_rows(path: Path, count: int) -> None:
    end = time.monotonic() + 900
    while not path.exists() or path.read_bytes().count(b"\n") <= count:
        assert time.monotonic() < end, "no rows in time"
        time.sleep(0.01)


def test_a_killed_run_is_resumed_with_no_image_lost_or_written_twice(
    start: Callable[..., subprocess.Popen[str]], version_of: Get, runs: Any, tmp_path: Path
) -> None:
    make_images(tmp_path / "images", runs, 150)
    (tmp_path / "images" / "bad & <b>.jpg").write_bytes(b"no image")
    (tmp_path / "images" / "cut.png").write_bytes(runs.images(1)[0][:500])
    arguments = [f"--model={version_of('all').parent}", "--images=images", "--output=table.csv", "--batch_size=4"]
    first = start(*arguments)
    wait_for_rows(tmp_path / "table.csv", 8)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = read_rows(tmp_path / "table.csv")
    assert 8 <= len(before) < 152
    second = start(*arguments, "--review=review")
    output, errors = second.communicate(timeout=1800)
    assert (second.returncode, errors) == (0, "")
    rows = read_rows(tmp_path / "table.csv")
    assert Counter(row["path"] for row in rows) == Counter(sorted(os.listdir(tmp_path / "images")))
    assert rows[: len(before)] == before
    assert re.search(r"Going on after \d+ of 152 images", output)
    check_rows(rows, runs)
    check_output(output, rows, tmp_path)
    check_page((tmp_path / "review" / "index.html").read_text(), rows)


def check_rows(rows: list[dict[str, str]], runs: Any) -> None:
    errors = {row["path"]: row["error"] for row in rows if row["error"]}
    assert errors.keys() == {"bad & <b>.jpg", "cut.png"}
    assert errors["bad & <b>.jpg"] == "neither JPEG nor PNG"
    assert errors["cut.png"] == "truncated or damaged"
    assert "{" not in errors["cut.png"] + errors["bad & <b>.jpg"]
    for row in rows:
        if not row["error"]:
            assert row["class"] in runs.class_names
            assert 0.25 <= float(row["probability"]) <= 1.0
            doubt = float(row["aleatoric"]) + float(row["epistemic"])
            assert float(row["entropy"]) == pytest.approx(doubt, abs=1e-4)
            assert row["accepted"] in ("true", "false")
            assert row["unknown"] in ("true", "false")
            assert (row["accepted"], row["unknown"]) != ("true", "true")


def check_output(output: str, rows: list[dict[str, str]], folder: Path) -> None:
    *counts, unknown = read_rows(folder / "table-counts.csv")
    num_unknown = sum(row["unknown"] == "true" for row in rows)
    assert unknown == {"class": "(unknown)", "predicted": str(num_unknown), "estimate": "", "low": "", "high": ""}
    predicted = Counter(row["class"] for row in rows if row["class"] and row["unknown"] == "false")
    assert {row["class"]: int(row["predicted"]) for row in counts if row["predicted"] != "0"} == predicted
    assert sum(float(row["estimate"]) for row in counts) == pytest.approx(150 - num_unknown, abs=1)
    assert all(float(row["low"]) <= float(row["high"]) for row in counts)
    to_review = sum(row["accepted"] == "false" for row in rows)
    assert f"{to_review} of 150 images ({to_review / 150:.1%}) should be looked at" in " ".join(output.split())
    assert f"{num_unknown} of 150 images ({num_unknown / 150:.1%}) are called unknown." in " ".join(output.split())
    assert "2 images could not be read" in output


def check_page(page: str, rows: list[dict[str, str]]) -> None:
    shown = re.findall(r'<p class="path">(.*?)</p>', page)
    uncertain = sorted((row for row in rows if row["accepted"] == "false"), key=lambda row: -float(row["entropy"]))
    assert [html.unescape(path) for path in shown] == [row["path"] for row in uncertain]
    assert page.count("data:image/jpeg;base64,") == len(uncertain)
    assert "bad &amp; &lt;b&gt;.jpg" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_what_the_user_gets_wrong_is_said_in_one_line(
    start: Callable[..., subprocess.Popen[str]], version_of: Get, tmp_path: Path
) -> None:
    process = start(f"--model={version_of('cnn')}", "--images=nowhere")
    _, errors = process.communicate(timeout=1800)
    assert process.returncode == 1
    assert errors == (
        "error: images=nowhere: no such file or folder; expected an image, or a folder or a zip of images "
        "(set with --images)\n"
    )


def test_one_bad_image_costs_no_other_its_answer(version_of: Get, runs: Any) -> None:
    model, good = LoadedModel(version_of("cnn").parent), runs.images(7)
    expected = model.answer(good)
    assert not any(answer.error for answer in expected)
    mixed = [*good[:3], b"", *good[3:], b"GIF89a"]
    found = model.answer(mixed)
    assert [answer.error for answer in found if answer.error] == ["the file is empty", "a GIF, neither JPEG nor PNG"]
    kept = [answer for answer in found if not answer.error]
    assert [answer.predicted_class for answer in kept] == [answer.predicted_class for answer in expected]
    np.testing.assert_allclose(
        [answer.probability for answer in kept], [answer.probability for answer in expected], atol=1e-5
    )
    assert model.answer([]) == []


def test_an_image_too_large_for_memory_costs_no_other_its_answer(
    version_of: Get, runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LoadedModel(version_of("cnn"))
    signature = model._signature
    *images, huge = runs.images(3)

    def run_out_of_memory(image_bytes: tf.Tensor) -> Any:
        if huge in image_bytes.numpy().tolist():
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor [[{{node resize}}]]")
        return signature(image_bytes=image_bytes)

    monkeypatch.setattr(model, "_signature", run_out_of_memory)
    answers = model.answer([*images, huge])
    assert [answer.error for answer in answers] == ["", "", "OOM when allocating tensor"]


def test_a_table_is_continued_when_the_model_has_moved(version_of: Get, runs: Any, tmp_path: Path) -> None:
    images, console = make_images(tmp_path / "images", runs, 2), Console(file=io.StringIO())
    moved = shutil.copytree(version_of("cnn"), tmp_path / "moved")
    for model in (version_of("cnn"), moved):
        predict_images(Command(model, images, tmp_path / "table.csv", review=None, batch_size=2), console)
    assert "Going on after 2 of 2 images" in console.file.getvalue()


def test_under_a_seed_rows_do_not_depend_on_their_batch_and_without_it_they_change(version_of: Get, runs: Any) -> None:
    images = runs.images(6)
    seeded, fresh = LoadedModel(version_of("all"), seed=3), LoadedModel(version_of("all"))
    together, apart = seeded.answer(images), [answer for image in images for answer in seeded.answer([image])]
    of = {name: [answer.probability for answer in answers] for name, answers in (("a", together), ("b", apart))}
    np.testing.assert_allclose(of["a"], of["b"], atol=1e-5)
    other = [answer.probability for answer in LoadedModel(version_of("all"), seed=4).answer(images)]
    assert np.abs(np.subtract(of["a"], other)).max() > 1e-3
    twice = [[answer.probability for answer in fresh.answer(images)] for _ in range(2)]
    assert np.abs(np.subtract(*twice)).max() > 1e-3


def test_an_export_of_before_there_was_a_seed_says_so(version_of: Get, tmp_path: Path) -> None:
    old = shutil.copytree(version_of("cnn"), tmp_path / "old")
    loaded = tf.saved_model.load(str(old))
    tf.saved_model.save(loaded, str(old), {"serving_default": loaded.signatures["serving_default"]})
    assert LoadedModel(old).card
    with pytest.raises(InputError, match=r"seed=3: the exported model in .* Export the run anew, or give no seed"):
        LoadedModel(old, seed=3)
