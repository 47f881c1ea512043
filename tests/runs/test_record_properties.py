"""A run's files with anything in place of a value: read, or an error of our own."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.properties import properties
from hypothesis import given
from hypothesis import strategies as st

from tfp_insects.errors import InputError
from tfp_insects.runs.reading import load_run, load_runs

numbers = st.integers() | st.floats() | st.sampled_from([10**400, 2**63])
leaf = st.none() | st.booleans() | numbers | st.text(st.characters(), max_size=5)  # also half characters
value = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
NAMES = ("record.json", "config.json")


@pytest.fixture(scope="module")
def directory(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs"), "bnn", 5, 0, has_ood=True, num_examples=8, has_images=False)


@pytest.fixture(scope="module")
def pristine(directory: Path) -> dict[str, str]:
    return {name: (directory / name).read_text() for name in NAMES}


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The path to each value within nested ones."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in items for found in ((*path, key), *places(one, (*path, key)))]


def put(whole: Any, path: tuple, new: Any) -> None:
    *outer, last = path
    for key in outer:
        whole = whole[key]
    whole[last] = new


def look(directory: Path) -> None:
    """Asks a run for all that a report and an export ask it for."""
    run = load_run(directory)
    _ = (run.settings, run.preprocessing, run.class_names, run.num_networks, run.num_last_layer_samples, run.ood)
    _ = (run.histories, run.is_pretrained, run.train_seconds, run.seconds_to_best_epoch, run.prediction_method)
    json.dumps([run.config, run.record], allow_nan=False, ensure_ascii=False).encode(errors="surrogateescape")


def read_or_refused(directory: Path) -> None:
    for reading in (look, lambda directory: load_runs(directory.parent, [0])):
        with contextlib.suppress(InputError):
            reading(directory)


@properties
@given(st.data())
def test_any_value_in_place_of_one(directory: Path, pristine: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    whole = json.loads(pristine[name])
    put(whole, data.draw(st.sampled_from(places(whole))), data.draw(value))
    (directory / name).write_text(json.dumps(whole))
    try:
        read_or_refused(directory)
    finally:
        (directory / name).write_text(pristine[name])


@properties
@given(st.sampled_from(NAMES), st.floats(0, 1))
def test_a_file_that_is_cut_off(directory: Path, pristine: dict[str, str], name: str, share: float) -> None:
    (directory / name).write_text(pristine[name][: int(share * len(pristine[name]))])
    try:
        read_or_refused(directory)
    finally:
        (directory / name).write_text(pristine[name])
