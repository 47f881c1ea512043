"""Converts torchvision's AlexNet from a checkpoint of torch to an .npz file in Keras layout; torch is not needed.

tfp-insects convert-weights --input=alexnet-owt-7be5be79.pth --output=alexnet.npz
"""

from absl import flags

_INPUT = flags.DEFINE_string("input", None, "Checkpoint of torch (.pth or .pt) to read.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "File (.npz) to write, for --weights=PATH.", required=True)
NEEDS_TENSORFLOW = False


def main() -> None:
    """Converts the file and prints each weight's name and shape in both layouts."""
    from tfp_insects.models.architecture_table import DEFAULT, find_architecture
    from tfp_insects.models.pretrained_files import convert_file

    print(convert_file(_INPUT.value, _OUTPUT.value, find_architecture(DEFAULT)))
