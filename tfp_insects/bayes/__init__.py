"""A Bayesian library for tf_keras: layers, priors, ELBO, predictive samples. It knows no AlexNet, no flags and no files."""
