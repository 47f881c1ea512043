"""Lack of confidence as a score (Hendrycks & Gimpel 2017)."""

from tfp_insects.metrics.metric import OodScore

SCORE = OodScore(
    name="one_minus_max_probability",
    label="lack of confidence",
    score=lambda draws: 1.0 - draws.confidence,
    is_in_tables=False,
    order=30,
)
