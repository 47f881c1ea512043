"""The section `model` of a configuration, and those of the methods."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.errors import InputError

DEFAULT_ARCHITECTURE = "alexnet"
MIN_RANK = 2  # Of the deviations that SWAG keeps: one has no covariance.
FIXED, BY_VALIDATION, BY_MARGINAL_LIKELIHOOD = CHOICES_OF_SCALE = ("fixed", "validation", "marginal_likelihood")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network that all methods have, and what of it is trained.

    Attributes:
        image_size: Side of the square input in pixels; resolved: never 0, which stands for the design's own.
        width_multiplier: Factor of all widths; 1 is the published network.
        precision: Keras policy, resolved: never `auto`.
        freeze_features: Whether pretrained features stay as they are.
        freeze_classifier: Whether so do the layers between features and head.
        max_feature_cache_megabytes: Frozen features beyond this size live in a temporary file.
        architecture: Name of the network design, or path of a file with one.
    """

    image_size: int
    width_multiplier: float = 1.0
    precision: str = "float32"
    freeze_features: bool = False
    freeze_classifier: bool = False
    max_feature_cache_megabytes: float = 1024.0
    architecture: str = DEFAULT_ARCHITECTURE

    @property
    def freezes_layers(self) -> bool:
        """Whether any pretrained layers stay as they are."""
        return self.freeze_features or self.freeze_classifier


@dataclasses.dataclass(frozen=True)
class LearningRateMultipliers:
    """Multipliers of the learning rate for the features, the head, and the scales of a posterior."""

    features: float = 1.0
    head: float = 1.0
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class CnnConfig:
    """A method that trains point estimates.

    Attributes:
        learning_rate: Peak of the schedule.
        learning_rate_multipliers: Its multipliers.
        dropout: Rate at the network's places of dropout.
        use_pretrained: Whether it starts at pretrained weights where there are any.
    """

    learning_rate: float
    learning_rate_multipliers: LearningRateMultipliers = dataclasses.field(default_factory=LearningRateMultipliers)
    dropout: float = 0.0
    use_pretrained: bool = True


@dataclasses.dataclass(frozen=True)
class CnnL2spConfig(CnnConfig):
    """The CNN with the BNN's prior as a penalty, whose weight in the loss rises over some epochs."""

    kl_weight: float = 1.0
    kl_annealing_epochs: float = 0.0


@dataclasses.dataclass(frozen=True)
class CnnMapDropoutConfig(CnnConfig):
    """The CNN with dropout before every layer; `dropout` is that of dense layers."""

    map_dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class EnsembleConfig(CnnConfig):
    """Several CNNs."""

    num_members: int = 5


@dataclasses.dataclass(frozen=True)
class SwagConfig:
    """How snapshots are collected from a network that is trained, see `bayes.swag`.

    Attributes:
        learning_rate: The constant one of these epochs; a network's multipliers hold for it too.
        num_snapshots: Epochs, at the end of each of which a snapshot is taken.
        rank: Of the covariance that is not diagonal, as many as the last snapshots of which deviations are kept.
    """

    learning_rate: float
    num_snapshots: int = 10
    rank: int = 5

    def __post_init__(self) -> None:
        if self.rank < MIN_RANK:
            raise InputError(f"swag.rank={self.rank}: expected {MIN_RANK} or more", field="swag.rank")
        if self.num_snapshots < self.rank:
            raise InputError(
                f"swag.num_snapshots={self.num_snapshots}: expected {self.rank} or more, since swag.rank is {self.rank}",
                field=("swag.num_snapshots", "swag.rank"),
            )


@dataclasses.dataclass(frozen=True)
class VariationalConfig:
    """Prior and posterior of the kernels of a group of layers; the fields are those of `bayes.priors.Variational`."""

    prior: Prior
    posterior_ratio: float = 1.0
    scale_per_weight: bool = True
    learn_scale: bool = True
    temperature: float = 1.0
    covariance_scale: float = 0.0
    leverage_scale: float = 0.0

    def variational(self) -> Variational:
        """The same for a layer."""
        return Variational(**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True)
class BnnConfig:
    """The Bayesian twin and its variants.

    Attributes:
        layers: Scope of the posterior, see `models.architecture.SCOPES`.
        learning_rate: Peak of the schedule.
        learning_rate_multipliers: Its multipliers.
        use_pretrained: Whether it starts at pretrained weights where there are any.
        kl_weight: Weight of the divergence in the loss; 1 is the ELBO.
        kl_annealing_epochs: Epochs over which that weight rises from 0.
        hidden: Of all layers but the last, with pretrained weights.
        hidden_from_scratch: The same without pretrained weights.
        head: Of the last layer.
        features: Of the features, where they differ from the hidden layers; with pretrained weights.
        covariance_scale_by: What sets the scale of the last layer's covariance, if it has one: `fixed`, which is
            `head.covariance_scale`, or `validation` or `marginal_likelihood`, which choose another for each run, see
            `bayes.covariance_scale`.
        fits_logit_temperature: Whether the logits are divided by a temperature that the validation images choose, if the
            last layer has a covariance; see `bayes.logit_temperature`.
        dropout: Rate at the network's places of dropout, in training alone. The expectation of the ELBO is then one over its
            masks too, as over augmented images; predictions have none.
    """

    layers: str
    learning_rate: float
    hidden: VariationalConfig
    hidden_from_scratch: VariationalConfig
    head: VariationalConfig
    features: VariationalConfig | None = None
    learning_rate_multipliers: LearningRateMultipliers = dataclasses.field(default_factory=LearningRateMultipliers)
    use_pretrained: bool = True
    kl_weight: float = 1.0
    kl_annealing_epochs: float = 0.0
    covariance_scale_by: str = FIXED
    fits_logit_temperature: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.covariance_scale_by not in CHOICES_OF_SCALE:
            field, expected = "bnn.covariance_scale_by", f"{FIXED}, {BY_VALIDATION} or {BY_MARGINAL_LIKELIHOOD}"
            raise InputError(f"{field}={self.covariance_scale_by!r}: expected {expected}", field=field)


class NetworkConfig(Protocol):
    """What networks need of a whole configuration."""

    @property
    def model(self) -> ModelConfig:
        """The network that all methods have."""

    @property
    def methods(self) -> Mapping[str, Any]:
        """The sections of the methods by their names, each of the type that its method says."""
