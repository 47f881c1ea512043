"""How well a score tells images of no known class from test images: the ways in which two sets of scores are compared."""

from collections.abc import Callable
from functools import partial

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.bootstrap import Statistic
from tfp_insects.metrics.metric import OodMetric, OodScore
from tfp_insects.metrics.out_of_distribution import resampled_auroc, resampled_fpr_at_tpr


def auroc_of(score: OodScore) -> OodMetric:
    """AUROC of a score; that of the first score stands for all in tables of differences."""
    return OodMetric(
        name=f"auroc_{score.name}",
        label=f"AUROC, {score.label}",
        short="AUROC",
        plain="telling strangers from known classes",
        description=f"how likely an image of no known class has a higher {score.label} than a test image; 0.5 is chance",
        maximum=1.0,
        better="high",
        shown="tables" if score.is_in_tables else "files",
        needs_draws=score.needs_draws,
        order=score.order,
        score=score,
        separation="AUROC",
        statistic=_of(resampled_auroc),
    )


def fpr95_of(score: OodScore) -> OodMetric:
    """FPR95 of a score."""
    return OodMetric(
        name=f"fpr95_{score.name}",
        label=f"FPR95, {score.label}",
        short="FPR95",
        description=f"share of test images above the {score.label} that 95 % of images of no known class reach",
        unit="points",
        maximum=1.0,
        scale=100.0,
        decimals=1,
        better="low",
        shown="files",
        needs_draws=score.needs_draws,
        order=score.order,
        score=score,
        separation="FPR95",
        statistic=_of(resampled_fpr_at_tpr),
    )


SEPARATIONS: tuple[Callable[[OodScore], OodMetric], ...] = (auroc_of, fpr95_of)


def _of(resampled: Callable[..., FloatArray]) -> Callable[[FloatArray, FloatArray], Statistic]:
    return lambda known, ood: partial(resampled, known, ood)
