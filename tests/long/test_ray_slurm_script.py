"""The script of docs/scale.md starts Ray on all machines of a Slurm job, does the runs, and leaves nothing behind.

Slurm's own programs are short shell scripts here, and both machines are this one. Ray is Ray.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from fixtures.ray_heads import require_ray

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "scontrol": 'printf "node07\\nnode08\\n"',
    "srun": 'while [[ "$1" == --* ]]; do shift; done\nexec "$@"',
}
COMMAND = (
    'python scripts/run.py --engine=ray --ray_address="$address" --jobs=1 --config=quickstart --weights=none --model=cnn '
    "--n_per_class=5 --seeds=0,1 --config.data.num_test_per_class=6 --config.data.num_validation_per_class=4 "
    "--config.model.width_multiplier=0.05 --config.model.image_size=63 --config.training.epochs=2"
)


def script_that_runs(command: str) -> str:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", page, re.DOTALL)
    (script,) = [block for block in blocks if "ray start" in block]
    start = script.index("python scripts/run.py --engine=ray")
    assert "--ray_address" in script[start:]
    return script[:start] + command + "\n"


def servers_of_ray() -> set[int]:
    return {one.pid for one in psutil.process_iter(["name"]) if one.info["name"] in ("gcs_server", "raylet")}


@pytest.mark.parametrize(("added", "code"), [("", 0), (" --config.training.epochs=no", 2)])
def test_runs_are_done_and_ray_ends_with_them(tmp_path: Path, added: str, code: int) -> None:
    require_ray()
    if not (ROOT / ".venv" / "bin" / "activate").is_file():
        pytest.skip("the script activates .venv, which is not there")
    for name, content in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{content}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},  # Those of other tests.
        "RAY_worker_niceness": "0",
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "SLURM_JOB_NODELIST": "node[07-08]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
    }
    before, runs = servers_of_ray(), tmp_path / "runs"
    script = script_that_runs(f"{COMMAND} --workdir={runs} --cache_dir={tmp_path / 'cache'}{added}")
    (tmp_path / "job.sh").write_text(script)
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run(
            ["bash", tmp_path / "job.sh"], cwd=ROOT, env=environment, stdout=out, stderr=out, timeout=1200, check=False
        )
    assert done.returncode == code, (tmp_path / "out").read_text()
    if code == 0:
        assert len(list(runs.glob("cnn-n5-seed*/record.json"))) == 2
        assert (runs / "report" / "index.html").is_file()
    deadline = time.monotonic() + 90  # A machine that is told to end waits for its work for up to 30 seconds.
    while servers_of_ray() - before:
        assert time.monotonic() < deadline
        time.sleep(0.5)
