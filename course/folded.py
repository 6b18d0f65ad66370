r"""What a solution is, by rule, and what is left of a page without any.

A solution is what a page answers in place of its reader:

- a ``{solution}``, and all cells from a ``{solution-start}`` to its ``{solution-end}``;
- what follows ``---`` in an ``{answer}`` box;
- a model answer: the section of that name, or what follows a label that ends in ``-model-answer``;
- a sentence that sends the reader to one of these.

Where a solution had numbered equations, a line says which, so that a reference to one of them still
leads somewhere. The book's homework becomes "the sheet", for the kit has a homework of its own.
Derivations, worked numbers and code in open view are the book, and stay. A
directive that is not listed here is an error, so that a new kind of solution cannot slip through.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hwlib import numbering

DIRECTIVE = re.compile(
    r"(?ms)^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<argument>[^\n]*)\n"
    r"(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=fence) *(?:\n|\Z)"
)
OPEN = ("exercise", "container", "eval-rst", "rst-class", "bibliography", "practice")
EMPTY = re.compile(r"(?m)^:::\{container\}[^\n]*\n\s*:::$")  # all that it held has gone
EQUATION = re.compile(r"(?m)^\$\$ \((eq-[\w-]+)\)$")
MODEL_ANSWER = re.compile(
    r"(?ms)^\([\w-]+\)=\n(#+) [^\n]*model answer.*?(?=^#{1,3} |\Z)"
    r"|^\([\w-]+-model-answer\)=\n.*?(?=^#|\Z)"
)
SHEET = re.compile(r"(Questions? [\d. to]+ of the|Here the|part of the|so this|what the) homework")
POINTS = re.compile(
    r"(?i)model answer|-hand-in>|-model-answer[>`]|the next fold"
    r"|solutions? (?:below|of the|has|have|are folded)|\{doc\}`teaching`|answer away is folded"
)
"""Words of a sentence that sends the reader to a solution."""


def cut(text: str) -> str:
    """Return the Markdown of a cell without its solutions, and without its comments."""
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = MODEL_ANSWER.sub("", DIRECTIVE.sub(_kept, text))
    return EMPTY.sub("", without_pointers(SHEET.sub(r"\1 sheet", text)))


def without_pointers(text: str) -> str:
    """Return a text without the sentences that send the reader to a solution."""
    return "\n".join(_unpointed(line) if POINTS.search(line) else line for line in text.split("\n"))


def _unpointed(line: str) -> str:
    parts = re.split(r"(?:(?<=[.?!;])|(?<=[.?!;]\*)) ", line)
    kept: list[str] = []
    for before, part in pairwise(["", *parts]):
        if POINTS.search(part):
            hurry = "In a hurry?"  # leads to the sentence that goes
            kept[-1:] = [re.sub(";$", ".", text) for text in kept[-1:] if hurry not in text]
        else:  # what followed a semicolon may begin a sentence now
            kept.append(part[0].upper() + part[1:] if POINTS.search(before) else part)
    return " ".join(kept)


def _kept(match: re.Match[str]) -> str:
    """Return what is left of a directive."""
    if match["name"] in OPEN:
        return match[0]
    if match["name"] == "answer":
        return re.sub(r"(?ms)^---\n.*?(?=^`{3,} *$)", "", match[0])
    if match["name"] in ("solution", "solution-start", "solution-end"):
        return in_place_of(match["body"])
    raise ValueError(f"{{{match['name']}}}: is it a solution? Say so in course/folded.py")


def in_place_of(solution: str) -> str:
    """Return the line that stands for the equations of a solution, with their anchors."""
    labels = EQUATION.findall(solution)
    numbers = [f"({numbering.number(label)})" for label in labels]
    listed = " and ".join(filter(None, [", ".join(numbers[:-1]), *numbers[-1:]]))
    anchors = "".join(f"(equation-{label})=\n" for label in labels)
    subject = f"Equations {listed} belong" if labels[1:] else f"Equation {listed} belongs"
    told = f"{anchors}{subject} to the solution, which this edition leaves out.\n"
    return told if labels else ""


def regions(cells: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each cell, and whether it stands within a solution."""
    inside = False
    for cell in cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        inside |= "{solution-start}" in text
        yield cell, inside
        inside &= "{solution-end}" not in text
    if inside:
        raise ValueError("a {solution-start} without its {solution-end}")
