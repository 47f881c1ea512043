import numpy as np
import pytest

from tfp_insects.compare.prediction_sets import make_set_rule, sets_of
from tfp_insects.errors import InputError
from tfp_insects.runs.predictions import Predictions

NUM_CLASSES = 5


def predictions(num: int, seed: int) -> Predictions:
    """Two draws of softmax outputs, right in three cases of four or so."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(NUM_CLASSES, size=num).astype(np.int32)
    logits = rng.normal(size=(2, num, NUM_CLASSES)) + 1.3 * np.eye(NUM_CLASSES)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return Predictions(probabilities.astype(np.float32), labels, tuple(str(i) for i in range(num)))


def test_sets_of_new_images_hold_the_true_class_as_often_as_asked_for() -> None:
    rates = []
    for seed in range(200):
        rule, new = make_set_rule(predictions(99, seed), 0.9), predictions(200, 1000 + seed)
        sets = sets_of(new.probabilities.mean(axis=0), rule.threshold)
        rates.append(sets[np.arange(200), new.labels].mean())
    # 90 of 100 by construction, and little more: with 99 images the beta distribution's mean is .9.
    assert np.mean(rates) == pytest.approx(0.9, abs=0.01)


def test_the_most_probable_class_is_always_in_and_the_size_is_counted_with_it() -> None:
    test = predictions(400, 0)
    rule = make_set_rule(test, 0.5)  # Asked for so little that most sets would be empty else.
    mean = test.probabilities.mean(axis=0)
    sets = sets_of(mean, rule.threshold)
    assert (mean >= 1 - rule.threshold).any(axis=1).mean() < 0.9
    assert sets[np.arange(400), mean.argmax(axis=1)].all()
    assert rule.mean_size == sets.sum(axis=1).mean()
    assert (rule.coverage, rule.num_examples) == (0.5, 400)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 90.0, float("nan")])
def test_a_coverage_that_is_no_share_is_named(coverage: float) -> None:
    with pytest.raises(InputError, match=r"set_coverage=.*: expected a share of images above 0 and below 1"):
        make_set_rule(predictions(50, 0), coverage)


def test_too_few_images_are_named_with_what_they_promise() -> None:
    make_set_rule(predictions(19, 0), 0.95)
    with pytest.raises(InputError, match=r"set_coverage=0.95: 18 test images promise at most 0.947"):
        make_set_rule(predictions(18, 0), 0.95)
