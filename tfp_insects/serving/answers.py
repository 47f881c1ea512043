"""What a model says to one image, and the row of a table that it becomes."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    *("path", "class", "probability", "entropy", "aleatoric", "epistemic"),
    *("accepted", "unknown", "prediction_set", "error"),
)
# Of tables that were begun before there were sets, and before there was an alarm.
OLD_COLUMNS = (
    tuple(name for name in COLUMNS if name != "prediction_set"),
    tuple(name for name in COLUMNS if name not in ("unknown", "prediction_set")),
)
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
        prediction_set: Classes of which one is the true one as often as the model card says, the most probable first; none
            where the model was exported without.
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
    prediction_set: tuple[str, ...] | None = None

    def to_row(self, path: str, columns: Sequence[str] = COLUMNS) -> list[str]:
        """The row of an image, in the order of the columns, which are `COLUMNS` or one of `OLD_COLUMNS`."""
        if self.error:
            return [path, *[""] * (len(columns) - 2), self.error]
        classes = self.prediction_set
        fields = {
            "path": path,
            "class": self.predicted_class,
            "probability": _text(self.probability),
            "entropy": _text(self.entropy),
            "aleatoric": _text(self.aleatoric),
            "epistemic": _text(self.epistemic),
            "accepted": str(self.accepted).lower(),
            "unknown": "" if self.unknown is None else str(self.unknown).lower(),
            # Names of classes may hold any separator.
            "prediction_set": "" if classes is None else json.dumps(classes, ensure_ascii=False),
            "error": "",
        }
        return [fields[name] for name in columns]

    @classmethod
    def from_row(cls, row: Sequence[str], columns: Sequence[str] = COLUMNS) -> "Answer":
        """Reads what `to_row` wrote; raises `ValueError` or `KeyError` for a row that it did not write."""
        fields = dict(zip(columns, row, strict=True))
        if fields["error"]:
            return cls(error=fields["error"])
        unknown, classes = fields.get("unknown"), fields.get("prediction_set")
        return cls(
            fields["class"],
            float(fields["probability"]),
            float(fields["entropy"]),
            float(fields["aleatoric"]),
            float(fields["epistemic"]) if fields["epistemic"] else None,
            _TRUTHS[fields["accepted"]],
            _TRUTHS[unknown] if unknown else None,
            prediction_set=tuple(json.loads(classes)) if classes else None,
        )


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"
