"""A small network of one's own, its Bayesian twin, and what the twin does not know.

    python examples/uncertain_digits.py

The digits 0 to 7 of scikit-learn's data set train; 8 and 9 are strangers. Nothing is downloaded, and it takes half a minute.
"""

import tf_keras
from sklearn.datasets import load_digits

from tfp_insects import Prior, Variational, list_conversion, predict_samples, to_bayesian
from tfp_insects.metrics.out_of_distribution import auroc
from tfp_insects.metrics.scores import accuracy, mutual_information, negative_log_likelihood

# %% Handwritten digits of 8 x 8 pixels
images, labels = load_digits(return_X_y=True)
images = (images / 16.0).reshape(-1, 8, 8, 1).astype("float32")
known, strangers, known_labels = images[labels < 8], images[labels >= 8], labels[labels < 8]
train, test = slice(0, 1000), slice(1000, None)

# %% A network of one's own
tf_keras.utils.set_random_seed(0)
layers = [
    tf_keras.layers.Conv2D(16, 3, activation="relu", name="edges"),
    tf_keras.layers.Conv2D(32, 3, activation="relu", name="strokes"),
    tf_keras.layers.Flatten(),
    tf_keras.layers.Dense(64, activation="relu", name="hidden"),
    tf_keras.layers.Dense(8, name="digits"),
]
model = tf_keras.Sequential([tf_keras.Input([8, 8, 1]), *layers])
loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", loss)
model.fit(known[train], known_labels[train], epochs=20, verbose=0)

# %% Its Bayesian twin: a wide prior around the trained weights, and noise of 30 % of each
spec = Variational(Prior("pretrained", scale=10.0), posterior_ratio=0.03, learn_scale=False)
twin = to_bayesian(model, num_train_examples=1000, variational=spec)
print([(layer.name, layer.is_bayesian) for layer in list_conversion(model)])
twin.compile("adam", loss)  # `fit` adds KL(posterior || prior) / 1000, so that it maximises the ELBO.
twin.fit(known[train], known_labels[train], epochs=5, verbose=0)

# %% Class probabilities under 30 draws of the weights, `[30, num_images, 8]`; the model itself has one
for name, network in (("model", model), ("twin", twin)):
    samples, others = (predict_samples(network, some, 30) for some in (known[test], strangers))
    nll = negative_log_likelihood(samples, known_labels[test])
    print(f"{name}: accuracy {accuracy(samples, known_labels[test]):.3f}, NLL {nll:.3f} nats")

# %% What draws disagree on is what the weights do not know: strangers more than known digits
doubts = mutual_information(samples), mutual_information(others)
print(f"mutual information: {doubts[0].mean():.3f} nats, strangers {doubts[1].mean():.3f}; AUROC {auroc(*doubts):.3f}")
