"""The rubric of the exercises: what each number that a student may come to is worth.

The numbers come from the tables of the pages ("your number is ... what happened"), and from the
data of the answer boxes.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from course import folded
from course.plain import HINTS, TITLE, Book, Plain, cells_of, options_of
from site_ext.answers import STORED

FULL, SLIP, BARE = "all", "half", "a quarter"
RULE = Path(__file__).with_name("instructor") / "rubric.md"
RIGHT = {"Exercise 2.0.1": "$z_4$ is 3.125, and $L$ is 3.168", "Exercise 3.1.1": "6.0e-9"}
"""What stands in the answer of an exercise that has a table, and no box."""
NAMES = {" / ": ", or ", "after its step": "after a step of size 0.1 was made with it"}
TABLE = re.compile(r"(?m)^\| your number.*\n\|---\|---\|\n((?:\|.*\n?)+)")
PAPER = "On paper"


class Item(NamedTuple):
    """What is asked on paper: its name, the question, the answer, and its answer boxes."""

    name: str
    question: str
    answer: list[str]
    boxes: list[re.Match[str]]


def items(book: Book, page: str) -> Iterator[Item]:
    """Yield what a page asks on paper, in its order: exercises and boxes.

    What it answers in open view is not asked, nor are wrong numbers that it tells there.
    """
    found: dict[str, Item] = {}
    current = ""
    for cell, inside in folded.regions(cells_of(book.root / "chapters" / f"{page}.ipynb")):
        if cell.cell_type != "markdown":
            continue
        for box in folded.DIRECTIVE.finditer(cell.source):
            options = options_of(box)
            label = options.get("label", "")
            if box["name"] == "exercise":
                current = label if box["body"].startswith(PAPER) else ""
                if current:
                    found[current] = Item(book.called(label), box["body"], [], [])
            elif box["name"] == "answer" and "symbols" not in options:
                item = Item(options.get("title", TITLE), "", [], [])
                found.setdefault(current or box["argument"], item).boxes.append(box)
        if inside and current:
            found[current].answer.append(folded.DIRECTIVE.sub("", cell.source))
    yield from found.values()


def number(text: str) -> float | None:
    """Return the number that stands in a cell of a table, or at its end."""
    digits = re.findall(r"[-−]?\d+(?:\.\d+)?(?:e-?\d+)?", text.partition(",")[0])
    return float(digits[-1].replace("−", "-")) if digits else None


def shown(value: float, digits: int) -> str:
    """Return a number as the tables of the pages have it."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def rows(box: re.Match[str] | None, table: str) -> Iterator[str]:
    """Yield the rows of a table of numbers: those of the page, then what else the box knows."""
    stored = json.loads(STORED.read_text("utf-8"))[box["argument"].strip()] if box else {}
    digits = int(options_of(box).get("digits", 4)) if box else 0
    others = [v for convention in stored.get("conventions", []) for v in convention["values"]]
    seen = {round(value, digits) for value in stored.get("right", [])}
    for value in seen:
        yield f"| **{shown(value, digits)}** | **right** | {FULL} |"
    for line in table.strip().splitlines():
        value = number(line.split("|")[1])
        seen |= {value, round(value, digits)} if value is not None else set()
        is_other = value is not None and any(round(v, digits) == value for v in others)
        share = BARE if value == 0 or "no step at all" in line else SLIP
        yield line + (f" {FULL} if the sheet says so, else {SLIP} |" if is_other else f" {share} |")
    for mistake in stored.get("mistakes", []):
        value, name = round(mistake["values"][0], digits), mistake["name"]
        if not seen & {
            value,
            round(value, 3),
        }:  # some pages have three decimals where a box has four
            seen.add(value)
            for said, plain in NAMES.items():
                name = name.replace(said, plain)
            yield f"| {shown(value, digits)} | {name} | {SLIP if value else BARE} |"


def section(item: Item, plain: Plain) -> Iterator[str]:
    """Yield the paragraphs about one thing that is asked."""
    yield f"### {item.name}"
    yield plain.text(item.question)
    answer = "\n\n".join(item.answer)
    tables = [match[1] for match in TABLE.finditer(answer)]
    text = plain.text(TABLE.sub("", answer))
    if text:
        yield f"**Answer.** {text}"
    for box in item.boxes or [None]:
        if box:
            question, _, solution = box["body"].partition("\n---\n")
            yield f"**{plain.text(HINTS.sub('', question.strip() + chr(10)))}**"
            yield plain.text(folded.without_pointers(TABLE.sub("", solution)))
            tables += [match[1] for match in TABLE.finditer(solution)]
        if lines := [*rows(box, "".join(tables))]:
            if item.name in RIGHT and not box:
                lines.insert(0, f"| **{RIGHT[item.name]}** | **right** | {FULL} |")
            yield "| number | what happened | worth |\n|---|---|---|\n" + "\n".join(lines)
        tables = []


def write(book: Book, plain: Plain) -> str:
    """Return the rubric: the rule, and each page with what it asks on paper."""
    parts = [plain.text(RULE.read_text("utf-8"))]
    for page in book.pages:
        if (book.root / "chapters" / f"{page}.ipynb").exists():
            asked = [*items(book, page)]
            parts += [f"## {book.called(page)}"] if asked else []
            parts += [text for item in asked for text in section(item, plain) if text]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
