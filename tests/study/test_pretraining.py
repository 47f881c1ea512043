from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.models.architecture import Architecture, NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.runs.config import RunConfig
from tfp_insects.study import pretraining as pretrained
from tfp_insects.study.pretraining import resolve_weights


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each pretraining was given; none is done."""
    layers = [
        layer for layer in build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=0).layers if hasattr(layer, "kernel")
    ]
    weights = {f"{one.name}/{kind}": getattr(one, kind).numpy() for one in layers for kind in ("kernel", "bias")}
    given: list[dict[str, Any]] = []

    def pretrain(architecture: Architecture, settings: dict[str, Any], *_: Any) -> dict[str, np.ndarray]:
        given.append(settings)
        return weights

    monkeypatch.setattr(pretrained, "_pretrain", pretrain)
    return given


def changed(config: RunConfig, section: str, **fields: Any) -> RunConfig:
    return config.replaced({f"{section}.{name}": value for name, value in fields.items()})


def test_pretraining_is_done_once_for_all_that_it_depends_on(
    trained: list[dict[str, Any]], tiny_config: RunConfig, tmp_path: Path
) -> None:
    config = tiny_config
    same = [
        config,
        changed(config, "model", freeze_features=False, max_feature_cache_megabytes=1),
        changed(config, "training", epochs=7, num_validation_samples=9),
        changed(config, "cnn", dropout=0.25),
    ]
    others = [
        changed(config, "model", image_size=64),
        changed(config, "model", precision="mixed_bfloat16"),
        changed(config, "augmentation", flip=True),
        changed(config, "training", batch_size=9),
        changed(config, "training", momentum=0.5),
        changed(config, "pretraining", learning_rate=0.5),
    ]
    for one in same:
        assert resolve_weights("auto", True, one, tmp_path, lambda line: None).name == "synthetic_pretraining"
    assert len(trained) == 1
    for one in others * 2:
        resolve_weights("auto", True, one, tmp_path, lambda line: None)
    assert len(trained) == 1 + len(others)
