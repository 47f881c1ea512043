"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no network, no flags and no files.

| what | names |
|---|---|
| a model made Bayesian | `to_bayesian`, `list_conversion`, `LayerConversion`, `NEAR_THE_MODEL` |
| layers | `DenseFlipout`, `Convolution2DFlipout`, `SeededDropout`, `MonteCarloDropout` |
| what a layer's posterior is | `Variational`, `Prior` |
| divergence and loss | `kl_divergence`, `set_kl_weight`, `bayesian_layers`, `loss_and_logits` |
| predictions | `predict_samples`, `MonteCarloPredictor`, `MomentsPredictor`, `make_predictor` |
| under predictions | `drawn_kernels`, `output_activations`, `to_probabilities` |
| after training | `fit_head_covariance`, `layer_posteriors`, `predictions_when_pruned` |

Names are imported when they are first used, so that what needs only a specification of a prior does not wait for TensorFlow.
`tf_keras.models.load_model` finds layers that have been imported: use a name of this library before it opens a file.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfp_insects.bayes.conversion import LayerConversion, list_conversion
    from tfp_insects.bayes.convert import NEAR_THE_MODEL, to_bayesian
    from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
    from tfp_insects.bayes.dense_flipout import DenseFlipout
    from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence, set_kl_weight
    from tfp_insects.bayes.draws import drawn_kernels
    from tfp_insects.bayes.dropout import MonteCarloDropout, SeededDropout
    from tfp_insects.bayes.elbo import loss_and_logits
    from tfp_insects.bayes.head_covariance import fit_head_covariance
    from tfp_insects.bayes.moments_predictor import MomentsPredictor, make_predictor
    from tfp_insects.bayes.monte_carlo import MonteCarloPredictor, predict_samples
    from tfp_insects.bayes.outputs import output_activations, to_probabilities
    from tfp_insects.bayes.posterior import layer_posteriors, predictions_when_pruned
    from tfp_insects.bayes.priors import Prior, Variational

_HOMES = {
    "Convolution2DFlipout": "layers",
    "DenseFlipout": "layers",
    "LayerConversion": "conversion",
    "MonteCarloDropout": "layers",
    "MomentsPredictor": "moments_predictor",
    "MonteCarloPredictor": "monte_carlo",
    "NEAR_THE_MODEL": "convert",
    "Prior": "priors",
    "SeededDropout": "layers",
    "Variational": "priors",
    "bayesian_layers": "divergence",
    "drawn_kernels": "draws",
    "fit_head_covariance": "head_covariance",
    "kl_divergence": "divergence",
    "layer_posteriors": "posterior",
    "list_conversion": "conversion",
    "make_predictor": "moments_predictor",
    "loss_and_logits": "elbo",
    "output_activations": "outputs",
    "predict_samples": "monte_carlo",
    "predictions_when_pruned": "posterior",
    "set_kl_weight": "divergence",
    "to_bayesian": "convert",
    "to_probabilities": "outputs",
}
__all__ = [
    "NEAR_THE_MODEL",
    "Convolution2DFlipout",
    "DenseFlipout",
    "LayerConversion",
    "MomentsPredictor",
    "MonteCarloDropout",
    "MonteCarloPredictor",
    "Prior",
    "SeededDropout",
    "Variational",
    "bayesian_layers",
    "drawn_kernels",
    "fit_head_covariance",
    "kl_divergence",
    "layer_posteriors",
    "list_conversion",
    "loss_and_logits",
    "make_predictor",
    "output_activations",
    "predict_samples",
    "predictions_when_pruned",
    "set_kl_weight",
    "to_bayesian",
    "to_probabilities",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
