"""The printed formulas: read from the chapters, parsed, evaluated and compared.

A display equation ``$$ ... $$ (eq-label)`` is a chain A = B = C. A small grammar for the book's
LaTeX parses it and refuses everything else. Each side is evaluated at many points, where
`hwlib.worlds` says what the symbols stand for: drawn numbers, what hwlib computes, or else what
the book's own definitions say. So nobody types a formula twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from hwlib.worlds import CONDITIONS, HELPERS, ORDER, STATEMENTS, World, make_world, part_of

GRAMMAR = r"""
start: expr (REL expr)*
?expr: product | expr "+" product -> add | expr "-" product -> sub
?product: "-" product -> neg | ratio
?ratio: odot | ratio "/" odot -> frac
?odot: factors | odot "\\odot" factors
factors: power ("\\cdot"? power)* ("\\cdot"? sum)? | sum
sum: "\\sum" "_" "{" LETTER "=" expr "}" "^" "{" expr "}" product
?power: base | base "^" script
?script: "{" expr "}" | DIGIT -> number | LETTER -> name | "\\top" -> top
?base: (NUMBER | DIGIT) -> number
    | symbol
    | "(" expr ("," expr)* ")" -> group
    | "\\frac" "{" expr "}" "{" expr "}" -> frac
    | "\\frac" "{" "\\partial" derived "}" "{" "\\partial" derived "}" -> derivative
    | "\\lvert" expr "\\rvert" -> abs
    | "\\begin{cases}" case ("\\\\" case)* "\\end{cases}" -> cases
    | "\\begin{bmatrix}" row ("\\\\" row)* "\\end{bmatrix}" -> matrix
derived: symbol group?
group: "(" expr ")"
case: expr "&" "\\text{if }" expr REL expr | expr "&" "\\text{otherwise}"
row: expr ("&" expr)*
symbol: (LETTER | GREEK | HAT | BOLD | NAMED) PRIMES? ("_" sub PRIMES?)?
?sub: (LETTER | DIGIT | GREEK) -> indices | "{" (LETTER | DIGIT | lower)+ "}" -> indices
lower: LETTER "_" ((LETTER | DIGIT) | "{" (LETTER | DIGIT)+ "}")
REL: "=" | "\\ge" | "\\le" | "<" | ">" | "\\ne" | "\\leftarrow"
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
PARSER = Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$[ \t]*\(([^\n]*)\)$", re.MULTILINE | re.DOTALL)
LETTERS = "ijks"
"""The letters that count; any other index is part of a name."""

TOLERANCE = 1e-8
STEP = 1e-30
"""Of the complex step, which loses no digit however small it is (eq-complex-step)."""

AGAINST = {"hwlib": "hwlib", "derivative": "numerical derivative"}

Node = Any  # a lark Tree or Token
Key = tuple[str, tuple[int, ...]]


class FormulaError(ValueError):
    """A printed formula that cannot be read, cannot be evaluated, or is wrong."""


@dataclass(frozen=True)
class Equation:
    """A labelled display equation.

    Attributes
    ----------
    chapter, label : str
    latex : str
        As printed, without its layout.
    sides : tuple of lark.Tree
    relations : tuple of str
        The sign before each side but the first.
    """

    chapter: str
    label: str
    latex: str
    sides: tuple[Node, ...]
    relations: tuple[str, ...]

    def text(self, side: Node) -> str:
        """Return the LaTeX of one side."""
        return self.latex[side.meta.start_pos : side.meta.end_pos]

    @property
    def has_order(self) -> bool:
        """Whether an O(...) stands in it."""
        return any(name_of(s)[0] == "O" for side in self.sides for s in side.find_data("symbol"))


def plain(latex: str) -> str:
    """Return a formula without its layout: alignment, rule column, sized brackets."""
    latex = re.sub(r"\\left(?![a-z])|\\right(?![a-z])|\\quad", " ", latex)
    inner = re.fullmatch(r"\s*\\begin\{aligned\}(.*)\\end\{aligned\}\s*", latex, re.DOTALL)
    if inner is None:
        return latex
    kept: list[str] = []

    def hold(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    lines = re.sub(r"&&\s*\\text\{[^}]*\}", "", inner[1])
    lines = re.sub(r"\\begin\{(cases|bmatrix)\}.*?\\end\{\1\}", hold, lines, flags=re.DOTALL)
    lines = lines.replace("\\\\", " ").replace("&", " ")
    return re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], lines)


def parse(chapter: str, label: str, latex: str) -> Equation:
    """Return an equation from its LaTeX; `FormulaError` says where it is not understood."""
    text = plain(latex)
    try:
        parts = PARSER.parse(text).children
    except LarkError as error:
        place = text[max(getattr(error, "pos_in_stream", 0) or 0, 0) :][:30]
        raise FormulaError(f"{chapter}, {label}: not in the book's LaTeX at {place!r}") from error
    return Equation(chapter, label, text, tuple(parts[::2]), tuple(map(str, parts[1::2])))


def read(folder: str | Path = ".") -> list[Equation]:
    """Return all labelled display equations of the chapters, in the order of the book.

    Parameters
    ----------
    folder : path
        Holds the notebooks.

    Raises
    ------
    FormulaError
        If an equation is outside the book's LaTeX.
    """
    found = []
    for chapter in ORDER:
        path = Path(folder) / f"{chapter}.ipynb"
        if path.exists():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
            displays = DISPLAY.findall("\n\n".join(texts))
            found += [parse(chapter, label, latex) for latex, label in displays]
    return found


def name_of(symbol: Node) -> tuple[str, list[Node], int]:
    """Return a symbol's name, its index nodes and its number of primes."""
    base = re.sub(r"\\operatorname|\\mathbf|[\\{}]", "", str(symbol.children[0]))
    nodes: list[Node] = []
    for child in symbol.children[1:]:
        if isinstance(child, Tree):
            nodes = child.children
    primes = sum(len(c) for c in symbol.children if isinstance(c, Token) and c.type == "PRIMES")
    if nodes and isinstance(nodes[0], Token) and not (nodes[0].isdigit() or nodes[0] in LETTERS):
        return f"{base}_{nodes[0]}".replace("\\", ""), [], primes  # part of the name, as in h_theta
    return base, nodes, primes


class Definition(NamedTuple):
    """What defines a symbol: its name, the pattern of its index, its argument, the equation."""

    name: str
    pattern: tuple[str, ...]
    argument: str
    equation: Equation

    @property
    def is_sum_of_samples(self) -> bool:
        """Whether it adds up samples: the loss of a batch."""
        return binds(self.equation.sides[1], "s")


def binds(side: Node, letter: str) -> bool:
    """Whether a sum over that letter stands in a formula."""
    return any(str(node.children[0]) == letter for node in side.find_data("sum"))


def definition(equation: Equation) -> Definition | None:
    """Return what an equation says of the symbol that stands alone on its left, if one does."""
    left = equation.sides[0]
    if left.data != "factors" or left.children[0].data != "symbol" or len(left.children) > 2:
        return None
    name, nodes, primes = name_of(left.children[0])
    argument = ""
    if len(left.children) == 2:
        inner = next(left.children[1].find_data("symbol"), None)
        if left.children[1].data != "group" or inner is None:
            return None
        argument, inner_nodes, _ = name_of(inner)
        nodes = inner_nodes if name == "h_theta" else nodes
    if primes or name == "delta" or argument == "X":
        return None
    return Definition(name, tuple(map(str, nodes)), argument, equation)


class Book:
    """The equations of the book, and which of them define a symbol.

    Parameters
    ----------
    equations : iterable of Equation
        In the order of the book: the first that has a symbol alone on its left defines it.
    """

    def __init__(self, equations: Iterable[Equation]) -> None:
        self.equations = list(equations)
        self.definitions = [d for e in self.equations if (d := definition(e))]
        self._found: dict[tuple[str, Key, bool], tuple[Equation, dict[str, int]]] = {}

    def define(self, chapter: str, key: Key, *, batch: bool) -> tuple[Equation, dict[str, int]]:
        """Return the equation that defines a symbol in a chapter, and the values of its indices.

        A digit in the index comes before a letter (z_4 is not z_j), and the chapter before
        the others of its part.
        """
        if (chapter, key, batch) not in self._found:
            entries = self._candidates(part_of(chapter), key, batch=batch)
            if not entries:
                raise FormulaError(f"the symbol {key[0]} with index {key[1]} is not defined")
            best = min(entries, key=lambda e: (len(e[1]), e[0].chapter != chapter))
            self._found[chapter, key, batch] = best
        return self._found[chapter, key, batch]

    def _candidates(
        self, part: str, key: Key, *, batch: bool
    ) -> list[tuple[Equation, dict[str, int]]]:
        found = []
        for entry in self.definitions:
            if entry.name != key[0] or len(entry.pattern) != len(key[1]):
                continue
            pairs = list(zip(entry.pattern, key[1], strict=True))
            in_part = part_of(entry.equation.chapter) == part
            of_kind = entry.name != "L" or entry.is_sum_of_samples == batch
            if in_part and of_kind and all(p in LETTERS or p == str(i) for p, i in pairs):
                found.append((entry.equation, {p: i for p, i in pairs if p in LETTERS}))
        return found

    def kind(self, equation: Equation) -> str:
        """Return what an equation is: definition, gradient, step, bound or statement."""
        if equation.label in STATEMENTS:
            return "statement"
        if equation.has_order or set(equation.relations) != {"="}:
            return "bound"
        left = equation.sides[0]
        symbols = [name_of(symbol) for symbol in left.find_data("symbol")]
        if [*left.find_data("derivative")] or any(n == "delta" or p for n, _, p in symbols):
            return "gradient"
        if (entry := definition(equation)) and len(equation.sides) == 2:
            same = [
                d
                for d in self.definitions
                if d[:3] == entry[:3] and d.is_sum_of_samples == entry.is_sum_of_samples
            ]
            if same[0].equation.label == equation.label:
                return "definition"
        return "step"


@dataclass(frozen=True)
class Scope:
    """Where a formula is evaluated: a world, bound indices, and values held in place."""

    book: Book
    world: World
    trust: bool
    index: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[Key, Any] = field(default_factory=dict)
    sample: int = 1
    batch: bool = False
    depth: int = 0
    trace: dict[tuple[str, tuple[int, ...], int], Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def hold(self, **changes: Any) -> Scope:
        """Return the same scope with some changes."""
        return replace(self, **changes)

    def deeper(self, name: str, **changes: Any) -> Scope:
        """Return the scope of the definition of a symbol."""
        if self.depth > 20:
            raise FormulaError(f"{name} is defined by itself")
        return replace(self, depth=self.depth + 1, **changes)

    def note(self, key: Key, value: Any) -> Any:
        """Remember a value for the message of a failure."""
        self.trace[*key, self.sample] = value
        return value


def times(a: Any, b: Any) -> Any:
    """Multiply numbers, vectors and matrices, each with one entry a point in front."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 3 and b.ndim == 2:
        return np.einsum("pij,pj->pi", a, b)
    if a.ndim == 3 and b.ndim == 3:
        return a @ b
    return spread(a, b) * spread(b, a)


def spread(a: Any, b: Any) -> Any:
    """Give a number the axes of the vector or matrix that it multiplies."""
    return a.reshape(a.shape + (1,) * (b.ndim - 1)) if a.ndim == 1 < b.ndim else a


def compare(left: Any, relation: str, right: Any) -> Any:
    """Return where a condition of `cases` holds."""
    a, b = np.real(left), np.real(right)
    tests: dict[str, Callable[[Any, Any], Any]] = {
        "=": np.equal, "\\ne": np.not_equal, "\\ge": np.greater_equal,
        "\\le": np.less_equal, ">": np.greater, "<": np.less,
    }  # fmt: skip
    return tests[relation](a, b)


def larger(a: Any, b: Any) -> Any:
    """max(a, b) for complex numbers too; on a tie b, whose derivative the book takes there."""
    return np.where(np.real(a) > np.real(b), a, b)


def evaluate(node: Node, scope: Scope) -> Any:
    """Return the value of a formula at all points of the scope's world."""
    return getattr(_Evaluator(scope), node.data)(*node.children)


class _Evaluator:
    """One method a construct of the grammar."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def of(self, node: Node) -> Any:
        return evaluate(node, self.scope)

    def number(self, token: Token) -> Any:
        return np.float64(token)

    def name(self, token: Token) -> Any:
        return self.symbol(token)

    def add(self, a: Node, b: Node) -> Any:
        return self.of(a) + self.of(b)

    def sub(self, a: Node, b: Node) -> Any:
        return self.of(a) - self.of(b)

    def neg(self, a: Node) -> Any:
        return -self.of(a)

    def frac(self, a: Node, b: Node) -> Any:
        return self.of(a) / self.of(b)

    def odot(self, a: Node, b: Node) -> Any:
        return self.of(a) * self.of(b)

    def abs(self, a: Node) -> Any:
        value = self.of(a)
        return np.where(np.real(value) < 0, -value, value)

    def group(self, *parts: Node) -> Any:
        if len(parts) != 1:
            raise FormulaError("brackets hold more than one value")
        return self.of(parts[0])

    def power(self, base: Node, exponent: Node) -> Any:
        if exponent.data == "top":
            return np.swapaxes(self.of(base), -1, -2)
        if base.data == "symbol" and [str(c) for c in base.children] == ["e"]:
            return np.exp(self.of(exponent))
        value, by = self.of(base), self.of(exponent)
        return value ** (int(by) if np.ndim(by) == 0 and by == int(by) else by)

    def factors(self, *parts: Node) -> Any:
        result, queue = np.float64(1.0), list(parts)
        while queue:
            part = queue.pop(0)
            if part.data == "symbol" and queue and queue[0].data == "group":
                name, nodes, primes = name_of(part)
                if name in CALLS:
                    arguments = queue.pop(0).children
                    result = times(result, self.call(name, nodes, primes, arguments))
                    continue
            result = times(result, self.of(part))
        return result

    def sum(self, letter: Token, first: Node, last: Node, term: Node) -> Any:
        low, high = int(self.of(first)), int(self.of(last))
        index = self.scope.index
        if str(letter) in index or not low <= high < 50:
            raise FormulaError(f"the sum over {letter} from {low} to {high} makes no sense")
        scopes = [self.scope.hold(index={**index, str(letter): i}) for i in range(low, high + 1)]
        return sum(evaluate(term, scope) for scope in scopes)

    def cases(self, *cases: Node) -> Any:
        *conditional, otherwise = cases
        if len(otherwise.children) != 1 or any(len(c.children) != 4 for c in conditional):
            raise FormulaError("cases need a condition on every line but the last")
        value = self.of(otherwise.children[0])
        for case in reversed(conditional):
            then, left, relation, right = case.children
            is_so = compare(self.of(left), str(relation), self.of(right))
            value = np.where(is_so, self.of(then), value)
        return value

    def matrix(self, *rows: Node) -> Any:
        values = [[self.of(entry) for entry in row.children] for row in rows]
        stacked = np.stack(
            [np.stack(np.broadcast_arrays(*row), axis=-1) for row in values], axis=-2
        )
        return stacked[..., 0] if stacked.shape[-1] == 1 else stacked

    def symbol(self, *children: Node) -> Any:
        name, nodes, primes = name_of(Tree("symbol", list(children)))
        if primes:
            raise FormulaError(f"{name} has a prime and no argument")
        if name == "delta":
            (target,) = nodes
            wrong = isinstance(target, Token)
            if wrong:
                raise FormulaError("delta needs the name of a quantity as its index")
            return self.slope(("L", []), (str(target.children[0]), target.children[1:]))
        return self.quantity(name, nodes)

    def quantity(self, name: str, nodes: list[Node]) -> Any:
        """Return what a symbol stands for: held, hwlib's, drawn, put together, or defined."""
        if not nodes and name in self.scope.index:
            return np.float64(self.scope.index[name])
        key, scope = self.key(name, nodes)
        if key in scope.held:
            return scope.held[key]
        sample = 0 if scope.batch else scope.sample
        if scope.trust and (value := scope.world.trusted(key, sample)) is not None:
            scope.used.add("hwlib")
            return scope.note(key, value)
        if (value := scope.world.drawn(key, scope.sample)) is not None:
            return scope.note(key, value)
        if not key[1] and name in scope.world.assembled:
            return assemble(name, evaluate, scope)
        equation, index = scope.book.define(scope.world.chapter, key, batch=scope.batch)
        return evaluate(equation.sides[1], scope.deeper(name, index=index))

    def key(self, name: str, nodes: list[Node]) -> tuple[Key, Scope]:
        """Return name and whole numbers of a symbol; an index s chooses the sample."""
        scope, index = self.scope, []
        for place, node in enumerate(nodes):
            text = str(node)
            if text == "s" and "s" in scope.index and place == 0:
                scope = scope.hold(sample=scope.index["s"], batch=False)
            elif text.isdigit():
                index.append(int(text))
            elif text in scope.index and text != "s":
                index.append(scope.index[text])
            else:
                raise FormulaError(f"the index {text} of {name} has no value here")
        return (name, tuple(index)), scope

    def derivative(self, above: Node, below: Node) -> Any:
        def target(node: Node) -> tuple[str, list[Node]]:
            name, nodes, primes = name_of(node.children[0])
            if primes:
                raise FormulaError(f"a derivative of {name} with a prime")
            if len(node.children) == 2 and name == "h_theta":
                nodes = name_of(next(node.children[1].find_data("symbol")))[1]
            return name, nodes

        return self.slope(target(above), target(below))

    def slope(self, above: tuple[str, list[Node]], below: tuple[str, list[Node]]) -> Any:
        """Return the derivative of one quantity in another: hwlib's, or by a complex step."""
        world = self.scope.world
        if not below[1] and below[0] in world.assembled:
            return assemble(
                below[0],
                lambda entry, scope: _Evaluator(scope).slope(above, name_of(entry)[:2]),
                self.scope,
            )
        (a, scope), (b, other) = self.key(*above), self.key(*below)
        scope = other if scope is self.scope else scope
        sample = 0 if scope.batch else scope.sample
        if scope.trust and (known := world.slopes.get((*a, *b, sample))) is not None:
            scope.used.add("hwlib")
            return known
        scope.used.add("derivative")
        real, held = scope.hold(trust=False), dict(scope.held)
        for tied in world.ties.get(b[0], (b,)):
            held[tied] = quantity(tied, real) + 1j * STEP
        value = quantity(a, real.hold(held=held))
        return np.imag(value) / STEP + np.zeros(world.n_points)

    def call(self, name: str, nodes: list[Node], primes: int, arguments: list[Node]) -> Any:
        """Return the value of a function, or of its derivative."""
        world = self.scope.world
        if name in BUILTIN:
            values = [self.of(argument) for argument in arguments]
            return BUILTIN[name](*values)
        if name == "O":
            return self.of(arguments[0]) * world.order
        if name in ("h_theta", "ell"):
            return self.model(name, nodes, primes, arguments[0])
        (argument,) = map(self.of, arguments)
        if name == "f":
            return world.f(argument, primes)
        known = world.functions.get(name + "'" * primes)
        if self.scope.trust and known and not np.iscomplexobj(argument):
            self.scope.used.add("hwlib")
            return known(argument)
        return self.apply(name, argument, primes)

    def apply(self, name: str, argument: Any, primes: int) -> Any:
        if primes > 1:
            raise FormulaError(f"the second derivative of {name} is not supported")
        if primes:
            if np.iscomplexobj(argument):
                raise FormulaError(f"a derivative of {name}' is not supported")
            self.scope.used.add("derivative")
            return np.imag(self.apply(name, argument + 1j * STEP, 0)) / STEP
        equation, _ = self.scope.book.define(self.scope.world.chapter, (name, ()), batch=False)
        left = definition(equation)
        held = {**self.scope.held, (left.argument if left else "", ()): argument}
        return evaluate(equation.sides[1], self.scope.deeper(name, held=held, index={}))

    def model(self, name: str, nodes: list[Node], primes: int, argument: Node) -> Any:
        """h_theta(x_i), h_theta(X), h_theta'(0), ell(theta) and ell(v)."""
        symbols = [*argument.find_data("symbol")]
        if primes:
            self.scope.used.add("derivative")
            held = {**self.scope.held, ("u", (1,)): self.of(argument) + 1j * STEP}
            scope = self.scope.hold(held=held, trust=False)
            return np.imag(quantity(("h_theta", (1,)), scope)) / STEP
        (inner,) = symbols
        of, indices, _ = name_of(inner)
        if name == "h_theta" and of == "X":
            rows = [quantity((name, (i,)), self.scope) for i in self.scope.world.ranges["i"]]
            return np.stack(rows, axis=-1)
        if name == "h_theta" and of == "x":
            return self.quantity(name, indices)
        if of == "theta":
            return self.quantity(name, nodes)
        if name == "h_theta":
            raise FormulaError(f"h_theta of {of}")
        moved = {("theta", (j,)): quantity((of, (j,)), self.scope) for j in range(7)}
        scope = self.scope.hold(held={**self.scope.held, **moved}, trust=False)
        return _Evaluator(scope).quantity(name, nodes)


CALLS = {"max", "min", "log", "exp", "Im", "O", "f", "E", "sigma", "ReLU", "h_theta", "ell"}
BUILTIN: dict[str, Callable[..., Any]] = {
    "max": larger, "log": np.log, "exp": np.exp, "Im": np.imag,
    "min": lambda a, b: -larger(-a, -b),
}  # fmt: skip


def quantity(key: Key, scope: Scope) -> Any:
    """Return the value of a symbol by its name and whole numbers."""
    return _Evaluator(scope).quantity(key[0], [Token("DIGIT", str(i)) for i in key[1]])


def assemble(name: str, value: Callable[[Node, Scope], Any], scope: Scope) -> Any:
    """Put a vector or a matrix together from its entries."""
    world, entry = scope.world, scope.world.assembled[name]
    symbol = next(PARSER.parse(entry).find_data("symbol"))
    letters = re.findall(r"[ijs](?=[ijs]*\}+$)", entry)
    ranges = [world.ranges[letter] for letter in letters]
    entries = [
        value(symbol, scope.hold(index={**scope.index, **dict(zip(letters, at, strict=True))}))
        for at in product(*ranges)
    ]
    zeros = np.zeros(world.n_points)
    stacked = np.stack([entry + zeros for entry in entries], axis=-1)
    return stacked.reshape(world.n_points, *map(len, ranges))


class Finding(NamedTuple):
    """How one equation was checked.

    Attributes
    ----------
    equation : Equation
    against : str
        What its sides were compared with, besides each other.
    n_points : int
    error : float
        The largest relative difference of two sides.
    """

    equation: Equation
    against: str
    n_points: int
    error: float


def free_indices(equation: Equation, world: World) -> Iterator[dict[str, int]]:
    """Yield all values of the indices that no sum binds."""
    bound = {str(t.children[0]) for side in equation.sides for t in side.find_data("sum")}
    used: set[str] = set()
    for side in equation.sides:
        for node in side.iter_subtrees():
            if node.data in ("indices", "lower"):
                used |= {str(t) for t in node.children if isinstance(t, Token)}
    letters = sorted((used & set(world.ranges)) - bound)
    for values in product(*(world.ranges[letter] for letter in letters)):
        yield dict(zip(letters, values, strict=True))


@np.errstate(all="ignore")
def check(equation: Equation, book: Book, world: World) -> Finding:
    """Compare the sides of an equation with each other, with hwlib and with derivatives.

    Parameters
    ----------
    equation : Equation
    book : Book
        Where the other symbols are defined.
    world : hwlib.worlds.World
        Of the equation's chapter.

    Raises
    ------
    FormulaError
        If two sides differ at some point: names chapter, label, side, point and values.
    """
    if equation.label in STATEMENTS:
        return Finding(equation, "not executed", 0, 0.0)
    batch = any(binds(side, "s") for side in equation.sides) or "D" in equation.latex
    used: set[str] = set()
    errors, n_points, left, known = [0.0], 0, definition(equation), True
    for index in free_indices(equation, world):
        for trust in (True, False):
            scope = Scope(book, world, trust, index, batch=batch, used=used)
            try:
                known = left is None or (known if not trust else known_by_hwlib(left, scope))
                if left and not known and left.name not in HELPERS:
                    raise FormulaError(f"hwlib does not compute {left.name}")
                values = [evaluate(side, scope) for side in equation.sides]
                gaps = [
                    differences(values[0], relation, value)
                    for relation, value in zip(equation.relations, values[1:], strict=True)
                ]
            except (ValueError, TypeError, OverflowError) as error:
                raise FormulaError(f"{equation.chapter}, {equation.label}: {error}") from error
            where = condition(equation, scope)
            n_points = int(np.sum(where))
            for k, relative in enumerate(gaps, start=1):
                gap = np.where(where, relative, 0.0)
                errors.append(float(np.max(gap)))
                if not errors[-1] <= TOLERANCE:
                    raise FormulaError(message(equation, k, values, gap, scope))
    words = [text for word, text in AGAINST.items() if word in used]
    against = " and ".join(words) or "its other sides"
    if not known and book.kind(equation) == "definition":
        against = "the formulas that use it"
    return Finding(equation, against, n_points, max(errors))


def known_by_hwlib(left: Definition, scope: Scope) -> bool:
    """Whether hwlib computes the symbol that an equation defines."""
    if left.name in BUILTIN or left.name in scope.world.functions:
        return True
    index = tuple(scope.index.get(p, 0) if p in LETTERS else int(p) for p in left.pattern)
    return scope.world.trusted((left.name, index), 0 if scope.batch else 1) is not None


def condition(equation: Equation, scope: Scope) -> Any:
    """Return at which points an equation claims to hold."""
    if (positive := CONDITIONS.get(equation.label)) is None:
        return np.ones(scope.world.n_points, dtype=bool)
    return np.real(evaluate(PARSER.parse(positive).children[0], scope)) > 0


@np.errstate(all="ignore")
def differences(left: Any, relation: str, right: Any) -> Any:
    """Return the relative difference of two sides at each point; infinite if it is no number."""
    left, right = np.broadcast_arrays(left, right)
    scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-6)
    gap = np.abs(left - right) / scale
    if relation != "=":
        over = np.real(left - right) / scale * (1 if relation in ("\\ge", ">") else -1)
        slack = -1e-12 if relation in ("\\ge", "\\le") else 1e-12
        gap = np.where(over >= slack, 0.0, 1.0)
    gap = np.where(np.isfinite(gap), gap, np.inf)
    return gap.reshape(len(gap), -1).max(axis=1) if gap.ndim else gap


def message(equation: Equation, k: int, values: list[Any], gap: Any, scope: Scope) -> str:
    """Say which side of which equation is wrong, and where."""
    p = int(np.argmax(gap))
    shown = [np.asarray(v)[p] if np.ndim(v) else v for v in (values[0], values[k])]
    at = [
        f"{name}{''.join(f'_{i}' for i in index)} = {np.asarray(value)[p]:.6g}"
        for (name, index, sample), value in scope.trace.items()
        if sample == 1 and np.ndim(value) == 1 and not np.iscomplexobj(value)
    ]
    return (
        f"{equation.chapter}, {equation.label}: side {k + 1}, {equation.text(equation.sides[k])}, "
        f"is {shown[1]}, and side 1, {equation.text(equation.sides[0])}, is {shown[0]}, at "
        + ", ".join([f"{letter} = {i}" for letter, i in scope.index.items()] + at[:12])
    )


@np.errstate(all="ignore")
def check_order(equation: Equation, book: Book, far: World, near: World) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, for a large and a small step."""
    ratios = []
    if set(equation.relations) != {"="}:
        raise FormulaError("an order needs equal sides")
    for world in (far, near):
        bare, full = (
            [evaluate(side, Scope(book, replace(world, order=o), True)) for side in equation.sides]
            for o in (0.0, 1.0)
        )
        left = [np.sqrt(np.mean(np.abs(bare[0] - value) ** 2)) for value in bare[1:]]
        claim = [
            np.sqrt(np.mean(np.abs(a - b) ** 2)) for a, b in zip(full[1:], bare[1:], strict=True)
        ]
        ratios.append(
            np.divide(left, claim, out=np.full(len(left), np.inf), where=np.array(claim) > 0)
        )
    for k, (large, small) in enumerate(zip(*ratios, strict=True), start=1):
        if not (large < 10.0 and large / 1.5 < small < 1.5 * large):
            raise FormulaError(
                f"{equation.chapter}, {equation.label}: side {k + 1}, "
                f"{equation.text(equation.sides[k])}: the rest is {large:.2g} times the O(...) "
                f"for a step of about 0.1, and {small:.2g} times for one that is 8 times smaller"
            )
    return Finding(equation, "order of the rest", 2 * near.n_points, 0.0)


def check_one(equation: Equation, book: Book, n_points: int = 240) -> Finding:
    """Check an equation of any kind at points of its chapter.

    Parameters
    ----------
    equation : Equation
    book : Book
    n_points : int, default 240

    Raises
    ------
    FormulaError
        If the equation is wrong, or says something of an unknown symbol.
    """
    world = make_world(equation.chapter, n_points)
    if not equation.has_order:
        finding = check(equation, book, world)
        check(equation, book, make_world(equation.chapter, n_points // 8, second=True))
        return finding
    try:
        return check_order(
            equation, book, world, make_world(equation.chapter, n_points, second=True)
        )
    except ValueError as error:
        raise FormulaError(f"{equation.chapter}, {equation.label}: {error}") from error


def report(chapter: str, folder: str | Path | None = None) -> str:
    """Check the printed formulas of a chapter and return a table of what was compared.

    Parameters
    ----------
    chapter : str
        The name of its file without the ending.
    folder : path, optional
        Holds the chapters; by default the current folder.

    Raises
    ------
    FormulaError
        If a formula is wrong.
    """
    book = Book(read(folder or "."))
    findings = [check_one(e, book) for e in book.equations if e.chapter == chapter]
    width = max(len(f.equation.label) for f in findings)
    lines = [
        f"{f.equation.label:<{width}}  {book.kind(f.equation):<10}  {f.n_points:>3} points  "
        + f.against
        for f in findings
    ]
    executed = sum(f.n_points > 0 for f in findings)
    head = f"{executed} of {len(findings)} formulas checked, none off by {TOLERANCE:.0e}"
    return "\n".join([head, *lines])
