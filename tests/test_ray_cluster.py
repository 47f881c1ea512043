"""A cluster that cannot be had, or is lost: each says so in a line."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from fixtures.ray_heads import free_port, require_ray, started_head

from tfp_insects.errors import InputError
from tfp_insects.ray_cluster import Cluster, Node, Share, connected

ROOT = Path(__file__).resolve().parents[1]
# A command whose work outlasts the test.
COMMAND = """
import sys, time
from tfp_insects.errors import InputError
from tfp_insects.interruption import interruptible
from tfp_insects.ray_cluster import connected

def wait():
    time.sleep(300)

try:
    with interruptible(), connected(sys.argv[1]) as cluster:
        waiting = cluster.ray.remote(wait).remote()
        print(len(cluster.nodes), flush=True)
        cluster.ray.get(waiting)
except InputError as error:
    sys.exit(f"error: {error}")
"""


def test_without_ray_the_error_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # As Python has it where a package is not there.
    with pytest.raises(InputError, match=r"Ray is not installed .*pip install -r requirements-scale\.txt"):
        connected().__enter__()


@pytest.mark.parametrize(
    ("nodes", "jobs", "share"),
    [
        ([Node(2, 0)], 1, Share(2, 0.0, 1)),
        ([Node(2, 0)], 2, Share(1, 0.0, 2)),
        ([Node(2, 0)], 3, Share(1, 0.0, 2)),
        ([Node(16, 0), Node(8, 0)], 2, Share(4, 0.0, 6)),
        ([Node(4, 0), Node(16, 4), Node(16, 2)], 1, Share(16, 2.0, 2)),
        ([Node(16, 4)], 2, Share(8, 2.0, 2)),
        ([Node(9, 1)], 3, Share(3, 0.3333, 3)),
    ],
)
def test_the_cores_and_gpus_of_machines_are_shared_out(nodes: list[Node], jobs: int, share: Share) -> None:
    assert Cluster(SimpleNamespace(), "", nodes).share(jobs) == share


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:{port}", "no head of a Ray cluster answers there. Start it"),
        ("ray://127.0.0.1:{port}", "expected HOST:PORT of a cluster's head"),
        ("127.0.0.1", "expected HOST:PORT of a cluster's head"),
    ],
)
def test_a_head_that_cannot_be_reached_is_named(address: str, words: str) -> None:
    require_ray()
    address = address.format(port=free_port())
    with pytest.raises(InputError, match=f"^ray_address={address}: {words}") as caught:
        connected(address).__enter__()
    assert caught.value.fields == ("ray_address",)


@pytest.mark.long
def test_the_end_of_the_head_ends_the_command_with_a_line_that_says_so() -> None:
    require_ray()
    with tempfile.TemporaryDirectory(prefix="ray-") as scratch, started_head(Path(scratch)) as head:
        command = subprocess.Popen(
            [sys.executable, "-c", COMMAND, head.address],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stdout is not None
        assert command.stdout.readline() == "1\n"
        head.kill()
        _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert f"error: the head of the Ray cluster at {head.address} does not answer any more. Start it again" in errors
    assert "Traceback" not in errors
