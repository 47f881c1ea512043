"""What finished cells answer, read from their directories."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from tfp_insects.files import read_arrays
from tfp_insects.metrics.scores import mean_probabilities
from tfp_insects.runs.cells import Cell
from tfp_insects.runs.layout import HISTORY_NAME, OOD_NAME, TEST_NAME, VALIDATION_NAME
from tfp_insects.training.history import read_history, seconds_to_best_epoch

Split = Literal["validation", "test"]
FILE_NAMES = {"validation": VALIDATION_NAME, "test": TEST_NAME}


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """One cell's answers.

    Attributes:
        cell: The cell.
        probabilities: Means over draws, float64 `[num_examples, num_classes]`.
        labels: int `[num_examples]`.
        example_ids: Of the images.
        ood: Draws for out-of-distribution images, float32 `[num_samples, num_ood, num_classes]`; none where they were not
            asked for.
        draws: Draws for the images themselves, where `ood` is there.
        train_seconds: Of all epochs.
        seconds_to_best_epoch: Up to the epoch of lowest validation NLL.
    """

    cell: Cell
    probabilities: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...]
    ood: np.ndarray | None
    draws: np.ndarray | None
    train_seconds: float
    seconds_to_best_epoch: float


Pair = tuple[Answers, Answers]


class AnswerBook:
    """The answers of all cells of a comparison."""

    def __init__(self, answers: Iterable[Answers]) -> None:
        self._by_cell = {one.cell: one for one in answers}

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the cells."""
        return list(dict.fromkeys(cell.model for cell in self._by_cell))

    @property
    def sizes(self) -> list[int]:
        """Numbers of training images a class, increasing."""
        return sorted({cell.n_per_class for cell in self._by_cell})

    def seeds(self, model: str, size: int) -> list[int]:
        """Seeds with which a model was run at a size, increasing."""
        return sorted(cell.seed for cell in self._by_cell if (cell.model, cell.n_per_class) == (model, size))

    def shared_seeds(self, first: str, second: str, size: int) -> list[int]:
        """Seeds with which both models were run at a size."""
        return [seed for seed in self.seeds(first, size) if seed in self.seeds(second, size)]

    def get(self, model: str, size: int, seed: int) -> Answers:
        """One cell's answers."""
        return self._by_cell[Cell(model, size, seed)]

    def of(self, model: str, size: int) -> list[Answers]:
        """Answers of one model at one size, a seed each."""
        return [self.get(model, size, seed) for seed in self.seeds(model, size)]

    def pairs(self, first: str, second: str, size: int) -> list[Pair]:
        """Answers of two models on the same images, a seed each.

        Raises:
            ValueError: The images are not the same.
        """
        pairs = [
            (self.get(first, size, seed), self.get(second, size, seed))
            for seed in self.shared_seeds(first, second, size)
        ]
        for one, other in pairs:
            require_same_images(one, other)
        return pairs

    def pairs_at_all_sizes(self, first: str, second: str) -> list[list[Pair]]:
        """For each seed that both models have at every size that they share: a pair a size, on the same images at all.

        Raises:
            ValueError: The images are not the same.
        """
        sizes = [size for size in self.sizes if self.shared_seeds(first, second, size)]
        by_size = [{pair[0].cell.seed: pair for pair in self.pairs(first, second, size)} for size in sizes]
        seeds = sorted(set.intersection(*map(set, by_size))) if by_size else []
        found = [[pairs[seed] for pairs in by_size] for seed in seeds]
        for pairs in found:
            for one, _ in pairs:
                require_same_images(pairs[0][0], one)
        return found


def require_same_images(first: Answers, second: Answers) -> None:
    """Raises ValueError unless two cells answered about the same images in the same order."""
    if first.example_ids != second.example_ids:
        raise ValueError(f"{first.cell.name} and {second.cell.name} were not asked about the same images")


def has_answers(cell: Cell, workdir: Path, split: Split, with_ood: bool) -> bool:
    """Whether a cell has predicted the images of a split, and out-of-distribution images if they are part of it."""
    directory = cell.directory(workdir)
    names = [FILE_NAMES[split], *([OOD_NAME] if with_ood else [])]
    return all((directory / name).exists() for name in names)


def read_answers(cell: Cell, workdir: Path, split: Split, with_ood: bool) -> Answers:
    """Reads a cell that has predicted the images of a split, and out-of-distribution images if they were part of it."""
    directory = cell.directory(workdir)
    arrays = read_arrays(directory / FILE_NAMES[split], ("probabilities", "labels", "example_ids"))
    ood = read_arrays(directory / OOD_NAME, ("probabilities",))["probabilities"] if with_ood else None
    history = read_history(directory / HISTORY_NAME)
    return Answers(
        cell=cell,
        probabilities=mean_probabilities(arrays["probabilities"]),
        labels=arrays["labels"],
        example_ids=tuple(arrays["example_ids"].tolist()),
        ood=ood,
        draws=None if ood is None else arrays["probabilities"],
        train_seconds=sum(row.seconds for row in history),
        seconds_to_best_epoch=seconds_to_best_epoch(history),
    )
