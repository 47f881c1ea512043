"""The verdict in words: what a person has to know to choose, each figure with its interval, and the rule."""

import dataclasses
from collections.abc import Mapping, Sequence

from tfp_insects.compare.answers import WHOLE_RUN
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.decision_shares import Shares, shares_of
from tfp_insects.compare.learning_curve import ACCURACY, images_needed
from tfp_insects.compare.pair import Difference, Pair, TimeRatio
from tfp_insects.compare.verdict import Decision, Measured, Side, decide
from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.bootstrap import Resampled
from tfp_insects.metrics.metric import Metric
from tfp_insects.metrics.metric_table import compared_metrics
from tfp_insects.models.method_table import label_of
from tfp_insects.report.sentences import images_sentence
from tfp_insects.report.wording import enumerate_words, images_a_class, interval_words, number, seconds, times_as
from tfp_insects.runs.run_set import RunSet

# AUROCs that say how well strangers are told, the better one first: in words, what images are scored by.
AUROCS = {
    chosen_score.METRIC.name: "the score that suits each, chosen on other strangers",
    "auroc_predictive_entropy": "predictive entropy",
}
TIME_NOISE = 0.1  # A difference in time that a shared machine makes.


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What opens the page.

    Attributes:
        headline: What to use, in one or two sentences.
        lines: What one decides by, with intervals: name and sentence.
        rule: The rule of the headline, in one sentence; empty without one.
    """

    headline: str
    lines: Sequence[tuple[str, str]]
    rule: str = ""


def make_verdict(study: RunSet, comparison: Comparison, pair: Pair) -> Verdict:
    """Puts the choice between the twins into words, at the largest size that both have.

    Raises:
        InputError: A file of predictions cannot be read.
    """
    size = pair.sizes[-1]
    seeds = pair.seeds(size)
    models = (pair.reference, pair.model)
    runs = [run for name in models for run in study.runs if (run.model, run.n_per_class) == (name, size)]
    shares = shares_of([run for run in runs if run.seed in seeds])
    sides: tuple[tuple[Side, str], ...] = (("model", pair.model), ("reference", pair.reference))
    chance = 1.0 / len(study.class_names)
    guessing = [side for side, name in sides if comparison.figure(name, size, ACCURACY).interval.low <= chance]
    decision = decide(measured(pair, size, shares), guessing)
    lines = [
        ("Left to the model", alone_sentence(shares, comparison, models, size)),
        ("Strangers", strangers_sentence(shares, comparison, pair, size)),
        ("Time", whole_time_sentence(pair, size)),
        ("More images instead", more_images_sentence(comparison, pair)),
        ("Differences", differences_sentence(decision, pair)),
        ("Fewer images", smaller_sizes_sentence(pair)),
    ]
    headline = headline_words(decision, pair, size, len(seeds), study.num_folds)
    return Verdict(headline, [one for one in lines if one[1]], rule_sentence(decision, size))


def measured(pair: Pair, size: int, shares: Shares | None) -> list[Measured]:
    """All differences that count: those that tables show, and those of the shares that one decides by."""
    differences = pair.differences(size)
    found = [
        _of_metric(metric, differences[metric.name])
        for metric in compared_metrics()
        if metric.better != "neither" and metric.name in differences
    ]
    if shares is None:
        return found
    kinds = (
        ("share of images answered alone", shares.alone, True),
        ("share of strangers that slip through", shares.passing, False),
    )
    return found + [_share(label, of[pair.model] - of[pair.reference], high) for label, of, high in kinds if of]


def headline_words(decision: Decision, pair: Pair, size: int, num_seeds: int, num_folds: int = 0) -> str:
    """What to use; with one seed, that it may be luck."""
    first, second, where = label_of(pair.reference), label_of(pair.model), f"with {images_a_class(size)}"
    ours, theirs = _labels(decision.model_better), _labels(decision.reference_better)
    ratio = pair.time_ratios(size).get(WHOLE_RUN)
    is_noise = ratio is None or abs(ratio.ratio - 1.0) < TIME_NOISE
    cheaper = "" if is_noise or ratio is None else f" The {first if ratio.ratio > 1 else second} takes less time."
    words = {
        "model": f"Use the {second}: {where} it is better in {ours}, and shown to be worse in nothing.",
        "reference": f"Use the {first}: {where} it is better in {theirs}, and shown to be worse in nothing.",
        "both": f"It depends on what counts: {where} the {second} is better in {ours}, the {first} in {theirs}.",
        "unsure": f"No advice: {where} {_seems(second, ours, first, theirs)}, but among {decision.num_measures} "
        f"measures that may be luck.{cheaper}",
        "neither": f"Use neither yet: {where} what would be advised is not shown to be right more often than by "
        "guessing. More images, pretrained weights or more epochs may help.",
        "none": f"No difference between {second} and {first} is shown {where}, in any of {decision.num_measures} "
        f"measures.{cheaper}",
    }[decision.choice]
    trainings = f"{num_folds} trainings of each with one seed" if num_folds else "one training of each"
    one_seed = f" This rests on {trainings}: another one may say otherwise." if num_seeds == 1 else ""
    return f"{words}{one_seed}"


def rule_sentence(decision: Decision, size: int) -> str:
    """The rule of `compare.verdict`."""
    return (
        f"The rule: a model is advised if, with the most training images ({images_a_class(size)}), it is better in at least "
        f"one of {decision.num_measures} measures after Holm's correction for having looked at {decision.num_measures}, and "
        "the other is better in none (95 % intervals that exclude zero); and if it is right more often than by guessing."
    )


def alone_sentence(shares: Shares | None, comparison: Comparison, models: Sequence[str], size: int) -> str:
    """How many of 100 images each model answers alone."""
    if shares is None:
        figures = [comparison.figure(model, size, "coverage_at_5_risk").interval for model in models]
        parts = [
            f"the {label_of(model)} {number(100 * one.estimate, 0)} ({interval_words(one.low, one.high, 100.0, 0)})"
            for model, one in zip(models, figures, strict=True)
        ]
        return (
            f"With 5 % errors, of 100 images {enumerate_words(parts)} could be answered alone: an estimate, no promise."
        )
    if shares.risk is None:
        return "No share of the images can be left to either model with any promise: there are too few test images."
    start = f"With at most {number(100 * shares.risk, 0)} % errors"
    answers = f"of 100 images of known classes {_of_hundred(shares.alone)} alone."
    if shares.risk <= 0.05:
        confidence = "about 95 % confidence, by cross-validation" if comparison.has_folds else "95 % confidence"
        return f"{start} ({confidence}), {answers}"
    return (
        f"{start}, {answers} That is the lowest risk that both can keep. It was looked for on these images, so the "
        "confidence is below the 95 % of a risk that is chosen beforehand."
    )


def strangers_sentence(shares: Shares | None, comparison: Comparison, pair: Pair, size: int) -> str:
    """How many images of no known class slip through, and the AUROC; empty where none were given."""
    auroc = _auroc_sentence(comparison, (pair.reference, pair.model), size)
    if not auroc:
        return ""
    if shares is None or not shares.passing:
        return auroc
    rate = number(100 * shares.false_alarm_rate, 0)
    parts = [f"{_hundredths(one)} pass the {label_of(model)}" for model, one in shares.passing.items()]
    return f"Of 100 images of no known class {enumerate_words(parts)}, at {rate} % false alarms. {auroc}"


def _auroc_sentence(comparison: Comparison, models: Sequence[str], size: int) -> str:
    """The AUROC of each model, by the first score of which all that were asked have one; empty where none was asked."""
    known = {name: [one for one in models if comparison.seeds(one, size, name)] for name in AUROCS}
    most = max(map(len, known.values()))
    if most == 0:
        return ""
    name = next(name for name, having in known.items() if len(having) == most)
    intervals = {label_of(one): comparison.figure(one, size, name).interval for one in known[name]}
    parts = [
        f"{number(one.estimate, 3)} ({interval_words(one.low, one.high, 1.0, 3)}) for the {label}"
        for label, one in intervals.items()
    ]
    return f"AUROC by {AUROCS[name]}: {enumerate_words(parts)}."


def whole_time_sentence(pair: Pair, size: int) -> str:
    """How much longer training and answering take, together and apart."""
    ratios = pair.time_ratios(size)
    ratio = ratios.get(WHOLE_RUN)
    if ratio is None:
        return ""
    spread = (
        f"; {number(ratio.lowest, 1)} to {number(ratio.highest, 1)} over {ratio.num_seeds} seeds"
        if ratio.num_seeds > 1
        else "; one run of each, so no interval"
    )
    return (
        f"A whole run, with training and all answers, takes the {label_of(pair.model)} {times_as(ratio.ratio)} as long as "
        f"the {label_of(pair.reference)} ({seconds(ratio.seconds)} against {seconds(ratio.reference_seconds)}{spread})."
        f"{_times_apart(ratios)}"
    )


def _times_apart(ratios: Mapping[str, TimeRatio]) -> str:
    """How much longer training takes, and answering; empty where a record does not know one of them."""
    parts = {"Training": ratios.get("train_seconds"), "Answering the test images": ratios.get("predict_seconds")}
    sentences = [
        f" {name} takes {times_as(ratio.ratio)} as long ({seconds(ratio.seconds)} against "
        f"{seconds(ratio.reference_seconds)})."
        for name, ratio in parts.items()
        if ratio is not None
    ]
    return "".join(sentences) if len(sentences) == len(parts) else ""


def more_images_sentence(comparison: Comparison, pair: Pair) -> str:
    """How many images the first twin needs to be as accurate as the second, where several sizes were run."""
    needed = images_needed(comparison, Pair(comparison, pair.reference, pair.model))
    if not needed:
        return "How many more labelled images would buy the same accuracy cannot be said: that takes several sizes."
    return images_sentence(Pair(comparison, pair.reference, pair.model), needed[-2])


def differences_sentence(decision: Decision, pair: Pair) -> str:
    """Each difference that is shown, with its interval, and in one sentence what is not."""
    shown = [*decision.model_better, *decision.reference_better]
    parts = [f"{one.label} is {_size(one)}" for one in shown]
    found = f"{label_of(pair.model)} minus {label_of(pair.reference)}: {'; '.join(parts)}. " if shown else ""
    return f"{found}Not shown to differ: {_labels(decision.unclear)}." if decision.unclear else found.strip()


def smaller_sizes_sentence(pair: Pair) -> str:
    """What is shown at smaller sizes than the one of the verdict, by 95 % intervals; empty with one size."""
    found = []
    for size in pair.sizes[:-1]:
        one = decide(measured(pair, size, None))
        shown = ((pair.model, one.model_better), (pair.reference, one.reference_better))
        parts = [f"the {label_of(name)} is better in {_labels(better)}" for name, better in shown if better]
        found.append(f"With {images_a_class(size)} {enumerate_words(parts) if parts else 'no difference is shown'}.")
    return " ".join(found)


def _of_metric(metric: Metric, difference: Difference) -> Measured:
    return Measured(
        label=metric.plain_label,
        interval=difference.interval,
        p_value=difference.p_value,
        is_high_good=metric.better == "high",
        unit=metric.unit,
        scale=metric.scale,
        decimals=metric.decimals,
    )


def _share(label: str, difference: Resampled, is_high_good: bool) -> Measured:
    return Measured(label, difference.interval(), difference.p_value(), is_high_good, "points", 100.0, 1)


def _of_hundred(alone: Mapping[str, Resampled]) -> str:
    return enumerate_words([f"the {label_of(model)} answers {_hundredths(one)}" for model, one in alone.items()])


def _hundredths(share: Resampled) -> str:
    interval = share.interval().within(0.0, 1.0)  # Of folds it is widened, beyond them too.
    return f"{number(100 * interval.estimate, 0)} ({interval_words(interval.low, interval.high, 100.0, 0)})"


def _seems(second: str, ours: str, first: str, theirs: str) -> str:
    parts = [f"the {name} seems better in {labels}" for name, labels in ((second, ours), (first, theirs)) if labels]
    return enumerate_words(parts) if parts else ""


def _labels(measures: Sequence[Measured]) -> str:
    return enumerate_words([one.label for one in measures]) if measures else ""


def _size(one: Measured) -> str:
    interval = one.interval
    sign = "+" if interval.estimate > 0 else ""
    unit = f" {one.unit}" if one.unit else ""
    return (
        f"{sign}{number(one.scale * interval.estimate, one.decimals)}{unit} "
        f"({interval_words(interval.low, interval.high, one.scale, one.decimals)})"
    )
