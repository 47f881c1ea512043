from collections.abc import Callable

import numpy as np
import pytest

from tfp_insects.compare.answers import AnswerBook, Answers
from tfp_insects.runs.cells import Cell

MakeAnswers = Callable[..., Answers]
NUM_EXAMPLES, NUM_OOD, NUM_CLASSES = 200, 80, 3


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture
def make_answers() -> MakeAnswers:
    """Makes answers of a model; the higher `skill`, the surer of labels and the less sure of what has none."""

    def make(
        model: str, size: int, seed: int, skill: float, *, is_test: bool = True, seconds: float = 10.0, images: str = ""
    ) -> Answers:
        rng = np.random.default_rng(seed)
        labels = rng.integers(NUM_CLASSES, size=NUM_EXAMPLES)
        noise = rng.normal(size=(2, NUM_EXAMPLES, NUM_CLASSES))
        draws = softmax(skill * np.eye(NUM_CLASSES)[labels] + noise)
        ood = softmax(rng.normal(size=(2, NUM_OOD, NUM_CLASSES)) / skill)
        return Answers(
            cell=Cell(model, size, seed),
            probabilities=draws.mean(axis=0),
            labels=labels,
            example_ids=tuple(f"{images}{seed}-{i}" for i in range(NUM_EXAMPLES)),
            ood=ood if is_test else None,
            draws=draws if is_test else None,
            train_seconds=2 * seconds,
            seconds_to_best_epoch=seconds,
        )

    return make


@pytest.fixture
def book(make_answers: MakeAnswers) -> AnswerBook:
    """Twins at two sizes with two seeds, the BNN better; a baseline with one seed."""
    twins = [
        make_answers(model, size, seed, skill, seconds=seconds)
        for model, skill, seconds in (("cnn", 1.0, 10.0), ("bnn", 1.5, 15.0))
        for size in (5, 10)
        for seed in (0, 1)
    ]
    return AnswerBook([*twins, *(make_answers("mc_dropout", size, 0, 1.2) for size in (5, 10))])
