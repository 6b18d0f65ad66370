"""The value of a formula in the running example of a page."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from lark import Tree

from formulas import reader, worlds
from formulas.evaluator import Evaluator, constant
from formulas.reader import Book, Equation, FormulaError, Node, Symbol, leaves, parse
from formulas.worlds import INDEX_LETTERS, Assembled, World, part_of
from hwlib import data, network
from tests.prose.text import CHAPTERS

BOOK = Book(reader.read(CHAPTERS))
FUNCTIONS = {"log", "exp", "max", "min", "sigma", "ReLU", "e", "Im"}
OTHER_NAMES = {"lambda": ("l2", "lam"), "alpha": ("step_size",), "haty": ("y_hat",)}
"""What code calls a symbol whose name is no name in Python, or another one."""
EXAMPLES = {
    "network": ("params", "X", "y"), "layers": ("params", "X", "y"), "hinge": ("theta", "u", "y"),
}  # fmt: skip
"""The names by which a page's first cells call the running example of its part."""


def symbols(*sides: Node) -> list[Symbol]:
    """Return the symbols of a formula that stand for quantities."""
    return [s for side in sides for s in leaves(side) if s.name not in FUNCTIONS]


def normal(latex: str) -> str:
    """Return a formula in the book's LaTeX: points as columns, an interval as two bounds."""
    latex = re.sub(r"\\(g|l|n)eq?(?![a-zA-Z])", r"\\\1e", latex).replace("{,}", "")
    latex = re.sub(r"(\d),(?=\d{3}(?!\d))", r"\1", latex)
    latex = re.sub(r"(^|[{(,=<>&])(\s*)\+", r"\1\2", latex)
    latex = re.sub(
        r"^(.*)\\in\s*([\[(])([^,]*),([^,]*)([\])])$",
        lambda m: (
            f"{m[3]} {'<' if m[2] == '(' else chr(92) + 'le'} {m[1]} "
            f"{'<' if m[5] == ')' else chr(92) + 'le'} {m[4]}"
        ),
        latex,
    )
    argument = r"(\\hat\{\w\}|\d+(?:\.\d+)?|[a-z](?:_\w|_\{\w+\})?)"
    latex = re.sub(rf"\\(log|exp)\s*{argument}", r"\\\1(\2)", latex)
    parts = re.split(r"(\\(?:ge|le|ne|approx)(?![a-zA-Z])|[=<>])", latex)
    return "".join(_column(part) for part in parts)


def _column(side: str) -> str:
    inside = re.fullmatch(r"\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)(\^\\top)?\s*", side)
    entries = re.split(r",(?![^()]*\))", inside[1]) if inside else []
    if len(entries) < 2:
        return side
    rows = r" \\ ".join(entries)
    return rf" \begin{{bmatrix}} {rows} \end{{bmatrix}} "


def equation_of(page: str, latex: str) -> Equation:
    """Return an inline formula as an equation; about equal is equal here."""
    return parse(page, "inline", re.sub(r"\\approx(?![a-zA-Z])", "=", normal(latex)))


def side_of(latex: str) -> Node:
    """Return the tree of a formula without a relation."""
    return parse("", "", normal(latex)).sides[0]


class Example(Evaluator):
    """The value of a formula in the running example; all but its numbers follows by definition.

    Parameters
    ----------
    book : Book
    page : str
    first, last : dict
        Numbers and arrays by name: of the page's first cells, and at the end of the section.
    meant : dict
        Values of symbols that mean something else in this cell.
    sample : int
    """

    def __init__(
        self, book: Book, page: str, first: dict[str, Any], last: dict[str, Any],
        meant: dict[Symbol, Any], sample: int,
    ) -> None:  # fmt: skip
        self.book, self.page, self.sample = book, page, sample
        part = part_of(page)
        self.samples, self.arrays = worlds.SAMPLES.get(part, {}), worlds.ARRAYS.get(part, {})
        self.trust, self.order, self.n_slots, self.via, self.depth = False, 1.0, 0, "", 0
        self.index, self.held, self.steps, self.used = {}, {}, (), set()
        self.meant, self.names = meant, {**last, **first}
        given = [first.get(name) for name in EXAMPLES.get(part, ())]
        if any(value is None for value in given) or not all(map(np.ndim, given[1:])):
            given = getattr(data, f"{part}_example", lambda: ())()
        if part == "layers" and not (given and isinstance(given[0], list)):
            given = ()  # a page without a network of layers
        tables = _tables(part, *given) if given else {}
        for symbol, value in meant.items():
            at = (sample,) if self.samples.get(symbol.name) == len(symbol.index) else ()
            at += tuple(int(i) if str(i).isdigit() else i for i in symbol.index)
            if (key := (symbol.name, len(at))) in tables and all(isinstance(i, int) for i in at):
                tables[key] = tables[key].copy()
                tables[key][(slice(None), *at)] = value
        ranges = {letter: range(1, 4) for letter in INDEX_LETTERS}
        if part == "network" and tables:
            n, d = tables["x", 2].shape[1:]
            ranges = {
                "i": range(1, d),
                "j": range(1, tables["b", 1].shape[1] - 1),
                "s": range(1, n),
            }
        elif part == "hinge" and tables:
            ranges = {"i": range(1, tables["u", 1].shape[1]), "j": range(7), "k": range(7)}
        elif part == "layers" and tables:
            n, last_layer = tables["x", 2].shape[1] - 1, tables["W", 3].shape[3] - 1
            widest = tables["W", 3].shape[1] - 1
            ranges = dict.fromkeys("ijk", range(1, widest + 1))
            ranges |= {"s": range(1, n + 1), "l": range(1, last_layer + 1)}
        functions = {
            "sigma": [network.sigmoid, network.sigmoid_grad],
            "ReLU": [lambda z: z * network.relu_grad(np.real(z)), network.relu_grad],
        }
        self.world = World(ranges, tables, {}, functions)

    def symbol(self, symbol: Symbol) -> Any:
        if symbol in self.meant:
            return as_value(self.meant[symbol])
        try:
            return super().symbol(symbol)
        except FormulaError:
            if symbol.index or symbol.primes or not self.world.drawn:
                raise
            letter = {"x": "i", "u": "i"}.get(symbol.name, "j")
            entry = Tree("symbol", [symbol._replace(index=(letter,))])
            return self.assemble(Assembled("", letter), entry)

    def base(self, name: str, index: Any) -> Any:
        try:
            return super().base(name, index)
        except FormulaError:
            below = "_".join(["", "".join(map(str, index))]) if index else ""
            tried = [n + below for n in (name, *OTHER_NAMES.get(name, ()))]
            tried += [name + "".join(map(str, index))]
            for value in (self.names[n] for n in tried if n in self.names):
                if isinstance(value, np.ndarray):
                    return as_value(value)
            raise


def as_value(value: Any) -> Any:
    array = np.asarray(value, dtype=float)
    rows = array.reshape(-1, 1) if array.ndim < 2 else array
    return constant(1.0) * rows


def _tables(part: str, a: Any, b: Any, y: Any) -> dict[Any, Any]:
    """Return the tables of what a running example consists of, from what the page calls it."""
    if part == "hinge":
        starts = {"n": (), "theta": (0,), "c": (0,), "mu": (0,), "u": (1,), "y": (1,)}
        values = [float(len(y)), a, np.ones(7), worlds.polynomial.NONLINEAR, b, y]
    elif part == "layers":
        widest = max(max(layer.W.shape) for layer in a)
        W, c = np.zeros((widest, widest, len(a))), np.zeros((widest, len(a)))
        for k, layer in enumerate(a):
            W[: layer.W.shape[0], : layer.W.shape[1], k] = layer.W
            c[: layer.b.size, k] = layer.b
        x = np.pad(b, [(0, 0), (0, widest - b.shape[1])])
        one_hot = np.eye(widest)[np.asarray(y, int)]
        starts = {"n": (), "d": (), "K": (), "H": (), "y": (1, 1), "x": (1, 1), "b": (1, 1)}
        starts |= {"W": (1, 1, 1)}
        values = [len(y), b.shape[1], a[-1].b.size, len(a), one_hot, x, c, W]
    else:
        starts = {"n": (), "d": (), "y": (1,), "b": (1,), "x": (1, 1), "W": (1, 1)}
        weights, biases = worlds._tables(a)
        values = [float(len(y)), float(b.shape[1]), y, biases, b, weights]
    rows = zip(starts.items(), values, strict=True)
    return {(name, len(first)): worlds.table(value, *first) for (name, first), value in rows}
