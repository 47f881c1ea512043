"""ResNet-50 with activations before convolutions (He et al. 2016, "Identity mappings ..."), 25.6 million parameters."""

from tfp_insects.models.templates.keras_application import KerasApplication

ARCHITECTURE = KerasApplication("resnet50_v2", "ResNet-50-V2", "ResNet50V2")
