"""The CNN that is unsure of its last layer where training images have not been."""

from tfp_insects.models.method import Mark
from tfp_insects.models.methods.cnn import Cnn


class Laplace(Cnn):
    """The CNN, or one trained in the same way, with a Laplace posterior of its last layer (Daxberger et al. 2021).

    The posterior is found from the training images, after training; see `bayes.last_layer_laplace`.
    """

    name = "laplace"
    label = "CNN + Laplace"
    mark = Mark("orange", "h", "-.")
    role = "baseline"
    order = 5
    section_name = "cnn"
    trains_like = "cnn"
    has_last_layer_posterior = True


METHOD = Laplace()
