"""The notebooks of the book for a reader's own machine: without solutions, or with them."""

import ast
import re
import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from course import folded
from course.plain import Book, Plain, figure_of

START = """To run this notebook, have `{wheel}` beside it, and install that once. In a
terminal, in this folder, with Python 3.11 or newer:

    python -m pip install "./{wheel}[notebooks]"

Then `python -m jupyterlab` opens the folder in a browser; any other editor of notebooks does, too,
with the same Python. Run all cells once: Jupyter shows the figures only of cells that it has run
itself. The boxes that check what you type are on the book's site."""
TABLES = "\n\nThis page reads tables from the folder `benchmarks` beside it."

BLANKS = {"markdown": "*Your answer:*", "code": "# Your code:"}


def is_hidden(cell: Any) -> bool:
    """Whether the site does not show the code of a cell: it is there for the tests."""
    return "remove-input" in cell.metadata.get("tags", [])


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a statement binds, and those that it looks up, in functions too."""
    top = symtable.symtable(source, "cell", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    return binds, set(_looked_up(top))


def _looked_up(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _looked_up(child)


def keep_needed(cells: list[Any]) -> None:
    """Leave of hidden cells the statements whose names a visible cell needs, in place."""
    wanted: set[str] = set()
    for cell in reversed([cell for cell in cells if cell.cell_type == "code"]):
        kept: list[str] = []
        for statement in reversed(ast.parse(cell.source).body):
            lines = cell.source.splitlines()[_first(statement) - 1 : statement.end_lineno]
            binds, looks = names("\n".join(lines))
            if not is_hidden(cell) or binds & wanted:
                kept.append("\n".join(lines))
                own = binds if isinstance(statement, ast.For | ast.With) else set()
                wanted = (wanted - binds) | (looks - own)
        if is_hidden(cell):
            cell.source = "\n".join(reversed(kept))


def _first(statement: ast.stmt) -> int:
    """Return the number of the first line of a statement, which may be a decorator's."""
    decorators = getattr(statement, "decorator_list", [])
    return min(node.lineno for node in [statement, *decorators])


def is_about_the_repository(cells: list[Any], root: Path) -> bool:
    """Whether code in view needs a package of the repository besides hwlib, or reads the pages."""
    code = [cell.source for cell in cells if cell.cell_type == "code" and not is_hidden(cell)]
    tops = re.findall(r"(?m)^ *(?:from|import) (\w+)", "\n".join(code))
    others = {top for top in tops if (root / top).is_dir()} - {"hwlib"}
    return bool(others) or any('.ipynb"' in source for source in code)


def without_solutions(cells: list[Any]) -> list[Any]:
    """Return cells without solutions; in place of each there is room for an answer."""
    kept: list[Any] = []
    solution: list[Any] = []
    for cell, inside in folded.regions(cells):
        if inside:
            solution.append(cell)
            continue
        kept += room_for(solution)
        solution = []
        kept.append(cell)
        if cell.cell_type == "markdown":
            cell.source = folded.cut(cell.source)
    return kept


def room_for(solution: list[Any]) -> Iterator[Any]:
    """Yield empty cells of the kinds that a solution has."""
    last = {cell.cell_type: cell for cell in solution}
    if "markdown" in last:
        place = folded.in_place_of("\n".join(cell.source for cell in solution))
        text = f"{place}\n{BLANKS['markdown']}".strip()
        yield new_markdown_cell(text, id=f"{last['markdown'].id}-yours")
    if "code" in last:
        yield new_code_cell(BLANKS["code"], id=f"{last['code'].id}-yours")


def rewritten(cell: Any, plain: Plain) -> Iterator[Any]:
    """Yield what becomes of a cell: plain text; code, with the caption of its figure."""
    if cell.cell_type == "markdown":
        if text := plain.text(cell.source):
            yield new_markdown_cell(text, id=cell.id)
        return
    for output in cell.outputs:
        if "text/markdown" in output.get("data", {}):
            output.data["text/markdown"] = plain.text(output.data["text/markdown"])
            if is_hidden(cell):  # a line of text with a number in it
                yield new_markdown_cell(output.data["text/markdown"], id=f"{cell.id}-text")
    if cell.source:
        tags = {*cell.metadata.get("tags", [])}
        is_folded = tags & {"hide-input", "remove-input"}
        folds = {"jupyter": {"source_hidden": True}} if is_folded else {}
        shown = [] if tags & {"remove-output", "remove-input"} else cell.outputs
        yield new_code_cell(plain.code(cell.source), id=cell.id, metadata=folds, outputs=shown)
    if figure := figure_of(cell):
        caption = f"**{plain.book.called(figure['name'])}.** {plain.text(figure['caption'])}"
        yield new_markdown_cell(caption, id=f"{cell.id}-caption")


def write(book: Book, target: Path, wheel: str, *, solutions: bool) -> list[str]:
    """Write the notebooks of the book into a folder; return the pages that are left out.

    Those are the ones whose code is about the repository itself.
    """
    paths = {page: book.root / "chapters" / f"{page}.ipynb" for page in book.pages}
    notebooks = {page: nbformat.read(path, 4) for page, path in paths.items() if path.exists()}
    out = [p for p, page in notebooks.items() if is_about_the_repository(page.cells, book.root)]
    beside = notebooks.keys() - set(out)
    for page in sorted(beside):
        notebook = notebooks[page]
        cells = notebook.cells if solutions else without_solutions(notebook.cells)
        keep_needed(cells)
        plain = Plain(book, page, set(beside))
        start = START.format(wheel=wheel) + TABLES * ("../benchmarks/" in repr(cells))
        first = new_markdown_cell(start, id="start")
        notebook.cells = [first, *(new for cell in cells for new in rewritten(cell, plain))]
        _number(notebook.cells)
        (target / f"{page}.ipynb").write_text(nbformat.writes(notebook) + "\n", "utf-8")
    return out


def _number(cells: list[Any]) -> None:
    """Count the cells that have run, without those that are left out."""
    run = [cell for cell in cells if cell.cell_type == "code" and cell.source != BLANKS["code"]]
    for place, cell in enumerate(run, 1):
        cell.execution_count = place
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = place
