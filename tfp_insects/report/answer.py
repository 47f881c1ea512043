"""The answer that opens the page: both questions in a few sentences."""

import dataclasses
from collections.abc import Sequence

from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.learning_curve import Doubling, ImagesNeeded, images_needed, next_doubling
from tfp_insects.compare.pair import Pair
from tfp_insects.report.caveats import caveats, no_twins_sentence, single_sentence
from tfp_insects.report.sentences import (
    doubling_sentence,
    images_sentence,
    quality_sentence,
    quality_summary,
    time_sentence,
    time_summary,
)
from tfp_insects.report.verdict_words import Verdict, make_verdict
from tfp_insects.runs.run_set import RunSet


@dataclasses.dataclass(frozen=True)
class Answer:
    """Sentences, most important first.

    Attributes:
        quality: The first question: what is the difference in quality?
        cost: The second: how do the twins trade data against time? Empty without both twins.
        sizes: How the twins differ at each size, where there are several.
        needed: Images that the second twin needs; empty where that cannot be said.
        caveats: What the intervals hold.
        verdict: What to use; none without both twins.
    """

    quality: Sequence[str]
    cost: Sequence[str]
    sizes: Sequence[str]
    needed: Sequence[ImagesNeeded]
    caveats: Sequence[str]
    verdict: Verdict | None = None


def make_answer(study: RunSet, comparison: Comparison, pair: Pair | None) -> Answer:
    """Puts the figures into words.

    Args:
        study: The runs.
        comparison: Their figures.
        pair: The twins; none where they were not run at a common size and seed.

    Raises:
        InputError: A file of predictions cannot be read.
    """
    doublings = [found for model in study.models if (found := next_doubling(comparison, model)) is not None]
    if pair is None:
        lines = [single_sentence(comparison, model, study.sizes_of(model)[-1]) for model in study.models]
        return Answer([no_twins_sentence(study), *lines], _doubling_lines(doublings), [], [], caveats(study))
    several = len(pair.sizes) > 1
    needed = images_needed(comparison, pair)
    lines = [*quality_summary(pair), *([quality_sentence(pair, pair.sizes[-1])] if several else [])]
    return Answer(
        quality=lines,
        cost=[*_cost_lines(pair, needed), *_doubling_lines(doublings)],
        sizes=[quality_sentence(pair, size) for size in pair.sizes] if several else [],
        needed=needed,
        caveats=caveats(study),
        verdict=make_verdict(study, comparison, pair),
    )


def _cost_lines(pair: Pair, needed: Sequence[ImagesNeeded]) -> list[str]:
    lines = [time_summary(pair), time_sentence(pair, pair.sizes[-1])]
    within = [one for one in needed if one.smallest < one.needed.estimate < one.largest]
    return [*lines, *([images_sentence(pair, within[-1])] if within else [])]


def _doubling_lines(doublings: Sequence[Doubling]) -> list[str]:
    """One sentence for all models of one largest size."""
    sizes = sorted({one.n_per_class for one in doublings})
    return [doubling_sentence([one for one in doublings if one.n_per_class == size]) for size in sizes]
