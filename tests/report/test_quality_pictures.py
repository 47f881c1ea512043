import numpy as np
import pytest

from tfp_insects.compare.answers import answers_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.metrics.metric_table import find_metric, table_metrics
from tfp_insects.report.log_axis import log_ticks, seconds_limits
from tfp_insects.report.quality_pictures import better_words, seconds_picture
from tfp_insects.runs.reading import load_runs


def test_runs_are_followed_at_the_largest_size_that_all_models_have(make_run, tmp_path):
    for model, size in (("cnn", 5), ("cnn", 10), ("cnn", 40), ("bnn", 5), ("bnn", 10)):
        make_run(tmp_path, model, size, num_examples=40)
    study = load_runs(tmp_path)
    panel = seconds_picture(study, Comparison([answers_of(run) for run in study.runs])).panels[-1]
    assert panel.title == "Within one run: 10 images a class"
    assert [(run.model, run.n_per_class) for run in panel.draw.keywords["runs"]] == [("cnn", 10), ("bnn", 10)]


def test_models_without_a_common_size_are_not_followed(make_run, tmp_path):
    make_run(tmp_path, "cnn", 5, num_examples=40)
    make_run(tmp_path, "bnn", 10, num_examples=40)
    study = load_runs(tmp_path)
    picture = seconds_picture(study, Comparison([answers_of(run) for run in study.runs]))
    assert len(picture.panels) == 3
    assert "last panel" not in picture.caption


def test_words_tell_which_way_is_good():
    assert better_words(table_metrics()) == (
        "Higher is better for accuracy and coverage at 5 % risk, lower for NLL, Brier score, ECE and AURC."
    )
    assert better_words([find_metric("nll")]) == "Lower is better for NLL."


@pytest.mark.parametrize(
    ("low", "high"), [(35.5, 37.8), (12.0, 12.0), (0.31, 0.9), (3.0, 95.0), (8.0, 4000.0), (1.0, 1e5)]
)
def test_an_axis_of_times_has_numbers_and_room_whatever_the_times(low, high):
    left, right = seconds_limits(low, high)
    assert left <= low / 1.19
    assert right >= high * 1.19
    ticks = log_ticks(left, right)
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(ticks)
    assert left <= ticks[0] < ticks[-1] <= right


def test_times_that_are_alike_stand_near_each_other():
    left, right = seconds_limits(35.5, 37.8)
    places = [np.log(value / left) / np.log(right / left) for value in (35.5, 37.8)]
    assert places[1] - places[0] < 0.05
    assert 0.4 < np.mean(places) < 0.6


def test_one_size_has_no_picture_against_sizes(make_run, tmp_path):
    for model in ("cnn", "bnn"):
        make_run(tmp_path, model, 5, num_examples=40)
    study = load_runs(tmp_path)
    picture = seconds_picture(study, Comparison([answers_of(run) for run in study.runs]))
    assert [panel.title for panel in picture.panels] == ["Within one run: 5 images a class"]
