"""Predicts a folder or a zip of images with an exported model: a row an image, counts by class, a page for review.

python scripts/predict.py --model=models/insects --images=FOLDER_OR_ZIP --output=predictions.csv --review=review
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("predict")
