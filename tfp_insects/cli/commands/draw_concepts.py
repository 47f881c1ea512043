"""Draws the pictures of docs/concepts.md.

tfp-insects draw-concepts
"""

from pathlib import Path

from absl import flags

OUTPUT_DIR = flags.DEFINE_string("output_dir", "docs/images", "where the pictures go")


def main() -> None:
    """Passes the flag on."""
    from tfp_insects.report.concept_pictures import draw_concepts

    for path in draw_concepts(Path(OUTPUT_DIR.value).expanduser()):
        print(path)
