"""Write the kit for a class.

Usage: python -m course FOLDER    (`make course` writes it to _build/course)
"""

import shutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from course import homework, marks, notebooks, rubric, wheel
from course.plain import Book, Plain

PARTS = ("site", "gradescope", "nbgrader")
"""Modules that add a part of their own: each has a function `build(target)`."""

STUDENT = Path(__file__).with_name("student") / "README.txt"
INSTRUCTOR = Path(__file__).with_name("instructor") / "README.md"


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
    left_out = ", ".join(book.called(page) for page in out if page != "teaching")
    there = {"wheel": name, "pages": "\n".join(rows), "left_out": left_out}
    readme = STUDENT.read_text("utf-8").format(**there)
    (folder / "README.txt").write_text(readme, "utf-8")
    return name


def instructors_folder(book: Book, folder: Path, name: str) -> None:
    """Write what is not handed out: solutions and rubric."""
    folder.mkdir()
    shutil.copy(folder.parent / "student" / name, folder)
    tables(book, folder / "benchmarks")
    notebooks.write(book, folder, name, solutions=True)
    homework.write(folder, name, solutions=True)
    (folder / "rubric.md").write_text(rubric.write(book, Plain(book, "", set())), "utf-8")
    (folder / "rubric_homework.md").write_text(marks.write(), "utf-8")
    readme = INSTRUCTOR.read_text("utf-8").replace("WHEEL", name).replace("POINTS", marks.points())
    (folder / "README.md").write_text(readme, "utf-8")


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
