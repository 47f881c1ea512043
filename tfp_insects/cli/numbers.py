"""Numbers as flags have them: words between commas."""

from collections.abc import Sequence

from tfp_insects.errors import InputError


def parse_numbers(flag: str, words: Sequence[str]) -> list[int]:
    """Reads a flag's numbers; `InputError` names the flag where they are none."""
    try:
        numbers = [int(word) for word in words]
    except ValueError as error:
        raise InputError(f"--{flag}={','.join(words)}: expected numbers separated by commas") from error
    if not numbers:
        raise InputError(f"--{flag}: expected at least one number")
    return numbers
