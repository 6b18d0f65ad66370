"""The numbers of the book: a page's stands in its title, an equation's is its place on the page.

``# 1.2 The hinge loss`` makes the fourth labelled equation of that page (1.2.4).
Usage: python -m site_ext.numbering    (writes hwlib/equations.json, from which hwlib cites)
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parent.parent
TITLE = re.compile(r"^(?:(\d+(?:\.\d+)+) )?(.+)$")
LABELLED = re.compile(r"^\$\$ \((eq-\S+)\)$", re.MULTILINE)


class Entry(NamedTuple):
    """An equation's number, the address of its page in the book, the page's title."""

    number: str
    page: str
    title: str


def split_title(text: str) -> tuple[str, str]:
    """Return the number of a page, if its title has one, and the rest of the title."""
    match = TITLE.match(text)
    assert match, f"a page without a title: {text!r}"
    return match[1] or "", match[2]


def text_of(page: Path) -> str:
    """Return what a page's source says outside of its code."""
    if (path := page.with_name(f"{page.name}.md")).exists():
        return path.read_text("utf-8")
    cells = json.loads(page.with_name(f"{page.name}.ipynb").read_text("utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def table(root: Path = ROOT) -> dict[str, Entry]:
    """Return every labelled equation of the pages in the table of contents."""
    found: dict[str, Entry] = {}
    pages: dict[str, str] = {}
    for page in parse_toc_yaml(root / "_toc.yml"):
        text = text_of(root / page)
        number, title = split_title(text.partition("\n")[0].removeprefix("# "))
        if number and pages.setdefault(number, page) != page:
            raise ValueError(f"{page} and {pages[number]} have the same number, {number}")
        for place, label in enumerate(LABELLED.findall(text), 1):
            if not number:
                raise ValueError(f"{page} has the equation {label}, but no number in its title")
            if label in found:
                raise ValueError(f"{label} stands on {page} and on {found[label].page}")
            found[label] = Entry(f"{number}.{place}", page, title)
    return found


def as_json(found: dict[str, Entry]) -> str:
    """Return the table as the package stores it: a line for each equation."""
    lines = (f"  {json.dumps(label)}: {json.dumps(found[label])}" for label in sorted(found))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the table, unless it is up to date: a later time would have the site built again."""
    path, text = ROOT / "hwlib" / "equations.json", as_json(table())
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
