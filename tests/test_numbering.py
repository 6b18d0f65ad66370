"""Numbers of equations: made from the titles of the pages, stored with hwlib, cited by it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hwlib import numbering
from site_ext.numbering import Entry, as_json, split_title, table

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1.2 The hinge loss", ("1.2", "The hinge loss")),
        ("2.0 The network, with numbers", ("2.0", "The network, with numbers")),
        ("4.10 Layers", ("4.10", "Layers")),
        ("Errata of the source sheet", ("", "Errata of the source sheet")),
        ("A machine", ("", "A machine")),
        ("3 mistakes", ("", "3 mistakes")),
    ],
)
def test_a_title_has_a_number_or_none(text, parts):
    assert split_title(text) == parts


def write(folder, name, title, *labels):
    """Write a page with labelled equations; as a notebook if its name says so."""
    blocks = [f"# {title}", *(f"$$\na = b\n$$ ({label})" for label in labels)]
    if name.endswith(".md"):
        (folder / name).write_text("\n\n".join(blocks))
        return
    cells = [{"cell_type": "markdown", "source": block.splitlines(True)} for block in blocks]
    code = {"cell_type": "code", "source": ["# a comment\n", "$$ (eq-in-code)"]}
    (folder / name).write_text(json.dumps({"cells": [cells[0], code, *cells[1:]]}))


@pytest.fixture
def book(tmp_path):
    """A book of three pages, one of which its table of contents lists below another."""
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: intro\nparts:\n  - caption: One\n    chapters:\n"
        "      - file: loss\n        sections:\n          - file: deeper\n"
    )
    write(tmp_path, "intro.md", "The book")
    write(tmp_path, "loss.ipynb", "1.2 The loss", "eq-loss", "eq-a")
    write(tmp_path, "deeper.md", "2.10 Deeper", "eq-deeper")
    write(tmp_path, "unlisted.md", "1.2 A draft", "eq-draft")
    return tmp_path


def test_an_equation_has_the_number_of_its_page_and_its_place(book):
    assert table(book) == {
        "eq-loss": Entry("1.2.1", "loss", "The loss"),
        "eq-a": Entry("1.2.2", "loss", "The loss"),
        "eq-deeper": Entry("2.10.1", "deeper", "Deeper"),
    }


def test_the_stored_table_is_sorted(book):
    assert as_json(table(book)).splitlines()[1] == '  "eq-a": ["1.2.2", "loss", "The loss"],'
    assert list(json.loads(as_json(table(book)))) == ["eq-a", "eq-deeper", "eq-loss"]


@pytest.mark.parametrize(
    ("title", "label", "fault"),
    [
        ("1.2 Also this", "eq-new", "the same number, 1.2"),
        ("Deeper", "eq-new", "eq-new, but no number in its title"),
        ("2.1 Deeper", "eq-loss", "eq-loss stands on deeper and on loss"),
    ],
)
def test_a_book_with_two_meanings_of_a_number_is_rejected(book, title, label, fault):
    write(book, "deeper.md", title, label)
    with pytest.raises(ValueError, match=fault):
        table(book)


def test_the_stored_table_is_that_of_the_pages():
    stored = (ROOT / "hwlib" / "equations.json").read_text(encoding="utf-8")
    assert stored == as_json(table(ROOT)), "run `make execute`"


def test_a_label_is_cited_by_number_and_page():
    label, (number, _, title) = next(iter(table(ROOT).items()))
    assert numbering.number(label) == number
    assert numbering.cite(label) == f"({number}), {title}"


@pytest.mark.parametrize("text", ["eq-none-such", "", "the mask", "(1.2.3)"])
def test_what_is_no_label_comes_back(text):
    assert numbering.number(text) == numbering.cite(text) == text


def test_numbering_needs_no_numpy():
    code = "import sys; sys.modules['numpy'] = None; from hwlib import numbering as n; n.cite('x')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
