"""The homework as an assignment of nbgrader: a folder in which its commands run."""

import shutil
from pathlib import Path

FOLDER = Path(__file__).parent
FILES = ("README.md", "nbgrader_config.py")


def write(homework: Path, target: Path) -> None:
    """Write the folder: the settings, how to use it, and the homework with its solutions."""
    place = target / "source" / "homework"
    place.mkdir(parents=True)
    shutil.copyfile(homework, place / "homework.ipynb")
    for name in FILES:
        shutil.copyfile(FOLDER / name, target / name)
