import dataclasses

import pytest

from tfp_insects.errors import InputError
from tfp_insects.plain import from_plain, to_plain


@dataclasses.dataclass(frozen=True)
class Prior:
    kind: str
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Section:
    epochs: int
    shuffle: bool = True
    prior: Prior = dataclasses.field(default_factory=lambda: Prior("normal"))
    other: Prior | None = None


PLAIN = {"epochs": 3, "shuffle": False, "prior": {"kind": "pretrained", "scale": 10}, "other": None}


def test_plain_values_become_typed_ones_and_plain_again() -> None:
    section = from_plain(Section, PLAIN)
    assert section == Section(3, False, Prior("pretrained", 10.0))
    assert isinstance(section.prior.scale, float)
    assert to_plain(section) == PLAIN
    assert from_plain(Section, to_plain(section)) == section


def test_what_is_not_given_has_its_default() -> None:
    assert from_plain(Section, {"epochs": 3}) == Section(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, r"^training\.epoch: the configuration has no such field; did you mean 'epochs'\?$"),
        ({"zzz": 3}, r"^training\.zzz: .*expected one of epochs, shuffle, prior, other$"),
        ({"prior": {"kind": "normal", "scael": 1.0}}, r"^training\.prior\.scael: .*did you mean 'scale'\?$"),
        ({"prior": {"scale": 1.0}}, r"^training\.prior\.kind is missing$"),
        ({"prior": 3}, r"^training\.prior=3: expected a section with fields$"),
        ({"epochs": 1.5}, r"^training\.epochs=1\.5: expected a whole number$"),
        ({"epochs": True}, r"^training\.epochs=True: expected a whole number$"),
        ({"shuffle": 1}, r"^training\.shuffle=1: expected true or false$"),
        ({"prior": {"kind": None}}, r"^training\.prior\.kind=None: expected text$"),
        ({"prior": {"kind": "normal", "scale": "wide"}}, r"^training\.prior\.scale='wide': expected a number$"),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_plain(Section, {**PLAIN, **change}, "training")
