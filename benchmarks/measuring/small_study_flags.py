"""The flags by which a benchmark is told how small its study is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from measuring.small_study import SmallStudy

flags.disclaim_key_flags()  # so that --help lists them under the script that asked for them


def define_small_study(epochs: int) -> Callable[[], "SmallStudy"]:
    """Defines them, and gives what makes the study once they are parsed.

    Args:
        epochs: Of each run, by default.
    """
    models = flags.DEFINE_list("models", ["cnn", "bnn"], "one or more values of --model of scripts/run.py")
    num_epochs = flags.DEFINE_integer("epochs", epochs, "epochs of each run", lower_bound=1)
    image_size = flags.DEFINE_integer("image_size", 63, "side of the input in pixels", lower_bound=63)
    width_multiplier = flags.DEFINE_float("width_multiplier", 0.05, "factor of all widths")

    def make() -> "SmallStudy":
        from measuring.small_study import SmallStudy

        return SmallStudy(tuple(models.value), num_epochs.value, image_size.value, width_multiplier.value)

    return make
