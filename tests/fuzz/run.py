"""Coverage-guided fuzzing of what reads input from strangers: `python tests/fuzz/run.py --target=zips --minutes=10`.

Needs atheris. Ends with code 0 where nothing was found. What was found is kept in the directory that is named then.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.py"))


def main() -> int:
    arguments = parse_arguments()
    workdir = Path(tempfile.mkdtemp(prefix=f"fuzz-{arguments.target}-"))
    for name in ("work", "corpus", "found"):
        (workdir / name).mkdir()
    for path in arguments.corpus.iterdir() if arguments.corpus else ():
        shutil.copy(path, workdir / "corpus")
    command = [
        *(sys.executable, str(HERE / "harness.py"), arguments.target, str(workdir / "work")),
        *(str(path.resolve()) for path in arguments.replay),
        *([] if arguments.replay else [str(workdir / "corpus"), f"-max_total_time={round(60 * arguments.minutes)}"]),
        *(f"-artifact_prefix={workdir / 'found'}/", "-timeout=1000000", "-rss_limit_mb=0"),
        # Decoders of images print a line for each damaged one.
        *("-close_fd_mask=2", "-max_len=16384", "-print_final_stats=1"),
    ]
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    code = subprocess.run(command, cwd=workdir / "work", env=environment, check=False).returncode
    return tell(workdir, code)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, help="a folder of inputs to begin with")
    parser.add_argument("--replay", type=Path, nargs="*", default=[], help="inputs to try once, instead of fuzzing")
    return parser.parse_args()


def tell(workdir: Path, code: int) -> int:
    found = sorted((workdir / "found").iterdir())
    if found:
        print(f"Found: {', '.join(map(str, found))}")
        return code or 1
    shutil.rmtree(workdir)
    print("Nothing was found." if code == 0 else f"The fuzzer ended with code {code}.")
    return code


if __name__ == "__main__":
    sys.exit(main())
