"""What trains: which devices `auto` takes, and what is refused in one line."""

import json
from typing import Any

import pytest

from tfp_insects.errors import InputError
from tfp_insects.training.cluster import Cluster, read_cluster
from tfp_insects.training.strategies import STRATEGIES, Choice, choose_strategy

TWO = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def environment(content: Any) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps(content)}


@pytest.mark.parametrize(
    ("name", "num_gpus", "expected"),
    [
        ("auto", 0, "none"),
        ("auto", 1, "none"),
        ("auto", 2, "mirrored"),
        ("none", 4, "none"),
        ("mirrored", 2, "mirrored"),
    ],
)
def test_devices_of_one_machine(name: str, num_gpus: int, expected: str) -> None:
    assert choose_strategy(name, {}, num_gpus) == Choice(expected)


@pytest.mark.parametrize("name", ["auto", "multiworker"])
@pytest.mark.parametrize("num_gpus", [0, 1, 8])
def test_a_cluster_makes_workers(name: str, num_gpus: int) -> None:
    assert choose_strategy(name, environment(TWO), num_gpus) == Choice("multiworker", Cluster(("a:1", "b:2"), 1))


@pytest.mark.parametrize("name", ["none", "mirrored"])
def test_a_cluster_is_not_asked_for_by_other_names(name: str) -> None:
    assert choose_strategy(name, environment(TWO), 2) == Choice(name)


@pytest.mark.parametrize(("num_gpus", "expected"), [(0, "none"), (1, "none"), (3, "mirrored")])
@pytest.mark.parametrize("name", ["auto", "multiworker"])
def test_a_cluster_of_one_is_none(name: str, num_gpus: int, expected: str) -> None:
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    assert choose_strategy(name, environment(alone), num_gpus) == Choice(expected)


def test_several_runs_at_a_time_have_one_device_each() -> None:
    assert choose_strategy("auto", {}, 4, num_jobs=2) == Choice("none")
    for name, content in (("mirrored", {}), ("auto", environment(TWO)), ("multiworker", environment(TWO))):
        with pytest.raises(InputError, match=r"^jobs=2: .* set jobs to 1, or the strategy to none$") as caught:
            choose_strategy(name, content, 4, num_jobs=2)
        assert caught.value.fields == ("jobs", "strategy")


@pytest.mark.parametrize(
    ("name", "num_gpus", "message"),
    [
        ("both", 0, f"^strategy='both': expected one of {', '.join(STRATEGIES)}$"),
        ("mirrored", 0, "this machine has no GPUs? that .*: choose auto or none$"),
        ("mirrored", 1, "this machine has 1 GPU that .*: choose auto or none$"),
        (
            "multiworker",
            2,
            "TF_CONFIG is not set in this process; set it .* choose mirrored for the GPUs of one machine$",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(name: str, num_gpus: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        choose_strategy(name, {}, num_gpus)
    assert caught.value.fields == ("strategy",)


def test_a_chief_comes_first() -> None:
    jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    for kind, index, number in (("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)):
        found = read_cluster(json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}}))
        assert found == Cluster(("a:1", "b:2", "c:3"), number)


def changed(**parts: Any) -> str:
    return json.dumps({**TWO, **parts})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("worker 0", "is no JSON"),
        ("[]", "has no cluster"),
        (changed(cluster={}), "has no cluster"),
        (changed(task=None), "has no task"),
        (changed(cluster={"ps": ["a:1"], "worker": ["b:2"]}), "has cluster.ps; only chief and worker train here"),
        (changed(cluster={"worker": "a:1"}), 'has cluster.worker="a:1"; expected a list of addresses'),
        (changed(cluster={"worker": ["a"]}), r'has cluster.worker=["a"]; expected a list of addresses'),
        (changed(cluster={"worker": ["a:65536"]}), r'has cluster.worker=["a:65536"]; expected a list of addresses'),
        (changed(cluster={"worker": []}), "has cluster.worker=[]; expected a list of addresses"),
        (changed(cluster={"worker": ["a:1", "a:1"]}), "names an address twice"),
        (changed(cluster={"chief": ["a:1", "b:1"]}), "has more than one address in cluster.chief"),
        (changed(task={"type": "chief", "index": 0}), 'has task.type="chief"; expected one of cluster: worker'),
        (changed(task={"index": 0}), "has task.type=null"),
        (changed(task={"type": "worker", "index": 2}), "has task.index=2; expected 0 to 1"),
        (changed(task={"type": "worker", "index": "1"}), 'has task.index="1"; expected 0 to 1'),
    ],
)
def test_a_malformed_cluster_says_what_is_wrong_and_how_it_looks(text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read_cluster(text)
    message = str(caught.value)
    assert message.startswith(f"TF_CONFIG {what}")
    assert "\n" not in message
    assert '"task": {"type": "worker", "index": 0}}' in message
