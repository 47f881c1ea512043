"""What all networks of a run share, and how each is built."""

import dataclasses
import math
from pathlib import Path

import tf_keras

from tfp_insects.data.pipeline import Examples, Preprocessing
from tfp_insects.data.sharding import WHOLE, Sharding
from tfp_insects.models.architecture_table import architecture_of
from tfp_insects.models.build import build_model
from tfp_insects.models.config import LearningRateMultipliers
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import entries_in
from tfp_insects.models.method import Method
from tfp_insects.models.method_table import find_method
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.inputs import InputMaker
from tfp_insects.study.steps import Steps, count_steps
from tfp_insects.training.collecting import Collection
from tfp_insects.training.fit import Schedule
from tfp_insects.training.optimiser import LayerMultipliers, create_momenta, make_optimiser
from tfp_insects.training.replicas import Replicas


@dataclasses.dataclass(frozen=True)
class Task:
    """What all networks of a run share.

    Attributes:
        method: Its method.
        experiment: What all runs share.
        training: The training images.
        preprocessing: From an image to an input.
    """

    method: Method
    experiment: Experiment
    training: Examples
    preprocessing: Preprocessing

    @classmethod
    def of_run(cls, key: RunKey, experiment: Experiment) -> "Task":
        """That of a run, of an experiment with the split of its fold."""
        training = experiment.training_examples(key.n_per_class, key.seed)
        return cls(find_method(key.model), experiment, training, experiment.preprocessing(training))

    @property
    def steps(self) -> Steps:
        """How many steps the training takes."""
        return count_steps(self.method, self.experiment.config, len(self.training))

    def schedule(self, model: tf_keras.Model) -> Schedule:
        """How long and how fast a network trains."""
        training, section = self.experiment.config.training, self.method.section(self.experiment.config)
        return Schedule(
            epochs=training.epochs,
            learning_rate=section.learning_rate * self._learning_rate_factor,
            warmup_epochs=training.warmup_epochs,
            kl_weight=getattr(section, "kl_weight", 0.0),
            kl_annealing_epochs=getattr(section, "kl_annealing_epochs", 0.0),
            multipliers=self._multipliers(model, section.learning_rate_multipliers),
        )

    def collection(self, model: tf_keras.Model) -> Collection | None:
        """How snapshots of a trained network's weights are collected; none where its method collects none."""
        snapshots = self.method.snapshots(self.experiment.config)
        if snapshots is None:
            return None
        schedule = self.schedule(model)
        return Collection(
            first_epoch=schedule.epochs,
            num_snapshots=snapshots.num_snapshots,
            rank=snapshots.rank,
            learning_rate=snapshots.learning_rate * self._learning_rate_factor,
            multipliers=schedule.multipliers,
        )

    def _multipliers(self, model: tf_keras.Model, section: LearningRateMultipliers) -> LayerMultipliers:
        architecture = architecture_of(self.experiment.config)
        by_group = {"features": section.features, "hidden": 1.0, "head": section.head}
        layers = {path: by_group[architecture.group_of(path)] for path, _ in entries_in(model, architecture, "all")}
        return LayerMultipliers(layers, section.scale)

    @property
    def _learning_rate_factor(self) -> float:
        """Square root of the batch's share of a full one (Krizhevsky 2014, "One weird trick for parallelizing ...")."""
        training = self.experiment.config.training
        return math.sqrt(self.steps.batch_size / training.batch_size) if training.scale_learning_rate else 1.0

    @property
    def starts_pretrained(self) -> bool:
        """Whether networks start at pretrained weights."""
        return bool(self.experiment.pretrained.weights) and self.method.uses_pretrained(self.experiment.config)

    def build(self, seed: int) -> tf_keras.Model:
        """A network as it is before training."""
        config = self.experiment.config
        weights = self.experiment.pretrained.weights if self.starts_pretrained else None
        model = build_model(
            self.method.name,
            config,
            num_classes=len(self.experiment.class_names),
            num_train_examples=len(self.training),
            seed=seed,
            is_pretrained=weights is not None,
        )
        if weights is not None:
            start_at(model, weights, architecture_of(config))
        return model

    def optimiser(self) -> tf_keras.optimizers.legacy.Optimizer:
        """An optimiser as it is before training."""
        config = self.experiment.config
        return make_optimiser(config.training.momentum, config.model.precision)

    def build_in(self, replicas: Replicas, seed: int) -> tuple[tf_keras.Model, tf_keras.optimizers.legacy.Optimizer]:
        """A network and its optimiser with a copy in each replica, as all processes make them."""
        with replicas.scope():
            model, optimiser = self.build(seed), self.optimiser()
            create_momenta(optimiser, model)  # Else the chief alone would, when it restores a checkpoint.
        return model, optimiser

    def input_maker(
        self, seed: int, directory: Path, on_work: OnWork = ignore_work, sharding: Sharding | None = None
    ) -> InputMaker:
        """Makes the inputs of a network; arguments as for `InputMaker`, the sharding by default that of the replicas."""
        config, replicas = self.experiment.config, self.experiment.replicas
        sharding = sharding or (WHOLE if replicas is None else replicas.sharding)
        kept = self.experiment.kept_features
        return InputMaker(config, self.preprocessing, self.steps.batch_size, seed, directory, on_work, sharding, kept)
