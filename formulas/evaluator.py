"""The value of a formula at all points of a world at once.

Every value is an array with the same axes in the same order: the point, then one axis (a slot) for each
index letter that is in force, then row and column. An axis along which nothing changes has length 1,
so that NumPy's broadcasting does the rest: W_ij x_i is a product of arrays. A number has one row and
one column, a vector one column.

Nothing here knows the models. A symbol is what the world draws or knows, or else what the book's own
definition says; a derivative is hwlib's, or a complex step through the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from lark import Tree
from lark.visitors import Interpreter
from numpy.typing import NDArray

from formulas.reader import Book, Equation, FormulaError, Node, Symbol, read_side
from formulas.worlds import (
    ASSEMBLED, DELTAS, INDEX_LETTERS, SAMPLES, Assembled, Key, Table, World,
)  # fmt: skip

Values: TypeAlias = NDArray[Any]
Index: TypeAlias = tuple[Any, ...]
"""The values of indices: whole numbers, and arrays along the slots of letters."""

SLOTS = 8
NUMBER = (1, 1)
"""Rows and columns of a number."""
STEP = 1e-30
"""Of the complex step, which loses no digit however small it is (eq-complex-step)."""


@dataclass(frozen=True)
class Scope:
    """Where a formula is evaluated.

    Attributes
    ----------
    book : Book
    world : World
    page : str
        Whose definitions come first.
    trust : bool
        Whether what hwlib computes is taken as it is; else the book's definitions are followed.
    index : dict
        The values of the index letters.
    n_slots : int
        How many slots are taken.
    sample : array, int or None
        Which sample a symbol such as y means; none in a formula of a batch.
    held : dict
        The arguments of functions, in place of their parameters; a vector with its first index.
    steps : tuple
        The symbols that a complex step is added to, each with the index.
    order : float
        What O(...) is multiplied with.
    zeros : dict
        The derivatives that may be 0 since nothing depends: with respect to what, and of what.
    frame : tuple or None
        What the letters mean; None inside a definition, where no value is remembered.
    used : set of str
        What has been compared with, and whether a step or an argument has arrived anywhere.
    """

    book: Book
    world: World
    page: str
    trust: bool = True
    index: dict[str, Any] = field(default_factory=dict)
    n_slots: int = 0
    sample: Any = 1
    held: dict[Key, tuple[Values, int]] = field(default_factory=dict)
    steps: tuple[tuple[Key, Index], ...] = ()
    order: float = 1.0
    zeros: dict[Symbol, set[Symbol]] = field(default_factory=dict)
    frame: tuple[Any, ...] | None = ()
    depth: int = 0
    used: set[str] = field(default_factory=set)

    def bind(self, letters: str, *ranges: range) -> Scope:
        """Return the scope with more letters, each of which takes its values along a slot."""
        scope = self
        for letter, values in zip(letters, ranges or map(self.world.ranges.get, letters)):
            if scope.n_slots == SLOTS or letter in scope.index or values is None:
                raise FormulaError(f"the letter {letter} can stand for no index here")
            along = np.array(values).reshape(-1, *(1,) * (SLOTS + 1 - scope.n_slots))
            frame = None if scope.frame is None else (*scope.frame, (letter, values))
            index = {**scope.index, letter: along}
            scope = replace(scope, index=index, n_slots=scope.n_slots + 1, frame=frame)
        return scope

    def deeper(self, **changes: Any) -> Scope:
        """Return the scope of a definition."""
        if self.depth > 20:
            raise FormulaError("a symbol is defined by itself")
        return replace(self, depth=self.depth + 1, frame=None, **changes)


def evaluate(node: Node, scope: Scope) -> Values:
    """Return the value of a formula."""
    value: Values = Evaluator(scope).visit(node)
    return value


def number(value: float) -> Values:
    """Return a number with all axes."""
    return np.full((1,) * (SLOTS + 3), value)


def shape(value: Values) -> tuple[int, ...]:
    """Return the number of rows and columns."""
    return value.shape[-2:]


def times(a: Values, b: Values) -> Values:
    """Multiply numbers, vectors and matrices, as a product without a sign means."""
    if NUMBER in (shape(a), shape(b)):
        return a * b
    if shape(a)[1] != shape(b)[0]:
        raise FormulaError(f"{shape(a)} and {shape(b)} rows and columns cannot be multiplied")
    return np.matmul(a, b)


def larger(a: Values, b: Values) -> Values:
    """Return max(a, b); where both are equal and their derivatives are not, the derivative is 0."""
    tied = np.where(a == b, a, np.real(a))
    return np.where(np.real(a) == np.real(b), tied, np.where(np.real(a) > np.real(b), a, b))


SIGNS = {"=": [0], ">": [1], "<": [-1], r"\ge": [0, 1], r"\le": [-1, 0], r"\ne": [-1, 1]}
"""The signs of the difference of two sides for which a relation is the strongest that holds."""

BUILTIN: dict[str, tuple[int, Callable[..., Values]]] = {
    "max": (2, larger), "min": (2, lambda a, b: -larger(-a, -b)), "log": (1, np.log),
    "exp": (1, np.exp), "Im": (1, np.imag),
}  # fmt: skip
"""Functions that mean the same everywhere, and how many arguments they have."""


class Evaluator(Interpreter[Any, Values]):
    """One method a construct of the grammar."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.samples = SAMPLES[scope.world.part]
        self.arrays = ASSEMBLED[scope.world.part]

    def scalars(self, *nodes: Node) -> list[Values]:
        """Return the values of pieces that must be numbers at each point."""
        values = [self.visit(node) for node in nodes]
        if any(shape(value) != NUMBER for value in values):
            raise FormulaError("an array stands where a number must stand")
        return values

    def alike(self, tree: Node) -> tuple[Values, Values]:
        """Return two values that must have as many rows and columns."""
        left, right = self.visit_children(tree)
        if shape(left) != shape(right):
            raise FormulaError(f"{shape(left)} and {shape(right)} rows and columns do not fit")
        return left, right

    def number(self, tree: Node) -> Values:
        return number(float(tree.children[0]))

    def add(self, tree: Node) -> Values:
        return np.add(*self.alike(tree))

    def sub(self, tree: Node) -> Values:
        return np.subtract(*self.alike(tree))

    def neg(self, tree: Node) -> Values:
        return -self.visit(tree.children[0])

    def times(self, tree: Node) -> Values:
        return times(*self.visit_children(tree))

    def odot(self, tree: Node) -> Values:
        left, right = self.alike(tree)
        if shape(left) == NUMBER:
            raise FormulaError("the product of entries needs two arrays")
        return left * right

    def frac(self, tree: Node) -> Values:
        above, below = tree.children
        return self.visit(above) / self.scalars(below)[0]

    def abs(self, tree: Node) -> Values:
        (value,) = self.scalars(*tree.children)
        return np.where(np.real(value) < 0.0, -value, value)  # at 0 as to its right: t >= 0

    def transpose(self, tree: Node) -> Values:
        (value,) = self.visit_children(tree)
        if shape(value) == NUMBER:
            raise FormulaError("a number is transposed")
        return value.swapaxes(-1, -2)

    def power(self, tree: Node) -> Values:
        base, exponent = tree.children
        if base.data == "applied" and not self.is_function(base.children[0].children[0]):
            factor, base = base.children  # B (k - 1)^2
            return times(self.visit(factor), self.power(Tree("power", [base, exponent])))
        (by,) = self.scalars(exponent)
        if base == Tree("symbol", [Symbol("e")]):
            return np.exp(by)
        return self.scalars(base)[0] ** by

    def cases(self, tree: Node) -> Values:
        *conditional, otherwise = tree.children
        if len(otherwise.children) != 1 or any(len(c.children) != 4 for c in conditional):
            raise FormulaError("cases need a condition on every line but the last")
        (value,) = self.scalars(*otherwise.children)
        for case in reversed(conditional):
            relation = str(case.children[2])
            then, left, right = self.scalars(*case.children[:2], case.children[3])
            so = np.isin(np.sign(np.real(left - right)), SIGNS[relation])
            value = np.where(so, then, value)
        return value

    def matrix(self, tree: Node) -> Values:
        rows = [np.broadcast_arrays(*self.scalars(*row.children)) for row in tree.children]
        if len(set(map(len, rows))) != 1:
            raise FormulaError("the rows of a matrix differ in length")
        lines = np.broadcast_arrays(*(np.concatenate(row, axis=-1) for row in rows))
        return np.concatenate(lines, axis=-2)

    def sum(self, tree: Node) -> Values:
        letter, *bounds, term = tree.children
        if (str(letter), 0) in self.scope.world.drawn:
            raise FormulaError(f"the letter {letter} of a sum means something else already")
        low, high = self.scalars(*bounds) if bounds else self.span(letter, term)
        whole = all(np.isrealobj(b) and np.all(b == np.round(b)) for b in (low, high))
        if not (whole and np.all(low <= high) and np.max(high - low) < 50):
            raise FormulaError(f"the bounds of the sum over {letter} make no sense")
        scope = self.scope.bind(letter, range(int(np.min(low)), int(np.max(high)) + 1))
        at = scope.index[letter]
        terms = np.where((low <= at) & (at <= high), evaluate(term, scope), 0.0)
        return terms.sum(axis=scope.n_slots, keepdims=True)

    def span(self, letter: str, term: Node) -> list[Values]:
        """Return the bounds of a sum that prints none: all values of that index."""
        tables = {**self.scope.world.known, **self.scope.world.drawn}
        for leaf in term.scan_values(lambda leaf: isinstance(leaf, Symbol) and letter in leaf.index):
            if leaf.key in tables:
                place, table = leaf.index.index(letter), tables[leaf.key]
                size = table.values.shape[1 + place]
                return [number(table.first[place]), number(table.first[place] + size - 1)]
        raise FormulaError(f"the sum over {letter} has no bounds")

    def symbol(self, tree: Node) -> Values:
        symbol: Symbol = tree.children[0]
        function = self.function(symbol)
        if symbol.primes or (function and function.parameter.key not in self.arrays):
            raise FormulaError(f"{symbol} has no argument")
        if symbol.name in DELTAS and isinstance(below := (*symbol.index, None)[0], Symbol):
            named = self.samples.get(below.name, 99) < len(below.index)
            above = Symbol(DELTAS[symbol.name], below.index[:1] if named else ())
            return self.slope(Tree("symbol", [above]), below)
        if not symbol.index and symbol.name in self.scope.index:
            return number(1.0) * self.scope.index[symbol.name]
        return self.named(symbol)

    def named(self, symbol: Symbol) -> Values:
        """Return the value of a symbol, or of a function of its own parameter."""
        value: Values = self.remember(symbol, lambda at: at.quantity(*at.place(symbol)))
        return value

    def place(self, symbol: Symbol) -> tuple[str, Index]:
        """Return the name and the values of the indices of a symbol; first of all its sample."""
        scope, index = self.scope, []
        symbol = symbol.joined({*INDEX_LETTERS, *scope.index})
        for i in symbol.index:
            if symbol.primes or isinstance(i, Symbol) or not (i.isdigit() or i in scope.index):
                raise FormulaError(f"the index {i} of {symbol} has no value here")
            index.append(int(i) if i.isdigit() else scope.index[i])
        named = len(index) - self.samples.get(symbol.name, 99)
        if named == 0 and scope.sample is not None:
            index.insert(0, scope.sample)
        elif named == 0 and symbol.key not in scope.world.known:
            raise FormulaError(f"of which sample is {symbol}? The formula is about many")
        elif named == 1 and scope.sample is not None:
            raise FormulaError(f"{symbol} has one index too many")
        return symbol.name, tuple(index)

    def quantity(self, name: str, index: Index) -> Values:
        """Return what a symbol stands for, with the complex steps that are on their way."""
        value, key, scope = self.base(name, index), (name, len(index)), self.scope
        for to, at in scope.steps:
            if to == key and key not in scope.held:
                same = [np.equal(a, b) for a, b in zip(index, at, strict=True)]
                hit = np.logical_and.reduce(np.broadcast_arrays(True, *same))
                value = value + 1j * STEP * hit
                scope.used.update({"step"} if np.any(hit) else ())
        return value

    def base(self, name: str, index: Index) -> Values:
        """Return what a symbol stands for: held, hwlib's, drawn, put together, or defined."""
        scope, world, key = self.scope, self.scope.world, (name, len(index))
        printed = [e.defined for e in scope.book.definitions(scope.page, name)]
        if key in scope.held:
            scope.used.add("parameter")
            return entry(*scope.held[key], index)
        if scope.trust and key in world.known:
            scope.used.add(world.known[key].source)
            return pick(world.known[key], index, world)
        if key in world.drawn:
            return pick(world.drawn[key], index, world)
        array = self.arrays.get(key)
        if array and (scope.trust or Symbol(name) not in printed):
            inner = scope.deeper(index=dict(zip(array.index, index, strict=True))).bind(array.letters)
            return arrange(evaluate(read_side(array.entry), inner), inner, array)
        return self.defined(name, index)

    def defined(self, name: str, index: Index) -> Values:
        """Return what the book's definition of a symbol says."""
        scope, sample = self.scope, self.scope.sample
        if self.samples.get(name) == len(index) - 1:
            sample, *rest = index
            index = tuple(rest)
        found = scope.book.define(scope.page, name, index, sample is None)
        letters = {str(p): i for p, i in zip(found.pattern, index, strict=True)}
        letters = {p: i for p, i in letters.items() if p in INDEX_LETTERS}
        if not all(np.all(np.isin(i, scope.world.ranges[p])) for p, i in letters.items()):
            raise FormulaError(f"{name} has no such index")
        return evaluate(found.sides[1], scope.deeper(index=letters, sample=sample))

    def derivative(self, tree: Node) -> Values:
        target = self.natural(tree.children[1])
        if target is None:
            raise FormulaError("a derivative with respect to what is no symbol")
        return self.slope(tree.children[0], target)

    def slope(self, above: Node, below: Symbol) -> Values:
        """Return the derivative of a formula with respect to a symbol, or to its entries."""
        if array := self.arrays.get(below.key):
            inner = self.scope.bind(array.letters)
            return arrange(Evaluator(inner).slope(above, only(array.entry)), inner, array)
        what = (above, below)
        value, depends = self.remember(what, lambda at: at.slope_at(above, *at.place(below)))
        if not depends and self.natural(above) not in self.scope.zeros.get(below, ()):
            raise FormulaError(f"a derivative with respect to {below}, on which nothing depends")
        return np.asarray(value)

    def slope_at(self, above: Node, name: str, index: Index) -> tuple[Values, bool]:
        """Return a derivative, hwlib's or by a complex step, and whether anything depends on it."""
        scope, key, symbol = self.scope, (name, len(index)), self.natural(above)
        if scope.trust and symbol is not None:
            what, at = self.place(symbol)
            table = scope.world.slopes.get(((what, len(at)), key))
            if table is not None and covers(table, (*at, *index)):
                scope.used.add("hwlib")
                return pick(table, (*at, *index), scope.world), True
        if scope.steps:
            raise FormulaError("a derivative of a derivative")
        of, places = scope.world.tied.get(key, (key, [index]))
        if any(np.any(np.isnan(self.quantity(of[0], at))) for at in places):
            raise FormulaError(f"a derivative with respect to {name}, which does not exist")
        steps, used = tuple((of, at) for at in places), set[str]()
        inner = Evaluator(replace(scope, trust=False, steps=steps, used=used))
        value = np.imag(inner.named(symbol) if symbol else inner.visit(above)) / STEP
        scope.used.add("numerical derivative")
        return value, "step" in used

    def natural(self, node: Node) -> Symbol | None:
        """Return the symbol that a piece is, or that a function of its own parameter is."""
        parts = [child.children[0] for child in node.children if isinstance(child, Tree)]
        if any(s.primes for s in node.scan_values(lambda leaf: isinstance(leaf, Symbol))):
            return None
        if node.data != "applied" or len(parts) != 2 or not isinstance(parts[1], Symbol):
            return node.children[0] if node.data == "symbol" else None
        function, argument = parts
        found, whole = self.function(function), Symbol(f"{function}({argument})")
        if whole.key in self.arrays:
            return whole
        own = found is not None and found.parameter and found.parameter.key == argument.key
        return Symbol(function.name, function.index + argument.index) if own else None

    def function(self, symbol: Symbol) -> Equation | None:
        """Return the definition of a function, if the book has one."""
        for found in self.scope.book.definitions(self.scope.page, symbol.name):
            if found.parameter and found.defined and found.defined.key == symbol.key:
                return found
        return None

    def is_function(self, symbol: Symbol) -> bool:
        """Whether a name before a bracket is a function, and no factor."""
        known = {**BUILTIN, **self.scope.world.functions, "O": None}
        return symbol.name in known or self.function(symbol) is not None

    def applied(self, tree: Node) -> Values:
        name, *arguments = tree.children
        symbol: Symbol = name.children[0]
        count, builtin = BUILTIN.get(symbol.name, (1, lambda value: self.scope.order * value))
        if len(arguments) != count:
            raise FormulaError(f"{symbol} has {len(arguments)} arguments")
        if symbol.name in BUILTIN or symbol == Symbol("O"):
            if symbol.index or symbol.primes:
                raise FormulaError(f"{symbol} is no function")
            return builtin(*map(self.visit, arguments))
        if not self.is_function(symbol):
            return times(self.visit(name), self.visit(arguments[0]))
        quantity = self.natural(tree)
        if quantity and symbol.name not in self.scope.world.functions:
            return self.named(quantity)
        return self.call(symbol, self.visit(arguments[0]))

    def call(self, symbol: Symbol, value: Values) -> Values:
        """Return a function's value, or its derivative: hwlib's, or by the book's definition."""
        scope, found = self.scope, self.function(symbol)
        orders = scope.world.functions.get(symbol.name, []) if not symbol.index else []
        trusted = found is None or (scope.trust and np.isrealobj(value))
        if trusted and symbol.primes < len(orders):
            scope.used.update({"hwlib"} if found else ())
            return orders[symbol.primes](value)
        if found is None or symbol.primes > 1 or (symbol.primes and scope.steps):
            raise FormulaError(f"{symbol} cannot be evaluated")
        key, start = self.receive(found, value)
        own = zip(found.defined.index, self.place(Symbol("", symbol.index))[1], strict=True)
        inner = scope.deeper(
            index={**dict.fromkeys(found.parameter.index, 1), **dict(own)},
            held={**scope.held, key: (value + 1j * STEP if symbol.primes else value, start)},
            trust=False, steps=scope.steps + ((("", 0), ()),) * symbol.primes,
        )  # fmt: skip
        result = evaluate(found.sides[1], inner)
        scope.used.update({"numerical derivative"} if symbol.primes else ())
        return np.imag(result) / STEP if symbol.primes else result

    def receive(self, found: Equation, value: Values) -> tuple[Key, int]:
        """Return what an argument is put in place of: a number, a vector's entries, or a curve's."""
        key, world = found.parameter.key, self.scope.world
        array, curve = self.arrays.get(key), world.curves.get(found.defined.name)
        if shape(value) == NUMBER and (curve or not array):
            return curve or key, 0
        rows = world.ranges.get(array.letters if array else "", range(0))
        if array is None or shape(value) != (len(rows), 1):
            raise FormulaError(f"{found.defined} does not take that argument")
        return only(array.entry).key, rows.start

    def remember(self, what: Any, compute: Callable[[Evaluator], Any], *, store: bool = True) -> Any:
        """Return what may have been computed before, in the same place of another formula."""
        scope = self.scope
        if scope.frame is None or scope.held or scope.steps:
            return compute(self)
        key = (what, scope.page, id(scope.world), scope.trust, scope.sample is None, scope.frame)
        found = scope.book.values.get(key)
        if found is None:
            inner = Evaluator(replace(scope, used=set()))
            found = compute(inner), inner.scope.used
        if store:
            scope.book.values[key] = found
        scope.used.update(found[1])
        return found[0]


def only(entry: str) -> Symbol:
    """Return the symbol that is printed alone."""
    symbol: Symbol = read_side(entry).children[0]
    return symbol


def covers(table: Table, index: Index) -> bool:
    """Whether a table has an entry for each value of the indices."""
    places = zip(index, table.first, table.values.shape[1:], strict=True)
    return all(np.all((first <= i) & (i < first + size)) for i, first, size in places)


def pick(table: Table, index: Index, world: World) -> Values:
    """Return the entries of a table, along the slots of the indices."""
    if not covers(table, index):
        raise FormulaError("an index is out of its range")
    points = np.arange(world.n_points).reshape(-1, *(1,) * (SLOTS + 2))
    value: Values = table.values[(points, *(i - f for i, f in zip(index, table.first, strict=True)))]
    return value


def entry(value: Values, start: int, index: Index) -> Values:
    """Return an entry of a vector that is held in place of a symbol, or the number that is."""
    if shape(value) == NUMBER:
        return value
    rows = np.arange(start, start + value.shape[-2]).reshape(-1, 1)
    if not np.all(np.isin(index[-1], rows)):
        raise FormulaError("an index is out of its range")
    return np.where(rows == index[-1], value, 0.0).sum(axis=-2, keepdims=True)


def arrange(value: Values, scope: Scope, array: Assembled) -> Values:
    """Turn the last slots of a scope into rows and columns."""
    for k, letter in enumerate(array.letters):
        axis = 1 + scope.n_slots - len(array.letters) + k
        if value.shape[axis] == 1:
            value = np.repeat(value, len(scope.world.ranges[letter]), axis)
        value = value.swapaxes(axis, -2 + k)
    return value
