"""The Bayesian twin."""

import dataclasses

import tf_keras

from tfp_insects.bayes.convert import to_bayesian
from tfp_insects.bayes.priors import LOG_UNIFORM, Variational
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Group, NetworkSpec
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.config import BnnConfig
from tfp_insects.models.layer_groups import bayesian_entries


@dataclasses.dataclass(frozen=True)
class Bayesian:
    """Which layers are Bayesian, and how.

    Attributes:
        layers: Scope, see `models.architecture.groups_of`.
        hidden: Posterior and prior of all Bayesian layers but the last.
        head: Those of the last layer, which is new and has no pretrained weights.
        features: Those of the features, where they differ from the hidden layers.
        dropout: Rate at the design's places of dropout, in training alone.
    """

    layers: str
    hidden: Variational
    head: Variational
    features: Variational | None = None
    dropout: float = 0.0

    def of_group(self, group: Group) -> Variational:
        """Posterior and prior of the layers of a group."""
        if group == "head":
            return self.head
        return self.features if self.features and group == "features" else self.hidden


def make_bayesian(section: BnnConfig, layers: str, is_pretrained: bool) -> Bayesian:
    """Reads the section `bnn` of a configuration for a scope, with and without pretrained weights."""
    head, dropout = section.head.variational(), section.dropout
    if not is_pretrained:
        return Bayesian(layers, section.hidden_from_scratch.variational(), head, dropout=dropout)
    features = section.features.variational() if section.features else None
    return Bayesian(layers, section.hidden.variational(), head, features, dropout)


def build_bnn(spec: NetworkSpec, bayesian: Bayesian, num_train_examples: int, seed: int) -> tf_keras.Model:
    """The CNN's Bayesian twin, with a rate of dropout of its own; layers outside the scope are the CNN's.

    Args:
        spec: The design, its widths, input and precision.
        bayesian: Scope, priors and posteriors.
        num_train_examples: Number of training images, by which the divergence is divided.
        seed: Integer that determines initial weights, noise and signs.

    Raises:
        InputError: The head's prior is log-uniform, or another layer asks for a covariance.
    """
    if bayesian.head.prior.kind == LOG_UNIFORM:
        raise InputError(
            f"bnn.head.prior.kind={LOG_UNIFORM}: the last layer starts at a mean of 0, and a share of 0 is no "
            "noise at all; give it a normal prior, such as scaled_normal",
            field="bnn.head.prior.kind",
        )
    for section, variational in (("hidden", bayesian.hidden), ("features", bayesian.features)):
        if variational and variational.covariance_scale:
            raise InputError(
                f"bnn.{section}.covariance_scale: only the last layer has a covariance "
                "(bnn.head.covariance_scale); leave it at 0 here",
                field=f"bnn.{section}.covariance_scale",
            )
    cnn, architecture = build_cnn(spec, seed, dropout=bayesian.dropout), spec.architecture
    groups = {
        id(layer): architecture.group_of(path) for path, layer in bayesian_entries(cnn, architecture, bayesian.layers)
    }
    return to_bayesian(
        cnn,
        num_train_examples=num_train_examples,
        layers=lambda layer: id(layer) in groups,
        variational=lambda layer: bayesian.of_group(groups[id(layer)]),
        seed=seed,
    )
