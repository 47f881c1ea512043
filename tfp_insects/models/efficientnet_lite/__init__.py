"""EfficientNet-Lite0: its layers, and the layout of its weights."""
