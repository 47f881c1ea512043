import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfp_insects.report.gallery import gallery_run, make_gallery
from tfp_insects.runs.reading import load_runs
from tfp_insects.runs.run import Run


def entropy(probabilities):
    return -(probabilities * np.log(probabilities)).sum(axis=-1)


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs")
    for model, size, seed in (("cnn", 40, 0), ("bnn", 5, 0), ("bnn", 10, 1), ("bnn", 10, 0)):
        make_run(workdir, model, size, seed)
    return gallery_run(load_runs(workdir))


def test_shows_the_bnn_of_most_images(run):
    assert (run.model, run.n_per_class, run.seed) == ("bnn", 10, 0)


def test_chooses_by_confidence_and_by_uncertainty(run):
    mean = run.probabilities.astype(np.float64).mean(axis=0)
    right = mean.argmax(axis=1) == run.labels
    aleatoric = entropy(run.probabilities.astype(np.float64)).mean(axis=0)
    scores = [
        np.where(right, mean.max(axis=1), -np.inf),
        np.where(right, -np.inf, mean.max(axis=1)),
        aleatoric,
        entropy(mean) - aleatoric,
    ]
    for group, score in zip(make_gallery(run), scores, strict=True):
        expected = [run.example_ids[i] for i in np.argsort(-score, kind="stable")[:4]]
        assert [card.example_id for card in group.cards] == expected


def test_a_card_tells_image_classes_and_draws(run):
    for group in make_gallery(run):
        for card in group.cards:
            index = run.example_ids.index(card.example_id)
            draws = run.probabilities[:, index].astype(np.float64)
            names = run.record["class_names"]
            assert card.true_class == names[run.labels[index]]
            assert card.predicted_class == names[draws.mean(axis=0).argmax()]
            assert [bar.is_true for bar in card.bars].count(True) == 1
            for bar in card.bars:
                values = draws[:, names.index(bar.class_name)]
                assert bar.mean == pytest.approx(values.mean())
                assert (bar.low, bar.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
            figures = dict(card.figures)
            total = entropy(draws.mean(axis=0))
            assert figures["aleatoric"] + figures["epistemic"] == pytest.approx(total)
            content = base64.b64decode(card.image.removeprefix("data:image/jpeg;base64,"))
            assert Image.open(io.BytesIO(content)).size == (40, 30)


def test_one_network_has_no_epistemic_group(make_run, tmp_path):
    make_run(tmp_path, "cnn", 5, 0)
    groups = make_gallery(gallery_run(load_runs(tmp_path)))
    assert [group.title for group in groups] == [
        "Most confident and right",
        "Most confident and wrong",
        "Most uncertain",
    ]
    bars = [bar for group in groups for card in group.cards for bar in card.bars]
    assert all(bar.low == bar.mean == bar.high for bar in bars)


def test_a_group_without_images_is_left_out():
    probabilities = np.tile([0.9, 0.1], (1, 6, 1))
    record = {"model": "cnn", "n_per_class": 5, "seed": 0, "class_names": ["a", "b"]}
    ids = tuple(map(str, range(6)))
    perfect = Run(Path("nowhere"), record, {}, [], probabilities, np.zeros(6, np.int64), ids)
    groups = make_gallery(perfect)
    assert [group.title for group in groups] == ["Most confident and right", "Most uncertain"]
    assert all(card.image == "" for group in groups for card in group.cards)
