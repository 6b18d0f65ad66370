"""Wrong versions of a printed formula, each of which the check must reject."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lark import Token, Tree

from formulas.check import check
from formulas.evaluator import SIGNS
from formulas.reader import Book, Equation, FormulaError, Node, Symbol
from formulas.worlds import DELTAS, INDEX_LETTERS

Words = list[Symbol]
"""The symbols of the page: what a writer may put in place of another."""

FUNCTIONS = ("max", "min", "log", "exp", "sigma", "ReLU", "h_theta", "ell", "f", "E", "O", "Im")
OTHERS = [*"012345", *INDEX_LETTERS]
"""What stands in place of an index, or behind it."""


def rewrites(equation: Equation, book: Book) -> Iterator[tuple[str, Equation]]:
    """Yield wrong versions of an equation, each with a description.

    A sign, a term, a factor, a relation, an index, an exponent, a prime, an argument, a bound of a
    sum or a number changed, added or dropped; a symbol, a function or a letter in place of another.
    """
    near = (s for e in book.equations if e.page == equation.page for s in e.symbols)
    words = [*dict.fromkeys(s._replace(primes=0) for s in near)]
    for k, side in enumerate(equation.sides):
        for what, other in [*_changes(side, words), *_additions(side)]:
            sides = (*equation.sides[:k], other, *equation.sides[k + 1 :])
            yield f"side {k + 1}, {what}", replace(equation, sides=sides)
    for k, sign in enumerate(equation.relations):
        for other in sorted(SIGNS.keys() - {sign}):
            signs = (*equation.relations[:k], other, *equation.relations[k + 1 :])
            yield f"{sign} becomes {other}", replace(equation, relations=signs)


def show(node: Any) -> str:
    """Return a piece of a formula as text: sub(y_i, 1)."""
    if not isinstance(node, Tree):
        return str(node)
    inside = ", ".join(map(show, node.children))
    return inside if node.data in ("symbol", "number") else f"{node.data}({inside})"


def _changes(node: Node, words: Words) -> Iterator[tuple[str, Node]]:
    """Yield each change of one place in a formula."""
    for other in _others(node, words):
        yield f"{show(node)} becomes {show(other)}", other
    for k, child in enumerate(node.children):
        found = [*_changes(child, words)] if isinstance(child, Tree) else []
        if node.data == "derivative" or (node.data, k) == ("applied", 0):
            found = [(what, new) for what, new in found if new.data in ("symbol", "applied")]
        elif k >= WHOLE.get(node.data, 9):
            found += _additions(child)
        for what, new in found:
            other = _with(node, k, new)
            close = node.data in ("applied", "power", "derivative")
            yield f"{show(node)} becomes {show(other)}" if close else what, other


def _additions(node: Node) -> Iterator[tuple[str, Node]]:
    signs = [("add", [node, _number(1)]), ("sub", [node, _number(1)]), ("neg", [node])]
    for data, other in signs[: 2 if show(node) == "0" else 3]:
        yield f"{show(node)} becomes {show(Tree(data, other))}", Tree(data, other)


def _with(node: Node, k: int, new: Any) -> Node:
    return Tree(node.data, [*node.children[:k], new, *node.children[k + 1 :]])


def _number(value: int | str) -> Node:
    return Tree("number", [Token("NUMBER", str(value))])


def _leaf(symbol: Symbol) -> Node:
    return Tree("symbol", [symbol])


def _others(node: Node, words: Words) -> Iterator[Node]:
    """Yield other versions of a construct: a part dropped or changed, or all in another order."""
    match str(node.data), node.children:
        case "number", [value]:
            others = "0123456789" if len(value) == 1 else (f"{value}1", f"{value}9")
            yield from (_number(other) for other in others if other != value)
        case "symbol", [symbol]:
            yield from map(_leaf, _symbols(symbol, words))
            if symbol.name not in (*FUNCTIONS, "e"):
                yield from (Tree("power", [node, _number(2)]), Tree("transpose", [node]))
        case "sum", [letter, *bounds, term]:
            yield term
            yield from (_with(node, 0, Token("LETTER", a)) for a in "ijkst" if a != letter)
            sizes = [*map(_leaf, words), _number(2), _number(3)]
            sizes = [size for size in sizes if len(show(size)) == 1]
            for k, bound in enumerate(bounds, start=1):
                yield from (_with(node, k, size) for size in sizes if size.data != bound.data)
        case "derivative", parts:
            yield Tree("derivative", parts[::-1])
            for k, part in enumerate(parts):
                index = part.children[0].index if part.data == "symbol" else None
                others = [
                    s for s in words if s.index != index and s.name not in (*FUNCTIONS, *DELTAS)
                ]
                yield from (_with(node, k, _leaf(symbol)) for symbol in others)
        case "cases", [first, *rest, last]:
            a, b = first.children[0], last.children[0]
            yield Tree("cases", [_with(first, 0, b), *rest, _with(last, 0, a)])
        case "case", [_, _, sign, _]:
            yield from (_with(node, 2, Token("REL", r)) for r in sorted(SIGNS) if r != sign)
        case "matrix", rows:
            yield Tree("matrix", rows[::-1])
        case "applied", [_, *arguments]:
            yield from node.children if len(arguments) == 1 else ()
        case data, parts if data not in ("case", "row"):
            yield from parts
            yield from (Tree(OPPOSITE[d], parts) for d in (data,) if d in OPPOSITE)
            yield from (Tree(d, parts[::-1]) for d in (data,) if d in ("sub", "frac", "power"))


def _symbols(symbol: Symbol, words: Words) -> Iterator[Symbol]:
    """Yield other symbols: another name, index or number of primes."""
    kinds = {s.name for s in words if s.key == (s.name, len(symbol.index))} - {*FUNCTIONS}
    names = FUNCTIONS if symbol.name in FUNCTIONS else sorted(kinds)
    yield from (symbol._replace(name=name) for name in names if name != symbol.name)
    primes = [symbol.primes + k for k in (1, -1)]
    yield from (symbol._replace(primes=n) for n in primes if n >= 0)
    for k, part in enumerate(symbol.index):
        before, after = symbol.index[:k], symbol.index[k + 1 :]
        inner = _symbols(part, words) if isinstance(part, Symbol) else OTHERS
        yield from (symbol._replace(index=(*before, i, *after)) for i in inner if i != part)
        yield symbol._replace(index=before + after)
    for other in OTHERS[-5:]:
        yield symbol._replace(index=(*symbol.index, other))
        yield symbol._replace(index=(other, *symbol.index))
    if symbol.index[::-1] != symbol.index:
        yield symbol._replace(index=symbol.index[::-1])


OPPOSITE = {"add": "sub", "sub": "add", "times": "odot", "odot": "times"}

WHOLE = {"applied": 1, "power": 1, "frac": 0, "case": 0, "row": 0, "odot": 0, "sum": 1}
"""From which child on a construct holds whole formulas: there a 1 or a sign is added."""


def survives(mutant: Equation, book: Book) -> bool:
    """Whether no check rejects a wrong version: its own, or one of an equation that uses it."""
    printed = next(e for e in book.equations if e.label == mutant.label)
    defines = book.kind(printed) == "definition"
    book = book.changed(mutant) if defines else book
    try:
        check(mutant, book)
        for user in _users(printed, mutant, book) if defines else ():
            check(user, book)
    except FormulaError:
        return False
    return True


def _users(printed: Equation, mutant: Equation, book: Book) -> list[Equation]:
    """Return the equations that use a name, directly or through definitions; the nearest first."""
    reached = {e.defined.name for e in (printed, mutant) if e.defined}
    left = [e for e in book.equations if e.part == printed.part and e is not mutant]
    found: list[Equation] = []
    while new := [e for e in left if reached & {*e.names, *(DELTAS.get(n) for n in e.names)}]:
        found += sorted(new, key=lambda e: e.page != printed.page)
        left = [e for e in left if e not in new]
        reached |= {e.defined.name for e in new if e.defined}
    return found


@cache
def same_meaning() -> list[tuple[str, str, str]]:
    """Return what ``same_meaning.toml`` lists: reason, pattern of labels, pattern of rewrites."""
    text = (Path(__file__).parent / "same_meaning.toml").read_text(encoding="utf-8")
    kinds = tomllib.loads(text)["same"]
    return [(kind["reason"], kind["labels"], what) for kind in kinds for what in kind["rewrites"]]


class Score(NamedTuple):
    """How the wrong versions of one formula fared.

    Attributes
    ----------
    rejected : int
    same : list of tuple
        For each that says the same, where `same_meaning` lists it.
    escaped : list of str
        Those that no check rejected, and that are not listed.
    """

    rejected: int
    same: list[tuple[str, str, str]]
    escaped: list[str]


def score(equation: Equation, book: Book) -> Score:
    """Rewrite a formula in every way and count what is rejected."""
    every = [*rewrites(equation, book)]
    passed = [what for what, mutant in every if survives(mutant, book)]
    listed = [s for s in same_meaning() if re.fullmatch(s[1], equation.label)]
    found = [next((s for s in listed if re.fullmatch(s[2], what)), None) for what in passed]
    escaped = [what for what, kind in zip(passed, found, strict=True) if kind is None]
    return Score(len(every) - len(passed), [kind for kind in found if kind], escaped)
