"""The site for students: the book's own build, of pages without solutions.

Usage: python -m course.site FOLDER

It is the build of ``_config.yml`` with this module as one more extension. Each page is read without
its solutions (`course.solutions`), before anything is made of it: so nothing of them gets into pages,
the index of the search, previews or outputs, and the sources that the site offers are the same
texts. What is numbered keeps the number that it has in the book. The answer boxes compare hashes
(`course.boxes`).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import yaml
from jupyter_book.sphinx import build_sphinx
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from course.boxes import hashed
from course.solutions import ROOT, gone, text_without_solutions, without_solutions

STATIC = Path(__file__).with_name("static")


def student(page: Path) -> str:
    """Return the source of a page without solutions."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return text_without_solutions(text) + "\n"
    return nbformat.writes(without_solutions(nbformat.reads(text, as_version=4))) + "\n"


def read_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let Sphinx read a page without solutions."""
    source[0] = student(Path(app.env.doc2path(docname)))


def keep_numbers(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Give equations and figures the numbers of the book, and equations of solutions a place.

    The line that stands for such an equation carries its anchor.
    """
    table = json.loads((ROOT / "hwlib" / "equations.json").read_text("utf-8"))
    for label, (number, page, _) in table.items():
        env.get_domain("math").data["objects"].setdefault(label, (page, 0))
        numbers = env.toc_fignumbers[page].setdefault("displaymath", {})
        numbers[f"equation-{label}"] = tuple(number.split("."))
        env.book_numbers[label] = (number, page)
    for label in gone():
        counts = env.book_executed[Path(table[label][1]).name]
        counts["executed"], counts["printed"] = counts["executed"] - 1, counts["printed"] - 1
    for page, kinds in env.toc_fignumbers.items():
        whole = Path(env.doc2path(page)).read_text("utf-8")
        places = {name: n for n, name in enumerate(re.findall(r'"name": "(fig-[\w-]+)"', whole), 1)}
        for name, number in kinds.get("figure", {}).items():
            kinds["figure"][name] = (*number[:-1], places[name])
    return []


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Put pages without solutions in place of the sources that Sphinx has copied."""
    if not exception:
        for path in (Path(app.outdir) / "_sources").rglob("*.*"):
            path.write_text(student(ROOT / path.relative_to(Path(app.outdir) / "_sources")), "utf-8")


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the pages that have boxes what hashes a reader's answer."""
    if '<form class="answer ' in context.get("body", ""):
        app.add_js_file("hashed.js")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension, after that of the book."""
    app.config.html_static_path.append(str(STATIC))
    app.connect("source-read", read_page)
    app.connect("env-get-updated", keep_numbers, priority=901)
    app.connect("answer-data", lambda app, label, data: hashed(label, data))
    app.connect("html-page-context", add_script)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def build(target: Path) -> None:
    """Build the site into a folder, in place of what was there."""
    shutil.rmtree(target, ignore_errors=True)
    extensions = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    overrides = {
        "extensions": [*extensions["extensions"], "course.site"],
        "external_toc_path": str(ROOT / "_toc.yml"),
        "latex_individualpages": False,
        "nitpicky": True,
    }
    with TemporaryDirectory() as doctrees:
        status = build_sphinx(
            ROOT, target, noconfig=True, path_config=ROOT / "_config.yml", confoverrides=overrides,
            doctreedir=doctrees, warningiserror=True, keep_going=True, quiet=True,
        )  # fmt: skip
    if status:
        raise SystemExit(f"the site for students was not built: {status}")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
