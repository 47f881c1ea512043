"""A study small enough to be trained in a test: four drawn species, a narrow AlexNet, convolutions frozen."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.data.sources import ImageSource
from tfp_insects.data.species import Species
from tfp_insects.data.species_pretraining import PRETRAINING_SPECIES
from tfp_insects.data.species_study import STUDY_SPECIES
from tfp_insects.data.synthetic import draw_example
from tfp_insects.study.experiment import Experiment, make_experiment

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
NUM_PER_CLASS = 14


def drawn_source(name: str, species: tuple[Species, ...]) -> ImageSource:
    """Drawn images in memory."""
    species = tuple(sorted(species, key=lambda one: one.name))
    images = [draw_example(one, 0, i) for one in species for i in range(NUM_PER_CLASS)]
    ids = tuple(f"{one.name}/{i:02}.jpg" for one in species for i in range(NUM_PER_CLASS))
    labels = np.repeat(np.arange(len(species), dtype=np.int32), NUM_PER_CLASS)
    return ImageSource(name, tuple(one.name for one in species), ids, labels, None, images.__getitem__, drawn=True)


@pytest.fixture(scope="session")
def insects() -> ImageSource:
    return drawn_source("some_insects", tuple(STUDY_SPECIES[:4]))


@pytest.fixture(scope="session")
def other_insects() -> ImageSource:
    return drawn_source("other_insects", tuple(PRETRAINING_SPECIES[:2]))


@pytest.fixture(scope="session")
def tiny_config() -> dict[str, Any]:
    config = runpy.run_path(str(STUDY))["get_config"]()
    config.model.image_size = 63
    config.model.width_multiplier = 0.05
    config.model.precision = "float32"
    config.model.freeze_features = True
    config.augmentation.flip = False
    config.augmentation.shift = 0.0
    config.data.num_test_per_class = 5
    config.data.num_validation_per_class = 4
    config.training.epochs = 3
    config.training.batch_size = 8
    config.training.min_steps_per_epoch = 2
    config.training.checkpoint_seconds = 0.0
    config.prediction.num_samples = 3
    config.prediction.num_last_layer_samples = 2
    config.bnn.layers = "head"
    for model in (config.cnn, config.bnn):
        model.learning_rate = 1e-2
    config.ensemble.num_members = 2
    return config.to_dict()


@pytest.fixture(scope="session")
def tiny_experiment(
    insects: ImageSource, tiny_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Experiment:
    cache_dir = tmp_path_factory.mktemp("cache")
    return make_experiment(insects, "none", [4], tiny_config, cache_dir, lambda line: None)
