"""The homework, for a student and for an instructor, from one source in nbgrader's format.

`course/homework.ipynb` holds solutions and hidden tests between nbgrader's marks; what nbgrader
puts in their place stands here too, so that a class gets the same with or without nbgrader.
"""

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell

from course.notebooks import START

SOURCE = Path(__file__).with_name("homework.ipynb")
SOLUTION = re.compile(r"(?ms)^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION\n?")
HIDDEN = re.compile(r"(?ms)^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS\n?")
MARKS = re.compile(r"(?m)^ *### (?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS)\n?")
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()\n"
TEXT = "YOUR ANSWER HERE"


def blank(cell: Any) -> None:
    """Take the solution and the hidden tests out of a cell."""
    if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "markdown":
        cell.source = TEXT
    cell.source = HIDDEN.sub("", SOLUTION.sub(STUB, cell.source)).rstrip("\n")


def solved(cell: Any) -> None:
    """Leave the solution in a cell, without marks, and take out the hidden tests."""
    cell.source = MARKS.sub("", HIDDEN.sub("", cell.source)).rstrip("\n")


def write(target: Path, wheel: str, *, solutions: bool) -> None:
    """Write the homework into a folder, as a plain notebook that has not run."""
    notebook = nbformat.read(SOURCE, as_version=4)
    for cell in notebook.cells:
        (solved if solutions else blank)(cell)
        cell.metadata = {}
    notebook.cells.insert(0, new_markdown_cell(START.format(wheel=wheel), id="start"))
    (target / "homework.ipynb").write_text(nbformat.writes(notebook) + "\n", "utf-8")
