import pytest
from measuring.configuration import DTYPES, MODELS, MODES, STOCK, Configuration, require_known, require_positive

from tfp_insects.errors import InputError


def test_goes_through_json() -> None:
    configuration = Configuration("bnn", "predict", "float32", 256, width_multiplier=0.25, data="a folder/ö")
    assert Configuration.from_json(configuration.to_json()) == configuration
    assert "\n" not in configuration.to_json()
    assert str(configuration) == "bnn predict float32 batch 256"


def test_only_stock_layers_cannot_compute_in_mixed_precision() -> None:
    impossible = [
        (model, dtype) for model in MODELS for dtype in DTYPES if not Configuration(model, "train", dtype).is_possible
    ]
    assert impossible == [(STOCK, "mixed_bfloat16"), (STOCK, "mixed_float16")]


def test_known_words_pass() -> None:
    assert require_known("modes", ["train", "predict"], MODES) == ("train", "predict")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["train", "fly"],
            r"^--modes=fly: unknown; expected one or more of forward, train, predict",
        ),
        ([""], r"^--modes=: unknown; expected one or more of"),
        ([], rf"^--modes: expected one or more of {', '.join(MODES)}$"),
    ],
)
def test_unknown_words_are_named(values: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_known("modes", values, MODES)


def test_batch_sizes_are_read() -> None:
    assert require_positive("batch_sizes", ["1", "256"]) == (1, 256)


@pytest.mark.parametrize("values", [[], ["0"], ["16", "-4"], ["1.5"], ["many"], ["²"]])
def test_what_is_no_batch_size_is_told(values: list[str]) -> None:
    with pytest.raises(InputError, match=rf"--batch_sizes={','.join(values)}: expected whole numbers of at least 1"):
        require_positive("batch_sizes", values)
