"""The built pages of the site as one book, in the order of its table of contents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lxml import etree
from lxml.builder import E
from lxml.etree import _Element
from sphinx_external_toc.parsing import parse_toc_yaml

from editions.page import Page, anchor, article, clean, prefix, take_letters, take_solutions

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
SITE = BUILD / "html"
FILE = "gradients-by-hand"
TITLE = "Gradients by Hand"
SUBTITLE = "A deep-learning homework, derived, executed and checked"
AUTHOR = "The authors of Gradients by Hand"
RIGHTS = "2026. Text and figures: CC BY 4.0. Code: BSD 3-Clause."


class Part(NamedTuple):
    """A part of the book; the first has no title."""

    title: str
    pages: list[Page]


class Book(NamedTuple):
    """The parts of the book, and the letters of its figures."""

    parts: list[Part]
    letters: dict[str, _Element]


def contents() -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Yield each part's title and the names of its pages, with whether one is below another."""
    toc = parse_toc_yaml(ROOT / "_toc.yml")
    yield "", [(toc.root.docname, False)]
    for part in toc.root.subtrees:
        names = []
        for name in part.files():
            names.append((name, False))
            names += [(below, True) for tree in toc[name].subtrees for below in tree.files()]
        yield part.caption, names


def unwrap_dead_links(bodies: list[_Element]) -> None:
    """Leave the words alone of a link to what this edition does not have."""
    ids = {name for body in bodies for name in body.xpath(".//@id")} | {b.get("id") for b in bodies}
    for body in bodies:
        for link in body.xpath(".//a[starts-with(@href, '#')]"):
            if link.get("href")[1:] not in ids:
                link.tag = "unwrapped"
                if "equation-eq-" in link.get("href"):
                    short = link.xpath("ancestor::pre | ancestor::li | ancestor::td")
                    link.text = f"{link.text[:-1]}{'*' if short else ', in the solutions'})"
                if link.getparent().get("class") == "to-solution":
                    link.getparent().tag = "dropped"
        etree.strip_elements(body, "dropped", with_tail=False)
        etree.strip_tags(body, "unwrapped")


def read(site: Path = SITE, *, solutions: bool) -> Book:
    """Return the book that is built in a folder; its solutions are the last part, or left out."""
    parts = [
        Part(title, [Page(Path(n).name, article(site / f"{n}.html"), below) for n, below in names])
        for title, names in contents()
    ]
    pages = [page for part in parts for page in part.pages]
    for page in pages:
        clean(page.body)
    answers = [take_solutions(page) for page in pages]
    tops = {page.name: anchor(page.name, page.id) for page in pages}
    for page, answer in zip(pages, answers, strict=True):
        for body in (page.body, answer.body):
            prefix(page.name, body, tops)
    letters = take_letters([page.body for page in (*pages, *answers)])
    if solutions:
        parts.append(Part("Solutions", [answer for answer in answers if len(answer.body) > 1]))
    unwrap_dead_links([page.body for part in parts for page in part.pages])
    return Book(parts, letters)


def note(book: Book) -> _Element:
    """Return what to know of an edition, beside the site."""
    solved = book.parts[-1].title == "Solutions"
    where = "are the last part" if solved else "are left out; (0.2.5*) is a formula in one"
    return E.section(
        E.h1("About this edition"),
        E.p(
            "The book is a site and notebooks; this edition is made from the pages of the site. "
            "There a box checks what you type and says where it fails; here it is a question. "
            "Three figures can be operated there; here each shows its first state. Code that only "
            "imports or draws, in cells that are folded there, is left out: the notebooks have it. "
            f"The solutions {where}."
        ),
        E.p(
            "A page of the site is a chapter here, and formula (2.1.4) is the fourth of chapter "
            "2.1. Other numbers count in the same way."
        ),
        {"class": "note"},
    )
