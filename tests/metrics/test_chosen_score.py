import numpy as np
import pytest

from tfp_insects.metrics.chosen_score import choose_score, judged_auroc
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.metrics.out_of_distribution import auroc

RNG = np.random.default_rng(0)


def draws(num: int, sharpness: float, disagreement: float) -> Draws:
    logits = sharpness * RNG.normal(size=(num, 3)) + disagreement * RNG.normal(size=(4, num, 3))
    return Draws(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        (draws(60, 3.0, 3.0), "mutual_information"),  # As sure as known ones, each draw of something else.
        (draws(60, 0.3, 0.05), "predictive_entropy"),  # All draws unsure alike.
    ],
)
def test_the_score_that_tells_them_best_is_chosen(unknown: Draws, expected: str) -> None:
    known = draws(80, 3.0, 0.3)
    speaking = [one for one in ood_scores() if one.speaks_of(known)]
    aurocs = {one.name: auroc(one.score(known), one.score(unknown)) for one in speaking}
    assert choose_score(ood_scores(), known, unknown).name == expected == max(aurocs, key=aurocs.__getitem__)


def test_leverage_is_chosen_where_it_is_known_of_both_and_tells_them_best() -> None:
    known, unknown = draws(80, 3.0, 0.3), draws(60, 3.0, 3.0)
    near, far = Draws(known.probabilities, RNG.uniform(0, 1, 80)), Draws(unknown.probabilities, RNG.uniform(2, 3, 60))
    assert choose_score(ood_scores(), near, far).name == "leverage"
    assert choose_score(ood_scores(), near, unknown).name == "mutual_information"
    assert choose_score(ood_scores(), known, far).name == "mutual_information"


def test_it_is_judged_on_the_other_images_alone() -> None:
    known, unknown, is_judging = draws(50, 2.0, 0.3), draws(40, 1.0, 1.0), np.arange(40) % 2 == 1
    score = ood_scores()[0]
    statistic = judged_auroc(score, known, unknown, is_judging)
    counts = RNG.multinomial(90, np.full(90, 1 / 90), size=3)
    for count, found in zip(counts, statistic(counts), strict=True):
        of_known, of_unknown = (
            np.repeat(score.score(one), times)
            for one, times in ((known, count[:50]), (unknown, count[50:] * is_judging))
        )
        assert found == pytest.approx(auroc(of_known, of_unknown))
