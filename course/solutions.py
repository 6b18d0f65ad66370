"""What an edition for students leaves out, by rule, and for every kind of edition the same.

Left out are

- ``{solution}`` boxes, and all between ``{solution-start}`` and ``{solution-end}``;
- what follows the line ``---`` of an ``{answer}`` box;
- a section whose head says *model answer*, and each sentence that refers to it;
- code cells of which the page shows nothing, unless a later cell needs them, and the comments that
  bind the numbers of a text: they check, and repeat, what a solution says;
- in a stored output, each row of a table that prints an equation of a solution.

Exercises, hints and derivations stay. Where a solution had numbered equations, one line says which,
so that a reference to one of them still leads somewhere. The pages stay MyST.
"""

from __future__ import annotations

import ast
import copy
import re
import symtable
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from hwlib import numbering

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"(`{3,}|:{3,})(?:\{([\w:-]+)\})?")
MODEL = re.compile(r"^(?:\([\w-]+\)=\n)?#+ .*model answer", re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
BINDING = re.compile(r"^# caption: .*\n?", re.MULTILINE)
TARGET = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
EQUATION = re.compile(r"^\$\$ \((eq-[\w-]+)\)$", re.MULTILINE)
REFERENCE = re.compile(r"\{\w+\}`(?:[^`<]*<)?([\w-]+)>?`")
ROW = re.compile(r"^\| \{eq\}`([\w-]+)`")
SENTENCE = re.compile(r"(?<=[.?!])\s+|(?<=[.?!][)*])\s+")


def is_shown(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a text, and whether each stays where solutions are left out."""
    fences: list[tuple[str, str]] = []  # those that are open, and the directive of each
    cut = 0  # how many were open where a solution began that is left out
    model = False  # within a model answer
    for line in MODEL.sub("# model answer", text).split("\n"):
        fence, directive = fences[-1] if fences else ("`", "")
        closes = bool(fences) and re.fullmatch(rf"{fence}{fence[0]}*\s*", line) is not None
        if not closes and (opened := FENCE.match(line)):
            fences.append((opened[1], opened[2] or ""))
            cut = cut or len(fences) * (opened[2] == "solution")
        elif directive == "answer" and line.strip() == "---":
            cut = cut or len(fences)
        elif closes and directive == "answer" and cut == len(fences):
            cut = 0
        if not fences and re.match("#+ ", line):
            model = line.startswith("# model answer")
        yield line, not (cut or model)
        if closes:
            cut = 0 if cut == len(fences) else cut
            fences.pop()


def in_place_of(labels: Sequence[str]) -> str:
    """Return the line that stands for equations which are left out, with their anchors."""
    numbers = [f"({numbering.number(label)})" for label in labels]
    listed = " and ".join(filter(None, [", ".join(numbers[:-1]), *numbers[-1:]]))
    anchors = "".join(f"(equation-{label})=\n" for label in labels)
    return f"{anchors}The solution, which this edition leaves out, has {listed}." if labels else ""


def without_sentences(line: str, gone: set[str]) -> str:
    """Return a line without the sentences that refer to something that is left out."""
    parts = SENTENCE.split(line)
    kept = [part for part in parts if not gone & set(REFERENCE.findall(part))]
    return line if len(kept) == len(parts) else " ".join(kept)


def text_without_solutions(text: str) -> str:
    """Return the text of a page, or of a cell, without solutions."""
    kept: list[str] = []
    cut: list[str] = []
    for line, shown in [*is_shown(COMMENT.sub("", text)), ("", True)]:
        if not shown:
            cut.append(line)
            continue
        kept += ["", in_place_of(EQUATION.findall("\n".join(cut))), ""] * bool(cut)
        cut = []
        kept.append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    return re.sub(r"\n\n(?=`{3,}$|:{3,}$)", "\n", text, flags=re.MULTILINE)


def without_solutions(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without solutions; its cells keep their outputs."""
    student = copy.deepcopy(notebook)
    student.cells = without_checks([*kept_cells(student.cells)])
    before, after = (
        {name for cell in cells for name in TARGET.findall(cell.source)}
        for cells in (notebook.cells, student.cells)
    )
    for cell in student.cells:
        if cell.cell_type == "markdown":
            lines = [without_sentences(line, before - after) for line in cell.source.split("\n")]
            cell.source = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            rows = data.get("text/markdown", "").split("\n")
            if kept := [row for row in rows if not set(ROW.findall(row)) & gone()]:
                data["text/markdown"] = "\n".join(kept)
    return student


@cache
def gone() -> frozenset[str]:
    """Return the labels of the book's equations that stand in solutions alone."""
    pages = [nbformat.read(path, as_version=4) for path in (ROOT / "chapters").glob("*.ipynb")]
    cells = [cell for page in pages for cell in page.cells if cell.cell_type == "markdown"]
    everywhere, kept = (
        {label for cell in some for label in EQUATION.findall(cell.source)}
        for some in (cells, [*kept_cells(copy.deepcopy(cells))])
    )
    return frozenset(everywhere - kept)


def kept_cells(cells: Iterable[Any]) -> Iterator[Any]:
    """Yield the cells that stay, without what is left out of them."""
    solution: list[str] | None = None  # the texts of the solution that is open
    for cell in cells:
        if solution is None and "{solution-start}" in cell.source:
            solution = []
        if solution is not None:
            solution.append(cell.source)
            if "{solution-end}" not in cell.source:
                continue
            line = in_place_of(EQUATION.findall("\n".join(solution)))
            cell, solution = new_markdown_cell(line, id=cell.id), None
        elif cell.cell_type == "markdown":
            cell.source = text_without_solutions(cell.source)
        else:
            cell.source = BINDING.sub("", cell.source)
        if cell.source:
            yield cell


def without_checks(cells: Sequence[Any]) -> list[Any]:
    """Return the cells without those of which a page shows nothing, if no later one needs them."""
    kept: list[Any] = []
    wanted: set[str] = set()
    for cell in reversed(cells):
        if cell.cell_type == "code":
            binds, reads = names(cell.source)
            tags = cell.metadata.get("tags", [])
            unseen = "remove-input" in tags and ("remove-output" in tags or not cell.outputs)
            if unseen and not binds & wanted:
                continue
            wanted = (wanted - binds) | reads
        kept.insert(0, cell)
    return kept


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell binds, and those that it reads, in functions too."""
    top = symtable.symtable(source, "cell", "exec").get_symbols()
    nodes = ast.walk(ast.parse(source))
    reads = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return {s.get_name() for s in top if s.is_assigned() or s.is_imported()}, reads
