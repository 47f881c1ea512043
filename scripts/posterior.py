"""Shows what a trained BNN has learnt about its weights, and which of them it can do without.

python scripts/posterior.py --run=runs/bnn-n50-seed0 --data=PATH
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import run_main

RUN = flags.DEFINE_string("run", None, "directory of a finished run of --model=bnn", required=True)
DATA = flags.DEFINE_string(
    "data", "", "the images of the run, as --data of scripts/run.py: adds the accuracy after pruning; default: none"
)
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images are kept")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "where TensorFlow Datasets keeps prepared data; default: its own place"
)


def main(argv: list[str]) -> None:
    """Reads the run and describes it."""
    del argv
    from rich.console import Console

    from tfp_insects.report.posterior_report import describe_posterior, describe_pruning, examples_tested
    from tfp_insects.runs.reading import open_run
    from tfp_insects.study.experiment import open_images

    console, directory = Console(), Path(RUN.value).expanduser()
    run = open_run(directory)
    model = run.build_model()
    describe_posterior(model, directory, console)
    if DATA.value:
        data_dir = Path(DATA_DIR.value).expanduser() if DATA_DIR.value else None
        sizes = [run.n_per_class]
        cache_dir = Path(CACHE_DIR.value).expanduser()
        source = open_images(DATA.value, sizes, run.config["config"]["data"], cache_dir, data_dir)
        describe_pruning(model, examples_tested(source, directory), run.preprocessing, directory, console)
    console.print(f"Written: posterior.csv, posterior.png{', pruning.csv' if DATA.value else ''} in {directory}")


if __name__ == "__main__":
    run_main(main)
