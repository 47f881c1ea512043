import dataclasses

import numpy as np

from tfp_insects.runs.predictions import Predictions
from tfp_insects.study.pooled_predictions import in_turn, joined


def predictions(seed: int, *ids: str) -> Predictions:
    rng, num = np.random.default_rng(seed), len(ids)
    probabilities = rng.dirichlet(np.ones(3), size=(2, num)).astype(np.float32)
    labels, leverage = rng.integers(3, size=num).astype(np.int32), rng.uniform(size=num).astype(np.float32)
    return Predictions(probabilities, labels, ids, leverage)


def test_each_image_has_the_answer_of_its_fold_in_the_order_asked_for() -> None:
    first, second = predictions(0, "a", "c"), predictions(1, "d", "b")
    found = joined([first, second], ["a", "b", "c", "d"])
    for place, (part, index) in enumerate([(first, 0), (second, 1), (first, 1), (second, 0)]):
        np.testing.assert_array_equal(found.probabilities[:, place], part.probabilities[:, index])
        assert found.labels[place] == part.labels[index]
        assert found.leverage is not None
        assert part.leverage is not None
        assert found.leverage[place] == part.leverage[index]
    assert found.example_ids == ("a", "b", "c", "d")


def test_folds_answer_the_same_images_in_turn() -> None:
    parts = [predictions(seed, *"abcde") for seed in range(3)]
    found = in_turn(parts)
    for i in range(5):
        part = parts[i % 3]
        np.testing.assert_array_equal(found.probabilities[:, i], part.probabilities[:, i])
        assert found.leverage is not None
        assert part.leverage is not None
        assert found.leverage[i] == part.leverage[i]


def test_there_is_no_leverage_unless_all_folds_have_it() -> None:
    parts = [predictions(0, "a", "b"), dataclasses.replace(predictions(1, "c", "d"), leverage=None)]
    assert joined(parts, "abcd").leverage is None
    assert in_turn(parts).leverage is None
