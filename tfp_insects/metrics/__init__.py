"""What is measured on predictions: scores, calibration, selective prediction, unknown classes, counts, intervals."""
