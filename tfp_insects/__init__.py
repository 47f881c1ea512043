"""A network and its Bayesian twin on few images a class: which is better, and how sure is each prediction?

The library under it makes any Sequential or Functional model of tf_keras Bayesian:

    from tfp_insects import predict_samples, to_bayesian

    twin = to_bayesian(model, num_train_examples=len(labels))
    twin.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    twin.fit(images, labels, epochs=10)
    samples = predict_samples(twin, new_images, num_samples=30)  # [30, num_images, num_classes], probabilities

`examples/` has this at work, `tfp_insects.bayes` all names, and `tfp_insects.metrics` the scores of such samples. Names are
imported when they are first used: `import tfp_insects` does not wait for TensorFlow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfp_insects.bayes.conversion import list_conversion
    from tfp_insects.bayes.convert import to_bayesian
    from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence, set_kl_weight
    from tfp_insects.bayes.head_covariance import fit_head_covariance
    from tfp_insects.bayes.layers import Convolution2DFlipout, DenseFlipout, MonteCarloDropout
    from tfp_insects.bayes.monte_carlo import predict_samples
    from tfp_insects.bayes.priors import Prior, Variational

__version__ = "0.1.0"
__all__ = [
    "Convolution2DFlipout",
    "DenseFlipout",
    "MonteCarloDropout",
    "Prior",
    "Variational",
    "bayesian_layers",
    "fit_head_covariance",
    "kl_divergence",
    "list_conversion",
    "predict_samples",
    "set_kl_weight",
    "to_bayesian",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfp_insects import bayes

    return getattr(bayes, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
