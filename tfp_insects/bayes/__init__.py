"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no AlexNet, no flags and no files.

| what | names |
|---|---|
| a model made Bayesian | `to_bayesian`, `list_conversion`, `LayerConversion`, `NEAR_THE_MODEL` |
| layers | `DenseFlipout`, `Convolution2DFlipout`, `SeededDropout`, `MonteCarloDropout` |
| what a layer's posterior is | `Variational`, `Prior` |
| divergence and loss | `kl_divergence`, `set_kl_weight`, `bayesian_layers`, `loss_and_logits` |
| predictions by draws | `predict_samples`, `MonteCarloPredictor`, `drawn_kernels`, `output_activations`, `to_probabilities` |
| predictions in closed form | `make_predictor`, `MomentsPredictor`, `moments_obstacle`, `NoMomentsError` |
| after training | `fit_head_covariance`, `layer_posteriors`, `predictions_when_pruned` |

Names are imported when they are first used, so that what needs only a specification of a prior does not wait for TensorFlow.
To load a model from a file, import one of the layers first, or a function that works on models: that registers them all with
Keras.
"""

import importlib
from typing import Any

_HOMES = {
    **dict.fromkeys(("LayerConversion", "list_conversion"), "conversion"),
    **dict.fromkeys(("NEAR_THE_MODEL", "to_bayesian"), "convert"),
    **dict.fromkeys(("bayesian_layers", "kl_divergence", "set_kl_weight"), "divergence"),
    "drawn_kernels": "draws",
    "loss_and_logits": "elbo",
    "fit_head_covariance": "head_covariance",
    **dict.fromkeys(("Convolution2DFlipout", "DenseFlipout", "MonteCarloDropout", "SeededDropout"), "layers"),
    **dict.fromkeys(("MomentsPredictor", "make_predictor"), "moments_predictor"),
    **dict.fromkeys(("NoMomentsError", "moments_obstacle"), "moments_tail"),
    **dict.fromkeys(("MonteCarloPredictor", "predict_samples"), "monte_carlo"),
    **dict.fromkeys(("output_activations", "to_probabilities"), "outputs"),
    **dict.fromkeys(("layer_posteriors", "predictions_when_pruned"), "posterior"),
    **dict.fromkeys(("Prior", "Variational"), "priors"),
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
