from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fixtures.full_disks import full_disk

from tfp_insects.data.features import FeatureStore
from tfp_insects.errors import InputError

LABELS = np.arange(5, dtype=np.int32)
IN_MEMORY, IN_FILE = 10_000, 0


def features(count: int = 5, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 2, 3)).astype(dtype)


def in_batches(values: np.ndarray) -> list[np.ndarray]:
    return [values[:2], values[2:4], values[4:]]


@pytest.mark.parametrize("dtype", [np.float32, tf.bfloat16.as_numpy_dtype])
@pytest.mark.parametrize(("max_bytes", "kind"), [(IN_MEMORY, np.ndarray), (IN_FILE, np.memmap)])
def test_features_come_back_in_order(max_bytes: int, kind: type, dtype: type, tmp_path: Path) -> None:
    values = features(dtype=dtype)
    store = FeatureStore(in_batches(values), LABELS, max_bytes, tmp_path)
    assert type(store._features) is kind
    for _ in range(2):
        found, labels = zip(*store.batches(3), strict=True)
        assert [len(batch) for batch in found] == [3, 2]
        np.testing.assert_array_equal(np.concatenate(found), values)
        np.testing.assert_array_equal(np.concatenate(labels), LABELS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("max_bytes", [IN_MEMORY, IN_FILE])
def test_features_without_labels_are_a_mistake(max_bytes: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batches hold 4 examples; there are 5 labels"):
        FeatureStore(in_batches(features(4)), LABELS, max_bytes, tmp_path)


def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(InputError, match=r"cannot keep the features here .*Free some space") as caught:
        FeatureStore(in_batches(features()), LABELS, IN_FILE, tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
