"""Monte Carlo predictions and what is measured on them."""
