import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.full_disks import full_disk

from tfp_insects.errors import InputError
from tfp_insects.training import checkpoints
from tfp_insects.training.checkpoints import WEIGHTS_NAME, Checkpoints, TrainingState, load_weights, save_weights
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

MakeModel = Callable[..., tf_keras.Sequential]


def make_state(make_model: MakeModel, num_steps: int = 0, precision: str = "float32") -> TrainingState:
    """A state after some steps of training."""
    state = TrainingState(make_model(precision=precision), make_optimiser(0.9, precision))
    step = make_train_step(state.model, state.optimiser, LayerMultipliers())
    for i in range(num_steps):
        state.optimiser.learning_rate = 0.1 / (i + 1)
        step(tf.random.stateless_normal([8, 6], [i, 0]), tf.range(8) % 3)
    return state


def assert_same_weights(first: tf_keras.Model, second: tf_keras.Model) -> None:
    for old, new in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_best_weights_are_those_of_the_lowest_nll(make_model: MakeModel) -> None:
    state = make_state(make_model)
    kept = {}
    for epoch, nll in enumerate([1.5, 0.7, float("nan"), 0.9, 0.7, float("inf")], start=1):
        for variable in state.model.trainable_variables:
            variable.assign_add(tf.ones(variable.shape))
        kept[epoch] = [variable.numpy() for variable in state.model.trainable_variables]
        state.keep_if_best(nll, epoch)
    assert int(state.best_epoch) == 2
    assert float(state.best_nll) == 0.7
    state.use_best()
    for expected, found in zip(kept[2], state.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(expected, found)


def test_nan_at_the_start_is_not_the_best(make_model: MakeModel) -> None:
    state = make_state(make_model)
    state.keep_if_best(float("nan"), 1)
    assert int(state.best_epoch) == 0
    state.keep_if_best(2.0, 2)
    assert int(state.best_epoch) == 2


@pytest.mark.parametrize("name", ["[1] ant*?", "back\\slash", "lat\udce9", "工作 🐝\n%s"])
def test_a_directory_may_have_any_name(make_model: MakeModel, tmp_path: Path, name: str) -> None:
    directory = tmp_path / name / "checkpoints"
    state = make_state(make_model)
    saved = Checkpoints(directory, state, min_seconds=0.0)
    for epoch in (1, 2, 3):
        state.epoch.assign(epoch)
        saved.save_if_due()
    assert sorted(path.name for path in directory.iterdir()) == [
        *("checkpoint", "ckpt-3.data-00000-of-00001", "ckpt-3.index")
    ]
    fresh = make_state(make_model)
    assert Checkpoints(directory, fresh).restore()
    assert int(fresh.epoch) == 3
    saved.finish()
    other = make_state(make_model, num_steps=1)
    load_weights(other.model, directory / WEIGHTS_NAME)
    assert_same_weights(state.model, other.model)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_fresh_state_restores_everything(make_model: MakeModel, tmp_path: Path, precision: str) -> None:
    state = make_state(make_model, num_steps=3, precision=precision)
    state.epoch.assign(3)
    state.keep_if_best(0.25, 2)
    Checkpoints(tmp_path, state, min_seconds=0.0).save_if_due()
    inputs, labels = tf.ones([4, 6]), tf.constant([0, 1, 2, 0])
    fresh = TrainingState(make_model(precision=precision), make_optimiser(0.9, precision))
    assert Checkpoints(tmp_path, fresh).restore()
    assert (int(fresh.epoch), int(fresh.best_epoch), float(fresh.best_nll)) == (3, 2, 0.25)
    assert_same_weights(state.model, fresh.model)
    for old, new in zip(state.best_weights, fresh.best_weights, strict=True):
        np.testing.assert_array_equal(old, new)
    for one in (state, fresh):  # Momentum and loss scale act in the next steps; the learning rate is set before each.
        step = make_train_step(one.model, one.optimiser, LayerMultipliers())
        for rate in (0.2, 0.1):
            one.optimiser.learning_rate = rate
            step(inputs, labels)
            assert float(one.optimiser.learning_rate) == pytest.approx(rate)
    assert_same_weights(state.model, fresh.model)


def test_without_a_checkpoint_nothing_is_restored(make_model: MakeModel, tmp_path: Path) -> None:
    state = make_state(make_model)
    before = state.model.get_weights()
    assert not Checkpoints(tmp_path / "new", state).restore()
    for old, new in zip(before, state.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_saves_at_most_once_in_the_given_time_and_keeps_one(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    manager = Checkpoints(tmp_path, make_state(make_model), min_seconds=60.0)
    saved = []
    for seconds in (0.0, 59.0, 1.0, 59.0, 1.0, 200.0):
        now[0] += seconds
        manager.save_if_due()
        saved.append(sorted(path.name for path in tmp_path.glob("*.index")))
    expected = [[], [], ["ckpt-1.index"], ["ckpt-1.index"], ["ckpt-2.index"], ["ckpt-3.index"]]
    assert saved == expected


def test_finish_leaves_the_weights_alone(make_model: MakeModel, tmp_path: Path) -> None:
    state = make_state(make_model, num_steps=1)
    manager = Checkpoints(tmp_path, state, min_seconds=0.0)
    manager.save_if_due()
    assert len(list(tmp_path.iterdir())) > 1
    manager.finish()
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS_NAME]
    rebuilt = make_model()
    rebuilt.load_weights(str(tmp_path / WEIGHTS_NAME))
    assert_same_weights(state.model, rebuilt)


def test_finish_works_where_nothing_was_saved(make_model: MakeModel, tmp_path: Path) -> None:
    Checkpoints(tmp_path / "new", make_state(make_model)).finish()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [WEIGHTS_NAME]


def test_a_failed_save_leaves_the_old_weights(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / WEIGHTS_NAME
    save_weights(make_model(), path)
    content = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    changed = make_model()
    changed.layers[0].loc.assign_add(tf.ones([6, 5]))
    with pytest.raises(InputError, match=r"weights\.h5 was not written \(No space left on device\)"):
        save_weights(changed, path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("num_bytes", [0, 100, 4000])
def test_weights_for_which_there_is_no_room_leave_the_old_ones(
    num_bytes: int, make_model: MakeModel, tmp_path: Path
) -> None:
    path = tmp_path / WEIGHTS_NAME
    save_weights(make_model(), path)
    content = path.read_bytes()
    assert len(content) > 4000
    told = r"weights\.h5 was not written \(File too large\): mend that and give the same"
    with full_disk(num_bytes), pytest.raises(InputError, match=told):
        save_weights(make_model(), path)
    assert [one.name for one in tmp_path.iterdir()] == [WEIGHTS_NAME]
    assert path.read_bytes() == content


def test_a_checkpoint_for_which_there_is_no_room_leaves_the_old_one(make_model: MakeModel, tmp_path: Path) -> None:
    state = make_state(make_model, num_steps=1)
    state.epoch.assign(1)
    manager = Checkpoints(tmp_path, state, min_seconds=0.0)
    manager.save_if_due()
    state.epoch.assign(2)
    with full_disk(), pytest.raises(InputError, match=r"was not written \(File too large\): mend that"):
        manager.save_if_due()
    fresh = make_state(make_model)
    assert Checkpoints(tmp_path, fresh).restore()
    assert int(fresh.epoch) == 1


def test_damaged_files_are_named(make_model: MakeModel, tmp_path: Path) -> None:
    state = make_state(make_model, num_steps=1)
    Checkpoints(tmp_path / "some", state, min_seconds=0.0).save_if_due()
    (data,) = (tmp_path / "some").glob("ckpt-1.data*")
    for name, damage in (("cut", data.read_bytes()[:50]), ("changed", bytes(data.stat().st_size))):
        directory = shutil.copytree(tmp_path / "some", tmp_path / name)
        (directory / data.name).write_bytes(damage)
        with pytest.raises(InputError, match=rf"{name}/ckpt-1 cannot be read .*: remove the run's directory"):
            Checkpoints(directory, make_state(make_model)).restore()
    other = TrainingState(
        tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=[7])]), make_optimiser(0.9, "float32")
    )
    with pytest.raises(InputError, match=r"some/ckpt-1 cannot be read"):
        Checkpoints(tmp_path / "some", other).restore()
    save_weights(state.model, tmp_path / WEIGHTS_NAME)
    with pytest.raises(InputError, match=r"weights\.h5 cannot be read .*: remove the run's directory"):
        load_weights(other.model, tmp_path / WEIGHTS_NAME)
