"""Total uncertainty as a score."""

from tfp_insects.metrics.metric import OodScore

SCORE = OodScore(
    name="predictive_entropy", label="predictive entropy", score=lambda draws: draws.predictive_entropy, order=10
)
