"""What pyproject.toml cannot say: `conf/` lies beside the package here, and inside it once installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["groove", "groove.*"]), "groove.conf"],
    package_dir={"groove.conf": "conf"},
    package_data={"groove.conf": ["*.yaml", "*/*.yaml"], "groove.explorer": ["static/*"], "groove": ["builtin/*"]},
)
