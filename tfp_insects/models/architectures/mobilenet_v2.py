"""MobileNetV2 (Sandler et al. 2018), 3.5 million parameters."""

from tfp_insects.models.templates.keras_application import KerasApplication

ARCHITECTURE = KerasApplication("mobilenet_v2", "MobileNetV2", "MobileNetV2", width_argument="alpha")
