"""Epistemic uncertainty as a score."""

from tfp_insects.metrics.metric import OodScore

SCORE = OodScore(
    name="mutual_information",
    label="mutual information",
    score=lambda draws: draws.mutual_information,
    needs_draws=True,
    order=20,
)
