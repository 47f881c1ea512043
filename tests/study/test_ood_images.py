import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data.source import ImageSource, fingerprint, select
from tfp_insects.data.verification import verify_images
from tfp_insects.errors import InputError
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.experiment import Experiment, make_experiment, open_ood_images, with_split_seed
from tfp_insects.study.recipe import Recipe


def make(source: ImageSource, config: RunConfig, ood_classes: str, ood: ImageSource | None = None) -> Experiment:
    config = config.replaced({"data.ood_classes": ood_classes})
    return make_experiment(source, "none", [4], config, Path("unused"), lambda line: None, ood)


def test_a_folder_is_opened(insects: ImageSource, tiny_config: RunConfig, tmp_path: Path) -> None:
    for i, name in enumerate(insects.example_ids[::7]):
        path = tmp_path / "things" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(insects.read(7 * i))
    found = open_ood_images(str(tmp_path / "things"), tiny_config.data, tmp_path)
    assert found is not None
    assert (found.name, found.example_ids) == ("things", insects.example_ids[::7])
    assert open_ood_images("", tiny_config.data, tmp_path) is None


def test_a_path_that_is_not_there_is_named(tiny_config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^ood_data=no/such\.zip: no such file or folder; expected a zip or folder"):
        open_ood_images("no/such.zip", tiny_config.data, tmp_path)


def test_classes_held_out_are_learnt_by_none_and_out_of_distribution_for_all(
    insects: ImageSource, tiny_config: RunConfig
) -> None:
    name = insects.class_names[1]
    experiment = make(insects, tiny_config, name)
    assert name not in experiment.class_names
    assert len(experiment.class_names) == 3
    examples = experiment.ood_examples()
    assert examples is not None
    assert {example_id.split("/")[0] for example_id in examples.source.example_ids} == {name}
    assert len(examples) == 14
    assert set(examples.labels) == {-1}
    assert experiment.ood is not None
    assert experiment.ood_fingerprint == fingerprint(experiment.ood)


def test_two_kinds_of_ood_images_are_refused(
    insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig
) -> None:
    with pytest.raises(InputError, match=r"^ood_data and data\.ood_classes both .* give one of them"):
        make(insects, tiny_config, insects.class_names[0], other_insects)


def test_images_that_are_of_known_classes_too_are_told(
    insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig
) -> None:
    said: list[str] = []
    known, other = verify_images(insects), verify_images(other_insects)
    both = dataclasses.replace(
        select(known, np.arange(3)), name="things", example_ids=("1.jpg", "2.jpg", "3.jpg"), notes=()
    )
    make_experiment(known, "none", [4], tiny_config, Path("unused"), said.append, both)
    assert said[0] == (
        f"3 images of 3 of unknown classes are in {known.name} too, so that nothing tells them from known ones: "
        "1.jpg, 2.jpg, 3.jpg."
    )
    said.clear()
    make_experiment(known, "none", [4], tiny_config, Path("unused"), said.append, other)
    assert not any("unknown" in line for line in said)


def test_without_them_there_are_none(tiny_experiment: Experiment) -> None:
    assert tiny_experiment.ood_examples() is None
    assert tiny_experiment.ood_fingerprint == ""


def test_another_split_seed_gives_the_split_of_a_new_experiment(
    insects: ImageSource, tiny_config: RunConfig, tiny_experiment: Experiment
) -> None:
    config = tiny_config.replaced({"data.split_seed": 3})
    expected = make_experiment(insects, "none", [4], config, Path("unused"), lambda line: None)
    found = with_split_seed(tiny_experiment, 3, [4])
    assert found.identity() == expected.identity()
    assert not np.array_equal(found.split.test, tiny_experiment.split.test)
    assert dataclasses.replace(found, config=None, split=None) == dataclasses.replace(
        tiny_experiment, config=None, split=None
    )


def test_other_processes_have_the_same_ood_images(
    insects: ImageSource, other_insects: ImageSource, tiny_config: RunConfig, tmp_path: Path
) -> None:
    paths = []
    for source in (insects, other_insects):
        paths.append(tmp_path / f"{source.name}.zip")
        with zipfile.ZipFile(paths[-1], "w") as archive:
            for i, name in enumerate(source.example_ids):
                archive.writestr(name, source.read(i))
    data, ood_data = map(str, paths)
    made = Recipe(data, "none", [4], tiny_config, tmp_path, ood_data=ood_data).make()
    assert made.ood is not None
    assert made.ood.example_ids == other_insects.example_ids
    assert made.ood_fingerprint == fingerprint(other_insects)
