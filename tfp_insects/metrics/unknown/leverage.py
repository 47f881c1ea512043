"""How unlike those of all training images the features of an image are, as the last layer's covariance has it.

See `bayes.head_covariance`. It knows nothing of classes: it tells what looks like nothing that was trained on, and not what
looks like a known class and is none.
"""

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.metric import OodScore


def leverage(draws: Draws) -> FloatArray:
    """The leverage of images of which it is known."""
    if draws.leverage is None:
        raise ValueError("leverage: not known for these predictions")
    return draws.leverage


SCORE = OodScore(name="leverage", label="leverage of features", score=leverage, needs_leverage=True, order=40)
