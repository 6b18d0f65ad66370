"""What an inline formula is: a calculation, a claim, a value, a condition; and whether it holds."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations, pairwise
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from lark import Tree

import formulas.check
from formulas import worlds
from formulas.evaluator import NUMBER, SIGNS, Evaluator, shape
from formulas.reader import Book, Equation, FormulaError, Node, Symbol, free_letters, leaves
from formulas.worlds import CONDITIONS, INDEX_LETTERS, World, part_of
from tests.prose.example import BOOK, Example, as_value, equation_of, normal, side_of, symbols
from tests.prose.run import Run
from tests.prose.text import NOTE, PHRASE, RELATION, Cell, Notebook


class Entry(NamedTuple):
    """A line of a comment: what is printed = an expression, and which of its entries; -1: all."""

    text: str
    expression: str
    place: int
    of: int


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what each line binds: ``1.5, 0.5 = a`` binds two numbers to the entries of a."""
    for line in lines:
        if NOTE.fullmatch(line) or PHRASE.fullmatch(line):
            continue
        left, sign, expression = line.partition(" = ")
        if not sign:
            raise FormulaError(f"the comment {line!r} is not 'number = expression'")
        meaning = left.startswith("$") and symbols(side_of(left.strip("$ ")))
        texts = [left] if meaning else re.split(r",\s+(?![^()]*\))", left)
        for k, text in enumerate(texts):
            yield Entry(text.strip("$ "), expression, -1 if meaning else k, len(texts))


class Verdict(NamedTuple):
    """What an inline formula is, what is wrong with it, and its numbers.

    The comment binds the numbers in `needed`; it may bind all those in `numbers`, in order.
    """

    kind: str
    wrong: str = ""
    numbers: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    hint: str = ""

    @classmethod
    def of(cls, kind: str, numbers: Iterable[str]) -> Verdict:
        """Return one all of whose numbers must be bound."""
        found = tuple(numbers)
        return cls(kind, "", found, found)


def _half(text: str, about: bool = False) -> float | None:
    """Return half a unit of the last digit of a number that stands alone, 0 if it is whole."""
    number = re.fullmatch(r"-?\s*(\d+)(?:\.(\d+))?(?:\s*\\cdot\s*10\^\{?(-?\d+)\}?)?", text.strip())
    if not number:
        return None
    whole, digits, power = number[1], number[2], int(number[3] or 0)
    zeros = len(whole) - len(whole.rstrip("0")) if about else 0
    exact = digits is None and not about and number[3] is None
    return 0.0 if exact else 0.5 * 10.0 ** (power - len(digits or "") + zeros * (digits is None))


def _slack(side: Node, at: Example) -> float:
    """Return how far a side may move if each of its rounded numbers moves by half a unit."""
    numbers = [n for n in side.find_data("number") if "." in n.children[0]]
    value, moved = at.visit(side), 0.0
    for number in numbers:
        (text,) = number.children
        number.children = [repr(float(text) + 0.5 * 10.0 ** -len(text.partition(".")[2]))]
        try:
            moved += float(np.max(np.abs(at.visit(side) - value)))
        finally:
            number.children = [text]
    return moved


def numbers_in(*sides: Node) -> Iterator[str]:
    """Yield the numbers of a formula in order, each with its sign."""
    for side in sides:
        inner = side.children[0] if side.data == "neg" else side
        if inner.data == "number":
            yield ("-" if side is not inner else "") + str(inner.children[0])
        else:
            yield from numbers_in(*(c for c in side.children if isinstance(c, Tree)))


def _idle(side: Node, at: Example) -> Iterator[str]:
    """Yield the numbers of a calculation that do not change it: beside a factor 0, say."""
    numbers = [*side.find_data("number")]
    value = at.visit(side) if len(numbers) > 1 else 0.0
    for number in numbers if len(numbers) > 1 else ():
        (text,) = number.children
        results = []
        for step in (0.5, -0.5):
            number.children = [repr(float(text) + step)]
            results.append(np.all(at.visit(side) == value))
        number.children = [text]
        yield from [str(text)] if any(results) else ()


def _telling(*sides: Node) -> tuple[str, ...]:
    """Return the numbers of a formula but 0, 1 and -1 alone on a side: there most things bend."""
    found = [[*numbers_in(side)] for side in sides]
    bends = [["0"], ["1"], ["-1"]]
    return tuple(n for numbers in found if numbers not in bends for n in numbers)


@cache
def is_claim(
    page: str, latex: str, condition: str | None, book: Book = BOOK, n_inputs: float | None = None
) -> str:
    """Return what is wrong with a formula at drawn points, or those where a condition holds.

    If a number of inputs is given, networks with as many will do.
    """

    def fitting(part: str) -> list[World]:
        found = worlds.worlds(part)
        return [w for w in found if n_inputs in (None, w.drawn.get(("d", 0), [None])[0])]

    try:
        equation = equation_of(page, latex)
        given = patch.dict(CONDITIONS, {"inline": normal(condition)} if condition else {})
        with given, patch.object(formulas.check, "worlds", fitting):
            formulas.check.check(equation, book)
    except FormulaError as error:
        return str(error)
    return ""


@cache
@np.errstate(all="ignore")
def is_satisfiable(page: str, latex: str) -> bool | None:
    """Whether a condition holds at some drawn point, or may between two; None if none knows it."""
    try:
        equation = equation_of(page, latex)
        letters = "".join(sorted(set().union(*map(free_letters, equation.sides))))
        signs: list[set[float]] = [set() for _ in equation.relations]
        for world in worlds.worlds(equation.part):
            at = Evaluator(BOOK, world, page, None if equation.is_of_a_batch else 1).bind(letters)
            values = [at.visit(side) for side in equation.sides]
            for k, (left, right) in enumerate(pairwise(values)):
                signs[k] |= set(np.unique(np.sign(np.real(left - right)) + 0.0).tolist())
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None
    crossed = [found | ({0.0} if {-1.0, 1.0} <= found else set()) for found in signs]
    return all(set(SIGNS[r]) & found for r, found in zip(equation.relations, crossed, strict=True))


class Scope:
    """Where a formula stands: what its symbols mean there.

    Parameters
    ----------
    page : Notebook
    cell : Cell
    done : Run
    """

    def __init__(self, page: Notebook, cell: Cell, done: Run) -> None:
        self.page, self.cell, self.done = page, cell, done
        opening = [line for other in page.told if other.opens for line in other.lines]
        meant: dict[Symbol, Any] = {}
        self.sample = 1
        self.notes: dict[str, str] = {}
        self.terms: dict[Node, str] = {}
        self.verdicts: dict[Any, Verdict] = {}
        self.name = page.name
        for line in (*opening, *cell.lines):
            if note := NOTE.fullmatch(line):
                self.sample = int(note[1] or self.sample)
                self.name = note[4] or self.name
                self.notes |= {note[3]: note[2]} if note[3] else {}
            elif line.startswith("$"):
                left, _, expression = line.partition(" = ")
                tree = side_of(left.strip("$ "))
                if tree.data == "symbol":
                    meant[tree.children[0]] = self.value(expression)
                else:
                    self.terms[tree] = expression
        lets = [equation_of(self.name, f) for f, note in self.notes.items() if note == "let"]
        self.book = Book([*BOOK.equations, *lets]) if lets else BOOK
        self.at = Example(
            self.book, self.name, done.first, done.last.get(cell.section, done.first), meant,
            self.sample,
        )  # fmt: skip

    def value(self, expression: str) -> Any:
        """Return what an expression of this cell, or of the page's first cells, was."""
        cells = [self.cell, *(other for other in self.page.told if other.opens)]
        value = next(
            self.done.values[c.id, expression]
            for c in cells
            if (c.id, expression) in self.done.values
        )
        if isinstance(value, Exception):
            raise value
        return value

    def judge(self, latex: str, supposed: bool, conditions: tuple[str, ...]) -> Verdict:
        """Say what an inline formula is.

        A *hand calculation* has numbers alone, a *claim* holds at drawn points, maybe where another
        formula of its sentence holds, a *value* holds in the running example; a *condition* stands
        behind a word such as if or where, and can hold. A quantity that equals a number elsewhere
        than in the running example is *bound*, if the cell's comment binds that number.
        """
        key = (latex, supposed, conditions)
        if key not in self.verdicts:
            self.verdicts[key] = self._judge(*key)
        return self.verdicts[key]

    def _judge(self, latex: str, supposed: bool, conditions: tuple[str, ...]) -> Verdict:
        if not RELATION.search(re.sub(r"\\in\s*\\mathbb.*", "", latex)):
            return self.term(latex)
        if members := re.fullmatch(r"(.*)\\in\s*\\\{(.*)\\\}", latex):
            return self.member(members[1], members[2])
        name, note = self.name, self.notes.get(latex)
        if note == "let":
            return Verdict("definition")
        if note == "false":
            here = not is_claim(name, latex, None, self.book)
            return Verdict("false formula", "it is true" if here else "")
        try:
            equation = equation_of(name, latex)
        except FormulaError as error:
            return Verdict("unreadable", str(error).splitlines()[0])
        whole = [n for n, s in enumerate(equation.sides) if not symbols(s)]
        numbers = tuple(numbers_in(*(equation.sides[n] for n in whole)))
        with np.errstate(all="ignore"), contextlib.suppress(FormulaError):
            idle = tuple(n for k in whole for n in _idle(equation.sides[k], self.at))
        if len(whole) == len(equation.sides):
            return Verdict("hand calculation", self.compare(equation, latex), numbers, idle)
        near = {k for k, r in enumerate(equation.relations) if r != "="}
        loose = [equation.sides[n] for n in whole if {n, n - 1} & near]
        found = Verdict("claim", "", numbers, (*idle, *_telling(*loose)))
        d = self.at.world.drawn.get(("d", 0), [None])[0]
        ways = [(None, None), *((condition, None) for condition in conditions), (None, d)]
        false = [is_claim(name, latex, condition, self.book, n) for condition, n in ways]
        if r"\approx" not in latex and not all(false):
            return found
        why = self.compare(equation, latex)
        drawn = re.search(r"point \d+$", false[0])  # then it is known to be false in general
        plain = all(side.data == "symbol" for side in equation.sides)
        if not why and (whole or plain or not drawn):
            return found._replace(kind="value")
        if supposed and is_satisfiable(name, latex):
            letter = str(equation.sides[0].children[0]) in INDEX_LETTERS
            needed = () if letter else _telling(*equation.sides)
            return Verdict("condition", "", tuple(numbers_in(*equation.sides)), needed, why)
        quantities = [s for s in equation.sides if symbols(s)]
        plain = not any(numbers_in(*quantities)) and (supposed or not near)
        if whole and plain and not self.compare(equation, latex, whole):
            last = (*idle, *numbers_in(equation.sides[whole[-1]]))
            return Verdict("bound", "", numbers, last, why)
        general = false[0].partition(": ")[2]
        return Verdict(
            "false", f"at drawn points: {general}; in the running example: {why or 'true'}"
        )

    @np.errstate(all="ignore")
    def compare(self, equation: Equation, latex: str, only: list[int] | None = None) -> str:
        """Return which two sides of a formula are not as printed in the running example.

        A number that stands alone is rounded to its digits. So is a calculation, if one stands in
        the same chain; else to the digits of its own numbers. Where two sides are about equal,
        the numbers of the calculation may be rounded as well.
        """
        sides, about = equation.sides, [r"\approx" in r for r in RELATION.findall(normal(latex))]
        taken = range(len(sides)) if only is None else only
        try:
            letters = "".join(sorted(set().union(*map(free_letters, sides))))
            at = self.at.bind(letters) if letters else self.at
            at = at.within(sample=None) if equation.is_of_a_batch else at
            values = {k: at.visit(sides[k]) for k in taken}
            rough = {k: _slack(sides[k], at) if not symbols(sides[k]) else 0.0 for k in taken}
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            return str(error)
        alone = {k: _half(equation.texts[k], any(about)) for k in taken}
        decimals = [n for n in numbers_in(*(sides[k] for k in taken)) if "." in n]
        common = max((h for h in alone.values() if h), default=None)
        common = common or min(
            (0.5 * 10.0 ** (n.index(".") + 1 - len(n)) for n in decimals), default=0
        )
        chain = {*equation.relations} == {"="}
        for i, j in combinations(taken, 2) if chain else pairwise(taken):
            (a, b), relation = (values[i], values[j]), "=" if chain else equation.relations[i]
            texts = equation.texts[i], equation.texts[j]
            if {shape(a), shape(b)} > {NUMBER} and np.any(b):
                return f"{texts[0]} and {texts[1]} have different shapes"
            if relation == "=":
                halves = [h for h in (alone[i], alone[j]) if h is not None]
                slack = sum(halves) if halves else common
                slack += (rough[i] + rough[j]) * any(about[i:j])
                bad = ~(np.abs(a - b) <= slack * (1 + 1e-9) + 1e-9 * np.maximum(1e-3, np.abs(b)))
            else:
                bad = ~np.isin(np.sign(np.real(a - b)), SIGNS[relation])
            if np.any(bad):
                left, right = (f"{np.broadcast_to(v, bad.shape)[bad][0]:.6g}" for v in (a, b))
                return f"{texts[0]} is {left}, and {texts[1]} is {right}"
        return ""

    def term(self, latex: str) -> Verdict:
        """Return the numbers of a formula without a relation, unless a numbered equation has it."""
        inside = re.fullmatch(r"\s*(?:\\[{(]|\()(.*?)(?:\\[})]|\))\s*", latex)
        if inside and "," in inside[1]:
            found = [self.term(part) for part in re.split(r",", inside[1])]
            return Verdict.of("term", [n for verdict in found for n in verdict.numbers])
        try:
            tree = side_of(latex)
        except FormulaError:
            bare = re.sub(r"_\{[^}]*\}|_\w|\[\d\]", "", latex)
            return Verdict.of("term", re.findall(r"\d+(?:\.\d+)?", bare))
        if not symbols(tree):
            if any(leaves(tree)):
                return Verdict.of("term", numbers_in(tree))
            return Verdict.of("term", [latex.strip()] if any(tree.find_data("number")) else [])
        if tree in self.terms:
            value = self.value(self.terms[tree])
            close = np.allclose(self.at.visit(tree), as_value(value), rtol=1e-9, atol=1e-12)
            return Verdict("term", "" if close else f"it is not {self.terms[tree]}, {value}")
        if tree in _known_terms(part_of(self.name)):
            return Verdict("term")
        return Verdict.of("term", numbers_in(tree))

    def member(self, left: str, members: str) -> Verdict:
        """Check that a quantity takes the values of a list, and no other one."""
        try:
            printed = {
                float(self.at.visit(side_of(m)).ravel()[0]) for m in normal(members).split(",")
            }
            (symbol,) = symbols(side_of(left))
            taken: set[float] = set()
            for world in worlds.worlds(part_of(self.name)):
                if str(symbol) in world.ranges:
                    taken |= set(map(float, world.ranges[str(symbol)]))
                else:
                    letters = [i for i in symbol.index if i in INDEX_LETTERS]
                    at = Evaluator(BOOK, world, self.name, 1).bind("".join(letters))
                    taken |= set(np.unique(at.visit(side_of(left))).tolist())
        except (ValueError, LookupError, TypeError) as error:
            return Verdict("unreadable", str(error).splitlines()[0])
        wrong = "" if taken == printed else f"{left.strip()} is one of {sorted(taken)[:9]}"
        return Verdict("claim", wrong)


@cache
def _known_terms(part: str) -> set[Node]:
    sides = (side for e in BOOK.equations if e.part == part for side in e.sides)
    return {tree for side in sides for tree in side.iter_subtrees()}
