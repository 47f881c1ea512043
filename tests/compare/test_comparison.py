import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from tfp_insects.compare.answers import Answers, Ood
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.pair import Pair
from tfp_insects.errors import InputError
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.metric_table import all_metrics, labelled_metrics
from tfp_insects.metrics.out_of_distribution import auroc
from tfp_insects.metrics.scores import accuracy, brier_score, negative_log_likelihood, predictive_entropy
from tfp_insects.metrics.summary import scores_of_unknown
from tfp_insects.runs.run_key import RunKey

FEW = 200
AUROC = "auroc_predictive_entropy"


def width(interval) -> float:
    return interval.high - interval.low


def entropy_auroc(one: Answers) -> float:
    return auroc(predictive_entropy(one.probabilities), predictive_entropy(one.ood.probabilities))


def test_means_are_over_seeds(comparison: Comparison) -> None:
    answers = comparison.answers("cnn", 5)
    assert [one.key.seed for one in answers] == [0, 1]
    for name, metric in (("accuracy", accuracy), ("nll", negative_log_likelihood), ("brier", brier_score)):
        expected = np.mean([metric(one.probabilities, one.labels) for one in answers])
        figure = comparison.figure("cnn", 5, name)
        assert figure.interval.estimate == pytest.approx(expected)
        assert figure.interval.low < expected < figure.interval.high
        assert figure.num_seeds == 2


def test_all_metrics_of_the_table_are_there(comparison: Comparison) -> None:
    assert list(comparison.figures("bnn", 10)) == [metric.name for metric in all_metrics()]


@pytest.mark.parametrize("is_shared", [False, True])
def test_differences_are_paired(grid_answers: Callable[..., list[Answers]], is_shared: bool) -> None:
    comparison = Comparison(grid_answers(is_shared=is_shared), FEW)
    assert comparison.has_shared_images is is_shared
    pair = Pair(comparison, "bnn", "cnn")
    found = pair.differences(5)["nll"]
    nll = {
        name: [negative_log_likelihood(one.probabilities, one.labels) for one in comparison.answers(name, 5)]
        for name in ("bnn", "cnn")
    }
    assert found.interval.estimate == pytest.approx(np.mean(nll["bnn"]) - np.mean(nll["cnn"]))
    assert found.interval.high < 0
    # Both models see the same noise, so that the difference is surer than either figure.
    assert width(found.interval) < width(comparison.figure("bnn", 5, "nll").interval)


def means_by_hand(values: np.ndarray, is_shared: bool) -> np.ndarray:
    """Means over seeds and images `[num_seeds, num_images]`, resampled one by one."""
    rng = np.random.default_rng(5)
    num_seeds, num_images = values.shape
    means = []
    for _ in range(2000):
        images = rng.integers(num_images, size=num_images)
        drawn = []
        for seed in rng.integers(num_seeds, size=num_seeds):
            drawn.append(values[seed, images if is_shared else rng.integers(num_images, size=num_images)].mean())
        means.append(np.mean(drawn))
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("is_shared", [False, True])
def test_intervals_are_those_of_resampling_seeds_and_images_by_hand(
    grid_answers: Callable[..., list[Answers]], is_shared: bool
) -> None:
    small = [one for one in grid_answers(is_shared=is_shared, is_test=False) if one.key.n_per_class == 5]
    comparison = Comparison(small, 2000)
    right = np.array([one.correct for one in comparison.answers("bnn", 5)], float)
    found = comparison.figure("bnn", 5, "accuracy").interval
    np.testing.assert_allclose([found.low, found.high], means_by_hand(right, is_shared), atol=0.006)
    other = np.array([one.correct for one in comparison.answers("cnn", 5)], float)
    found = Pair(comparison, "bnn", "cnn").differences(5)["accuracy"].interval
    np.testing.assert_allclose([found.low, found.high], means_by_hand(right - other, is_shared), atol=0.006)


def test_seeds_that_share_images_are_less_sure_than_seeds_with_their_own(make_answers) -> None:
    answers = [make_answers("cnn", 5, 0, 1.0, is_test=False)]
    alike = [dataclasses.replace(answers[0], key=RunKey("cnn", 5, seed)) for seed in range(4)]
    own = [
        dataclasses.replace(one, example_ids=tuple(f"{one.key.seed}-{name}" for name in one.example_ids))
        for one in alike
    ]
    single, shared, apart = (
        width(Comparison(runs, 2000).figure("cnn", 5, "nll").interval) for runs in (answers, alike, own)
    )
    assert shared == pytest.approx(single, rel=0.08)
    assert apart == pytest.approx(single / 2, rel=0.08)


def test_differences_over_sizes_are_means_of_those_at_each_size(comparison: Comparison) -> None:
    pair = Pair(comparison, "bnn", "cnn")
    found = pair.differences_over_sizes()
    by_size = [pair.differences(size) for size in (5, 10)]
    assert set(found) == set(by_size[0])
    for name, one in found.items():
        assert one.interval.estimate == pytest.approx(np.mean([at[name].interval.estimate for at in by_size])), name
        assert one.interval.low <= one.interval.high, name
    assert found["nll"].interval.high < 0


def test_sizes_that_are_tested_on_the_same_images_are_no_surer_than_one(make_answers) -> None:
    twice = [
        dataclasses.replace(make_answers(model, 5, 0, skill), key=RunKey(model, size, 0))
        for model, skill in (("bnn", 1.5), ("cnn", 1.0))
        for size in (5, 10)
    ]
    pair = Pair(Comparison(twice, FEW), "bnn", "cnn")
    for name, one in pair.differences_over_sizes().items():
        single = pair.differences(5)[name].interval
        found = (one.interval.estimate, one.interval.low, one.interval.high)
        assert found == pytest.approx((single.estimate, single.low, single.high)), name


def test_seeds_that_lack_a_size_are_left_out(make_answers) -> None:
    places = [(5, 0), (5, 1), (10, 1), (10, 2)]
    runs = [make_answers(model, size, seed, 1.0) for model in ("bnn", "cnn") for size, seed in places]
    pair = Pair(Comparison(runs, FEW), "bnn", "cnn")
    assert [pair.seeds(size) for size in (5, 10)] == [(0, 1), (1, 2)]
    assert {one.num_seeds for one in pair.differences_over_sizes().values()} == {1}
    assert Pair(Comparison(runs, FEW), "bnn", "ensemble").sizes == []


def test_a_figure_does_not_depend_on_which_other_models_were_run(grid_answers: Callable[..., list[Answers]]) -> None:
    everything = grid_answers()
    alone = Comparison([one for one in everything if one.key.model == "bnn" and one.key.n_per_class == 5], FEW)
    together = Comparison(everything, FEW)
    assert alone.figures("bnn", 5) == together.figures("bnn", 5)


def test_the_order_of_runs_does_not_matter(grid_answers: Callable[..., list[Answers]]) -> None:
    first, second = (Comparison(order(grid_answers()), FEW) for order in (list, lambda runs: list(reversed(runs))))
    assert first.figures("bnn", 5) == second.figures("bnn", 5)


def test_runs_of_one_seed_with_other_images_cannot_be_compared(make_answers) -> None:
    for pair in (("bnn", 5, "cnn", 5), ("bnn", 5, "bnn", 10)):
        first, size, second, other = pair
        runs = [make_answers(first, size, 0, 1.0), make_answers(second, other, 0, 1.0, images="other")]
        with pytest.raises(
            InputError, match=rf"{first}-n{size}-seed0 and {second}-n{other}-seed0 were not tested on the same"
        ):
            Comparison(runs)


def test_runs_that_were_asked_about_other_unknown_images_cannot_be_compared(make_answers) -> None:
    runs = [make_answers("bnn", 5, 0, 1.0), make_answers("cnn", 5, 0, 1.0)]
    for ood in (
        Ood(runs[0].ood.probabilities, "other"),
        Ood(runs[0].ood.probabilities[:, 1:], runs[0].ood.fingerprint),
    ):
        with pytest.raises(InputError, match="bnn-n5-seed0 and cnn-n5-seed0 were not asked about the same images"):
            Comparison([runs[0], dataclasses.replace(runs[1], ood=ood)])


def test_nothing_can_be_compared_where_there_is_no_run() -> None:
    with pytest.raises(ValueError, match="answers: expected those of one run or more"):
        Comparison([])


def test_auroc_is_the_mean_over_seeds(comparison: Comparison) -> None:
    found = comparison.figure("bnn", 10, AUROC).interval
    assert found.estimate == pytest.approx(np.mean([entropy_auroc(one) for one in comparison.answers("bnn", 10)]))
    assert found.low < found.estimate < found.high


def test_the_difference_in_auroc_is_over_sizes_and_seeds(comparison: Comparison) -> None:
    found = Pair(comparison, "bnn", "cnn").differences_over_sizes()[AUROC].interval
    expected = np.mean(
        [
            entropy_auroc(comparison.get("bnn", size, seed)) - entropy_auroc(comparison.get("cnn", size, seed))
            for size, seed in itertools.product((5, 10), (0, 1))
        ]
    )
    assert found.estimate == pytest.approx(expected)
    assert 0 < found.low < expected < found.high


def test_seeds_that_share_ood_images_are_no_surer_of_them_than_one(make_answers) -> None:
    one = make_answers("cnn", 5, 0, 1.0)
    # Known images are all alike, so that the figure depends on the out-of-distribution ones alone.
    known = np.tile([[0.6, 0.2, 0.2]], (2, 200, 1))
    alike = [
        dataclasses.replace(
            one, probabilities=known, key=RunKey("cnn", 5, seed), example_ids=tuple(f"{seed}-{i}" for i in range(200))
        )
        for seed in (0, 1)
    ]
    single, double = (
        Comparison(runs, 1000).figure("cnn", 5, "auroc_one_minus_max_probability").interval
        for runs in (alike[:1], alike)
    )
    assert 0 < single.low < single.estimate < single.high < 1
    assert double.estimate == single.estimate
    # Independent out-of-distribution images would make the interval narrower by the square root of 2.
    assert width(double) > 0.85 * width(single)


def test_the_score_is_chosen_on_one_half_of_the_unknown_and_judged_on_the_other(make_answers) -> None:
    one = make_answers("bnn", 5, 0, 1.5)
    known, validation, unknown = (
        scores_of_unknown(each)
        for each in (
            Draws(one.probabilities, one.leverage),
            one.validation,
            Draws(one.ood.probabilities, one.ood.leverage),
        )
    )
    is_choosing = one.ood.is_choosing
    chosen = max(unknown, key=lambda name: auroc(validation[name], unknown[name][is_choosing]))
    found = Comparison([one], FEW).figure("bnn", 5, "auroc_chosen_score").interval
    assert found.estimate == pytest.approx(auroc(known[chosen], unknown[chosen][~is_choosing]))
    assert found.low < found.estimate < found.high
    unasked = dataclasses.replace(one, validation=None)
    assert "auroc_chosen_score" not in Comparison([unasked], FEW).figures("bnn", 5)


def test_figures_of_unknown_images_are_over_the_seeds_that_were_asked(make_answers) -> None:
    runs = [make_answers("cnn", 5, seed, 1.0, is_test=seed == 1) for seed in (0, 1)]
    comparison = Comparison(runs, FEW)
    figures = comparison.figures("cnn", 5)
    assert (figures["nll"].num_seeds, figures[AUROC].num_seeds) == (2, 1)
    assert figures[AUROC].interval.estimate == pytest.approx(entropy_auroc(runs[1]))
    # Whether others were asked changes nothing of what does not depend on it.
    nobody = Comparison([dataclasses.replace(one, ood=None) for one in runs], FEW)
    assert nobody.figure("cnn", 5, "nll") == figures["nll"]
    assert AUROC not in nobody.figures("cnn", 5)


def test_one_draw_says_nothing_about_the_model_s_knowledge(make_answers) -> None:
    two = make_answers("bnn", 5, 0, 1.0)
    one = dataclasses.replace(
        make_answers("cnn", 5, 0, 1.0),
        probabilities=two.probabilities[:1],
        ood=Ood(two.ood.probabilities[:1], two.ood.fingerprint, two.ood.is_choosing),
    )
    comparison = Comparison([two, one], FEW)
    assert set(comparison.metrics("bnn", 5)) - set(comparison.metrics("cnn", 5)) == {
        "mean_expected_entropy",
        "mean_mutual_information",
        "auroc_mutual_information",
        "fpr95_mutual_information",
        "auroc_leverage",
        "fpr95_leverage",
    }
    assert "auroc_mutual_information" not in Pair(comparison, "bnn", "cnn").differences(5)


def test_no_interval_of_a_metric_reaches_below_its_least_value(comparison: Comparison) -> None:
    for metric in labelled_metrics():
        assert comparison.figure("bnn", 5, metric.name).interval.low >= metric.minimum, metric.name


def test_times_are_compared_over_the_seeds_that_both_have(make_answers) -> None:
    seconds = {("cnn", 0): 10.0, ("cnn", 1): 20.0, ("bnn", 0): 30.0, ("bnn", 1): 30.0, ("bnn", 2): 99.0}
    runs = [make_answers(model, 5, seed, 1.0, seconds=value) for (model, seed), value in seconds.items()]
    found = Pair(Comparison(runs, FEW), "bnn", "cnn").time_ratios(5)
    best, whole = found["seconds_to_best_epoch"], found["train_seconds"]
    assert (best.ratio, best.lowest, best.highest, best.num_seeds) == (2.0, 1.5, 3.0, 2)
    assert whole.ratio == pytest.approx((65 + 65) / (25 + 45))
    assert "run_seconds" not in found


def test_a_whole_run_is_training_and_predictions(make_answers) -> None:
    def with_predictions(model: str, seconds: float) -> Answers:
        one = make_answers(model, 5, 0, 1.0, seconds=10.0)
        return dataclasses.replace(one, seconds={**one.seconds, "predict_seconds": seconds})

    pair = Pair(Comparison([with_predictions("cnn", 5.0), with_predictions("bnn", 65.0)], FEW), "bnn", "cnn")
    assert pair.time_ratios(5)["run_seconds"].ratio == (25 + 65) / (25 + 5)


def test_mcnemar_is_of_each_seed_with_the_model_first(comparison: Comparison) -> None:
    for seed, test in Pair(comparison, "bnn", "cnn").mcnemar(5):
        own, other = (comparison.get(model, 5, seed).correct for model in ("bnn", "cnn"))
        assert (test.only_first_correct, test.only_second_correct) == ((own & ~other).sum(), (other & ~own).sum())
