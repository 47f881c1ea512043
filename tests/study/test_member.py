import dataclasses
import math

import pytest

from tfp_insects.models.method_table import find_method
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.task import Task


@pytest.mark.parametrize(("n_per_class", "share"), [(1, 0.25), (2, 0.5), (4, 1.0)])
@pytest.mark.parametrize("is_scaled", [True, False])
@pytest.mark.parametrize("model", ["cnn", "bnn"])
def test_the_learning_rate_follows_the_square_root_of_the_batch(
    n_per_class: int, share: float, is_scaled: bool, model: str, tiny_experiment: Experiment
) -> None:
    config = tiny_experiment.config.replaced({"training.scale_learning_rate": is_scaled})
    experiment = dataclasses.replace(tiny_experiment, config=config)
    examples = experiment.training_examples(n_per_class, seed=0)
    task = Task(find_method(model), experiment, examples, experiment.preprocessing(examples))
    assert config.training.batch_size == 8  # 4, 8 and 16 images in at least two steps are batches of 2, 4 and 8.
    assert task.schedule(task.build(0)).learning_rate == pytest.approx(1e-2 * (math.sqrt(share) if is_scaled else 1.0))
