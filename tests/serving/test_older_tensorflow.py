"""Exports of today in TensorFlow 2.20, the version of the newest TensorFlow Serving, in an environment of its own."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.long
VERSION = "2.20"
MODELS = ("cnn", "all", "head")
NUM_IMAGES, NUM_CALLS, SEED = 5, 40, 5
ANSWER = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

inputs, folder, num_calls, seed, *versions = sys.argv[1:]
inputs = np.load(inputs)
encoded = tf.constant([tf.io.encode_png(image).numpy() for image in inputs["png"]] + [inputs["jpeg"].tobytes()])
images = tf.cast(inputs["png"], tf.float32) / 255.0
seeds = tf.fill([len(images)], tf.constant(int(seed), tf.int64))
for i, version in enumerate(versions):
    signatures = tf.saved_model.load(version).signatures
    answers = {f"batch/{name}": value for name, value in signatures["predict_seeded"](images=images, seed=seeds).items()}
    one = signatures["predict_seeded"](images=images[:1], seed=seeds[:1])
    answers |= {f"one/{name}": value for name, value in one.items()}
    fresh = [signatures["serving_default"](image_bytes=encoded) for _ in range(int(num_calls))]
    answers["class_names"] = fresh[0]["class_names"]
    answers["fresh"] = tf.stack([answer["probabilities"] for answer in fresh])
    np.savez(Path(folder) / f"{i}.npz", version=tf.__version__, **{name: value.numpy() for name, value in answers.items()})
"""


Answers = dict[str, np.ndarray]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(argument) for argument in command]
    return subprocess.run(arguments, env=alone, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing but that TensorFlow."""
    folder = tmp_path_factory.mktemp("older")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    installed = run(python, "-m", "pip", "install", "--quiet", f"tensorflow=={VERSION}.*")
    if installed.returncode:
        pytest.skip(f"TensorFlow {VERSION} cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture(scope="module")
def inputs(runs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded images, and an encoded JPEG, for whose bytes decoders of two versions could differ."""
    path = tmp_path_factory.mktemp("inputs") / "inputs.npz"
    decoded = np.stack([tf.io.decode_png(image).numpy() for image in runs.images(NUM_IMAGES)])
    jpeg = tf.io.encode_jpeg(np.repeat(np.repeat(decoded[0], 4, 0), 4, 1)).numpy()
    np.savez(path, png=decoded, jpeg=np.frombuffer(jpeg, np.uint8))
    return path


@pytest.fixture(scope="module")
def answers(
    older: Path, inputs: Path, version_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Answers, Answers]]:
    """Model -> answers of this TensorFlow, and of the older one."""
    folders = []
    for python in (Path(sys.executable), older):
        folders.append(tmp_path_factory.mktemp("answers"))
        versions = [version_of(name) for name in MODELS]
        done = run(python, "-c", ANSWER, inputs, folders[-1], NUM_CALLS, SEED, *versions)
        assert done.returncode == 0, done.stderr[-3000:]
    read = [[dict(np.load(folder / f"{i}.npz", allow_pickle=True)) for i in range(len(MODELS))] for folder in folders]
    return {name: (ours, theirs) for name, ours, theirs in zip(MODELS, *read, strict=True)}


@pytest.mark.parametrize("name", MODELS)
def test_seeded_answers_are_those_of_the_version_that_made_the_export(name: str, answers: Any) -> None:
    ours, theirs = answers[name]
    assert str(ours["version"]) == tf.__version__
    assert str(theirs["version"]).startswith(f"{VERSION}.")
    assert ours.keys() == theirs.keys()
    for key in (key for key in ours if key.startswith(("batch/", "one/"))):
        if ours[key].dtype.kind == "f":
            print(f"{name} {key}: largest difference {np.abs(ours[key] - theirs[key]).max():.1e}", file=sys.stderr)
            np.testing.assert_allclose(theirs[key], ours[key], rtol=0, atol=1e-5, err_msg=key)
        else:
            np.testing.assert_array_equal(theirs[key], ours[key], err_msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_encoded_images_have_the_same_answers_but_for_their_noise(name: str, answers: Any) -> None:
    ours, theirs = answers[name]
    np.testing.assert_array_equal(theirs["class_names"], ours["class_names"])
    # Probabilities of a rare class are skewed, their logarithms hardly.
    first, second = np.log(ours["fresh"]), np.log(theirs["fresh"])
    difference = np.abs(first.mean(0) - second.mean(0))
    print(f"{name} image bytes: largest difference of mean logarithms {difference.max():.1e}", file=sys.stderr)
    # Of the difference of two means; the CNN has no noise.
    standard_error = np.sqrt((first.var(0) + second.var(0)) / (NUM_CALLS - 1))
    assert np.all(difference <= 1e-5 + 5.0 * standard_error)
