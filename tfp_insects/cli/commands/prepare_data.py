"""Prepares Insect Detect classification v2: downloads it, or takes --zip=PATH, checks its MD5 and builds it with TFDS.

tfp-insects prepare-data
"""

from pathlib import Path

from absl import flags

_ZIP = flags.DEFINE_string(
    "zip", None, "Path of Insect_Detect_classification_v2.zip; downloaded where it is not given."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TFDS keeps data sets; its own default where it is not given.")
_MD5 = flags.DEFINE_string("md5", None, "MD5 of the zip; the one that the project knows where it is not given.")
_ACCEPT_TERMS = flags.DEFINE_boolean("accept_terms", False, "I have read and accept the terms on the record's page.")


def main() -> None:
    """Prepares the data set as the flags say."""
    from tfp_insects.data import preparation

    preparation.prepare_insect_detect(
        archive=Path(_ZIP.value).expanduser() if _ZIP.value else None,
        data_dir=Path(_DATA_DIR.value).expanduser() if _DATA_DIR.value else None,
        md5=_MD5.value or preparation.ARCHIVE_MD5,
        accept_terms=_ACCEPT_TERMS.value,
    )
