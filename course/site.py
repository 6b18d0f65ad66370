"""The site for students: the book's own build, of pages without solutions.

Usage: python -m course.site FOLDER    (writes FOLDER/site-student)

It is the build of ``_config.yml`` with this module as one more extension. Each page is read without
its solutions (`course.folded`), before anything is made of it: so nothing of them gets into pages,
the index of the search, previews or stored outputs. What is numbered keeps the number that it has
in the book. The answer boxes compare hashes (`course.boxes`).
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import yaml
from docutils import nodes
from jupyter_book.sphinx import build_sphinx
from nbformat.v4 import new_markdown_cell
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from course import drawn, folded
from course.boxes import hashed
from site_ext.numbering import ROOT

ROW = re.compile(r"^\| \{eq\}`([\w-]+)`")
TABLE: dict[str, list[str]] = json.loads((ROOT / "hwlib" / "equations.json").read_text("utf-8"))
"""Number, page and title of the page of each equation of the book."""
LEFT_OUT = "teaching"
"""The page for instructors."""


def kept_cells(cells: list[Any]) -> Iterator[Any]:
    """Yield cells without solutions, and in place of each the line for its equations."""
    solution: list[str] = []
    for cell, inside in folded.regions(cells):
        if inside:
            solution.append(cell.source)
            continue
        if place := folded.in_place_of("\n".join(solution)):
            yield new_markdown_cell(place, id=f"{cell.id}-solution")
        solution = []
        if cell.cell_type == "markdown":
            cell.source = folded.cut(cell.source)
        yield cell


@cache
def gone() -> frozenset[str]:
    """Return the labels of the equations that stand in solutions alone."""
    pages = [ROOT / f"{page}.ipynb" for page in {page for _, page, _ in TABLE.values()}]
    cells = [cell for page in pages for cell in kept_cells(nbformat.read(page, as_version=4).cells)]
    return frozenset(TABLE) - {label for c in cells for label in folded.EQUATION.findall(c.source)}


def student(page: Path) -> str:
    """Return the source of a page without solutions, nor rows that print their equations."""
    if page.suffix != ".ipynb":
        return folded.cut(page.read_text("utf-8"))
    notebook = nbformat.read(page, as_version=4)
    notebook.cells = [*kept_cells(notebook.cells)]
    for data in (out.get("data", {}) for c in notebook.cells for out in c.get("outputs", [])):
        rows = data.get("text/markdown", "").split("\n")
        rows = [row for row in rows if not row.startswith(f"| {{doc}}`{LEFT_OUT}`")]
        if kept := [row for row in rows if not gone() & {*ROW.findall(row)}]:
            data["text/markdown"] = "\n".join(kept)
    return nbformat.writes(notebook)


def read_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let Sphinx read a page without solutions."""
    source[0] = student(Path(app.env.doc2path(docname)))


def keep_numbers(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Give equations the numbers of the book, and those of solutions a place to lead to."""
    for label, (number, page, _) in TABLE.items():
        env.get_domain("math").data["objects"].setdefault(label, (page, 0))
        numbers = env.toc_fignumbers[page].setdefault("displaymath", {})
        numbers[f"equation-{label}"] = tuple(number.split("."))
        env.book_numbers[label] = (number, page)
    for label in gone():
        env.book_executed[Path(TABLE[label][1]).name] -= 1
    return []


def show_that_it_is_left_out(app: Sphinx, env: BuildEnvironment) -> None:
    """Let a reference to an equation of a solution show, on hover, where that stands."""
    for label in gone():
        env.book_equations[label] = nodes.math_block("", r"\text{in a solution}")


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the pages that have boxes what hashes a reader's answer."""
    if '<form class="answer ' in context.get("body", ""):
        app.add_js_file("hashed.js")


def practise_without_solutions(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the solutions of the practice page out, and hash its numbers."""
    if '<div class="practice"' in context.get("body", ""):
        context["body"] = drawn.without_solutions(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension, after that of the book."""
    app.config.html_static_path.append(str(Path(__file__).with_name("static")))
    app.connect("source-read", read_page)
    app.connect("env-get-updated", keep_numbers, priority=901)
    app.connect("env-check-consistency", show_that_it_is_left_out, priority=901)
    app.connect("answer-data", lambda app, label, data: hashed({label: data}))
    app.connect("html-page-context", practise_without_solutions, priority=800)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def build(target: Path) -> None:
    """Build the site into the folder of the kit, in place of what was there."""
    site = target.resolve() / "site-student"
    shutil.rmtree(site, ignore_errors=True)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    overrides = {
        "extensions": [*config["extensions"], "course.site"],
        "html_copy_source": False,
        "latex_individualpages": False,
        "nitpicky": True,
    }
    with TemporaryDirectory() as work:
        toc = (ROOT / "_toc.yml").read_text("utf-8")
        toc = re.sub(rf"(?m)^ *- file: chapters/{LEFT_OUT}\n", "", toc)
        overrides["external_toc_path"] = str(Path(work, "_toc.yml"))
        Path(work, "_toc.yml").write_text(toc, "utf-8")
        status = build_sphinx(
            ROOT, Path(work) / "html", noconfig=True, path_config=ROOT / "_config.yml",
            confoverrides=overrides, doctreedir=Path(work) / "doctrees", warningiserror=True,
            keep_going=True, quiet=True,
        )  # fmt: skip
        if status:
            raise SystemExit(f"the site for students was not built: {status}")
        shutil.copytree(Path(work) / "html", site)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
