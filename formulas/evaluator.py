"""The value of a formula at all points of a world at once.

Every value is an array with the same axes in the same order: the point, then one axis (a slot) for
each index letter that is in force, then row and column. An axis along which nothing changes has
length 1, so that NumPy's broadcasting does the rest: W_ij x_i is a product of arrays. A number has
one row and one column, a vector one column.

Nothing here knows the models. A symbol is what the world draws or knows, or else what the book's
own definition says; a derivative is hwlib's, or a complex step through the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from lark import Tree
from lark.visitors import Interpreter
from numpy.typing import NDArray

from formulas.reader import Book, Equation, FormulaError, Node, Symbol, leaves, read_side, require
from formulas.worlds import DELTAS, INDEX_LETTERS, N_POINTS, Assembled, Key, Table, World

Values: TypeAlias = NDArray[Any]
Index: TypeAlias = tuple[Any, ...]
"""The values of indices: whole numbers, and arrays along the slots of letters."""

SLOTS = 8
NUMBER = (1, 1)
"""Rows and columns of a number."""
STEP = 1e-30
"""Of the complex step, which loses no digit however small it is (eq-complex-step)."""

SIGNS = {"=": [0], ">": [1], "<": [-1], r"\ge": [0, 1], r"\le": [-1, 0], r"\ne": [-1, 1]}
"""The signs of the difference of two sides for which a relation is the strongest that holds."""


def constant(value: float) -> Values:
    """Return a number with all axes."""
    return np.full((1,) * (SLOTS + 3), value)


def shape(value: Values) -> tuple[int, ...]:
    """Return the number of rows and columns."""
    return value.shape[-2:]


def times(a: Values, b: Values) -> Values:
    """Multiply numbers, vectors and matrices, as a product without a sign means."""
    if NUMBER in (shape(a), shape(b)):
        return a * b
    require(shape(a)[1] == shape(b)[0], f"a product of {shape(a)} and {shape(b)} entries")
    return np.matmul(a, b)


def larger(a: Values, b: Values) -> Values:
    """Return max(a, b); where both are equal and their derivatives are not, the derivative is 0."""
    tied = np.where(a == b, a, np.real(a))
    return np.where(np.real(a) == np.real(b), tied, np.where(np.real(a) > np.real(b), a, b))


BUILTIN: dict[str, tuple[int, Callable[..., Values]]] = {
    "max": (2, larger), "min": (2, lambda a, b: -larger(-a, -b)), "log": (1, np.log),
    "exp": (1, np.exp), "Im": (1, np.imag), "O": (1, lambda value: value),
}  # fmt: skip
"""Functions that mean the same everywhere, and how many arguments they have."""


class Evaluator(Interpreter[Any, Values]):
    """One method a construct of the grammar; `within` gives another with some things changed.

    Parameters
    ----------
    book : Book
    world : World
    page : str
        Whose definitions come first.
    sample : int or None
        Which sample a symbol such as y means; none in a formula of a batch.

    Attributes
    ----------
    trust : bool
        Whether what hwlib computes is taken as it is; else the book's definitions are followed.
    order : float
        What O(...) is multiplied with.
    index : dict
        The values of the index letters.
    held : dict
        The arguments of functions, in place of their parameters; a vector with its first index.
    steps : tuple
        The symbols that a complex step is added to, each with the index.
    zeros : dict
        The derivatives that may be 0 since nothing depends: with respect to what, and of what.
    used : set of str
        What has been compared with, and whether a step or an argument has arrived anywhere.
    """

    def __init__(self, book: Book, world: World, page: str, sample: Any) -> None:
        self.book, self.world, self.page, self.sample = book, world, page, sample
        self.samples, self.arrays = world.samples, world.arrays
        self.trust, self.order, self.depth, self.n_slots = True, 1.0, 0, 0
        self.index: dict[str, Any] = {}
        self.held: dict[Key, tuple[Values, int]] = {}
        self.zeros: dict[Symbol, set[Symbol]] = {}
        self.steps: tuple[tuple[Key, Index], ...] = ()
        self.used: set[str] = set()

    def within(self, **changes: Any) -> Evaluator:
        """Return an evaluator with other attributes."""
        inner = Evaluator.__new__(Evaluator)
        inner.__dict__.update(self.__dict__, **changes)
        return inner

    def bind(self, letters: str, *ranges: range) -> Evaluator:
        """Return an evaluator with more letters, each of which takes its values along a slot."""
        inner = self.within(index=dict(self.index))
        found = ranges or [self.world.ranges.get(letter) for letter in letters]
        for letter, values in zip(letters, found, strict=True):
            free = inner.n_slots < SLOTS and letter not in inner.index and values is not None
            require(free, f"the letter {letter} can stand for no index here")
            ones = (1,) * (SLOTS + 1 - inner.n_slots)
            inner.index[letter] = np.array(values).reshape(-1, *ones)
            inner.n_slots += 1
        return inner

    def enter(self, **changes: Any) -> Evaluator:
        """Return the evaluator of a definition."""
        require(self.depth < 20, "a symbol is defined by itself")
        return self.within(depth=self.depth + 1, **changes)

    def scalars(self, *nodes: Node) -> list[Values]:
        """Return the values of pieces that must be numbers at each point."""
        values = [self.visit(node) for node in nodes]
        require({*map(shape, values)} == {NUMBER}, "an array stands where a number must stand")
        return values

    def alike(self, tree: Node) -> tuple[Values, Values]:
        """Return two values that must have as many rows and columns."""
        left, right = self.visit_children(tree)
        fit = shape(left) == shape(right) and (shape(left) != NUMBER or tree.data != "odot")
        require(fit, f"{tree.data} of {shape(left)} and {shape(right)} entries")
        return left, right

    def number(self, tree: Node) -> Values:
        return constant(float(tree.children[0]))

    def add(self, tree: Node) -> Values:
        return np.add(*self.alike(tree))

    def sub(self, tree: Node) -> Values:
        return np.subtract(*self.alike(tree))

    def odot(self, tree: Node) -> Values:
        return np.multiply(*self.alike(tree))

    def neg(self, tree: Node) -> Values:
        return -self.visit(tree.children[0])

    def times(self, tree: Node) -> Values:
        return times(*self.visit_children(tree))

    def frac(self, tree: Node) -> Values:
        return self.visit(tree.children[0]) / self.scalars(tree.children[1])[0]

    def abs(self, tree: Node) -> Values:
        (value,) = self.scalars(*tree.children)
        return np.where(np.real(value) < 0.0, -value, value)  # at 0 as to its right: t >= 0

    def transpose(self, tree: Node) -> Values:
        (value,) = self.visit_children(tree)
        require(shape(value) != NUMBER, "a number is transposed")
        return value.swapaxes(-1, -2)

    def power(self, tree: Node) -> Values:
        base, exponent = tree.children
        if base.data == "applied" and not self.is_function(base.children[0].children[0]):
            factor, base = base.children  # B (k - 1)^2
            return times(self.visit(factor), self.power(Tree("power", [base, exponent])))
        (by,) = self.scalars(exponent)
        return np.exp(by) if base == read_side("e") else self.scalars(base)[0] ** by

    def cases(self, tree: Node) -> Values:
        *conditional, otherwise = (case.children for case in tree.children)
        lengths = [len(case) for case in (*conditional, otherwise)]
        require(lengths == [4] * len(conditional) + [1], "each case but the last needs a condition")
        (value,) = self.scalars(*otherwise)
        for then, left, relation, right in reversed(conditional):
            a, b, new = self.scalars(left, right, then)
            so = np.isin(np.sign(np.real(a - b)), SIGNS[relation])
            value = np.where(np.isfinite(a - b), np.where(so, new, value), np.nan)
        return value

    def matrix(self, tree: Node) -> Values:
        rows = [np.broadcast_arrays(*self.scalars(*row.children)) for row in tree.children]
        lines = np.broadcast_arrays(*(np.concatenate(row, axis=-1) for row in rows))
        return np.concatenate(lines, axis=-2)

    def sum(self, tree: Node) -> Values:
        letter, *bounds, term = tree.children
        low, high = self.scalars(*bounds) if bounds else self.span(letter, term)
        whole = all(np.isrealobj(b) and np.all(b == np.round(b)) for b in (low, high))
        sound = whole and np.all((low <= high) & (high - low < 50))
        require(sound and (letter, 0) not in self.world.drawn, f"no sum over {letter} makes sense")
        inner = self.bind(letter, range(int(np.min(low)), int(np.max(high)) + 1))
        at = inner.index[letter]
        terms = np.where((low <= at) & (at <= high), inner.visit(term), 0.0)
        return terms.sum(axis=inner.n_slots, keepdims=True)

    def span(self, letter: str, term: Node) -> list[Values]:
        """Return the bounds of a sum that prints none: all values of that index."""
        tables = {**self.world.known, **self.world.drawn}
        for symbol in leaves(term):
            if letter in symbol.index and (table := tables.get(symbol.key)):
                place = symbol.index.index(letter)
                first, size = table.first[place], table.values.shape[1 + place]
                return [constant(first), constant(first + size - 1)]
        raise FormulaError(f"the sum over {letter} has no bounds")

    def symbol(self, tree: Node) -> Values:
        symbol: Symbol = tree.children[0]
        function = self.function(symbol)
        alone = not symbol.primes and not (function and function.parameter.key not in self.arrays)
        require(alone, f"{symbol} has no argument")
        if not symbol.index and symbol.name in self.index:
            return constant(1.0) * self.index[symbol.name]
        below = symbol.index[0] if len(symbol.index) == 1 else None
        if symbol.name not in DELTAS or not isinstance(below, Symbol):
            return self.named(symbol)
        named = self.samples.get(below.name, 99) < len(below.index)
        above = Symbol(DELTAS[symbol.name], below.index[:1] if named else ())
        return self.slope(Tree("symbol", [above]), below)

    def named(self, symbol: Symbol) -> Values:
        """Return the value of a symbol, or of a function of its own parameter."""
        return self.quantity(*self.place(symbol))

    def place(self, symbol: Symbol) -> tuple[str, Index]:
        """Return the name and the values of the indices of a symbol; first of all its sample."""
        symbol, index = symbol.joined({*INDEX_LETTERS, *self.index}), []
        for i in symbol.index:
            known = not isinstance(i, Symbol) and (i.isdigit() or i in self.index)
            require(known and not symbol.primes, f"the index {i} of {symbol} has no value here")
            index.append(int(i) if i.isdigit() else self.index[i])
        named, batch = len(index) - self.samples.get(symbol.name, 99), self.sample is None
        fit = symbol.key in self.world.known if named == 0 and batch else named != 1 or batch
        require(fit, f"of which sample is {symbol}?")
        return symbol.name, (self.sample, *index) if named == 0 and not batch else tuple(index)

    def quantity(self, name: str, index: Index) -> Values:
        """Return what a symbol stands for, with the complex steps that are on their way."""
        value, key = self.base(name, index), (name, len(index))
        for _, at in (step for step in self.steps if step[0] == key and key not in self.held):
            same = (np.equal(a, b) for a, b in zip(index, at, strict=True))
            hit = np.logical_and.reduce(np.broadcast_arrays(True, *same))
            value = value + 1j * STEP * hit
            self.used.update({"step"} if np.any(hit) else ())
        return value

    def base(self, name: str, index: Index) -> Values:
        """Return what a symbol stands for: held, hwlib's, drawn, put together, or defined."""
        world, key, array = self.world, (name, len(index)), self.arrays.get((name, len(index)))
        if key in self.held:
            self.used.add("parameter")
            return entry(*self.held[key], index)
        if self.trust and key in world.known:
            self.used.add(world.known[key].source)
            return pick(world.known[key], index)
        if key in world.drawn:
            return pick(world.drawn[key], index)
        printed = (e.defined for e in self.book.definitions(self.page, name))
        if array and (self.trust or Symbol(name) not in printed):
            inner = self.enter(index=dict(zip(array.index, index, strict=True))).bind(array.letters)
            return arrange(inner.visit(read_side(array.entry)), inner, array)
        return self.by_definition(name, index)

    def by_definition(self, name: str, index: Index) -> Values:
        """Return what the book's definition of a symbol says."""
        sample = self.sample
        if self.samples.get(name) == len(index) - 1:
            sample, index = index[0], index[1:]
        found = self.book.define(self.page, name, index, sample is None)
        letters = {p: i for p, i in zip(found.pattern, index, strict=True) if p in INDEX_LETTERS}
        inside = all(np.all(np.isin(i, self.world.ranges[p])) for p, i in letters.items())
        require(inside, f"{name} has no such index")
        return self.enter(index=letters, sample=sample).visit(found.sides[1])

    def derivative(self, tree: Node) -> Values:
        above, below = tree.children
        return self.slope(above, self.natural(below) or Symbol("no symbol"))

    def slope(self, above: Node, below: Symbol) -> Values:
        """Return the derivative of a formula with respect to a symbol, or to its entries."""
        if array := self.arrays.get(below.key):
            inner = self.bind(array.letters)
            return arrange(inner.slope(above, read_side(array.entry).children[0]), inner, array)
        letters = ((a, at.shape, at.flat[0]) for a, at in self.index.items() if not self.depth)
        key = (above, below, self.page, id(self.world), self.trust, self.sample is None, *letters)
        slopes = self.book.slopes if not (self.depth or self.held or self.steps) else {}
        if key not in slopes:
            slopes[key] = self.slope_at(above, *self.place(below))
        value, used = slopes[key]
        self.used |= used - {"step"}
        may_be_0 = self.natural(above) in self.zeros.get(below, ())
        require("step" in used or may_be_0, f"nothing depends on {below} in a derivative")
        return value

    def slope_at(self, above: Node, name: str, index: Index) -> tuple[Values, set[str]]:
        """Return a derivative, hwlib's or by a complex step, and what the step has met."""
        key, symbol = (name, len(index)), self.natural(above)
        if self.trust and symbol is not None:
            what, at = self.place(symbol)
            table = self.world.slopes.get(((what, len(at)), key))
            if table is not None and covers(table, (*at, *index)):
                return pick(table, (*at, *index)), {"hwlib", "step"}
        of, places = self.world.tied.get(key, (key, [index]))
        exists = not any(np.any(np.isnan(self.quantity(of[0], at))) for at in places)
        require(exists and not self.steps, f"{name} does not exist there, or a second derivative")
        steps = tuple((of, at) for at in places)
        inner = self.within(trust=False, steps=steps, used={"numerical derivative"})
        value = inner.named(symbol) if symbol else inner.visit(above)
        return np.imag(value) / STEP, inner.used

    def natural(self, node: Node) -> Symbol | None:
        """Return the symbol that a piece is, or that a function of its own parameter is."""
        parts = [child.children[0] for child in node.children if isinstance(child, Tree)]
        if any(symbol.primes for symbol in leaves(node)):
            return None
        if node.data != "applied" or len(parts) != 2 or not isinstance(parts[1], Symbol):
            return node.children[0] if node.data == "symbol" else None
        function, argument = parts
        found, whole = self.function(function), Symbol(f"{function}({argument})")
        if whole.key in self.arrays:
            return whole
        own = found is not None and found.parameter.key == argument.key
        return Symbol(function.name, function.index + argument.index) if own else None

    def function(self, symbol: Symbol) -> Equation | None:
        """Return the definition of a function, if the book has one."""
        found = (e for e in self.book.definitions(self.page, symbol.name) if e.parameter)
        return next((e for e in found if e.defined.key == symbol.key), None)

    def is_function(self, symbol: Symbol) -> bool:
        """Whether a name before a bracket is a function, and no factor."""
        return symbol.name in {**BUILTIN, **self.world.functions} or bool(self.function(symbol))

    def applied(self, tree: Node) -> Values:
        name, *arguments = tree.children
        symbol: Symbol = name.children[0]
        count, builtin = BUILTIN.get(symbol.name, (1, None))
        plain = not builtin or symbol == Symbol(symbol.name)
        require(len(arguments) == count and plain, f"{symbol} is no function of {len(arguments)}")
        if builtin:
            order = self.order if symbol.name == "O" else 1.0
            return builtin(*map(self.visit, arguments)) * order
        if not self.is_function(symbol):
            return times(*self.visit_children(tree))
        quantity = self.natural(tree)
        if quantity and symbol.name not in self.world.functions:
            return self.named(quantity)
        return self.call(symbol, self.visit(arguments[0]))

    def call(self, symbol: Symbol, value: Values) -> Values:
        """Return a function's value, or its derivative: hwlib's, or by the book's definition."""
        found, primes = self.function(symbol), symbol.primes
        orders = self.world.functions.get(symbol.name, []) if not symbol.index else []
        trusted = found is None or (self.trust and np.isrealobj(value))
        if trusted and primes < len(orders):
            self.used.update({"hwlib"} if found else ())
            return orders[primes](value)
        if found is None or primes > 1 or (primes and self.steps):
            raise FormulaError(f"{symbol} cannot be evaluated")
        key, start = self.receiver(found, shape(value))
        _, own = self.place(Symbol("", symbol.index))
        index = dict(zip(found.defined.index, own, strict=True))
        held = {**self.held, key: (value + 1j * STEP if primes else value, start)}
        inner = self.enter(
            index={**dict.fromkeys(found.parameter.index, 1), **index}, held=held,
            trust=False, steps=self.steps + ((("", 0), ()),) * primes,
        )  # fmt: skip
        result = inner.visit(found.sides[1])
        self.used.update({"numerical derivative"} if primes else ())
        return np.imag(result) / STEP if primes else result

    def receiver(self, found: Equation, size: tuple[int, ...]) -> tuple[Key, int]:
        """Return what an argument is put in place of: a number, or the entries of a vector."""
        key = found.parameter.key
        array, curve = self.arrays.get(key), self.world.curves.get(found.defined.name)
        if size == NUMBER and (curve or not array):
            return curve or key, 0
        rows = self.world.ranges.get(array.letters, range(0)) if array else range(0)
        if array is None or size != (len(rows), 1):
            raise FormulaError(f"{found.defined} does not take that argument")
        return read_side(array.entry).children[0].key, rows.start


def covers(table: Table, index: Index) -> bool:
    """Whether a table has an entry for each value of the indices."""
    places = zip(index, table.first, table.values.shape[1:], strict=True)
    return all(np.all((first <= i) & (i < first + size)) for i, first, size in places)


def pick(table: Table, index: Index) -> Values:
    """Return the entries of a table, along the slots of the indices."""
    require(covers(table, index), "an index is out of its range")
    points = np.arange(N_POINTS).reshape(-1, *(1,) * (SLOTS + 2))
    places = (i - first for i, first in zip(index, table.first, strict=True))
    value: Values = table.values[(points, *places)]
    return value


def entry(value: Values, start: int, index: Index) -> Values:
    """Return an entry of a vector that is held in place of a symbol, or the number that is."""
    if shape(value) == NUMBER:
        return value
    rows = np.arange(start, start + value.shape[-2]).reshape(-1, 1)
    return np.where(rows == index[-1], value, 0.0).sum(axis=-2, keepdims=True)


def arrange(value: Values, at: Evaluator, array: Assembled) -> Values:
    """Turn the last slots into rows and columns."""
    for k, letter in enumerate(array.letters):
        axis = 1 + at.n_slots - len(array.letters) + k
        if value.shape[axis] == 1:
            value = np.repeat(value, len(at.world.ranges[letter]), axis)
        value = value.swapaxes(axis, -2 + k)
    return value
