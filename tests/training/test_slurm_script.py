"""The script of docs/scale.md gives each task of a Slurm job its place in one cluster.

Slurm's own programs, and the command that the tasks begin, are short shell scripts here: tested is what is between.
"""

import os
import re
import subprocess
from pathlib import Path

from tfp_insects.training.cluster import Cluster, read_cluster

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
PROGRAMS = {
    "scontrol": '[ "$1 $2 $3" = "show hostnames node[07-09]" ] && printf "node07\\nnode08\\nnode09\\n"',
    "srun": '[ "$1" = --kill-on-bad-exit=1 ] && shift\nfor i in 0 1 2; do SLURM_PROCID=$i "$@" || exit 1; done',
    "tfp-insects": 'echo "$TF_CONFIG"\necho "$@" >&2',
}


def training_script() -> str:
    blocks = re.findall(r"```sh\n(#!/bin/bash\n#SBATCH.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (script,) = [block for block in blocks if "TF_CONFIG" in block]
    return script


def test_each_task_is_another_worker_of_the_same_cluster(tmp_path: Path) -> None:
    for name, content in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{content}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "SLURM_JOB_ID": "123456",
        "SLURM_JOB_NODELIST": "node[07-09]",
    }
    done = subprocess.run(
        ["bash"], input=training_script(), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    addresses = tuple(f"{host}:23456" for host in ("node07", "node08", "node09"))
    assert [read_cluster(line) for line in done.stdout.splitlines()] == [Cluster(addresses, i) for i in range(3)]
    commands = done.stderr.splitlines()
    assert len(commands) == 3
    assert all(command.startswith("run --model=bnn --n_per_class=5000 ") for command in commands)
