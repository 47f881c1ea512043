"""The values of `--model`, a file each: see `models.method` for what it says of itself."""
