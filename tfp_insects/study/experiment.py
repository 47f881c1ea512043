"""What all runs of one command share: images, split, pretrained weights and configuration."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_insects.data.changes import list_images
from tfp_insects.data.config import DataConfig
from tfp_insects.data.dealing import LEAST_FOLDS
from tfp_insects.data.folds import make_folds
from tfp_insects.data.held_out import hold_out_classes
from tfp_insects.data.opening import open_source
from tfp_insects.data.pipeline import Examples, Preprocessing, channel_statistics
from tfp_insects.data.source import ImageSource, fingerprint
from tfp_insects.data.split import Split, make_split, split_to_json, training_subset
from tfp_insects.data.verification import describe_overlap, verify_images
from tfp_insects.data.verified import Verified, take_verified
from tfp_insects.errors import InputError
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey
from tfp_insects.startup import use_deterministic_operations
from tfp_insects.study.kept_features import KeptFeatures
from tfp_insects.study.limits import require_within_limits
from tfp_insects.study.pretraining import Pretrained, resolve_weights
from tfp_insects.training.replicas import Replicas

MIN_DRAWN_PER_CLASS = 500  # So that commands for fewer images draw the same data set.
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What all runs of one command share.

    Attributes:
        source: All images.
        data_fingerprint: SHA-256 over them.
        split: Test and validation examples, and the pool for training.
        pretrained: Weights to start from, and their name.
        config: Its precision is resolved.
        ood: Images of no class of the source, or none.
        ood_fingerprint: SHA-256 over them; empty without.
        replicas: The devices that train; none for one alone. How, not what: it is no part of `identity`.
        kept_features: Where features of frozen layers are kept for other runs, if anywhere; no part of it either.
    """

    source: ImageSource
    data_fingerprint: str
    split: Split
    pretrained: Pretrained
    config: RunConfig
    ood: ImageSource | None = None
    ood_fingerprint: str = ""
    replicas: Replicas | None = None
    kept_features: KeptFeatures | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes kept."""
        return self.split.class_names

    def for_key(self, key: RunKey) -> "Experiment":
        """The same for one run, on the split of its fold.

        Raises:
            InputError: There are folds, but the run is of none of them.
        """
        if key.fold is None and self.split.folds:
            raise InputError(
                f"data.folds={len(self.split.folds)}: runs that stand for themselves have one split, not folds; set it to 0",
                field="data.folds",
            )
        return dataclasses.replace(self, split=self.split.of_fold(key.fold))

    def examples(self, indices: np.ndarray) -> Examples:
        """The given examples of the source, with their labels among the classes kept."""
        return Examples(self.source, indices, self.split.labels[indices])

    def ood_examples(self) -> Examples | None:
        """All out-of-distribution images, labelled -1."""
        if self.ood is None:
            return None
        count = len(self.ood.example_ids)
        return Examples(self.ood, np.arange(count), np.full(count, -1, np.int32))

    def training_examples(self, n_per_class: int, seed: int) -> Examples:
        """A nested, seeded subset of the pool."""
        return self.examples(training_subset(self.split, n_per_class, seed))

    def preprocessing(self, training: Examples) -> Preprocessing:
        """Resizing and normalisation: the statistics that belong to pretrained weights, else those of the training images."""
        size, architecture = self.config.model.image_size, architecture_of(self.config)
        if self.pretrained.weights or architecture.normalises_itself:
            return Preprocessing(size, *architecture.input_statistics)
        return Preprocessing(size, *channel_statistics(training, size))

    def split_record(self) -> dict[str, Any]:
        """The split in plain values, by example id."""
        return split_to_json(self.source, self.split)

    def split_file(self) -> dict[str, Any]:
        """The split with the digest of each image, by which a later command tells what has changed."""
        return {**self.split_record(), "images": list_images(self.source)}

    def identity(self) -> dict[str, Any]:
        """What a finished run must agree on to be skipped; plain values."""
        config = self.config.to_plain()
        # This field only decides which classes are kept, and those are in the split.
        config["data"].pop("max_n_per_class", None)
        split = json.dumps(self.split_record(), sort_keys=True)
        return {
            "data": self.source.name,
            "data_fingerprint": self.data_fingerprint,
            "drawn": self.source.drawn,
            "split_fingerprint": hashlib.sha256(split.encode()).hexdigest(),
            "class_names": list(self.class_names),
            "architecture_fingerprint": architecture_of(self.config).fingerprint,
            "weights": self.pretrained.name,
            "weights_fingerprint": self.pretrained.fingerprint,
            "config": config,
        }


def open_images(
    spec: str,
    sizes: Sequence[int],
    data_config: DataConfig,
    cache_dir: Path,
    data_dir: Path | None,
    on_work: OnWork = ignore_work,
    verified: Verified | None = None,
) -> ImageSource:
    """Opens the images that `data` names and decodes each once, so that a bad one is found before any training.

    Those that another process has verified are taken without a look.
    """
    num_drawn = _num_drawn(max(MIN_DRAWN_PER_CLASS, *sizes), data_config)
    source = open_source(spec, cache_dir, num_synthetic_per_class=num_drawn, data_dir=data_dir, on_work=on_work)
    return _verified(source, data_config, on_work, verified)


def _verified(source: ImageSource, data_config: DataConfig, on_work: OnWork, verified: Verified | None) -> ImageSource:
    if verified is not None:
        return take_verified(source, verified)
    return verify_images(source, data_config.on_bad_image, on_work)


def _num_drawn(num_training: int, data_config: DataConfig) -> int:
    """How many images of each class are drawn, so that so many are left for training."""
    num_folds = data_config.folds
    if num_folds >= LEAST_FOLDS:
        return num_folds * -(-num_training // (num_folds - 2))
    return num_training + data_config.num_test_per_class + data_config.num_validation_per_class


def open_ood_images(
    spec: str,
    data_config: DataConfig,
    cache_dir: Path,
    on_work: OnWork = ignore_work,
    verified: Verified | None = None,
) -> ImageSource | None:
    """Opens the zip or folder that `ood_data` names, in the same way; none if nothing is named."""
    if not spec:
        return None
    if not Path(spec).expanduser().exists():
        raise InputError(
            f"ood_data={spec}: no such file or folder; expected a zip or folder of images",
            field="ood_data",
        )
    source = open_source(spec, cache_dir, num_synthetic_per_class=MIN_DRAWN_PER_CLASS, needs_classes=False)
    return _verified(source, data_config, on_work, verified)


def make_experiment(
    source: ImageSource,
    weights: str,
    sizes: Sequence[int],
    config: RunConfig,
    cache_dir: Path,
    say: Say,
    ood: ImageSource | None = None,
    on_work: OnWork = ignore_work,
) -> Experiment:
    """Splits the images and finds the weights to start from.

    Args:
        source: All images, verified.
        weights: `auto`, `imagenet`, `none` or a path.
        sizes: Numbers of training images of each class that will be asked for.
        config: Its precision is resolved.
        cache_dir: Where downloaded and pretrained weights are kept.
        say: Tells the user in one line.
        ood: Images of other things, verified; `data.ood_classes` names classes of the source instead.
        on_work: Told of pretraining.

    Raises:
        InputError: A number of the configuration, the weights or the images cannot be used; the message names them.
    """
    require_within_limits(config.to_plain())
    architecture_of(config).require_image_size(config.model.image_size)
    if config.training.deterministic:
        use_deterministic_operations()  # Before anything is trained, pretrained weights too.
    source, ood, split = split_images(source, ood, sizes, config.data, say)
    pretrained = resolve_weights(weights, source.drawn, config, cache_dir, say, on_work)
    ood_fingerprint = fingerprint(ood) if ood else ""
    return Experiment(source, fingerprint(source), split, pretrained, config, ood, ood_fingerprint)


def split_images(
    source: ImageSource, ood: ImageSource | None, sizes: Sequence[int], data_config: DataConfig, say: Say
) -> tuple[ImageSource, ImageSource | None, Split]:
    """The images of classes to learn, out-of-distribution ones, and the split of the first; arguments as above."""
    source, ood = _apart(source, ood, data_config.ood_classes)
    split = _split(source, sizes, data_config)
    if split.folds:
        say(_describe_folds(source, len(split.folds)))
    for name, count in split.dropped.items():
        say(f"Class {name} is left out: {count} images are left for training, fewer than asked for.")
    if ood is not None and (overlap := describe_overlap(source, ood)):
        say(overlap)
    return source, ood, split


def _describe_folds(source: ImageSource, num_folds: int) -> str:
    given = "" if source.parts is None else ", nor does the split that the images come with"
    return (
        f"Cross-validation in {num_folds} folds: each image is tested once, by a network that neither trained on it nor "
        f"chose its epoch by it. data.num_test_per_class and data.num_validation_per_class do not count{given}."
    )


def with_split_seed(experiment: Experiment, split_seed: int, sizes: Sequence[int]) -> Experiment:
    """The same experiment on another split."""
    data = dataclasses.replace(experiment.config.data, split_seed=split_seed)
    split = _split(experiment.source, sizes, data)
    return dataclasses.replace(experiment, split=split, config=dataclasses.replace(experiment.config, data=data))


def _apart(source: ImageSource, ood: ImageSource | None, ood_classes: str) -> tuple[ImageSource, ImageSource | None]:
    """Images of classes to learn, and out-of-distribution ones."""
    if not ood_classes:
        return source, ood
    if ood is not None:
        raise InputError(
            "ood_data and data.ood_classes both name out-of-distribution images; give one of them",
            field=("ood_data", "data.ood_classes"),
        )
    return hold_out_classes(source, ood_classes)


def _split(source: ImageSource, sizes: Sequence[int], data: DataConfig) -> Split:
    max_n_per_class = data.max_n_per_class or max(sizes)
    if max_n_per_class < max(sizes):
        raise InputError(
            f"data.max_n_per_class={max_n_per_class} is less than the largest n_per_class={max(sizes)}",
            field=("data.max_n_per_class", "n_per_class"),
        )
    if data.folds:
        return make_folds(source, num_folds=data.folds, max_n_per_class=max_n_per_class, split_seed=data.split_seed)
    return make_split(
        source,
        num_test_per_class=data.num_test_per_class,
        num_validation_per_class=data.num_validation_per_class,
        max_n_per_class=max_n_per_class,
        split_seed=data.split_seed,
    )
