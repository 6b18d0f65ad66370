"""The value of a formula at all points of a world at once.

Every value is an array with the same axes in the same order: the point, then one axis (a slot) for
each index letter that is in force, then row and column. An axis along which nothing changes has
length 1, so that NumPy's broadcasting does the rest: W_ij x_i is a product of arrays. A number has
one row and one column, a vector one column.

Nothing here knows the models. A symbol is what the world draws or knows, or else what the book's
own definition says; a derivative is hwlib's, or a complex step through the definitions.
"""

from collections.abc import Callable
from functools import partialmethod
from typing import Any, TypeAlias

import numpy as np
from lark import Tree
from numpy.typing import NDArray

from formulas import worlds
from formulas.reader import Book, Equation, Node, Symbol, called, leaves, read_side, require, show
from formulas.worlds import DECLARED, DELTAS, INDEX_LETTERS, N_POINTS, SLOTS, Key, World, part_of

Values: TypeAlias = NDArray[Any]

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


def larger(a: Values, b: Values) -> Values:
    """Return max(a, b); where both are equal and their derivatives are not, the derivative is 0."""
    return np.where((np.real(a) == np.real(b)) & (a != b), np.real(a), np.maximum(a, b))


BUILTIN: dict[tuple[str, int], Callable[..., Values]] = {
    ("max", 2): larger, ("min", 2): lambda a, b: -larger(-a, -b), ("log", 1): np.log,
    ("exp", 1): np.exp, ("Im", 1): np.imag, ("O", 1): lambda value: value,
}  # fmt: skip
"""Functions that mean the same everywhere, by name and number of arguments."""
BRACKETS = {name for name, _ in BUILTIN}

DIGITS = {str(digit): digit for digit in range(10)}


class Evaluator:
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
        The arguments of functions, by the index, in place of their parameters.
    steps : tuple
        The symbols that a complex step is added to, each with the index.
    depth : int
        How many definitions this one is inside of.
    via : str
        The name that other symbols are defined by if possible: of a step that arrives nowhere else.
    used : set of str
        What has been compared with, and whether a step or an argument has arrived anywhere.
    """

    def __init__(self, book: Book, world: World, page: str, sample: Any) -> None:
        self.book, self.world, self.page, self.sample = book, world, page, sample
        self.samples, self.arrays = worlds.SAMPLES[part_of(page)], worlds.ARRAYS[part_of(page)]
        self.trust, self.order, self.n_slots, self.via, self.depth = True, 1.0, 0, "", 0
        self.index: dict[str, Any] = {}
        self.held: dict[Key, Callable[[tuple[Any, ...]], Values]] = {}
        self.steps: tuple[tuple[str, tuple[Any, ...]], ...] = ()
        self.used: set[str] = set()

    def within(self, **changes: Any) -> "Evaluator":
        """Return an evaluator with other attributes."""
        inner = Evaluator.__new__(Evaluator)
        inner.__dict__.update(self.__dict__, **changes)
        return inner

    def bind(self, letters: str, among: range | None = None) -> "Evaluator":
        """Return an evaluator with more letters, each of which takes its values along a slot."""
        inner = self.within(index=dict(self.index))
        for letter in letters:
            values = among or self.world.ranges.get(letter)
            free = inner.n_slots < SLOTS and letter not in inner.index and values is not None
            require(free, f"the letter {letter} can stand for no index here")
            inner.index[letter] = np.reshape(values, (-1, *(1,) * (SLOTS + 1 - inner.n_slots)))
            inner.n_slots += 1
        return inner

    def visit(self, node: Node) -> Values:
        """Return the value of a piece of a formula, by the method of its construct."""
        return getattr(self, str(node.data))(*node.children)

    def assemble(self, array: worlds.Assembled, entry: Node) -> Values:
        """Return a vector or a matrix from its entry: the last slots become rows and columns."""
        inner = self.bind(array.letters)
        value = inner.visit(entry)
        for k, letter in enumerate(array.letters):
            value = (value + 0.0 * inner.index[letter]).swapaxes(1 + self.n_slots + k, k - 2)
        return value

    def scalars(self, *nodes: Node) -> list[Values]:
        """Return the values of pieces that must be numbers at each point."""
        values = [self.visit(node) for node in nodes]
        require({*map(shape, values)} == {NUMBER}, "an array stands where a number must stand")
        return values

    def number(self, digits: str) -> Values:
        return constant(float(digits))

    def entrywise(self, combined: np.ufunc, left: Node, right: Node) -> Values:
        a, b = self.visit(left), self.visit(right)
        fit = shape(a) == shape(b) and (shape(a) != NUMBER or combined is not np.multiply)
        require(fit, f"{combined.__name__} of {shape(a)} and {shape(b)} entries")
        return combined(a, b)

    add, sub = partialmethod(entrywise, np.add), partialmethod(entrywise, np.subtract)
    odot = partialmethod(entrywise, np.multiply)

    def neg(self, positive: Node) -> Values:
        return -self.visit(positive)

    def times(self, left: Node, right: Node) -> Values:
        a, b = self.visit(left), self.visit(right)
        scales, fit = NUMBER in (shape(a), shape(b)), shape(a)[1] == shape(b)[0]
        require(scales or fit, f"a product of {shape(a)} and {shape(b)} entries")
        return a * b if scales else np.matmul(a, b)

    def frac(self, above: Node, below: Node) -> Values:
        return self.visit(above) / self.scalars(below)[0]

    def abs(self, inside: Node) -> Values:
        (value,) = self.scalars(inside)
        return np.where(np.real(value) < 0.0, -value, value)  # at 0 as to its right: t >= 0

    def transpose(self, array: Node) -> Values:
        value = self.visit(array)
        require(shape(value) != NUMBER, "a number is transposed")
        return value.swapaxes(-1, -2)

    def power(self, base: Node, exponent: Node) -> Values:
        (by,) = self.scalars(exponent)
        return np.exp(by) if base == read_side("e") else self.scalars(base)[0] ** by

    def sqrt(self, base: Node) -> Values:
        return np.sqrt(*self.scalars(base))

    def cases(self, *cases: Node) -> Values:
        *conditional, otherwise = (case.children for case in cases)
        (value,) = self.scalars(*otherwise)
        for then, left, relation, right in reversed(conditional):
            a, b, new = self.scalars(left, right, then)
            so = np.isin(np.sign(np.real(a - b)), SIGNS[relation])
            value = np.where(np.isfinite(a - b), np.where(so, new, value), np.nan)
        return value

    def matrix(self, *rows: Node) -> Values:
        entries = self.scalars(*(entry for row in rows for entry in row.children))
        entry = iter(np.broadcast_arrays(*entries))
        return np.block([[next(entry) for _ in row.children] for row in rows])

    def sum(self, letter: str, *inside: Node) -> Values:
        *bounds, term = inside
        low, high = self.scalars(*bounds) if bounds else self.span(letter, term)
        sound = np.all((low % 1.0 + high % 1.0 == 0.0) & (low <= high) & (high - low < 50.0))
        require(sound and (letter, 0) not in self.world.drawn, f"no sum over {letter} makes sense")
        inner = self.bind(letter, range(int(np.min(low)), int(np.max(high)) + 1))
        at = inner.index[letter]
        terms = np.where((low <= at) & (at <= high), inner.visit(term), 0.0)
        return terms.sum(axis=inner.n_slots, keepdims=True)

    def span(self, letter: str, term: Node) -> tuple[Values, Values]:
        """Return the bounds of a sum that prints none: all values of that index."""
        tables = {**self.world.known, **self.world.drawn}
        # A symbol without its sample has the bounds of the table of all samples.
        found = (s._replace(index=i) for s in leaves(term) for i in (s.index, ("", *s.index)))
        symbol = next((s for s in found if letter in s.index and s.key in tables), None)
        require(symbol, f"the sum over {letter} has no bounds")
        values = np.moveaxis(tables[symbol.key], 1 + symbol.index.index(letter), 0)
        return constant(np.isnan(values[0]).all()), constant(len(values) - 1)

    def symbol(self, symbol: Symbol) -> Values:
        function = self.function(symbol)
        alone = function.parameter.key in self.arrays if function else str(symbol) not in BRACKETS
        require(alone, f"{symbol} has no argument in brackets")
        if str(symbol) in self.index:
            return constant(1.0) * self.index[symbol.name]
        below = symbol.index[0] if len(symbol.index) == 1 else None
        if symbol.name not in DELTAS or symbol.primes or not isinstance(below, Symbol):
            return self.named(symbol)
        named = self.samples.get(below.name, 99) < len(below.index)
        above = Symbol(DELTAS[symbol.name], below.index[:1] if named else ())
        return self.visit(Tree("derivative", [Tree("symbol", [s]) for s in (above, below)]))

    def place(self, symbol: Symbol) -> tuple[str, tuple[Any, ...]]:
        """Return the name and the values of the indices of a symbol; first of all its sample.

        Each is a whole number, or an array along the slot of its letter.
        """
        beside = {f"l{n:+}": self.index["l"] + n for n in (-1, 1) if "l" in self.index}
        sizes = {i: int(v) for i in symbol.index[1:] for v in self.world.drawn.get((i, 0), [])[:1]}
        values = DIGITS | sizes | self.index | beside
        symbol = symbol.joined({*INDEX_LETTERS, *self.index})
        require(values.keys() >= {*symbol.index} and not symbol.primes, f"{symbol} has no value")
        index = tuple(values[i] for i in symbol.index)
        alone = self.sample is not None and self.samples.get(symbol.name) == len(index)
        return symbol.name, (self.sample, *index) if alone else index

    def named(self, symbol: Symbol) -> Values:
        """Return the value of a symbol, with the complex steps that are on their way."""
        name, index = self.place(symbol)
        value, key = self.base(name, index), (name, len(index))
        met = (at for what, at in self.steps if (what, len(at)) == key and key not in self.held)
        for at in met:
            hit = sum(np.not_equal(a, b) for a, b in zip(index, at, strict=True)) == 0
            value = value + 1j * STEP * hit
            self.used.update({"step"} if np.any(hit) else ())
        return value

    def base(self, name: str, index: tuple[Any, ...]) -> Values:
        """Return what a symbol stands for: held, hwlib's, drawn, put together, or defined."""
        world, key, array = self.world, (name, len(index)), self.arrays.get((name, len(index)))
        if key in self.held:
            self.used.add("parameter")
            return self.held[key](index)
        tables = {**world.drawn, **world.known} if self.trust else world.drawn
        if key in tables:
            self.used.add("drawn" if key in world.drawn else DECLARED["sources"].get(name, "hwlib"))
            return pick(tables[key], index)
        printed = (e.defined for e in self.book.definitions(self.page, name))
        if array and (self.trust or Symbol(name) not in printed):
            inner = self.within(index=dict(zip(array.own, index, strict=True)))
            return inner.assemble(array, read_side(array.entry))
        sample = self.sample
        if self.samples.get(name) == len(index) - 1:
            sample, index = index[0], index[1:]
        found = self.book.define(self.page, name, index, sample is None, self.via)
        letters = {p: i for p, i in zip(found.pattern, index, strict=True) if p in INDEX_LETTERS}
        inside = all({np.min(i), np.max(i)} <= {*world.ranges[p]} for p, i in letters.items())
        # So many definitions one inside another go in a circle: the book's are ten at most.
        require(inside and self.depth < 30, f"{name} has no such index, or is defined by itself")
        return self.within(index=letters, sample=sample, depth=self.depth + 1).visit(found.sides[1])

    def derivative(self, above: Node, below: Node) -> Values:
        """Return hwlib's derivative, or that of the definitions by a complex step."""
        of, to = self.natural(above), self.natural(below)
        require(to and not self.steps, "a second derivative, or not with respect to a symbol")
        if array := self.arrays.get(to.key):
            own = dict(zip(array.own, self.place(to)[1], strict=True))
            entries = Tree("derivative", [above, read_side(array.entry)])
            return self.within(index=self.index | own).assemble(array, entries)
        name, index = self.place(to)
        what, at = self.place(of) if of else ("", ())
        table = self.world.known.get(((what, len(at)), (name, len(index))))
        if self.trust and table is not None:
            self.used.add("hwlib")
            return pick(table, (*at, *index))
        tied = DECLARED["tied"][part_of(self.page)].get(str(to), [])
        steps = tuple(map(self.place, [read_side(t).children[0] for t in tied] or [to]))
        used = {"numerical derivative"}
        inner = self.within(trust=False, steps=steps, used=used)
        value = inner.named(of) if of else inner.visit(above)
        if "step" not in used and self.via != to.name:
            return self.within(via=to.name).derivative(above, below)
        vanishes = f"{show(above)} by {show(below)}" in DECLARED["vanishing"]
        require("step" in used or vanishes, f"nothing depends on {to} in a derivative")
        self.used |= used - {"step"}
        return np.imag(value) / STEP

    def natural(self, node: Node) -> Symbol | None:
        """Return the symbol that a piece is, or that a function of its own parameter is."""
        name, argument = called(node)
        if argument is None:
            return name
        found, whole = self.function(name), Symbol(f"{name}({argument})")
        if whole.key in self.arrays:
            return whole
        own = found is not None and found.parameter.key == argument.key
        return Symbol(name.name, name.index + argument.index) if own else None

    def function(self, symbol: Symbol) -> Equation | None:
        """Return the definition of a function, if the book has one."""
        found = (e for e in self.book.definitions(self.page, symbol.name) if e.parameter)
        return next((e for e in found if e.defined.key == symbol.key), None)

    def applied(self, name: Node, *arguments: Node) -> Values:
        (symbol,) = name.children
        if builtin := BUILTIN.get((str(symbol), len(arguments))):
            order = self.order if symbol.name == "O" else 1.0
            return builtin(*map(self.visit, arguments)) * order
        require(len(arguments) == 1, f"{symbol} is no function of {len(arguments)} quantities")
        quantity = self.natural(Tree("applied", [name, *arguments]))
        if quantity and symbol.name not in self.world.functions:
            return self.named(quantity)
        return self.call(symbol, self.visit(arguments[0]))

    def call(self, symbol: Symbol, value: Values) -> Values:
        """Return a function's value, or its derivative: hwlib's, or by the book's definition."""
        found, primes = self.function(symbol), symbol.primes
        orders = [] if symbol.index else self.world.functions.get(symbol.name, [])
        if primes < len(orders) and (found is None or (self.trust and np.isrealobj(value))):
            self.used.update({"hwlib"} if found else ())
            return orders[primes](value)
        require(found and primes < (1 if self.steps else 2), f"{symbol} cannot be evaluated")
        key, held = self.receive(found, value + 1j * STEP if primes else value)
        _, own = self.place(Symbol("", symbol.index))
        steps = self.steps + (("", ()),) * primes  # in which no second derivative is taken
        index = dict(zip(found.pattern, (*own, 1), strict=False))  # the parameter's stands for any
        inner = self.within(index=index, held={**self.held, key: held}, trust=False, steps=steps)
        result = inner.visit(found.sides[1])
        self.used.update({"numerical derivative"} if primes else ())
        return np.imag(result) / STEP if primes else result

    def receive(self, found: Equation, value: Values) -> tuple[Key, Callable[..., Values]]:
        """Return what an argument is put in place of: a number, or the entries of a vector."""
        key = found.parameter.key
        array, curve = self.arrays.get(key), DECLARED["curves"].get(found.defined.name)
        if shape(value) == NUMBER and (curve or not array):
            return read_side(curve).children[0].key if curve else key, lambda index: value
        rows = np.array(self.world.ranges.get(array.letters if array else "", [])).reshape(-1, 1)
        require(shape(value) == rows.shape, f"{found.defined} does not take that argument")
        entry = read_side(array.entry).children[0]
        return entry.key, lambda index: np.sum(value * (rows == index[-1]), axis=-2, keepdims=True)


def pick(table: Values, index: tuple[Any, ...]) -> Values:
    """Return the entries of a table, along the slots of the indices."""
    points = np.arange(N_POINTS).reshape(-1, *(1,) * (SLOTS + 2))
    value: Values = table[(points, *index)]
    require(not np.any(np.isnan(value)), "an index is out of its range")
    return value
