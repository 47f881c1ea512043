"""Scores for telling images of no known class, a file each: see `metrics.metric` for what it says of itself."""
