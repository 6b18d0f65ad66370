"""The printed formulas, read from the pages: their trees, and which equation defines what.

A display equation ``$$ ... $$ (eq-label)`` is a chain A = B = C. `parse` turns each side into a
tree by the grammar in ``latex.lark``. A `Book` knows which equation defines a symbol: the first
that has it alone on its left. So nobody types a formula twice.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError

from formulas.worlds import ARRAYS, INDEX_LETTERS, SAMPLES, Key, part_of

PARSER = Lark.open("latex.lark", rel_to=__file__, parser="lalr", maybe_placeholders=False)
CHAPTERS = Path(__file__).parents[1] / "chapters"
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$[ \t]*\(([^\n]*)\)$", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"^\s*(?:root:|- file:)\s*chapters/(\w+)", re.MULTILINE)

Node: TypeAlias = Tree[Any]
"""A piece of a formula. The leaves are a `Symbol`, a number, a letter or a relation."""


class FormulaError(ValueError):
    """A printed formula that cannot be read, cannot be evaluated, or is wrong."""


def require(holds: Any, why: str) -> None:
    """Raise a `FormulaError` unless something holds."""
    if not holds:
        raise FormulaError(why)


class Symbol(NamedTuple):
    """A name with its index, such as ``W_{ij}``; an index may be a symbol, as in delta_{z_4}.

    The layer comes last: ``W_{ij}^{(l-1)}`` has the index i, j, "l-1".
    """

    name: str
    index: tuple[Any, ...] = ()  # type: ignore[assignment] # hides tuple.index
    primes: int = 0

    def __str__(self) -> str:
        index = "".join(map(str, self.index))
        return self.name + "'" * self.primes + (f"_{index}" if index else "")

    @property
    def key(self) -> Key:
        """Its name and how many indices it has."""
        return self.name, len(self.index)

    def joined(self, letters: Iterable[str] = INDEX_LETTERS) -> "Symbol":
        """Return it with a subscript that counts nothing as a part of its name: epsilon_c."""
        last = self.index[0] if len(self.index) == 1 else "0"
        if isinstance(last, str) and last.isalpha() and last not in letters:
            return Symbol(f"{self.name}_{last}", (), self.primes)
        return self


class _Symbols(Transformer[Token, Node]):
    """Put each name and its index together into one leaf."""

    def symbol(self, children: list[Any]) -> Node:
        base, *rest = (c.children[0] if isinstance(c, Tree) else c for c in children)
        primes = [part for part in rest if part[0] == "'"]
        others = (part for part in rest if part not in primes)
        index = tuple(i if isinstance(i, Symbol) else i.strip("^{()}") for i in others)
        name = re.sub(r"\\(operatorname)?|[{}]", "", base)
        return Tree("symbol", [Symbol(name, index, len("".join(primes)))])


def show(node: Any) -> str:
    """Return a piece of a formula as text: sub(y_i, 1)."""
    if not isinstance(node, Tree):
        return str(node)
    inside = ", ".join(map(show, node.children))
    return inside if node.data in ("symbol", "number") else f"{node.data}({inside})"


def leaves(node: Node) -> Iterator[Symbol]:
    """Yield the symbols of a piece of a formula, and those in their indices."""
    for leaf in node.scan_values(lambda leaf: isinstance(leaf, Symbol)):
        yield leaf
        yield from (i for i in leaf.index if isinstance(i, Symbol))


def called(node: Node) -> list[Any]:
    """Return the symbols of h(x), of h and None, or two None for another piece or a prime."""
    parts = node.children if node.data == "applied" else [node]
    symbols = [part.children[0] for part in parts if part.data == "symbol"]
    named = len(symbols) == len(parts) < 3 and not any(symbol.primes for symbol in symbols)
    return [*symbols, None][:2] if named else [None, None]


def free_letters(node: Node) -> set[str]:
    """Return the index letters of a formula that no sum in it binds."""
    used = {str(i).rstrip("+-1") for s in leaves(node) for i in (*s.index, s.name)}
    return (used & {*INDEX_LETTERS}) - {str(s.children[0]) for s in node.find_data("sum")}


def fits(pattern: tuple[Any, ...], index: tuple[Any, ...]) -> bool:
    """Whether an index is one of those that a pattern such as ("j", "4") stands for."""
    same = (p in INDEX_LETTERS or p == str(i) for p, i in zip(pattern, index, strict=False))
    return len(pattern) == len(index) and all(same)


@dataclass(eq=False)
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
    part : str
        The part of the book whose symbols it uses.
    symbols, names : tuple of Symbol, set of str
        The symbols in it, and their names.
    defined, parameter : Symbol or None
        What stands alone on its left, or is a function there, and that function's parameter.
    pattern, n_letters : tuple, int
        The indices of what it defines, the function's and its parameter's; how many are letters.
    shown : str
        Its sides as text: J = add(L, R).
    is_of_a_batch : bool
        Whether an index, or that of a matrix's entry, says which of many samples is meant.
    """

    page: str
    label: str
    latex: str
    sides: tuple[Node, ...]
    relations: tuple[str, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        self.part, self.shown = part_of(self.page), " = ".join(map(show, self.sides))
        self.symbols = tuple(s for side in self.sides for s in leaves(side))
        self.names = {symbol.joined().name for symbol in self.symbols}
        name, self.parameter = called(self.sides[0])
        plain = name and all(isinstance(i, str) for i in name.index)
        self.defined = name.joined() if plain and self.relations[:1] == ("=",) else None
        self.pattern = tuple(i for s in (self.defined, self.parameter) if s for i in s.index)
        self.n_letters = sum(p in INDEX_LETTERS for p in self.pattern)
        samples, arrays = SAMPLES.get(self.part, {}), ARRAYS.get(self.part, {})
        letters = "".join(arrays[s.key].letters for s in self.symbols if s.key in arrays)
        named = any(samples.get(s.name, 99) < len(s.index) for s in self.symbols)
        self.is_of_a_batch = named or "s" in letters


def plain(latex: str) -> str:
    """Return a formula without its layout: alignment, column of reasons, sized brackets."""
    latex = re.sub(r"\\left(?![a-z])|\\right(?![a-z])|\\quad", " ", latex)
    inner = re.fullmatch(r"\s*\\begin\{aligned\}(.*)\\end\{aligned\}\s*", latex, re.DOTALL)
    # What stands in an environment of its own is no layout.
    layout = r"(\\begin\{(?:cases|bmatrix)\}.*?\\end\{\w+\})|&&\s*\\text\{[^}]*\}|\\\\|&"
    return re.sub(layout, lambda m: m[1] or " ", inner[1], flags=re.DOTALL) if inner else latex


@cache
def parse(page: str, label: str, latex: str) -> Equation:
    """Return an equation from its LaTeX; `FormulaError` says where it is not understood."""
    text = plain(latex)
    try:
        tree = _Symbols().transform(PARSER.parse(text))
        sides, signs = tuple(tree.children[::2]), tree.children[1::2]
        at = [0, *(place for sign in signs for place in (sign.start_pos, sign.end_pos)), len(text)]
        texts = tuple(" ".join(text[a:b].split()) for a, b in zip(at[::2], at[1::2], strict=True))
        return Equation(page, label, text, sides, tuple(map(str, signs)), texts)
    except (LarkError, RecursionError, MemoryError) as error:
        raise FormulaError(f"{page}, {label}: not in the book's LaTeX: {error}") from error


def read_side(latex: str) -> Node:
    """Return the tree of a formula without a relation."""
    return parse("", "", latex).sides[0]


def read(folder: Path = CHAPTERS) -> Iterator[Equation]:
    """Yield all labelled display equations of the notebooks in a folder, in the order of the book.

    Raises
    ------
    FormulaError
        If an equation is outside the book's LaTeX.
    """
    pages = PAGE.findall((folder.parent / "_toc.yml").read_text(encoding="utf-8"))
    for path in filter(Path.exists, (folder / f"{page}.ipynb" for page in pages)):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        yield from (parse(path.stem, label, latex) for latex, label in DISPLAY.findall(text))


class Book:
    """The equations of the book, and which of them define a symbol.

    Attributes
    ----------
    equations : list of Equation
        In the order of the book: the first that has a symbol alone on its left defines it.
    """

    def __init__(self, equations: Iterable[Equation]) -> None:
        self.equations = list(equations)
        self.by_name: dict[tuple[str, str], list[Equation]] = {}
        for equation in (e for e in self.equations if e.defined):
            self.by_name.setdefault((equation.part, equation.defined.name), []).append(equation)

    def changed(self, equation: Equation) -> "Book":
        """Return the book with another version of one of its equations."""
        return Book(equation if e.label == equation.label else e for e in self.equations)

    def definitions(self, page: str, name: str) -> list[Equation]:
        """Return what defines a name in a part: this page's first, then in the book's order."""
        return sorted(self.by_name.get((part_of(page), name), ()), key=lambda e: e.page != page)

    def define(self, page: str, name: str, index: Any, batch: bool, via: str) -> Equation:
        """Return what defines a symbol: a digit in the index (z_4) comes before a letter (z_j).

        A definition comes first that has the name `via` in it.
        """
        found = [e for e in self.definitions(page, name) if fits(e.pattern, index)]
        found = [e for e in found if batch or not e.is_of_a_batch]
        require(found, f"{name} with {len(index)} indices is not defined, or names no sample")
        return min(found, key=lambda e: (e.is_of_a_batch != batch, via not in e.names, e.n_letters))

    def kind(self, equation: Equation) -> str:
        """Return what an equation is: definition, gradient, step or bound."""
        left, here = equation.sides[0], equation.defined
        if "O" in equation.names or {*equation.relations} != {"="}:
            return "bound"
        marks = (s.primes or any(isinstance(i, Symbol) for i in s.index) for s in leaves(left))
        if any(left.find_data("derivative")) or any(marks):
            return "gradient"
        found = self.definitions(equation.page, here.name if here else "")
        same = (e for e in found if (e.defined, e.is_of_a_batch) == (here, equation.is_of_a_batch))
        first = next(same, None) is equation and len(equation.sides) == 2
        return "definition" if first else "step"
