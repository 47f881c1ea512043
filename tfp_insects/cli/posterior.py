"""What `posterior` does: describes the weights of a finished run, and its accuracy on the run's images after pruning."""

from pathlib import Path

from rich.console import Console

from tfp_insects.report.posterior_report import describe_posterior, describe_pruning, examples_tested
from tfp_insects.runs.reading import open_run
from tfp_insects.study.experiment import open_images


def show_posterior(run: Path, data: str, cache_dir: Path, data_dir: Path | None, console: Console) -> None:
    """Prints and writes into the run's directory what its model has learnt about its weights.

    Args:
        run: Directory of a finished run whose model is Bayesian.
        data: The run's images, as the study has it; empty to leave pruning out.
        cache_dir: Where drawn images are kept.
        data_dir: Where TensorFlow Datasets keeps prepared data; none for its own place.
        console: Where tables are printed.

    Raises:
        InputError: The run or its images cannot be read, or the model is not Bayesian.
    """
    finished = open_run(run)
    model = finished.build_model()
    describe_posterior(model, run, console)
    if data:
        sizes = [finished.n_per_class]
        source = open_images(data, sizes, finished.settings.data, cache_dir, data_dir)
        describe_pruning(model, examples_tested(source, run), finished.preprocessing, run, console)
    console.print(f"Written: posterior.csv, posterior.png{', pruning.csv' if data else ''} in {run}")
