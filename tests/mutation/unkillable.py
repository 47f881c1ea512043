"""Mutants that no test can kill, or none worth having, and why: (file, change) -> reason."""

UNKILLABLE: dict[tuple[str, str], str] = {}
