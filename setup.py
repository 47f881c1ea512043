"""The packages of the wheel: `tfp_insects/`, and `configs/` as `tfp_insects.configs`. All else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tfp_insects*"]), "tfp_insects.configs"],
    package_dir={"tfp_insects.configs": "configs"},
)
