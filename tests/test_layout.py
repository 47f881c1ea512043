"""How the house is built: which room may import which, and how long a file may be.

All imports count, those inside functions too. `ALLOWED` and the other lists below name what is still to be mended; they only
get shorter.
"""

import ast
import functools
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tfp_insects"
BASE = (
    "downloads",
    "errors",
    "files",
    "interruption",
    "modules",
    "own_output",
    "plain",
    "plain_path",
    "progress",
    "ray_cluster",
    "startup",
    "text",
)
ROOMS = (
    *("bayes", "metrics", "data", "models", "training", "runs"),
    *("study", "compare", "report", "serving", "cli"),
)
TENSORFLOW = ("tensorflow", "tf_keras", "tensorflow_probability", "keras")
MAX_LINES = 300
EXTRAS = {"ray": "scale", "pyarrow": "scale"}  # Imported inside functions alone, by who asks for it.
CSS_VARIABLE = r"--\w+"

# What imports a room below its own: (file, room).
ALLOWED: set[tuple[str, str]] = set()
# Files whose errors still name flags, where `InputError(..., field=...)` would do.
ALLOWED_WORDS = {"report.provenance"}  # It says by which command a page was made.


@functools.cache
def modules() -> dict[str, Path]:
    """All files of the package by the name under which they are imported, without the package's own."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[1:-1] if parts[-1] == "__init__" else parts[1:])] = path
    return found


@functools.cache
def imports(module: str) -> frozenset[str]:
    """Full names of all that a file imports; of the package, names of modules alone."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return frozenset(name for node in ast.walk(tree) for name in imported_names(node))


def imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"a relative import of {node.module}"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            is_taken_from_ours = room(full) == PACKAGE and full.removeprefix(f"{PACKAGE}.") not in modules()
            yield str(node.module) if is_taken_from_ours else full


def own_imports(module: str) -> set[str]:
    """What a file imports of the package."""
    return {name.removeprefix(PACKAGE).removeprefix(".") for name in imports(module) if room(name) == PACKAGE}


def speaks_of_flags(module: str) -> bool:
    """Whether a text of a file, not counting docstrings, holds a flag such as `--data`."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    words = [node.value for node in texts if id(node) not in alone]
    return any(re.search(r"(?<![\w-])--[a-z]", text) and not re.fullmatch(CSS_VARIABLE, text) for text in words)


def room(module: str) -> str:
    return module.partition(".")[0]


def level(module: str) -> int:
    """How far down the house a file is; the package's own two files may import all."""
    name = room(module)
    if name in BASE:
        return 0
    return 1 + ROOMS.index(name) if name in ROOMS else 1 + len(ROOMS)


def test_each_file_has_a_room() -> None:
    homeless = {module for module in modules() if room(module) not in (*BASE, *ROOMS, "", "__main__")}
    assert not homeless, f"no room is known for {sorted(homeless)}"


def test_all_imports_of_the_package_are_found() -> None:
    unknown = {(module, name) for module in modules() for name in own_imports(module) if name not in modules()}
    assert not unknown, f"imports of what is not there: {sorted(unknown)}"
    assert "cli.app" in own_imports("cli.main")
    assert "cli.run" in own_imports("cli.commands.run"), "an import inside a function was not seen"


def test_a_room_imports_only_from_rooms_above_it() -> None:
    wrong = {
        (module, room(name))
        for module in modules()
        for name in own_imports(module)
        if name and level(name) > level(module)
    }
    assert wrong <= ALLOWED, f"imports of a room below: {sorted(wrong - ALLOWED)}"


def test_files_import_each_other_in_no_circle() -> None:
    graph = {module: own_imports(module) - {module} for module in modules()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_metrics_need_no_tensorflow() -> None:
    reached, waiting = set(), [module for module in modules() if room(module) == "metrics"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting.extend(own_imports(module) - reached)
    needs = {(module, name) for module in reached for name in imports(module) if name.partition(".")[0] in TENSORFLOW}
    assert not needs, f"TensorFlow in metrics or in what they import: {sorted(needs)}"


def test_only_the_command_line_knows_flags() -> None:
    flags = ("absl.flags", "absl.app", "ml_collections.config_flags")
    knowing = {
        module
        for module in modules()
        if room(module) not in ("cli", "__main__") and any(name.startswith(flags) for name in imports(module))
    }
    assert not knowing, f"flags outside cli/: {sorted(knowing)}"


def test_only_the_command_line_speaks_of_flags() -> None:
    speaking = {module for module in modules() if room(module) not in ("cli", "__main__") and speaks_of_flags(module)}
    assert speaking <= ALLOWED_WORDS, f"--flags in words outside cli/: {sorted(speaking - ALLOWED_WORDS)}"


def test_what_is_imported_is_a_dependency_and_each_dependency_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {name.partition(".")[0] for module in modules() for name in imports(module)}
    outside = names - {PACKAGE, *sys.stdlib_module_names, *EXTRAS}
    known = metadata.packages_distributions()
    assert outside <= set(known)
    imported = {normalised(known[name][0]) for name in outside}
    # TensorBoard is a program that reads what runs write.
    assert imported | {"tensorboard"} == {normalised(name) for name in project["dependencies"]}


def test_what_an_extra_installs_is_imported_inside_functions_alone() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name, extra in EXTRAS.items():
        assert any(re.match(rf"{name}\b", requirement) for requirement in extras[extra])
        importing = {module for module in modules() if name in {one.partition(".")[0] for one in imports(module)}}
        assert importing
        at_top = {
            module
            for module in importing
            for node in ast.parse(modules()[module].read_text(encoding="utf-8")).body
            if any(one.partition(".")[0] == name for one in imported_names_of(node))
        }
        assert not at_top, f"{name} at the top of {sorted(at_top)}"


def imported_names_of(node: ast.stmt) -> list[str]:
    return list(imported_names(node)) if isinstance(node, ast.Import | ast.ImportFrom) else []


def normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_no_file_is_longer_than_a_reader_likes() -> None:
    folders = (PACKAGE, "tests", "scripts", "configs", "benchmarks", "examples")
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(lines) > 100
    longer = {path: n for path, n in lines.items() if n > MAX_LINES}
    assert not longer, f"files above {MAX_LINES} lines: {longer}"
