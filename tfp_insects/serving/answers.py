"""What a model says to one image, and the row of a table that it becomes."""

import dataclasses

COLUMNS = ("path", "class", "probability", "entropy", "aleatoric", "epistemic", "accepted", "error")


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer, or why there is none.

    Attributes:
        predicted_class: The most probable class; empty with an error.
        probability: Its probability.
        entropy: Predictive entropy, in nats: all doubt.
        aleatoric: Expected entropy, in nats: doubt that each draw of the weights has by itself.
        epistemic: Mutual information, in nats: how much the draws of the weights disagree.
        accepted: Whether the probability reaches the threshold, which kept to the risk level on validation images.
        error: Why the image could not be read; empty with an answer.
    """

    predicted_class: str = ""
    probability: float = 0.0
    entropy: float = 0.0
    aleatoric: float = 0.0
    epistemic: float = 0.0
    accepted: bool = False
    error: str = ""

    def to_row(self, path: str) -> list[str]:
        """The row of an image, in the order of `COLUMNS`."""
        if self.error:
            return [path, "", "", "", "", "", "", self.error]
        numbers = (self.probability, self.entropy, self.aleatoric, self.epistemic)
        return [path, self.predicted_class, *(f"{number:.6g}" for number in numbers), str(self.accepted).lower(), ""]

    @classmethod
    def from_row(cls, row: list[str]) -> "Answer":
        """Reads what `to_row` wrote; raises `ValueError` for a row that it did not write."""
        _, predicted_class, probability, entropy, aleatoric, epistemic, accepted, error = row
        if error:
            return cls(error=error)
        numbers = float(probability), float(entropy), float(aleatoric), float(epistemic)
        return cls(predicted_class, *numbers, {"true": True, "false": False}[accepted])
