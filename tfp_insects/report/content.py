"""Everything that the page shows, collected from the records."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from tfp_insects.compare.answers import answers_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.pair import Pair
from tfp_insects.metrics.metric_table import table_metrics
from tfp_insects.models.method_table import label_of
from tfp_insects.report import provenance, tables
from tfp_insects.report.answer import Answer, make_answer
from tfp_insects.report.calibration_pictures import histogram_picture, reliability_picture, risk_coverage_picture
from tfp_insects.report.class_pictures import class_picture, confusion_picture
from tfp_insects.report.gallery import Group, gallery_run, make_gallery
from tfp_insects.report.palette import size_colours
from tfp_insects.report.pictures import Picture
from tfp_insects.report.predicting_weights import predicting_words, read_predicting_weights
from tfp_insects.report.quality_pictures import better_words, curves_picture, seconds_picture, sizes_picture
from tfp_insects.report.study_2025 import Beside, study_beside
from tfp_insects.report.tables import Table
from tfp_insects.report.weight_pictures import chosen_weights_picture, loc_picture, scale_picture
from tfp_insects.report.weights import bayesian_runs
from tfp_insects.report.wording import images_a_class
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

DRAWN = "drawn insects, not photographs"
# Of the time of `make_content`, that for all metrics on all resamples; and of what is left of it, that for one of them.
FIGURES_SHARE, FIGURE_STEP = 0.6, 0.02
NUM_OTHER_PARTS = 9
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Images of one run, and which run it is."""

    run: str
    groups: Sequence[Group]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: Its anchor, and its part of the template.
        title: Its heading.
        pictures: Its pictures.
        tables: Its tables by name.
    """

    key: str
    title: str
    pictures: Sequence[Picture] = ()
    tables: dict[str, Table] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Content:
    """The whole page.

    Attributes:
        study: The runs.
        comparison: Their figures.
        pairs: The twin and each other model, the CNN first; empty without a twin.
        answer: Both questions in words.
        sections: Parts with pictures and tables, in order; what the records cannot fill is left out.
        gallery: Images.
        terms: Metrics and what they are.
        better: Which way is good.
        beside: The figures of the study of 2025 beside ours, where the runs are in its configuration.
        provenance: What the page was made from.
        notes: What a reader should know of the records.
        settings: The configuration of the run that the gallery shows.
    """

    study: RunSet
    comparison: Comparison
    pairs: Sequence[Pair]
    answer: Answer
    sections: Sequence[Section]
    gallery: Gallery
    terms: Sequence[tuple[str, str]]
    better: str
    beside: Beside | None
    provenance: Sequence[tuple[str, str]]
    notes: Sequence[str]
    settings: Sequence[tuple[str, str]]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures in the order of the page."""
        return [picture for section in self.sections for picture in section.pictures]


class _Progress:
    """Tells how much of the page's content is there.

    How often figures are computed depends on how many resamples fit into memory at once, so each takes a part of what is
    left.

    Args:
        on_share: See `make_content`.
    """

    def __init__(self, on_share: Callable[[float], object]) -> None:
        self._on_share = on_share
        self._figures_left = FIGURES_SHARE

    def of_figure(self) -> None:
        """A figure is computed."""
        self._on_share(FIGURE_STEP * self._figures_left)
        self._figures_left *= 1.0 - FIGURE_STEP

    def end_of_figures(self) -> None:
        """All are."""
        self._on_share(self._figures_left)
        self._figures_left = 0.0

    def of_part(self, part: T) -> T:
        """Another part is there, which is given back."""
        self._on_share((1.0 - FIGURES_SHARE) / NUM_OTHER_PARTS)
        return part


def make_content(study: RunSet, on_share: Callable[[float], object] = lambda share: None) -> Content:
    """Computes all figures and plans all pictures.

    Args:
        study: The runs.
        on_share: Called with the shares of this work that are done, one after the other; their sum is 1.

    Raises:
        InputError: A file of a run is cut off.
    """
    progress = _Progress(on_share)
    told = progress.of_part
    comparison = Comparison([answers_of(run) for run in study.runs], on_figure=progress.of_figure)
    pairs = _pairs(study, comparison)
    pair = next((one for one in pairs if (one.reference, one.model) == study.pair), None)
    figures = _quality_section(study, comparison, pair)  # All metrics on all resamples, which the others read.
    progress.end_of_figures()
    answer = told(make_answer(study, comparison, pair))
    run = gallery_run(study)
    sections = [
        figures,
        told(_learning_section(study)),
        told(_cost_section(study, comparison, pair, answer)),
        told(_trust_section(study)),
        told(_classes_section(study)),
        told(_ood_section(study, comparison)),
        told(_weights_section(study)),
    ]
    gallery = told(Gallery(_run_words(run), make_gallery(run)))
    beside = told(study_beside(study, comparison))
    return Content(
        study=study,
        comparison=comparison,
        pairs=pairs,
        answer=answer,
        sections=[_marked(section, study) for section in sections if section is not None],
        gallery=gallery,
        terms=[(metric.title, metric.description) for metric in table_metrics()],
        better=better_words(table_metrics()),
        beside=beside,
        provenance=provenance.provenance(study),
        notes=provenance.notes(study),
        settings=provenance.settings(run),
    )


def _pairs(study: RunSet, comparison: Comparison) -> list[Pair]:
    """The twin and each other model with which it shares a size and seed."""
    twin = study.twin
    others = [Pair(comparison, twin, model) for model in study.models if model != twin] if twin else []
    return [pair for pair in others if pair.sizes]


def _quality_section(study: RunSet, comparison: Comparison, pair: Pair | None) -> Section:
    found = {"figures": tables.figures_table(comparison), "more": tables.more_figures_table(comparison)}
    if pair is not None:
        found["differences"] = tables.differences_table(pair)
    return Section("quality", "Quality", [sizes_picture(study, comparison)] if len(study.sizes) > 1 else [], found)


def _learning_section(study: RunSet) -> Section | None:
    picture = curves_picture(study)
    return Section("learning", "Learning", [picture]) if picture else None


def _cost_section(study: RunSet, comparison: Comparison, pair: Pair | None, answer: Answer) -> Section:
    found = {"needed": tables.needed_table(pair, answer.needed)} if pair and answer.needed else {}
    picture = seconds_picture(study, comparison)
    title = "Data against time" if len(study.sizes) > 1 else "Time"
    return Section("cost", title, [picture] if picture else [], found)


def _trust_section(study: RunSet) -> Section:
    pictures = [reliability_picture(study), risk_coverage_picture(study)]
    return Section("trust", "Can the confidence be trusted?", pictures)


def _classes_section(study: RunSet) -> Section:
    return Section("classes", "Class by class", [class_picture(study), confusion_picture(study)])


def _ood_section(study: RunSet, comparison: Comparison) -> Section | None:
    table = tables.ood_table(comparison)
    if table is None:
        return None
    found = {
        (model, size): one.entropies
        for model in study.models
        for size in study.sizes_of(model)
        for one in reversed(comparison.answers(model, size))  # The smallest seed that was asked stays.
        if one.entropies is not None
    }
    largest = max(size for _, size in found)
    name = next(run.record["ood_data"] for run in study.runs if "ood_data" in run.record)
    picture = histogram_picture({model: one for (model, size), one in found.items() if size == largest}, largest, name)
    return Section("ood", "Images of no known class", [picture], {"ood": table})


def _weights_section(study: RunSet) -> Section | None:
    """Weights of one Bayesian model at its smallest and its largest size; None where no checkpoint holds posteriors."""
    runs = bayesian_runs(study)
    if not runs:
        return None
    layers = {run.n_per_class: read_predicting_weights(run) for run in runs}
    colours = size_colours(study.sizes)
    pictures = [chosen_weights_picture(layers, colours), loc_picture(layers, colours), scale_picture(layers, colours)]
    largest = runs[-1]
    which = predicting_words(largest, layers[largest.n_per_class])
    first = " The weights are those of the first fold's network." if study.num_folds else ""
    shown = f"Shown: {'; '.join(_run_words(run) for run in runs)}. {which}{first}"
    return Section(
        "weights",
        "The weights as distributions",
        [dataclasses.replace(one, caption=f"{one.caption} {shown}") for one in pictures],
        {"weights": tables.weights_table(layers)},
    )


def _marked(section: Section, study: RunSet) -> Section:
    """Says at every picture of drawn images that they are drawn."""
    if not study.is_drawn:
        return section
    pictures = [
        dataclasses.replace(one, title=f"{one.title} ({DRAWN})", caption=f"{one.caption} Data: {DRAWN}.")
        for one in section.pictures
    ]
    return dataclasses.replace(section, pictures=pictures)


def _run_words(run: Run) -> str:
    return f"{label_of(run.model)}, {images_a_class(run.n_per_class)}, seed {run.seed}"
