"""From a finished run to predictions elsewhere."""
