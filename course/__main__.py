"""Write the kit for a class.

Usage: python -m course FOLDER    (`make course` writes it to _build/course)
"""

import shutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from course import homework, notebooks, rubric, wheel
from course.plain import Book, Plain

PARTS = ("site", "gradescope", "nbgrader")
"""Modules that add a part of their own: each has a function `build(target)`."""

STUDENT = """Gradients by Hand: the notebooks of the book, and the homework

1. You need Python 3.11 or newer. In a terminal, in this folder:

       python -m pip install "./{wheel}[notebooks]"

   That installs hwlib, the book's package, and what the notebooks need. (An environment of its own
   is a good idea: python -m venv .venv, and activate it first.)

2. Open the notebooks: python -m jupyterlab, or any other editor of notebooks, with the same Python.

homework.ipynb is what you hand in. To check it as often as you like:

       python -m hwlib check --homework homework.ipynb

The chapters, in the order of the book:

{pages}

They have room for your answers in place of solutions. The book's site has what is missing here: the
boxes that check what you type, the notation, the bibliography, and {left_out}.

Text and figures: CC BY 4.0. Code: BSD 3-Clause.
"""

INSTRUCTOR = """# For instructors

Keep this folder to yourself; hand out the folder `student`.

| file | what it is |
|---|---|
| `homework.ipynb` | the homework with its solutions: it earns all points |
| `rubric.md` | what an answer on paper is worth, with the numbers that the usual mistakes give |
| `*.ipynb` | the chapters with all solutions |
| `{wheel}` | the book's package |

The homework asks the seven questions of the book about other models, whose formulas the book does
not print: with the cubic feature masked, with hidden units that pass on min(z, 0), with labels -1
and +1. The derivations are read by a person. The functions are graded by one call:

    python -m pip install "./{wheel}"
    python -m hwlib check FOLDER --homework --csv grades.csv --summary

FOLDER holds what was handed in. Each function runs in a process of its own, with a limit of time.
All ways of grading in this kit make the same call.
"""


def tables(book: Book, folder: Path) -> None:
    """Copy the tables of measurements that two of the pages read."""
    folder.mkdir()
    for path in sorted((book.root / "benchmarks").iterdir()):
        if path.suffix in (".csv", ".txt"):
            shutil.copy(path, folder)


def students_folder(book: Book, folder: Path) -> str:
    """Write what is handed out; return the name of the wheel."""
    folder.mkdir(parents=True)
    name = wheel.build(book.root, folder)
    tables(book, folder / "benchmarks")
    out = notebooks.write(book, folder, name, solutions=False)
    homework.write(folder, name, solutions=False)
    paths = [folder / f"{page}.ipynb" for page in book.pages]
    width = max(len(path.name) for path in paths) + 2
    rows = [f"    {p.name:<{width}}{book.called(p.stem)}" for p in paths if p.exists()]
    there = {"wheel": name, "pages": "\n".join(rows), "left_out": ", ".join(map(book.called, out))}
    (folder / "README.txt").write_text(STUDENT.format(**there), "utf-8")
    return name


def instructors_folder(book: Book, folder: Path, name: str) -> None:
    """Write what is not handed out: solutions and rubric."""
    folder.mkdir()
    shutil.copy(folder.parent / "student" / name, folder)
    tables(book, folder / "benchmarks")
    notebooks.write(book, folder, name, solutions=True)
    homework.write(folder, name, solutions=True)
    (folder / "rubric.md").write_text(rubric.write(book, Plain(book, "", set())), "utf-8")
    (folder / "README.md").write_text(INSTRUCTOR.format(wheel=name), "utf-8")


def build(target: Path) -> None:
    """Write the whole kit into a folder, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    book = Book()
    name = students_folder(book, target / "student")
    instructors_folder(book, target / "instructor", name)
    for part in PARTS:
        if find_spec(f"course.{part}"):
            import_module(f"course.{part}").build(target)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    print(f"The kit is in {sys.argv[1]}.")
