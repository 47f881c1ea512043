"""What a Monte Carlo draw is worth: NLL by the number of draws, paired as predictions are and independent.

    python benchmarks/draws.py --predictions=runs/study/bnn-n50-seed0/predictions.npz

It reads the draws that a finished run has stored and trains nothing.
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli import run_main

PREDICTIONS = flags.DEFINE_string(
    "predictions", None, "predictions.npz or validation_predictions.npz of a finished run", required=True
)


def main(argv: list[str]) -> None:
    """Passes the flag on."""
    del argv
    from measuring.draws import nll_by_num_draws, read_draws
    from measuring.tables import print_table
    from rich.console import Console

    probabilities, labels = read_draws(Path(PREDICTIONS.value).expanduser())
    rows = [
        [str(row.num_draws), f"{row.paired:.4f}", f"{row.independent:.4f}"]
        for row in nll_by_num_draws(probabilities, labels)
    ]
    print_table("NLL", ("draws", "paired", "independent"), rows, Console())


if __name__ == "__main__":
    run_main(main)
