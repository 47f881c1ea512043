"""What a model says to one image, and the row of a table that it becomes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("path", "class", "probability", "entropy", "aleatoric", "epistemic", "accepted", "unknown", "error")
# Of tables that were begun before there was an alarm.
OLD_COLUMNS = tuple(name for name in COLUMNS if name != "unknown")
_TRUTHS = {"true": True, "false": False}

ONE_PASS = "one_pass"  # What a card calls the prediction of a model without random layers.


def has_draws(card: Mapping[str, Any]) -> bool:
    """Whether a model of this card answers by several draws; of one, epistemic uncertainty is unknown, whatever it says.

    Cards of version 0.1.0 name no method.
    """
    method = card.get("prediction_method")
    return card.get("num_samples") != 1 if method is None else method != ONE_PASS


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer, or why there is none.

    Attributes:
        predicted_class: The most probable class; empty with an error.
        probability: Its probability.
        entropy: Predictive entropy, in nats: all doubt.
        aleatoric: Expected entropy, in nats: doubt that each draw of the weights has by itself.
        epistemic: Mutual information, in nats: how much the draws of the weights disagree. None of a model of one draw, of
            which it is unknown; tables of before have 0 there.
        accepted: Whether the answer is one of those of which the model card makes its promise.
        unknown: Whether the image is called one of no known class; none where the model has no alarm.
        error: Why the image could not be read; empty with an answer.
    """

    predicted_class: str = ""
    probability: float = 0.0
    entropy: float = 0.0
    aleatoric: float = 0.0
    epistemic: float | None = 0.0
    accepted: bool = False
    unknown: bool | None = None
    error: str = ""

    def to_row(self, path: str, columns: Sequence[str] = COLUMNS) -> list[str]:
        """The row of an image, in the order of the columns, which are `COLUMNS` or `OLD_COLUMNS`."""
        if self.error:
            return [path, *[""] * (len(columns) - 2), self.error]
        numbers = (self.probability, self.entropy, self.aleatoric, self.epistemic)
        unknown = "" if self.unknown is None else str(self.unknown).lower()
        truths = [str(self.accepted).lower(), *([unknown] if "unknown" in columns else [])]
        return [path, self.predicted_class, *map(_text, numbers), *truths, ""]

    @classmethod
    def from_row(cls, row: list[str]) -> "Answer":
        """Reads what `to_row` wrote; raises `ValueError` for a row that it did not write."""
        _, predicted_class, probability, entropy, aleatoric, epistemic, accepted, *unknown, error = row
        if error:
            return cls(error=error)
        numbers = float(probability), float(entropy), float(aleatoric), float(epistemic) if epistemic else None
        is_unknown = _TRUTHS[unknown[0]] if any(unknown) else None
        return cls(predicted_class, *numbers, _TRUTHS[accepted], is_unknown)


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"
