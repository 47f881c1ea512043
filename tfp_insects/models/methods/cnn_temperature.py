"""The CNN with honest confidences."""

from tfp_insects.models.method import Mark
from tfp_insects.models.methods.cnn import Cnn


class CnnTemperature(Cnn):
    """The CNN, or one trained in the same way; its logits are divided by a temperature (Guo et al. 2017).

    The temperature is fitted on the validation images, after training.
    """

    name = "cnn_temperature"
    label = "CNN + temperature"
    mark = Mark("sky", "^", "-.")
    role = "baseline"
    order = 4
    section_name = "cnn"
    is_exportable = False
    fits_temperature = True
    trains_like = "cnn"


METHOD = CnnTemperature()
