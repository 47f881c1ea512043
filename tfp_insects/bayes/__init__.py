"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no AlexNet, no flags and no files."""

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.priors import Prior, Variational

__all__ = ["Convolution2DFlipout", "DenseFlipout", "Prior", "Variational"]
