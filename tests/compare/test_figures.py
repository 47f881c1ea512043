import dataclasses

import numpy as np
import pytest

from tfp_insects.compare.answers import AnswerBook
from tfp_insects.compare.figures import (
    differences_over_sizes,
    mcnemar,
    metric_differences,
    metric_means,
    ood_difference,
    ood_means,
)
from tfp_insects.metrics.out_of_distribution import auroc, scores
from tfp_insects.metrics.scores import accuracy, brier_score, negative_log_likelihood
from tfp_insects.runs.cells import Cell

FEW = 200


def test_means_are_over_seeds(book: AnswerBook) -> None:
    answers = book.of("cnn", 5)
    found = metric_means(answers, FEW)
    for name, metric in (("accuracy", accuracy), ("nll", negative_log_likelihood), ("brier", brier_score)):
        expected = np.mean([metric(one.probabilities, one.labels) for one in answers])
        assert found[name].estimate == pytest.approx(expected)
        assert found[name].low < expected < found[name].high


def test_differences_are_paired(book: AnswerBook) -> None:
    pairs = book.pairs("bnn", "cnn", 5)
    assert len(pairs) == 2
    found = metric_differences(pairs, FEW)
    expected = np.mean(
        [
            negative_log_likelihood(first.probabilities, first.labels)
            - negative_log_likelihood(second.probabilities, second.labels)
            for first, second in pairs
        ]
    )
    assert found["nll"].estimate == pytest.approx(expected)
    assert found["nll"].high < 0
    # Both models see the same noise, so that the difference is surer than either figure.
    own = metric_means(book.of("bnn", 5), FEW)["nll"]
    assert found["nll"].high - found["nll"].low < own.high - own.low


def test_differences_over_sizes_are_means_of_those_at_each_size(book: AnswerBook) -> None:
    found = differences_over_sizes(book.pairs_at_all_sizes("bnn", "cnn"), FEW)
    by_size = [metric_differences(book.pairs("bnn", "cnn", size), FEW) for size in (5, 10)]
    for name, interval in found.items():
        assert interval.estimate == pytest.approx(np.mean([one[name].estimate for one in by_size])), name
        assert interval.low <= interval.estimate <= interval.high, name
    assert found["nll"].high < 0


def test_sizes_that_are_tested_on_the_same_images_are_no_surer_than_one(book: AnswerBook) -> None:
    pair = (book.get("bnn", 5, 0), book.get("cnn", 5, 0))
    single, double = (differences_over_sizes([pairs], FEW)["nll"] for pairs in ([pair], [pair, pair]))
    assert single == double


def test_seeds_that_lack_a_size_are_left_out(make_answers) -> None:
    cells = [(5, 0), (5, 1), (10, 1), (10, 2)]
    book = AnswerBook([make_answers(model, size, seed, 1.0) for model in ("bnn", "cnn") for size, seed in cells])
    ((first, second),) = book.pairs_at_all_sizes("bnn", "cnn")
    assert [one.cell for one in (*first, *second)] == [Cell(m, n, 1) for n in (5, 10) for m in ("bnn", "cnn")]
    assert book.pairs_at_all_sizes("bnn", "ensemble") == []


def test_sizes_with_other_images_cannot_be_averaged(make_answers) -> None:
    sizes = [(5, ""), (10, "other")]
    book = AnswerBook([make_answers(m, size, 0, 1.0, images=images) for m in ("bnn", "cnn") for size, images in sizes])
    with pytest.raises(ValueError, match="bnn-n5-seed0 and bnn-n10-seed0 were not asked about the same images"):
        book.pairs_at_all_sizes("bnn", "cnn")


def test_a_model_does_not_differ_from_itself(book: AnswerBook) -> None:
    one = book.get("cnn", 5, 0)
    for interval in metric_differences([(one, one)], FEW).values():
        assert (interval.estimate, interval.low, interval.high) == (0.0, 0.0, 0.0)
    assert mcnemar((one, one)) == {"only_first_correct": 0, "only_second_correct": 0, "p_value": 1.0}


def test_mcnemar_counts_the_images_that_one_twin_alone_gets_right(book: AnswerBook) -> None:
    pair = book.pairs("bnn", "cnn", 5)[0]
    bnn, cnn = (one.probabilities.argmax(-1) == one.labels for one in pair)
    found = mcnemar(pair)
    assert found["only_first_correct"] == int((bnn & ~cnn).sum())
    assert found["only_second_correct"] == int((cnn & ~bnn).sum())
    assert found["p_value"] < 0.05


def entropy_auroc(book: AnswerBook, model: str, size: int, seed: int) -> float:
    one = book.get(model, size, seed)
    known, ood = (scores(draws)["predictive_entropy"] for draws in (one.draws, one.ood))
    return auroc(known, ood)


def test_ood_means_are_over_seeds(book: AnswerBook) -> None:
    found = ood_means(book.of("bnn", 10), FEW)["auroc_predictive_entropy"]
    assert found.estimate == pytest.approx(np.mean([entropy_auroc(book, "bnn", 10, seed) for seed in (0, 1)]))
    assert found.low < found.estimate < found.high


def test_the_ood_difference_is_over_sizes_and_seeds(book: AnswerBook) -> None:
    found = ood_difference(book.pairs_at_all_sizes("bnn", "cnn"), FEW)
    expected = np.mean(
        [
            entropy_auroc(book, "bnn", size, seed) - entropy_auroc(book, "cnn", size, seed)
            for size in (5, 10)
            for seed in (0, 1)
        ]
    )
    assert found.estimate == pytest.approx(expected)
    assert 0 < found.low < expected < found.high


def test_seeds_that_share_ood_images_are_no_surer_of_them_than_one(make_answers) -> None:
    one = make_answers("cnn", 5, 0, 1.0)
    # Known images are all alike, so that the figure depends on the out-of-distribution ones alone.
    known = np.tile([[0.6, 0.2, 0.2]], (2, 200, 1))
    alike = [dataclasses.replace(one, draws=known, cell=Cell("cnn", 5, seed)) for seed in (0, 1)]
    single, double = (ood_means(answers, 1000)["auroc_one_minus_max_probability"] for answers in (alike[:1], alike))
    assert 0 < single.low < single.estimate < single.high < 1
    assert double.estimate == single.estimate
    # Independent out-of-distribution images would make the interval narrower by the square root of 2.
    assert double.high - double.low > 0.85 * (single.high - single.low)


def test_answers_without_ood_images_have_no_such_figures(make_answers) -> None:
    with pytest.raises(ValueError, match="cnn-n5-seed0 was not asked about out-of-distribution images"):
        ood_means([make_answers("cnn", 5, 0, 1.0, is_test=False)], FEW)


def test_other_images_cannot_be_paired(make_answers) -> None:
    book = AnswerBook([make_answers("bnn", 5, 0, 1.0), make_answers("cnn", 5, 0, 1.0, images="other")])
    with pytest.raises(ValueError, match="bnn-n5-seed0 and cnn-n5-seed0 were not asked about the same images"):
        book.pairs("bnn", "cnn", 5)
