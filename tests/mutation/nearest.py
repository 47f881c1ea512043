"""The files of which mutants are made, and the tests that are nearest to each."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METRICS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tfp_insects" / "metrics").rglob("*.py"))
ELBO = {
    "elbo": ("test_elbo", "test_divergence"),
    "divergence": ("test_divergence", "test_elbo"),
    "normal_prior": ("test_normal_prior", "test_mean_field"),
    "log_uniform_prior": ("test_log_uniform_prior", "test_mean_field"),
    "priors": ("test_priors", "test_prior_weights", "test_normal_prior"),
}
SPLITS = {
    "split": ("test_split", "test_given_split"),
    "grouping": ("test_grouping", "test_split"),
    "held_out": ("test_held_out",),
}
FILES = (
    *METRICS,
    *(f"tfp_insects/bayes/{name}.py" for name in ELBO),
    *(f"tfp_insects/data/{name}.py" for name in SPLITS),
)


def nearest_tests(root: Path, path: str) -> tuple[str, ...]:
    """Files of tests, those of the file's own name first; for a metric the others of the room too."""
    name, room = Path(path).stem, path.split("/")[1]
    if room == "metrics":
        tests = sorted(file.relative_to(root).as_posix() for file in (root / "tests" / room).glob("test_*.py"))
        first = [f"tests/metrics/test_{near}.py" for near in (name, "metric_table", "summary")]
        return tuple(sorted(tests, key=lambda test: first.index(test) if test in first else len(first)))
    names = {**ELBO, **SPLITS}[name]
    return tuple(f"tests/{room}/{test}.py" for test in names)
