"""What the site offers to download: each page as a plain notebook, and the package that it needs.

An extension of Sphinx; the links are in ``site_ext/templates/article-header-buttons.html``.
"""

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from course import notebooks, wheel
from course.plain import Book

FOLDER = "_downloads"


def write(app: Sphinx) -> None:
    """Write the notebooks and the wheel into the site, before its pages say how large they are."""
    if app.builder.name == "html":
        folder = Path(app.outdir, FOLDER)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        name = wheel.build(Path(app.srcdir), folder)
        solutions = "course.site" not in app.extensions  # that is the edition for students
        notebooks.write(Book(Path(app.srcdir)), folder, name, solutions=solutions)


def offer(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the links of a page what there is: address and size of its notebook and the wheel."""
    notebook = Path(app.outdir, FOLDER, f"{Path(pagename).name}.ipynb")
    if notebook.exists():
        (package,) = notebook.parent.glob("*.whl")
        context["downloads"] = [
            (f"{FOLDER}/{path.name}", f"{path.stat().st_size / 1000:.0f} kB")
            for path in (notebook, package)
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", write)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
