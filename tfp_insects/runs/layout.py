"""Names of the files in a run's directory."""

from tfp_insects.training.checkpoints import WEIGHTS_NAME

CONFIG_NAME = "config.json"  # What the run is: written first.
RECORD_NAME = "record.json"  # Its figures: there when it is finished.
HISTORY_NAME = "history.csv"
SPLIT_NAME = "split.json"
VALIDATION_NAME = "validation_predictions.npz"
TEST_NAME = "predictions.npz"
OOD_NAME = "ood_predictions.npz"
THUMBNAILS_NAME = "test_images.zip"
TENSORBOARD_NAME = "tensorboard"
CHECKPOINTS_NAME = "checkpoints"
WEIGHTS_PATH = f"{CHECKPOINTS_NAME}/{WEIGHTS_NAME}"  # There when the network's training is finished.
POSTERIOR_NAME = "last_layer_posterior.npz"  # Of a network whose last layer got one after its training.
WEIGHT_POSTERIOR_NAME = "weight_posterior.npz"  # Of a network of which snapshots were collected after its training.
COVARIANCE_NAME = "last_layer_covariance.json"  # Of a twin: what was chosen for its last layer, see `study.last_layer`.
NEXT_NAME = ".next"  # Files on their way to replace others, see `replacing`.
FOLDS_NAME = "folds"  # In a work directory, that of the runs of single folds.
MEMBER_NAME = "member-{}"  # Of several networks, the directory of each.
