"""What the benchmarks share: configurations, and processes that run them in turns."""
