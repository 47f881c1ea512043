"""Trains a network and its Bayesian twin on few images of each class, and compares them.

python scripts/run.py --model=bnn --n_per_class=500
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("run")
