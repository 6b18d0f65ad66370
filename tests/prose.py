"""The numbers and the inline formulas of the prose, each bound to what the page computes.

A *number* in a sentence, a caption or an alt text is listed in a comment of its cell, beside an
expression over the names that the section computes: ``<!-- 442 = n_wrong -->``. An inline formula
with a relation is a *hand calculation*, a *claim*, a *value* or a *condition* (`Scope.judge`). So
whoever changes a digit makes a test fail. CONTRIBUTING.md, "A number in a sentence", has the rules.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from lark import Tree
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from formulas import reader, worlds
from formulas.check import check
from formulas.evaluator import NUMBER, SIGNS, Evaluator, constant, shape
from formulas.reader import Book, Equation, FormulaError, Node, Symbol, free_letters, leaves, parse
from formulas.worlds import CONDITIONS, INDEX_LETTERS, Assembled, World, part_of
from hwlib import data, network, numbering

CHAPTERS = Path(__file__).parents[1] / "chapters"
MARKDOWN = create_md_parser(
    MdParserConfig(enable_extensions=["colon_fence", "deflist", "dollarmath"]), RendererHTML
)
"""Reads a cell as the site does: the extensions of _config.yml."""

# ---------------------------------------------------------------------------------- what is read

COUNT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
WORDS: dict[str, float] = {word: n for n, word in enumerate(COUNT.split())}
WORDS |= {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80}
WORDS |= {"ninety": 90, "hundred": 100, "thousand": 1000, "million": 1_000_000, "dozen": 12}
WORDS |= {"twice": 2, "both": 2, "half": 0.5, "third": 1 / 3, "quarter": 0.25, "double": 2}
NEVER_COUNTS = {"zero", "one", "both", "half", "third", "quarter", "double", "dozen"}
THINGS = (
    "samples points units inputs outputs features weights biases parameters coordinates entries "
    "labels epochs updates steps starts blocks times percent"
)
"""A number word in front of one of these counts it, and is bound; any other one may be."""
COUNTED = re.compile(
    rf"(?:\s(?!(?:and|is|are|in|on|at|that|with)\b)[\w-]+){{0,2}}\s(?:{THINGS.replace(' ', '|')})\b"
)
WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
DIGITS = re.compile(
    rf"(?<![\w.])(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:e-?\d+)?"
    rf"(?:\s?[·×]\s?10[{RAISED}]+|[{RAISED}]+)?(?:\s?%|\spercent\b)?|[½⅓⅔¼¾]"
)
NUMBERED = re.compile(
    r"""\b(?:question|part|chapter|section|figure|table|exercise|algorithm|equation|page|entry|
    unit|sample|class|feature|row|column|line|layer|version|python|hint|step(?=\s\d(?!\d)))s?\s+
    \d+(?:\.\d+)*(?:(?:,\s|\sto\s|–|,?\s(?:and|or)\s)\d+(?:\.\d+)*)*
    |\(\d+\.\d+\.\d+\)|\b0[-–]1\sloss|(?:\b(?:in|since|of)\s|\()(?:19|20)\d\d\b(?!\s\w+s\b)|\b\d+(?:st|nd|rd|th)\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Names of parts, figures, units and samples; (2.1.9); years; ordinals. They are not bound."""
RELATION = re.compile(r"(?<=.)(?:\\(?:ge|geq|le|leq|ne|neq|approx|in)(?![a-zA-Z])|[=<>])(?=.)")
SUPPOSED = re.compile(
    r"\b(?:if|when|whenever|where|wherever|with|for|at|to|from|take|let|suppose|unless|once|while|"
    r"until|assume|instead\sof|in\splace\sof|than|means|only|set|needs?)\b(?:(?!\bthen\b)[^.;:,]){0,60}$",
    re.IGNORECASE,
)
"""What stands before a condition."""


class Item(NamedTuple):
    """A number or an inline formula, as printed, with its sentence.

    `bound` says whether it must be bound: numbering, and a number word that counts nothing, may be.
    """

    kind: str
    text: str
    sentence: str
    bound: bool = True
    supposed: bool = False
    hint: str = ""


class Block(NamedTuple):
    """A paragraph, a heading, an entry of a table, a caption: pieces of text, formulas and code."""

    pieces: tuple[tuple[str, str], ...]
    level: int = 0

    def items(self) -> list[Item]:
        """Return its numbers and formulas in order."""
        hidden = {"text": str, "math": lambda text: f"${'_' * len(text)}$", "code": len}
        shown = "".join(f"${text}$" if kind == "math" else text for kind, text in self.pieces)
        seen = "".join(
            "_" * hidden[kind](text) if kind == "code" else hidden[kind](text)
            for kind, text in self.pieces
        )
        numbered = [m.span() for m in NUMBERED.finditer(seen)]
        if self.level == 1 and (title := re.match(r"[\dA-Z.]+\s", seen)):
            numbered.append(title.span())
        ends = [0, *(m.end() for m in re.finditer(r"[.?!]\s+(?=\S)", seen)), len(seen)]
        found: list[tuple[int, Item]] = []

        def add(kind: str, text: str, at: int, *more: bool) -> None:
            start, end = next((a, b) for a, b in pairwise(ends) if a <= at < b)
            found.append((at, Item(kind, text, shown[start:end].strip(), *more)))

        for m in DIGITS.finditer(seen):
            minus = re.search(r"(?:^|[\s(\[=,:/\"'])([-−])$", seen[: m.start()])
            bound = not any(a <= m.start() < b for a, b in numbered)
            add("number", ("-" if minus else "") + m[0], m.start(), bound)
        for m in WORD.finditer(seen):
            counts = COUNTED.match(seen, m.end()) and m[0].lower() not in NEVER_COUNTS
            add("number", m[0].lower(), m.start(), bool(counts))
        at = 0
        for kind, text in self.pieces:
            if kind == "math":
                before = seen[max(e for e in ends[:-1] if e <= at) : at]
                add("formula", text, at, True, bool(SUPPOSED.search(before)))
            at += len(text) + 2 * (kind == "math")
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def read(source: str) -> tuple[list[Block], list[str]]:
    """Return the blocks of a Markdown text, and the lines of its comments."""
    blocks: list[Block] = []
    comments: list[str] = []
    level = 0
    for token in MARKDOWN.parse(source):
        if token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "inline":
            blocks.append(Block(tuple(_pieces(token)), level))
            level = 0
        elif token.type == "math_block":
            blocks.append(Block((("math", " ".join(token.content.split())),)))
        elif token.type in ("fence", "colon_fence") and token.info.startswith("{"):
            name, _, title = token.info.partition("}")
            body = re.sub(r"\A(?::[\w-]+:.*\n)*", "", token.content)
            if name[1:] in ("exercise", "solution-start", "answer", "container", "figure"):
                title = ""
            for text in (title, "" if name[1:].startswith(("code", "eval", "math")) else body):
                inner, more = read(text)
                blocks += inner
                comments += more
        elif token.type == "html_block" and token.content.startswith("<!--"):
            inside = token.content.strip().removeprefix("<!--").removesuffix("-->")
            comments += filter(None, map(str.strip, inside.splitlines()))
    return blocks, comments


def _pieces(inline: Token) -> Iterator[tuple[str, str]]:
    automatic = False
    for token in inline.children or ():
        if token.type == "link_open":
            automatic = token.markup in ("autolink", "linkify")
        elif token.type == "link_close":
            automatic = False
        elif token.type == "image":
            yield from _pieces(token)
        elif token.type in ("softbreak", "hardbreak"):
            yield "text", " "
        elif token.type.startswith("math"):
            yield "math", token.content
        elif token.content:
            yield "text" if token.type == "text" and not automatic else "code", token.content


class Cell(NamedTuple):
    """What a cell says: where, its blocks, and the lines that bind its numbers."""

    id: str
    section: int
    blocks: tuple[Block, ...]
    lines: tuple[str, ...]
    opens: bool


class Notebook:
    """A page: its name, its cells as stored, and what each of them says.

    Attributes
    ----------
    name : str
    stored : list of dict
    told : list of Cell
    sections : list of int
        The section of each stored cell: each heading of the second level opens one.
    """

    def __init__(self, name: str, stored: list[dict[str, Any]]) -> None:
        self.name, self.stored, self.told, self.sections = name, stored, [], []
        section = 0
        for cell in stored:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                blocks, lines = read(source)
                section += any(block.level == 2 for block in blocks)
            else:
                shown = cell["metadata"].get("mystnb", {})
                blocks, _ = read(shown.get("figure", {}).get("caption", ""))
                alt = shown.get("image", {}).get("alt", "")
                blocks += [Block((("text", alt),))] if alt else []
                lines = re.findall(r"^# caption: (.*)$", source, re.MULTILINE)
            self.sections.append(section)
            if blocks or lines:
                opens = section == 0
                self.told.append(Cell(cell["id"], section, tuple(blocks), tuple(lines), opens))

    @classmethod
    def load(cls, path: Path) -> Notebook:
        """Read a notebook from its file."""
        return cls(path.stem, json.loads(path.read_text(encoding="utf-8"))["cells"])


NOTE = re.compile(r"sample (\d)|(let|false) \$(.*)\$|page (\w+)")
"""Lines of a comment that bind no number: of which sample, or of which page, the values are; what
a formula is."""


class Entry(NamedTuple):
    """A line of a comment: what is printed = an expression, and which of its entries; -1: all."""

    text: str
    expression: str
    place: int
    of: int


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what each line binds: ``1.5, 0.5 = a`` binds two numbers to the entries of a."""
    for line in lines:
        if NOTE.fullmatch(line):
            continue
        left, sign, expression = line.partition(" = ")
        if not sign:
            raise FormulaError(f"the comment {line!r} is not 'number = expression'")
        meaning = left.startswith("$") and symbols(side_of(left.strip("$ ")))
        texts = [left] if meaning else re.split(r",\s+(?![^()]*\))", left)
        for k, text in enumerate(texts):
            yield Entry(text.strip("$ "), expression, -1 if meaning else k, len(texts))


# ------------------------------------------------------------------------------- what is computed


@dataclass
class Run:
    """What a page has computed: the values of the expressions of each cell, and numbers by name.

    `first` holds the numbers and small arrays that the page's first cells assign, `last` for each
    section those at its end.
    """

    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    last: dict[int, dict[str, Any]] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)


def run(page: Notebook) -> Run:
    """Run the cells of a page in this process, and evaluate its comments where they stand."""
    done, names = Run(), {"__name__": "__main__", "__builtins__": __builtins__}
    codes = [k for k, cell in enumerate(page.stored) if cell["cell_type"] == "code"]
    opening = page.sections[codes[0]] if codes else 0
    met: dict[int, set[str]] = {}
    once = {name for name, n in Counter(_assigned(page)).items() if n == 1}
    drawn = {page.stored[k]["id"] for k in codes}

    def evaluate(cell: Cell) -> None:
        known = met.get(opening, set()) | met.get(cell.section, set())
        for line in cell.lines:
            expression = "" if NOTE.fullmatch(line) else line.partition(" = ")[2]
            found = _evaluate(expression, names, known | once)
            if cell not in late or isinstance(done.values[cell.id, expression], FormulaError):
                done.values[cell.id, expression] = found
        late.append(cell)

    late: list[Cell] = []
    show = patch.object(plt, "show", lambda: plt.close("all"))
    with matplotlib.rc_context(), show, contextlib.redirect_stdout(io.StringIO()), _in(CHAPTERS):
        matplotlib.use("agg")
        for k, cell in enumerate(page.stored):
            section, source = page.sections[k], "".join(cell["source"])
            if cell["cell_type"] == "code":
                exec(compile(source, f"{page.name}, {cell['id']}", "exec"), names)
                met.setdefault(section, set()).update(_names(source))
                for told in page.told:
                    if told.id == cell["id"]:
                        evaluate(told)
            if page.sections[k + 1 : k + 2] != [section] and section >= opening:
                for told in page.told:
                    if max(told.section, opening) == section and told.id not in drawn:
                        evaluate(told)
                done.last[section] = dict(_plain(names))
                done.first = done.first or done.last[section]
        for told in list(late):
            evaluate(told)  # what failed: a name that the page assigns once, further down
        plt.close("all")
    return done


def _names(source: str) -> Iterator[str]:
    """Yield the names that a cell assigns, defines or uses; not those that it imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _assigned(page: Notebook) -> Iterator[str]:
    """Yield each name as often as the cells of a page assign it."""
    for cell in page.stored:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            inside = {
                id(node)
                for part in ast.walk(tree)
                if isinstance(part, ast.FunctionDef | ast.Lambda | ast.comprehension)
                for node in ast.walk(part)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield from [node.id] if id(node) not in inside else ()
                elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                    yield node.name


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _plain(names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in names.items():
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if number or (isinstance(value, np.ndarray) and value.size <= 100):
            yield name, np.array(value)
        elif isinstance(value, network.Parameters):
            yield name, value


def _evaluate(expression: str, names: dict[str, Any], known: set[str]) -> Any:
    """Return the value of an expression, or the `FormulaError` that says why it binds nothing."""
    try:
        tree = ast.parse(expression, mode="eval")
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        used = {n.id for n in found} - {n.id for n in found if isinstance(n.ctx, ast.Store)}
        modules = {name for name in used if isinstance(names.get(name), ModuleType)}
        ours = {n for n in used if n in known - modules or _is_hwlib(names.get(n))}
        if far := sorted(used - ours - modules - vars(builtins).keys()):
            return FormulaError(
                f"no cell of this section has the name {', '.join(far)}, and it is not one that the "
                "page assigns once"
            )
        if not ours:
            return FormulaError(f"{expression!r} uses no name that the page computes")
        return eval(compile(tree, "comment", "eval"), dict(names))
    except Exception as error:
        return FormulaError(f"{expression!r} fails: {error!r}")


def _is_hwlib(value: Any) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).startswith("hwlib")


# --------------------------------------------------------------------- the running example of a page

BOOK = Book(reader.read(CHAPTERS))
FUNCTIONS = {"log", "exp", "max", "min", "sigma", "ReLU", "e", "Im"}
OTHER_NAMES = {"lambda": ("l2", "lam"), "alpha": ("step_size",), "haty": ("y_hat",)}
"""What code calls a symbol whose name is no name in Python, or another one."""
EXAMPLES = {"network": ("params", "X", "y"), "hinge": ("theta", "u", "y")}
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
        self.trust, self.order, self.n_slots, self.via = False, 1.0, 0, ""
        self.index, self.held, self.steps, self.used = {}, {}, (), set()
        self.meant, self.names = meant, {**last, **first}
        given = [first.get(name) for name in EXAMPLES.get(part, ())]
        if not given or any(np.ndim(value) == 0 for value in given[1:]):
            given = getattr(data, f"{part}_example", lambda: ())()
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
        functions = {"sigma": [network.sigmoid, network.sigmoid_grad],
                     "ReLU": [network.relu, network.relu_grad]}  # fmt: skip
        self.world = World(ranges, tables, {}, {}, functions)

    def symbol(self, tree: Node) -> Any:
        if tree.children[0] in self.meant:
            return _as_value(self.meant[tree.children[0]])
        try:
            return super().symbol(tree)
        except FormulaError:
            (symbol,) = tree.children
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
                    return _as_value(value)
            raise


def _as_value(value: Any) -> Any:
    array = np.asarray(value, dtype=float)
    rows = array.reshape(-1, 1) if array.ndim < 2 else array
    return constant(1.0) * rows


def _tables(part: str, a: Any, b: Any, y: Any) -> dict[Any, Any]:
    """Return the tables of what a running example consists of, from what the page calls it."""
    if part == "hinge":
        found = worlds._tables(0, theta=a, c=np.ones(7), mu=worlds.polynomial.NONLINEAR)
        found |= worlds._tables(n=float(len(y))) | worlds._tables(1, u=b, y=y)
        return found
    found = worlds._tables(1, y=y, b=worlds._biases(a)) | worlds._tables(n=float(len(y)))
    found |= worlds._tables(d=float(b.shape[1]))
    return found | worlds._tables(1, 1, x=b, W=worlds._weights(a))


# --------------------------------------------------------------------------- whether it is all true


class Verdict(NamedTuple):
    """What an inline formula is, what is wrong with it, and its numbers.

    The comment binds the numbers in `needed`; it may bind all those in `numbers`, in order.
    """

    kind: str
    wrong: str = ""
    numbers: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    hint: str = ""

    @classmethod
    def of(cls, kind: str, numbers: Iterable[str]) -> Verdict:
        """Return one all of whose numbers must be bound."""
        found = tuple(numbers)
        return cls(kind, "", found, found)


def _half(text: str, about: bool = False) -> float | None:
    """Return half a unit of the last digit of a number that stands alone, 0 if it is whole."""
    number = re.fullmatch(r"-?\s*(\d+)(?:\.(\d+))?(?:\s*\\cdot\s*10\^\{?(-?\d+)\}?)?", text.strip())
    if not number:
        return None
    whole, digits, power = number[1], number[2], int(number[3] or 0)
    zeros = len(whole) - len(whole.rstrip("0")) if about else 0
    exact = digits is None and not about and number[3] is None
    return 0.0 if exact else 0.5 * 10.0 ** (power - len(digits or "") + zeros * (digits is None))


def _slack(side: Node, at: Example) -> float:
    """Return how far a side may move if each of its rounded numbers moves by half a unit."""
    numbers = [n for n in side.find_data("number") if "." in n.children[0]]
    value, moved = at.visit(side), 0.0
    for number in numbers:
        (text,) = number.children
        number.children = [repr(float(text) + 0.5 * 10.0 ** -len(text.partition(".")[2]))]
        try:
            moved += float(np.max(np.abs(at.visit(side) - value)))
        finally:
            number.children = [text]
    return moved


def numbers_in(*sides: Node) -> Iterator[str]:
    """Yield the numbers of a formula in order, each with its sign."""
    for side in sides:
        inner = side.children[0] if side.data == "neg" else side
        if inner.data == "number":
            yield ("-" if side is not inner else "") + str(inner.children[0])
        else:
            yield from numbers_in(*(c for c in side.children if isinstance(c, Tree)))


def _idle(side: Node, at: Example) -> Iterator[str]:
    """Yield the numbers of a calculation that do not change it: beside a factor 0, say."""
    numbers = [*side.find_data("number")]
    value = at.visit(side) if len(numbers) > 1 else 0.0
    for number in numbers if len(numbers) > 1 else ():
        (text,) = number.children
        results = []
        for step in (0.5, -0.5):
            number.children = [repr(float(text) + step)]
            results.append(np.all(at.visit(side) == value))
        number.children = [text]
        yield from [str(text)] if any(results) else ()


def _telling(*sides: Node) -> tuple[str, ...]:
    """Return the numbers of a formula but 0, 1 and -1, at which most things bend."""
    return tuple(n for n in numbers_in(*sides) if abs(float(n)) not in (0.0, 1.0))


@cache
def is_claim(page: str, latex: str, condition: str | None, book: Book = BOOK) -> str:
    """Return what is wrong with a formula at drawn points, under a condition if there is one."""
    try:
        equation = equation_of(page, latex)
        with patch.dict(CONDITIONS, {"inline": normal(condition)} if condition else {}):
            check(equation, book)
    except FormulaError as error:
        return str(error)
    return ""


@cache
@np.errstate(all="ignore")
def is_satisfiable(page: str, latex: str) -> bool | None:
    """Whether a condition holds at some drawn point, or may between two; None if none knows it."""
    try:
        equation = equation_of(page, latex)
        letters = "".join(sorted(set().union(*map(free_letters, equation.sides))))
        signs: list[set[float]] = [set() for _ in equation.relations]
        for world in worlds.worlds(equation.part):
            at = Evaluator(BOOK, world, page, None if equation.is_of_a_batch else 1).bind(letters)
            values = [at.visit(side) for side in equation.sides]
            for k, (left, right) in enumerate(pairwise(values)):
                signs[k] |= set(np.unique(np.sign(np.real(left - right)) + 0.0).tolist())
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None
    crossed = [found | ({0.0} if {-1.0, 1.0} <= found else set()) for found in signs]
    return all(set(SIGNS[r]) & found for r, found in zip(equation.relations, crossed, strict=True))


class Scope:
    """Where a formula stands: what its symbols mean there.

    Parameters
    ----------
    page : Notebook
    cell : Cell
    done : Run
    """

    def __init__(self, page: Notebook, cell: Cell, done: Run) -> None:
        self.page, self.cell, self.done = page, cell, done
        opening = [line for other in page.told if other.opens for line in other.lines]
        meant: dict[Symbol, Any] = {}
        self.sample = 1
        self.notes: dict[str, str] = {}
        self.terms: dict[Node, str] = {}
        self.verdicts: dict[Any, Verdict] = {}
        self.name = page.name
        for line in (*opening, *cell.lines):
            if note := NOTE.fullmatch(line):
                self.sample = int(note[1] or self.sample)
                self.name = note[4] or self.name
                self.notes |= {note[3]: note[2]} if note[3] else {}
            elif line.startswith("$"):
                left, _, expression = line.partition(" = ")
                tree = side_of(left.strip("$ "))
                if tree.data == "symbol":
                    meant[tree.children[0]] = self.value(expression)
                else:
                    self.terms[tree] = expression
        lets = [equation_of(self.name, f) for f, note in self.notes.items() if note == "let"]
        self.book = Book([*BOOK.equations, *lets]) if lets else BOOK
        self.at = Example(
            self.book, self.name, done.first, done.last.get(cell.section, done.first), meant,
            self.sample,
        )  # fmt: skip

    def value(self, expression: str) -> Any:
        """Return what an expression of this cell, or of the page's first cells, was."""
        cells = [self.cell, *(other for other in self.page.told if other.opens)]
        value = next(
            self.done.values[c.id, expression]
            for c in cells
            if (c.id, expression) in self.done.values
        )
        if isinstance(value, Exception):
            raise value
        return value

    def judge(self, latex: str, supposed: bool, conditions: tuple[str, ...]) -> Verdict:
        """Say what an inline formula is.

        A *hand calculation* has numbers alone, a *claim* holds at drawn points, maybe where another
        formula of its sentence holds, a *value* holds in the running example; a *condition* stands
        behind a word such as if or where, and can hold. A quantity that equals a number elsewhere
        than in the running example is *bound*, if the cell's comment binds that number.
        """
        key = (latex, supposed, conditions)
        if key not in self.verdicts:
            self.verdicts[key] = self._judge(*key)
        return self.verdicts[key]

    def _judge(self, latex: str, supposed: bool, conditions: tuple[str, ...]) -> Verdict:
        if not RELATION.search(re.sub(r"\\in\s*\\mathbb.*", "", latex)):
            return self.term(latex)
        if members := re.fullmatch(r"(.*)\\in\s*\\\{(.*)\\\}", latex):
            return self.member(members[1], members[2])
        name, note = self.name, self.notes.get(latex)
        if note == "let":
            return Verdict("definition")
        if note == "false":
            here = not is_claim(name, latex, None, self.book)
            return Verdict("false formula", "it is true" if here else "")
        try:
            equation = equation_of(name, latex)
        except FormulaError as error:
            return Verdict("unreadable", str(error).splitlines()[0])
        whole = [n for n, s in enumerate(equation.sides) if not symbols(s)]
        numbers = tuple(numbers_in(*(equation.sides[n] for n in whole)))
        with np.errstate(all="ignore"), contextlib.suppress(FormulaError):
            idle = tuple(n for k in whole for n in _idle(equation.sides[k], self.at))
        if len(whole) == len(equation.sides):
            return Verdict("hand calculation", self.compare(equation, latex), numbers, idle)
        near = {k for k, r in enumerate(equation.relations) if r != "="}
        loose = [equation.sides[n] for n in whole if {n, n - 1} & near]
        found = Verdict("claim", "", numbers, (*idle, *_telling(*loose)))
        for condition in (None, *conditions):
            if r"\approx" not in latex and not is_claim(name, latex, condition, self.book):
                return found
        if not (why := self.compare(equation, latex)):
            return found._replace(kind="value")
        if supposed and is_satisfiable(name, latex):
            letter = str(equation.sides[0].children[0]) in INDEX_LETTERS
            needed = () if letter else _telling(*equation.sides)
            return Verdict("condition", "", tuple(numbers_in(*equation.sides)), needed, why)
        quantities = [s for s in equation.sides if symbols(s)]
        plain = not any(numbers_in(*quantities)) and (supposed or not near)
        if whole and plain and not self.compare(equation, latex, whole):
            last = (*idle, *numbers_in(equation.sides[whole[-1]]))
            return Verdict("bound", "", numbers, last, why)
        false = is_claim(name, latex, None).partition(": ")[2]
        return Verdict("false", f"at drawn points: {false}; in the running example: {why}")

    @np.errstate(all="ignore")
    def compare(self, equation: Equation, latex: str, only: Iterable[int] | None = None) -> str:
        """Return which two sides of a formula are not as printed in the running example."""
        about = [r"\approx" in sign for sign in re.findall(RELATION, normal(latex))]
        try:
            letters = sorted(set().union(*map(free_letters, equation.sides)))
            at = self.at.bind("".join(letters)) if letters else self.at
            at = at.within(sample=None) if equation.is_of_a_batch else at
            taken = range(len(equation.sides)) if only is None else only
            zero = constant(0.0)
            values = [at.visit(s) if k in taken else zero for k, s in enumerate(equation.sides)]
            alone = [not symbols(side) for side in equation.sides]
            rough = [
                _slack(s, at) if a else 0.0 for s, a in zip(equation.sides, alone, strict=True)
            ]
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            return str(error)
        chain = {*equation.relations} == {"="}
        pairs = combinations(range(len(values)), 2) if chain else pairwise(range(len(values)))
        for i, j in pairs:
            if only is not None and not {i, j} <= set(only):
                continue
            relation, (a, b) = equation.relations[i] if j == i + 1 else "=", (values[i], values[j])
            if {shape(a), shape(b)} > {NUMBER} and shape(b) == NUMBER and np.any(b):
                return f"{equation.texts[i]} and {equation.texts[j]} have different shapes"
            halves = [_half(equation.texts[k], any(about[i:j])) for k in (i, j)]
            if relation == "=":
                slack = sum(h for h in halves if h)
                for k, h in zip((i, j), halves, strict=True):
                    # A calculation with rounded numbers, beside none that stands alone.
                    if h is None and (any(about[i:j]) or halves == [None, None]):
                        slack += rough[k]
                bad = ~(np.abs(a - b) <= slack * (1 + 1e-9) + 1e-9 * np.maximum(1e-3, np.abs(b)))
            else:
                bad = ~np.isin(np.sign(np.real(a - b)), SIGNS[relation])
            if np.any(bad):
                left, right = (f"{np.broadcast_to(v, bad.shape)[bad][0]:.6g}" for v in (a, b))
                texts = equation.texts[i], equation.texts[j]
                return f"{texts[0]} is {left}, and {texts[1]} is {right}"
        return ""

    def term(self, latex: str) -> Verdict:
        """Return the numbers of a formula without a relation, unless a numbered equation has it."""
        inside = re.fullmatch(r"\s*(?:\\[{(]|\()(.*?)(?:\\[})]|\))\s*", latex)
        if inside and "," in inside[1]:
            found = [self.term(part) for part in re.split(r",", inside[1])]
            return Verdict.of("term", [n for verdict in found for n in verdict.numbers])
        try:
            tree = side_of(latex)
        except FormulaError:
            bare = re.sub(r"_\{[^}]*\}|_\w|\[\d\]", "", latex)
            return Verdict.of("term", re.findall(r"\d+(?:\.\d+)?", bare))
        if not symbols(tree):
            if any(leaves(tree)):
                return Verdict.of("term", numbers_in(tree))
            return Verdict.of("term", [latex.strip()] if any(tree.find_data("number")) else [])
        if tree in self.terms:
            value = self.value(self.terms[tree])
            close = np.allclose(self.at.visit(tree), _as_value(value), rtol=1e-9, atol=1e-12)
            return Verdict("term", "" if close else f"it is not {self.terms[tree]}, {value}")
        if tree in _known_terms(part_of(self.name)):
            return Verdict("term")
        return Verdict.of("term", numbers_in(tree))

    def member(self, left: str, members: str) -> Verdict:
        """Check that a quantity takes the values of a list, and no other one."""
        try:
            printed = {
                float(self.at.visit(side_of(m)).ravel()[0]) for m in normal(members).split(",")
            }
            (symbol,) = symbols(side_of(left))
            taken: set[float] = set()
            for world in worlds.worlds(part_of(self.name)):
                if str(symbol) in world.ranges:
                    taken |= set(map(float, world.ranges[str(symbol)]))
                else:
                    letters = [i for i in symbol.index if i in INDEX_LETTERS]
                    at = Evaluator(BOOK, world, self.name, 1).bind("".join(letters))
                    taken |= set(np.unique(at.visit(side_of(left))).tolist())
        except (ValueError, LookupError, TypeError) as error:
            return Verdict("unreadable", str(error).splitlines()[0])
        wrong = "" if taken == printed else f"{left.strip()} is one of {sorted(taken)[:9]}"
        return Verdict("claim", wrong)


@cache
def _known_terms(part: str) -> set[Node]:
    sides = (side for e in BOOK.equations if e.part == part for side in e.sides)
    return {tree for side in sides for tree in side.iter_subtrees()}


def printed_value(text: str) -> tuple[float, float]:
    """Return a printed number and half a unit of its last digit."""
    if text in WORDS:
        return float(WORDS[text]), 1e-9
    if unicodedata.category(text[-1]) == "No" and text[-1] not in RAISED:
        return unicodedata.numeric(text[-1]), 1e-9
    text = text.replace("−", "-").replace(",", "")
    number = re.match(r"-?(\d+)(?:\.(\d+))?(?:e(-?\d+))?", text)
    value, digits, power = float(number[0]), len(number[2] or ""), int(number[3] or 0)
    raised = re.search(rf"(?:10)?([{RAISED}]+)", text)
    if raised:
        exponent = int(
            "".join(unicodedata.normalize("NFKC", c) for c in raised[1]).replace("−", "-")
        )
        if raised[0].startswith("10") and raised.start() > 0:
            value, power = value * 10.0**exponent, power + exponent
        else:
            return value**exponent, 1e-9 * value**exponent
    percent = 0.01 if "%" in text or "percent" in text else 1.0
    return value * percent, 0.5 * 10.0 ** (power - digits) * percent


def alike(text: str) -> str:
    """Return a number as printed in the form in which texts and comments are compared."""
    text = text.strip("$ ").replace("−", "-").replace("{,}", ",").replace("+", "")
    return re.sub(r"\s+", " ", text).lower()


def is_value(text: str, value: Any, scope: Scope) -> str:
    """Return what is wrong with a printed number that stands for a value."""
    if re.search(r"[\\^{]", text):  # a formula of numbers alone
        number, half = float(np.real(scope.at.visit(side_of(text)).ravel()[0])), 0.0
    else:
        number, half = printed_value(text)
    try:
        close = abs(float(value) - number) <= half * (1 + 1e-9) + 1e-9 * abs(number)
    except (TypeError, ValueError):
        return f"the comment gives {value!r}, which is no number"
    return "" if close else f"is {float(value):.6g}"


def faults(page: Notebook, done: Run, cells: Iterable[Cell] | None = None) -> Iterator[str]:
    """Yield what is wrong with the numbers and formulas of a page: page, cell, sentence, value."""
    for cell in page.told if cells is None else cells:
        try:
            for sentence, why in _faults(page, done, cell):
                yield f"{page.name}, {cell.id}, “{sentence}”: {why}"
        except FormulaError as error:
            yield f"{page.name}, {cell.id}: {error}"


def _faults(page: Notebook, done: Run, cell: Cell) -> Iterator[tuple[str, str]]:
    scope = done.scopes.get(cell.id) or Scope(page, cell, done)
    done.scopes[cell.id] = scope
    needed: list[Item] = []
    for block in cell.blocks:
        items = block.items()
        for item in items:
            if item.kind == "number":
                needed.append(item)
                continue
            same = (i for i in items if i.kind == "formula" and i.sentence == item.sentence)
            given = tuple(i.text for i in same if i.supposed and i.text != item.text)
            given = tuple(text for text in given if RELATION.search(text))
            verdict = scope.judge(item.text, item.supposed, given)
            if verdict.wrong:
                yield item.sentence, f"${item.text}$ is {verdict.kind}: {verdict.wrong}"
            must = Counter(verdict.needed)
            for number in verdict.numbers:
                bound = must[number] > 0 or must[number.lstrip("-")] > 0
                must[number if must[number] else number.lstrip("-")] -= bound
                needed.append(Item("number", number, item.sentence, bound, hint=verdict.hint))
    formulas = {item.text for block in cell.blocks for item in block.items()}
    for formula in scope.notes.keys() - formulas if not cell.opens else ():
        if any(formula in line for line in cell.lines):
            yield "", f"the comment speaks of ${formula}$, which is not there"
    listed = [entry for entry in entries(cell.lines) if entry.place >= 0]
    for item, entry in _aligned(needed, listed):
        if item is None:
            yield "", f"the comment lists {entry.text} = {entry.expression}, which is not there"
        elif entry is None:
            hint = f"; in the running example {item.hint}" if item.hint else ""
            yield item.sentence, f"{item.text} is bound to no value{hint}"
        else:
            try:
                why = is_value(alike(item.text), _entry_value(entry, scope), scope)
            except FormulaError as error:
                why = str(error)
            if why:
                yield item.sentence, f"{item.text} {why}, by {entry.expression}"


def _entry_value(entry: Entry, scope: Scope) -> Any:
    value = scope.value(entry.expression)
    if entry.of > 1:
        value = np.ravel(value)
        if len(value) not in (1, entry.of):
            raise FormulaError(f"is one of {entry.of}, and there are {len(value)}")
        value = value[entry.place % len(value)]
    if _is_literal(entry):
        raise FormulaError("is a number that the comment repeats")
    return value


def _is_literal(entry: Entry) -> bool:
    """Whether an expression has the printed number in it, outside of an index."""
    tree = ast.parse(entry.expression, mode="eval")
    inside = {
        id(n) for s in ast.walk(tree) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)
    }
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in inside]
    with contextlib.suppress(TypeError, ValueError, IndexError):
        value, _ = printed_value(alike(entry.text))
        return any(n == abs(value) for n in found if isinstance(n, int | float)) and value > 2
    return False


def _aligned(needed: list[Item], listed: list[Entry]) -> list[tuple[Item | None, Entry | None]]:
    """Pair the numbers of a cell with its comment, in order; what only may be bound is left out."""

    @cache
    def rest(i: int, j: int) -> tuple[int, int]:
        """Return how many faults the rest has at least, and which way is best."""
        if i == len(needed) or j == len(listed):
            left = sum(item.bound for item in needed[i:]) + len(listed) - j
            return left, 0
        ways = [(rest(i + 1, j)[0] + needed[i].bound, 1), (rest(i, j + 1)[0] + 1, 2)]
        if alike(needed[i].text) == alike(listed[j].text):
            ways.append((rest(i + 1, j + 1)[0], 0))
        return min(ways)

    i = j = 0
    pairs: list[tuple[Item | None, Entry | None]] = []
    while i < len(needed) and j < len(listed):
        way = rest(i, j)[1]
        if way == 0:
            pairs.append((needed[i], listed[j]))
        elif way == 2:
            pairs.append((None, listed[j]))
        elif needed[i].bound:
            pairs.append((needed[i], None))
        i, j = i + (way != 2), j + (way != 1)
    pairs += [(item, None) for item in needed[i:] if item.bound]
    return pairs + [(None, entry) for entry in listed[j:]]


# ------------------------------------------------------------------------ the reasons beside a line


def _is_slope(tree: Any) -> bool:
    """Whether a piece of a formula is a derivative: a fraction, a delta, or a primed function."""
    if tree.data == "derivative":
        return True
    symbol = tree.children[0] if tree.data in ("symbol", "applied") else None
    symbol = symbol.children[0] if isinstance(symbol, Tree) else symbol
    nested = isinstance(symbol, Symbol) and any(isinstance(i, Symbol) for i in symbol.index)
    return isinstance(symbol, Symbol) and bool(symbol.primes or nested)


def _slopes(tree: Node) -> int:
    """Return how many derivatives a formula has in it."""
    if not isinstance(tree, Tree):
        return 0
    return 1 if _is_slope(tree) else sum(map(_slopes, tree.children))


def _factors(tree: Node) -> list[Node]:
    return [f for c in tree.children for f in _factors(c)] if tree.data in PRODUCTS else [tree]


PRODUCTS = ("times", "odot")
SUMS = ("add", "sub", "sum")


def _is_chain(before: Node, after: Node) -> bool:
    products = (t for t in after.iter_subtrees() if t.data in PRODUCTS)
    return any(sum(map(_is_slope, _factors(product))) > 1 for product in products)


def _is_sum_of_slopes(before: Node, after: Node) -> bool:
    sums = (t for t in after.iter_subtrees() if t.data in SUMS)
    return any(_slopes(s) > (s.data != "sum") for s in sums)


def _is_product_rule(before: Node, after: Node) -> bool:
    sums = (t for t in after.iter_subtrees() if t.data in ("add", "sub"))
    return any(all(map(_slopes, s.children)) and any(map(_products, s.children)) for s in sums)


def _products(tree: Node) -> bool:
    return any(t.data in PRODUCTS for t in tree.iter_subtrees())


def _has(*kinds: str) -> Any:
    return lambda before, after: any(t.data in kinds for t in after.iter_subtrees())


def _size(tree: Node) -> int:
    return sum(1 for _ in tree.scan_values(lambda leaf: True))


def _had_slope(before: Node, after: Node) -> bool:
    return _slopes(before) > 0


def _lost_slope(before: Node, after: Node) -> bool:
    return _slopes(before) > _slopes(after)


def _anything(before: Node, after: Node) -> bool:
    return True


REASONS: dict[str, Any] = {
    "chain rule": _is_chain,
    "sum rule": _is_sum_of_slopes,
    "product rule": _is_product_rule,
    "quotient rule": _has("frac"),
    "power rule": _had_slope,
    "constant factors?": _had_slope,
    "derivative of .+": _lost_slope,
    "derivative of a constant": _lost_slope,
    "common denominator": _has("frac"),
    "split the fraction": _has("frac"),
    "cancel": lambda before, after: _size(after) < _size(before),
    "case distinction": lambda before, after: (
        _has("cases")(after, before) or _has("cases")(0, after)
    ),
    "expand": _has(*SUMS),
    "factor out": _has("times", "odot", "frac"),
    "log of a (product|power|quotient)": lambda before, after: _calls("log", before, after),
    "log undoes exp": lambda before, after: _calls("log", before),
    "collect terms": _anything,
    "substitute .+": _anything,
    "(multiply|divide) by .+": _anything,
    "Taylor": lambda before, after: _calls("O", after),
}
"""The reasons that may stand beside a line of a derivation, and whether one fits its step."""

SPELLED = {
    "ŷ": "haty", "σ": "sigma", "the sigmoid": "sigma", "δ": "delta", "θ": "theta", "λ": "lambda",
    "τ": "tau", "α": "alpha", "μ": "mu", "ℓ": "ell", "ρ": "rho", "η": "eta", "ν": "nu",
    "the loss": "L",
}  # fmt: skip
"""Names of symbols in a reason, where they are not those of LaTeX."""


def _calls(name: str, *sides: Node) -> bool:
    return any(s.name == name for side in sides for s in leaves(side))


def reason_faults(page: str, label: str, latex: str) -> Iterator[str]:
    """Yield the reasons of a displayed derivation that are not in the list, or do not fit."""
    equation = parse(page, label, latex)
    for m in re.finditer(r"&&\s*\\text\{\(?(.*?)\)?\}", latex):
        k = len(re.findall(r"&\s*(?:=|<|>|\\(?:ge|le|ne)\b)", latex[: m.start()]))
        before, after = equation.sides[k - 1], equation.sides[k]
        if why := _misfit(m[1], before, after, equation):
            yield f"{page}, ({numbering.number(label)}), the reason “{m[1]}”: {why}"


def _misfit(reason: str, before: Node, after: Node, equation: Equation) -> str:
    if re.fullmatch(r"\(?\d+\.\d+\.\d+\)?", reason):
        numbers = [numbering.number(e.label) for e in BOOK.equations]
        here = numbering.number(equation.label)
        place = reason.strip("()")
        if place not in numbers or numbers.index(place) >= numbers.index(here):
            return "no earlier equation has that number"
        return ""
    if reason.startswith("definition of "):
        name = reason.removeprefix("definition of ")
        name = SPELLED.get(
            name, re.sub(r"[₀-₉]+|_.*", "", SPELLED.get(name[0], name[0]) + name[1:])
        )
        known = BOOK.definitions(equation.page, name) or name in ("delta", "ReLU")
        if not known:
            return f"the book does not define {name}"
        inside = [any(s.name == name for s in leaves(side)) for side in (before, after)]
        return "" if any(inside) and before != after else f"{name} is in neither line"
    for pattern, fits in REASONS.items():
        if re.fullmatch(pattern, reason):
            return "" if fits(before, after) else "it does not fit the step"
    return "it is not in the list"


# ------------------------------------------------------------------------------- changed on purpose

SWAPS = [
    ("above", "below"), ("all", "some"), ("rises", "falls"), ("larger", "smaller"),
    ("left", "right"), ("first", "last"), ("positive", "negative"), ("before", "after"),
    ("on", "off"), ("more", "less"), ("up", "down"), ("always", "never"), ("every", "no"),
    ("blue", "orange"), ("solid", "dashed"), ("same", "other"), ("is", "is not"),
]  # fmt: skip
"""Words whose exchange makes most sentences false."""


class Mutant(NamedTuple):
    """A cell with one change: what, where, and the sentence or formula as it then reads."""

    what: str
    cell: Cell
    shown: str


def changed(cell: Cell, b: int, k: int, start: int, end: int, new: str) -> Mutant:
    """Return a cell with other characters in one piece of one block."""
    block = cell.blocks[b]
    kind, text = block.pieces[k]
    pieces = list(block.pieces)
    pieces[k] = (kind, text[:start] + new + text[end:])
    blocks = list(cell.blocks)
    blocks[b] = block._replace(pieces=tuple(pieces))
    shown = "".join(f"${text}$" if kind == "math" else text for kind, text in pieces)
    what = f"{text[start:end]} becomes {new} in {text[max(0, start - 30) : end + 30]!r}"
    return Mutant(what, cell._replace(blocks=tuple(blocks)), shown)


def digits(page: Notebook) -> Iterator[tuple[Cell, int, int, int]]:
    """Yield the place of each digit of the prose that is not numbering, a year or an index."""
    for cell in page.told:
        for b, block in enumerate(cell.blocks):
            seen = "".join(t if kind == "text" else "_" * len(t) for kind, t in block.pieces)
            title = re.match(r"[\dA-Z.]+\s", seen) if block.level == 1 else None
            skip = [m.span() for m in NUMBERED.finditer(seen)] + ([title.span()] if title else [])
            wanted = {n for m in DIGITS.finditer(seen) for n in range(*m.span())}
            wanted -= {n for span in skip for n in range(*span)}
            at = 0
            for k, (kind, text) in enumerate(block.pieces):
                bare = re.sub(
                    r"_\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|_\w", lambda m: "_" * len(m[0]), text
                )
                for n, letter in enumerate(bare):
                    plain = letter in "0123456789"
                    if plain and (kind == "math" or (kind == "text" and at + n in wanted)):
                        yield cell, b, k, n
                at += len(text)


def other_words(page: Notebook) -> Iterator[Mutant]:
    """Yield each exchange of a word by its opposite."""
    words = {a: b for pair in SWAPS for a, b in (pair, pair[::-1])}
    for cell in page.told:
        for b, block in enumerate(cell.blocks):
            for k, (kind, text) in enumerate(block.pieces):
                for m in re.finditer(r"\bis not\b|\b\w+\b", text) if kind == "text" else ():
                    if m[0] in words:
                        yield changed(cell, b, k, *m.span(), words[m[0]])


def notices(page: Notebook, done: Run, mutant: Mutant) -> bool:
    """Whether a fault is found that names the page and the sentence that was changed."""
    try:
        return any(not s or s in mutant.shown for s, _ in _faults(page, done, mutant.cell))
    except FormulaError:
        return False
