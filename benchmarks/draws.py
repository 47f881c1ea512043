"""What a Monte Carlo draw is worth: NLL by the number of draws, as predictions have them and with fewer savings.

    python benchmarks/draws.py --predictions=runs/study/bnn-n50-seed0/predictions.npz

It reads the draws that a finished run has stored and trains nothing.
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import run_main

PREDICTIONS = flags.DEFINE_string(
    "predictions", None, "predictions.npz or validation_predictions.npz of a finished run", required=True
)


def main(argv: list[str]) -> None:
    """Passes the flag on."""
    del argv
    from measuring.draws import nll_by_num_samples, read_draws
    from measuring.tables import print_table
    from rich.console import Console

    probabilities, labels = read_draws(Path(PREDICTIONS.value).expanduser())
    headings = "draws", f"paired, {probabilities.shape[1]} of the last layer", "paired", "independent"
    rows = [
        [str(number), *(f"{nll:.4f}" for nll in nlls)] for number, *nlls in nll_by_num_samples(probabilities, labels)
    ]
    print_table("NLL", headings, rows, Console())


if __name__ == "__main__":
    run_main(main)
