"""Draws the pictures of docs/concepts.md.

python scripts/draw_concepts.py
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import run_main

OUTPUT_DIR = flags.DEFINE_string("output_dir", "docs/images", "where the pictures go")


def main(argv: list[str]) -> None:
    """Passes the flag on."""
    del argv
    from tfp_insects.report.concept_pictures import draw_concepts

    for path in draw_concepts(Path(OUTPUT_DIR.value).expanduser()):
        print(path)


if __name__ == "__main__":
    run_main(main)
