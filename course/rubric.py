"""The rubric: what each number that a student may come to is worth.

Nothing is typed here: the numbers come from the tables of the pages ("your number is ... what
happened"), from the data of the answer boxes, and from the mistakes that hwlib knows.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from course import folded
from course.plain import HINTS, TITLE, Book, Plain, cells_of, options_of
from hwlib import grading
from hwlib._layout import Layout
from hwlib.grading import Question
from site_ext.answers import STORED

FULL, SLIP, BARE = "all", "half", "a quarter"
RULE = f"""# Rubric

What an answer on paper is worth, of the points of its question, is the same everywhere:

| the answer | worth |
|---|---|
| is right, and each line follows from the one before | {FULL} |
| is right by another convention (such as a mean for a sum), and says which one | {FULL} |
| has a number of the table: the right method, with the one slip that is named beside it | {SLIP} |
| has another number, or one slip more: the method is right up to the first wrong line | {BARE} |
| has a number, right or wrong, and no way to it | {BARE} |

The tables are those of the pages, with the numbers that the answer boxes know besides. A number is
rounded as the question asks.
"""
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
        seen |= {round(value, digits)} if value is not None else set()
        is_other = value is not None and any(round(v, digits) == value for v in others)
        yield line + (f" {FULL} if the sheet says so, else {SLIP} |" if is_other else f" {SLIP} |")
    for mistake in stored.get("mistakes", []):
        value = round(mistake["values"][0], digits)
        if value not in seen:
            seen.add(value)
            name = mistake["name"].replace(" / ", ", or ")
            yield f"| {shown(value, digits)} | {name} | {SLIP} |"


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
            yield "| number | what happened | worth |\n|---|---|---|\n" + "\n".join(lines)
        tables = []


HOMEWORK = """## The homework

A derivation is worth what its function is worth, by the rule above. A function that is graded by
`hwlib` has all its points or none; for one slip that has a name you may give half, by hand. What a
mistake gives is shown at the first of the two points of a question, `question.cases[0][0]`, in the
one coordinate at which most mistakes differ.
"""


def wrong_numbers(questions: Sequence[Question]) -> str:
    """Return a table for each question of the homework: what its usual mistakes give."""
    parts = [HOMEWORK]
    for question in questions:
        (args, x, _), *_ = question.cases
        layout = Layout(x, "answer")
        right = layout.flatten("", question.of(question.right, *args))
        wrong = {m.name: layout.flatten("", question.of(m.grad, *args)) for m in question.catalogue}
        wrong = {name: values for name, values in wrong.items() if not np.allclose(values, right)}
        columns = np.array([right, *wrong.values()]).round(4)
        k = max(range(right.size), key=lambda k: len(set(columns[:, k].tolist())))
        named: dict[str, list[str]] = {}
        for name, values in wrong.items():
            named.setdefault(shown(values[k], 4), []).append(name)
        at = shown(right[k], 4)
        hidden = named.pop(at, [])
        lines = [
            f"| **{at}** | **right**{'; here also: ' * bool(hidden)}{', '.join(hidden)} | {FULL} |"
        ]
        lines += [f"| {value} | {', or '.join(names)} | {SLIP} |" for value, names in named.items()]
        parts += [
            f"### Question {question.number}: `{question.name}`, {question.points} of 10\n\n"
            f"At `{layout.names[k]}`:",
            "| number | what happened | worth |\n|---|---|---|\n" + "\n".join(lines),
        ]
    return "\n\n".join(part.strip() for part in parts)


def write(book: Book, plain: Plain) -> str:
    """Return the rubric: the rule, the homework, and each page with what it asks on paper."""
    parts = [RULE, wrong_numbers(grading.HOMEWORK)]
    for page in book.pages:
        if (book.root / "chapters" / f"{page}.ipynb").exists():
            asked = [*items(book, page)]
            parts += [f"## {book.called(page)}"] if asked else []
            parts += [text for item in asked for text in section(item, plain) if text]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
