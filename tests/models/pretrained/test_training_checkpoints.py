"""Checkpoints as people have them: what training scripts save around a model, and before the names of its tensors."""

import argparse
import collections
import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.weights_layout import convert_state_dict
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.pretrained_files import load_pretrained
from tfp_insects.models.torch_files.checkpoint import read_state_dict

Write = Callable[..., Path]
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


class Namespace(argparse.Namespace):
    """Of no module that a reader could import."""


class Colour(enum.Enum):
    RED = 1


@pytest.fixture
def write(checkpoints: Any, tmp_path: Path, form: str) -> Write:
    """Writes what `make` gives for a function that makes the same tensor of each name."""

    def save(make: Callable[[Callable[[], Any]], Any]) -> Path:
        def tensor() -> Any:
            return checkpoints.tensor(checkpoints.storage("0", 6, legacy=form == "legacy"), (2, 3), (3, 1))

        return checkpoints.write(tmp_path / "m.pth", form, make(tensor), {"0": ARRAY.ravel()})

    return save


def assert_is(path: Path, *names: str) -> None:
    found = read_state_dict(path)
    assert tuple(found) == names
    for array in found.values():
        np.testing.assert_array_equal(array, ARRAY)


@pytest.mark.parametrize(
    "key", ["state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"]
)
def test_known_keys_are_unwrapped_whatever_is_beside_them(write: Write, key: str) -> None:
    def make(tensor: Callable[[], Any]) -> Any:
        optimiser = {"state": {0: {"momentum_buffer": tensor()}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
        return {"epoch": 3, "best_acc1": tensor(), "optimizer": optimiser, key: {"fc.weight": tensor()}}

    assert_is(write(make), "fc.weight")


def test_wrappers_may_be_in_each_other(write: Write) -> None:
    assert_is(write(lambda tensor: {"model": {"state_dict": {"fc.weight": tensor()}, "epoch": 3}}), "fc.weight")


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("module.fc.weight", "fc.weight"),
        ("features.module.0.weight", "features.0.weight"),
        ("model.fc.weight", "fc.weight"),
        ("net.fc.weight", "fc.weight"),
        ("backbone.fc.weight", "fc.weight"),
        ("_orig_mod.fc.weight", "fc.weight"),
        ("module.model._orig_mod.fc.weight", "fc.weight"),
        ("model.module.features.module.0.weight", "features.0.weight"),
    ],
)
def test_names_of_wrappers_are_taken_off(write: Write, stored: str, name: str) -> None:
    assert_is(write(lambda tensor: {"state_dict": {stored: tensor()}}), name)
    assert_is(write(lambda tensor: {stored: tensor()}), name)


def test_tensors_outside_the_wrapped_model_are_left_out(write: Write) -> None:
    state_dict = ("model.fc.weight", "criterion.weight", "train_accuracy.total")
    assert_is(write(lambda tensor: {"state_dict": {name: tensor() for name in state_dict}}), "fc.weight")


def test_names_that_would_be_one_without_wrappers_are_kept(write: Write) -> None:
    assert_is(
        write(lambda tensor: {"fc.weight": tensor(), "module.fc.weight": tensor()}), "fc.weight", "module.fc.weight"
    )


def test_tensors_of_the_wrapper_itself_are_left_out(write: Write) -> None:
    """As torch.optim.swa_utils.AveragedModel counts what it has averaged."""
    assert_is(write(lambda tensor: {"module.fc.weight": tensor(), "n_averaged": tensor()}), "fc.weight")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "extra",
    [
        argparse.Namespace(lr=0.1, data_path="x"),
        Namespace(lr=0.1),
        collections.defaultdict(list, {"loss": [1.0, 2.0]}),
        collections.Counter("abca"),
        np.float64(0.5),
        np.arange(5),
        np.dtype("float32"),
        {1, 2, 3},
        frozenset({1}),
        b"bytes",
        complex(1, 2),
        Path("x"),
        Colour.RED,
        {("a", 1): 2, None: 3, 1.5: 4},
        ValueError("a"),
        range(3),
        2**100,
    ],
    ids=lambda extra: type(extra).__name__,
)
def test_objects_that_no_tensor_needs_are_inert(checkpoints: Any, tmp_path: Path, extra: Any, protocol: int) -> None:
    tensor = checkpoints.tensor(checkpoints.storage("0", 6), (2, 3), (3, 1))
    pickled = checkpoints.pickle({"args": extra, "model": {"fc.weight": tensor}, "last": extra}, protocol)
    members = {"data.pkl": pickled, "data/0": ARRAY.tobytes()}
    assert_is(checkpoints.write_zip(tmp_path / "m.pth", members), "fc.weight")


def test_an_unknown_key_is_named_with_what_to_save(write: Write) -> None:
    path = write(lambda tensor: {"epoch": 3, "generator": {"fc.weight": tensor()}, "critic": {"fc.weight": tensor()}})
    message = (
        r"none of its keys epoch \(int\), generator \(dict\), critic \(dict\) .* under generator, critic: save that"
    )
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.pth.tar", "a.ckpt", "a.bin", "A.PTH"])
def test_alexnet_of_the_imagenet_example_is_read_under_each_ending(
    checkpoints: Any, narrow_state_dict: Callable, tmp_path: Path, name: str
) -> None:
    wrapped = {key.replace("features.", "features.module."): array for key, array in narrow_state_dict().items()}
    found = load_pretrained(checkpoints.write_arrays(tmp_path / name, "zip", wrapped), ALEXNET)
    for key, array in convert_state_dict(narrow_state_dict()).items():
        np.testing.assert_array_equal(found[key], array, strict=True)


class _Wrapped:
    """Forms in which training scripts save a small network, made with torch itself."""

    def __init__(self, torch: Any) -> None:
        nn = torch.nn
        self.torch = torch
        self.model = nn.Sequential(
            collections.OrderedDict(features=nn.Sequential(nn.Conv2d(3, 4, 3)), fc=nn.Linear(4, 2))
        )
        self.expected = {name: tensor.numpy() for name, tensor in self.model.state_dict().items()}

    def forms(self) -> dict[str, Any]:
        torch, model = self.torch, self.model
        optimiser = torch.optim.Adam(model.parameters())
        model.fc(model.features(torch.zeros(1, 3, 3, 3)).flatten(1)).sum().backward()
        self.expected = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
        state = model.state_dict()
        args = argparse.Namespace(lr=0.1, device=torch.device("cpu"), dtype=torch.float32)
        lightning = {f"model.{name}": tensor for name, tensor in state.items()} | {"loss.weight": torch.ones(2)}
        return {
            "model and args": {"model": state, "optimizer": optimiser.state_dict(), "args": args},
            "data parallel": {"state_dict": torch.nn.DataParallel(model).state_dict(), "best": np.float64(0.5)},
            "lightning": {"state_dict": lightning, "hyper_parameters": args, "size": torch.Size([1, 2])},
            "whole model": model,
            "whole model in a dict": {"net": torch.nn.DataParallel(model), "epoch": 3},
            "parameters": dict(model.named_parameters()),
        }


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_read_in_each_form(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch", reason="writes with torch, which only the parity extra installs")
    wrapped = _Wrapped(torch)
    for form, value in wrapped.forms().items():
        torch.save(value, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
        found = read_state_dict(tmp_path / "m.pth")
        assert list(found) == list(wrapped.expected), form
        for name, array in wrapped.expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=form)


def test_a_torchscript_program_says_what_to_save(checkpoints: Any, tmp_path: Path) -> None:
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": b"}.", "code/__torch__.py": b"class A: pass"})
    with pytest.raises(InputError, match=r"TorchScript program; load it with torch\.jit\.load and save its state_dict"):
        read_state_dict(path)
