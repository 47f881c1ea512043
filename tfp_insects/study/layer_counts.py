"""What became of a network's layers: which have a posterior, which are point estimates, which do not train."""

from collections import Counter
from typing import Any

import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.variational_kernel import VariationalKernel
from tfp_insects.models.layer_groups import BATCH_NORMALISATION


def count_layers(model: tf_keras.Model) -> dict[str, Any]:
    """Counts the layers with weights of floating-point numbers, in plain values.

    Returns:
        `bayesian`: layers with a posterior; `point_estimates`: number by kind of the others; `normalisations`: layers of
        batch normalisation, which stay as they are.
    """
    layers = [layer for _, layer in list_layers(model) if any(one.dtype.is_floating for one in layer.weights)]
    bayesian = [layer for layer in layers if isinstance(layer, VariationalKernel)]
    normalisations = [layer for layer in layers if isinstance(layer, BATCH_NORMALISATION)]
    others = Counter(type(layer).__name__ for layer in layers if layer not in (*bayesian, *normalisations))
    return {"bayesian": len(bayesian), "point_estimates": dict(others), "normalisations": len(normalisations)}
