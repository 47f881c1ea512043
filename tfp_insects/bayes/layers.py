"""All layers of the library: whoever imports one has registered them all, so that Keras finds them in a model's file."""

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.dropout import MonteCarloDropout, SeededDropout

__all__ = ["Convolution2DFlipout", "DenseFlipout", "MonteCarloDropout", "SeededDropout"]
