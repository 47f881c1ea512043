"""Which images of a batch a process reads, where several replicas train one network together.

A batch is dealt out in one piece to each replica, in the replicas' order, as `numpy.array_split` does it: the first replicas
have one image more where the number does not divide. A process reads the pieces of its own replicas. What an image is in an
epoch, its order and its augmentation, depends on its place in the epoch, and so not on who reads it.
"""

import dataclasses
from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """What of a batch a process reads.

    Attributes:
        size: Images of the whole batch, of all processes.
        start: Place in the batch of the first image that this process reads.
        stop: Behind its last; always above `start`.
        counts: Images of each of its replicas, in their order. 0 where the batch has fewer images than there are replicas:
            such a replica reads an image that is another's too, and does not count it.
    """

    size: int
    start: int
    stop: int
    counts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Sharding:
    """The replicas of one process among all.

    Attributes:
        num_replicas: Of all processes.
        first: Number of the first replica of this process.
        num_local: Replicas of this process.
    """

    num_replicas: int = 1
    first: int = 0
    num_local: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether this process reads all images."""
        return self.num_local == self.num_replicas

    def share(self, size: int) -> Share:
        """What this process reads of a batch of so many images."""
        quotient, rest = divmod(size, self.num_replicas)
        counts = tuple(quotient + (number < rest) for number in range(self.first, self.first + self.num_local))
        start = self.first * quotient + min(self.first, rest)
        if not sum(counts):
            return Share(size, size - 1, size, counts)
        return Share(size, start, start + sum(counts), counts)

    def places(self, num_examples: int, batch_size: int) -> np.ndarray:
        """The places in an epoch, int64, of all images that this process reads, batch by batch."""
        firsts = range(0, num_examples, batch_size)
        shares = [self.share(min(batch_size, num_examples - first)) for first in firsts]
        return np.concatenate(
            [np.arange(first + one.start, first + one.stop) for first, one in zip(firsts, shares, strict=True)]
        ).astype(np.int64)


WHOLE = Sharding()
