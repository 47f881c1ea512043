"""A run's directory: what is in it, who may write it, and how it is read back."""
