import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import (
    partial_prefix,
    read_arrays,
    read_json,
    remove_partial_files,
    require_writable,
    write_arrays,
    write_json,
    written_whole,
)
from tfp_insects.own_output import MARKER_NAME


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    write_arrays(path, labels=np.arange(3), names=np.array(["ant", "bee"]), other=np.zeros(2))
    arrays = read_arrays(path, ("labels", "names"))
    assert {name: array.tolist() for name, array in arrays.items()} == {"labels": [0, 1, 2], "names": ["ant", "bee"]}


def test_every_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    write_arrays(path, labels=np.arange(3))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"arrays\.npz cannot be read \(.*\): remove its directory and run again"):
            read_arrays(path, ("labels",))


def test_an_array_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_arrays(tmp_path / "arrays.npz", labels=np.arange(3))
    with pytest.raises(InputError, match=r"arrays\.npz cannot be read \(.*probabilities.*\)"):
        read_arrays(tmp_path / "arrays.npz", ("labels", "probabilities"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.npz cannot be read \(.*No such file"):
        read_arrays(tmp_path / "nothing.npz", ("labels",))


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    write_arrays(tmp_path / "arrays.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="allow_pickle"):
        read_arrays(tmp_path / "arrays.npz", ("labels",))


def test_processes_that_write_the_same_file_do_not_share_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.h5"
    with written_whole(path) as first:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with written_whole(path) as second:
            assert first != second
            assert first.suffix == second.suffix == ".h5"
            second.write_text("second")
        first.write_text("first")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_commands_that_check_a_directory_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    directory = tmp_path / "runs"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(require_writable, directory) for _ in range(400)]:
            future.result()
    assert [path.name for path in directory.iterdir()] == [MARKER_NAME]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"workdir=.*file/runs: cannot be written \(Not a directory\)"):
        require_writable(tmp_path / "file" / "runs")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which is a disk without room")
def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    for name, write in (
        ("a.json", lambda path: write_json(path, {"a": 1})),
        ("a.npz", lambda path: write_arrays(path, a=np.arange(9))),
    ):
        path = tmp_path / name
        write(path)
        before = path.read_bytes()
        (tmp_path / f"{partial_prefix()}{os.getpid()}-{name}").symlink_to("/dev/full")
        with pytest.raises(
            InputError, match=rf"{name} was not written \(No space left on device\): mend that and give"
        ):
            write(path)
        assert path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.npz"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": 1' + "0" * 400 + "}",
        '{"a": "\\ud800"}',
        '{"a": ' + "[" * 100_000,
        '{"a": ' * 100_000,
        '{"a": 1',
    ],
)
def test_json_that_no_run_writes_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json cannot be read as JSON"):
        read_json(tmp_path / "a.json")


def test_json_that_runs_write_is_read(tmp_path: Path) -> None:
    content = {"a": [1, -2.5, 1e300, 2**63, None, True, "é 🐝"], "b": {}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none/a\.json was not written \(No such file or directory\)"):
        write_json(tmp_path / "none" / "a.json", {})


def test_what_is_no_fault_of_the_system_passes_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="checksum"), written_whole(tmp_path / "a.json"):
        raise OSError("another checksum")
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_could_not_be_read_is_named_beside_the_one_to_be_written(tmp_path: Path) -> None:
    message = r"a\.json was not written \(No such file or directory: .*images/1\.jpg\)"
    with pytest.raises(InputError, match=message), written_whole(tmp_path / "a.json"):
        (tmp_path / "images" / "1.jpg").read_bytes()


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for name in ("a.json", ".partial-1-a.json", "checkpoints/.partial-1-w.h5", ".partial-1.next/.partial-1-b.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    remove_partial_files(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"a.json", "checkpoints"}


def test_what_a_killed_process_left_of_a_file_goes_when_that_file_is_written_again(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, dead, alive = partial_prefix(), ended.pid, os.getppid()
    kept = [f"{here}{alive}-a.json", f"{here}{dead}-b.json", f".partial-elsewhere-{dead}-a.json", f"{here}some-a.json"]
    for name in (f"{here}{dead}-a.json", *kept):
        (tmp_path / name).touch()
    write_json(tmp_path / "a.json", {})
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", *kept}
