import io
import json
from pathlib import Path

import pytest
from measuring.configuration import Configuration
from measuring.processes import Measurement
from measuring.tables import print_table, ratio, require_writable, text_of, to_record, write_records
from rich.console import Console

from tfp_insects.errors import InputError


def measurement(*milliseconds: float, num_images: int = 64) -> Measurement:
    return Measurement(Configuration("bnn", "train", "float32", 64), num_images, milliseconds, 1234.56)


def test_a_record_holds_medians() -> None:
    assert to_record(measurement(100.0, 900.0, 200.0)) == {
        "model": "bnn",
        "mode": "train",
        "dtype": "float32",
        "batch_size": 64,
        "milliseconds": 200.0,
        "images_per_second": 320.0,
        "peak_megabytes": 1234.6,
    }


def test_a_ratio_is_the_median_over_rounds() -> None:
    # The second round was slow for both: the ratio of the medians would be 200 / 50 = 4.
    assert ratio(measurement(100.0, 900.0, 200.0), measurement(50.0, 450.0, 40.0)) == 2.0


@pytest.mark.parametrize(("number", "text"), [(0.123, "0.12"), (9.876, "9.88"), (45.67, "45.7"), (1234.5, "1234")])
def test_numbers_keep_three_digits(number: float, text: str) -> None:
    assert text_of(number) == text


def test_tables_are_printed_whole() -> None:
    stream = io.StringIO()
    print_table("times", ("model", "ms"), [("cnn", "1.0"), ("tfp_flipout", "4.0")], Console(file=stream, width=80))
    assert [line.split() for line in stream.getvalue().splitlines() if "." in line] == [
        ["cnn", "1.0"],
        ["tfp_flipout", "4.0"],
    ]


def test_json_is_a_list_of_objects(tmp_path: Path) -> None:
    path = require_writable(str(tmp_path / "times.json"))
    assert not list(tmp_path.iterdir())
    write_records([to_record(measurement(1.0))], path)
    assert json.loads((tmp_path / "times.json").read_text()) == [to_record(measurement(1.0))]
    assert require_writable(None) is None
    write_records([], None)


@pytest.mark.parametrize("name", ["", "missing/times.json"])
def test_a_path_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        InputError, match=r"--json=.*: cannot be written; give the path of a file in a folder that is there"
    ):
        require_writable(str(tmp_path / name))
