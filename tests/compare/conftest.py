from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfp_insects.compare.answers import Answers, Ood
from tfp_insects.compare.comparison import Comparison
from tfp_insects.metrics.draws import Draws
from tfp_insects.runs.run_key import RunKey

MakeAnswers = Callable[..., Answers]
NUM_EXAMPLES, NUM_OOD, NUM_CLASSES = 200, 80, 3
FEW = 200


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture
def make_answers() -> MakeAnswers:
    """Makes answers of a model; the higher `skill`, the surer of labels and the less sure of what has none."""

    def make(
        model: str,
        size: int,
        seed: int,
        skill: float,
        *,
        is_test: bool = True,
        is_shared: bool = False,
        seconds: float = 10.0,
        images: str = "",
    ) -> Answers:
        rng = np.random.default_rng(seed)
        labels = np.random.default_rng(0 if is_shared else seed).integers(NUM_CLASSES, size=NUM_EXAMPLES)
        noise = rng.normal(size=(2, NUM_EXAMPLES, NUM_CLASSES))
        draws = softmax(skill * np.eye(NUM_CLASSES)[labels] + noise)
        ood = softmax(rng.normal(size=(2, NUM_OOD, NUM_CLASSES)) / skill)
        images_of = "shared" if is_shared else seed
        has_leverage = model.startswith("bnn")  # Its last layer has a covariance.
        leverage, ood_leverage = rng.uniform(0.0, 2.0, NUM_EXAMPLES), rng.uniform(1.0, 3.0, NUM_OOD)
        return Answers(
            key=RunKey(model, size, seed),
            probabilities=draws,
            labels=labels,
            example_ids=tuple(f"{images}{images_of}-{i}" for i in range(NUM_EXAMPLES)),
            ood=Ood(ood, "f" * 64, np.arange(NUM_OOD) % 2 == 0, ood_leverage if has_leverage else None)
            if is_test
            else None,
            validation=Draws(draws[:, ::2], leverage[::2] if has_leverage else None) if is_test else None,
            seconds={"seconds_to_best_epoch": seconds, "train_seconds": 2 * seconds + size, "seconds_per_step": 0.1},
            leverage=leverage if has_leverage else None,
        )

    return make


@pytest.fixture
def grid_answers(make_answers: MakeAnswers) -> Callable[..., list[Answers]]:
    """Makes twins at two sizes with two seeds, the BNN better, and a baseline with one seed."""

    def make(**more: Any) -> list[Answers]:
        twins = [
            make_answers(model, size, seed, skill, seconds=seconds, **more)
            for model, skill, seconds in (("cnn", 1.0, 10.0), ("bnn", 1.5, 15.0))
            for size in (5, 10)
            for seed in (0, 1)
        ]
        return [*twins, *(make_answers("mc_dropout", size, 0, 1.2, **more) for size in (5, 10))]

    return make


@pytest.fixture
def comparison(grid_answers: Callable[..., list[Answers]]) -> Comparison:
    """Of `grid_answers`, where each seed has test images of its own."""
    return Comparison(grid_answers(), FEW)
