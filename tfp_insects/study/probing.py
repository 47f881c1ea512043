"""What a unit of work costs on this machine, where nobody knows: a run that is cut to a few steps and images."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfp_insects.data.source import ImageSource
from tfp_insects.data.split import Split
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import weights_of
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import OnWork, Part
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.plan import is_known
from tfp_insects.study.pretraining import Pretrained
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.steps import steps_of_run
from tfp_insects.study.work import work_of_run

NUM_STEPS, NUM_EPOCHS, NUM_BATCHES = 4, 2, 3


def probe(
    work: Mapping[RunKey, Sequence[Part]],
    source: ImageSource,
    split: Split,
    config: RunConfig,
    is_pretrained: bool,
    costs: Costs,
    say: Callable[[str], None],
) -> None:
    """Learns the costs of all work that this machine has not done before.

    Args:
        work: What is left of each run.
        source: All images.
        split: Of the experiment.
        config: Of the experiment.
        is_pretrained: Whether networks start at weights from elsewhere, which decides what of them is trained.
        costs: Where they are kept.
        say: Tells the user in one line.
    """
    for key, parts in work.items():
        if not is_known(parts, costs):
            say(f"Measuring a few steps of {key.model}, of which this machine has not done any yet.")
            weights = any_weights(config, len(split.class_names)) if is_pretrained else None
            cut = _cut(split.of_fold(key.fold), config)
            experiment = Experiment(source, "", cut, Pretrained("none", weights), config)
            _run_a_little(key.pooled, experiment, costs)


def _run_a_little(key: RunKey, experiment: Experiment, costs: Costs) -> None:
    batch_size = steps_of_run(key, experiment.split, experiment.config).batch_size
    num_classes = len(experiment.split.class_names)
    few = dataclasses.replace(key, n_per_class=min(key.n_per_class, -(-NUM_STEPS * batch_size // num_classes)))
    config = experiment.config.replaced(
        {"training.epochs": NUM_EPOCHS, "training.batch_size": batch_size, "training.min_steps_per_epoch": 1}
    )
    parts = work_of_run(few, experiment.split, config)
    meter = Meter(costs)
    meter.plan(few.name, parts, is_alone=True)
    with tempfile.TemporaryDirectory() as workdir:
        meter.start(few.name)
        OneRun(few, dataclasses.replace(experiment, config=config), Path(workdir), _teller(meter, few.name)).run()
    for name in {name for part in parts for name in (part.key, part.start_key) if name and not costs.is_known(name)}:
        costs.learn(name, 0.0, 1.0)  # Planned, but not to be done here, such as features that are not frozen after all.


def _teller(meter: Meter, name: str) -> OnWork:
    def tell(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        meter.tell(name, phase, units, of=of)

    return tell


def _cut(split: Split, config: RunConfig) -> Split:
    """The split with a few batches of test and validation images, of all classes."""
    number = NUM_BATCHES * config.prediction.batch_size
    return dataclasses.replace(split, test=_some(split.test, number), validation=_some(split.validation, number))


def _some(indices: np.ndarray, number: int) -> np.ndarray:
    return indices[:: max(1, len(indices) // number)][:number]


def any_weights(config: RunConfig, num_classes: int) -> dict[str, np.ndarray]:
    """Weights of the right shapes; what they are does not change what a step costs."""
    architecture, model = architecture_of(config), config.model
    spec = NetworkSpec(architecture, num_classes, model.image_size, model.width_multiplier, "float32")
    return weights_of(build_cnn(spec, 0, 0.0))
