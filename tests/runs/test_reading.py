import json
import re
import shutil

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import write_arrays, write_json
from tfp_insects.runs.reading import REQUIRED, REQUIRED_WITH_OOD, load_runs


@pytest.fixture(scope="module")
def pristine(make_run, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("pristine")
    make_run(workdir, "cnn", 5, 0, has_ood=True)
    make_run(workdir, "bnn", 5, 0, has_ood=True)
    return workdir


@pytest.fixture
def workdir(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "runs")


def change_record(directory, **fields):
    path = directory / "record.json"
    record = json.loads(path.read_text())
    write_json(path, {**record, **fields})


def change_arrays(directory, **arrays):
    path = directory / "predictions.npz"
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files}
    write_arrays(path, **(kept | arrays))


def refusal(workdir):
    with pytest.raises(InputError) as caught:
        load_runs(workdir)
    return str(caught.value)


def test_reads_runs_twins_first(workdir):
    found = load_runs(workdir)
    assert found.models == ["cnn", "bnn"]
    assert found.sizes == [5]
    assert found.seeds == [0]
    assert found.pair == ("cnn", "bnn")
    assert found.runs[1].probabilities.shape == (8, 120, 4)
    assert found.runs[1].has_draws
    assert not found.runs[0].has_draws


def test_empty_workdir_says_what_to_run(tmp_path):
    message = refusal(tmp_path)
    assert str(tmp_path) in message
    assert "no finished run there; expected folders with a record.json, as the command" in message


def test_missing_workdir_is_an_empty_one(tmp_path):
    assert "no finished run there" in refusal(tmp_path / "nowhere")


def test_counts_runs_that_were_only_started(workdir):
    for directory in workdir.iterdir():
        (directory / "record.json").unlink()
    assert "(2 started, none finished)" in refusal(workdir)


def test_leaves_unfinished_runs_out_by_name(workdir):
    (workdir / "bnn-n5-seed0" / "record.json").unlink()
    found = load_runs(workdir)
    assert found.unfinished == ("bnn-n5-seed0",)
    assert found.pair is None


def test_record_that_is_cut_off(workdir):
    path = workdir / "bnn-n5-seed0" / "record.json"
    path.write_text(path.read_text()[:200])
    assert re.search(r"bnn-n5-seed0/record\.json cannot be read as JSON", refusal(workdir))


@pytest.mark.parametrize("name", [*REQUIRED, *REQUIRED_WITH_OOD])
def test_names_a_missing_field(workdir, name):
    path = workdir / "bnn-n5-seed0" / "record.json"
    record = json.loads(path.read_text())
    del record[name]
    write_json(path, record)
    assert f"bnn-n5-seed0/record.json has no field '{name}'" in refusal(workdir)


@pytest.mark.parametrize(("name", "value"), [("seed", "0"), ("n_per_class", True), ("drawn", 1), ("accuracy", None)])
def test_names_a_field_of_another_type(workdir, name, value):
    change_record(workdir / "bnn-n5-seed0", **{name: value})
    assert f"field '{name}' is {json.dumps(value)}" in refusal(workdir)


@pytest.mark.parametrize(
    ("name", "value"),
    [("data_fingerprint", "e" * 64), ("split_fingerprint", "6" * 64), ("ood_fingerprint", "0" * 64)],
)
def test_names_the_field_in_which_runs_differ(workdir, name, value):
    change_record(workdir / "bnn-n5-seed0", **{name: value})
    message = refusal(workdir)
    assert f"differ in {name}, so their figures cannot be compared" in message
    assert "bnn-n5-seed0" in message
    assert "cnn-n5-seed0" in message


def test_seeds_with_splits_of_their_own_are_reported_one_by_one(workdir, make_run):
    other = make_run(workdir, "cnn", 5, 1)
    change_record(other, split_fingerprint="6" * 64)
    assert "or name the seeds of one split" in refusal(workdir)
    (make_run(workdir, "bnn", 10, 1) / "record.json").unlink()
    assert [run.directory.name for run in load_runs(workdir, [0]).runs] == ["cnn-n5-seed0", "bnn-n5-seed0"]
    found = load_runs(workdir, [1])
    assert [run.directory for run in found.runs] == [other]
    assert found.unfinished == ("bnn-n10-seed1",)
    with pytest.raises(InputError, match=r"no finished run with seeds 2,3 there; expected"):
        load_runs(workdir, [2, 3])


def test_other_classes(workdir):
    change_record(workdir / "bnn-n5-seed0", class_names=["ant", "bee & co", "<wasp>", "moth"])
    assert "differ in class_names" in refusal(workdir)


def test_runs_without_ood_images_go_with_runs_that_have_them(workdir):
    path = workdir / "bnn-n5-seed0" / "record.json"
    record = json.loads(path.read_text())
    del record["ood_fingerprint"]
    write_json(path, record)
    assert len(load_runs(workdir).runs) == 2


def test_other_test_images(workdir):
    change_arrays(workdir / "bnn-n5-seed0", example_ids=np.array([f"ant/{i}.png" for i in range(120)]))
    assert "differ in example_ids or labels (the test set)" in refusal(workdir)


def test_predictions_that_are_not_those_of_the_record(workdir):
    directory = workdir / "bnn-n5-seed0"
    change_record(directory, accuracy=0.123)
    assert re.search(r"predictions\.npz gives an accuracy of 0\.\d{6}; the record says 0\.123000", refusal(workdir))


def test_predictions_of_another_shape(workdir):
    change_record(workdir / "bnn-n5-seed0", num_draws=30)
    assert "probabilities have shape (8, 120, 4); the record says (30, 120, 4)" in refusal(workdir)


def test_labels_of_another_length(workdir):
    change_arrays(workdir / "bnn-n5-seed0", labels=np.zeros(7, np.int32))
    assert "labels has 7 entries; its probabilities are of 120 images" in refusal(workdir)


@pytest.mark.parametrize("name", ["predictions.npz", "config.json"])
def test_other_files_that_are_cut_off(workdir, name):
    path = workdir / "bnn-n5-seed0" / name
    path.write_bytes(path.read_bytes()[:150])
    assert re.search(rf"bnn-n5-seed0/{re.escape(name)} cannot be read", refusal(workdir))


def test_predictions_without_an_array(workdir):
    directory = workdir / "bnn-n5-seed0"
    write_arrays(directory / "predictions.npz", probabilities=np.zeros((8, 120, 4)))
    assert "predictions.npz cannot be read" in refusal(workdir)
    assert "labels" in refusal(workdir)


@pytest.mark.parametrize("text", ["epoch,train_loss\n1,0.5\n", "epoch\nx\n"])
def test_history_that_is_no_history(workdir, text):
    (workdir / "bnn-n5-seed0" / "history.csv").write_text(text)
    assert "bnn-n5-seed0/history.csv cannot be read" in refusal(workdir)


def test_history_without_epochs(workdir):
    path = workdir / "bnn-n5-seed0" / "history.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "bnn-n5-seed0/history.csv holds 0 epochs; the record says best_epoch" in refusal(workdir)


def test_history_that_ends_before_the_best_epoch(workdir):
    change_record(workdir / "bnn-n5-seed0", best_epoch=3)
    path = workdir / "bnn-n5-seed0" / "history.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    assert "bnn-n5-seed0/history.csv holds 2 epochs; the record says best_epoch 3" in refusal(workdir)
