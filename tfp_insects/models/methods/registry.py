"""All values of `--model` by name."""

from collections.abc import Container

from tfp_insects.errors import InputError
from tfp_insects.models.methods.bnn import Bnn, BnnClassifier, BnnHead
from tfp_insects.models.methods.cnn import Cnn
from tfp_insects.models.methods.cnn_l2sp import CnnL2sp
from tfp_insects.models.methods.cnn_temperature import CnnTemperature
from tfp_insects.models.methods.ensemble import Ensemble
from tfp_insects.models.methods.mc_dropout import McDropout
from tfp_insects.models.methods.method import Kind

# The twins first, then variants and baselines in the order of their cost.
KINDS: tuple[Kind, ...] = (
    Cnn(),
    Bnn(),
    BnnHead(),
    BnnClassifier(),
    CnnTemperature(),
    CnnL2sp(),
    McDropout(),
    Ensemble(),
)
MODELS = tuple(kind.name for kind in KINDS)
TWINS = (Bnn.name, BnnClassifier.name, BnnHead.name)


def find_kind(name: str) -> Kind:
    """Finds a kind by its name.

    Raises:
        InputError: There is none of that name.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(f"--model={name}: unknown model; expected one or more of {', '.join(MODELS)}")


def find_twin(models: Container[str]) -> str | None:
    """The Bayesian twin among some models, or the first of its variants where it is not among them."""
    return next((name for name in TWINS if name in models), None)
