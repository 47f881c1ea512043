"""EfficientNetV2-B0 (Tan and Le 2021), 7.2 million parameters; it normalises images itself."""

from tfp_insects.models.templates.keras_application import KerasApplication

ARCHITECTURE = KerasApplication("efficientnet_v2_b0", "EfficientNetV2-B0", "EfficientNetV2B0", normalises_itself=True)
