"""The class of twelve in a folder, graded without a server.

`test_gradescope.py` and `test_nbgrader.py` have the same class graded in the other two ways.
"""

from __future__ import annotations

import csv

import pytest
from class_of_twelve import CLASS, NUMBERS, UNTIDY, notebook, untidy

from course import homework
from hwlib.__main__ import main
from hwlib.grading import HOMEWORK

POINTS = {q.number: q.points for q in HOMEWORK}


def test_the_class_is_the_twelve_that_are_wanted():
    assert len(CLASS) == 12
    assert sum(student.cheats for student in CLASS.values()) == 4
    assert tuple(POINTS) == NUMBERS


@pytest.mark.slow
def test_a_folder_gives_each_of_the_class_what_is_deserved(tmp_path):
    homework.write(tmp_path, "hwlib.whl", solutions=False)
    handed_out = (tmp_path / "homework.ipynb").rename(tmp_path / "handed_out")
    for name, student in CLASS.items():
        (tmp_path / f"{name}.ipynb").write_text(notebook(student, handed_out), "utf-8")
    table = tmp_path / "grades.csv"
    main(["check", "--homework", "--seconds", "6", "--csv", str(table), str(tmp_path)])
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name, student in CLASS.items():
        own = [row for row in rows if row["file"] == f"{name}.ipynb"]
        earned = {row["question"]: int(row["points"]) for row in own if row["status"] == "passed"}
        assert earned == {number: POINTS[number] for number in student.earns}, name
        lost = [row["message"] for row in own if row["status"] != "passed"]
        assert not lost or any(student.told in message for message in lost), lost


@pytest.mark.slow
def test_cells_that_do_not_run_cost_nothing_but_what_they_define(tmp_path):
    homework.write(tmp_path, "hwlib.whl", solutions=False)
    handed_out = (tmp_path / "homework.ipynb").rename(tmp_path / "handed_out")
    for name in UNTIDY:
        (tmp_path / name).mkdir()
        (tmp_path / name / "homework.ipynb").write_text(untidy(name, handed_out), "utf-8")
    table = tmp_path / "marks.csv"
    main(["check", "--homework", "--marks", str(table), str(tmp_path)])
    with table.open(encoding="utf-8") as file:
        rows = {row["file"].split("/")[0].split("\\")[0]: row for row in csv.DictReader(file)}
    for name, (student, _) in UNTIDY.items():
        earned = {n: POINTS[n] * (n in student.earns) for n in NUMBERS}
        assert {n: int(rows[name][n]) for n in NUMBERS} == earned, name
        assert "did not run: " in rows[name]["look at"] or name == "half_finished"
