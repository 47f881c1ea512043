"""Network designs, a file each: see `models.architecture` for what a design says of itself."""
