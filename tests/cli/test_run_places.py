"""Where a command's runs are made: here, on a cluster, on several devices."""

from pathlib import Path

import pytest

from tfp_insects.cli.command import Command
from tfp_insects.cli.run import run_command
from tfp_insects.errors import InputError


def command(**more: object) -> Command:
    return Command(["cnn"], ["2"], ["0"], "photographs", "none", Path("runs"), Path("cache"), **more)


def test_a_cluster_and_several_devices_for_one_run_do_not_go_together() -> None:
    for strategy in ("mirrored", "multiworker"):
        with pytest.raises(
            InputError, match=rf"engine=ray: .* so strategy={strategy} has no place; leave it at auto"
        ) as caught:
            run_command(command(engine="ray", strategy=strategy), lambda is_drawn: {})
        assert caught.value.fields == ("engine", "strategy")
    assert [command(engine="ray", strategy=name).strategy_here() for name in ("auto", "none")] == ["none", "none"]
    assert [command(strategy=name).strategy_here() for name in ("auto", "mirrored")] == ["auto", "mirrored"]


def test_paths_mean_the_same_on_any_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = command(ood_data="others", data_dir=Path("prepared")).for_any_machine()
    assert (found.data, found.ood_data) == (str(tmp_path / "photographs"), str(tmp_path / "others"))
    assert found.weights == "none"
    assert (found.workdir, found.cache_dir, found.data_dir) == (
        tmp_path / "runs",
        tmp_path / "cache",
        tmp_path / "prepared",
    )
