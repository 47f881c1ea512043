"""Workers of a cluster wait for each other, and say who is missing."""

import socket
import threading
import time

import pytest
from fixtures.small_command import free_ports

from tfp_insects.errors import InputError
from tfp_insects.training.cluster import Cluster
from tfp_insects.training.rendezvous import wait_for_all


def addresses(number: int) -> tuple[str, ...]:
    return tuple(f"127.0.0.1:{port}" for port in free_ports(number))


def test_all_wait_for_the_last_and_leave_their_addresses() -> None:
    names, done = addresses(3), []

    def wait(number: int) -> None:
        wait_for_all(Cluster(names, number), seconds=30.0)
        done.append(number)
        port = int(names[number].rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port)):  # As TensorFlow, which listens there then.
            time.sleep(1.0)

    threads = [threading.Thread(target=wait, args=[number]) for number in range(3)]
    for thread in threads[:2]:
        thread.start()
    time.sleep(0.5)
    assert done == []
    threads[2].start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2]


def test_who_is_missing_is_named() -> None:
    first, second, third = addresses(3)
    with (
        socket.create_server(("127.0.0.1", int(second.rpartition(":")[2]))),
        pytest.raises(InputError, match=f"^nobody listens at {third} of TF_CONFIG after 0 seconds: start all workers"),
    ):
        wait_for_all(Cluster((first, second, third), 0), seconds=0.3)


def test_an_address_that_is_taken_is_named() -> None:
    (name,) = addresses(1)
    with socket.create_server(("", int(name.rpartition(":")[2]))), pytest.raises(InputError) as caught:
        wait_for_all(Cluster((name, "127.0.0.1:9"), 0), seconds=0.3)
    assert str(caught.value).startswith(f"{name}, worker 1 of 2 in TF_CONFIG, cannot be listened at (")
    assert str(caught.value).endswith("give it a port that is free")
