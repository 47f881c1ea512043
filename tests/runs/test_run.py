import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.runs.predictions import Predictions, num_passes, read_predictions, write_predictions
from tfp_insects.runs.reading import load_run
from tfp_insects.runs.run import Run


def as_0_1_0(directory: Path) -> None:
    """What version 0.1.0 would have written."""
    for name, more in (("config.json", ()), ("record.json", ("num_draws", "predict_seconds", "prediction_method"))):
        content = json.loads((directory / name).read_text())
        if name == "record.json":
            content["num_samples"] = content["num_draws"]
        write_json(directory / name, {key: value for key, value in content.items() if key not in ("format", *more)})


def test_a_run_is_read_as_it_is_asked(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 3, has_ood=True)
    run = Run(directory)
    assert (run.model, run.n_per_class, run.seed, run.num_networks) == ("bnn", 5, 3, 1)
    assert set(vars(run)) == {"directory", "config", "settings"}
    assert run.class_names == tuple(run.record["class_names"])
    assert run.probabilities is run.probabilities
    assert run.test.probabilities.shape == (8, 120, 4)
    assert run.labels.dtype == np.int64
    assert run.ood.probabilities.shape == (8, 40, 4)
    assert set(run.ood.labels) == {-1}
    assert (run.num_draws, run.num_samples, run.num_last_layer_samples) == (8, 2, 4)
    assert run.train_seconds == pytest.approx(sum(row.seconds for row in run.history))
    assert 0 < run.seconds_to_best_epoch <= run.train_seconds
    assert run.predict_seconds == 0.5
    assert (run.preprocessing.image_size, run.preprocessing.std) == (95, (0.2, 0.2, 0.2))
    with pytest.raises(InputError, match=r"validation_predictions\.npz cannot be read"):
        _ = run.validation


def test_a_run_of_0_1_0_says_the_same_but_for_what_was_not_measured(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    now = load_run(directory)
    as_0_1_0(directory)
    before = load_run(directory)
    assert before.record == {
        name: value
        for name, value in now.record.items()
        if name not in ("format", "predict_seconds", "prediction_method")
    }
    assert (before.num_draws, before.record["num_samples"]) == (8, 2)
    assert before.ood is before.predict_seconds is None
    np.testing.assert_array_equal(before.probabilities, now.probabilities)


def test_an_unfinished_run_has_times_and_no_record(make_run, tmp_path):
    directory = make_run(tmp_path, "cnn", 5, 0)
    whole = Run(directory)
    assert whole.is_finished
    figures = whole.train_seconds, whole.seconds_to_best_epoch
    (directory / "record.json").unlink()
    broken = Run(directory)
    assert not broken.is_finished
    assert (broken.train_seconds, broken.seconds_to_best_epoch) == pytest.approx(figures)


def test_a_record_of_a_newer_version_is_refused(make_run, tmp_path):
    directory = make_run(tmp_path, "cnn", 5, 0)
    record = json.loads((directory / "record.json").read_text())
    write_json(directory / "record.json", {**record, "format": 99})
    with pytest.raises(
        InputError, match=r"record\.json is of format 99; this version of the program reads formats up to"
    ):
        _ = Run(directory).record


def test_a_run_need_not_be_on_disk():
    run = Run(Path("none"), record={"model": "cnn", "n_per_class": 3, "seed": 1, "train_seconds": 2.5})
    assert (run.model, run.n_per_class, run.seed, run.train_seconds) == ("cnn", 3, 1, 2.5)


def test_passes_are_counted_for_each_network():
    assert num_passes(120, 1, 4) == 30
    assert num_passes(1, 1, 4) == 1  # No layer is random.
    assert num_passes(5, 5, 4) == 1
    assert num_passes(60, 5, 4) == 3


def test_predictions_are_of_one_set_of_images(tmp_path):
    path, probabilities = tmp_path / "p.npz", np.full((2, 3, 2), 0.5, np.float32)
    good = Predictions(probabilities, np.zeros(3, np.int32), ("a", "b", "c"))
    write_predictions(path, good, ["ant", "bee"])
    assert read_predictions(path).example_ids == ("a", "b", "c")
    assert read_predictions(path).leverage is None
    write_predictions(path, dataclasses.replace(good, leverage=np.float32([0.1, 0.2, 0.3])), ["ant", "bee"])
    np.testing.assert_array_equal(read_predictions(path).draws.leverage, np.float32([0.1, 0.2, 0.3]))
    with np.load(path) as file:
        assert file["class_names"].tolist() == ["ant", "bee"]
    for bad, message in (
        (
            Predictions(probabilities[0], good.labels, good.example_ids),
            r"probabilities have shape \(3, 2\); expected \[num_draws",
        ),
        (
            Predictions(probabilities, good.labels[:2], good.example_ids),
            r"labels has 2 entries; its probabilities are of 3",
        ),
        (Predictions(probabilities, good.labels, ("a",)), r"example_ids has 1 entries"),
        (dataclasses.replace(good, leverage=np.zeros(2, np.float32)), r"leverage has 2 entries"),
        (dataclasses.replace(good, leverage=np.array(["a", "b", "c"])), r"leverage is <U1; expected floating-point"),
    ):
        write_predictions(path, bad, ["ant", "bee"])
        with pytest.raises(InputError, match=message):
            read_predictions(path)


def named(model: str, size: int, seed: int) -> Run:
    return Run(Path(f"{model}-{size}-{seed}"), record={"model": model, "n_per_class": size, "seed": seed})
