"""Mutants that no test can kill, or none that is worth having, and why: (file, change) -> reason."""

EQUIVALENT: dict[tuple[str, str], str] = {}
