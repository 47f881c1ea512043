import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import kl_divergence
from tfp_insects.bayes.priors import Variational
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.training.checkpoints import Checkpoints, TrainingState
from tfp_insects.training.fit import Schedule, Training, Validation
from tfp_insects.training.history import EpochRow, History
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser
from tfp_insects.training.schedules import cosine_learning_rate

MakeModel = Callable[..., tf_keras.Sequential]


class KilledError(Exception):
    """Stands for the end of the process in the middle of an epoch."""


class Run:
    """A training from its directory: a fresh process, as far as Python objects go."""

    def __init__(self, directory: Path, model: tf_keras.Sequential, inputs: Any, precision: str = "float32") -> None:
        self.state = TrainingState(model, make_optimiser(0.9, precision))
        self.checkpoints = Checkpoints(directory / "checkpoints", self.state, min_seconds=0.0)
        self.is_resumed = self.checkpoints.restore()
        self.history = History(directory / "history.csv", int(self.state.epoch))
        self.inputs = inputs
        self.num_steps = 0
        self.learning_rates: list[float] = []
        self.rows: list[EpochRow] = []
        self.on_epoch: Callable[[EpochRow], None] = self.rows.append

    def train(self, schedule: Schedule, nlls: list[float] | None = None, kill_at_step: int = 0) -> None:
        """Trains; validation NLLs come from a list, or fall from epoch to epoch."""

        def on_step() -> None:
            self.num_steps += 1
            self.learning_rates.append(float(self.state.optimiser.learning_rate))
            if self.num_steps == kill_at_step:
                raise KilledError

        def validate() -> Validation:
            epoch = int(self.state.epoch)
            return Validation(nlls[epoch] if nlls else 1.0 / (1 + epoch), accuracy=0.5)

        Training(self.state, self.inputs, schedule, validate, on_step, self.on_epoch).run(
            self.history, self.checkpoints
        )


@pytest.fixture
def make_run(make_model: MakeModel, make_inputs: Any, tmp_path: Path) -> Callable[..., Run]:
    def make(directory: Path = tmp_path, **options: Any) -> Run:
        model = make_model(**options)
        return Run(directory, model, make_inputs(model), options.get("precision", "float32"))

    return make


def test_rows_hold_the_epochs_figures(make_run: Callable[..., Run]) -> None:
    run = make_run(noise_multiplier=0.0)
    run.train(Schedule(epochs=2, learning_rate=0.0, kl_weight=0.5, kl_annealing_epochs=2.0), nlls=[0.9, 0.8])
    kl = float(kl_divergence(run.state.model))
    assert kl > 1.0
    assert [row.epoch for row in run.rows] == [1, 2]
    for epoch, row in enumerate(run.rows):
        batches = run.inputs.pipeline.epoch(epoch)
        inputs, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        logits = np.float64(run.state.model(inputs, training=False))
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        divergence = [0.25, 0.5][epoch] * kl / 20
        assert row.train_nll == pytest.approx(-log_p[np.arange(20), labels].mean(), rel=1e-5)
        assert row.train_accuracy == np.mean(logits.argmax(1) == labels)
        assert row.kl == pytest.approx(kl, rel=1e-6)
        assert row.train_loss == pytest.approx(row.train_nll + divergence, rel=1e-6)
        assert row.validation_nll == [0.9, 0.8][epoch]
        assert row.validation_loss == pytest.approx(row.validation_nll + divergence, rel=1e-6)
        assert row.validation_accuracy == 0.5
        assert row.seconds > 0.0
    assert run.history.rows == run.rows


def test_training_learns(make_run: Callable[..., Run]) -> None:
    run = make_run()
    run.train(Schedule(epochs=20, learning_rate=0.1, kl_weight=0.1, warmup_epochs=1.0))
    accuracies = [row.train_accuracy for row in run.rows]
    assert np.mean(accuracies[-5:]) > np.mean(accuracies[:2]) + 0.1
    assert np.mean(accuracies[-5:]) > 0.7  # Chance is 0.33.
    assert run.rows[-1].train_nll < 0.7 * run.rows[0].train_nll


def test_learning_rate_follows_the_cosine_step_by_step(make_run: Callable[..., Run]) -> None:
    run = make_run()
    run.train(Schedule(epochs=4, learning_rate=0.2, warmup_epochs=0.7))
    expected = [cosine_learning_rate(0.2, step, num_steps=12, warmup_steps=2) for step in range(12)]
    assert run.learning_rates == pytest.approx(expected, rel=1e-6)


def test_the_model_is_left_at_its_best_epoch(make_run: Callable[..., Run]) -> None:
    run = make_run()
    weights: list[list[np.ndarray]] = []
    run.on_epoch = lambda row: weights.append(run.state.model.get_weights())
    run.train(Schedule(epochs=4, learning_rate=0.1), nlls=[1.0, 0.6, 0.8, 0.7])
    assert int(run.state.best_epoch) == 2
    is_trainable = [any(v is t for t in run.state.model.trainable_variables) for v in run.state.model.weights]
    for trained, best, last, found in zip(is_trainable, weights[1], weights[3], run.state.model.weights, strict=True):
        np.testing.assert_array_equal(found, best if trained else last)
    assert not np.array_equal(weights[1][0], weights[3][0])


def test_a_broken_loss_names_what_to_lower(make_run: Callable[..., Run], make_inputs: Any) -> None:
    run = make_run()
    with pytest.raises(InputError) as error:
        run.train(Schedule(epochs=3, learning_rate=1e30))
    message = str(error.value)
    assert message.startswith("the training loss became")
    assert "lower the method's learning rate" in message
    assert message.endswith("lengthen the warm-up, and give the command again")  # There is no checkpoint.
    assert {"cnn.learning_rate", "bnn.learning_rate", "training.warmup_epochs"} <= set(error.value.fields)
    assert all(math.isfinite(row.train_loss) for row in run.history.rows)


def test_weights_broken_by_an_epochs_last_step_are_found_at_validation(make_run: Callable[..., Run]) -> None:
    run = make_run()  # It saves after each epoch.
    message = (
        r"the validation loss became nan in epoch 2: lower .*learning rate.* in another work directory or after remov"
    )
    with pytest.raises(InputError, match=message):
        run.train(Schedule(epochs=3, learning_rate=0.1), nlls=[0.9, float("nan"), 0.8])
    assert int(run.state.best_epoch) == 1
    assert len(run.history.rows) == 1


@pytest.mark.parametrize(("precision", "kill_at_step"), [("float32", 5), ("mixed_float16", 8)])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    make_run: Callable[..., Run], tmp_path: Path, precision: str, kill_at_step: int
) -> None:
    schedule = Schedule(
        5, 0.1, 1.0, kl_annealing_epochs=2.0, multipliers=LayerMultipliers({"classifier_6": 2.0}, scale=0.5)
    )
    nlls = [0.9, 0.5, 0.6, 0.55, 0.7]
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = make_run(tmp_path / "whole", precision=precision)
    whole.train(schedule, nlls)
    killed = make_run(tmp_path / "killed", precision=precision)
    with pytest.raises(KilledError):
        killed.train(schedule, nlls, kill_at_step)
    resumed = make_run(tmp_path / "killed", precision=precision)
    finished = (kill_at_step - 1) // 3
    assert resumed.is_resumed
    assert int(resumed.state.epoch) == finished
    resumed.train(schedule, nlls)
    assert resumed.learning_rates == whole.learning_rates[3 * finished :]
    assert int(resumed.state.best_epoch) == int(whole.state.best_epoch) == 2
    assert_same_weights(resumed.state.model, whole.state.model)
    assert without_times(resumed.history) == without_times(whole.history)


def assert_same_weights(first: tf_keras.Model, second: tf_keras.Model) -> None:
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.name)


def without_times(history: History) -> list[EpochRow]:
    return [dataclasses.replace(row, seconds=0.0, validation_seconds=0.0) for row in history.rows]


@dataclasses.dataclass(frozen=True)
class ImageBatches:
    """12 images, another batch order in each epoch."""

    num_examples: int = 12
    steps_per_epoch: int = 2

    def epoch(self, epoch: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
        images = np.float32(np.random.default_rng(0).normal(size=(12, 63, 63, 3)))
        order = np.random.default_rng(epoch).permutation(12)
        return [(tf.constant(images[part]), tf.constant(np.int32(part % 4))) for part in (order[:6], order[6:])]


@pytest.mark.parametrize("name", ["cnn", "bnn"])
def test_resumed_twins_end_where_uninterrupted_ones_do(name: str, make_inputs: Any, tmp_path: Path) -> None:
    variational = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.1}

    def make_run(directory: Path) -> Run:
        architecture = NetworkSpec(ALEXNET, 4, 63, 0.05)
        if name == "cnn":
            model = build_cnn(architecture, seed=0, dropout=0.5)
        else:
            model = build_bnn(
                architecture, Bayesian("head", Variational.of(variational), Variational.of(variational)), 12, seed=0
            )
        directory.mkdir(exist_ok=True)
        return Run(directory, model, make_inputs(model, ImageBatches()))

    schedule = Schedule(epochs=3, learning_rate=0.02)
    whole = make_run(tmp_path / "whole")
    whole.train(schedule)
    with pytest.raises(KilledError):
        make_run(tmp_path / "killed").train(schedule, kill_at_step=3)
    resumed = make_run(tmp_path / "killed")
    resumed.train(schedule)
    assert_same_weights(resumed.state.model, whole.state.model)
    assert without_times(resumed.history) == without_times(whole.history)


def test_a_run_killed_after_its_last_epoch_is_only_finished(make_run: Callable[..., Run]) -> None:
    schedule = Schedule(epochs=2, learning_rate=0.1)
    run = make_run()
    run.train(schedule, nlls=[0.5, 0.9])
    resumed = make_run()
    resumed.train(schedule, nlls=[0.5, 0.9])
    assert resumed.num_steps == 0
    assert_same_weights(resumed.state.model, run.state.model)
    assert len(resumed.history.rows) == 2
