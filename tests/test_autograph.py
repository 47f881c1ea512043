"""No function of the package is rewritten by AutoGraph, whose files stay behind where a process is killed."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "tfp_insects"


def tf_functions(path: Path) -> Iterator[ast.expr]:
    """Calls of `tf.function`, and decorators without a call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tf.function":
            yield node
        for decorator in getattr(node, "decorator_list", []):
            if ast.unparse(decorator) == "tf.function":
                yield decorator


def test_every_tf_function_is_without_autograph() -> None:
    found = {(path.name, node) for path in PACKAGE.rglob("*.py") for node in tf_functions(path)}
    assert len(found) > 10
    assert [(name, ast.unparse(node)) for name, node in found if "autograph=False" not in ast.unparse(node)] == []
