"""The homework as an assignment of nbgrader, graded by nbgrader itself."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from class_of_twelve import CLASS, NUMBERS, UNTIDY, notebook, untidy

from course import nbgrader
from hwlib.__main__ import main
from hwlib.grading import HOMEWORK

ROOT = Path(__file__).parents[1]
PLACES = [Path(sys.executable).parent, ROOT / "_build" / "nbgrader" / "bin"]
ABSENT = (
    "no nbgrader: the homework is not graded by it. `make nbgrader` installs it apart, in "
    f"{PLACES[1].parent.relative_to(ROOT)}"
)
CHECKS = {f"check-{q.number.replace('.', '-')}": q for q in HOMEWORK}
"""By the name of the cell that grades it."""

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
            env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}, timeout=500,
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
            self.handed_in(name).parent.mkdir(parents=True, exist_ok=True)
            text = (untidy(name, self.handed_out) if name in UNTIDY
                    else notebook(CLASS[name], self.handed_out))  # fmt: skip
            self.handed_in(name).write_text(text, "utf-8")
        self.run(
            "nbgrader", "autograde", "homework", "--ExecutePreprocessor.timeout=3", fails=True
        )  # one that ends its kernel is named, and the status is 1
        return json.loads(self.run("python", "-c", BOOK))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    place = next((place for place in PLACES if (place / "nbgrader").exists()), None)
    if place is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    kit = tmp_path_factory.mktemp("kit")
    nbgrader.build(kit)
    course = Course(kit / "nbgrader", place)
    course.run("nbgrader", "generate_assignment", "homework")
    return course


def by_question(grades):
    """Return what nbgrader gives for each function; derivations are read by a person."""
    assert {name: most for name, (_, most) in grades.items() if name in CHECKS} == {
        name: question.points for name, question in CHECKS.items()
    }
    return {CHECKS[name].number: score for name, (score, _) in grades.items() if name in CHECKS}


def in_isolation(course, *names):
    """Return what the command of the folder's README gives for each function, by student."""
    table = course.folder / "grades.csv"
    files = {str(course.handed_in(name)): name for name in names}
    main(["check", "--homework", "--csv", str(table), *files])
    scores = {name: dict.fromkeys(NUMBERS, 0) for name in names}
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["question"]:
                scores[files[row["file"]]][row["question"]] = int(row["points"])
    return scores


@pytest.fixture(scope="module")
def scores(course):
    """What nbgrader gives to everyone, graded in one go as in a course."""
    return course.grade(*CLASS, *UNTIDY)


@pytest.mark.slow
def test_the_honest_ones_get_what_the_other_ways_of_grading_give_them(scores):
    for name, student in CLASS.items():
        if not student.cheats:
            right = {q.number: q.points * (q.number in student.earns) for q in HOMEWORK}
            assert by_question(scores[name]) == right, name


@pytest.mark.slow
def test_cells_that_do_not_run_cost_the_same_in_both(course, scores):
    names = ["mean_for_sum", *UNTIDY]
    assert {name: by_question(scores[name]) for name in names} == in_isolation(course, *names)


@pytest.mark.slow
def test_marks_are_provisional_for_a_changed_checker_gets_them_all(course, scores):
    earned = by_question(scores["patches_the_checker"])
    assert earned == {question.number: question.points for question in HOMEWORK}
    again = in_isolation(course, "patches_the_checker")
    assert not any(again["patches_the_checker"].values())
    # One that ends its kernel is not graded, and has no points.
    assert not any(by_question(scores["exits_early"]).values())


@pytest.mark.slow
def test_what_is_handed_out_holds_no_solution(course):
    text = course.handed_out.read_text("utf-8")
    assert text.count("YOUR CODE HERE") == len(HOMEWORK)
    for rest in ("BEGIN", "END ", "earned", "active = "):
        assert rest not in text
