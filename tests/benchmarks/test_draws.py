from pathlib import Path

import numpy as np
import pytest
from measuring.draws import nll_by_num_draws, read_draws
from scipy.special import softmax

from tfp_insects.errors import InputError
from tfp_insects.files import write_arrays


def mirrored_draws(num_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, size=(num_pairs, 1, 40, 3))
    logits = np.concatenate([noise, -noise], axis=1).reshape(2 * num_pairs, 40, 3)
    return softmax(logits, axis=-1), rng.integers(3, size=40)


def test_rows_are_means_over_groups() -> None:
    probabilities, labels = mirrored_draws(6)
    rows = list(nll_by_num_draws(probabilities, labels))
    assert [row.num_draws for row in rows] == [2, 4]

    def nll(*draws: int) -> float:
        return -np.log(probabilities[list(draws)].mean(0)[np.arange(40), labels]).mean()

    assert rows[1].paired == pytest.approx(np.mean([nll(0, 1, 2, 3), nll(4, 5, 6, 7), nll(8, 9, 10, 11)]), rel=1e-6)
    assert rows[1].independent == pytest.approx(np.mean([nll(0, 2, 4, 6), nll(1, 3, 5, 7)]), rel=1e-6)


def test_mirrored_pairs_are_nearer_to_the_integral() -> None:
    probabilities, labels = mirrored_draws(400)
    limit = -np.log(probabilities.mean(0)[np.arange(40), labels]).mean()
    for row in nll_by_num_draws(probabilities, labels):
        assert abs(row.paired - limit) < abs(row.independent - limit)


def test_a_file_of_one_draw_is_refused(tmp_path: Path) -> None:
    probabilities, labels = mirrored_draws(1)
    path = tmp_path / "predictions.npz"
    write_arrays(path, probabilities=probabilities[:1], labels=labels)
    with pytest.raises(InputError, match=r"predictions.npz: 1 draws; expected at least 4"):
        read_draws(path)
    with pytest.raises(InputError, match=r"missing.npz cannot be read"):
        read_draws(tmp_path / "missing.npz")
