import math

import pytest

from tfp_insects.training.schedules import annealed_kl_weight, cosine_learning_rate


@pytest.mark.parametrize("step", [0, 1, 7, 50, 99])
def test_cosine_without_warmup_is_the_closed_form(step: int) -> None:
    expected = 0.3 * math.cos(math.pi * step / 200) ** 2  # (1 + cos x) / 2 = cos² (x / 2).
    assert cosine_learning_rate(0.3, step, num_steps=100) == pytest.approx(expected, rel=1e-12)


def test_warmup_rises_linearly_to_the_peak() -> None:
    rates = [cosine_learning_rate(2.0, step, 50, warmup_steps=4) for step in range(5)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])


def test_cosine_after_warmup_covers_what_is_left() -> None:
    rates = [cosine_learning_rate(1.0, step, 50, warmup_steps=10) for step in range(10, 51)]
    assert rates == pytest.approx([0.5 * (1 + math.cos(math.pi * i / 40)) for i in range(41)])
    assert rates[20] == pytest.approx(0.5)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_training_shorter_than_its_warmup_only_rises() -> None:
    assert [cosine_learning_rate(1.0, step, 2, warmup_steps=4) for step in range(2)] == pytest.approx([0.25, 0.5])
    assert cosine_learning_rate(1.0, 9, 2, warmup_steps=2) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("annealing_epochs", "expected"),
    [(0.0, [0.4, 0.4, 0.4, 0.4]), (4.0, [0.1, 0.2, 0.3, 0.4]), (2.0, [0.2, 0.4, 0.4, 0.4]), (0.5, [0.4] * 4)],
)
def test_divergence_weight_rises_linearly_over_the_annealing_epochs(
    annealing_epochs: float, expected: list[float]
) -> None:
    assert [annealed_kl_weight(0.4, epoch, annealing_epochs) for epoch in range(4)] == pytest.approx(expected)
