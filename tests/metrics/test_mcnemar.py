import dataclasses

import numpy as np
import pytest

from tfp_insects.metrics.mcnemar import mcnemar_test


def test_mcnemar_counts_discordant_images_and_their_exact_p_value() -> None:
    # Only the first is right on 1 image, only the second on 6: 2 x (C(7, 0) + C(7, 1)) / 2^7.
    first = np.array([True] * 10 + [False] * 6 + [True] + [False] * 3)
    second = np.array([True] * 10 + [True] * 6 + [False] + [False] * 3)
    found = mcnemar_test(first, second)
    assert (found.only_first_correct, found.only_second_correct) == (1, 6)
    assert found.p_value == pytest.approx(2 * (1 + 7) / 2**7)


def test_mcnemar_is_symmetric_and_ignores_the_order_of_images() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(200) < 0.6, rng.random(200) < 0.7
    order = rng.permutation(200)
    expected = mcnemar_test(first, second)
    assert mcnemar_test(first[order], second[order]) == expected
    assert mcnemar_test(second, first).p_value == pytest.approx(expected.p_value)


def test_mcnemar_of_equal_answers_and_of_a_draw_is_1() -> None:
    assert mcnemar_test([True, False], [True, False]).p_value == 1.0
    assert mcnemar_test([True, False], [False, True]).p_value == pytest.approx(1.0)


def test_a_result_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        mcnemar_test([True, False], [False, True]).__setattr__("p_value", 0.01)


def test_wrong_answers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"second_correct: expected bool \[2\], got bool \[1\]"):
        mcnemar_test([True, False], [True])
    with pytest.raises(ValueError, match=r"first_correct: expected bool \[2\], got int64 \[2\]"):
        mcnemar_test([1, 0], [True, False])
