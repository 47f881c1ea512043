"""The section `training` of a configuration."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long all methods train, and in what steps.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Training images in a batch.
        min_steps_per_epoch: Few images make smaller batches, not fewer steps than this.
        scale_learning_rate: Whether these smaller batches scale the learning rate, by the square root of their share.
        momentum: Of SGD.
        warmup_epochs: Length of the linear rise of the learning rate.
        validation_method: What judges an epoch, `monte_carlo` or `moments`. It belongs to the training, since it chooses the
            epoch; `prediction.method` is apart.
        num_validation_samples: Draws by which Monte Carlo judges an epoch.
        checkpoint_seconds: Least time between two checkpoints.
        deterministic: Whether TensorFlow may use only operations that give the same bits each time, which can take longer.
    """

    epochs: int
    batch_size: int
    min_steps_per_epoch: int = 1
    scale_learning_rate: bool = False
    momentum: float = 0.9
    warmup_epochs: float = 0.0
    validation_method: str = "monte_carlo"
    num_validation_samples: int = 2
    checkpoint_seconds: float = 60.0
    deterministic: bool = False
