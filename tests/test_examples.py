"""The examples run, and say what they promise."""

import json
import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = EXAMPLES / "uncertain_digits.py"


def test_the_digits_twin_doubts_strangers_more(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(SCRIPT))
    printed = capsys.readouterr().out
    assert "[('edges', True), ('strokes', True), ('hidden', True), ('digits', True)]" in printed
    scores = {name: [float(one) for one in found] for name, *found in re.findall(
        r"(\w+): accuracy ([\d.]+), NLL ([\d.]+)", printed
    )}  # fmt: skip
    assert scores.keys() == {"model", "twin"}
    assert min(accuracy for accuracy, _ in scores.values()) > 0.85
    known, strangers, auroc = map(
        float, re.search(r"([\d.]+) nats, strangers ([\d.]+); AUROC ([\d.]+)", printed).groups()
    )
    assert strangers > 2 * known > 0.0
    assert auroc > 0.75


def test_the_notebook_is_the_script() -> None:
    made = runpy.run_path(str(EXAMPLES / "make_notebook.py"))["text_of"](SCRIPT.read_text(encoding="utf-8"))
    stored = SCRIPT.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert stored == made, "run python examples/make_notebook.py"
    notebook = json.loads(stored)
    code = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    lines = [line for line in SCRIPT.read_text(encoding="utf-8").split('"""')[2].splitlines() if line.strip()]
    assert [line for line in code.splitlines() if line.strip()] == [
        line for line in lines if not line.startswith("# %%")
    ]
    assert len(lines) < 50
