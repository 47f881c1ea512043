"""Opens the images that a person names, whatever kind of source they are."""

from pathlib import Path

from tfp_insects.data.painted.source import synthetic_source
from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.readers.folders import folder_source
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork, ignore_work

SYNTHETIC_SEED = 0  # the drawn data set is one data set, whatever the seeds of a run


def open_source(
    spec: str,
    cache_dir: Path,
    *,
    num_synthetic_per_class: int,
    data_dir: Path | None = None,
    needs_classes: bool = True,
    on_work: OnWork = ignore_work,
) -> ImageSource:
    """Opens the images that `data` names.

    Args:
        spec: 'insect_detect', 'synthetic', 'auto' (Insect Detect if it is prepared, else the drawn insects), or the
            path of a zip or folder of class folders.
        cache_dir: Where drawn images are kept.
        num_synthetic_per_class: How many insects of each class are drawn.
        data_dir: Where TFDS keeps prepared data sets; None means TFDS's own default.
        needs_classes: Whether a path must hold class folders; without, any images will do, such as those that are out of
            distribution.
        on_work: Told of images that are drawn.

    Raises:
        InputError: There is no such file or folder, it does not hold class folders of images, or Insect Detect is not
            prepared.
    """
    if spec in ("auto", "insect_detect"):
        # TFDS takes a second to import.
        from tfp_insects.data.readers.insect_detect import insect_detect_source, is_prepared

        if spec == "insect_detect" or is_prepared(data_dir):
            return insect_detect_source(data_dir)
    if spec in ("auto", "synthetic"):
        return synthetic_source(num_synthetic_per_class, SYNTHETIC_SEED, cache_dir, on_work)
    path = Path(spec).expanduser()
    if path.is_dir():
        return folder_source(path, needs_classes=needs_classes)
    if path.is_file():
        return archive_source(path, needs_classes=needs_classes)
    raise InputError(
        f"data={spec}: no such file or folder. Expected auto, insect_detect, synthetic, or the path of a zip or folder "
        "that holds one folder of JPEG or PNG images for each class.",
        field="data",
    )
