"""From nothing to a prepared Insect Detect: terms shown, archive fetched, its MD5 checked, the TFDS data set built.

TFDS could download by itself, but checks downloads against a SHA-256, and only an MD5 is known of this archive.
"""

import hashlib
import sys
from pathlib import Path

from tfp_insects.data.readers import insect_detect
from tfp_insects.downloads.cached import DownloadError, RemoteFile, download
from tfp_insects.errors import InputError
from tfp_insects.own_output import mark_own_output

ARCHIVE_NAME = "Insect_Detect_classification_v2.zip"
ARCHIVE_URL = f"https://zenodo.org/records/8325384/files/{ARCHIVE_NAME}?download=1"
ARCHIVE_MD5 = "0d54a626b7e9958de8278ad93373f89d"  # if the record's page shows another, put that one here
TERMS = f"""Insect Detect classification v2, DOI {insect_detect.DOI}
Its terms are on the record's page: https://doi.org/{insect_detect.DOI}
This project has not confirmed under which licence the images are. Read that page before you use them."""


def prepare_insect_detect(
    archive: Path | None, data_dir: Path | None, md5: str, accept_terms: bool, url: str = ARCHIVE_URL
) -> Path:
    """Prepares the data set, unless it is prepared already.

    Args:
        archive: The zip, where the user has it; None downloads it to `<data_dir>/downloads` once the terms are accepted.
        data_dir: Where TFDS keeps prepared data sets; None means TFDS's own default.
        md5: The zip's MD5 in hex.
        accept_terms: The user has accepted the terms; otherwise the terminal is asked before a download.
        url: Where the zip is downloaded from.

    Returns:
        The folder of the prepared data set.

    Raises:
        InputError: The terms are not accepted, the download fails, the MD5 is another, the archive is not the data set,
            or `data_dir` cannot be written.
    """
    print(TERMS, flush=True)
    target = insect_detect.prepared_dir(data_dir)
    if insect_detect.is_prepared(data_dir):
        print(f"It is prepared already, in {target}; remove that folder to build it again.")
        return target
    downloads = target.parents[1] / "downloads"
    _make_folder(downloads)
    if archive is None:
        archive = downloads / ARCHIVE_NAME
        if not archive.exists():
            _ask_for_acceptance(accept_terms)
            _download(url, md5, archive)
    check_md5(archive, md5)
    insect_detect.build(archive, data_dir)
    print(f"Prepared in {target}.")
    return target


def check_md5(path: Path, expected: str) -> None:
    """Compares a file's MD5.

    Raises:
        InputError: The file cannot be read, or its MD5 is another.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: the zip cannot be read ({error.strerror}).") from error
    if found != expected.lower():
        raise InputError(
            f"{path}: MD5 is {found}, expected {expected}. The file is incomplete or not the expected one: remove it and "
            f"fetch it again. If https://doi.org/{insect_detect.DOI} now shows {found}, expect that one.",
            field="md5",
        )


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mark_own_output(path.parent)
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: the folder cannot be made ({error.strerror}). Name another data_dir.", field="data_dir"
        ) from error


def _ask_for_acceptance(accept_terms: bool) -> None:
    if accept_terms:
        return
    if not sys.stdin.isatty():
        raise InputError(
            "The terms are not accepted, so nothing is downloaded. Read them, then accept them.", field="accept_terms"
        )
    if input("Type yes if you have read and accept the terms: ").strip().lower() != "yes":
        raise InputError("The terms are not accepted, so nothing is downloaded.")


def _download(url: str, md5: str, target: Path) -> None:
    try:
        download(RemoteFile(url, "md5", md5), target)
    except DownloadError as error:
        raise InputError(
            f"{url}: the download failed ({error}). Try again, or fetch the file with a browser and name its path. If "
            f"https://doi.org/{insect_detect.DOI} shows another MD5, expect that one.",
            field=("zip", "md5"),
        ) from error
