"""All values of `--model`: whatever file of `models/methods` says that it is one."""

from collections.abc import Container

from tfp_insects.errors import InputError
from tfp_insects.models import methods as folder
from tfp_insects.models.method import Method
from tfp_insects.modules import modules_in


def method_names() -> tuple[str, ...]:
    """Names of all methods, the twins first, then variants and baselines in the order of their cost."""
    return tuple(method.name for method in methods())


def methods() -> tuple[Method, ...]:
    """All methods in that order."""
    found = [module.METHOD for module in modules_in(folder)]
    return tuple(sorted(found, key=lambda method: (method.order, method.name)))


def find_method(name: str) -> Method:
    """Finds a method by its name.

    Raises:
        InputError: There is none of that name.
    """
    for method in methods():
        if method.name == name:
            return method
    raise InputError(f"model={name}: unknown method; expected one or more of {', '.join(method_names())}")


def twin_names() -> tuple[str, ...]:
    """Names of the Bayesian twin and of its variants, in the order in which they stand for it."""
    twins = [method for method in methods() if method.role == "twin"]
    # A variant that is Bayesian in more layers stands for the twin before one that is so in fewer.
    return tuple(method.name for method in sorted(twins, key=lambda method: method.twin_rank))


def find_twin(models: Container[str]) -> str | None:
    """The Bayesian twin among some models, or the first of its variants where it is not among them."""
    return next((name for name in twin_names() if name in models), None)


def label_of(name: str) -> str:
    """What pages call a method; of one that is not there any more, its name."""
    return next((method.label for method in methods() if method.name == name), name)
