"""The wheel, unpacked into a folder on the path, far from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fixtures.invented_runs import MakeRun

ROOT = Path(__file__).resolve().parents[2]
# As the program that an installer writes for the entry point.
PROGRAM = """
from importlib.metadata import Distribution
import tfp_insects

site = {site!r}
assert tfp_insects.__file__.startswith(site), tfp_insects.__file__
(installed,) = Distribution.discover(name="tfp_insects", path=[site])
(entry,) = installed.entry_points.select(group="console_scripts", name="tfp-insects")
entry.load()()
"""
REVIEW = """
from pathlib import Path
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.review import write_review
from tfp_insects.serving.summary import ClassCount, Summary

card = {"model": "bnn", "class_names": ["ant"], "num_test_examples": 50,
        "accepted": {"risk": 0.05, "threshold": 0.9, "test": {"num_accepted": 0, "accuracy": None}},
        "training": {"drawn": False, "n_per_class": 5}}
summary = Summary(num_images=1, num_errors=0, num_accepted=0, counts=[ClassCount("ant", 1, 1.0, 0.0, 1.0)],
                  to_review=[("ant/1.jpg", Answer("ant", 0.5, 0.7, 0.5, 0.2))], errors=[])
print(write_review(Path("review"), summary, card, lambda path: b"no image", Path("table.csv")).read_text())
"""


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_holds_all_that_the_checkout_has_and_no_more(site: Path) -> None:
    def files(folder: Path) -> set[str]:
        paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {path.as_posix() for path in paths if "__pycache__" not in path.parts}

    assert files(site / "tfp_insects" / "configs") == files(ROOT / "configs")
    installed = files(site / "tfp_insects") - {f"configs/{name}" for name in files(ROOT / "configs")}
    assert installed == files(ROOT / "tfp_insects")
    assert {"py.typed", "report/templates/page.html", "serving/templates/review.css"} <= installed
    assert sorted(path.name for path in site.iterdir() if path.suffix != ".dist-info") == ["tfp_insects"]


def test_it_carries_licence_readme_and_command(site: Path) -> None:
    (information,) = site.glob("*.dist-info")
    assert (information / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    metadata = (information / "METADATA").read_text()
    assert "Description-Content-Type: text/markdown" in metadata
    assert (ROOT / "README.md").read_text() in metadata
    assert "tfp-insects = tfp_insects.cli.main:main" in (information / "entry_points.txt").read_text()


def test_a_config_is_found_by_name_and_its_fields_are_known(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "-m", "tfp_insects", "run", "--config=quickstart", "--config.training.epoch=1")
    message = "error: --config.training.epoch=1: the config has no such field. Did you mean 'epochs'?\n"
    assert (done.returncode, done.stderr) == (2, message)
    names = "from tfp_insects.cli.config_files import config_directory, load_config; import sys\n"
    ask = f"{names}print(config_directory(), load_config('quickstart').training.epochs)"
    assert run(site, tmp_path, "-c", ask).stdout == f"{site / 'tfp_insects' / 'configs'} 12\n"


def test_the_installed_command_writes_a_report(site: Path, tmp_path: Path, make_run: MakeRun) -> None:
    workdir = tmp_path / "runs"
    make_run(workdir, "bnn", 5, num_examples=24)
    done = run(site, tmp_path, "-c", PROGRAM.format(site=str(site)), "report", "--workdir=runs")
    assert done.returncode == 0, done.stderr
    page = (workdir / "report" / "index.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert "<style>" in page


@pytest.mark.long
def test_it_writes_the_page_for_review(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "-c", REVIEW)
    assert done.returncode == 0, done.stderr
    assert "ant/1.jpg" in done.stdout
    assert (site / "tfp_insects" / "serving" / "templates" / "review.css").read_text() in done.stdout
