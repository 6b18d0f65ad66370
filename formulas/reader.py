"""The printed formulas, read from the pages: a grammar for the book's LaTeX, and what defines what.

A display equation ``$$ ... $$ (eq-label)`` is a chain A = B = C. `parse` turns each side into a
tree and rejects everything that is not in the grammar. A `Book` knows which equation defines a
symbol: the first that has it alone on its left. So nobody types a formula twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError

from formulas.worlds import ASSEMBLED, INDEX_LETTERS, SAMPLES, part_of

GRAMMAR = r"""
start: expr (REL expr)*
?expr: signed | expr "+" signed -> add | expr "-" signed -> sub
?signed: "-" signed -> neg | odot
?odot: term | odot "\\odot" term
?term: power | sum | term "\\cdot"? power -> times | term "\\cdot"? sum -> times
    | term "/" power -> frac
sum: "\\sum" "_" "{" LETTER "=" expr "}" "^" script signed
    | "\\sum" "_" (LETTER | "{" LETTER "}") signed
?power: base | base "^" script | base "^" _top -> transpose
_top: "\\top" | "{" "\\top" "}"
?script: "{" expr "}" | DIGIT -> number | LETTER -> symbol
?base: (NUMBER | DIGIT) -> number
    | derived
    | "(" expr ")"
    | "\\frac" "{" expr "}" "{" expr "}" -> frac
    | "\\frac" "{" "\\partial" derived "}" "{" "\\partial" derived "}" -> derivative
    | "\\lvert" expr "\\rvert" -> abs
    | "\\begin{cases}" case ("\\\\" case)* "\\end{cases}" -> cases
    | "\\begin{bmatrix}" row ("\\\\" row)* "\\end{bmatrix}" -> matrix
?derived: symbol | symbol "(" expr ("," expr)* ")" -> applied
case: expr "&" "\\text{if }" expr REL expr | expr "&" "\\text{otherwise}"
row: expr ("&" expr)*
symbol: (LETTER | GREEK | HAT | BOLD | NAMED) PRIMES? ("_" _sub PRIMES?)?
_sub: LETTER | DIGIT | GREEK | HAT | "{" (LETTER | DIGIT | HAT | lower)+ "}"
lower: (LETTER | GREEK) "_" (LETTER | DIGIT | "{" (LETTER | DIGIT)+ "}") -> symbol
REL: "=" | "\\ge" | "\\le" | "<" | ">" | "\\ne"
PRIMES: /'+/
DIGIT: /[0-9]/
NUMBER.2: /[0-9]+\.[0-9]+|[0-9]{2,}/
LETTER: /[a-zA-Z]/
GREEK: /\\(alpha|delta|varepsilon|eta|theta|lambda|mu|nu|rho|sigma|tau|ell)(?![a-zA-Z])/
HAT: /\\hat\{[a-z]\}/
BOLD: /\\mathbf\{[a-z]\}/
NAMED: /\\(max|min|log|exp)(?![a-zA-Z])/ | /\\operatorname\{[a-zA-Z]+\}/
%import common.WS
%ignore WS
"""
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$[ \t]*\(([^\n]*)\)$", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"^\s*(?:root:|- file:)\s*chapters/(\w+)", re.MULTILINE)

Node: TypeAlias = Tree[Any]
"""A piece of a formula. The leaves are a `Symbol`, a number, a letter or a relation."""


class FormulaError(ValueError):
    """A printed formula that cannot be read, cannot be evaluated, or is wrong."""


class Symbol(NamedTuple):
    """A name with its index, such as ``W_{ij}``; an index may be a symbol, as in delta_{z_4}."""

    name: str
    index: tuple[str | Symbol, ...] = ()
    primes: int = 0

    def __str__(self) -> str:
        index = "".join(map(str, self.index))
        return self.name + "'" * self.primes + (f"_{index}" if index else "")

    def joined(self, letters: Iterable[str] = INDEX_LETTERS) -> Symbol:
        """Return it with a subscript that counts nothing as a part of its name: epsilon_c."""
        (*_, last) = self.index or ("0",)
        if len(self.index) == 1 and isinstance(last, str) and not last.isdigit():
            if last not in letters:
                return Symbol(f"{self.name}_{last}", (), self.primes)
        return self

    def names_a_sample(self, samples: Mapping[str, int]) -> bool:
        """Whether its index, or that of the quantity in its index, says which sample is meant."""
        inner = any(i.names_a_sample(samples) for i in self.index if isinstance(i, Symbol))
        return inner or samples.get(self.name, len(self.index)) < len(self.index)


class _Symbols(Transformer[Token, Node]):
    """Put each name and its index together into one leaf."""

    def symbol(self, children: list[Any]) -> Node:
        base, *rest = (c.children[0] if isinstance(c, Tree) else c for c in children)
        name = base.name if isinstance(base, Symbol) else re.sub(r"\\(operatorname)?|[{}]", "", base)
        primes = sum(len(t) for t in rest if isinstance(t, Token) and t.type == "PRIMES")
        rest = [t for t in rest if not (isinstance(t, Token) and t.type == "PRIMES")]
        if len(rest) == 1 and isinstance(rest[0], Token) and rest[0].type == "GREEK":
            return Tree("symbol", [Symbol(f"{name}_{rest[0][1:]}", (), primes)])
        index = tuple(self._index(part) for part in rest)
        return Tree("symbol", [Symbol(name, index, primes)])

    @staticmethod
    def _index(part: Token | Symbol) -> str | Symbol:
        if isinstance(part, Symbol):
            return part
        return Symbol("haty") if part.type == "HAT" else str(part)


PARSER = Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


def free_letters(node: Node) -> set[str]:
    """Return the index letters of a formula that no sum in it binds."""
    used = {str(i) for s in symbols(node) for i in (*s.index, s.name)} & {*INDEX_LETTERS}
    return used - {str(s.children[0]) for s in node.find_data("sum")}


def symbols(*nodes: Node) -> Iterator[Symbol]:
    """Yield the symbols of some pieces of formulas, and those in their indices."""
    for node in nodes:
        for leaf in node.scan_values(lambda leaf: isinstance(leaf, Symbol)):
            yield leaf
            yield from (i for i in leaf.index if isinstance(i, Symbol))


@dataclass(frozen=True)
class Equation:
    """A labelled display equation.

    Attributes
    ----------
    page, label : str
    latex : str
        As printed, without its layout.
    sides : tuple of lark.Tree
    relations : tuple of str
        The sign between each side and the next.
    texts : tuple of str
        The LaTeX of each side.
    """

    page: str
    label: str
    latex: str
    sides: tuple[Node, ...]
    relations: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def has_order(self) -> bool:
        """Whether an O(...) stands in it."""
        return any(symbol.name == "O" for symbol in symbols(*self.sides))

    @cached_property
    def is_of_a_batch(self) -> bool:
        """Whether it speaks of many samples: an index, or a matrix, says which is meant."""
        part = part_of(self.page)
        found = [*symbols(*self.sides)]
        arrays = [ASSEMBLED[part][key] for s in found if (key := (s.name, len(s.index))) in ASSEMBLED[part]]
        found += [*symbols(*(read_side(array.entry) for array in arrays))]
        return any(symbol.names_a_sample(SAMPLES[part]) for symbol in found)


def plain(latex: str) -> str:
    """Return a formula without its layout: alignment, column of reasons, sized brackets."""
    latex = re.sub(r"\\left(?![a-z])|\\right(?![a-z])|\\quad", " ", latex)
    inner = re.fullmatch(r"\s*\\begin\{aligned\}(.*)\\end\{aligned\}\s*", latex, re.DOTALL)
    if inner is None:
        return latex
    lines = re.sub(r"&&\s*\\text\{[^}]*\}", "", inner[1])
    # Only what stands in no environment of its own is layout.
    pieces = re.split(r"(\\begin\{(?:cases|bmatrix)\}.*?\\end\{\w+\})", lines, flags=re.DOTALL)
    pieces[::2] = [re.sub(r"\\\\|&", " ", piece) for piece in pieces[::2]]
    return "".join(pieces)


def parse(page: str, label: str, latex: str) -> Equation:
    """Return an equation from its LaTeX; `FormulaError` says where it is not understood."""
    text = plain(latex)
    try:
        tree = PARSER.parse(text)
    except LarkError as error:
        place = text[max(getattr(error, "pos_in_stream", 0) or 0, 0) :][:30]
        raise FormulaError(f"{page}, {label}: not in the book's LaTeX at {place!r}") from error
    signs = tree.children[1::2]
    starts = [0, *(sign.end_pos for sign in signs)]
    ends = [*(sign.start_pos for sign in signs), len(text)]
    texts = tuple(" ".join(text[a:b].split()) for a, b in zip(starts, ends, strict=True))
    sides = tuple(_Symbols().transform(side) for side in tree.children[::2])
    return Equation(page, label, text, sides, tuple(map(str, signs)), texts)


@cache
def read_side(latex: str) -> Node:
    """Return the tree of a formula without a relation."""
    return parse("", "", latex).sides[0]


def read(folder: str | Path = "chapters") -> list[Equation]:
    """Return all labelled display equations of the notebooks in a folder, in the order of the book.

    Raises
    ------
    FormulaError
        If an equation is outside the book's LaTeX.
    """
    found = []
    for page in PAGE.findall((Path(folder).parent / "_toc.yml").read_text(encoding="utf-8")):
        path = Path(folder) / f"{page}.ipynb"
        if path.exists():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
            displays = DISPLAY.findall("\n\n".join(texts))
            found += [parse(page, label, latex) for latex, label in displays]
    return found


class Definition(NamedTuple):
    """An equation with a symbol alone on its left, or a function of a symbol."""

    symbol: Symbol
    parameter: Symbol | None
    equation: Equation

    @property
    def pattern(self) -> tuple[str | Symbol, ...]:
        """The indices that a value is asked for with: the function's and its parameter's."""
        return self.symbol.index + (self.parameter.index if self.parameter else ())


def definition(equation: Equation) -> Definition | None:
    """Return what an equation defines, if anything: it has no prime, and is no derivative."""
    left, parameter = equation.sides[0], None
    if left.data == "applied" and [c.data for c in left.children] == ["symbol", "symbol"]:
        left, parameter = left.children[0], left.children[1].children[0]
    if left.data != "symbol" or equation.relations[:1] != ("=",):
        return None
    symbol = left.children[0].joined()
    if symbol.primes or any(isinstance(i, Symbol) for i in symbol.index):
        return None
    return Definition(symbol, parameter, equation)


def fits(pattern: tuple[Any, ...], index: tuple[Any, ...]) -> bool:
    """Whether an index is one of those that a pattern such as ("j", "4") stands for."""
    return len(pattern) == len(index) and all(
        p in INDEX_LETTERS or p == str(i) for p, i in zip(pattern, index, strict=True)
    )


class Book:
    """The equations of the book, and which of them define a symbol.

    Attributes
    ----------
    equations : list of Equation
        In the order of the book: the first that has a symbol alone on its left defines it.
    values : dict
        What was evaluated already.
    """

    def __init__(self, equations: Iterable[Equation]) -> None:
        self.equations = list(equations)
        self.values: dict[Any, Any] = {}
        self._definitions: dict[str, list[Definition]] = {}
        for equation in self.equations:
            if found := definition(equation):
                self._definitions.setdefault(found.symbol.name, []).append(found)

    def __contains__(self, equation: Equation) -> bool:
        return any(e is equation for e in self.equations)

    def changed(self, equation: Equation) -> Book:
        """Return the book with another version of one of its equations."""
        return Book(equation if e.label == equation.label else e for e in self.equations)

    def definitions(self, page: str, name: str) -> list[Definition]:
        """Return what defines a name in a part: this page's first, then in the order of the book."""
        found = self._definitions.get(name, [])
        near = [d for d in found if part_of(d.equation.page) == part_of(page)]
        return sorted(near, key=lambda d: d.equation.page != page)

    def define(self, page: str, name: str, index: tuple[Any, ...], batch: bool) -> Definition:
        """Return what defines a symbol: a digit in the index (z_4) comes before a letter (z_j)."""

        found = [d for d in self.definitions(page, name) if fits(d.pattern, index)]
        found = [d for d in found if batch or not d.equation.is_of_a_batch]
        if not found:
            shown = ", ".join(str(i) if isinstance(i, int) else "a letter" for i in index)
            raise FormulaError(f"the symbol {name} with index ({shown}) is not defined")
        letters = [sum(p in INDEX_LETTERS for p in d.pattern) for d in found]
        return min(
            zip(found, letters, strict=True),
            key=lambda pair: (pair[0].equation.is_of_a_batch != batch, pair[1]),
        )[0]

    def kind(self, equation: Equation) -> str:
        """Return what an equation is: definition, gradient, step or bound."""
        if equation.has_order or set(equation.relations) != {"="}:
            return "bound"
        left = equation.sides[0]
        deltas = (any(isinstance(i, Symbol) for i in s.index) or s.primes for s in symbols(left))
        if any(left.find_data("derivative")) or any(deltas):
            return "gradient"
        here = definition(equation)
        if here is None or len(equation.sides) > 2:
            return "step"
        same = [
            d.equation
            for d in self.definitions(equation.page, here.symbol.name)
            if d.symbol == here.symbol and d.equation.is_of_a_batch == equation.is_of_a_batch
        ]
        return "definition" if same[0].label == equation.label else "step"
