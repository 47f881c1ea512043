"""The study: full AlexNet and its Bayesian twin on photographs.

    python scripts/run.py --model=cnn,bnn --n_per_class=5,10,50,100,500 --data=PATH

Any field is overridden by `--config.field=value`, for example `--config.training.epochs=20`.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the default configuration; the twins share all but the sections `cnn` and `bnn`."""
    config = ml_collections.ConfigDict()

    config.data = ml_collections.ConfigDict()
    config.data.split_seed = 0
    config.data.num_test_per_class = 50
    config.data.num_validation_per_class = 40
    config.data.max_n_per_class = 0  # 0: the largest size asked for in this command.
    config.data.on_bad_image = "error"  # Or "skip".
    # Patterns such as none_*, with commas: classes that no model learns, whose images are out-of-distribution.
    config.data.ood_classes = ""

    config.augmentation = ml_collections.ConfigDict()
    config.augmentation.flip = True
    config.augmentation.shift = 0.1  # Share of the image's side.

    config.model = ml_collections.ConfigDict()
    config.model.image_size = 227
    config.model.width_multiplier = 1.0
    config.model.precision = "auto"  # mixed_bfloat16 where the hardware has it, else float32.
    config.model.freeze_features = False  # Convolutions stay as they are (the study's choice for its CNN).
    config.model.freeze_classifier = False  # So do the dense layers but the last.
    config.model.max_feature_cache_megabytes = 1024  # Frozen features beyond this size live in a temporary file.

    config.training = ml_collections.ConfigDict()
    config.training.epochs = 50
    config.training.batch_size = 64
    config.training.min_steps_per_epoch = 4  # Few images make smaller batches, not fewer steps than this.
    config.training.momentum = 0.9
    config.training.warmup_epochs = 1.0
    config.training.num_validation_samples = 2
    config.training.checkpoint_seconds = 60.0

    config.prediction = ml_collections.ConfigDict()
    config.prediction.num_samples = 30
    config.prediction.batch_size = 64

    config.cnn = ml_collections.ConfigDict()
    config.cnn.dropout = 0.5
    config.cnn.learning_rate = 2e-4
    config.cnn.rates = rates(features=0.1, head=10.0)
    config.cnn.use_pretrained = True

    config.bnn = ml_collections.ConfigDict()
    config.bnn.layers = "all"  # Or "classifier", "head".
    config.bnn.learning_rate = 2e-4
    config.bnn.rates = rates(features=0.1, head=10.0, scale=50.0)
    config.bnn.use_pretrained = True
    config.bnn.kl_weight = 1.0
    config.bnn.kl_annealing_epochs = 0.0
    # A wide prior around the pretrained weights, and a posterior whose scale is a fixed share of each weight: 30 % in
    # dense layers, 10 % in convolutions.
    config.bnn.body = variational("pretrained", scale=10.0, posterior_ratio=0.03, learn_scale=False)
    config.bnn.features = variational("pretrained", scale=10.0, posterior_ratio=0.01, learn_scale=False)
    config.bnn.body_from_scratch = variational("scaled_normal", scale=1.0, posterior_ratio=0.1)
    # The new head knows nothing: zero mean, and a scale of its own for each weight.
    config.bnn.head = variational("scaled_normal", scale=16.0, posterior_ratio=0.03)

    # The baselines follow the CNN in all that is not set here.
    config.cnn_l2sp = following(config.cnn)
    config.cnn_l2sp.dropout = 0.0
    config.cnn_l2sp.kl_weight = config.bnn.get_oneway_ref("kl_weight")
    config.cnn_l2sp.kl_annealing_epochs = config.bnn.get_oneway_ref("kl_annealing_epochs")
    config.mc_dropout = following(config.cnn)
    config.ensemble = following(config.cnn)
    config.ensemble.num_members = 5

    config.pretraining = ml_collections.ConfigDict()  # On drawn classes, where nothing else is to be had.
    config.pretraining.num_per_class = 300
    config.pretraining.epochs = 8
    config.pretraining.learning_rate = 1e-2
    config.pretraining.dropout = 0.0
    return config


def rates(features: float = 1.0, head: float = 1.0, scale: float = 1.0) -> ml_collections.ConfigDict:
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


def variational(kind: str, scale: float, posterior_ratio: float, learn_scale: bool = True) -> ml_collections.ConfigDict:
    """Prior and posterior of the kernels; see `tfp_insects.models.priors`.

    A scale that is learned is learned for each weight; one that is not needs a single number for the whole layer.
    """
    return ml_collections.ConfigDict(
        {
            "prior": {"kind": kind, "scale": scale, "floor": 0.1},
            "posterior_ratio": posterior_ratio,
            "scale_per_weight": learn_scale,
            "learn_scale": learn_scale,
        }
    )
