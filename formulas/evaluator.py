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
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from lark import Token, Tree, v_args
from lark.visitors import Interpreter
from numpy.typing import NDArray

from formulas.reader import Book, Definition, FormulaError, Node, Symbol, read_side
from formulas.worlds import (
    ASSEMBLED, DELTAS, INDEX_LETTERS, SAMPLES, Assembled, Key, Table, World,
)  # fmt: skip

Values: TypeAlias = NDArray[Any]

SLOTS = 8
NUMBER = (1, 1)
"""Rows and columns of a number."""
STEP = 1e-30
"""Of the complex step, which loses no digit however small it is (eq-complex-step)."""


class Nudge(NamedTuple):
    """The entries of a symbol that a complex step is added to."""

    key: Key
    index: tuple[Any, ...]


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
        The values of the index letters, each along its own axis.
    n_slots : int
        How many axes are taken.
    sample : array, int or None
        Which sample a symbol such as y means; none in a formula of a batch.
    held : dict
        Values that stand in place of a symbol: the arguments of functions.
    nudges : tuple of Nudge
    steps : bool
        Whether a complex step is on its way through the definitions.
    order : float
        What O(...) is multiplied with.
    shown : frozenset of Symbol
        What the left side differentiates with respect to.
    frame : tuple or None
        What the letters mean, if values may be remembered.
    used : set of str
        What has been compared with.
    """

    book: Book
    world: World
    page: str
    trust: bool = True
    index: dict[str, Any] = field(default_factory=dict)
    n_slots: int = 0
    sample: Any = 1
    held: dict[Key, tuple[Values, int]] = field(default_factory=dict)
    nudges: tuple[Nudge, ...] = ()
    steps: bool = False
    order: float = 1.0
    shown: frozenset[Symbol] = frozenset()
    frame: tuple[Any, ...] | None = ()
    depth: int = 0
    used: set[str] = field(default_factory=set)

    def bind(self, letter: str, values: range) -> Scope:
        """Return the scope with one letter more, which takes these values along the next slot."""
        if self.n_slots == SLOTS:
            raise FormulaError("too many indices")
        along = [1] * (SLOTS + 3)
        along[1 + self.n_slots] = len(values)
        frame = None if self.frame is None else (*self.frame, (letter, self.n_slots, values))
        index = {**self.index, letter: np.array(values).reshape(along)}
        return replace(self, index=index, n_slots=self.n_slots + 1, frame=frame)

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
        raise FormulaError(f"no product of {shape(a)} and {shape(b)}; is a sign missing?")
    return np.matmul(a, b)


def larger(a: Values, b: Values) -> Values:
    """Return max(a, b); where both are equal and their derivatives are not, the derivative is 0."""
    a, b = np.broadcast_arrays(a, b)
    tied = np.where(a == b, a, np.real(a))
    return np.where(np.real(a) == np.real(b), tied, np.where(np.real(a) > np.real(b), a, b))


def compare(a: Values, relation: str, b: Values) -> Values:
    """Return where a relation holds."""
    tests: dict[str, Callable[[Any, Any], Any]] = {
        "=": np.equal, r"\ne": np.not_equal, r"\ge": np.greater_equal,
        r"\le": np.less_equal, ">": np.greater, "<": np.less,
    }  # fmt: skip
    test: Values = tests[relation](np.real(a), np.real(b))
    return test


BUILTIN: dict[str, tuple[int, Callable[..., Values]]] = {
    "max": (2, larger), "min": (2, lambda a, b: -larger(-a, -b)), "log": (1, np.log),
    "exp": (1, np.exp), "Im": (1, np.imag),
}  # fmt: skip
"""Functions that mean the same everywhere, and how many arguments they have."""


@v_args(inline=True)
class Evaluator(Interpreter[Any, Values]):
    """One method a construct of the grammar."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def of(self, node: Node) -> Values:
        """Return the value of a piece."""
        value: Values = self.visit(node)
        return value

    def scalar(self, node: Node) -> Values:
        """Return the value of a piece that must be a number at each point."""
        value = self.of(node)
        if shape(value) != NUMBER:
            raise FormulaError("an array stands where a number must stand")
        return value

    def alike(self, a: Node, b: Node) -> tuple[Values, Values]:
        """Return two values that must have as many rows and columns."""
        left, right = self.of(a), self.of(b)
        if shape(left) != shape(right):
            raise FormulaError(f"{shape(left)} and {shape(right)} rows and columns do not fit")
        return left, right

    def number(self, token: Token) -> Values:
        return number(float(token))

    def add(self, a: Node, b: Node) -> Values:
        left, right = self.alike(a, b)
        return left + right

    def sub(self, a: Node, b: Node) -> Values:
        left, right = self.alike(a, b)
        return left - right

    def neg(self, a: Node) -> Values:
        return -self.of(a)

    def times(self, a: Node, b: Node) -> Values:
        return times(self.of(a), self.of(b))

    def odot(self, a: Node, b: Node) -> Values:
        left, right = self.alike(a, b)
        if shape(left) == NUMBER:
            raise FormulaError("the product of entries needs two arrays")
        return left * right

    def frac(self, a: Node, b: Node) -> Values:
        return self.of(a) / self.scalar(b)

    def abs(self, a: Node) -> Values:
        value = self.scalar(a)
        return np.where(np.real(value) < 0.0, -value, value)  # to the right of 0, as in t >= 0

    def transpose(self, a: Node) -> Values:
        value = self.of(a)
        if shape(value) == NUMBER:
            raise FormulaError("a number is transposed")
        return value.swapaxes(-1, -2)

    def power(self, base: Node, exponent: Node) -> Values:
        by = self.scalar(exponent)
        if base.data == "applied" and not self.is_function(base.children[0]):  # B (k - 1)^2
            first, second = base.children
            return times(self.of(first), self.scalar(second) ** by)
        if base.data == "symbol" and base.children[0] == Symbol("e"):
            return np.exp(by)
        return self.scalar(base) ** by

    def cases(self, *cases: Node) -> Values:
        *conditional, otherwise = cases
        if len(otherwise.children) != 1 or any(len(c.children) != 4 for c in conditional):
            raise FormulaError("cases need a condition on every line but the last")
        value = self.scalar(otherwise.children[0])
        for case in reversed(conditional):
            then, left, relation, right = case.children
            so = compare(self.scalar(left), str(relation), self.scalar(right))
            value = np.where(so, self.scalar(then), value)
        return value

    def matrix(self, *rows: Node) -> Values:
        if len({len(row.children) for row in rows}) != 1:
            raise FormulaError("the rows of a matrix differ in length")
        entries = [np.broadcast_arrays(*map(self.scalar, row.children)) for row in rows]
        lines = np.broadcast_arrays(*(np.concatenate(row, axis=-1) for row in entries))
        return np.concatenate(lines, axis=-2)

    def sum(self, letter: Token, *parts: Node) -> Values:
        *bounds, term = parts
        if str(letter) in self.scope.index or (str(letter), 0) in self.scope.world.drawn:
            raise FormulaError(f"the letter {letter} of a sum means something else already")
        low, high = map(self.scalar, bounds) if bounds else self.span(str(letter), term)
        whole = all(np.isrealobj(b) and np.all(b == np.round(b)) for b in (low, high))
        if not (whole and np.all(low <= high) and np.max(high - low) < 50):
            raise FormulaError(f"the bounds of the sum over {letter} make no sense")
        scope = self.scope.bind(str(letter), range(int(np.min(low)), int(np.max(high)) + 1))
        at = scope.index[str(letter)]
        terms = np.where((low <= at) & (at <= high), evaluate(term, scope), 0.0)
        return terms.sum(axis=scope.n_slots, keepdims=True)

    def span(self, letter: str, term: Node) -> tuple[Values, Values]:
        """Return the bounds of a sum that prints none: all values of that index."""
        for leaf in term.scan_values(lambda leaf: isinstance(leaf, Symbol) and letter in leaf.index):
            name, place = leaf.name, leaf.index.index(letter)
            tables = {**self.scope.world.known, **self.scope.world.drawn}
            if (table := tables.get((name, len(leaf.index)))) is not None:
                first = table.first[place]
                return number(first), number(first + table.values.shape[1 + place] - 1)
        raise FormulaError(f"the sum over {letter} has no bounds")

    def symbol(self, symbol: Symbol) -> Values:
        if symbol.primes:
            raise FormulaError(f"{symbol} has a prime and no argument")
        parameter = self.parameter(symbol)
        if parameter and (parameter.name, len(parameter.index)) not in self.arrays:
            raise FormulaError(f"{symbol} is a function and has no argument")
        above = DELTAS.get(symbol.name)
        if above and len(symbol.index) == 1 and isinstance(below := symbol.index[0], Symbol):
            sample = below.index[:1] if below.names_a_sample(self.samples) else ()
            return self.slope(Tree("symbol", [Symbol(above, sample)]), below)
        if not symbol.index and symbol.name in self.scope.index:
            value = self.scope.index[symbol.name]
            return number(value) if isinstance(value, int) else 1.0 * value
        return self.named(symbol)

    def named(self, symbol: Symbol) -> Values:
        """Return the value of a symbol, or of a function of its own parameter."""
        value: Values = self.remember(symbol, lambda: self.quantity(*self.place(symbol)))
        return value

    def place(self, symbol: Symbol) -> tuple[str, tuple[Any, ...]]:
        """Return the name and the values of the indices of a symbol; first of all its sample."""
        scope, index = self.scope, []
        symbol = symbol.joined({*INDEX_LETTERS, *scope.index})
        for i in symbol.index:
            if isinstance(i, Symbol) or not (i.isdigit() or i in scope.index):
                raise FormulaError(f"the index {i} of {symbol.name} has no value here")
            index.append(int(i) if i.isdigit() else scope.index[i])
        named = len(index) - self.samples.get(symbol.name, 99)
        if named == 0 and scope.sample is not None:
            index.insert(0, scope.sample)
        elif named == 0 and (symbol.name, len(index)) not in scope.world.known:
            raise FormulaError(f"of which sample is {symbol}? The formula is about many")
        elif named == 1 and scope.sample is not None:
            raise FormulaError(f"{symbol} has one index too many")
        return symbol.name, tuple(index)

    def quantity(self, name: str, index: tuple[Any, ...]) -> Values:
        """Return what a symbol stands for, with the complex steps that are on their way."""
        value, key = self.base(name, index), (name, len(index))
        for nudge in self.scope.nudges:
            if nudge.key == key and key not in self.scope.held:
                pairs = zip(index, nudge.index, strict=True)
                hit = np.logical_and.reduce(
                    np.broadcast_arrays(True, *(np.equal(a, b) for a, b in pairs))
                )
                value = value + 1j * STEP * hit
                self.scope.used.update({"step"} if np.any(hit) else ())
        return value

    def base(self, name: str, index: tuple[Any, ...]) -> Values:
        """Return what a symbol stands for: held, hwlib's, drawn, put together, or defined."""
        scope, key = self.scope, (name, len(index))
        if key in scope.held:
            scope.used.add("parameter")
            return entry(scope.held[key], index[-1:])
        if scope.trust and key in scope.world.known:
            table = scope.world.known[key]
            scope.used.add(table.source)
            return pick(table, index, scope.world)
        if key in scope.world.drawn:
            scope.used.add("drawn")
            return pick(scope.world.drawn[key], index, scope.world)
        printed = [d.symbol for d in scope.book.definitions(scope.page, name)]
        array = self.arrays.get(key)
        if array is not None and (scope.trust or Symbol(name) not in printed):
            bound = scope.deeper(index=dict(zip(array.index, index, strict=True)))
            for letter in array.letters:
                bound = bound.bind(letter, scope.world.ranges[letter])
            return arrange(evaluate(read_side(array.entry), bound), bound, array.letters)
        return self.defined(name, index)

    def defined(self, name: str, index: tuple[Any, ...]) -> Values:
        """Return what the book's definition of a symbol says."""
        scope, sample = self.scope, self.scope.sample
        if self.samples.get(name) == len(index) - 1:
            sample, *rest = index
            index = tuple(rest)
        found = scope.book.define(scope.page, name, index, sample is None)
        letters = {}
        for p, i in zip(found.pattern, index, strict=True):
            if p in INDEX_LETTERS:
                letters[str(p)] = i
                if not np.all(np.isin(i, scope.world.ranges[str(p)])):
                    raise FormulaError(f"{name} has no such index")
        inner = scope.deeper(index=letters, sample=sample)
        return evaluate(found.equation.sides[1], inner)

    def derivative(self, above: Node, below: Node) -> Values:
        target = self.natural(below)
        if target is None:
            raise FormulaError("a derivative with respect to what is no symbol")
        return self.slope(above, target)

    def slope(self, above: Node, below: Symbol) -> Values:
        """Return the derivative of a formula with respect to a symbol, or to its entries."""
        if below.primes:
            raise FormulaError(f"a derivative with respect to {below}")
        scope, array = self.scope, self.arrays.get((below.name, len(below.index)))
        if array is None:
            place, inner = self.place(below), scope
        else:
            inner = scope.deeper()
            for letter in array.letters:
                inner = inner.bind(letter, scope.world.ranges[letter])
            place = Evaluator(inner).place(read_side(array.entry).children[0])
            inner = replace(inner, index=scope.index)
        known = Evaluator(inner)
        value, depends = self.remember((above, below), lambda: known.slope_at(above, *place))
        if not (depends or below in scope.shown):
            raise FormulaError(f"a derivative with respect to {below}, on which nothing depends")
        return value if array is None else arrange(value, inner, array.letters)

    def slope_at(self, above: Node, name: str, index: tuple[Any, ...]) -> tuple[Values, bool]:
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
        used: set[str] = set()
        nudges = tuple(Nudge(of, at) for at in places)
        inner = replace(scope, trust=False, nudges=nudges, steps=True, used=used)
        value = Evaluator(inner).named(symbol) if symbol else evaluate(above, inner)
        value = np.imag(value) / STEP
        scope.used.add("numerical derivative")
        return value, "step" in used

    def natural(self, node: Node) -> Symbol | None:
        """Return the symbol that a piece is, or that a function of its own parameter is."""
        if node.data == "symbol":
            symbol: Symbol = node.children[0]
            return None if symbol.primes else symbol
        if node.data != "applied" or len(node.children) != 2 or node.children[1].data != "symbol":
            return None
        function, argument = (child.children[0] for child in node.children)
        parameter = self.parameter(function)
        same = parameter and argument[0] == parameter[0] and len(argument[1]) == len(parameter[1])
        if not same or function.primes or argument.primes:
            return None
        return Symbol(function.name, function.index + argument.index)

    def parameter(self, function: Symbol) -> Symbol | None:
        """Return the parameter of a function that the book defines."""
        found = self.function(function)
        return found.parameter if found else None

    def function(self, function: Symbol) -> Definition | None:
        """Return the definition of a function, if the book has one."""
        for found in self.scope.book.definitions(self.scope.page, function.name):
            if found.parameter and len(found.symbol.index) == len(function.index):
                return found
        return None

    def is_function(self, node: Node) -> bool:
        """Whether a name before a bracket is a function, and no factor."""
        symbol = node.children[0]
        known = symbol.name in BUILTIN or symbol.name in self.scope.world.functions
        return known or symbol.name == "O" or self.parameter(symbol) is not None

    def applied(self, name: Node, *arguments: Node) -> Values:
        symbol: Symbol = name.children[0]
        if len(arguments) != BUILTIN.get(symbol.name, (1,))[0]:
            raise FormulaError(f"{symbol.name} has {len(arguments)} arguments")
        if not self.is_function(name):
            return times(self.of(name), self.of(arguments[0]))
        if symbol.name in BUILTIN or symbol.name == "O":
            if symbol.index or symbol.primes:
                raise FormulaError(f"{symbol} is not a function")
            values = [self.of(argument) for argument in arguments]
            return self.scope.order * values[0] if symbol.name == "O" else BUILTIN[symbol.name][1](*values)
        quantity = self.natural(Tree("applied", [name, *arguments]))
        if quantity and symbol.name not in self.scope.world.functions:
            return self.named(quantity)
        return self.call(symbol, self.of(arguments[0]))

    def call(self, symbol: Symbol, value: Values) -> Values:
        """Return a function's value, or its derivative: hwlib's, or by the book's definition."""
        found, orders = self.function(symbol), self.scope.world.functions.get(symbol.name, ())
        trusted = found is None or (self.scope.trust and not np.iscomplexobj(value))
        if trusted and symbol.primes < len(orders) and not symbol.index:
            self.scope.used.add("hwlib" if found else "drawn")
            return orders[symbol.primes](value)
        if found is None or symbol.primes > 1 or (symbol.primes and self.scope.steps):
            raise FormulaError(f"{symbol} cannot be evaluated")
        if not symbol.primes:
            return self.apply(found, symbol, value)
        self.scope.used.add("numerical derivative")
        inner = Evaluator(replace(self.scope, steps=True))
        return np.imag(inner.apply(found, symbol, value + 1j * STEP)) / STEP

    def apply(self, found: Definition, symbol: Symbol, value: Values) -> Values:
        """Put a value in place of a function's parameter, in its definition."""
        scope, parameter = self.scope, found.parameter or Symbol("")
        key, start, out, back = self.receive(parameter, symbol, shape(value))
        if back == [-2]:  # row by row
            value = value.swapaxes(-1, -2)
        for k, axis in enumerate(out):
            value = value.swapaxes(1 + scope.n_slots + k, axis)
        own = zip(found.symbol.index, self.place(Symbol("", symbol.index))[1], strict=True)
        inner = scope.deeper(
            index={**dict.fromkeys(parameter.index, 1), **dict(own)},
            held={**scope.held, key: (value, start)},
            trust=False,
            n_slots=scope.n_slots + len(out),
        )
        result = evaluate(found.equation.sides[1], inner)
        for k, axis in enumerate(back):
            result = result.swapaxes(1 + scope.n_slots + k, axis)
        return result

    def receive(
        self, parameter: Symbol, function: Symbol, size: tuple[int, ...]
    ) -> tuple[Key, int, list[int], list[int]]:
        """Return what a function's argument is put in place of, and which axes become slots.

        A function of a number takes an array entry by entry. A function of a vector takes a vector,
        or a matrix row by row, or, if it is a curve, a number.
        """
        key = (parameter.name, len(parameter.index))
        array = self.arrays.get(key)
        if array is None:
            return key, 0, *([[-2, -1]] * 2 if size != NUMBER else [[], []])
        if size == NUMBER and function.name in self.scope.world.curves:
            return self.scope.world.curves[function.name], 0, [], []
        rows = self.scope.world.ranges.get(array.letters, range(0))
        if size == (len(rows), 1):
            return key_of(array.entry), rows.start, [], []
        if size[0] > 1 and size[1] == len(rows):
            return key_of(array.entry), rows.start, [-1], [-2]
        raise FormulaError(f"{function} does not take that argument")

    @property
    def samples(self) -> dict[str, int]:
        return SAMPLES[self.scope.world.part]

    @property
    def arrays(self) -> dict[Key, Assembled]:
        return ASSEMBLED[self.scope.world.part]

    def remember(self, what: Any, compute: Callable[[], Any], *, store: bool = True) -> Any:
        """Return what may have been computed before, in the same place of another formula."""
        scope = self.scope
        if scope.frame is None or scope.held or scope.steps:
            return compute()
        key = (what, scope.page, id(scope.world), scope.trust, scope.sample is None, scope.frame)
        if key not in scope.book.values:
            before = set(scope.used)
            scope.used.clear()
            value, used = compute(), set(scope.used)
            scope.used.update(before)
            if not store:
                return value
            scope.book.values[key] = value, used
        value, used = scope.book.values[key]
        scope.used.update(used)
        return value


def key_of(entry: str) -> Key:
    """Return name and number of indices of a symbol that is printed alone."""
    symbol: Symbol = read_side(entry).children[0]
    return symbol.name, len(symbol.index)


def covers(table: Table, index: tuple[Any, ...]) -> bool:
    """Whether a table has an entry for each value of the indices."""
    sizes = table.values.shape[1:]
    places = zip(index, table.first, sizes, strict=True)
    return all(np.all((first <= i) & (i < first + size)) for i, first, size in places)


def pick(table: Table, index: tuple[Any, ...], world: World) -> Values:
    """Return the entries of a table, along the axes of the indices."""
    if not covers(table, index):
        raise FormulaError("an index is out of its range")
    points = np.arange(world.n_points).reshape(-1, *(1,) * (SLOTS + 2))
    value: Values = table.values[(points, *(i - f for i, f in zip(index, table.first, strict=True)))]
    return value


def entry(held: tuple[Values, int], index: tuple[Any, ...]) -> Values:
    """Return an entry of a vector that is held in place of a symbol, or the number that is."""
    value, start = held
    if shape(value) == NUMBER:
        return value
    rows = np.arange(start, start + value.shape[-2]).reshape(-1, 1)
    if not np.all(np.isin(index[0], rows)):
        raise FormulaError("an index is out of its range")
    return np.where(rows == index[0], value, 0.0).sum(axis=-2, keepdims=True)


def arrange(value: Values, scope: Scope, letters: str) -> Values:
    """Turn the last slots of a scope into rows and columns."""
    for k, letter in enumerate(letters):
        axis = 1 + scope.n_slots - len(letters) + k
        if value.shape[axis] == 1:
            value = np.repeat(value, len(scope.world.ranges[letter]), axis)
        value = value.swapaxes(axis, -2 + k)
    return value
