"""Insect Detect classification v2: 21,000 crops of insects from camera traps, kept as a TFDS data set.

TFDS keeps the JPEGs as they are and adds the capture day, which the file names carry. Crops of one day show the same
animals, so a split that mixes days would test on what it has trained on.
"""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

DOI = "10.5281/zenodo.8325384"
CLASS_NAMES = (
    "ant", "bee", "bee_apis", "bee_bombus", "beetle", "beetle_cocci", "beetle_oedem", "bug", "bug_grapho", "fly",
    "fly_empi", "fly_sarco", "fly_small", "hfly_episyr", "hfly_eristal", "hfly_eupeo", "hfly_myathr", "hfly_sphaero",
    "hfly_syrphus", "lepi", "none_bg", "none_bird", "none_dirt", "none_shadow", "other", "scorpionfly", "wasp",
)  # fmt: skip
SPLIT = "train"  # TFDS wants a name for it; the archive has no split of its own


class InsectDetect(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of the data set from its archive, `Insect_Detect_classification_v2.zip`."""

    VERSION = tfds.core.Version("2.0.0")
    code_path = None  # TFDS looks for download checksums there, and fails (tensorflow/datasets#11212); we have none

    def __init__(self, archive: ImageSource | None = None, **settings: Any):
        """Takes the archive's images, which only `download_and_prepare` needs, and TFDS's own settings."""
        self._archive = archive
        super().__init__(**settings)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Crops of insects and of what is none, from camera traps, in 27 classes.",
            homepage=f"https://doi.org/{DOI}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(names=CLASS_NAMES),
                    "file_name": tfds.features.Text(),
                    "capture_day": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # the archive is checked and at hand before TFDS begins
        return {SPLIT: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        assert self._archive is not None
        for index, example_id in enumerate(self._archive.example_ids):
            class_name, _, file_name = example_id.partition("/")
            yield (
                example_id,
                {
                    "image": self._archive.read(index),
                    "label": class_name,
                    "file_name": file_name,
                    "capture_day": capture_day(file_name),
                },
            )


def capture_day(file_name: str) -> str:
    """Returns the day `YYYYMMDD` out of a crop's name, such as `20230517_10-55-26.014912_81_crop.jpg`.

    Raises:
        InputError: The name does not begin with a day and a time.
    """
    match = re.match(r"(\d{8})_\d{2}-\d{2}-\d{2}", file_name)
    try:
        return datetime.datetime.strptime(match[1] if match else "", "%Y%m%d").strftime("%Y%m%d")
    except ValueError as error:
        raise InputError(
            f"{file_name!r}: no capture day in the file's name. Expected a name like "
            "20230517_10-55-26.014912_81_crop.jpg, with day and time first."
        ) from error


def build(archive_path: Path, data_dir: Path | None) -> Path:
    """Builds the TFDS data set from the archive and returns its folder.

    Args:
        archive_path: The zip, with the 27 class folders.
        data_dir: Where TFDS keeps prepared data sets; None means TFDS's own default.

    Raises:
        InputError: The zip is broken, its classes are not the 27, or a file name carries no capture day.
    """
    archive = archive_source(archive_path)
    if archive.class_names != CLASS_NAMES:
        missing = sorted(set(CLASS_NAMES).difference(archive.class_names))
        unknown = sorted(set(archive.class_names).difference(CLASS_NAMES))
        raise InputError(
            f"{archive_path}: not the 27 classes of Insect Detect (missing: {missing}, unknown: {unknown}). "
            f"Expected Insect_Detect_classification_v2.zip of DOI {DOI}."
        )
    for example_id in archive.example_ids:
        capture_day(example_id.partition("/")[2])
    builder = InsectDetect(archive, data_dir=data_dir)
    builder.download_and_prepare()
    return Path(builder.data_dir)


def prepared_dir(data_dir: Path | None) -> Path:
    """Returns the folder of the built data set, there or not, in `data_dir` (None: TFDS's own default)."""
    return Path(InsectDetect(data_dir=data_dir).data_dir)


def is_prepared(data_dir: Path | None) -> bool:
    """Says whether the data set has been built in `data_dir` (None: TFDS's own default)."""
    return (prepared_dir(data_dir) / "dataset_info.json").exists()  # TFDS's own check warns where it is not


def insect_detect_source(data_dir: Path | None) -> ImageSource:
    """Opens the prepared data set, with capture days as groups; the encoded images are held in memory (tens of megabytes).

    Raises:
        InputError: It has not been prepared.
    """
    if not is_prepared(data_dir):
        raise InputError(
            f"data=insect_detect: it is not prepared in {prepared_dir(data_dir)}. Prepare it with the command prepare-data, "
            "or name other data.",
            field=("data", "data_dir"),
        )
    dataset = InsectDetect(data_dir=data_dir).as_dataset(split=SPLIT, decoders={"image": tfds.decode.SkipDecoding()})
    examples = {_example_id(example): example for example in dataset.as_numpy_iterator()}
    example_ids = tuple(sorted(examples))
    images = [examples[example_id]["image"] for example_id in example_ids]
    return ImageSource(
        name="insect_detect",
        class_names=CLASS_NAMES,
        example_ids=example_ids,
        labels=np.array([examples[example_id]["label"] for example_id in example_ids], np.int32),
        groups=tuple(examples[example_id]["capture_day"].decode() for example_id in example_ids),
        read=images.__getitem__,
    )


def _example_id(example: dict[str, Any]) -> str:
    return f"{CLASS_NAMES[example['label']]}/{example['file_name'].decode()}"
