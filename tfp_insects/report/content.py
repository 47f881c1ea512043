"""Everything that the page shows, collected from the records."""

import dataclasses
from collections.abc import Sequence

from tfp_insects.compare.ood import entropies, ood_figures
from tfp_insects.compare.quality import Quality
from tfp_insects.models.method_table import label_of
from tfp_insects.report import provenance, tables
from tfp_insects.report.answer import Answer, make_answer
from tfp_insects.report.calibration_pictures import histogram_picture, reliability_picture, risk_coverage_picture
from tfp_insects.report.class_pictures import class_picture, confusion_picture
from tfp_insects.report.gallery import Group, gallery_run, make_gallery
from tfp_insects.report.palette import size_colours
from tfp_insects.report.pictures import Picture
from tfp_insects.report.quality_pictures import curves_picture, seconds_picture, sizes_picture
from tfp_insects.report.sentences import find_twins
from tfp_insects.report.study_2025 import REASONS, Row, comparison_rows, describe_test_sets
from tfp_insects.report.tables import Table
from tfp_insects.report.weight_pictures import chosen_weights_picture, loc_picture, scale_picture
from tfp_insects.report.weights import bayesian_runs, read_weights
from tfp_insects.report.wording import images_a_class
from tfp_insects.runs.run_set import Run, Study

DRAWN = "drawn insects, not photographs"


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
        quality: Their figures.
        answer: Both questions in words.
        sections: Parts with pictures and tables, in order; what the records cannot fill is left out.
        gallery: Images.
        comparison: The study's own figures beside ours.
        test_sets: What the two test sets are.
        reasons: Why the figures differ.
        provenance: What the page was made from.
        notes: What a reader should know of the records.
        settings: The configuration of the run that the gallery shows.
    """

    study: Study
    quality: Quality
    answer: Answer
    sections: Sequence[Section]
    gallery: Gallery
    comparison: Sequence[Row]
    test_sets: str
    reasons: Sequence[str]
    provenance: Sequence[tuple[str, str]]
    notes: Sequence[str]
    settings: Sequence[tuple[str, str]]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures in the order of the page."""
        return [picture for section in self.sections for picture in section.pictures]


def make_content(study: Study) -> Content:
    """Computes all figures and plans all pictures.

    Raises:
        InputError: A file of a run is cut off.
    """
    quality = Quality(study)
    answer = make_answer(study, quality)
    run = gallery_run(study)
    sections = [
        _quality_section(study, quality),
        _learning_section(study),
        _cost_section(study, quality, answer),
        Section("trust", "Can the confidence be trusted?", [reliability_picture(study), risk_coverage_picture(study)]),
        Section("classes", "Class by class", [class_picture(study), confusion_picture(study)]),
        _ood_section(study),
        _weights_section(study),
    ]
    return Content(
        study=study,
        quality=quality,
        answer=answer,
        sections=[_marked(section, study) for section in sections if section is not None],
        gallery=Gallery(_run_words(run), make_gallery(run)),
        comparison=comparison_rows(study, quality),
        test_sets=describe_test_sets(study),
        reasons=REASONS,
        provenance=provenance.provenance(study),
        notes=provenance.notes(study),
        settings=provenance.settings(run),
    )


def _quality_section(study: Study, quality: Quality) -> Section:
    twins = find_twins(study)
    found = {"figures": tables.figures_table(study, quality)}
    if twins is not None:
        found["differences"] = tables.differences_table(twins, quality)
    return Section("quality", "Quality", [sizes_picture(study, quality)], found)


def _learning_section(study: Study) -> Section | None:
    picture = curves_picture(study)
    return Section("learning", "Learning", [picture]) if picture else None


def _cost_section(study: Study, quality: Quality, answer: Answer) -> Section:
    twins = find_twins(study)
    found = {"needed": tables.needed_table(twins, answer.needed)} if twins and answer.needed else {}
    return Section("cost", "Data against time", [seconds_picture(study, quality)], found)


def _ood_section(study: Study) -> Section | None:
    figures = ood_figures(study)
    if not figures:
        return None
    largest = max(figure.n_per_class for figure in figures)
    name = next(run.record["ood_data"] for run in study.runs if "ood_data" in run.record)
    picture = histogram_picture(entropies(study, largest), largest, name)
    return Section("ood", "Images of no known class", [picture], {"ood": tables.ood_table(figures)})


def _weights_section(study: Study) -> Section | None:
    """Weights of one Bayesian model at its smallest and its largest size; None where no checkpoint holds posteriors."""
    runs = bayesian_runs(study)
    if not runs:
        return None
    layers = {run.n_per_class: read_weights(run) for run in runs}
    colours = size_colours(study.sizes)
    pictures = [chosen_weights_picture(layers, colours), loc_picture(layers, colours), scale_picture(layers, colours)]
    shown = f"Shown: {'; '.join(_run_words(run) for run in runs)}."
    return Section(
        "weights",
        "The weights as distributions",
        [dataclasses.replace(one, caption=f"{one.caption} {shown}") for one in pictures],
        {"weights": tables.weights_table(layers)},
    )


def _marked(section: Section, study: Study) -> Section:
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
