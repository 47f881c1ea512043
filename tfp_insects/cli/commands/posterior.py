"""Shows what a trained BNN has learnt about its weights, and which of them it can do without.

tfp-insects posterior --run=runs/bnn-n50-seed0 --data=PATH
"""

from pathlib import Path

from absl import flags

RUN = flags.DEFINE_string("run", None, "directory of a finished run of --model=bnn", required=True)
DATA = flags.DEFINE_string(
    "data", "", "the images of the run, as --data of run: adds the accuracy after pruning; default: none"
)
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images are kept")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "where TensorFlow Datasets keeps prepared data; default: its own place"
)


def main() -> None:
    """Passes the flags on."""
    from rich.console import Console

    from tfp_insects.cli.posterior import show_posterior

    show_posterior(
        run=Path(RUN.value).expanduser(),
        data=DATA.value,
        cache_dir=Path(CACHE_DIR.value).expanduser(),
        data_dir=Path(DATA_DIR.value).expanduser() if DATA_DIR.value else None,
        console=Console(),
    )
