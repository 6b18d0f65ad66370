"""What a page says: its numbers and inline formulas, each with its sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

CHAPTERS = Path(__file__).parents[2] / "chapters"
MARKDOWN = create_md_parser(
    MdParserConfig(enable_extensions=["colon_fence", "deflist", "dollarmath"]), RendererHTML
)
"""Reads a cell as the site does: the extensions of _config.yml."""


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


NOTE = re.compile(r"sample (\d)|(let|false) \$(.*)\$|page (\w+)")
"""Lines of a comment that bind no number: of which sample, or of which page, the values are; what
a formula is."""


PHRASE = re.compile(r'"([^"]+)": (.+)')
"""A line that binds a word: ``"all are rejected": verdicts == "rejected"``."""


def expression_of(line: str) -> str:
    """Return the expression of a line of a comment, if it has one."""
    if NOTE.fullmatch(line):
        return ""
    phrase = PHRASE.fullmatch(line)
    return phrase[2] if phrase else line.partition(" = ")[2]


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

    def sentences(self) -> list[str]:
        """Return its sentences, formulas between dollar signs."""
        shown = "".join(f"${text}$" if kind == "math" else text for kind, text in self.pieces)
        return re.split(r"(?<=[.?!])\s+(?=\S)", shown.strip())

    @cache  # noqa: B019 # blocks are few, and asked often
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


NAMES = """import numpy as np
from hwlib import data, gradcheck, hinge, network, optim, polynomial
params, X, y = data.network_example()
theta, u, label = data.hinge_example()
"""


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
        """Read a page; give one without code the names of the running examples."""
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            return cls(path.stem, json.loads(text)["cells"])
        parts = re.split(r"(?m)^(?=## )", text)
        cells = [{"cell_type": "markdown", "metadata": {}, "source": part,
                  "id": part.partition("\n")[0].strip("# ")} for part in parts]  # fmt: skip
        names = {"cell_type": "code", "metadata": {}, "source": NAMES, "id": "names"}
        return cls(path.stem, [cells[0], names, *cells[1:]])
