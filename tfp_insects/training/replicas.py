"""Copies of one network on several devices, in this process and in others, that train it together.

Of several processes, the first is the chief. It alone decides, and reads and writes a run's directory; others train along.
All of them do the same operations together in the same order, so each of the chief's decisions is told to the others before
it is carried out (`tell` and `heard`).
"""

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfp_insects.data.sharding import Sharding
from tfp_insects.errors import InputError
from tfp_insects.interruption import left_to_the_system
from tfp_insects.startup import is_out_of_memory
from tfp_insects.training.cluster import VARIABLE, Cluster
from tfp_insects.training.rendezvous import wait_for_all
from tfp_insects.training.strategies import MIRRORED, MULTIWORKER, NONE, Choice, choose_strategy

END, READY = -1, 1
# What operations raise when another process is gone.
GONE = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class WorkersApartError(InputError):
    """Processes that train together cannot go on together: one is gone, or failed in the middle of an epoch."""


class Replicas:
    """The devices of this process, and its place among the processes that train together.

    Args:
        strategy: Of TensorFlow, with several replicas or several workers.
        cluster: The workers; none where this process is alone.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        self._strategy = strategy
        self.num_workers = 1 if cluster is None else len(cluster.addresses)
        self.worker = 0 if cluster is None else cluster.number
        self.name = MIRRORED if cluster is None else MULTIWORKER
        self.num_replicas: int = strategy.num_replicas_in_sync
        num_local = self.num_replicas // self.num_workers
        self.sharding = Sharding(self.num_replicas, self.worker * num_local, num_local)
        self._sum = tf.function(self._sum_of_all, autograph=False)

    @property
    def is_chief(self) -> bool:
        """Whether this process decides and writes."""
        return self.worker == 0

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Weights that are made within have a copy in each replica; the chief's, where values differ.

        All processes make the same ones in the same order.
        """
        with self._strategy.scope(), tf.variable_creator_scope(_read_from_the_first):
            yield

    def run(self, function: Callable[..., tf.Tensor], *arguments: tf.Tensor) -> tf.Tensor:
        """Calls a function in each replica of all processes, and adds up what it returns; within a `tf.function`.

        Args:
            function: Returns a float32 tensor of the same shape in each.
            *arguments: The same for each replica of this process.
        """
        return self._strategy.reduce("SUM", self._strategy.run(function, args=arguments), axis=None)

    def local_number(self) -> int:
        """Within `run`, the number of the replica among those of this process."""
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        return int(tf.get_static_value(number)) - self.sharding.first

    def require_batch_size(self, batch_size: int) -> None:
        """Raises `InputError` for batches of which some replica would always have fewer images than another."""
        if batch_size % self.num_replicas == 0:
            return
        less = batch_size - batch_size % self.num_replicas
        near = f"{less} or {less + self.num_replicas}" if less else f"{self.num_replicas}"
        raise InputError(
            f"training.batch_size={batch_size}: it is dealt out to {self.num_replicas} replicas; give a multiple of that, "
            f"such as {near}",
            field="training.batch_size",
        )

    def tell(self, word: int) -> None:
        """Tells the other processes an integer, which waits until they have heard it. The chief's alone to call."""
        if self.num_workers > 1:
            self.from_chief([tf.constant(word, tf.int64)])

    def heard(self) -> int:
        """Waits for the integer that the chief tells. Others' alone to call."""
        return int(self.from_chief([tf.constant(0, tf.int64)])[0])

    def from_chief(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The chief's values, in all processes.

        Args:
            values: Tensors of numbers, of the same shapes and types in all processes.
        """
        with told_if_apart(self):
            return self._sum(list(values))

    def copy_from_chief(self, variables: Sequence[tf.Variable]) -> None:
        """Gives the variables of all processes the chief's values."""
        if self.num_workers == 1:
            return
        for variable, value in zip(variables, self.from_chief([one.value() for one in variables]), strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def ended_for_all(self) -> Iterator[None]:
        """Tells the others that something ends, when the chief leaves the block, be it with an exception."""
        try:
            yield
        except WorkersApartError:
            raise
        except Exception:
            self.tell(END)
            raise
        self.tell(END)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Within, others wait for this process's steps: what goes wrong ends the command, and not one run alone."""
        try:
            with told_if_apart(self):
                yield
        except WorkersApartError:
            raise
        except Exception as error:
            if self.num_workers == 1:
                raise
            called = f"worker {self.worker + 1} of {self.num_workers}"
            raise WorkersApartError(
                f"{called} failed in the middle of an epoch: {_in_words(error)}. {AGAIN}"
            ) from error

    def _sum_of_all(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        def replica(*own: tf.Tensor) -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            is_first = self.is_chief and self.local_number() == 0
            # The identity is on the replica's device, by which TensorFlow knows where to.
            shares = [tf.identity(one) if is_first else tf.zeros_like(one) for one in own]
            return [context.all_reduce("SUM", one) for one in shares]

        results = self._strategy.run(replica, args=tuple(values))
        return [self._strategy.experimental_local_results(one)[0] for one in results]


AGAIN = "Start all workers again with the same command: it goes on from the last checkpoint"


@contextlib.contextmanager
def told_if_apart(replicas: Replicas | None) -> Iterator[None]:
    """Turns what TensorFlow says of processes that are gone into a `WorkersApartError`; nothing where there is one alone."""
    try:
        yield
    except GONE as error:
        if replicas is None or replicas.num_workers == 1:
            raise
        raise WorkersApartError(f"another worker is gone, or cannot be reached ({_reason(error)}). {AGAIN}") from error


def choose_here(name: str, num_jobs: int = 1) -> Choice:
    """`choose_strategy` for this process and its machine."""
    return choose_strategy(name, os.environ, len(tf.config.list_physical_devices("GPU")), num_jobs)


def make_replicas(choice: Choice) -> Replicas | None:
    """Prepares the devices that train; nothing where it is one.

    To be called before TensorFlow does anything else: the processes of a cluster find each other now, and each waits for all.

    Raises:
        InputError: Other workers did not come, or this one's address cannot be listened at; see `wait_for_all`.
    """
    if choice.name == NONE:
        return None
    return Replicas(tf.distribute.MirroredStrategy()) if choice.cluster is None else _connected(choice.cluster)


def _connected(cluster: Cluster) -> Replicas:
    wait_for_all(cluster)
    try:
        # It takes signals for itself, of which it does nothing; they are taken back.
        with left_to_the_system():
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Replicas(strategy, cluster)
    except tf.errors.OpError as error:
        raise InputError(
            f"{cluster.addresses[cluster.number]}, worker {cluster.number + 1} of {len(cluster.addresses)} in "
            f"{VARIABLE}, cannot join the others ({_reason(error)}): see that all workers run, that their "
            "addresses can be reached, and that no other program listens there"
        ) from error


def _in_words(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    return "memory ran out" if is_out_of_memory(error) else traceback.format_exc()  # Else a defect of the project.


def _reason(error: tf.errors.OpError) -> str:
    """What happened, without where in a graph."""
    places = ("Graph execution error", "Detected at", "  File", "The error could be")
    lines = [line for line in error.message.splitlines() if line.strip() and not line.startswith(places)]
    return lines[0] if lines else type(error).__name__


def _read_from_the_first(next_creator: Callable[..., Any], **arguments: Any) -> Any:
    """Statistics of batch normalisation are the same in all replicas here: to read them is not to take their mean.

    A mean would ask all processes, when the chief alone reads.
    """
    if arguments.get("synchronization") == tf.VariableSynchronization.ON_READ:
        arguments["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return next_creator(**arguments)
