"""Writes `uncertain_digits.ipynb` from the script of that name: a cell for each `# %%`, without outputs.

python examples/make_notebook.py
"""

import ast
import json
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("uncertain_digits.py")


def notebook(script: str) -> dict[str, Any]:
    """The notebook of a script, in Jupyter's format 4.5."""
    docstring = ast.get_docstring(ast.parse(script))
    assert docstring is not None
    title, *parts = script.split("# %% ")
    imports = title.rpartition('"""')[2].strip()
    cells = [_cell("markdown", f"# {docstring}", 0), _cell("code", imports, 1)]
    for part in parts:
        heading, _, code = part.partition("\n")
        cells.append(_cell("markdown", f"## {heading}", len(cells)))
        cells.append(_cell("code", code.strip(), len(cells)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, text: str, number: int) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def text_of(script: str) -> str:
    """The notebook's file."""
    return json.dumps(notebook(script), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCRIPT.with_suffix(".ipynb").write_text(text_of(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
