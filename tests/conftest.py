"""What tests of several rooms share; each module of `fixtures` says what it makes."""

pytest_plugins = [
    "fixtures.invented_runs",
    "fixtures.models",
    "fixtures.tiny_study",
    "fixtures.tiny_twin",
    "fixtures.wheels",
]
