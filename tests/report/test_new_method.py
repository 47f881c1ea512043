"""A new method is one file: it appears in help, terminal, CSV file and page."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.new_files import AddModule
from fixtures.page_text import Text, page_without_pictures
from rich.console import Console

from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.files import read_json
from tfp_insects.models import methods

ROOT = Path(__file__).resolve().parents[2]
NEW = """
from tfp_insects.models.methods.cnn import Cnn


class WideCnn(Cnn):
    name, label, role, order, section_name = "wide_cnn", "CNN, wide", "baseline", 50, "cnn"


METHOD = WideCnn()
"""


@pytest.fixture
def folder(add_module: AddModule) -> Path:
    """Where the new method's file is, while a test runs."""
    return add_module(methods, "wide_cnn", NEW)


def test_a_new_method_appears_in_table_file_and_page(folder: Path, make_run, tmp_path: Path) -> None:
    workdir = tmp_path / "runs"
    runs = [make_run(workdir, model, 5, 0, num_examples=40) for model in ("cnn", "bnn", "wide_cnn")]
    records = [read_json(run / "record.json") for run in runs]
    console = Console(file=io.StringIO(), width=80)
    print_table(records, console)
    assert "wide_cnn" in console.file.getvalue()
    write_comparison(records, tmp_path / "comparison.csv")
    assert any(line.startswith("wide_cnn,") for line in (tmp_path / "comparison.csv").read_text().splitlines())
    assert "CNN, wide" in Text(page_without_pictures(workdir)).words


def test_a_new_method_appears_in_the_help_of_run(folder: Path) -> None:
    code = (
        "import sys\n"
        "from tfp_insects.models import methods\n"
        f"methods.__path__.append({str(folder)!r})\n"
        "from tfp_insects.cli.main import main\n"
        "sys.argv = ['tfp-insects', 'run', '--help']\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "wide_cnn" in found.stdout
