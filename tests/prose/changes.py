"""Changes that must be noticed: of a digit; and of a word, which are counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from formulas.reader import FormulaError
from tests.prose.check import cell_faults
from tests.prose.run import Run
from tests.prose.text import DIGITS, NUMBERED, RELATION, Cell, Notebook

SWAPS = [
    ("above", "below"), ("all", "some"), ("rises", "falls"), ("larger", "smaller"),
    ("left", "right"), ("first", "last"), ("positive", "negative"), ("before", "after"),
    ("on", "off"), ("more", "less"), ("up", "down"), ("always", "never"), ("every", "no"),
    ("blue", "orange"), ("solid", "dashed"), ("same", "other"), ("is", "is not"),
]  # fmt: skip
"""Words whose exchange makes most sentences false."""


class Mutant(NamedTuple):
    """A cell with one change: what, where, and the sentence or formula as it then reads."""

    what: str
    cell: Cell
    shown: str


def changed(cell: Cell, b: int, k: int, start: int, end: int, new: str) -> Mutant:
    """Return a cell with other characters in one piece of one block."""
    block = cell.blocks[b]
    kind, text = block.pieces[k]
    pieces = list(block.pieces)
    pieces[k] = (kind, text[:start] + new + text[end:])
    blocks = list(cell.blocks)
    blocks[b] = block._replace(pieces=tuple(pieces))
    shown = "".join(f"${text}$" if kind == "math" else text for kind, text in pieces)
    what = f"{text[start:end]} becomes {new} in {text[max(0, start - 30) : end + 30]!r}"
    return Mutant(what, cell._replace(blocks=tuple(blocks)), shown)


def digits(page: Notebook) -> Iterator[tuple[Cell, int, int, int]]:
    """Yield the place of each digit that is not numbering, a year or an index, upper or lower."""
    for cell in page.told:
        for b, block in enumerate(cell.blocks):
            seen = "".join(t if kind == "text" else "_" * len(t) for kind, t in block.pieces)
            title = re.match(r"[\dA-Z.]+\s", seen) if block.level == 1 else None
            skip = [m.span() for m in NUMBERED.finditer(seen)] + ([title.span()] if title else [])
            wanted = {n for m in DIGITS.finditer(seen) for n in range(*m.span())}
            wanted -= {n for span in skip for n in range(*span)}
            at = 0
            for k, (kind, text) in enumerate(block.pieces):
                bare = re.sub(
                    r"_\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|_\w|\^\{\([^()]*\)\}",
                    lambda m: "_" * len(m[0]),
                    text,
                )
                for n, letter in enumerate(bare):
                    plain = letter in "0123456789"
                    if plain and (kind == "math" or (kind == "text" and at + n in wanted)):
                        yield cell, b, k, n
                at += len(text)


def other_signs(page: Notebook) -> Iterator[Mutant]:
    """Yield each formula with a relation changed, or a sign; each number with another sign."""
    others = {"=": "<", "<": ">", ">": "<", r"\ge": r"\le", r"\le": r"\ge", r"\ne": "="}
    others |= {"+": "-"}
    signs = {"math": rf"{RELATION.pattern}|[+-]", "text": r"(?<![^\s(])[-−](?=\d)", "code": "(?!)"}
    for cell in page.told:
        for b, block in enumerate(cell.blocks):
            for k, (kind, text) in enumerate(block.pieces):
                for m in re.finditer(signs[kind], text):
                    new = others.get(m[0], "+" if kind == "math" else "")
                    if RELATION.search(text) and r"\in" not in m[0]:
                        yield changed(cell, b, k, *m.span(), new)


def other_words(page: Notebook) -> Iterator[Mutant]:
    """Yield each exchange of a word by its opposite."""
    words = {a: b for pair in SWAPS for a, b in (pair, pair[::-1])}
    for cell in page.told:
        for b, block in enumerate(cell.blocks):
            for k, (kind, text) in enumerate(block.pieces):
                for m in re.finditer(r"\bis not\b|\b\w+\b", text) if kind == "text" else ():
                    if m[0] in words:
                        yield changed(cell, b, k, *m.span(), words[m[0]])


def notices(page: Notebook, done: Run, mutant: Mutant) -> bool:
    """Whether a fault is found that names the page and the sentence that was changed."""
    try:
        return any(s and s in mutant.shown for s, _ in cell_faults(page, done, mutant.cell))
    except FormulaError:
        return False
