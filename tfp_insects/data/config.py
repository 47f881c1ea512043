"""The section `data` of a configuration."""

import dataclasses

from tfp_insects.data.dealing import require_num_folds


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images are used for what.

    Attributes:
        split_seed: Decides which images are cut for test and validation.
        num_test_per_class: Test images of each class.
        num_validation_per_class: Validation images of each class.
        max_n_per_class: The largest number of training images of a class that will be asked for; 0 for the largest of the
            command. Classes with fewer are left out.
        on_bad_image: `error`, or `skip` to leave bad images out.
        folds: Parts of a cross-validation, in which each image is tested once; 0 for a single split. The numbers of test and
            validation images do not count then.
        ood_classes: Patterns such as `none_*`, with commas: classes that no model learns, whose images are
            out-of-distribution.
    """

    split_seed: int = 0
    num_test_per_class: int = 50
    num_validation_per_class: int = 40
    max_n_per_class: int = 0
    on_bad_image: str = "error"
    folds: int = 0
    ood_classes: str = ""

    def __post_init__(self) -> None:
        if self.folds:
            require_num_folds(self.folds)
