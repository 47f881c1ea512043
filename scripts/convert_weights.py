"""Converts a network's weights from a checkpoint of torch to an .npz file in Keras layout; torch is not needed.

python scripts/convert_weights.py --input=alexnet-owt-7be5be79.pth --output=alexnet.npz
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("convert-weights")
