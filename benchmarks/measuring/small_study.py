"""A study on few drawn insects that takes seconds, as a command of its own."""

import dataclasses
import sys
import zipfile
from pathlib import Path
from typing import Any

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES

ROOT = Path(__file__).resolve().parents[2]
NUM_CLASSES = 3
N_PER_CLASS = 4
NUM_HELD_OUT = {"num_test_per_class": 5, "num_validation_per_class": 4}
NUM_IMAGES = N_PER_CLASS + sum(NUM_HELD_OUT.values())  # Of each class.


@dataclasses.dataclass(frozen=True)
class SmallStudy:
    """Which runs, and how small.

    Attributes:
        models: Values of `--model`.
        epochs: Of each run.
        image_size: Side of the input in pixels.
        width_multiplier: Factor of all widths.
    """

    models: tuple[str, ...]
    epochs: int
    image_size: int = 63
    width_multiplier: float = 0.05

    @property
    def overrides(self) -> dict[str, Any]:
        """Fields of configs/study.py: a checkpoint after each epoch, and what is quick to compile."""
        return {
            "model.width_multiplier": self.width_multiplier,
            "model.image_size": self.image_size,
            "model.freeze_features": True,
            "augmentation.flip": False,
            "augmentation.shift": 0.0,
            "training.epochs": self.epochs,
            "training.checkpoint_seconds": 0.0,
            "prediction.method": "monte_carlo",
            "prediction.monte_carlo.num_samples": 3,
            **{f"data.{name}": number for name, number in NUM_HELD_OUT.items()},
        }

    def command(self, images: Path, workdir: Path, cache_dir: Path, num_jobs: int) -> list[str]:
        """`scripts/run.py` with its flags."""
        return [
            *(sys.executable, str(ROOT / "scripts" / "run.py"), f"--model={','.join(self.models)}", "--weights=none"),
            *(f"--n_per_class={N_PER_CLASS}", f"--data={images}", f"--workdir={workdir}", f"--cache_dir={cache_dir}"),
            *(f"--jobs={num_jobs}", *(f"--config.{field}={value}" for field, value in self.overrides.items())),
        ]


def draw_images(path: Path) -> None:
    """Writes the zip of class folders that the study learns from."""
    with zipfile.ZipFile(path, "w") as archive:
        for species in STUDY_SPECIES[:NUM_CLASSES]:
            for i in range(NUM_IMAGES):
                archive.writestr(f"{species.name}/{i:03}.jpg", draw_example(species, 0, i))
