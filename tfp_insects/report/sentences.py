"""The answer in sentences, made from the figures; nothing is claimed where an interval includes zero."""

from collections.abc import Sequence

from tfp_insects.compare.answers import WHOLE_RUN
from tfp_insects.compare.learning_curve import Doubling, ImagesNeeded
from tfp_insects.compare.pair import Difference, Pair, TimeRatio
from tfp_insects.metrics.metric_table import compared_metrics, find_metric
from tfp_insects.models.method_table import label_of
from tfp_insects.report.wording import (
    enumerate_words,
    images_a_class,
    interval_words,
    number,
    percent,
    seconds,
    shown_sign,
    times_as,
)


def quality_summary(pair: Pair) -> list[str]:
    """The first question over all sizes: at which of them the twins differ."""
    first, second, sizes = label_of(pair.reference), label_of(pair.model), pair.sizes
    if len(sizes) == 1:
        return [quality_sentence(pair, sizes[0])]
    accuracy = _verdict(pair, "accuracy", f"The {second} is {{}} accurate than the {first}", ("more", "less"))
    likelihood = _verdict(pair, "nll", "its NLL is {}", ("higher", "lower"))
    calibration = _verdict(pair, "ece", "its calibration error is {}", ("higher", "lower"))
    shown = [
        accuracy
        or f"No difference in accuracy between {second} and {first} is shown at any of the {len(sizes)} sizes.",
        _start(likelihood or f"no difference in NLL is shown at any of the {len(sizes)} sizes."),
        _start(calibration or f"no difference in calibration error is shown at any of the {len(sizes)} sizes."),
    ]
    return [shown[0], " ".join(shown[1:])]


def quality_sentence(pair: Pair, n_per_class: int) -> str:
    """How the twins differ at one size, each metric with its interval."""
    first, second = label_of(pair.reference), label_of(pair.model)
    differences = pair.differences(n_per_class)
    found = {one.name: differences[one.name] for one in compared_metrics() if one.name in differences}
    accuracy = found.pop("accuracy")
    start = f"With {images_a_class(n_per_class)} "
    sign = shown_sign(accuracy.interval)
    if sign:
        word = "more" if sign > 0 else "less"
        start += (
            f"the {second} is {_size(accuracy)} {word} accurate than the {first} (95 % interval {_ends(accuracy)})."
        )
    else:
        start += (
            f"no difference in accuracy is shown: {second} minus {first} is {_signed(accuracy)} "
            f"(95 % interval {_signed_ends(accuracy)})."
        )
    return " ".join([start, *_other_metrics(list(found.values()))])


def time_summary(pair: Pair) -> str:
    """The second question's cost side: how many times as long the second twin trains."""
    first, second = label_of(pair.reference), label_of(pair.model)
    ratios = {size: pair.time_ratios(size)["train_seconds"] for size in pair.sizes}
    low, high = min(one.ratio for one in ratios.values()), max(one.ratio for one in ratios.values())
    if len(ratios) == 1 or times_as(low) == times_as(high):
        return f"A training run of the {second} takes {times_as(low)} as long as one of the {first}."
    return (
        f"A training run of the {second} takes {times_as(low)[:-6]} to {times_as(high)} as long as one of the {first}, "
        f"depending on the number of images."
    )


def time_sentence(pair: Pair, n_per_class: int) -> str:
    """Training times of the twins at one size."""
    first, second = label_of(pair.reference), label_of(pair.model)
    ratios = pair.time_ratios(n_per_class)
    ratio = ratios["train_seconds"]
    num_seeds = ratio.num_seeds
    spread = (
        f"; {number(ratio.lowest, 1)} to {number(ratio.highest, 1)} over {num_seeds} seeds" if num_seeds > 1 else ""
    )
    return (
        f"With {images_a_class(n_per_class)} a training run of the {second} takes {times_as(ratio.ratio)} as long as "
        f"one of the {first} ({seconds(ratio.seconds)} against {seconds(ratio.reference_seconds)}{spread}); one "
        f"step takes {times_as(ratios['seconds_per_step'].ratio)} as long.{_whole_words(ratios.get(WHOLE_RUN))}"
    )


def _whole_words(ratio: TimeRatio | None) -> str:
    """The same of what a user waits for; empty where it is not known."""
    if ratio is None:
        return ""
    return (
        f" With its answers a whole run takes {times_as(ratio.ratio)} as long ({seconds(ratio.seconds)} against "
        f"{seconds(ratio.reference_seconds)})."
    )


def images_sentence(pair: Pair, needed: ImagesNeeded) -> str:
    """How many images the second twin needs to be as accurate as the first with some."""
    first, second = label_of(pair.reference), label_of(pair.model)
    start = (
        f"To be as accurate as the {first} with {images_a_class(needed.n_per_class)} ({percent(needed.accuracy)}), "
        f"the {second} needs {needed_words(needed, needed.needed.estimate)} (95 % interval "
        f"{needed_interval_words(needed)})"
    )
    if needed.needed.low > needed.n_per_class:
        return f"{start}: more images."
    if needed.needed.high < needed.n_per_class:
        return f"{start}: fewer images."
    return f"{start}: no difference in the number of images is shown."


def needed_words(needed: ImagesNeeded, value: float) -> str:
    """A number of images; at the ends of the sizes measured it is a bound."""
    if value <= needed.smallest:
        return f"{needed.smallest} or fewer"
    if value >= needed.largest:
        return f"{needed.largest} or more"
    return number(value, 0 if value >= 10 else 1)


def needed_interval_words(needed: ImagesNeeded) -> str:
    """Both ends of the interval; one where they are the same bound."""
    ends = [needed_words(needed, value) for value in (needed.needed.low, needed.needed.high)]
    return " to ".join(dict.fromkeys(ends))


def doubling_sentence(doublings: list[Doubling]) -> str:
    """What twice as many images as the largest size should bring each model."""
    size = doublings[0].n_per_class
    parts = [
        f"the {label_of(one.model)} {number(100 * one.gain.estimate, 1)} points of accuracy "
        f"({interval_words(one.gain.low, one.gain.high, 100.0, 1)})"
        for one in doublings
    ]
    return (
        f"If errors go on falling as they did over the three largest sizes, going from {size} to {2 * size} images a "
        f"class should bring {enumerate_words(parts)}. This is an extrapolation: no such run was made."
    )


def _verdict(pair: Pair, metric: str, text: str, words: tuple[str, str]) -> str | None:
    """In one sentence at which sizes the second twin's figure is higher or lower; None where at none."""
    chosen: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for size in pair.sizes:
        chosen[shown_sign(pair.differences(size)[metric].interval)].append(str(size))
    found = [(word, chosen[sign]) for word, sign in zip(words, (1, -1), strict=True) if chosen[sign]]
    if not found:
        return None
    sentence = f"{text.format(found[0][0])} with {enumerate_words(found[0][1])}"
    if len(found) > 1:
        sentence += f" and {found[1][0]} with {enumerate_words(found[1][1])}"
    sentence += " images a class"
    if chosen[0]:
        sentence += f"; with {enumerate_words(chosen[0])} no difference is shown"
    return f"{sentence}."


def _other_metrics(differences: Sequence[Difference]) -> list[str]:
    """A sentence for the metrics whose difference is shown, and one for the others; either may be missing."""
    shown = [one for one in differences if shown_sign(one.interval)]
    unclear = [one for one in differences if not shown_sign(one.interval)]
    found = [_start(enumerate_words([_clause(one) for one in shown])) + "."] if shown else []
    if unclear:
        parts = [f"{find_metric(one.metric).label} ({_signed_ends(one)}{_unit(one)})" for one in unclear]
        found.append(f"No difference is shown in {enumerate_words(parts)}.")
    return found


def _clause(difference: Difference) -> str:
    """One metric of the sentence: `its NLL is 0.067 nats lower (0.010 to 0.120)`."""
    word = "higher" if shown_sign(difference.interval) > 0 else "lower"
    return f"its {find_metric(difference.metric).label} is {_size(difference)} {word} ({_ends(difference)})"


def _unit(difference: Difference) -> str:
    unit = find_metric(difference.metric).unit
    return f" {unit}" if unit else ""


def _size(difference: Difference) -> str:
    metric = find_metric(difference.metric)
    return f"{number(metric.scale * abs(difference.interval.estimate), metric.decimals)}{_unit(difference)}"


def _ends(difference: Difference) -> str:
    """Ends of the interval without their common sign, smaller one first."""
    metric = find_metric(difference.metric)
    low, high = sorted((abs(difference.interval.low), abs(difference.interval.high)))
    return interval_words(low, high, metric.scale, metric.decimals)


def _signed(difference: Difference) -> str:
    metric = find_metric(difference.metric)
    return f"{number(metric.scale * difference.interval.estimate, metric.decimals)}{_unit(difference)}"


def _signed_ends(difference: Difference) -> str:
    metric = find_metric(difference.metric)
    return interval_words(difference.interval.low, difference.interval.high, metric.scale, metric.decimals)


def _start(text: str) -> str:
    return text[0].upper() + text[1:]
