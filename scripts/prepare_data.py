"""Prepares Insect Detect classification v2: downloads it, or takes --zip=PATH, checks its MD5 and builds it with TFDS.

python scripts/prepare_data.py
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("prepare-data")
