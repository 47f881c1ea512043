"""Which images belong together, and how whole groups of them are shared out to test, validation and training."""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tfp_insects.data.source import ImageSource, content_digests

POOL, TEST, VALIDATION = 0, 1, 2
_THRESHOLDS = [*(2.0**-halvings for halvings in range(11)), 0.0]  # At last a group of any size.


def seeded_order(names: Sequence[str], purpose: str, seed: int) -> np.ndarray:
    """Shuffles by the SHA-256 of (purpose, seed, name): who else is in the list does not change the order of two names.

    Returns:
        int64 `[num_names]`, indices into `names`.
    """
    # A name need not be UTF-8, though the readers' are.
    keys = [hashlib.sha256(f"{purpose} {seed} {name}".encode(errors="surrogatepass")).digest() for name in names]
    return np.array(sorted(range(len(names)), key=keys.__getitem__), np.int64)


def find_units(source: ImageSource, seed: int) -> np.ndarray:
    """Numbers the units of a source: sets of images that a split must not part.

    Images of one capture group belong together, and so do images of identical content, and whatever is linked by these.
    The numbers are a seeded order of the units, by the name of their first group, or of their first image where no
    group is known.

    Returns:
        int64 `[num_examples]`, the unit of each example.
    """
    num_examples = len(source.example_ids)
    keys = [digest.hex() for digest in content_digests(source)] + [f"group {name}" for name in source.groups or ()]
    _, nodes = np.unique(np.array(keys), return_inverse=True)
    examples = np.arange(len(keys)) % num_examples
    size = num_examples + len(keys)
    links = coo_array((np.ones(len(keys)), (examples, num_examples + nodes)), shape=(size, size))
    units = np.unique(connected_components(links, directed=False)[1][:num_examples], return_inverse=True)[1]

    names: dict[int, str] = {}
    for unit, name in zip(units.tolist(), source.groups or source.example_ids, strict=True):
        names[unit] = min(name, names.get(unit, name))
    order = seeded_order([names[unit] for unit in range(len(names))], "unit", seed)
    return np.argsort(order)[units]


def assign_units(counts: np.ndarray, num_test: int, num_validation: int) -> np.ndarray:
    """Gives whole units to test, then to validation; the rest is the pool.

    A greedy cover with falling threshold: units are visited in their order, and one is taken if the images that are
    still needed are at least 1, 1/2, 1/4, ... of all its images, and at last any of them, both counted in shares of their
    class, so that an image of a scarce class weighs more. Single images are so taken in order until each class has its
    number; of capture groups those are preferred that take little from the pool. (Decreasing-threshold greedy: Badanidiyuru
    and Vondrák, 2014, "Fast algorithms for maximizing submodular functions".)

    Args:
        counts: int64 `[num_units, num_classes]`, images of each class in each unit; no class is empty.
        num_test: Test images that each class needs.
        num_validation: Validation images that each class needs.

    Returns:
        int64 `[num_units]` of `TEST`, `VALIDATION` and `POOL`. A class may get fewer than it needs.
    """
    parts = np.full(len(counts), POOL)
    weights = 1.0 / counts.sum(axis=0)
    for part, num_needed in ((TEST, num_test), (VALIDATION, num_validation)):
        needed = np.full(counts.shape[1], num_needed)
        for threshold in _THRESHOLDS:
            for unit in np.flatnonzero((parts == POOL) & (counts @ (needed > 0) > 0)):
                useful = np.minimum(counts[unit], needed)
                if useful.any() and useful @ weights >= threshold * (counts[unit] @ weights):
                    parts[unit] = part
                    needed -= useful
    return parts
