"""Whether each number of a page is bound, and each inline formula true."""

from __future__ import annotations

import ast
import contextlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from formulas.reader import FormulaError
from tests.prose.example import side_of
from tests.prose.judge import Entry, Scope, Verdict, entries
from tests.prose.run import Run
from tests.prose.text import RAISED, RELATION, WORDS, Cell, Item, Notebook
from tests.prose.words import word_faults


def printed_value(text: str) -> tuple[float, float]:
    """Return a printed number and half a unit of its last digit."""
    if text in WORDS:
        return float(WORDS[text]), 1e-9
    if unicodedata.category(text[-1]) == "No" and text[-1] not in RAISED:
        return unicodedata.numeric(text[-1]), 1e-9
    text = text.replace("−", "-").replace(",", "")
    number = re.match(r"-?(\d+)(?:\.(\d+))?(?:e(-?\d+))?", text)
    value, digits, power = float(number[0]), len(number[2] or ""), int(number[3] or 0)
    raised = re.search(rf"(?:10)?([{RAISED}]+)", text)
    if raised:
        exponent = int(
            "".join(unicodedata.normalize("NFKC", c) for c in raised[1]).replace("−", "-")
        )
        if raised[0].startswith("10") and raised.start() > 0:
            value, power = value * 10.0**exponent, power + exponent
        else:
            return value**exponent, 1e-9 * value**exponent
    percent = 0.01 if "%" in text or "percent" in text else 1.0
    return value * percent, 0.5 * 10.0 ** (power - digits) * percent


def alike(text: str) -> str:
    """Return a number as printed in the form in which texts and comments are compared."""
    text = text.strip("$ ").replace("−", "-").replace("{,}", ",").replace("+", "")
    return re.sub(r"\s+", " ", text).lower()


def is_value(text: str, value: Any, scope: Scope) -> str:
    """Return what is wrong with a printed number that stands for a value."""
    if re.search(r"[\\^{]", text):  # a formula of numbers alone
        number, half = float(np.real(scope.at.visit(side_of(text)).ravel()[0])), 0.0
    else:
        number, half = printed_value(text)
    try:
        close = abs(float(value) - number) <= half * (1 + 1e-9) + 1e-9 * abs(number)
    except (TypeError, ValueError):
        return f"the comment gives {value!r}, which is no number"
    return "" if close else f"is {float(value):.6g}"


def faults(page: Notebook, done: Run, cells: Iterable[Cell] | None = None) -> Iterator[str]:
    """Yield what is wrong with the numbers and formulas of a page: page, cell, sentence, value."""
    for cell in page.told if cells is None else cells:
        try:
            for sentence, why in cell_faults(page, done, cell):
                yield f"{page.name}, {cell.id}, “{sentence}”: {why}"
        except FormulaError as error:
            yield f"{page.name}, {cell.id}: {error}"


def verdict_of(item: Item, items: list[Item], scope: Scope) -> Verdict:
    """Return what an inline formula is, among the numbers and formulas of its block."""
    same = (i for i in items if i.kind == "formula" and i.sentence == item.sentence)
    given = tuple(i.text for i in same if i.supposed and i.text != item.text)
    given = tuple(text for text in given if RELATION.search(text))
    return scope.judge(item.text, item.supposed, given)


def cell_faults(page: Notebook, done: Run, cell: Cell) -> Iterator[tuple[str, str]]:
    scope = done.scopes.get(cell.id) or Scope(page, cell, done)
    done.scopes[cell.id] = scope
    yield from word_faults(cell, scope.value)
    needed: list[Item] = []
    for block in cell.blocks:
        items = block.items()
        for item in items:
            if item.kind == "number":
                needed.append(item)
                continue
            verdict = verdict_of(item, items, scope)
            if verdict.wrong:
                yield item.sentence, f"${item.text}$ is {verdict.kind}: {verdict.wrong}"
            must = Counter(verdict.needed)
            for number in verdict.numbers:
                bound = must[number] > 0 or must[number.lstrip("-")] > 0
                must[number if must[number] else number.lstrip("-")] -= bound
                needed.append(Item("number", number, item.sentence, bound, hint=verdict.hint))
    formulas = {item.text for block in cell.blocks for item in block.items()}
    for formula in scope.notes.keys() - formulas if not cell.opens else ():
        if any(formula in line for line in cell.lines):
            yield "", f"the comment speaks of ${formula}$, which is not there"
    listed = [entry for entry in entries(cell.lines) if entry.place >= 0]
    for item, entry in _aligned(needed, listed):
        if item is None:
            yield "", f"the comment lists {entry.text} = {entry.expression}, which is not there"
        elif entry is None:
            hint = f"; in the running example {item.hint}" if item.hint else ""
            yield item.sentence, f"{item.text} is bound to no value{hint}"
        else:
            try:
                why = is_value(alike(item.text), _entry_value(entry, scope), scope)
            except FormulaError as error:
                why = str(error)
            if why:
                yield item.sentence, f"{item.text} {why}, by {entry.expression}"


def _entry_value(entry: Entry, scope: Scope) -> Any:
    value = scope.value(entry.expression)
    if entry.of > 1:
        value = np.ravel(value)
        if len(value) not in (1, entry.of):
            raise FormulaError(f"is one of {entry.of}, and there are {len(value)}")
        value = value[entry.place % len(value)]
    if _is_literal(entry):
        raise FormulaError("is a number that the comment repeats")
    return value


def _is_literal(entry: Entry) -> bool:
    """Whether an expression has the printed number in it, outside of an index."""
    tree = ast.parse(entry.expression, mode="eval")
    inside = {
        id(n) for s in ast.walk(tree) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)
    }
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in inside]
    with contextlib.suppress(TypeError, ValueError, IndexError):
        value, _ = printed_value(alike(entry.text))
        return any(n == abs(value) for n in found if isinstance(n, int | float)) and value > 2
    return False


def _aligned(needed: list[Item], listed: list[Entry]) -> list[tuple[Item | None, Entry | None]]:
    """Pair the numbers of a cell with its comment, in order; what only may be bound is left out."""

    @cache
    def rest(i: int, j: int) -> tuple[int, int]:
        """Return how many faults the rest has at least, and which way is best."""
        if i == len(needed) or j == len(listed):
            left = sum(item.bound for item in needed[i:]) + len(listed) - j
            return left, 0
        ways = [(rest(i + 1, j)[0] + needed[i].bound, 1), (rest(i, j + 1)[0] + 1, 2)]
        if alike(needed[i].text) == alike(listed[j].text):
            ways.append((rest(i + 1, j + 1)[0], 0))
        return min(ways)

    i = j = 0
    pairs: list[tuple[Item | None, Entry | None]] = []
    while i < len(needed) and j < len(listed):
        way = rest(i, j)[1]
        if way == 0:
            pairs.append((needed[i], listed[j]))
        elif way == 2:
            pairs.append((None, listed[j]))
        elif needed[i].bound:
            pairs.append((needed[i], None))
        i, j = i + (way != 2), j + (way != 1)
    pairs += [(item, None) for item in needed[i:] if item.bound]
    return pairs + [(None, entry) for entry in listed[j:]]
