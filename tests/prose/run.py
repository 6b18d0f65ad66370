"""What a page computes: its cells are run, and the expressions in its comments evaluated."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from formulas.reader import FormulaError
from hwlib import layers, network
from tests.prose.text import CHAPTERS, Cell, Notebook, expression_of


@dataclass
class Run:
    """What a page has computed: the values of the expressions of each cell, and numbers by name.

    `first` holds the numbers and small arrays that the page's first cells assign, `last` for each
    section those at its end.
    """

    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    last: dict[int, dict[str, Any]] = field(default_factory=dict)
    scopes: dict[str, Any] = field(default_factory=dict)


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
            expression = expression_of(line)
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
        elif isinstance(value, network.Parameters) or _is_layers(value):
            yield name, value


def _is_layers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], layers.Layer)


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
                f"no cell of this section has the name {', '.join(far)}, and the page does not "
                "assign it just once"
            )
        if not ours:
            return FormulaError(f"{expression!r} uses no name that the page computes")
        return eval(compile(tree, "comment", "eval"), dict(names))
    except Exception as error:
        return FormulaError(f"{expression!r} fails: {error!r}")


def _is_hwlib(value: Any) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).startswith("hwlib")
