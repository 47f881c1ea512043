"""Two replicas train what one device trains: the same losses, the divergence counted once, noise of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def proofs() -> dict[str, Any]:
    """Figures of a process of its own: another number of devices can be had before TensorFlow begins alone."""
    called = [sys.executable, str(TESTS / "fixtures" / "two_devices.py"), "fixtures.mirrored_proofs:prove"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    done = subprocess.run(called, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_divergence_counts_once(proofs: dict[str, Any]) -> None:
    one, two = proofs["steps"]["kl_before"]
    assert one == two > 1000.0
    loss, sum_of_both = proofs["steps"]["loss"]
    assert loss > 1000.0 / 40
    assert sum_of_both == pytest.approx(loss, rel=1e-6)


def test_without_noise_steps_are_those_of_one_device_whatever_the_batch_divides_into(proofs: dict[str, Any]) -> None:
    steps = proofs["steps"]
    np.testing.assert_allclose(*np.transpose(steps["nll"]), rtol=1e-5, atol=1e-5)
    one, two = np.transpose(steps["correct"])
    np.testing.assert_array_equal(one, two)
    assert one.sum() > 0
    before, after = steps["kl_before"][0], steps["kl_after"]
    assert after[0] < 0.99 * before
    assert after[1] == pytest.approx(after[0], rel=1e-5)
    assert steps["copies"] == 0.0


def test_one_device_goes_on_where_two_were(proofs: dict[str, Any]) -> None:
    assert proofs["steps"]["resumed"] == []


@pytest.mark.parametrize("kind", ["normals", "signs", "masks"])
def test_noise_of_replicas_is_independent(kind: str, proofs: dict[str, Any]) -> None:
    found = proofs["noise"][kind]
    assert abs(found["correlation"]) < 5 / np.sqrt(found["size"])
    assert found["deviations"] == pytest.approx([1.0, 1.0], abs=0.05)
    assert found["equal_steps"] == 0
    assert found.get("first_is_as_alone", True)


def test_batches_that_some_replica_has_less_of_are_refused(proofs: dict[str, Any]) -> None:
    even, odd, single = proofs["batch_size"]
    assert even == ""
    assert odd.startswith(
        "training.batch_size=7: it is dealt out to 2 replicas; give a multiple of that, such as 6 or 8"
    )
    assert single.startswith("training.batch_size=1: ")
    assert "such as 2 (" in single
    assert "('training.batch_size',)" in single


def test_to_read_statistics_asks_no_other_replica(proofs: dict[str, Any]) -> None:
    assert len(proofs["statistics"]) == 2
    assert all("ONLY_FIRST_REPLICA" in aggregation for aggregation in proofs["statistics"].values())
