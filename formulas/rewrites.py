"""Wrong versions of a printed formula, each of which the check must reject."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from lark import Tree
from lark.visitors import Interpreter

from formulas.check import check
from formulas.evaluator import SIGNS
from formulas.reader import Book, Equation, FormulaError, Node, Symbol, read_side, show
from formulas.worlds import DELTAS, declared

LISTED = declared("same_meaning.toml")
FUNCTIONS, LETTERS, INDICES = (LISTED[name] for name in ("functions", "letters", "indices"))
SAME = [(s["reason"], s["labels"], what) for s in LISTED["same"] for what in s["rewrites"]]
"""Rewrites that say the same: reason, pattern of labels, pattern of rewrites."""


def rewrites(equation: Equation, book: Book) -> Iterator[tuple[str, Equation]]:
    """Yield wrong versions of an equation, each with a description.

    A sign, a term, a factor, a relation, an index, an exponent, a prime, an argument, a bound of a
    sum or a number changed, added or dropped; a symbol, a function or a letter in place of another.
    """
    near = (s for e in book.equations if e.page == equation.page for s in e.symbols)
    others = _Others([*dict.fromkeys(s._replace(primes=0) for s in near)])
    for k, side in enumerate(equation.sides):
        for what, other in others.changes(side):
            yield f"side {k + 1}, {what}", replace(equation, sides=_put(equation.sides, k, other))
    for k, sign in enumerate(equation.relations):
        for instead in sorted(SIGNS.keys() - {sign}):
            signs = _put(equation.relations, k, instead)
            yield f"{sign} becomes {instead}", replace(equation, relations=signs)


def _put(parts: Any, k: int, *new: Any) -> Any:
    """Return a list or a tuple with something else, or nothing, in one place."""
    return type(parts)([*parts[:k], *new, *parts[k + 1 :]])


def _with(node: Node, k: int, new: Any) -> Node:
    return Tree(node.data, _put(node.children, k, new))


def _additions(node: Node) -> list[Node]:
    one = read_side("1")
    others = [Tree("add", [node, one]), Tree("sub", [node, one]), Tree("neg", [node])]
    return others[: 2 if show(node) == "0" else 3]


class _Others(Interpreter[Any, Iterator[Node]]):
    """Other versions of a construct: a part dropped or changed, or all in another order.

    Parameters
    ----------
    words : list of Symbol
        The symbols of the page: what a writer may put in place of another.
    """

    def __init__(self, words: list[Symbol]) -> None:
        self.words = words

    def changes(self, node: Node, whole: bool = True) -> Iterator[tuple[str, Node]]:
        """Yield each change of one place in a formula, or in a part that is no whole formula."""
        for other in [*self.visit(node), *(_additions(node) if whole else ())]:
            yield f"{show(node)} becomes {show(other)}", other
        parts = [(k, part) for k, part in enumerate(node.children) if isinstance(part, Tree)]
        for k, part in parts:
            named = node.data == "derivative" or (node.data, k) == ("applied", 0)
            for what, new in self.changes(part, k >= LISTED["whole"].get(node.data, 9)):
                other, close = _with(node, k, new), node.data in ("applied", "power", "derivative")
                if not named or new.data in ("symbol", "applied"):
                    yield f"{show(node)} becomes {show(other)}" if close else what, other

    def number(self, node: Node) -> Iterator[Node]:
        (value,) = node.children
        others = [*"0123456789", f"{value}.00001"] if len(value) == 1 else [f"{value}1"]
        yield from (_with(node, 0, other) for other in others if other != value)

    def symbol(self, node: Node) -> Iterator[Node]:
        yield from (_with(node, 0, other) for other in self.symbols(node.children[0]))
        if node.children[0].name not in (*FUNCTIONS, "e"):
            yield from (Tree("power", [node, read_side("2")]), Tree("transpose", [node]))
        if node.children[0].name in ("alpha", "lambda", "varepsilon_m", "theta", "W", "x", "u"):
            yield Tree("applied", [read_side(r"\min"), node, read_side("1")])

    def sum(self, node: Node) -> Iterator[Node]:
        letter, *bounds, term = node.children
        yield term
        yield from (_with(node, 0, a) for a in "ijkst" if a != letter)
        sizes = [*(Tree("symbol", [s]) for s in self.words), read_side("2"), read_side("3")]
        for k, bound in enumerate(bounds, start=1):
            small = [s for s in sizes if len(show(s)) == 1 and s != bound]
            yield from (_with(node, k, size) for size in small if size.data != bound.data)
            for size in (s for s in small if k == 2 and show(s) in "ndBK"):
                yield _with(node, k, Tree("applied", [read_side(r"\min"), bound, size]))
                yield _with(node, k, Tree("times", [read_side("2"), size]))

    def derivative(self, node: Node) -> Iterator[Node]:
        yield Tree("derivative", node.children[::-1])
        for k, part in enumerate(node.children):
            index = part.children[0].index if part.data == "symbol" else None
            named = (s for s in self.words if s.name not in (*FUNCTIONS, *DELTAS))
            yield from (_with(node, k, Tree("symbol", [s])) for s in named if s.index != index)

    def cases(self, node: Node) -> Iterator[Node]:
        first, *rest, last = node.children
        a, b = first.children[0], last.children[0]
        yield Tree("cases", [_with(first, 0, b), *rest, _with(last, 0, a)])

    def case(self, node: Node) -> Iterator[Node]:
        yield from (_with(node, 2, s) for s in sorted(SIGNS.keys() - {node.children[2]}))

    def __default__(self, node: Node) -> Iterator[Node]:
        yield from node.children if node.data not in ("row", "matrix", "otherwise") else ()
        if opposite := LISTED["opposite"].get(node.data):
            yield Tree(opposite, node.children)
        if node.data in ("sub", "frac", "power", "matrix"):
            yield Tree(node.data, node.children[::-1])

    def symbols(self, symbol: Symbol) -> Iterator[Symbol]:
        """Yield other symbols: another name, index or number of primes."""
        named = (s.name for s in self.words if s.key == (s.name, len(symbol.index)))
        kinds = FUNCTIONS if symbol.name in FUNCTIONS else sorted({*named} - {*FUNCTIONS})
        yield from (symbol._replace(name=name) for name in kinds if name != symbol.name)
        primes = (symbol.primes + 1, symbol.primes - 1)
        yield from (symbol._replace(primes=n) for n in primes if n >= 0)
        indices = [symbol.index[::-1]]
        for k, part in enumerate(symbol.index):
            inner = self.symbols(part) if isinstance(part, Symbol) else INDICES.get(part, LETTERS)
            indices += [_put(symbol.index, k), *(_put(symbol.index, k, i) for i in inner)]
        indices += [new for i in LETTERS[-5:] for new in ((*symbol.index, i), (i, *symbol.index))]
        yield from (symbol._replace(index=index) for index in indices if index != symbol.index)


def survives(mutant: Equation, book: Book) -> bool:
    """Whether no check rejects a wrong version: its own, or one that a wrong definition fails."""
    printed = next(e for e in book.equations if e.label == mutant.label)
    defines = book.kind(printed) == "definition"
    book = book.changed(mutant) if defines else book
    near = [e for e in book.equations if e.part == printed.part and defines]
    try:
        for equation in [mutant, *sorted(near, key=lambda e: e.page != printed.page)]:
            check(equation, book)
    except FormulaError:
        return False
    return True


class Score(NamedTuple):
    """How the wrong versions of one formula fared.

    Attributes
    ----------
    rejected : int
    same : list of tuple
        For each that says the same, where `SAME` lists it.
    escaped : list of str
        Those that no check rejected, and that are not listed.
    """

    rejected: int
    same: list[tuple[str, str, str]]
    escaped: list[str]


def score(equation: Equation, book: Book) -> Score:
    """Rewrite a formula in every way and count what is rejected."""
    every = [*rewrites(equation, book)]
    listed = [s for s in SAME if re.fullmatch(s[1], equation.label)]
    passed = [what for what, mutant in every if survives(mutant, book)]
    found = [(what, [s for s in listed if re.fullmatch(s[2], what)][:1]) for what in passed]
    escaped = [what for what, same in found if not same]
    return Score(len(every) - len(passed), [s for _, same in found for s in same], escaped)
