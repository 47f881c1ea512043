"""All values of `--model` by name."""

from tfp_insects.errors import InputError
from tfp_insects.models.kinds.bnn import Bnn, BnnClassifier, BnnHead
from tfp_insects.models.kinds.cnn import Cnn
from tfp_insects.models.kinds.cnn_l2sp import CnnL2sp
from tfp_insects.models.kinds.cnn_temperature import CnnTemperature
from tfp_insects.models.kinds.ensemble import Ensemble
from tfp_insects.models.kinds.kind import Kind
from tfp_insects.models.kinds.mc_dropout import McDropout

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


def find_kind(name: str) -> Kind:
    """Finds a kind by its name.

    Raises:
        InputError: There is none of that name.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(f"--model={name}: unknown model; expected one or more of {', '.join(MODELS)}")
