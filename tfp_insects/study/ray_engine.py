"""Runs as tasks of a Ray cluster: each in a fresh process somewhere, and tried again where that process dies."""

import contextlib
import os
import pickle
import time
from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from tfp_insects.errors import InputError
from tfp_insects.ray_cluster import Cluster
from tfp_insects.startup import use_threads

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

TRIES_AFTER_A_DEATH = 3
# A run waits as long for its directory: what holds it may have died with its machine, and file servers take their time.
PATIENCE_SECONDS = 150.0
SECONDS_BETWEEN_LOOKS = 0.3
SECONDS_BETWEEN_WORDS = 0.2
SECONDS_FOR_WORDS = 10.0


class RayEngine:
    """Makes calls on a cluster; an `Engine` of `study.parallel`.

    Args:
        cluster: Where.
        jobs_a_machine: Calls at the same time on each machine, its cores and GPUs shared out.

    Attributes:
        num_at_once: Calls at the same time in all.
    """

    def __init__(self, cluster: Cluster, jobs_a_machine: int) -> None:
        self._cluster = cluster
        self._share = cluster.share(jobs_a_machine)
        self.num_at_once = self._share.num_at_once

    def __call__(
        self,
        keys: Sequence[Key],
        call: Callable[[Key, Callable[[Any], object]], Result],
        on_start: Callable[[Key], object],
        on_message: Callable[[Key, Any], object],
    ) -> Generator[tuple[Key, Result | None], None, None]:
        """Makes the call for each key and yields the results as they come, none where process after process died.

        Raises:
            InputError: A worker cannot import the project, or the cluster's head is gone.
        """
        ray = self._cluster.ray
        mailbox = _open_mailbox(ray)
        task = ray.remote(
            num_cpus=self._share.cpus,
            num_gpus=self._share.gpus,
            max_retries=TRIES_AFTER_A_DEATH,
            max_calls=1,  # A fresh process for each, as of the local engine.
        )(_work)
        shared = ray.put(pickle.dumps(call))  # Once, and not with each of the tasks.
        waiting = {
            task.options(name=str(getattr(key, "name", key))).remote(
                shared, pickle.dumps(key), number, mailbox, self._share.cpus
            ): key
            for number, key in enumerate(keys)
        }
        try:
            while waiting:
                ready, _ = ray.wait(list(waiting), num_returns=1, timeout=SECONDS_BETWEEN_LOOKS)
                for number, word in _take(ray, mailbox):
                    on_start(keys[number]) if word is None else on_message(keys[number], word)
                for one in ready:
                    key = waiting.pop(one)
                    yield key, self._result(one, key)
        finally:
            for one in waiting:
                ray.cancel(one, force=True)

    def _result(self, reference: Any, key: Hashable) -> Any:
        exceptions = self._cluster.ray.exceptions
        try:
            return self._cluster.ray.get(reference)
        except exceptions.RayTaskError as error:
            if not isinstance(error.cause, ImportError):
                raise  # A defect: what can go wrong in a run is part of its result.
            raise InputError(
                f"engine=ray: a worker cannot begin {key} ({error.cause}). Install the same version of this project, with "
                "its extra scale, on each machine of the cluster",
                field="engine",
            ) from error
        except exceptions.RayError:
            self._cluster.require_head()
            return None


class Mailbox:
    """Words of all tasks on their way to the command, in the order in which they came."""

    def __init__(self) -> None:
        self._words: list[tuple[int, Any]] = []

    def put(self, words: Iterable[tuple[int, Any]]) -> None:
        """Adds words: the number of a key, and what its call tells, none as it begins."""
        self._words.extend(words)

    def take(self) -> list[tuple[int, Any]]:
        """All words since the last time."""
        words, self._words = self._words, []
        return words


def _open_mailbox(ray: Any) -> Any:
    """One on the command's own machine, which does not end with another."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(Mailbox).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()


def _take(ray: Any, mailbox: Any) -> list[tuple[int, Any]]:
    try:
        return ray.get(mailbox.take.remote(), timeout=SECONDS_FOR_WORDS)
    except ray.exceptions.RayError:  # Progress is not shown for a while; the runs go on.
        return []


class _Teller:
    """Sends what a call tells, several words at a time: a message takes longer than a step of a small network."""

    def __init__(self, number: int, mailbox: Any) -> None:
        self._number = number
        self._mailbox = mailbox
        self._words: list[tuple[int, Any]] = []
        self._sent = 0.0
        self(None)

    def __call__(self, word: Any) -> None:
        self._words.append((self._number, word))
        if time.monotonic() - self._sent >= SECONDS_BETWEEN_WORDS:
            self.send()

    def send(self) -> Any:
        words, self._words, self._sent = self._words, [], time.monotonic()
        return self._mailbox.put.remote(words)


def _work(call: bytes, key: bytes, number: int, mailbox: Any, num_threads: int) -> Any:
    """Makes a call in a worker, which gets its cores before call and key are unpickled: that imports what they need."""
    import ray

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # As commands set it.
    use_threads(num_threads)
    teller = _Teller(number, mailbox)
    result = pickle.loads(call)(pickle.loads(key), teller)
    with contextlib.suppress(ray.exceptions.RayError):
        ray.get(teller.send(), timeout=SECONDS_FOR_WORDS)  # They come before the result.
    return result
