"""A Ray cluster: one on this machine for as long as a command lasts, or one that runs already; reached, watched and left.

Ray is an extra, imported inside functions alone: nobody needs it who does not ask for it.
"""

import _thread
import contextlib
import dataclasses
import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tfp_insects.errors import InputError

OBJECT_STORE_BYTES = 200_000_000  # Of a cluster on this machine: what passes through it is small.
SECONDS_TO_ANSWER = 5.0
SECONDS_BETWEEN_LOOKS = 1.0
LOOKS = 3  # So many in a row find nobody before the head is given up.
GRACE_SECONDS = 20.0
# Ray reads them when it is imported. Nothing is sent to anybody, and workers do not warn of what concerns nobody here.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}

# A cluster of this machine alone is reached by its own programs alone: whoever reaches one can run programs in it.
# Its workers give way to other programs no more than the command itself does, where Ray's would at 15 levels of nice.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token", "RAY_worker_niceness": "0"}


class Node(NamedTuple):
    """A machine of a cluster, with what Ray may give away of it."""

    cpus: int
    gpus: int


class Share(NamedTuple):
    """What each of several jobs gets.

    Attributes:
        cpus: Cores.
        gpus: Graphics processors; a part of one where several jobs share it.
        num_at_once: Jobs that the whole cluster does at the same time.
    """

    cpus: int
    gpus: float
    num_at_once: int


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        ray: The module.
        head: Address of its head.
        nodes: Its machines that have cores to give.
    """

    ray: Any
    head: str
    nodes: Sequence[Node]

    def share(self, jobs_a_machine: int) -> Share:
        """Shares out the cores, and where there are any the GPUs, of each machine; the smallest one sets the measure."""
        having_gpus = [node for node in self.nodes if node.gpus]
        nodes = having_gpus or self.nodes
        cpus = max(1, min(node.cpus for node in nodes) // jobs_a_machine)
        gpus = _gpus(min(node.gpus for node in nodes), jobs_a_machine)
        return Share(cpus, gpus, sum(_places(node, cpus, gpus) for node in nodes))

    def require_head(self) -> None:
        """Raises `InputError` if the head does not answer any more."""
        if not _answers(self.head):
            raise _lost(self.head)


def _gpus(gpus: int, jobs: int) -> float:
    """The GPUs of each job; Ray counts in ten-thousandths."""
    return float(gpus // jobs) if gpus >= jobs else int(10_000 * gpus / jobs) / 10_000


def _places(node: Node, cpus: int, gpus: float) -> int:
    places = node.cpus // cpus
    return min(places, int(node.gpus / gpus)) if gpus else places


@contextlib.contextmanager
def connected(address: str = "") -> Iterator[Cluster]:
    """Connects this process to a cluster for the length of the block.

    A cluster on this machine ends with the block, and with this process, however that ends. Where the head of another one
    ends, the block does too, within seconds; by itself Ray would end this process after a minute without a word.

    Args:
        address: `HOST:PORT` of a cluster's head, or `auto` for the one on this machine that runs already; empty for
            `RAY_ADDRESS` of the environment, or else for a cluster of this machine alone.

    Raises:
        InputError: Ray is not installed, the head does not answer, or it has no cores to give.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    is_alone = address in ("", "local")
    ray = import_ray(is_alone)
    with contextlib.ExitStack() as stack:
        with _signals_as_they_are():
            stack.enter_context(_started(ray) if is_alone else _joined(ray, address))
        head = ray.get_runtime_context().gcs_address
        watch = stack.enter_context(_watched(head))
        try:
            yield Cluster(ray, head, _nodes(ray, address))
        except BaseException as error:
            if watch.is_lost:
                raise _lost(head) from error
            raise


def import_ray(is_alone: bool) -> Any:
    """Imports Ray, for this machine alone or not; `InputError` where it is not installed."""
    own = {**ALONE, "RAY_AUTH_TOKEN": secrets.token_hex()} if is_alone else {}
    for name, value in {**ENVIRONMENT, **own}.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"engine=ray: Ray is not installed ({error}). Give pip install -r requirements-scale.txt, or take engine local",
            field="engine",
        ) from error
    return ray


@contextlib.contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it starts."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _started(ray: Any) -> Iterator[None]:
    """A cluster of this machine alone."""
    # Removed by whoever is the last to write there: Ray's processes end a moment after it says so.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        with _told(""):
            ray.init(
                address="local",
                num_cpus=os.cpu_count(),
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=scratch,
            )
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _joined(ray: Any, address: str) -> Iterator[None]:
    """A cluster that runs already, and goes on."""
    if address != "auto":
        _require_head(address)
    with _told(address):
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    head = ray.get_runtime_context().gcs_address
    try:
        yield
    finally:
        if _answers(head):  # Else it would wait for an answer.
            ray.shutdown()


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    """Turns what Ray says of a cluster that it cannot start or join into one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        cluster = f"ray_address={address}: this cluster cannot be joined" if address else "Ray cannot start here"
        raise InputError(f"{cluster} ({reason})", field="ray_address") from error


def _require_head(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InputError(
            f"ray_address={address}: expected HOST:PORT of a cluster's head, such as 10.0.0.1:6379, or auto",
            field="ray_address",
        )
    if not _answers(address):
        raise InputError(
            f"ray_address={address}: no head of a Ray cluster answers there. Start it on that machine (ray start), or leave "
            "the address out to work on this machine alone",
            field="ray_address",
        )


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER):
            return True
    except OSError:
        return False


def _nodes(ray: Any, address: str) -> list[Node]:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [Node(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in alive]
    having_cores = [node for node in nodes if node.cpus]
    if not having_cores:
        raise InputError(f"ray_address={address}: no machine of this cluster has cores to give", field="ray_address")
    return having_cores


def _lost(head: str) -> InputError:
    return InputError(
        f"the head of the Ray cluster at {head} does not answer any more. Start it again; the same command goes on where "
        "this one was"
    )


class _Watch:
    """Looks after a cluster's head, and interrupts the main thread where it is gone."""

    def __init__(self, head: str) -> None:
        self.is_lost = False
        self._head = head
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        missed = 0
        while not self._is_over.wait(SECONDS_BETWEEN_LOOKS):
            missed = 0 if _answers(self._head) else missed + 1
            if missed == LOOKS:
                self.is_lost = True
                _thread.interrupt_main()
                break
        else:
            return
        if not self._is_over.wait(GRACE_SECONDS):  # The main thread does not get to it; what is on disk is whole.
            with contextlib.suppress(OSError):
                os.write(2, f"error: {_lost(self._head)}\n".encode())
            os._exit(1)


@contextlib.contextmanager
def _watched(head: str) -> Iterator[_Watch]:
    watch = _Watch(head)
    try:
        yield watch
    finally:
        watch.stop()
