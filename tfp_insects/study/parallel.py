"""How several runs are made at the same time."""

import dataclasses
from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Any, Protocol, TypeVar

from tfp_insects.study.recipe import Recipe

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
Tell = Callable[[Any], object]


class Engine(Protocol):
    """Makes calls at the same time, each in a process of its own."""

    def __call__(
        self,
        keys: Sequence[Key],
        call: Callable[[Key, Tell], Result],
        on_start: Callable[[Key], object],
        on_message: Callable[[Key, Any], object],
    ) -> Generator[tuple[Key, Result | None], None, None]:
        """Yields the result of each call as it comes, none where its process died.

        Args:
            keys: What to call it with, each once.
            call: A function at the top of a module, or a `functools.partial` of one. Its second argument is what it tells
                its progress to.
            on_start: Called with each key whose call is begun; again where it is begun anew.
            on_message: Called with a key and what its call told.
        """


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How several runs are made at the same time, each in a process of its own.

    Attributes:
        recipe: From which each process makes the experiment.
        num_jobs: Processes at the same time; each gets its share of the cores.
        engine: What starts them; none for processes of this machine.
        patience: Seconds that a run waits for its directory, which a process that died on another machine may hold until
            the file system notices.
    """

    recipe: Recipe
    num_jobs: int
    engine: Engine | None = None
    patience: float = 0.0
