"""Draws the pictures of docs/concepts.md.

python scripts/draw_concepts.py
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("draw-concepts")
