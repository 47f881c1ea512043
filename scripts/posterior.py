"""Shows what a trained BNN has learnt about its weights, and which of them it can do without.

python scripts/posterior.py --run=runs/bnn-n50-seed0 --data=PATH
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("posterior")
