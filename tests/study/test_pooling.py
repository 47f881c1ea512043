import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.tiny_study import on_step
from rich.console import Console

from tfp_insects.compare.answers import answers_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.pair import Pair
from tfp_insects.compare.record_table import print_table
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.metrics.bootstrap import bootstrap_over_seeds
from tfp_insects.metrics.summary import metric_intervals
from tfp_insects.report.answer import make_answer
from tfp_insects.report.tables import differences_table
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.reading import load_run, load_runs, open_run
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey, make_run_keys
from tfp_insects.study.experiment import Experiment, make_experiment
from tfp_insects.study.grid import Outcome, run_grid
from tfp_insects.study.pooling import pool_all, pool_folds, require_room_for_pooled
from tfp_insects.study.run_one import OneRun
from tfp_insects.training.history import joint_history

NUM_FOLDS, N_PER_CLASS, NUM_IMAGES = 3, 4, 56
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def experiment(
    insects: ImageSource,
    other_insects: ImageSource,
    tiny_config: RunConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Experiment:
    config = tiny_config.replaced({"data.folds": NUM_FOLDS})
    cache_dir = tmp_path_factory.mktemp("cache")
    return make_experiment(insects, "none", [N_PER_CLASS], config, cache_dir, lambda line: None, other_insects)


@pytest.fixture(scope="module")
def finished(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outcome]]:
    """The work directory of cross-validations of both twins, and the outcomes of the pooled runs."""
    workdir = tmp_path_factory.mktemp("folds")
    return workdir, cross_validate(experiment, workdir)


def cross_validate(experiment: Experiment, workdir: Path, models: tuple[str, ...] = ("cnn", "bnn")) -> list[Outcome]:
    keys = make_run_keys(list(models), [N_PER_CLASS], [0], NUM_FOLDS)
    return pool_all(run_grid(keys, experiment, workdir, QUIET), experiment, workdir, QUIET)


def folds_of(workdir: Path, model: str) -> list[Run]:
    return [Run(RunKey(model, N_PER_CLASS, 0, fold).directory(workdir)) for fold in range(NUM_FOLDS)]


def pooled_of(workdir: Path, model: str) -> Run:
    return load_run(RunKey(model, N_PER_CLASS, 0).directory(workdir))


def times(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*.*") if path.name != ".lock"}


@pytest.mark.parametrize("model", ["cnn", "bnn"])
def test_each_image_is_answered_by_the_network_that_never_saw_it(
    model: str, finished: tuple[Path, list[Outcome]], experiment: Experiment
) -> None:
    workdir, _ = finished
    folds, pooled = folds_of(workdir, model), pooled_of(workdir, model)
    assert pooled.example_ids == experiment.source.example_ids
    np.testing.assert_array_equal(pooled.labels, experiment.source.labels)
    for part in ("test", "validation"):
        answers = {
            name: getattr(fold, part).probabilities[:, i]
            for fold in folds
            for i, name in enumerate(getattr(fold, part).example_ids)
        }
        joined = getattr(pooled, part)
        for i, name in enumerate(joined.example_ids):
            np.testing.assert_array_equal(joined.probabilities[:, i], answers[name])
    for fold in folds:
        split = json.loads((fold.directory / "split.json").read_text())
        assert not set(split["test"]) & {*split["pool"], *split["validation"]}
        assert list(fold.example_ids) == split["test"]
    assert pooled.ood is not None
    for i in range(pooled.ood.probabilities.shape[1]):
        fold = folds[i % NUM_FOLDS].ood
        assert fold is not None
        np.testing.assert_array_equal(pooled.ood.probabilities[:, i], fold.probabilities[:, i])


def test_the_record_is_that_of_all_folds(finished: tuple[Path, list[Outcome]]) -> None:
    workdir, outcomes = finished
    folds, pooled = folds_of(workdir, "bnn"), pooled_of(workdir, "bnn")
    record = outcomes[1].record
    assert record == dict(pooled.record)
    sizes = [fold.record["num_test_examples"] for fold in folds]
    assert record["accuracy"] == pytest.approx(np.average([fold.record["accuracy"] for fold in folds], weights=sizes))
    assert record["nll"] == pytest.approx(np.average([fold.record["nll"] for fold in folds], weights=sizes))
    assert (record["num_folds"], record["num_test_examples"]) == (NUM_FOLDS, NUM_IMAGES)
    assert (record["num_samples"], record["num_draws"]) == (3, 6)
    for name in ("train_seconds", "predict_seconds", "seconds_to_best_epoch", "run_seconds"):
        assert record[name] == pytest.approx(sum(fold.record[name] for fold in folds))
    assert record["run_seconds"] == pytest.approx(sum(record["seconds_by_phase"].values()))
    assert record["num_parameters"] == folds[0].record["num_parameters"]
    assert pooled.history == joint_history([fold.history for fold in folds])
    # 56 images of three folds, 16 of which a network trains on: Nadeau and Bengio's 1 + K n_test / n_train.
    assert pooled.variance_factor == pytest.approx(1 + NUM_FOLDS * (NUM_IMAGES / NUM_FOLDS) / 16)
    low, high = record["intervals"]["nll"]
    plain = metric_intervals(pooled.probabilities, pooled.labels, seed=0)["nll"]
    assert (high - low) == pytest.approx((plain.high - plain.low) * np.sqrt(pooled.variance_factor))
    assert low < plain.low < record["nll"] < plain.high < high


def test_the_pooled_run_has_the_network_of_the_first_fold(finished: tuple[Path, list[Outcome]]) -> None:
    workdir, _ = finished
    first, pooled = folds_of(workdir, "cnn")[0], pooled_of(workdir, "cnn")
    own, other = (run.directory / "checkpoints" / "weights.h5" for run in (pooled, first))
    assert own.samefile(other)
    weights = [open_run(run.directory).build_model().get_weights() for run in (pooled, first)]
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not (pooled.directory / "tensorboard").exists()


def test_the_work_directory_has_two_runs_to_compare_and_words_that_say_what_they_are(
    finished: tuple[Path, list[Outcome]],
) -> None:
    workdir, outcomes = finished
    study = load_runs(workdir)
    assert [run.directory.name for run in study.runs] == ["cnn-n4-seed0", "bnn-n4-seed0"]
    assert (study.num_folds, study.unfinished) == (NUM_FOLDS, ())
    stream = io.StringIO()
    print_table([outcome.record for outcome in outcomes if outcome.record], Console(file=stream, width=120))
    assert "56 test images" in stream.getvalue()
    assert "each in one of 3 folds" in stream.getvalue()
    comparison = Comparison([answers_of(run) for run in study.runs], num_resamples=200)
    pair = Pair(comparison, "bnn", "cnn")
    answer = make_answer(study, comparison, pair)
    assert answer.caveats[0].startswith("Cross-validation in 3 folds: each image is tested once")
    assert "trained 3 times a size, once a fold, with one seed" in answer.caveats[1]
    assert not any("over test images alone" in line for line in answer.caveats)
    assert answer.verdict is not None
    assert answer.verdict.headline.endswith("3 trainings of each with one seed: another one may say otherwise.")
    assert pair.mcnemar(N_PER_CLASS) == []
    assert "McNemar's p" not in differences_table(pair).headings
    factor = study.first.variance_factor
    for figure in comparison.figures("bnn", N_PER_CLASS).values():
        assert factor == pytest.approx(1 + 56 / 16)
        assert figure.interval.low >= 0.0
    found = comparison.resampled((0,), "bnn", N_PER_CLASS, "nll")
    plain = bootstrap_over_seeds(
        [comparison.get("bnn", N_PER_CLASS, 0).statistics["nll"]], [0], num_shared=[56], seed=0, num_resamples=200
    )
    assert np.std(found.values) == pytest.approx(np.sqrt(factor) * np.std(plain.values))


def test_a_second_call_does_nothing(finished: tuple[Path, list[Outcome]], experiment: Experiment) -> None:
    workdir, outcomes = finished
    before = times(workdir)
    assert [outcome.record for outcome in cross_validate(experiment, workdir)] == [one.record for one in outcomes]
    assert times(workdir) == before


def test_what_was_broken_off_goes_on_and_ends_alike(
    finished: tuple[Path, list[Outcome]], experiment: Experiment, tmp_path: Path
) -> None:
    whole, _ = finished
    workdir = tmp_path / "broken"
    shutil.copytree(whole, workdir)
    pooled, last = (RunKey("cnn", N_PER_CLASS, 0, fold).directory(workdir) for fold in (None, 2))
    shutil.rmtree(pooled)
    shutil.rmtree(last)
    _break_off(RunKey("cnn", N_PER_CLASS, 0, 2), experiment, workdir)
    outcomes = run_grid([RunKey("cnn", N_PER_CLASS, 0, fold) for fold in (0, 1)], experiment, workdir, QUIET)
    lacking = Outcome(RunKey("cnn", N_PER_CLASS, 0, 2), None, "broken off")
    assert pool_all([*outcomes, lacking], experiment, workdir, QUIET) == []
    assert not pooled.exists()
    cross_validate(experiment, workdir, ("cnn",))
    np.testing.assert_array_equal(pooled_of(workdir, "cnn").probabilities, pooled_of(whole, "cnn").probabilities)


def _break_off(key: RunKey, experiment: Experiment, workdir: Path) -> None:
    steps: list[int] = []

    def act() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OneRun(key, experiment, workdir, on_step(act)).run()


@pytest.mark.long
def test_folds_that_predict_anew_are_pooled_anew(
    finished: tuple[Path, list[Outcome]], experiment: Experiment, tmp_path: Path
) -> None:
    workdir = tmp_path / "anew"
    shutil.copytree(finished[0], workdir)
    config = experiment.config.replaced({"prediction.num_samples": 2})
    before = pooled_of(workdir, "cnn").record["folds"]
    (outcome,) = cross_validate(dataclasses.replace(experiment, config=config), workdir, ("cnn",))
    assert outcome.record is not None
    for now, then in zip(outcome.record["folds"], before, strict=True):
        assert now["record"] != then["record"]
    assert pooled_of(workdir, "cnn").config["config"]["prediction"]["num_samples"] == 2


@pytest.mark.long
def test_a_posterior_of_the_last_layer_is_pooled_with_its_network(
    finished: tuple[Path, list[Outcome]], experiment: Experiment, tmp_path: Path
) -> None:
    workdir = tmp_path / "laplace"
    shutil.copytree(finished[0], workdir)
    (outcome,) = cross_validate(experiment, workdir, ("laplace",))
    assert outcome.record is not None
    assert outcome.record["num_draws"] == 6
    assert open_run(workdir / "laplace-n4-seed0").build_model() is not None


@pytest.mark.long
def test_a_posterior_of_all_weights_is_pooled_with_its_network(
    finished: tuple[Path, list[Outcome]], experiment: Experiment, tmp_path: Path
) -> None:
    workdir = tmp_path / "swag"
    shutil.copytree(finished[0], workdir)
    (outcome,) = cross_validate(experiment, workdir, ("swag",))
    assert outcome.record is not None
    assert outcome.record["num_draws"] == 3
    assert (workdir / "swag-n4-seed0" / "weight_posterior.npz").exists()


@pytest.mark.long
def test_an_ensemble_is_pooled_too(experiment: Experiment, tmp_path: Path) -> None:
    (outcome,) = cross_validate(experiment, tmp_path, ("ensemble",))
    assert outcome.record is not None
    assert (outcome.record["num_samples"], outcome.record["num_draws"]) == (1, 2)
    for member in ("member-0", "member-1"):
        assert (tmp_path / "ensemble-n4-seed0" / member / "checkpoints" / "weights.h5").exists()


def test_a_run_that_is_no_cross_validation_stays_and_is_named(
    finished: tuple[Path, list[Outcome]],
    experiment: Experiment,
    tiny_experiment: Experiment,
    finished_run: Callable[[str], Path],
) -> None:
    key = RunKey("cnn", N_PER_CLASS, 0)
    directory = finished_run("cnn")
    with pytest.raises(InputError, match=r"whose config\.data\.folds was 0; now it is 3"):
        require_room_for_pooled([dataclasses.replace(key, fold=1)], NUM_FOLDS, directory.parent)
    with pytest.raises(InputError, match=r"whose config\.data\.folds was 3; now it is 0"):
        require_room_for_pooled([key], 0, finished[0])
    with pytest.raises(InputError, match=r"config\.data\.folds was 3; now it is 0"):
        OneRun(key, tiny_experiment, finished[0]).run()
    with pytest.raises(InputError, match=r"data\.folds=3: runs that stand for themselves have one split"):
        OneRun(key, experiment, finished[0])
    require_room_for_pooled([dataclasses.replace(key, fold=1)], NUM_FOLDS, finished[0])


def test_numbers_of_held_out_images_do_not_count_with_folds(
    finished: tuple[Path, list[Outcome]], experiment: Experiment
) -> None:
    config = experiment.config.replaced({"data.num_test_per_class": 50, "data.num_validation_per_class": 40})
    other = dataclasses.replace(experiment, config=config)
    before = times(finished[0])
    pool_folds(RunKey("cnn", N_PER_CLASS, 0), other, finished[0])
    OneRun(RunKey("cnn", N_PER_CLASS, 0, 1), other, finished[0]).run()
    assert times(finished[0]) == before


def test_what_folds_are_is_said_once(insects: ImageSource, tiny_config: RunConfig, tmp_path: Path) -> None:
    said: list[Any] = []
    config = tiny_config.replaced({"data.folds": NUM_FOLDS})
    make_experiment(insects, "none", [N_PER_CLASS], config, tmp_path, said.append)
    (line,) = said
    assert line.startswith("Cross-validation in 3 folds: each image is tested once")
    assert "data.num_test_per_class and data.num_validation_per_class do not count." in line
