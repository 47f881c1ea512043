"""What the library exports, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tf_keras

import tfp_insects.bayes
from tfp_insects.bayes import Convolution2DFlipout, DenseFlipout, MonteCarloDropout


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'tfp_insects\.bayes' has no attribute 'LSTMFlipout'"):
        tfp_insects.bayes.LSTMFlipout  # noqa: B018


def test_a_prior_is_configured_without_tensorflow() -> None:
    code = (
        "import sys; from tfp_insects.bayes import Prior, Variational; print(Variational(Prior('normal')).prior.kind, "
    )
    assert run(f"{code}'tensorflow' in sys.modules)") == "normal False\n"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_one_layer_imported_registers_all(tmp_path: Path) -> None:
    convolution = Convolution2DFlipout(2, 2, input_shape=(4, 4, 1))
    model = tf_keras.Sequential(
        [convolution, tf_keras.layers.Flatten(), MonteCarloDropout(0.5, seed=1), DenseFlipout(3)]
    )
    # The second names modules, which loading it may import.
    paths = [str(tmp_path / name) for name in ("model.h5", "model.keras")]
    for path in paths:
        model.save(path)
    code = (
        "import numpy, tf_keras; from tfp_insects.bayes import DenseFlipout\n"
        f"models = [tf_keras.models.load_model(path) for path in {paths!r}]\n"
        "print([model(numpy.ones([1, 4, 4, 1])).numpy().tolist() for model in models])"
    )
    for answer in json.loads(run(code)):
        np.testing.assert_allclose(answer, model(np.ones([1, 4, 4, 1])), rtol=1e-5)
