from pathlib import Path

import numpy as np
import pytest
from measuring.draws import nll_by_num_samples, read_draws
from scipy.special import softmax

from tfp_insects.errors import InputError
from tfp_insects.files import write_arrays, write_json


def mirrored_draws(num_pairs: int, num_last: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, size=(num_pairs, 1, num_last, 40, 3))
    logits = np.concatenate([noise, -noise], axis=1).reshape(2 * num_pairs, num_last, 40, 3)
    return softmax(logits, axis=-1), rng.integers(3, size=40)


def test_rows_are_means_over_groups() -> None:
    probabilities, labels = mirrored_draws(6)
    rows = list(nll_by_num_samples(probabilities, labels))
    assert [row.num_samples for row in rows] == [2, 4]

    def nll(draws: list[int], last: list[int]) -> float:
        return -np.log(probabilities[np.ix_(draws, last)].mean((0, 1))[np.arange(40), labels]).mean()

    groups = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert rows[1].whole == pytest.approx(np.mean([nll(group, [0, 1]) for group in groups]), rel=1e-6)
    assert rows[1].paired == pytest.approx(np.mean([nll(group, [0]) for group in groups]), rel=1e-6)
    assert rows[1].independent == pytest.approx(np.mean([nll([0, 2, 4, 6], [0]), nll([1, 3, 5, 7], [0])]), rel=1e-6)


def test_each_saving_brings_the_mean_nearer_to_the_integral() -> None:
    probabilities, labels = mirrored_draws(400)
    limit = -np.log(probabilities.mean((0, 1))[np.arange(40), labels]).mean()
    for row in list(nll_by_num_samples(probabilities, labels))[:3]:  # Further on the error of the limit itself shows.
        assert abs(row.whole - limit) < abs(row.paired - limit) < abs(row.independent - limit)


def test_the_number_of_draws_of_the_last_layer_is_the_runs(tmp_path: Path) -> None:
    probabilities, labels = mirrored_draws(3)
    path = tmp_path / "predictions.npz"
    write_arrays(path, probabilities=probabilities.reshape(12, 40, 3), labels=labels)
    write_json(tmp_path / "config.json", {"config": {"prediction": {"num_last_layer_samples": 2}}})
    found, found_labels = read_draws(path)
    np.testing.assert_array_equal(found, probabilities)
    np.testing.assert_array_equal(found_labels, labels)
    write_json(tmp_path / "config.json", {"config": {"prediction": {"num_last_layer_samples": 4}}})
    with pytest.raises(InputError, match=r"predictions.npz: 3 draws; expected at least 4"):
        read_draws(path)
    with pytest.raises(InputError, match=r"missing.npz cannot be read"):
        read_draws(tmp_path / "missing.npz")
