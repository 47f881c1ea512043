"""Every phase of real runs is planned and told of: on a clock of the test's own, completed work moves in each."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fixtures.invented_runs import MakeRun
from rich.console import Console

from tfp_insects.data.painted.source import pretraining_source
from tfp_insects.data.source import ImageSource
from tfp_insects.data.verification import VERIFYING, verify_images
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.meter import Meter
from tfp_insects.report.page import write_report
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment, make_experiment
from tfp_insects.study.pretraining import Pretrained
from tfp_insects.study.probing import any_weights
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.work import COLLECTING, COVARIANCE, PRETRAINING, TRAINING, work_of_run


class Clock:
    """A second passes with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Log:
    """Units by phase, as they are told, and the shares of work that a meter makes of them."""

    def __init__(self, meter: Meter, name: str) -> None:
        self.units: dict[str, float] = {}
        self.shares: list[float] = []
        self._meter, self._name = meter, name

    def __call__(self, phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        self.units[phase] = self.units.get(phase, 0.0) + units
        self._meter.tell(self._name, phase, units, of=of)
        self.shares.append(self._meter.share(self._name))


@pytest.fixture(scope="module")
def experiment(
    insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> Experiment:
    cache = tmp_path_factory.mktemp("cache")
    config = tiny_config.replaced({"bnn.head.covariance_scale": 1.0})
    found = make_experiment(insects, "none", [4], config, cache, lambda line: None, other_insects)
    # Features are frozen where they are pretrained.
    return dataclasses.replace(found, pretrained=Pretrained("some", any_weights(config, num_classes=4)))


@pytest.mark.parametrize(
    "model", ["cnn", "bnn", "swag", *(pytest.param(name, marks=pytest.mark.long) for name in ("laplace", "ensemble"))]
)
def test_a_run_tells_of_all_that_was_planned_and_of_nothing_else(
    model: str, experiment: Experiment, tmp_path: Path
) -> None:
    key, ood = RunKey(model, 4, 0), experiment.ood
    assert ood is not None
    parts = work_of_run(key, experiment.split, experiment.config, len(ood.example_ids))
    meter = Meter(Costs(), clock=Clock())
    meter.plan(key.name, parts)
    meter.start(key.name)
    log = Log(meter, key.name)
    record = OneRun(key, experiment, tmp_path, log).run()
    assert log.units == pytest.approx({part.phase: part.units for part in parts})
    assert ("covariance" in log.units) == (model in ("bnn", "laplace"))
    assert ("collecting snapshots" in log.units) == (model == "swag")
    assert {"features", "predicting validation images", "predicting test images", "predicting unknown images"} <= set(
        log.units
    )
    assert log.shares == sorted(log.shares)
    assert log.shares[-1] < 1.0  # Files are put in place after the last word.
    assert set(record["seconds_by_phase"]) == set(log.units)
    assert record["run_seconds"] == pytest.approx(sum(record["seconds_by_phase"].values()))
    seconds = record["seconds_by_phase"]
    assert seconds[TRAINING] + seconds.get(COLLECTING, 0.0) >= record["train_seconds"] > 0


def test_pretraining_and_verifying_tell_of_each_step_and_image(
    insects: ImageSource, tiny_config: RunConfig, tmp_path: Path
) -> None:
    config = tiny_config.replaced(
        {"pretraining.num_per_class": 2, "pretraining.epochs": 2, "model.precision": "float32"}
    )
    meter = Meter(Costs(), clock=Clock())
    meter.plan("images", [])
    log = Log(meter, "images")
    verify_images(insects, on_work=log)
    make_experiment(insects, "auto", [4], config, tmp_path, lambda line: None, on_work=log)
    num_images = len(pretraining_source(2, 0, tmp_path).example_ids)
    assert log.units[VERIFYING] == len(insects.example_ids)
    assert log.units["drawing images"] == log.units["reading images"] == num_images
    assert log.units[PRETRAINING] == 2 * -(-num_images // config.training.batch_size)


def test_the_page_tells_of_its_content_and_of_each_picture(make_run: MakeRun, tmp_path: Path) -> None:
    for model in ("cnn", "bnn"):
        make_run(tmp_path, model, 5, num_examples=40)
    shares: list[float] = []
    write_report(tmp_path, Console(quiet=True), on_share=shares.append)
    assert len(shares) > 15
    assert 0 <= min(shares) < max(shares) < 0.2
    assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fields", "num_passes"),
    [
        ({"bnn.covariance_scale_by": "validation"}, 1),
        ({"bnn.covariance_scale_by": "validation", "bnn.fits_logit_temperature": True}, 2),
    ],
)
def test_images_that_choose_the_covariance_are_counted(
    fields: dict[str, Any], num_passes: int, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    fields = {"bnn.head.covariance_scale": 1.5, **fields}
    experiment = dataclasses.replace(tiny_experiment, config=tiny_experiment.config.replaced(fields))
    key, done = RunKey("bnn_head", 4, 0), 0.0

    def on_work(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        del of
        nonlocal done
        done += units if phase == COVARIANCE else 0.0

    (planned,) = (part for part in work_of_run(key, experiment.split, experiment.config) if part.phase == COVARIANCE)
    OneRun(key, experiment, tmp_path, on_work).run()
    assert done == planned.units == 16 + num_passes * 16  # Training and validation images of four classes.
