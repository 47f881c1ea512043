"""The study: full AlexNet and its Bayesian twin on photographs.

    python scripts/run.py --model=cnn,bnn --n_per_class=5,10,50,100,500 --data=PATH

Any field is overridden by `--config.field=value`, for example `--config.training.epochs=20`.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the default configuration; the twins share all but the sections `cnn` and `bnn`."""
    config = ml_collections.ConfigDict()
    config.data = data()
    config.augmentation = ml_collections.ConfigDict({"flip": True, "shift": 0.1})  # The shift is a share of the side.
    config.model = model()
    config.training = training()
    config.prediction = prediction()
    config.cnn = cnn()
    config.bnn = bnn()
    # The baselines follow the CNN in all that is not set here.
    config.cnn_l2sp = following(config.cnn)
    config.cnn_l2sp.dropout = 0.0
    config.cnn_l2sp.kl_weight = config.bnn.get_oneway_ref("kl_weight")
    config.cnn_l2sp.kl_annealing_epochs = config.bnn.get_oneway_ref("kl_annealing_epochs")
    config.mc_dropout = following(config.cnn)
    config.mc_dropout_maps = following(config.cnn)
    config.mc_dropout_maps.map_dropout = 0.1  # Share of the maps before each convolution.
    config.ensemble = following(config.cnn)
    config.ensemble.num_members = 5
    config.swag = swag()
    config.pretraining = pretraining()
    return config


def data() -> ml_collections.ConfigDict:
    """Which images are used for what."""
    section = ml_collections.ConfigDict()
    section.split_seed = 0
    section.num_test_per_class = 50
    section.num_validation_per_class = 40
    section.max_n_per_class = 0  # 0: the largest size asked for in this command.
    section.on_bad_image = "error"  # Or "skip".
    section.folds = (
        0  # 3 or more: cross-validation in so many parts; the two numbers of images above do not count then.
    )
    # Patterns such as none_*, with commas: classes that no model learns, whose images are out-of-distribution.
    section.ood_classes = ""
    return section


def model() -> ml_collections.ConfigDict:
    """The architecture that both twins have, and what of it is trained."""
    section = ml_collections.ConfigDict()
    section.architecture = "alexnet"  # Or another by name, or the path of a model of your own: see docs/networks.md.
    section.image_size = 0  # 0: the network's own, which is 227 for AlexNet.
    section.width_multiplier = 1.0
    section.precision = "auto"  # mixed_bfloat16 where the hardware has it, else float32.
    section.freeze_features = False  # Convolutions stay as they are (the study's choice for its CNN).
    section.freeze_classifier = False  # So do the dense layers but the last.
    section.max_feature_cache_megabytes = 1024  # Frozen features beyond this size live in a temporary file.
    return section


def training() -> ml_collections.ConfigDict:
    """How long both twins train, and in what steps."""
    section = ml_collections.ConfigDict()
    section.epochs = 16
    section.batch_size = 64
    section.min_steps_per_epoch = 4  # Few images make smaller batches, not fewer steps than this.
    section.scale_learning_rate = True  # These smaller batches: by the square root of their share.
    section.momentum = 0.9
    section.warmup_epochs = 1.0
    section.validation_method = "moments"  # Of an epoch, without noise. Or "monte_carlo".
    section.num_validation_samples = 2  # By Monte Carlo, and where moments do not pass (dropout).
    section.checkpoint_seconds = 60.0
    section.deterministic = False  # Or only operations that give the same bits each time; see docs/reliability.md.
    return section


def prediction() -> ml_collections.ConfigDict:
    """How a network answers whose weights are random."""
    section = ml_collections.ConfigDict()
    # Mean and variance are carried through the dense layers in closed form; what lies before them is drawn twice, the second
    # draw the mirror image of the first, and the logits 64 times for each, which costs nothing. Or "monte_carlo".
    section.method = "moments"
    section.num_samples = 2
    section.num_last_layer_samples = 64
    # Draws of all random layers, and of the last for each of these, where moments do not pass (dropout).
    section.monte_carlo = ml_collections.ConfigDict({"num_samples": 30, "num_last_layer_samples": 4})
    section.batch_size = 64
    return section


def cnn() -> ml_collections.ConfigDict:
    """What is the CNN's own."""
    section = ml_collections.ConfigDict()
    section.dropout = 0.5
    section.learning_rate = 16e-4
    section.learning_rate_multipliers = learning_rate_multipliers(features=0.1, head=2.5)
    section.use_pretrained = True
    return section


def bnn() -> ml_collections.ConfigDict:
    """What is the Bayesian twin's own."""
    section = ml_collections.ConfigDict()
    section.layers = "all"  # Or "classifier", "head".
    section.learning_rate = 16e-4
    section.learning_rate_multipliers = learning_rate_multipliers(features=0.1, head=2.5, scale=5.0)
    section.use_pretrained = True
    section.kl_weight = 1.0
    section.kl_annealing_epochs = 0.0
    # A wide prior around the pretrained weights, and a posterior whose scale is a fixed share of each weight: 60 % in
    # dense layers, 10 % in convolutions. Predictions have half its variance.
    section.hidden = variational("pretrained", scale=10.0, posterior_ratio=0.06, learn_scale=False, temperature=0.5)
    section.features = variational("pretrained", scale=10.0, posterior_ratio=0.01, learn_scale=False, temperature=0.5)
    section.hidden_from_scratch = variational("scaled_normal", scale=1.0, posterior_ratio=0.1)
    # The new head knows nothing: zero mean, and in training a scale of its own for each weight. In predictions it is unsure
    # where training images have not been.
    section.head = variational("scaled_normal", scale=16.0, posterior_ratio=0.03, covariance_scale=1.5)
    section.covariance_scale_by = "fixed"  # Or "validation", "marginal_likelihood": another scale for each run.
    section.fits_logit_temperature = False  # Or True: logits divided by a temperature that validation images choose.
    section.dropout = 0.0  # In training alone.
    return section


def swag() -> ml_collections.ConfigDict:
    """How snapshots of the CNN's weights are collected after its training, an epoch each."""
    section = ml_collections.ConfigDict()
    section.learning_rate = (
        8e-4  # Constant, with the multipliers of the section cnn. Not yet chosen by validation images.
    )
    section.num_snapshots = 10
    section.rank = 5
    return section


def pretraining() -> ml_collections.ConfigDict:
    """Training on drawn classes, where no pretrained weights are to be had."""
    return ml_collections.ConfigDict({"num_per_class": 300, "epochs": 8, "learning_rate": 1e-2, "dropout": 0.0})


def learning_rate_multipliers(
    features: float = 1.0, head: float = 1.0, scale: float = 1.0
) -> ml_collections.ConfigDict:
    """Factors of the learning rate for convolutions, last layer and posterior scales."""
    return ml_collections.ConfigDict({"features": features, "head": head, "scale": scale})


def following(section: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """A section whose fields have the values of another's, whatever these become, until they are set."""
    return ml_collections.ConfigDict(
        {
            name: following(value) if isinstance(value, ml_collections.ConfigDict) else section.get_oneway_ref(name)
            for name, value in section.items()
        }
    )


def variational(
    kind: str,
    scale: float,
    posterior_ratio: float,
    learn_scale: bool = True,
    temperature: float = 1.0,
    covariance_scale: float = 0.0,
    leverage_scale: float = 0.0,
) -> ml_collections.ConfigDict:
    """Prior and posterior of the kernels; see `tfp_insects.bayes.priors`.

    A scale that is learned is learned for each weight; one that is not needs a single number for the whole layer.
    """
    return ml_collections.ConfigDict(
        {
            "prior": {"kind": kind, "scale": scale, "floor": 0.1},
            "posterior_ratio": posterior_ratio,
            "scale_per_weight": learn_scale,
            "learn_scale": learn_scale,
            "temperature": temperature,
            "covariance_scale": covariance_scale,
            "leverage_scale": leverage_scale,
        }
    )
