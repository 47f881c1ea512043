"""Learning rate and divergence weight as functions of progress."""

import math


def cosine_learning_rate(peak: float, step: int, num_steps: int, warmup_steps: int = 0) -> float:
    """Linear warm-up, then cosine decay to zero (Loshchilov and Hutter 2017, eq. 5 with a minimum of 0).

    Args:
        peak: Learning rate after the warm-up.
        step: Step about to be taken, from 0.
        num_steps: Steps of the whole training.
        warmup_steps: Steps of the warm-up.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, num_steps - warmup_steps)
    return 0.5 * peak * (1.0 + math.cos(math.pi * min(1.0, progress)))


def annealed_kl_weight(final: float, epoch: int, annealing_epochs: float) -> float:
    """Weight of the divergence: rises linearly from `final / annealing_epochs` to `final`; 0 epochs mean no annealing."""
    if annealing_epochs <= 0.0:
        return final
    return final * min(1.0, (epoch + 1) / annealing_epochs)
