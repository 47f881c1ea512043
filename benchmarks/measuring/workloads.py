"""What is timed: one call is one forward pass, training step, prediction or epoch, and ends when its result is there."""

import itertools
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

from measuring.configuration import BY_MOMENTS, STOCK, Configuration
from measuring.models import SEED, make_model, study_config
from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.data.features import FeaturePipeline
from tfp_insects.data.opening import open_source
from tfp_insects.data.pipeline import Examples, Preprocessing, TrainingPipeline
from tfp_insects.errors import InputError
from tfp_insects.study.inputs import InputMaker
from tfp_insects.training.optimiser import LayerMultipliers, TrainStep, make_optimiser, make_train_step

LEARNING_RATE = 1e-3
Batches = Iterable[tuple[tf.Tensor, tf.Tensor]]


class Workload(NamedTuple):
    """Something to time.

    Attributes:
        run: Does it once and waits for the result.
        num_images: Images that one run takes in.
    """

    run: Callable[[], object]
    num_images: int


def make_workload(configuration: Configuration) -> Workload:
    """Builds the model and the data of a configuration."""
    makers = {
        "forward": _forward,
        "train": _train,
        "predict": _predict,
        "predict_mean": _predict,
        "predict_monte_carlo": _predict,
        "epoch_images": _epoch_of_images,
        "epoch_features": _epoch_of_features,
        "epoch_pipeline": _epoch_of_pipeline,
    }
    return makers[configuration.mode](configuration)


def _forward(configuration: Configuration) -> Workload:
    """One forward pass: a Flipout draw of the BNN, the network without dropout of the CNN."""
    model, images = make_model(configuration), _random_batch(configuration)[0]
    is_random = configuration.model.startswith("bnn")
    run = tf.function(lambda: model(images, training=is_random))
    return Workload(lambda: run().numpy(), configuration.batch_size)


def _train(configuration: Configuration) -> Workload:
    step = _train_step(make_model(configuration), configuration.dtype)
    images, labels = _random_batch(configuration)
    return Workload(lambda: step(images, labels)[0].numpy(), configuration.batch_size)


def _predict(configuration: Configuration) -> Workload:
    """One call of predict for `batch_size` images, which the network sees in batches of the study's size."""
    model, batches = make_model(configuration), _prediction_batches(configuration)
    if configuration.model == STOCK:
        run = tf.function(lambda images: tf.nn.softmax(model(images)))

        def predict() -> np.ndarray:
            draws = range(configuration.num_samples)
            return np.stack([np.concatenate([run(images).numpy() for images, _ in batches]) for _ in draws])

        return Workload(predict, configuration.batch_size)
    by_moments = BY_MOMENTS.get(configuration.mode)
    num_last = study_config(configuration).prediction.draws("monte_carlo").num_last_layer_samples
    num_samples, num_last = by_moments or (configuration.num_samples, num_last)
    predictor = make_predictor(model) if by_moments else MonteCarloPredictor(model)
    return Workload(lambda: predictor.predict(batches, num_samples, SEED, num_last), configuration.batch_size)


def _epoch_of_images(configuration: Configuration) -> Workload:
    step = _train_step(make_model(configuration), configuration.dtype)
    return _epoch_workload(_training_pipeline(configuration), step)


def _epoch_of_pipeline(configuration: Configuration) -> Workload:
    return _epoch_workload(_training_pipeline(configuration), lambda images, labels: (labels, images))


def _epoch_of_features(configuration: Configuration) -> Workload:
    examples = open_examples(configuration)
    held_out = Examples(examples.source, examples.indices[:1], examples.labels[:1])
    preprocessing = Preprocessing(configuration.image_size)
    config = study_config(configuration)
    maker = InputMaker(config, preprocessing, configuration.batch_size, SEED, Path(tempfile.gettempdir()))
    inputs = maker.make(make_model(configuration), examples, held_out)
    return _epoch_workload(inputs.pipeline, _train_step(inputs.model, configuration.dtype))


def _epoch_workload(pipeline: TrainingPipeline | FeaturePipeline, step: TrainStep) -> Workload:
    numbers = itertools.count()

    def run() -> None:
        for images, labels in pipeline.epoch(next(numbers)):
            last = step(images, labels)[0]
        last.numpy()

    return Workload(run, pipeline.num_examples)


def _training_pipeline(configuration: Configuration) -> TrainingPipeline:
    augmentation = study_config(configuration).augmentation
    preprocessing = Preprocessing(configuration.image_size)
    examples = open_examples(configuration)
    return TrainingPipeline(examples, preprocessing, augmentation, configuration.batch_size, SEED)


def open_examples(configuration: Configuration) -> Examples:
    """The first `n_per_class` images of the first `num_classes` classes.

    Raises:
        InputError: There are not so many.
    """
    num, num_classes = configuration.n_per_class, configuration.num_classes
    source = open_source(configuration.data, Path(configuration.cache_dir).expanduser(), num_synthetic_per_class=num)
    counts = np.bincount(source.labels, minlength=num_classes)[:num_classes]
    if len(source.class_names) < num_classes or counts.min() < num:
        raise InputError(
            f"--data={configuration.data}: {num} images of each of {num_classes} classes are needed, and there are not so "
            "many; give other images"
        )
    indices = np.concatenate([np.flatnonzero(source.labels == label)[:num] for label in range(num_classes)])
    return Examples(source, indices, source.labels[indices])


def _train_step(model: tf_keras.Sequential, dtype: str) -> TrainStep:
    optimiser = make_optimiser(0.9, dtype)
    optimiser.learning_rate = LEARNING_RATE
    return make_train_step(model, optimiser, LayerMultipliers())


def _random_batch(configuration: Configuration, batch_size: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    count = batch_size or configuration.batch_size
    size = configuration.image_size
    images = tf.random.stateless_normal([count, size, size, 3], [SEED, 0])
    return images, tf.random.stateless_uniform([count], [SEED, 1], 0, configuration.num_classes, tf.int32)


def _prediction_batches(configuration: Configuration) -> Batches:
    """One batch again and again, so that memory does not depend on the number of images."""
    largest = study_config(configuration).prediction.batch_size if configuration.model != STOCK else 64
    num_full, rest = divmod(configuration.batch_size, largest)
    full = [_random_batch(configuration, largest)] * num_full if num_full else []
    return full + ([_random_batch(configuration, rest)] if rest else [])
