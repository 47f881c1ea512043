"""From the flags of `benchmarks/quality.py` to its tables: the same runs as any study, each seed with its own split."""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfp_insects.compare.answers import Answers, Split, answers_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.criteria import judge
from tfp_insects.compare.noted_runs import NotedRuns, settings_digest
from tfp_insects.compare.plain_figures import plain_figures
from tfp_insects.compare.tables import print_comparison, print_noted
from tfp_insects.data.config import DataConfig
from tfp_insects.data.spared import without_validation_images
from tfp_insects.errors import InputError
from tfp_insects.files import require_writable, write_json
from tfp_insects.metrics.bootstrap import NUM_RESAMPLES
from tfp_insects.models.method_table import find_method
from tfp_insects.progress.display import Display
from tfp_insects.progress.memory import kept_costs
from tfp_insects.progress.meter import Meter
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.layout import VALIDATION_NAME
from tfp_insects.runs.reading import load_run
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey, is_finished, make_run_keys
from tfp_insects.study.experiment import (
    Experiment,
    make_experiment,
    open_images,
    open_ood_images,
    with_split_seed,
)
from tfp_insects.study.grid import ALL_RUNS, plan_runs
from tfp_insects.study.kept_features import KeptFeatures
from tfp_insects.study.records import VERSIONED, hardware
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.work import machine
from tfp_insects.text import plain


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What is to be compared.

    Attributes:
        split: `validation`, for choosing, which predicts no test image; or `test`.
        models: Names of models.
        sizes: Numbers of training images of each class.
        seeds: Of the runs and of their splits; the dearer baselines are run with the first alone, see `Method`.
        data: As `--data` of `scripts/run.py`.
        weights: As `--weights` there.
        ood_data: As `--ood_data` there; out-of-distribution images are part of the test.
        config: Of the runs.
        workdir: Where runs and `quality-<split>.json` go.
        cache_dir: Where drawn images and weights are kept.
        only_finished: Whether to run nothing and compare what is finished, with whichever of the seeds.
        chosen_on: A split whose validation images are used for nothing, since what is compared was chosen on them.
        shares_features: Whether runs share the features of frozen layers; their times of whole runs say nothing then.
        table: A table to which each run is noted as soon as it is finished, see `noted_runs`; what it has is not run again.
    """

    split: Split
    models: Sequence[str]
    sizes: Sequence[int]
    seeds: Sequence[int]
    data: str
    weights: str
    ood_data: str
    config: RunConfig
    workdir: Path
    cache_dir: Path
    only_finished: bool = False
    chosen_on: DataConfig | None = None
    table: Path | None = None
    shares_features: bool = False

    @property
    def keys(self) -> list[RunKey]:
        """What is run, cheapest first, or what is looked for where nothing is run."""
        keys = make_run_keys(list(self.models), list(self.sizes), list(self.seeds))
        if self.only_finished:
            return keys
        return [key for key in keys if find_method(key.model).runs_all_seeds or key.seed == self.seeds[0]]


def run_benchmark(benchmark: Benchmark, console: Console) -> dict[str, Any]:
    """Does what is left of the runs, compares them, prints the tables and writes them as JSON.

    Returns:
        What is written; empty where the predictions of no run are here.

    Raises:
        InputError: Something that the user gave cannot be used, or a work directory holds other runs.
    """
    if benchmark.table is not None and benchmark.split != "test":
        raise InputError("table: runs are noted once they are tested, so it needs the split test", field="table")
    require_writable(benchmark.workdir)
    experiment = _make_experiment(benchmark, console)
    if not benchmark.only_finished:
        _do_runs(benchmark, experiment, console)
    if benchmark.table is not None:
        print_noted(NotedRuns(benchmark.table).rows, console)
        if not any(is_finished(key.directory(benchmark.workdir)) for key in benchmark.keys):
            return {}  # All were run elsewhere, and their predictions are not here.
    comparison = read_comparison(benchmark)
    _say(console, f"Comparing {len(comparison.runs)} runs on {NUM_RESAMPLES:,} resamples of their images.")
    figures = plain_figures(comparison)
    criteria = judge(figures)
    result = {**_provenance(benchmark, experiment), **figures, "criteria": [one._asdict() for one in criteria]}
    path = benchmark.workdir / f"quality-{benchmark.split}.json"
    write_json(path, result)
    print_comparison(figures, criteria, console)
    _say(console, f"Written: {path}")
    return result


def read_comparison(benchmark: Benchmark) -> Comparison:
    """Reads those of the runs that are finished.

    Raises:
        InputError: None is finished, a file of one is cut off, or two cannot be compared.
    """
    found = [answers for key in benchmark.keys if (answers := _read(key, benchmark)) is not None]
    if not found:
        raise InputError(
            f"{benchmark.workdir}: no finished run of {benchmark.split} there, so there is nothing to compare"
        )
    return Comparison(found)


def _read(key: RunKey, benchmark: Benchmark) -> Answers | None:
    directory = key.directory(benchmark.workdir)
    if benchmark.split == "test":
        return answers_of(load_run(directory)) if is_finished(directory) else None
    return answers_of(Run(directory), "validation") if (directory / VALIDATION_NAME).exists() else None


def _say(console: Console, line: str) -> None:
    console.print(plain(line), soft_wrap=True)


def _make_experiment(benchmark: Benchmark, console: Console) -> Experiment:
    data_config = benchmark.config.data
    source = open_images(benchmark.data, benchmark.sizes, data_config, benchmark.cache_dir, None)
    if benchmark.chosen_on is not None:
        source = without_validation_images(source, benchmark.chosen_on)
    spec = benchmark.ood_data if benchmark.split == "test" else ""
    ood = open_ood_images(spec, data_config, benchmark.cache_dir)
    experiment = make_experiment(
        source,
        benchmark.weights,
        benchmark.sizes,
        benchmark.config,
        benchmark.cache_dir,
        functools.partial(_say, console),
        ood,
    )
    return dataclasses.replace(experiment, kept_features=KeptFeatures() if benchmark.shares_features else None)


def _do_runs(benchmark: Benchmark, experiment: Experiment, console: Console) -> None:
    own = {key: with_split_seed(experiment, key.seed, benchmark.sizes) for key in benchmark.keys}
    noted = None if benchmark.table is None else NotedRuns(benchmark.table)
    if noted is not None:
        own = {key: one for key, one in own.items() if not noted.has(key, _settings(key, one, benchmark.workdir))}
    num_unknown = len(experiment.ood.example_ids) if experiment.ood else 0
    with kept_costs(benchmark.cache_dir, machine(num_jobs=1)) as costs:
        display = Display(Meter(costs), console, ALL_RUNS)
        for key, one in own.items():
            plan_runs(display, [key], one.split, one.config, benchmark.workdir, num_unknown)
        with display.opened():
            for key, one in own.items():
                with display.working(key.name) as on_work:
                    run = OneRun(key, one, benchmark.workdir, on_work)
                    run.run_validation() if benchmark.split == "validation" else run.run()
                _say(console, f"{key.name}: finished")
                if noted is not None:
                    noted.note(answers_of(load_run(key.directory(benchmark.workdir))), settings_digest(run.identity))


def _settings(key: RunKey, experiment: Experiment, workdir: Path) -> str:
    return settings_digest(OneRun(key, experiment, workdir).identity)


def _provenance(benchmark: Benchmark, experiment: Experiment) -> dict[str, Any]:
    ood = experiment.ood
    return {
        "split": benchmark.split,
        "sizes": list(benchmark.sizes),
        "seeds": list(benchmark.seeds),
        "split_seeds": list(benchmark.seeds),
        "data": experiment.source.name,
        "data_fingerprint": experiment.data_fingerprint,
        "weights": experiment.pretrained.name,
        "weights_fingerprint": experiment.pretrained.fingerprint,
        "ood_data": ood.name if ood else None,
        "num_ood_examples": len(ood.example_ids) if ood else 0,
        "config": experiment.config.to_plain(),
        "hardware": hardware(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }
