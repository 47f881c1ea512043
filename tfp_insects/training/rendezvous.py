"""Workers of a cluster wait for each other before TensorFlow does.

TensorFlow waits for an hour without a word, and nobody can interrupt it. Here it is said who is missing.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from tfp_insects.errors import InputError
from tfp_insects.training.cluster import VARIABLE, Cluster

SECONDS = 600.0
BETWEEN_TRIES, FOR_A_TRY = 0.2, 5.0


def wait_for_all(cluster: Cluster, seconds: float = SECONDS) -> None:
    """Waits until somebody listens at the addresses of all workers; this process at its own meanwhile.

    A worker that has found all leaves its address to TensorFlow, which listens there soon: others find that as well.

    Args:
        cluster: All workers, and this one.
        seconds: How long.

    Raises:
        InputError: This worker's address is another program's, or somebody did not come; the message says who.
    """
    others = [one for number, one in enumerate(cluster.addresses) if number != cluster.number]
    deadline = time.monotonic() + seconds
    with _listening(cluster):
        while missing := [address for address in others if not _answers(address)]:
            others = missing
            if time.monotonic() > deadline:
                raise InputError(
                    f"nobody listens at {', '.join(missing)} of {VARIABLE} after {seconds:.0f} seconds: start all "
                    "workers, and see that their addresses can be reached from here"
                )
            time.sleep(BETWEEN_TRIES)


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[None]:
    address = cluster.addresses[cluster.number]
    port = int(address.rpartition(":")[2])
    try:
        if socket.has_dualstack_ipv6():
            server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            server = socket.create_server(("", port))
    except OSError as error:
        raise InputError(
            f"{address}, worker {cluster.number + 1} of {len(cluster.addresses)} in {VARIABLE}, cannot be listened at "
            f"({error}): give it a port that is free"
        ) from error
    with server:
        threading.Thread(target=_accept, args=[server], daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)  # Else the thread would go on in it.


def _accept(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # The server is closed.
        while True:
            server.accept()[0].close()


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), FOR_A_TRY).close()
    except OSError:
        return False
    return True
