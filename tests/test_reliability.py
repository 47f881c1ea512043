"""Every row of docs/reliability.md and of SECURITY.md names tests that are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "docs" / "reliability.md", ROOT / "SECURITY.md")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def text() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def rows() -> list[str]:
    """Rows of tables with a column for tests, without their headings."""
    found, is_wanted = [], False
    for line in text().splitlines():
        if not line.startswith("|"):
            is_wanted = False
        elif line.endswith("| test |"):
            is_wanted = True
        elif is_wanted and not line.startswith("|---"):
            found.append(line)
    return found


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_test() -> None:
    assert len(rows()) > 40
    assert [row for row in rows() if not TEST.search(row.split("|")[-2])] == []


def test_every_test_that_is_named_is_there() -> None:
    named = TEST.findall(text())
    assert [name for name in named if not (ROOT / name[0]).is_file() or name[1] not in functions(name[0])] == []


def test_every_file_of_tests_that_is_named_is_named_with_a_test() -> None:
    tables = "".join(rows())
    assert tables.count("`tests/") == len(TEST.findall(tables))
