"""AlexNet, its Bayesian twin, and their pretrained weights."""
