"""Checkpoints of torch, read without torch and without running code in them."""
