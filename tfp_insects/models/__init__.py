"""Network designs, methods to train them, and their pretrained weights."""
