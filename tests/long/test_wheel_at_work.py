"""The wheel in an environment of its own, far from the checkout: train, report, export, predict, all at quickstart size."""

import csv
import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES

pytestmark = pytest.mark.long
IMAGES_PER_CLASS = 3


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment that borrows the packages of this one, but not the project."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "tfp-insects"


def test_the_main_job_is_done_far_from_the_checkout(program: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        print(done.stdout, file=sys.stderr)
        return done.stdout

    for species in STUDY_SPECIES:
        for i in range(IMAGES_PER_CLASS):
            path = tmp_path / "images" / f"{species.name}-{i}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(draw_example(species, 1, i))

    run("run", "--config=quickstart", "--data=synthetic", "--model=cnn,bnn", "--n_per_class=5", "--cache_dir=cache")
    record = json.loads((tmp_path / "runs" / "bnn-n5-seed0" / "record.json").read_text())
    assert record["accuracy"] > 0.2  # Chance is 0.1.
    page = tmp_path / "runs" / "report" / "index.html"
    page.unlink()
    run("report")
    assert page.read_text().rstrip().endswith("</html>")
    run("posterior", "--run=runs/bnn-n5-seed0")
    run("export", "--run=runs/bnn-n5-seed0", "--output=models/insects")
    run("predict", "--model=models/insects", "--images=images", "--output=table.csv", "--review=review")
    with (tmp_path / "table.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(STUDY_SPECIES) * IMAGES_PER_CLASS
    assert "data:image/jpeg" in (tmp_path / "review" / "index.html").read_text()
