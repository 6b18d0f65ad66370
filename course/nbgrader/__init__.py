"""The homework as an assignment of nbgrader: a folder in which its commands run.

The cell that grades a question has the points of `hwlib.grading.HOMEWORK`, and tests that nbgrader
hides. They give what `python -m hwlib check --homework` gives.
"""

import shutil
from pathlib import Path
from typing import Any

import nbformat

from course.homework import HIDDEN, MARKS, SOURCE
from hwlib.grading import HOMEWORK

FOLDER = Path(__file__).parent
FILES = ("README.md", "nbgrader_config.py")

TESTS = '''### BEGIN HIDDEN TESTS
import contextlib, io

BEFORE = """{before}"""  # what is wrong in these does not count again


def check(number, function):
    own = dict(globals())
    with contextlib.redirect_stderr(io.StringIO()):  # nbgrader takes a warning for an error
        exec(BEFORE, globals())
        points = grade(QUESTIONS[number], function).points
        globals().update(own)
        points = points or grade(QUESTIONS[number], function).points
    assert points, "no points"
    return points


### END HIDDEN TESTS
'''


def assignment() -> Any:
    """Return the source of the assignment, with the tests that nbgrader hides."""
    notebook = nbformat.read(SOURCE, as_version=4)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    part, before = "", ""
    for question in HOMEWORK:
        place = question.number.replace(".", "-")
        check, function = cells[f"check-{place}"], cells[f"function-{place}"]
        if question.number[0] != part:
            part, before = question.number[0], ""
        check.metadata.nbgrader.points = question.points
        check.source = TESTS.format(before=before) + HIDDEN.sub("", check.source).rstrip("\n")
        before += "\n" + MARKS.sub("", function.source).rstrip("\n") + "\n"
    return notebook


def build(target: Path) -> None:
    """Write the folder: the settings, how to use it, and the homework with its solutions."""
    place = target / "nbgrader" / "source" / "homework"
    place.mkdir(parents=True)
    (place / "homework.ipynb").write_text(nbformat.writes(assignment()) + "\n", "utf-8")
    for name in FILES:
        shutil.copy(FOLDER / name, target / "nbgrader")
