"""DenseNet-121 (Huang et al. 2017), 8.1 million parameters."""

from tfp_insects.data.imagenet import IMAGENET_MEAN, IMAGENET_STD
from tfp_insects.models.architecture import ImageStatistics
from tfp_insects.models.templates.keras_application import KerasApplication

ARCHITECTURE = KerasApplication(
    "densenet121", "DenseNet-121", "DenseNet121", statistics=ImageStatistics(IMAGENET_MEAN, IMAGENET_STD)
)
