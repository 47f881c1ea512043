"""AlexNet's layers, once: networks, weights' layout and fast serving are all made from this table.

It is torchvision's `alexnet` (Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks"), layer for
layer, under torchvision's names (`features.0` is `features_0` here).
"""

import dataclasses

MIN_IMAGE_SIZE = 63


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One row of the table: a convolution with ReLU, and the max pooling (3, stride 2) that may follow it."""

    name: str
    filters: int
    kernel_size: int
    strides: int
    padding: int
    is_pooled: bool


@dataclasses.dataclass(frozen=True)
class Dense:
    """One row of the table: a dense layer; all but the last have ReLU, and dropout before them."""

    name: str
    units: int | None  # None: one for each class


CONVOLUTIONS = (
    Convolution("features_0", 64, kernel_size=11, strides=4, padding=2, is_pooled=True),
    Convolution("features_3", 192, kernel_size=5, strides=1, padding=2, is_pooled=True),
    Convolution("features_6", 384, kernel_size=3, strides=1, padding=1, is_pooled=False),
    Convolution("features_8", 256, kernel_size=3, strides=1, padding=1, is_pooled=False),
    Convolution("features_10", 256, kernel_size=3, strides=1, padding=1, is_pooled=True),
)
DENSE_LAYERS = (Dense("classifier_1", 4096), Dense("classifier_4", 4096), Dense("classifier_6", None))
HEAD = DENSE_LAYERS[-1].name
FEATURE_MAP_SIZE = 6
