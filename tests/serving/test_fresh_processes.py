"""An export in processes that know nothing of how it was made."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.runs.reading import open_run

REPOSITORY = Path(__file__).resolve().parents[2]
EXPORT = """
import runpy
import sys

from tfp_insects.startup import import_tensorflow_quietly

import_tensorflow_quietly()

import tensorflow as tf

tf.random.set_seed(0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
ANSWER = """
import importlib
import sys

import numpy as np
import tensorflow as tf

version, images_path, output = sys.argv[1:]
for name in ("tf_keras", "tensorflow_probability"):
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    raise AssertionError(f"{name} can be imported")
images = np.load(images_path)
loaded = tf.saved_model.load(version)
seeded = loaded.signatures["predict_seeded"](images=images, seed=np.full(len(images), 5, np.int64))
fresh = loaded.signatures["predict_images"](images=images)
encoded = [tf.io.encode_png(np.uint8(np.round(image * 255))).numpy() for image in images]
fresh_bytes = loaded.signatures["serving_default"](image_bytes=tf.constant(encoded))
tf.random.set_seed(0)
after_seed = loaded.signatures["predict_images"](images=images)
answers = {"seeded": seeded, "fresh": fresh, "fresh_bytes": fresh_bytes, "after_seed": after_seed}
np.savez(output, **{name: answer["probabilities"].numpy() for name, answer in answers.items()})
"""


def run(*command: object, environment: dict[str, str] | None = None) -> str:
    arguments = [str(argument) for argument in command]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def version(run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported by the script, in a process that had set a seed."""
    output = tmp_path_factory.mktemp("models") / "insects"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    script = REPOSITORY / "scripts" / "export.py"
    said = run(
        *(sys.executable, "-c", EXPORT, script, f"--run={run_of('all')}", f"--output={output}"), environment=environment
    )
    assert said.startswith(f"Exported {output / '1'}: bnn with 4 classes, 8 passes an answer.\n")
    return output / "1"


@pytest.fixture(scope="module")
def images(runs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in [0, 1]."""
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.stack([tf.io.decode_png(image).numpy() for image in runs.images(3)]).astype(np.float32) / 255)
    return path


@pytest.fixture(scope="module")
def expected(runs: Any, run_of: Callable[[str], Path]) -> np.ndarray:
    """The model's own prediction under the seed."""
    model = open_run(run_of("all")).build_model()
    batch = runs.prepare(runs.images(3))
    numbers = runs.num_samples, 5, runs.num_last_layer_samples
    return make_predictor(model).predict([(batch, None)], *numbers).mean(0)


@pytest.mark.long
def test_fresh_processes_share_seeded_answers_and_no_noise(
    version: Path, images: Path, expected: np.ndarray, blocked_environment: dict[str, str], tmp_path: Path
) -> None:
    answers = []
    for name in ("first.npz", "second.npz"):
        run(sys.executable, "-c", ANSWER, version, images, tmp_path / name, environment=blocked_environment)
        answers.append(np.load(tmp_path / name))
    for answer in answers:
        np.testing.assert_allclose(answer["seeded"], expected, atol=1e-5)
    fresh = [answer[name] for answer in answers for name in ("fresh", "fresh_bytes", "after_seed")]
    assert min(np.abs(a - b).max() for i, a in enumerate(fresh) for b in fresh[:i]) > 0.005


@pytest.mark.long
def test_saved_model_cli_runs_the_export(
    version: Path, images: Path, expected: np.ndarray, blocked_environment: dict[str, str], tmp_path: Path
) -> None:
    np.save(tmp_path / "seed.npy", np.full(3, 5, np.int64))
    tool = Path(sys.executable).with_name("saved_model_cli")
    arguments = ["--tag_set", "serve", "--signature_def", "predict_seeded", "--outdir", tmp_path]
    inputs = f"images={images};seed={tmp_path / 'seed.npy'}"
    run(tool, "run", "--dir", version, *arguments, "--inputs", inputs, environment=blocked_environment)
    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy"), expected, atol=1e-5)
    assert np.load(tmp_path / "predicted_class.npy", allow_pickle=True).shape == (3,)
