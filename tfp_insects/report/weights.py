"""A Bayesian run's weights as distributions, read from its checkpoint layer by layer."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import h5py  # type: ignore[import-untyped]
import numpy as np
from tf_keras.src.saving.legacy.hdf5_format import load_attributes_from_hdf5_group

from tfp_insects.bayes.log_uniform_prior import LogUniformState
from tfp_insects.bayes.normal_prior import NormalState
from tfp_insects.errors import InputError
from tfp_insects.runs.layout import WEIGHTS_PATH
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

# A network has millions of weights; this many of each layer show its distribution.
MAX_WEIGHTS = 200_000


class NormalPrior(NamedTuple):
    """N(loc, scale²) for each weight that was read; float64 `[num_read]`."""

    loc: np.ndarray
    scale: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class LayerWeights:
    """Posterior and prior of a layer's kernel; the posterior is N(loc, scale²) for each weight.

    Attributes:
        name: The layer's name.
        shape: The kernel's shape.
        rows: Indices along the kernel's first axis that were read, evenly spaced.
        loc: float64 `[num_read]`.
        scale: float64 `[num_read]`, posterior scale; as it was trained where it comes from `read_weights`.
        divergence: float64 `[num_read]`, KL(posterior || prior) of each weight in nats.
        prior: The prior, if it is normal; none for a log-uniform one, which has neither location nor scale.
        median_ratio: Median over the layer of the trained scale's share of the prior's, or of the location's size.
        covariance_scale: float64 `[num_read]`, scale of each weight in the covariance that was found after training; none
            where weights are independent in predictions.
    """

    name: str
    shape: tuple[int, ...]
    rows: range
    loc: np.ndarray
    scale: np.ndarray
    divergence: np.ndarray
    prior: NormalPrior | None
    median_ratio: float
    covariance_scale: np.ndarray | None = None

    def place(self, index: int) -> tuple[int, ...]:
        """Index in the whole kernel of a weight that was read."""
        row, *rest = np.unravel_index(index, (len(self.rows), *self.shape[1:]))
        return (self.rows[row], *(int(one) for one in rest))


def bayesian_runs(study: RunSet) -> list[Run]:
    """Two runs of one model whose posteriors are of the same layers: with the fewest and with the most images a class.

    The model is the twin, if it was run with the most images of all; of several seeds the smallest counts. One run where
    there is no second, none where no checkpoint holds posteriors.

    Raises:
        InputError: A checkpoint is cut off.
    """
    by_size = sorted(study.runs, key=lambda run: (-run.n_per_class, run.model != study.twin))
    largest = next((run for run in by_size if _posterior_shapes(run)), None)
    if largest is None:
        return []
    alike = (run for run in study.runs if run.model == largest.model)
    smallest = next(run for run in alike if _posterior_shapes(run) == _posterior_shapes(largest))
    return list(dict.fromkeys([smallest, largest]))


def read_weights(run: Run) -> list[LayerWeights]:
    """Reads the Bayesian layers of a run from input to output.

    Raises:
        InputError: The checkpoint is cut off.
    """
    try:
        with h5py.File(_path(run)) as file:
            return [_read_layer(name, group) for name, group in _kernels(file).items()]
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{_path(run)} cannot be read ({error}): remove the run's directory and run it again"
        ) from error


def _path(run: Run) -> Path:
    return run.directory / WEIGHTS_PATH


def _posterior_shapes(run: Run) -> dict[str, tuple[int, ...]]:
    """Shape of each layer's posterior by name; empty where the checkpoint holds none."""
    path = _path(run)
    if not path.exists():
        return {}
    try:
        with h5py.File(path) as file:
            return {name: group["kernel_loc:0"].shape for name, group in _kernels(file).items()}
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): remove the run's directory and run it again") from error


def _kernels(file: h5py.File) -> dict[str, h5py.Group]:
    """Groups that hold a posterior, by layer, in the order in which Keras wrote the layers: from input to output."""
    groups: dict[str, h5py.Group] = {}
    for layer in load_attributes_from_hdf5_group(file, "layer_names"):
        for weight in load_attributes_from_hdf5_group(file[layer], "weight_names"):
            name, _, variable = weight.rpartition("/")
            if variable == "kernel_loc:0":
                groups[name.rpartition("/")[2]] = file[layer][name]
    return groups


def _read_layer(name: str, group: h5py.Group) -> LayerWeights:
    shape = group["kernel_loc:0"].shape
    step = -(-int(np.prod(shape)) // MAX_WEIGHTS)

    def read(field: str) -> np.ndarray:
        dataset = group[f"{field}:0"]
        return np.asarray(dataset[::step] if dataset.shape else dataset[()], np.float64)

    loc, log_ratio = read("kernel_loc"), read("kernel_log_ratio")

    def full(values: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(values), loc.shape).ravel()

    state: NormalState | LogUniformState = LogUniformState(loc, log_ratio)
    prior = None
    if "prior_loc:0" in group:
        state = NormalState(loc, log_ratio, *map(read, ("prior_loc", "prior_factor", "prior_floor")))
        prior = NormalPrior(full(state.prior_loc), full(state.prior_scale()))
    scale, divergence = full(state.posterior_scale()), full(state.kl_terms())
    covariance_scale = None
    if "covariance_factor:0" in group:  # A square root A of A A', the covariance of the weights of any one unit.
        factor = read("covariance_factor")
        covariance_scale = full(np.sqrt(np.square(factor).sum(axis=1, keepdims=True)))
    rows, ratio = range(0, shape[0], step), float(np.median(np.exp(log_ratio)))
    return LayerWeights(name, shape, rows, loc.ravel(), scale, divergence, prior, ratio, covariance_scale)
