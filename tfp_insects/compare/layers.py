"""Which layers of a run's network have a posterior, in words."""

from collections.abc import Mapping
from typing import Any


def layer_words(record: Mapping[str, Any]) -> str:
    """`36 layers have a posterior; point estimates: 17 DepthwiseConv2D; 52 of batch normalisation stay as they were`.

    Returns:
        Empty for a record that does not say, and for a network without a posterior or batch normalisation.
    """
    layers = record.get("layers", {})
    parts = []
    if bayesian := layers.get("bayesian", 0):
        parts.append("1 layer has a posterior" if bayesian == 1 else f"{bayesian} layers have a posterior")
        if others := layers.get("point_estimates"):
            parts.append(f"point estimates: {', '.join(f'{count} {kind}' for kind, count in sorted(others.items()))}")
    if normalisations := layers.get("normalisations", 0):
        parts.append(f"{normalisations} of batch normalisation stay as they were")
    return "; ".join(parts)
