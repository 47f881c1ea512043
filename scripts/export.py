"""Exports a finished run as a SavedModel that TensorFlow Serving and scripts/predict.py load.

python scripts/export.py --run=runs/bnn-n500-seed0 --output=models/insects
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("export")
