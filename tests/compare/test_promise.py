import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from tfp_insects.compare.calibration import calibration_of, choosing_half
from tfp_insects.compare.decision_shares import passing_statistic
from tfp_insects.compare.promise import Acceptance, Terms, make_promise
from tfp_insects.errors import InputError
from tfp_insects.metrics.alarm import alarm_threshold, false_alarm_interval
from tfp_insects.metrics.bootstrap import bootstrap
from tfp_insects.metrics.cross_validation import variance_factor, widened
from tfp_insects.metrics.draws import LabelledDraws
from tfp_insects.metrics.guarantee import thresholds_to_test, thresholds_without_labels
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.runs.predictions import Predictions

NUM_CLASSES = 3


def predictions(num: int, skill: float, seed: int, num_draws: int = 4, disagreement: float = 0.3) -> Predictions:
    """Draws of softmax outputs; their labels are those that the mean favours, as often as it says or so."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(NUM_CLASSES, size=num)
    logits = rng.normal(size=(num, NUM_CLASSES)) + skill * np.eye(NUM_CLASSES)[labels]
    logits = logits + disagreement * rng.normal(size=(num_draws, num, NUM_CLASSES))
    exponentials = np.exp(logits)
    probabilities = (exponentials / exponentials.sum(-1, keepdims=True)).astype(np.float32)
    return Predictions(probabilities, labels.astype(np.int32), tuple(f"c{label}/{i}" for i, label in enumerate(labels)))


def unknown(num: int, disagreement: float = 3.0, num_draws: int = 4) -> Predictions:
    found = predictions(num, 0.0, 9, num_draws, disagreement)
    ids = tuple(f"other{i % 12}/{i}" for i in range(num))
    return Predictions(found.probabilities, np.full(num, -1, np.int32), ids)


VALIDATION, TEST = predictions(300, 4.0, 1), predictions(400, 4.0, 2)


def score_of(name: str, one: Predictions) -> np.ndarray:
    return next(score for score in ood_scores() if score.name == name).score(one.draws)


def test_the_figures_are_those_of_the_images_that_are_accepted() -> None:
    found = make_promise(calibration_of(VALIDATION, TEST, unknown(120)), Terms(0.1, 0.05))
    acceptance, alarm = found.acceptance, found.alarm
    assert alarm is not None
    draws = LabelledDraws(TEST.probabilities, TEST.labels)
    scores = score_of(alarm.score, TEST)
    accepted = (draws.confidence >= acceptance.threshold) & (scores < alarm.threshold)
    num_errors = int(np.sum(accepted & ~draws.correct))
    bound = stats.beta.ppf(0.95, num_errors + 1, accepted.sum() - num_errors)
    assert acceptance == Acceptance(
        0.1, 0.95, acceptance.threshold, 400, int(accepted.sum()), num_errors, pytest.approx(bound)
    )
    assert acceptance.is_possible
    assert acceptance.upper_bound <= 0.1
    assert 0.3 < acceptance.coverage == accepted.sum() / 400
    assert np.mean(scores > alarm.threshold) <= 0.05
    assert alarm.false_alarm_interval == false_alarm_interval(400, 0.05)


def test_thresholds_come_from_validation_images_and_the_promise_from_test_images_alone() -> None:
    acceptance = make_promise(calibration_of(VALIDATION, TEST, None), Terms(0.1)).acceptance
    draws = LabelledDraws(VALIDATION.probabilities, VALIDATION.labels)
    assert acceptance.threshold in thresholds_to_test(draws.confidence, draws.correct, 0.1)
    wrong = Predictions(TEST.probabilities, (TEST.labels + 1) % NUM_CLASSES)
    assert not make_promise(calibration_of(VALIDATION, wrong, None), Terms(0.1)).acceptance.is_possible


def test_the_score_is_chosen_on_one_half_and_judged_on_the_other() -> None:
    strangers = unknown(120)
    alarm = make_promise(calibration_of(VALIDATION, TEST, strangers), Terms(0.1)).alarm
    is_choosing = choosing_half(strangers.example_ids)
    passed = {
        score.name: np.sum(
            score_of(score.name, strangers)[is_choosing] <= alarm_threshold(score_of(score.name, VALIDATION), 0.05)
        )
        for score in ood_scores()
        if score.speaks_of(strangers.draws)
    }
    assert alarm is not None
    assert alarm.score == min(passed, key=passed.__getitem__) == "mutual_information"  # They differ by disagreement.
    assert len(set(passed.values())) > 1
    judged = score_of(alarm.score, strangers)[~is_choosing]
    assert (alarm.num_choosing, alarm.num_judged) == (is_choosing.sum(), (~is_choosing).sum())
    assert alarm.num_passed == np.sum(judged <= alarm.threshold)
    assert alarm.num_accepted <= alarm.num_passed < alarm.num_judged


def test_one_draw_has_no_alarm_by_disagreement() -> None:
    known = [predictions(200, 4.0, seed, num_draws=1) for seed in (1, 2)]
    alarm = make_promise(calibration_of(known[0], known[1], unknown(60, num_draws=1)), Terms()).alarm
    assert alarm is not None
    assert alarm.score != "mutual_information"


def test_halves_keep_folders_together_where_there_are_several() -> None:
    ids = [f"{folder}/{i}" for folder, count in (("a", 9), ("b", 3), ("c", 5), ("d", 2)) for i in range(count)]
    is_choosing = choosing_half(ids)
    for folder in "abcd":
        assert len({bool(one) for one, name in zip(is_choosing, ids, strict=True) if name[0] == folder}) == 1
    assert 0 < is_choosing.sum() <= len(ids) / 2
    for alone in ([f"a/{i}" for i in range(10)], [str(i) for i in range(10)]):
        assert choosing_half(alone).sum() == 5
    assert not choosing_half(["a/1"]).any()


def test_what_would_be_needed_is_said_where_no_threshold_keeps_the_risk() -> None:
    few = Predictions(TEST.probabilities[:, :40], TEST.labels[:40])
    acceptance = make_promise(calibration_of(VALIDATION, few, None), Terms(0.05)).acceptance
    assert (acceptance.threshold, acceptance.num_accepted, acceptance.upper_bound) == (math.inf, 0, 1.0)
    assert acceptance.num_images_needed is not None
    assert acceptance.num_images_needed >= 59
    assert acceptance.lowest_risk is not None
    had = make_promise(calibration_of(VALIDATION, few, None), Terms(acceptance.lowest_risk)).acceptance
    assert had.is_possible
    assert not make_promise(
        calibration_of(VALIDATION, few, None), Terms(acceptance.lowest_risk - 0.01)
    ).acceptance.is_possible


@pytest.mark.parametrize(
    ("strangers", "num_test", "reason"),
    [
        (None, 400, "the run was not asked about images of no known class"),
        (unknown(1), 400, "there is but one image of no known class"),
        (unknown(60), 18, "false alarms of 0.05 need 19 test images, and there are 18"),
    ],
)
def test_why_there_is_no_alarm_is_said(strangers: Predictions | None, num_test: int, reason: str) -> None:
    test = Predictions(TEST.probabilities[:, :num_test], TEST.labels[:num_test])
    found = make_promise(calibration_of(VALIDATION, test, strangers), Terms())
    assert (found.alarm, found.alarm_obstacle) == (None, reason)


def test_both_promises_hold_together_over_many_calibrations() -> None:
    """The alarm is calibrated on the images that the risk is: that must not cost the promise."""
    pool, strangers, rng = predictions(20_000, 3.0, 5, num_draws=2), unknown(60, num_draws=2), np.random.default_rng(6)
    draws = LabelledDraws(pool.probabilities, pool.labels)
    scores = {score.name: score.score(draws) for score in ood_scores() if score.speaks_of(draws)}
    num, num_exceeding, num_possible, false_alarms = 150, 0, 0, []
    for _ in range(num):
        indices = rng.choice(20_000, 500, replace=False)
        parts = [Predictions(pool.probabilities[:, i], pool.labels[i]) for i in (indices[:200], indices[200:])]
        found = make_promise(calibration_of(*parts, strangers), Terms(0.1, 0.1))
        assert found.alarm is not None
        others = np.delete(np.arange(20_000), indices)
        score = scores[found.alarm.score][others]
        false_alarms.append(np.mean(score > found.alarm.threshold))
        accepted = (draws.confidence[others] >= found.acceptance.threshold) & (score < found.alarm.threshold)
        num_possible += accepted.any()
        num_exceeding += accepted.any() and np.mean(~draws.correct[others][accepted]) > 0.1
    assert num_possible > 0.8 * num
    assert stats.binomtest(int(num_exceeding), num, 0.05, alternative="greater").pvalue > 0.05
    assert np.mean(false_alarms) <= 0.1 + 3 * np.std(false_alarms) / math.sqrt(num)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"risk": 5.0}, "risk=5.0: expected a share of wrong answers from 0 to 1"),
        ({"false_alarm_rate": 0.0}, "false_alarms=0.0: expected a share of images above 0 and below 1"),
        ({"false_alarm_rate": math.nan}, "false_alarms=nan: expected a share"),
    ],
)
def test_terms_that_make_no_sense_are_named(terms: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Terms(**terms)


def test_the_bound_of_a_cross_validation_holds_for_the_network_that_is_used() -> None:
    """Over many data sets: the first fold's model, at the threshold that the images of all folds gave."""
    num, risk, rng = 120, 0.1, np.random.default_rng(7)
    means = 1.1 * np.random.default_rng(8).normal(size=(NUM_CLASSES, 4))
    new, new_labels = gaussian_images(rng, means, 3000)
    num_possible, num_exceeding, coverages = 0, 0, []
    for _ in range(num):
        images, labels = gaussian_images(rng, means, 60)
        (first, *_), test, validation = cross_validated(rng, images, labels)
        calibration = calibration_of(validation, test, None)._replace(is_cross_validated=True)
        acceptance = make_promise(calibration, Terms(risk)).acceptance
        assert acceptance.is_approximate
        answers = first(new)
        accepted = answers.max(axis=1) >= acceptance.threshold
        num_possible += acceptance.is_possible
        num_exceeding += accepted.any() and np.mean(answers.argmax(axis=1)[accepted] != new_labels[accepted]) > risk
        coverages.append(acceptance.coverage)
    assert num_possible > 0.8 * num
    assert num_exceeding <= 0.1 * num
    assert np.mean(coverages) > 0.5


def test_the_alarm_of_a_cross_validation_is_false_as_often_as_it_says() -> None:
    """Over many data sets: the first fold's model on new images, at the threshold that the images of all folds gave."""
    num, num_folds, rng = 120, 5, np.random.default_rng(17)
    means = 1.1 * np.random.default_rng(8).normal(size=(NUM_CLASSES, 4))
    new, _ = gaussian_images(rng, means, 1000)
    rates, num_within = [], 0
    for _ in range(num):
        strangers = rng.normal(size=(60, 4))  # Between the classes.
        models, test, validation = cross_validated(rng, *gaussian_images(rng, means, 60), num_folds)
        asked = np.stack([models[i % num_folds](strangers[i : i + 1])[0] for i in range(len(strangers))])
        ids = tuple(f"other{i % 6}/{i}" for i in range(len(asked)))
        others = Predictions(asked[np.newaxis].astype(np.float32), np.full(len(asked), -1, np.int32), ids)
        calibration = calibration_of(validation, test, others)._replace(is_cross_validated=True)
        alarm = make_promise(calibration, Terms(0.1, 0.05)).alarm
        assert alarm is not None
        answers = Predictions(models[0](new)[np.newaxis].astype(np.float32), np.zeros(len(new), np.int32))
        rates.append(np.mean(score_of(alarm.score, answers) > alarm.threshold))
        low, high = alarm.false_alarm_interval
        num_within += low <= rates[-1] <= high
    assert np.mean(rates) <= 0.055  # A little more than asked for: images of all folds, and one network.
    assert num_within >= 0.9 * num


def test_the_interval_of_what_passes_a_cross_validations_alarm_holds_for_the_network_that_is_used() -> None:
    """Over many data sets: the share of new strangers that the first fold's model lets pass."""
    num, num_folds, num_strangers, rng = 60, 5, 60, np.random.default_rng(23)
    means, terms = 1.1 * np.random.default_rng(8).normal(size=(NUM_CLASSES, 4)), Terms(0.1, 0.05)
    new, held = rng.normal(size=(4000, 4)), 0
    for _ in range(num):
        strangers = rng.normal(size=(num_strangers, 4))
        models, test, validation = cross_validated(rng, *gaussian_images(rng, means, 40), num_folds)
        asked = np.stack([models[i % num_folds](strangers[i : i + 1])[0] for i in range(num_strangers)])
        ids = tuple(f"other{i % 6}/{i}" for i in range(num_strangers))
        others = Predictions(asked[np.newaxis].astype(np.float32), np.full(num_strangers, -1, np.int32), ids)
        calibration = calibration_of(validation, test, others)._replace(is_cross_validated=True)
        promise = make_promise(calibration, terms)
        assert promise.alarm is not None
        num_images = len(test.labels)
        resampled = bootstrap(
            passing_statistic(calibration, promise, terms),
            [num_images, promise.alarm.num_judged],
            seed=0,
            num_resamples=300,
        )
        factor = variance_factor(num_folds, num_images / num_folds, num_images * (num_folds - 2) / num_folds)
        interval = widened(resampled, factor).interval()
        answers = Predictions(models[0](new)[np.newaxis].astype(np.float32), np.zeros(len(new), np.int32))
        held += (
            interval.low <= np.mean(score_of(promise.alarm.score, answers) <= promise.alarm.threshold) <= interval.high
        )
    assert held >= 0.9 * num


def gaussian_images(rng: np.random.Generator, means: np.ndarray, num_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(NUM_CLASSES), num_per_class)
    return means[labels] + rng.normal(size=(len(labels), means.shape[1])), labels


def fit_gaussians(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Linear discriminant analysis: probabilities by Bayes' rule, with the pooled covariance of these images."""
    means = np.stack([features[labels == label].mean(axis=0) for label in range(NUM_CLASSES)])
    precision = np.linalg.inv(np.cov((features - means[labels]).T))

    def probabilities(asked: np.ndarray) -> np.ndarray:
        from_means = asked[:, np.newaxis] - means
        return special.softmax(-0.5 * np.einsum("ncf,fg,ncg->nc", from_means, precision, from_means), axis=1)

    return probabilities


def cross_validated(
    rng: np.random.Generator, features: np.ndarray, labels: np.ndarray, num_folds: int = 5
) -> tuple[list[Callable[[np.ndarray], np.ndarray]], Predictions, Predictions]:
    """The model of each fold, and what all say of the images that they test and that they validate."""
    parts = np.concatenate([rng.permutation(np.sum(labels == label)) % num_folds for label in range(NUM_CLASSES)])
    tested, validated = (np.zeros((1, len(labels), NUM_CLASSES), np.float32) for _ in range(2))
    models = []
    for fold in range(num_folds):
        used = (parts != fold) & (parts != (fold + 1) % num_folds)
        models.append(fit_gaussians(features[used], labels[used]))
        for answers, part in ((tested, fold), (validated, (fold + 1) % num_folds)):
            answers[0, parts == part] = models[-1](features[parts == part])
    return models, *(Predictions(one, labels.astype(np.int32)) for one in (tested, validated))


def test_no_class_of_an_image_orders_the_thresholds_of_a_cross_validation() -> None:
    calibration = calibration_of(VALIDATION, TEST, None)._replace(is_cross_validated=True)
    found = make_promise(calibration, Terms(0.1)).acceptance
    others = Predictions(VALIDATION.probabilities, (VALIDATION.labels + 1) % NUM_CLASSES)
    alike = calibration_of(others, TEST, None)._replace(is_cross_validated=True)
    assert make_promise(alike, Terms(0.1)).acceptance == found
    assert found.threshold in thresholds_without_labels(calibration.test.confidence, 0.1)
