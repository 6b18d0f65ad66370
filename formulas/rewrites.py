"""Wrong versions of a printed formula, each of which the check must reject."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lark import Token, Tree

from formulas.check import check
from formulas.evaluator import SIGNS
from formulas.reader import Book, Equation, FormulaError, Node, Symbol, symbols
from formulas.worlds import DELTAS, INDEX_LETTERS

Change: TypeAlias = tuple[str, Any]
"""What was done, and the changed piece."""

FUNCTIONS = ("max", "min", "log", "exp", "sigma", "ReLU", "h_theta", "ell", "f", "E", "O", "Im")
"""Names that may stand in each other's place before a bracket."""


class Words(NamedTuple):
    """What a writer may put in place of something else: the symbols of the page."""

    symbols: tuple[Symbol, ...]

    def partners(self, symbol: Symbol) -> list[str]:
        """Return the names of the symbols with as many indices."""
        count = len(symbol.index)
        names = {s.name for s in self.symbols if len(s.index) == count and s.name not in FUNCTIONS}
        return sorted(names - {symbol.name})


def rewrites(equation: Equation, book: Book) -> Iterator[tuple[str, Equation]]:
    """Yield wrong versions of an equation, each with a description.

    A sign, a term, a factor, a relation, an index, an exponent, a prime, an argument, a bound of a sum or
    a number changed, added or dropped; a symbol, a function or a letter in place of another.
    """
    near = [s for e in book.equations if e.page == equation.page for s in e.symbols]
    words = Words(tuple(dict.fromkeys(s._replace(primes=0) for s in near)))
    whole = Tree("sides", list(equation.sides))
    for what, other in _everywhere(whole, words):
        yield what, replace(equation, sides=tuple(other.children))
    for k, sign in enumerate(equation.relations):
        for other in sorted(SIGNS.keys() - {sign}):
            signs = (*equation.relations[:k], other, *equation.relations[k + 1 :])
            yield f"{sign} becomes {other}", replace(equation, relations=signs)


def show(node: Any) -> str:
    """Return a short name of a piece of a formula."""
    if not isinstance(node, Tree):
        return str(node)
    return " ".join(map(show, node.children)) or str(node.data)


def _everywhere(node: Node, words: Words) -> Iterator[Change]:
    """Yield each change of one place in a formula."""
    yield from RULES.get(node.data, _no_rule)(node, words)
    for k, child in enumerate(node.children):
        if not isinstance(child, Tree):
            continue
        changes = [*_everywhere(child, words)]
        if node.data == "derivative" or (node.data == "applied" and k == 0):
            changes = [c for c in changes if c[1].data in ("symbol", "applied")]
        if k >= ALONE.get(node.data, 99):
            changes += _added(child, sign=node.data != "abs")
        where = f"side {k + 1}, " if node.data == "sides" else ""
        for what, other in changes:
            yield where + what, _with(node, k, other)


def _with(node: Node, k: int, *others: Any) -> Node:
    """Return a piece with other things in place of its k-th."""
    return Tree(node.data, [*node.children[:k], *others, *node.children[k + 1 :]])


def _added(node: Node, *, sign: bool = True) -> list[Change]:
    one = Tree("number", [Token("DIGIT", "1")])
    name = show(node)
    changes = [(f"{name} + 1", Tree("add", [node, one])), (f"{name} - 1", Tree("sub", [node, one]))]
    if sign and name != "0":
        changes.append((f"sign before {name}", Tree("neg", [node])))
    return changes


def _no_rule(node: Node, words: Words) -> Iterator[Change]:
    return iter(())


def _sum_or_difference(node: Node, words: Words) -> Iterator[Change]:
    a, b = node.children
    is_sum = node.data == "add"
    sign, other = ("+", "sub") if is_sum else ("-", "add")
    yield f"{sign} {show(b)}: the other sign", Tree(other, [a, b])
    yield f"{sign} {show(b)} dropped", a
    yield f"{show(a)} {sign} dropped", b if is_sum else Tree("neg", [b])


def _product(node: Node, words: Words) -> Iterator[Change]:
    a, b = node.children
    yield f"factor {show(a)} dropped", b
    yield f"factor {show(b)} dropped", a
    other = "odot" if node.data == "times" else "times"
    yield f"{show(a)} {other} {show(b)}", Tree(other, [a, b])


def _fraction(node: Node, words: Words) -> Iterator[Change]:
    a, b = node.children
    yield f"divisor {show(b)} dropped", a
    yield f"{show(node)} upside down", Tree(node.data, [b, a])


def _only_first(node: Node, words: Words) -> Iterator[Change]:
    yield f"{node.data} of {show(node)} dropped", node.children[0]


def _number(node: Node, words: Words) -> Iterator[Change]:
    value = str(node.children[0])
    others = "0123456789" if value.isdigit() and len(value) == 1 else (f"{value}1", f"{value}9")
    for other in others:
        if other != value:
            yield f"{value} becomes {other}", Tree("number", [Token("NUMBER", other)])


def _symbol(node: Node, words: Words) -> Iterator[Change]:
    symbol = node.children[0]
    for other in _symbols(symbol, words):
        yield f"{symbol} becomes {other}", Tree("symbol", [other])
    two = Tree("number", [Token("DIGIT", "2")])
    if symbol.name not in FUNCTIONS and symbol != Symbol("e"):
        yield f"{symbol} squared", Tree("power", [node, two])
        yield f"{symbol} transposed", Tree("transpose", [node])


def _symbols(symbol: Symbol, words: Words) -> Iterator[Symbol]:
    """Yield other symbols: another name, index or number of primes."""
    names = FUNCTIONS if symbol.name in FUNCTIONS else words.partners(symbol)
    yield from (symbol._replace(name=name) for name in names if name != symbol.name)
    yield symbol._replace(primes=symbol.primes + 1)
    if symbol.primes:
        yield symbol._replace(primes=symbol.primes - 1)
    others, strays = [*"012345", *INDEX_LETTERS], ["1", *INDEX_LETTERS]
    for k, part in enumerate(symbol.index):
        before, after = symbol.index[:k], symbol.index[k + 1 :]
        inner = _symbols(part, words) if isinstance(part, Symbol) else others
        yield from (symbol._replace(index=(*before, i, *after)) for i in inner if i != part)
        yield symbol._replace(index=before + after)
    for other in strays:
        yield symbol._replace(index=(*symbol.index, other))
        yield symbol._replace(index=(other, *symbol.index))
    if len(set(symbol.index)) > 1:
        yield symbol._replace(index=symbol.index[::-1])


def _function(node: Node, words: Words) -> Iterator[Change]:
    if len(node.children) == 2:
        yield f"{show(node.children[0])} before {show(node.children[1])} dropped", node.children[1]
        yield f"{show(node)}: argument dropped", node.children[0]


def _total(node: Node, words: Words) -> Iterator[Change]:
    letter, *bounds, term = node.children
    yield f"sum over {letter} dropped", term
    for other in set("ijkst") - {str(letter)}:
        yield f"sum over {other} for {letter}", _with(node, 0, Token("LETTER", other))
    for k, bound in enumerate(bounds, start=1):
        for symbol in words.symbols:
            if len(symbol.name) == 1 and not symbol.index and Tree("symbol", [symbol]) != bound:
                yield f"{show(bound)} becomes {symbol}", _with(node, k, Tree("symbol", [symbol]))
        for digit in "023" if bound.data != "number" else "":
            number = Tree("number", [Token("DIGIT", digit)])
            yield f"{show(bound)} becomes {digit}", _with(node, k, number)


def _derivative(node: Node, words: Words) -> Iterator[Change]:
    yield f"{show(node)} upside down", Tree(node.data, node.children[::-1])
    for k, child in enumerate(node.children):
        for symbol in words.symbols:
            other = Tree("symbol", [symbol])
            if symbol.name not in FUNCTIONS and symbol.name not in DELTAS and other != child:
                place = ("above", "below")[k]
                yield f"{place} in {show(node)}: {symbol}", _with(node, k, other)


def _cases(node: Node, words: Words) -> Iterator[Change]:
    first, *rest, last = node.children
    swapped = [_with(first, 0, last.children[0]), *rest, _with(last, 0, first.children[0])]
    yield "branches swapped", Tree("cases", swapped)


def _case(node: Node, words: Words) -> Iterator[Change]:
    if len(node.children) == 4:
        for other in sorted(SIGNS.keys() - {str(node.children[2])}):
            what = f"if {show(node.children[1])} {node.children[2]}: becomes {other}"
            yield what, _with(node, 2, Token("REL", other))


def _matrix(node: Node, words: Words) -> Iterator[Change]:
    yield "rows in another order", Tree("matrix", node.children[::-1])


RULES = {
    "add": _sum_or_difference, "sub": _sum_or_difference, "neg": _only_first, "abs": _only_first,
    "times": _product, "odot": _product, "frac": _fraction, "power": _only_first,
    "transpose": _only_first, "number": _number, "symbol": _symbol, "applied": _function,
    "sum": _total, "derivative": _derivative, "cases": _cases, "case": _case, "matrix": _matrix,
}  # fmt: skip

ALONE = {
    "sides": 0, "applied": 1, "power": 1, "frac": 0, "case": 0, "row": 0, "odot": 0, "sum": 1, "abs": 0,
}  # fmt: skip
"""From which child on a construct holds whole formulas, to which a 1 or a sign can be added."""


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
    part = [e for e in book.equations if e.part == printed.part and e is not mutant]
    names = {e.label: {s.joined().name for s in e.symbols} for e in part}
    for mentioned in names.values():
        mentioned.update(DELTAS[n] for n in DELTAS.keys() & mentioned)
    found: list[Equation] = []
    while new := [e for e in part if e not in found and reached & names[e.label]]:
        found += sorted(new, key=lambda e: e.page != printed.page)
        reached |= {e.defined.name for e in new if e.defined}
    return found


def same_meaning() -> list[tuple[str, str, str]]:
    """Return the rewrites that say the same as what is printed: reason, label, and a pattern."""
    text = (Path(__file__).parent / "same_meaning.toml").read_text(encoding="utf-8")
    return [
        (entry["reason"], label, pattern)
        for entry in tomllib.loads(text)["same"]
        for label, patterns in entry["rewrites"].items()
        for pattern in patterns
    ]


class Score(NamedTuple):
    """How the wrong versions of one formula fared.

    Attributes
    ----------
    label : str
    rejected : int
    same : dict
        How many are listed as saying the same, by label of the list and pattern.
    escaped : tuple of str
        Those that no check rejected, and that are not listed.
    """

    label: str
    rejected: int
    same: dict[str, int]
    escaped: tuple[str, ...]


def score(equation: Equation, book: Book) -> Score:
    """Rewrite a formula in every way and count what is rejected."""
    listed = [
        (reason, pattern)
        for reason, label, pattern in same_meaning()
        if label in (equation.label, "*")
    ]
    rejected, same, escaped = 0, {}, []
    for what, mutant in rewrites(equation, book):
        if not survives(mutant, book):
            rejected += 1
            continue
        pattern = next((pattern for _, pattern in listed if re.fullmatch(pattern, what)), None)
        if pattern is None:
            escaped.append(what)
        else:
            same[pattern] = same.get(pattern, 0) + 1
    return Score(equation.label, rejected, same, tuple(escaped))
