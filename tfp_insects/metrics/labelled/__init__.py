"""Metrics of images whose classes are known, a file each: see `metrics.metric` for what it says of itself."""
