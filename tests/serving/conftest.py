"""Finished runs made without training, their exports, and the answers of these."""

import functools
import json
import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fixtures.made_once import MakeOnce

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.data.images import decode_image
from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.files import write_arrays, write_json
from tfp_insects.models.build import build_model
from tfp_insects.runs.config import RunConfig
from tfp_insects.serving.export import export_run

CLASS_NAMES = ("ant", "bee", "fly", "wasp")
IMAGE_SIZE = 63
NUM_LABELLED = 160
NUM_UNKNOWN = 24
NUM_SAMPLES = 8
NUM_LAST_LAYER_SAMPLES = 2
REPOSITORY = Path(__file__).resolve().parents[2]
STUDY = REPOSITORY / "configs" / "study.py"
BLOCK = """
import sys
from importlib.machinery import ModuleSpec


class Blocker:
    # As of packages that are not installed, their place is not known.
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tf_keras", "tensorflow_probability"):
            return ModuleSpec(name, self)

    def create_module(self, spec):
        raise ImportError(f"{spec.name} is blocked by the test")

    def exec_module(self, module):
        raise AssertionError("there is none")


sys.meta_path.insert(0, Blocker())
"""


class Runs:
    """Makes runs in the layout of the study."""

    class_names, image_size = CLASS_NAMES, IMAGE_SIZE
    num_samples, num_last_layer_samples = NUM_SAMPLES, NUM_LAST_LAYER_SAMPLES
    preprocessing = Preprocessing(IMAGE_SIZE)

    @staticmethod
    def images(count: int, size: int = 30, seed: int = 0) -> list[bytes]:
        """PNG images: a bright bar of one of four directions on noise."""
        rng = np.random.default_rng(seed)
        encoded = []
        for i in range(count):
            pixels = rng.uniform(0, 120, (size, size, 3))
            pixels[size // 3 : size // 2] += 130 * (i % 4 in (0, 2))
            pixels[:, size // 3 : size // 2] += 130 * (i % 4 in (1, 2))
            encoded.append(tf.io.encode_png(np.uint8(np.clip(pixels, 0, 255))).numpy())
        return encoded

    @classmethod
    def prepare(cls, encoded: list[bytes]) -> tf.Tensor:
        """What the training pipeline makes of them."""
        return tf.stack([cls.preprocessing(decode_image(tf.constant(image), IMAGE_SIZE)) for image in encoded])

    @staticmethod
    def in_unit_range(encoded: list[bytes]) -> tf.Tensor:
        """What a client makes of them that decodes images itself."""
        return tf.stack([tf.cast(tf.io.decode_png(image), tf.float32) / 255.0 for image in encoded])

    @classmethod
    def make(cls, workdir: Path, model: str, layers: str = "all", **model_config: Any) -> Path:
        """Writes a finished run; its weights are random, its labels mostly what it predicts."""
        directory = workdir / f"{model}-n5-seed0"
        identity = cls.identity(model, layers, **model_config)
        network = cls.network(identity)
        (directory / "checkpoints").mkdir(parents=True)
        write_json(directory / "config.json", identity)
        network.save_weights(str(directory / "checkpoints" / "weights.h5"))
        for name, seed in (("validation_predictions.npz", 1), ("predictions.npz", 2)):
            write_arrays(directory / name, **cls.labelled_predictions(network, seed))
        is_random = model != "cnn"
        ood: dict[str, Any] = {}
        if is_random:  # The CNN was not asked about images of no known class.
            write_arrays(directory / "ood_predictions.npz", **cls.unknown_predictions(network))
            ood = {"ood_data": "noise", "ood_fingerprint": "ef", "num_ood_examples": NUM_UNKNOWN}
        numbers = {"num_samples": NUM_SAMPLES if is_random else 1, "prediction_method": "moments"}
        numbers["num_draws"] = NUM_SAMPLES * NUM_LAST_LAYER_SAMPLES if is_random else 1
        record = {"format": 2, "best_epoch": 3, "is_tempered": False, "accuracy": 0.5, **numbers, **ood}
        write_json(directory / "record.json", record)
        return directory

    @classmethod
    def identity(cls, model: str, layers: str, **model_config: Any) -> dict[str, Any]:
        config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
        small = {"image_size": IMAGE_SIZE, "width_multiplier": 0.1, "precision": "float32", **model_config}
        config["model"].update(small)
        config["prediction"].update(num_samples=NUM_SAMPLES, num_last_layer_samples=NUM_LAST_LAYER_SAMPLES)
        config["bnn"]["layers"] = layers
        preprocessing = {"image_size": IMAGE_SIZE, "mean": cls.preprocessing.mean, "std": cls.preprocessing.std}
        return {
            **{"model": model, "n_per_class": 5, "seed": 0, "num_train_examples": 20, "data": "bars", "drawn": True},
            **{"data_fingerprint": "ab", "weights": "some.npz", "weights_fingerprint": "cd"},
            **{"class_names": list(CLASS_NAMES), "config": json.loads(json.dumps(config))},
            "preprocessing": json.loads(json.dumps(preprocessing)),
        }

    @classmethod
    def network(cls, identity: dict[str, Any]) -> Any:
        network = build_model(
            identity["model"], RunConfig.from_plain(identity["config"]), len(CLASS_NAMES), 20, 0, is_pretrained=True
        )
        rng = np.random.default_rng(7)
        for layer in network.layers:
            if hasattr(layer, "bias"):
                layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
        head = network.get_layer("classifier_6")
        kernel = head.loc if hasattr(head, "loc") else head.kernel
        kernel.assign(rng.normal(0, 0.15, kernel.shape))
        for layer in bayesian_layers(network):
            if layer.name != "classifier_6":  # As after training: the prior stays where the mean was.
                prior: Any = layer.prior_weights
                prior.loc.assign(layer.loc + tf.constant(rng.normal(0, 0.01, layer.loc.shape), tf.float32))
                prior.floor.assign(0.01)
        return network

    @classmethod
    def unknown_predictions(cls, network: Any) -> dict[str, np.ndarray]:
        pixels = np.random.default_rng(3).uniform(0, 255, (NUM_UNKNOWN, 30, 30, 3))
        images = cls.prepare([tf.io.encode_png(np.uint8(image)).numpy() for image in pixels])
        return {
            "probabilities": make_predictor(network).predict([(images, None)], NUM_SAMPLES, 3, NUM_LAST_LAYER_SAMPLES),
            "labels": np.full(NUM_UNKNOWN, -1, np.int32),
            "class_names": np.array(CLASS_NAMES),
            "example_ids": np.array([f"noise {i % 4}/{i}.png" for i in range(NUM_UNKNOWN)]),
        }

    @classmethod
    def labelled_predictions(cls, network: Any, seed: int) -> dict[str, np.ndarray]:
        images = cls.prepare(cls.images(NUM_LABELLED, seed=seed))
        probabilities = make_predictor(network).predict([(images, None)], NUM_SAMPLES, seed, NUM_LAST_LAYER_SAMPLES)
        mean = probabilities.mean(0)
        is_unsure = mean.max(-1) < np.median(mean.max(-1))  # Half of all; the others are right.
        is_wrong = is_unsure & (np.random.default_rng(seed).uniform(size=NUM_LABELLED) < 0.7)
        labels = np.where(is_wrong, (mean.argmax(-1) + 1) % len(CLASS_NAMES), mean.argmax(-1))
        labels[np.argsort(mean.max(-1))[: len(CLASS_NAMES)]] = range(len(CLASS_NAMES))  # Each class is there.
        return {
            "probabilities": probabilities,
            "labels": labels.astype(np.int32),
            "class_names": np.array(CLASS_NAMES),
            "example_ids": np.array([f"{CLASS_NAMES[label]}/{i}.png" for i, label in enumerate(labels)]),
        }


@pytest.fixture(scope="session")
def runs() -> type[Runs]:
    return Runs


@pytest.fixture(scope="session")
def run_of(made_once: MakeOnce) -> Callable[[str], Path]:
    """Gives the run of a name: `cnn`, or the BNN's scope."""

    def get(name: str) -> Path:
        model, layers = ("cnn", "all") if name == "cnn" else ("bnn", name)
        made = made_once(f"served_{name}", lambda workdir: Runs.make(workdir, model, layers))
        return made / f"{model}-n5-seed0"

    return get


@pytest.fixture(scope="session")
def version_of(run_of: Callable[[str], Path], made_once: MakeOnce) -> Callable[[str], Path]:
    """Gives an exported version of the run of a name."""

    def get(name: str) -> Path:
        made = made_once(f"model_{name}", lambda parent: export_run(run_of(name), parent / "insects", None, 0.2))
        return made / "insects" / "1"

    return get


@pytest.fixture(params=["cnn", "all", "classifier", "head"])
def model_name(request: pytest.FixtureRequest) -> str:
    """Any of the models: the tests that ask for it are run with each."""
    return request.param


@pytest.fixture(scope="session")
def loaded(version_of: Callable[[str], Path]) -> Callable[[str], Any]:
    """Gives the exported version of the run of a name, loaded in this process."""
    return functools.cache(lambda name: tf.saved_model.load(str(version_of(name))))


@pytest.fixture(scope="session")
def seeded(loaded: Callable[[str], Any]) -> Callable[..., dict[str, np.ndarray]]:
    """Gives the seeded answer of the model of a name to images in [0, 1]."""

    def answer(name: str, images: tf.Tensor, seed: int = 5) -> dict[str, np.ndarray]:
        predict = loaded(name).signatures["predict_seeded"]
        found = predict(images=images, seed=tf.fill([len(images)], np.int64(seed)))
        return {key: value.numpy() for key, value in found.items()}

    return answer


@pytest.fixture(scope="session")
def blocked_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of processes that cannot import what trained the models."""
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(BLOCK)
    path = os.pathsep.join([str(folder), str(REPOSITORY)])
    return os.environ | {"PYTHONPATH": path, "TF_USE_LEGACY_KERAS": "1"}  # Which is not there, so that no Keras is.
