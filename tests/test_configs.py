import json
import runpy
from pathlib import Path
from typing import Any

import pytest

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.py"))


def load(name: str) -> Any:
    return runpy.run_path(str(CONFIGS / f"{name}.py"))["get_config"]()


@pytest.mark.parametrize("name", NAMES)
def test_every_config_has_the_fields_of_the_study_in_plain_values(name: str) -> None:
    def fields(value: Any) -> Any:
        return {key: fields(child) for key, child in value.items()} if isinstance(value, dict) else None

    config = load(name).to_dict()
    assert fields(config) == fields(load("study").to_dict())
    assert json.loads(json.dumps(config)) == config


def test_baselines_follow_the_cnn_until_they_are_set() -> None:
    config = load("study")
    config.cnn.learning_rate = 0.125
    config.cnn.learning_rate_multipliers.head = 3.0
    config.bnn.kl_weight = 0.5
    config.mc_dropout.learning_rate_multipliers.head = 4.0
    config.ensemble.learning_rate = 0.25
    found = config.to_dict()
    assert found["cnn"]["learning_rate"] == found["cnn_l2sp"]["learning_rate"] == 0.125
    assert found["mc_dropout"]["learning_rate"] == 0.125
    assert found["ensemble"]["learning_rate"] == 0.25
    assert [found[name]["learning_rate_multipliers"]["head"] for name in ("cnn", "cnn_l2sp", "mc_dropout")] == [
        3.0,
        3.0,
        4.0,
    ]
    assert found["cnn_l2sp"]["kl_weight"] == 0.5
    assert found["cnn_l2sp"]["dropout"] == 0.0


def test_the_study_of_2025_is_as_its_authors_describe_it() -> None:
    config = load("study_2025").to_dict()
    bnn, cnn, training = config["bnn"], config["cnn"], config["training"]
    assert config["model"]["image_size"] == 227
    assert config["model"]["freeze_features"]
    assert config["augmentation"] == {"flip": False, "shift": 0.0}
    assert (training["epochs"], training["batch_size"], training["momentum"]) == (50, 128, 0.9)
    assert (cnn["use_pretrained"], cnn["learning_rate"]) == (True, 1e-3)
    assert (bnn["use_pretrained"], bnn["learning_rate"], bnn["layers"]) == (False, 1e-4, "all")
    assert (bnn["kl_weight"], bnn["kl_annealing_epochs"]) == (5e-4, 50.0)
    for part in ("hidden_from_scratch", "head"):
        assert (bnn[part]["prior"]["kind"], bnn[part]["prior"]["scale"]) == ("normal", 0.1)
    assert config["prediction"]["monte_carlo"]["num_samples"] == 10
    assert set(cnn["learning_rate_multipliers"].values()) == set(bnn["learning_rate_multipliers"].values()) == {1.0}
