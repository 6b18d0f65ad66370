"""The homework as an assignment of nbgrader, graded by nbgrader itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from class_of_twelve import CLASS, NUMBERS, notebook

from course import nbgrader
from hwlib.__main__ import check_file
from hwlib.grading import HOMEWORK

ROOT = Path(__file__).parents[1]
HOME = ROOT / "course" / "homework.ipynb"
PLACES = [Path(sys.executable).parent, ROOT / "_build" / "nbgrader" / "bin"]
ABSENT = (
    "no nbgrader: the homework is not graded by it. `make nbgrader` installs it apart, in "
    f"{PLACES[1].parent.relative_to(ROOT)}"
)
POINTS = {q.number: q.points for q in HOMEWORK}

BOOK = """
import json
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({
        submission.student.id: {grade.name: [grade.auto_score, grade.max_score]
                                for notebook in submission.notebooks for grade in notebook.grades}
        for submission in book.assignment_submissions("homework")
    }))
"""


class Course:
    """A folder of nbgrader."""

    def __init__(self, folder, place):
        self.folder, self.place = folder, place

    def run(self, program, *arguments, fails=False):
        """Run a program of the environment that has nbgrader, with this hwlib."""
        path = f"{self.place}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [self.place / program, *arguments], cwd=self.folder, capture_output=True, text=True,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert fails or done.returncode == 0, done.stderr
        return done.stdout

    @property
    def handed_out(self):
        return self.folder / "release" / "homework" / "homework.ipynb"

    def handed_in(self, name):
        return self.folder / "submitted" / name / "homework" / "homework.ipynb"

    def grade(self, *names):
        """Hand in for students, let nbgrader grade, and return its scores by student."""
        for name in names:
            self.handed_in(name).parent.mkdir(parents=True)
            self.handed_in(name).write_text(notebook(CLASS[name], self.handed_out), "utf-8")
        self.run("nbgrader", "autograde", "homework", "--ExecutePreprocessor.timeout=3",
                 fails=True)  # one that ends its kernel is named, and the status is 1
        return json.loads(self.run("python", "-c", BOOK))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    place = next((place for place in PLACES if (place / "nbgrader").exists()), None)
    if place is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    folder = tmp_path_factory.mktemp("nbgrader") / "course"
    nbgrader.write(HOME, folder)
    course = Course(folder, place)
    course.run("nbgrader", "generate_assignment", "homework")
    return course
