"""AlexNet and its Bayesian twin on few images a class: which is better, and how sure is each prediction?"""

__version__ = "0.1.0"
