"""ResNet-50 (He et al. 2016), 25.6 million parameters."""

from tfp_insects.models.templates.keras_application import CENTRED_GREY_LEVELS, KerasApplication

ARCHITECTURE = KerasApplication(
    "resnet50", "ResNet-50", "ResNet50", statistics=CENTRED_GREY_LEVELS, bgr_kernel="conv1_conv/kernel"
)
