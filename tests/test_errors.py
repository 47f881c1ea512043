import pickle

import pytest

from tfp_insects.errors import InputError


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (InputError("bad"), ()),
        (InputError("bad", field="weights"), ("weights",)),
        (
            InputError("bad", field=("n_per_class", "data.num_test_per_class")),
            ("n_per_class", "data.num_test_per_class"),
        ),
    ],
)
def test_an_error_keeps_its_fields_on_the_way_from_another_process(error: InputError, fields: tuple[str, ...]) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.fields) == (InputError, "bad", fields)
