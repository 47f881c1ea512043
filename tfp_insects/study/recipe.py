"""From which any process, on any machine, makes the experiment of a command."""

import dataclasses
import socket
from collections.abc import Sequence
from pathlib import Path

from tfp_insects.data.source import ImageSource
from tfp_insects.data.verified import Verified, verified_in
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.experiment import Experiment, make_experiment, open_images, open_ood_images


@dataclasses.dataclass(frozen=True)
class Known:
    """What a command found out once, so that no other process has to.

    Attributes:
        images: The images of the classes to learn.
        ood: Those of other things; none without.
        weights_fingerprint: Of the weights that runs start from.
    """

    images: Verified
    ood: Verified | None
    weights_fingerprint: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """From which any process makes the same experiment.

    Attributes:
        data: `auto`, `insect_detect`, `synthetic` or a path.
        weights: `auto`, `imagenet`, `none` or a path.
        sizes: Numbers of training images of each class.
        config: Its precision is resolved.
        cache_dir: Where drawn images and weights are kept.
        data_dir: Where TFDS keeps prepared data.
        ood_data: Path of images of other things; empty without.
        known: What is known of them already; without, each process verifies all images.
    """

    data: str
    weights: str
    sizes: Sequence[int]
    config: RunConfig
    cache_dir: Path
    data_dir: Path | None = None
    ood_data: str = ""
    known: Known | None = None

    def make(self, on_work: OnWork = ignore_work) -> Experiment:
        """Makes the experiment; what it does is told to `on_work` alone.

        Raises:
            InputError: Something cannot be used, or is not what is known of it.
        """
        images = None if self.known is None else self.known.images
        unknown = None if self.known is None else self.known.ood
        source = open_images(self.data, self.sizes, self.config.data, self.cache_dir, self.data_dir, on_work, images)
        ood = open_ood_images(self.ood_data, self.config.data, self.cache_dir, on_work, unknown)
        experiment = make_experiment(
            source, self.weights, self.sizes, self.config, self.cache_dir, lambda line: None, ood
        )
        if self.known is not None:
            self._require_weights(experiment, self.known)
        return experiment

    def _require_weights(self, experiment: Experiment, known: Known) -> None:
        if experiment.pretrained.fingerprint != known.weights_fingerprint:
            raise InputError(
                f"weights={self.weights}: {socket.gethostname()} has others ({experiment.pretrained.name}) than the machine "
                f"of the command. Put them, and the cache directory {self.cache_dir}, on storage that all machines share",
                field=("weights", "cache_dir"),
            )


def known_of(source: ImageSource, ood: ImageSource | None, experiment: Experiment) -> Known:
    """What is known once a command has made its own experiment from images that it verified."""
    return Known(verified_in(source), None if ood is None else verified_in(ood), experiment.pretrained.fingerprint)
