"""Priors of a kernel, from plain configuration."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfp_insects.errors import InputError

LOG_UNIFORM = "log_uniform"
KINDS = ("standard_normal", "normal", "scaled_normal", "pretrained", LOG_UNIFORM)


@dataclasses.dataclass(frozen=True)
class Prior:
    """A prior, independent for each weight: normal or log-uniform.

    A normal prior's location is 0 or the pretrained kernel; its scale is one rule for all kinds:
    `prior_scale = factor * max(|prior_loc|, floor)`. So the scale needs no array of its own.

    The log-uniform prior, p(|w|) proportional to 1 / |w|, has neither location nor scale: it believes the same whatever the
    unit of w (Kingma, Salimans, Welling 2015; Molchanov, Ashukha, Vetrov 2017). Under it the posterior's scale is a share of
    the mean as it is now, however far training moves it; see `log_uniform_prior`.

    Attributes:
        kind: One of `standard_normal` (N(0, 1)), `normal` (N(0, scale²)), `scaled_normal` (N(0, scale² / fan_in)),
            `pretrained` (centred on the pretrained kernel w0, scale proportional to |w0|) and `log_uniform`.
        scale: Scale of the prior in the unit of its kind; without meaning for `standard_normal` and `log_uniform`.
        floor: Smallest |w0| that `pretrained` reckons with, as a share of the root mean square of w0; without meaning for
            the other kinds.
    """

    kind: str = "standard_normal"
    scale: float = 1.0
    floor: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"prior kind {self.kind!r} is unknown; expected one of {', '.join(KINDS)}")
        if not self.scale > 0.0 or not self.floor > 0.0:
            raise InputError(f"a prior's scale and floor must be positive; got scale={self.scale}, floor={self.floor}")

    @property
    def is_centred_on_pretrained(self) -> bool:
        """Whether the prior needs a pretrained kernel."""
        return self.kind == "pretrained"

    def factor_and_floor(self, fan_in: int, pretrained: np.ndarray | None = None) -> tuple[float, float]:
        """The two numbers of the rule for a normal prior's scale.

        Args:
            fan_in: Number of inputs of one unit of the layer.
            pretrained: Pretrained kernel, for `pretrained` only.

        Returns:
            `(factor, floor)`.
        """
        if self.kind == "pretrained":
            if pretrained is None:
                return self.scale, self.floor
            root_mean_square = float(np.sqrt(np.mean(np.square(pretrained, dtype=np.float64))))
            return self.scale, self.floor * max(root_mean_square, 1e-6)
        scale = {"standard_normal": 1.0, "normal": self.scale, "scaled_normal": self.scale / math.sqrt(fan_in)}[
            self.kind
        ]
        return scale, 1.0


@dataclasses.dataclass(frozen=True)
class Variational:
    """How a kernel is Bayesian: plain configuration of its posterior, its prior and their divergence.

    Attributes:
        prior: The prior.
        num_train_examples: Number of training images, by which the divergence is divided; 1 leaves it whole, as
            stock TFP does.
        posterior_ratio: Initial scale of the posterior in units of the prior's scale, where 1 starts at the prior's scale;
            under a log-uniform prior, in units of each weight's |loc|.
        scale_per_weight: Whether each weight has a ratio of its own, or all weights of the layer share one.
        learn_scale: Whether the ratio is trained. If not, it stays `posterior_ratio`.
        temperature: Factor of the posterior's variance in predictions; 1 is the posterior itself, less is surer of the mean
            than it is (a cold posterior: Wenzel et al. 2020). Training is the same with all.
        covariance_scale: Of a dense layer's prior in the unit of `scaled_normal`, if its predictions come from a posterior in
            which the weights of a unit depend on one another, see `head_covariance`; 0 for independent weights.
        leverage_scale: The same of the covariance by which the leverage of inputs is told, which need not be that of the
            predictions; 0 for the same one, and without meaning where there is none.
        noise_multiplier: Factor of the noise; 0 gives the deterministic twin (for tests).
        starts_at_zero: Whether `to_bayesian` has the kernel's mean start at zero, as befits a new last layer, and not at the
            model's weights; without meaning elsewhere.
    """

    prior: Prior = Prior("scaled_normal")
    num_train_examples: int = 1
    posterior_ratio: float = 0.1
    scale_per_weight: bool = True
    learn_scale: bool = True
    temperature: float = 1.0
    covariance_scale: float = 0.0
    leverage_scale: float = 0.0
    noise_multiplier: float = 1.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Prior):
            raise TypeError(f"prior: expected a Prior or a mapping of its fields; got {self.prior!r}")
        if not self.posterior_ratio > 0.0:
            raise InputError(f"posterior_ratio must be positive; got {self.posterior_ratio}")
        if self.num_train_examples < 1:
            raise InputError(f"num_train_examples must be at least 1; got {self.num_train_examples}")
        scales = {name: getattr(self, name) for name in ("temperature", "covariance_scale", "leverage_scale")}
        if not all(value >= 0.0 for value in scales.values()):
            got = ", ".join(f"{name}={value}" for name, value in scales.items())
            raise InputError(f"a posterior's temperature and scales must be at least 0; got {got}")

    def to_config(self) -> dict[str, Any]:
        """Plain configuration, from which `from_config` makes the same again."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, value: "Variational | Mapping[str, Any] | None") -> "Variational":
        """What a layer was given: a `Variational`, a mapping of its fields, or none for the default.

        Raises:
            TypeError: Anything else.
        """
        if isinstance(value, Variational):
            return value
        if value is not None and not hasattr(value, "keys"):  # A ConfigDict is no `Mapping`, but serves as one.
            raise TypeError(f"variational: expected a Variational or a mapping of its fields; got {value!r}")
        return cls.from_config(value or {})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Variational":
        """Reads plain configuration, where what is left out has its default; an unknown field is an `InputError`."""
        _refuse_unknown(cls, config)
        fields = dict(config)
        if hasattr(fields.get("prior"), "keys"):
            _refuse_unknown(Prior, fields["prior"])
            fields["prior"] = Prior(**fields["prior"])
        return cls(**fields)


def _refuse_unknown(kind: type, config: Mapping[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(kind)}
    for name in config:
        if name not in known:
            raise InputError(f"unknown {kind.__name__} field {name!r}; expected one of {', '.join(sorted(known))}")
