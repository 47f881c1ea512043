"""A grid of runs, its records, tables and pictures."""
