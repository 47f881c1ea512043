"""Fields of the methods' sections that had another name once, as files of before still have it."""

from collections.abc import Mapping
from typing import Any

RENAMED: Mapping[str, str] = {
    "rates": "learning_rate_multipliers",
    "body": "hidden",
    "body_from_scratch": "hidden_from_scratch",
}


def with_new_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain configuration of any age, with the names that its fields have now."""
    return {
        name: {RENAMED.get(field, field): value for field, value in section.items()}
        if isinstance(section, Mapping)
        else section
        for name, section in config.items()
    }
