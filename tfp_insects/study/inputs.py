"""What a model trains on: images, or the features that its frozen layers make of them."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.data.features import FeaturePipeline, FeatureStore
from tfp_insects.data.pipeline import Examples, Preprocessing, TrainingPipeline, evaluation_dataset
from tfp_insects.data.sharding import WHOLE, Sharding
from tfp_insects.models.frozen import frozen_features, num_frozen_layers, without_frozen_layers
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.kept_features import KeptFeatures, batches_of
from tfp_insects.study.work import FEATURES

MEGABYTE = 1_000_000
FEATURES_AT_ONCE = 512  # Dense layers cost what reading their weights costs, so few large batches are cheaper.


class Inputs(NamedTuple):
    """What training needs.

    Attributes:
        model: The model, or what remains of it behind its frozen layers; its weights are the model's own.
        pipeline: Training batches, epoch by epoch.
        validation: Validation batches in order, to be iterated again and again.
    """

    model: tf_keras.Model
    pipeline: TrainingPipeline | FeaturePipeline
    validation: Iterable[tuple[tf.Tensor, tf.Tensor]]


class TrainingPart(NamedTuple):
    """The first two of them, for a process that does not validate."""

    model: tf_keras.Model
    pipeline: TrainingPipeline | FeaturePipeline


class InputMaker:
    """Makes the inputs of one run.

    Args:
        config: Of the run.
        preprocessing: Resizing and normalisation.
        batch_size: Training images in a batch.
        seed: Determines order and augmentation.
        directory: Where decoded images go, and features that do not fit into memory.
        on_work: Told of images that are read, and of features.
        sharding: Which training images of each batch this process reads; all by default.
        kept: Where features of frozen layers are kept for other runs, if anywhere.
    """

    def __init__(
        self,
        config: RunConfig,
        preprocessing: Preprocessing,
        batch_size: int,
        seed: int,
        directory: Path,
        on_work: OnWork = ignore_work,
        sharding: Sharding = WHOLE,
        kept: KeptFeatures | None = None,
    ) -> None:
        self._sharding = sharding
        self._kept = kept
        self._config = config
        self._preprocessing = preprocessing
        self._augmentation = config.augmentation
        self._batch_size = batch_size
        self._evaluation_batch_size = config.prediction.batch_size
        self._seed = seed
        self._directory = directory
        self._on_work = on_work

    def make(self, model: tf_keras.Model, training: Examples, validation: Examples) -> Inputs:
        """Images for a model that trains all layers; cached features if layers are frozen and nothing is augmented."""
        part = self.training(model, training)
        if isinstance(part.pipeline, FeaturePipeline):
            return Inputs(*part, self._store(model, validation).batches(FEATURES_AT_ONCE))
        return Inputs(*part, self.evaluation(validation))

    def training(self, model: tf_keras.Model, training: Examples) -> TrainingPart:
        """The same, for a process that does not validate."""
        if self._has_features(model):
            store = self._store(model, training)
            pipeline = FeaturePipeline(store, self._batch_size, self._seed, self._sharding)
            return TrainingPart(without_frozen_layers(model), pipeline)
        images = TrainingPipeline(
            training,
            self._preprocessing,
            self._augmentation,
            self._batch_size,
            self._seed,
            self._directory,
            self._on_work,
            self._sharding,
        )
        return TrainingPart(model, images)

    def evaluation(self, examples: Examples) -> tf.data.Dataset:
        """Batches of images in order."""
        return evaluation_dataset(
            examples, self._preprocessing, self._evaluation_batch_size, self._directory, self._on_work
        )

    def answered(self, model: tf_keras.Model) -> tf_keras.Model:
        """What answers the batches of `asked`: the model, or the rest of it where features of its frozen layers are kept."""
        return without_frozen_layers(model) if self._kept is not None and self._has_features(model) else model

    def asked(self, model: tf_keras.Model, examples: Examples) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
        """Batches of images in order, or of their features where these are kept."""
        if self._kept is None or not self._has_features(model):
            return self.evaluation(examples)
        features = self._kept.of(model, examples, self.evaluation, partial(self._on_work, FEATURES))
        return batches_of(features, examples.labels, self._evaluation_batch_size)

    def _has_features(self, model: tf_keras.Model) -> bool:
        return num_frozen_layers(model) > 0 and self._augmentation.is_identity

    def _store(self, model: tf_keras.Model, examples: Examples) -> FeatureStore:
        max_bytes = int(self._config.model.max_feature_cache_megabytes) * MEGABYTE
        if self._kept is None:
            found = frozen_features(model, self.evaluation(examples))
        else:
            features = self._kept.of(model, examples, self.evaluation)
            found = (batch.numpy() for batch, _ in batches_of(features, examples.labels, self._evaluation_batch_size))
        batches = self._told(found)
        return FeatureStore(batches, examples.labels, max_bytes, self._directory)

    def _told(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for batch in batches:
            self._on_work(FEATURES, len(batch))
            yield batch
