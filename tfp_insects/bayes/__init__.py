"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no AlexNet, no flags and no files.

Names are imported when they are first used, so that what needs only a specification of a prior does not wait for TensorFlow.
To load a model from a file, import one of the layers first: that registers them all with Keras.
"""

import importlib
from typing import Any

_HOMES = {
    **dict.fromkeys(("Convolution2DFlipout", "DenseFlipout", "MonteCarloDropout", "SeededDropout"), "layers"),
    **dict.fromkeys(("Prior", "Variational"), "priors"),
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
