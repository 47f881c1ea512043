"""What is read back of runs and predictions, as whole files and with odd fields: records, configurations, splits, tables."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

INSTRUMENTED = [
    "tfp_insects.runs",
    "tfp_insects.files",
    "tfp_insects.plain",
    "tfp_insects.serving",
    "tfp_insects.training.history",
]
ODD = [
    *(
        None,
        True,
        False,
        0,
        -1,
        2,
        2**63,
        10**400,
        0.5,
        -0.0,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "1",
        "\ud800",
    ),
    *([], [[]], [None], ["x"], {}, {"x": {}}, {"": None}),
]
JSON_FILES = ("record.json", "config.json", "split.json", "table.csv.json")
FILES = (*JSON_FILES, "history.csv", "predictions.npz", "table.csv")


def prepare(directory: Path) -> tuple[Callable[[bytes], None], list[bytes]]:
    import atheris
    from fixtures.invented_runs import write_run

    from tfp_insects.errors import InputError
    from tfp_insects.runs.claim import claimed_directory
    from tfp_insects.runs.identity import predicted_with
    from tfp_insects.runs.reading import find_runs, load_run, load_runs
    from tfp_insects.serving.answers import Answer
    from tfp_insects.serving.table import open_table

    origin = {"model": "m", "images": "i"}
    run_directory = write_run(directory / "runs", num_examples=8, has_images=False)
    with open_table(run_directory / "table.csv", origin) as table:
        table.append(["a.jpg", "b\n.jpg"], [Answer("ant", 0.5, 1.0, 0.5, 0.5, True), Answer(error="cut off")])
    pristine = {path: path.read_bytes() for path in run_directory.iterdir() if path.is_file()}
    identity, split = (json.loads(pristine[run_directory / name]) for name in ("config.json", "split.json"))
    now = {**identity, "data_fingerprint": "e" * 64}

    def look_at_run() -> None:
        run = load_run(run_directory)
        _ = (run.settings, run.preprocessing, run.class_names, run.num_networks, run.num_last_layer_samples)
        _ = (run.histories, run.is_pretrained, run.train_seconds, run.seconds_to_best_epoch, run.prediction_method)
        json.dumps([run.config, run.record], allow_nan=False, ensure_ascii=False).encode()
        predicted_with(run.config)

    def look_at_table() -> None:
        with open_table(run_directory / "table.csv", origin) as table:
            list(table.rows())

    def claim() -> None:
        with claimed_directory(run_directory, now, split):
            pass

    looks = (
        *(look_at_run, look_at_table, claim, lambda: find_runs(directory / "runs", [0])),
        lambda: load_runs(directory / "runs"),
    )

    def run(data: bytes) -> None:
        for path in run_directory.iterdir():
            if path not in pristine and path.is_file():
                path.unlink()
        for path, content in pristine.items():
            path.write_bytes(content)
        choice = atheris.FuzzedDataProvider(data)
        path = run_directory / choice.PickValueInList(list(FILES))
        path.write_bytes(_changed(choice, path.name, pristine[path]))
        for look in looks:
            with contextlib.suppress(InputError):
                look()

    return run, [bytes([number]) * 12 for number in range(0, 256, 9)]


def _changed(choice: Any, name: str, content: bytes) -> bytes:
    if name in JSON_FILES and choice.ConsumeProbability() < 0.8:
        value = json.loads(content)
        for _ in range(choice.ConsumeIntInRange(1, 2)):
            _change_field(choice, value)
        return json.dumps(value).encode()
    stream = io.BytesIO(content)
    stream.seek(choice.ConsumeIntInRange(0, len(content)))
    stream.write(choice.ConsumeBytes(choice.ConsumeIntInRange(0, 40)))
    if choice.ConsumeBool():
        stream.truncate()
    return stream.getvalue()


def _change_field(choice: Any, value: Any) -> None:
    """Puts something odd somewhere into nested plain values, or takes something away."""
    while True:
        keys = sorted(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = choice.PickValueInList(keys)
        if isinstance(value[key], dict | list) and value[key] and choice.ConsumeProbability() < 0.8:
            value = value[key]
            continue
        if choice.ConsumeProbability() < 0.2:
            del value[key]
        else:
            value[key] = choice.PickValueInList(list(ODD))
        return
