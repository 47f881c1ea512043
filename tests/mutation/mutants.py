"""Which mutants cosmic-ray can make of the files in question, and which of them are drawn.

At one place of the code it can make up to twelve: `*` becomes each other operator, most of which raise. So that these do not
outnumber the rest, places are drawn, each as likely as any other, and then one mutant at each.
"""

import ast
import dataclasses
import difflib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Position = tuple[int, int]  # line, column


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: The file, from the root of the repository.
        operator: cosmic-ray's name for the kind of change.
        occurrence: Where: the number of the change among those of its kind in the file.
        start: First line and column of the place.
        end: Its end.
    """

    path: str
    operator: str
    occurrence: int
    start: Position
    end: Position

    def code(self, source: str) -> str:
        """The file's text with the change."""
        mutated = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert mutated is not None
        return mutated


def all_mutants(root: Path, paths: Iterable[str]) -> Iterator[Mutant]:
    """All that the tool can do, except in annotations, which say nothing at run time."""
    for path in paths:
        source = (root / path).read_text(encoding="utf-8")
        nodes, annotations = list(ast_nodes(get_ast(source))), list(_annotations(source))
        for name in operator_names():
            operator = get_operator(name)
            if operator.arguments():
                continue  # It needs to be told names of variables.
            spans = [span for node in nodes for span in operator().mutation_positions(node)]
            for occurrence, (start, end) in enumerate(spans):
                if not any(first <= start and end <= last for first, last in annotations):
                    yield Mutant(path, name, occurrence, start, end)


def sample(root: Path, mutants: Iterable[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draws places, and one mutant at each, in the order of the files.

    What is no Python any more, as `**` in place of a bare `*` among parameters, is not drawn.

    Raises:
        ValueError: There are fewer places.
    """
    places = defaultdict(list)
    for mutant in mutants:
        places[mutant.path, mutant.start, mutant.end].append(mutant)
    chance, drawn = random.Random(seed), []
    for place in chance.sample(sorted(places), len(places)):
        some = chance.sample(places[place], len(places[place]))
        drawn.extend(itertools.islice((mutant for mutant in some if _is_python(root, mutant)), 1))
        if len(drawn) == number:
            return sorted(drawn, key=lambda mutant: (mutant.path, mutant.start, mutant.end))
    raise ValueError(f"number={number}: there are {len(drawn)} places")


def change(before: str, after: str) -> str:
    """The lines that differ, as in `a + b => a - b`."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    old, new = (" ".join(" ".join(line[2:].split()) for line in lines if line.startswith(sign)) for sign in "-+")
    return f"{old} => {new}".strip()


def _is_python(root: Path, mutant: Mutant) -> bool:
    try:
        compile(mutant.code((root / mutant.path).read_text(encoding="utf-8")), mutant.path, "exec")
    except SyntaxError:
        return False
    return True


def _annotations(source: str) -> Iterator[tuple[Position, Position]]:
    for node in ast.walk(ast.parse(source)):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                yield (annotation.lineno, annotation.col_offset), (annotation.end_lineno, annotation.end_col_offset)
