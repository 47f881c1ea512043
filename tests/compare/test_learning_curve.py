import numpy as np
import pytest

from tfp_insects.compare import learning_curve
from tfp_insects.compare.answers import Answers
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.pair import Pair
from tfp_insects.runs.run_key import RunKey

NUM_EXAMPLES = 200


def run(model: str, size: int, num_correct: int, seed: int = 0) -> Answers:
    """A run of two classes that is right on the first images."""
    right = np.arange(NUM_EXAMPLES) < num_correct
    probabilities = np.where(right[:, np.newaxis], [0.9, 0.1], [0.1, 0.9])[np.newaxis]
    ids = tuple(map(str, range(NUM_EXAMPLES)))
    return Answers(RunKey(model, size, seed), probabilities, np.zeros(NUM_EXAMPLES, np.int64), ids)


def comparison(first: dict[int, int], second: dict[int, int]) -> Comparison:
    cnn = [run("cnn", size, num) for size, num in first.items()]
    return Comparison(cnn + [run("bnn", size, num) for size, num in second.items()])


def images_needed(found: Comparison) -> list[learning_curve.ImagesNeeded]:
    return learning_curve.images_needed(found, Pair(found, "bnn", "cnn"))


def test_needed_images_are_read_linearly_in_the_logarithm():
    found = images_needed(comparison({10: 100, 20: 120, 40: 140}, {10: 80, 20: 120, 40: 160}))
    assert [one.n_per_class for one in found] == [10, 20, 40]
    assert [one.accuracy for one in found] == pytest.approx([0.5, 0.6, 0.7])
    estimates = [one.needed.estimate for one in found]
    assert estimates == pytest.approx([10 * 2**0.5, 20.0, 20 * 2**0.5])
    assert all(one.needed.low <= one.needed.estimate <= one.needed.high for one in found)


def test_needed_images_end_where_measuring_ended():
    found = images_needed(comparison({10: 50, 20: 100, 40: 199}, {10: 80, 20: 90, 40: 95}))
    assert found[0].needed.estimate == 10.0
    assert found[1].needed.estimate == 40.0
    assert found[2].needed == pytest.approx(found[2].needed)
    assert (found[2].needed.low, found[2].needed.high) == (40.0, 40.0)
    assert (found[0].smallest, found[0].largest) == (10, 40)


def test_the_best_accuracy_so_far_counts():
    found = images_needed(comparison({10: 60, 20: 100, 40: 120}, {10: 60, 20: 140, 40: 100}))
    assert found[1].needed.estimate == pytest.approx(10 * 2**0.5)
    assert found[2].needed.estimate == pytest.approx(10 * 2**0.75)


def test_nothing_is_said_of_one_size_or_of_one_twin():
    assert images_needed(comparison({10: 100}, {10: 90})) == []
    assert images_needed(comparison({10: 100, 20: 110}, {})) == []


def test_seeds_are_averaged():
    runs = [run("cnn", size, 100, seed) for size in (10, 40) for seed in (0, 1)]
    runs += [run("bnn", 10, num, seed) for seed, num in enumerate((60, 100))]
    runs += [run("bnn", 40, num, seed) for seed, num in enumerate((100, 140))]
    found = images_needed(Comparison(runs))[0]
    assert found.needed.estimate == pytest.approx(20.0)
    assert found.needed.low < 20.0 < found.needed.high


def test_power_law_goes_on():
    found = learning_curve.next_doubling(comparison({5: 10, 10: 120, 20: 160, 40: 180}, {}), "cnn")
    assert found is not None
    assert found.n_per_class == 40
    assert found.gain.estimate == pytest.approx(0.05)
    assert found.gain.low < 0.05 < found.gain.high


def test_power_law_is_a_least_squares_line():
    counts = {10: 90, 25: 130, 70: 150}
    found = learning_curve.next_doubling(comparison(counts, {}), "cnn")
    errors = 1 - np.array(list(counts.values())) / NUM_EXAMPLES
    slope = np.polyfit(np.log(list(counts)), np.log(errors), 1)[0]
    assert found is not None
    assert found.gain.estimate == pytest.approx(0.25 * (1 - 2**slope))


def test_two_sizes_are_too_few_for_a_law():
    assert learning_curve.next_doubling(comparison({10: 120, 20: 160}, {}), "cnn") is None


def test_no_error_left_is_half_an_image():
    found = learning_curve.next_doubling(comparison({10: 120, 20: 160, 40: NUM_EXAMPLES}, {}), "cnn")
    assert found is not None
    assert np.isfinite(found.gain.estimate)
