"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no AlexNet, no flags and no files.

What is exported here is imported when it is asked for: whoever only reads a prior's configuration starts no TensorFlow. To
load a model from a file, import one of the layers first: that registers them all with Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfp_insects.bayes.layers import Convolution2DFlipout, DenseFlipout, MonteCarloDropout, SeededDropout
    from tfp_insects.bayes.priors import Prior, Variational

__all__ = ["Convolution2DFlipout", "DenseFlipout", "MonteCarloDropout", "Prior", "SeededDropout", "Variational"]
_FILES = {
    **dict.fromkeys(("Convolution2DFlipout", "DenseFlipout", "MonteCarloDropout", "SeededDropout"), "layers"),
    **dict.fromkeys(("Prior", "Variational"), "priors"),
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
