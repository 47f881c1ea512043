"""Which weights a run starts from."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from tfp_insects.data.painted.source import drawing_version, pretraining_source
from tfp_insects.data.painted.species_pretraining import PRETRAINING_SPECIES
from tfp_insects.data.pipeline import (
    Augmentation,
    Examples,
    Preprocessing,
    TrainingPipeline,
)
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Architecture, NetworkSpec
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.config import DEFAULT_ARCHITECTURE
from tfp_insects.models.initial_weights import weights_of
from tfp_insects.models.method_table import find_method
from tfp_insects.models.normalisation import settle_normalisations
from tfp_insects.models.pretrained_files import load_pretrained, save_weights, weights_fingerprint
from tfp_insects.plain import to_plain
from tfp_insects.progress.work import OnWork, Part, ignore_work
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.work import FIRST_STEP_SECONDS, PRETRAINING, network_key, step_guess
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step
from tfp_insects.training.schedules import cosine_learning_rate

PRETRAINING_SEED = 0
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """Weights to start from.

    Attributes:
        name: What records call them.
        weights: float32 arrays in Keras layout, or none.
    """

    name: str
    weights: Mapping[str, np.ndarray] | None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights; empty without weights."""
        return weights_fingerprint(self.weights) if self.weights else ""


def resolve_weights(
    spec: str, is_drawn: bool, config: RunConfig, cache_dir: Path, say: Say, on_work: OnWork = ignore_work
) -> Pretrained:
    """Finds the weights that `--weights` names.

    Args:
        spec: `imagenet`, `none`, a path, or `auto`: the design's own if they fit the width and can be had; else, on
            drawn images, weights pretrained on drawn classes that the study does not use; else none.
        is_drawn: Whether the study's images are drawn.
        config: Of the study.
        cache_dir: Where weights are kept.
        say: Tells the user in one line.
        on_work: Told of drawn images and of steps of pretraining.
    """
    if spec == "none":
        return Pretrained("none", None)
    architecture = architecture_of(config)
    if spec == "imagenet":
        return _published(config, cache_dir)
    if spec != "auto":
        path = Path(spec).expanduser()
        return Pretrained(path.name, load_pretrained(path, architecture))
    return _resolve_auto(is_drawn, config, cache_dir, say, on_work)


def require_readable_weights(spec: str, config: RunConfig) -> None:
    """Raises `InputError` for a path whose weights cannot be read; what would be downloaded or trained is not looked at."""
    if spec not in ("auto", "imagenet", "none"):
        load_pretrained(Path(spec).expanduser(), architecture_of(config))


def pretraining_work(spec: str, is_drawn: bool, config: RunConfig, cache_dir: Path) -> list[Part]:
    """What pretraining may have to do before the first run; nothing where its weights are in the cache."""
    if spec != "auto" or not is_drawn or _drawn_weights_path(config, cache_dir).exists():
        return []
    settings = config.pretraining
    num_images = settings.num_per_class * len(PRETRAINING_SPECIES)
    num_steps = settings.epochs * -(-num_images // config.training.batch_size)
    key, guess = f"pretraining {network_key(find_method('cnn'), config)}", step_guess(config.training.batch_size)
    return [Part(PRETRAINING, num_steps, key, guess, f"first {key}", FIRST_STEP_SECONDS)]


def will_be_pretrained(spec: str, is_drawn: bool, config: RunConfig) -> bool:
    """Whether networks will start at weights from elsewhere, as far as can be said without looking for them."""
    return spec != "none" and (spec != "auto" or is_drawn or config.model.width_multiplier == 1.0)


def _resolve_auto(is_drawn: bool, config: RunConfig, cache_dir: Path, say: Say, on_work: OnWork) -> Pretrained:
    try:
        return _published(config, cache_dir)
    except InputError as error:
        if config.model.width_multiplier == 1.0:
            say(f"Pretrained weights are not to be had: {error}")
    if is_drawn:
        say("Weights: pretrained on drawn classes that the study does not use.")
        return Pretrained("synthetic_pretraining", _drawn_weights(config, cache_dir, on_work))
    say("Weights: none. Both twins start at random; expect a low accuracy from few images.")
    return Pretrained("none", None)


def _published(config: RunConfig, cache_dir: Path) -> Pretrained:
    architecture = architecture_of(config)
    weights = architecture.published_weights(cache_dir, config.model.width_multiplier)
    return Pretrained(architecture.published_name, weights)


def _drawn_weights_path(config: RunConfig, cache_dir: Path) -> Path:
    settings = [_pretraining_settings(config), drawing_version()]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir / f"synthetic_pretraining-{key}.npz"


def _drawn_weights(config: RunConfig, cache_dir: Path, on_work: OnWork) -> dict[str, np.ndarray]:
    """Weights of a CNN trained on drawn pretraining classes; trained once, then read from the cache."""
    path = _drawn_weights_path(config, cache_dir)
    if not path.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        save_weights(path, _pretrain(architecture_of(config), _pretraining_settings(config), cache_dir, on_work))
    return load_pretrained(path, architecture_of(config))


def _pretraining_settings(config: RunConfig) -> dict[str, Any]:
    """All fields that pretraining uses, which make the name of its file in the cache."""
    name = config.model.architecture
    return {
        # Files of the time when it could be no other keep their names.
        **({} if name == DEFAULT_ARCHITECTURE else {"architecture": name}),
        **{name: getattr(config.model, name) for name in ("image_size", "width_multiplier", "precision")},
        **{name: getattr(config.training, name) for name in ("batch_size", "momentum")},
        **to_plain(config.pretraining),
        "augmentation": to_plain(config.augmentation),
    }


def _pretrain(
    architecture: Architecture, settings: Mapping[str, Any], cache_dir: Path, on_work: OnWork
) -> dict[str, np.ndarray]:
    source = pretraining_source(settings["num_per_class"], PRETRAINING_SEED, cache_dir, on_work)
    examples = Examples(source, np.arange(len(source.labels)), source.labels)
    image_size = settings["image_size"]
    spec = NetworkSpec(
        architecture, len(source.class_names), image_size, settings["width_multiplier"], settings["precision"]
    )
    model = build_cnn(spec, PRETRAINING_SEED, settings["dropout"])
    augmentation = Augmentation(**settings["augmentation"])
    pipeline = TrainingPipeline(
        examples,
        Preprocessing(image_size, *architecture.input_statistics),
        augmentation,
        settings["batch_size"],
        PRETRAINING_SEED,
        cache_dir,
        on_work,
    )
    _train(model, pipeline, settings, on_work)
    settle_normalisations(model, (images for images, _ in pipeline.epoch(0)))
    return weights_of(model)


def _train(model: tf_keras.Model, pipeline: TrainingPipeline, settings: Mapping[str, Any], on_work: OnWork) -> None:
    optimiser = make_optimiser(settings["momentum"], settings["precision"])
    train_step = make_train_step(model, optimiser, LayerMultipliers())
    num_steps = settings["epochs"] * pipeline.steps_per_epoch
    for epoch in range(settings["epochs"]):
        for i, (images, labels) in enumerate(pipeline.epoch(epoch)):
            step = epoch * pipeline.steps_per_epoch + i
            optimiser.learning_rate = cosine_learning_rate(
                settings["learning_rate"], step, num_steps, warmup_steps=pipeline.steps_per_epoch
            )
            nll, _ = train_step(images, labels)
            on_work(PRETRAINING)
    if not np.isfinite(float(nll)):
        raise InputError("pretraining diverged: lower its learning rate", field="pretraining.learning_rate")
