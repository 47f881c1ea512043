"""Converts a network's weights from a checkpoint of torch to an .npz file in Keras layout; torch is not needed.

tfp-insects convert-weights --input=alexnet-owt-7be5be79.pth --output=alexnet.npz
"""

from absl import flags

from tfp_insects.models.config import DEFAULT_ARCHITECTURE as DEFAULT

_INPUT = flags.DEFINE_string("input", None, "Checkpoint of torch (.pth or .pt) to read.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "File (.npz) to write, for --weights=PATH.", required=True)
_ARCHITECTURE = flags.DEFINE_string("architecture", DEFAULT, "Network whose weights they are.")
NEEDS_TENSORFLOW = False


def main() -> None:
    """Converts the file and prints each weight's name and shape in both layouts."""
    from tfp_insects.models.architecture_table import find_architecture
    from tfp_insects.models.pretrained_files import convert_file

    print(convert_file(_INPUT.value, _OUTPUT.value, find_architecture(_ARCHITECTURE.value)))
