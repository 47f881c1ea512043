"""The loss, its schedules, the training loop and its checkpoints."""
