"""What every page of the book keeps to, read from the files without running them.

`make test` runs the notebooks besides, and compares what they print and draw. Each rule below
is a function from a page to its faults; at the end each one is shown pages that it must refuse.
"""

from __future__ import annotations

import ast
import copy
import doctest
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from formulas import reader

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"
NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
TEXTS = sorted(CHAPTERS.glob("*.md"))
OTHER = {"api", "bibliography"}
REWRITTEN = sorted(
    path.stem
    for path in CHAPTERS.glob("*.*")
    if path.suffix in {".ipynb", ".md"}
    and path.stem not in OTHER
    and not path.stem.startswith("api_")
)
"""Pages in the words of the field; beside README, CONTRIBUTING, CHANGELOG and hwlib."""
NOT_SAID = {
    "with respect to": r"\bslopes? in\b|\b(?:derivative|gradient)s?(?: of [^.;:,]{1,40})? in [$`]",
    "fix, correct": r"\bmend(?:s|ed|ing)?\b",
    "endlessly, any more": r"\bfor ever\b",
    "reject, raise": r"\brefus(?:es?|ed|als?)\b",
    "flip, reverse": r"\bturn(?:s|ed|ing)?(?: \w+){0,3} round\b",
    "the true label": r"\blabels? that (?:came|comes?)\b",
    "costly": r"\bdear(?:er|est)?\b",
    "1 minus the margin": r"\bmargin lacks\b",
    "similar": r"\bof like\b",
    "collect terms": r"\bby what stands before\b",
    "nothing: it is filler": r"\b(?:simply|clearly|obviously|of course|needless to say)\b",
    "nothing: it helps nobody": r"\bsomething to hold\b",
}
"""What no teacher would say to a class, and what to say instead. What is found is added."""
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDTH = 76
"""What a page shows of a line at 1280 pixels without a scroll bar."""
IMAGES = {"image/svg+xml", "image/png", "image/jpeg", "application/pdf"}
TAGS = {"hide-input", "hide-output", "remove-input", "remove-output"}
LIMITS = {"equations": 20, "figures": 8, "lines of code in view": 150}
MACHINE = {
    "a path of the machine": r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|var|mnt|Users)/\w",
    "a Windows path": r"\b[A-Z]:\\\w",
    "an installed file": r"site-packages|dist-packages|ipykernel_\d",
    "an address in memory": r"\b0x[0-9a-f]{6,}",
    "a time of day": r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d",
}
NO_LATEX = (
    r"\\[!,;:]|\\(?:tag|label|newcommand|def|boldsymbol|mathrm|mathbb\{(?!R\})|limits)(?![A-Za-z])"
    r"|\\begin\{(?!aligned|cases|bmatrix)|\\text\{[^}]*\$"
)
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$[ \t]*(?:\(([^\n]*)\))?$", re.MULTILINE | re.DOTALL)
LABEL = re.compile(r"eq(?:-[a-z0-9]+)+")


class Page(NamedTuple):
    """A notebook with its name; a page without code is a notebook of one cell."""

    name: str
    cells: list[Any]
    metadata: dict[str, Any]

    def code(self) -> list[Any]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    def text(self) -> str:
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    def outputs(self) -> Iterator[tuple[str, Any]]:
        for cell in self.code():
            yield from ((cell.id, output) for output in cell.outputs)


def read(path: Path) -> Page:
    if path.suffix == ".md":
        return Page(path.stem, [new_markdown_cell(path.read_text(encoding="utf-8"))], {})
    notebook = nbformat.read(path, as_version=4)
    return Page(path.stem, notebook.cells, notebook.metadata)


Faults = Iterator[str]


def metadata_is_minimal(page: Page) -> Faults:
    if page.metadata != {"kernelspec": KERNEL, "language_info": {"name": "python"}}:
        yield f"the notebook's metadata are {page.metadata}"
    for cell in page.cells:
        if cell.metadata.keys() - ({"tags", "mystnb"} if cell.cell_type == "code" else set()):
            yield f"{cell.id}: metadata {sorted(cell.metadata)}"
        if set(cell.metadata.get("tags", [])) - TAGS:
            yield f"{cell.id}: tags {cell.metadata.tags}"
        if cell.metadata.get("mystnb", {}).keys() - {"figure", "image", "markdown_format"}:
            yield f"{cell.id}: mystnb {sorted(cell.metadata.mystnb)}"
    for cell_id, output in page.outputs():
        if output.get("metadata"):
            yield f"{cell_id}: an output has metadata {output.metadata}"


def cells_are_named(page: Page) -> Faults:
    for cell_id, times in Counter(cell.get("id", "") for cell in page.cells).items():
        if times > 1:
            yield f"{times} cells are called {cell_id}"
        if re.fullmatch(r"[0-9a-f]{8}|", cell_id):
            yield f"the id {cell_id!r} was drawn at random: give the cell a speaking one"


def cells_ran_in_order(page: Page) -> Faults:
    counts = [cell.execution_count for cell in page.code()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}"
    for cell in page.code():
        for output in cell.outputs:
            if output.get("execution_count", cell.execution_count) != cell.execution_count:
                yield f"{cell.id}: an output is numbered {output.execution_count}"


def code_is_plain_python(page: Page) -> Faults:
    for cell in page.code():
        try:
            ast.parse(cell.source)
            tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
        except (SyntaxError, tokenize.TokenError) as error:
            yield f"{cell.id}: not Python without magics: {error}"
        else:
            if any(token.type == tokenize.OP and token.string == ";" for token in tokens):
                yield f"{cell.id}: a semicolon; end a figure cell with plt.show()"


def cells_are_short(page: Page) -> Faults:
    for cell in page.code():
        if (lines := code_lines(cell)) > 25:
            yield f"{cell.id}: {lines} lines of code, more than 25"


def outputs_are_clean(page: Page) -> Faults:
    for cell_id, output in page.outputs():
        if output.output_type == "error":
            yield f"{cell_id}: raises {output.ename}"
        if output.get("name") == "stderr":
            yield f"{cell_id}: writes to stderr: {output.text}"
        for what, pattern in MACHINE.items():
            if found := re.search(pattern, shown(output)):
                yield f"{cell_id}: shows {what}: {found[0]}"


def figures_speak(page: Page) -> Faults:
    for cell in page.code():
        kinds = [IMAGES & output.get("data", {}).keys() for output in cell.outputs]
        number = sum(map(bool, kinds))
        if number == 0 and "figure" in cell.metadata.get("mystnb", {}):
            yield f"{cell.id}: a caption without a figure"
        if number == 0:
            continue
        if number > 1 or set().union(*kinds) != {"image/svg+xml"}:
            yield f"{cell.id}: not one figure, as SVG: {kinds}"
        if cell.source.rstrip().splitlines()[-1] != "plt.show()":
            yield f"{cell.id}: the last line is not plt.show()"
        meta = cell.metadata.get("mystnb", {})
        figure, image = meta.get("figure", {}), meta.get("image", {})
        if not re.fullmatch(r"fig(-[a-z0-9]+)+", figure.get("name", "")):
            yield f"{cell.id}: the figure is called {figure.get('name')!r}"
        for what, words in (("caption", figure.get("caption", "")), ("alt", image.get("alt", ""))):
            if len(words.split()) < 5 or not words.endswith("."):
                yield f"{cell.id}: its {what} is no sentence: {words!r}"


def equations_are_labelled(page: Page) -> Faults:
    text = without_code(page.text())
    for formula, label in DISPLAY.findall(text):
        if not LABEL.fullmatch(label):
            yield f"a display equation has the label {label!r}: {formula}"
        if found := re.search(NO_LATEX, formula):
            yield f"{label}: {found[0]} is not in the book's LaTeX"
    rest = DISPLAY.sub("", text)
    for other in re.findall(r"\$\$|\\\[|```\{math\}|:::\{math\}|\\begin\{\w+\}", rest):
        yield f"a display equation is not written as the others: {other}"
    for line in re.findall(r"[^\n]\n(?=\$\$\n.*?\n\$\$ \()|\$\$ \(.*?\)\n(?=[^\n])", text):
        yield f"an equation has no blank line around it: {line!r}"


def exercises_have_solutions(page: Page) -> Faults:
    if not is_question(page):
        return
    text = page.text()
    name = page.name if page.name == "gradient_checks" else "_".join(page.name.split("_")[:2])
    wanted = [f"ex-{name.replace('_', '-')}-{number}" for number in (1, 2, 3, 4)]
    exercises = re.findall(r"^```\{exercise\}.*\n:label: (\S+)", text, re.MULTILINE)
    solutions = re.findall(r"^```\{solution-start\} (\S+)\n:class: dropdown$", text, re.MULTILINE)
    if exercises != wanted:
        yield f"the exercises are {exercises}, not {wanted}"
    if solutions != wanted:
        yield f"the solutions are to {solutions}, not {wanted}"
    if text.count("```{solution-end}") != len(solutions):
        yield "a solution has no end of its own"
    folded = cells_of_solutions(page)
    codes = [cell.id for cell in folded if cell.cell_type == "code"]
    if all("-solution-4-" in cell_id for cell_id in codes):
        yield "no solution but the last has code that runs"


def last_exercise_is_to_be_mended(page: Page) -> Faults:
    """The reader's own gradient: a start that the check refuses, and a solution that passes."""
    if not is_question(page):
        return
    starts = [cell for cell in page.code() if cell.id.endswith("-yours")]
    if len(starts) != 1:
        yield f"{len(starts)} cells are called ...-yours"
        return
    (output,) = [shown(output) for output in starts[0].outputs] or [""]
    if not output.startswith("FAILED"):
        yield f"{starts[0].id}: the start is not refused: {output}"
    rows = r"\b(differs|kink|unseen|zero|agrees)$"
    if all(re.search(rows, line) for line in output.splitlines()[2:]):
        yield f"{starts[0].id}: the check does not say what is wrong: {output}"
    solutions = [cell for cell in cells_of_solutions(page) if cell.id.endswith("-solution-4-code")]
    wanted = "assert report.passed and not report.weak"
    if not all(wanted in cell.source for cell in solutions) or len(solutions) != 1:
        yield f"the solution to {starts[0].id} does not say: {wanted}"


def cells_of_solutions(page: Page) -> list[Any]:
    """Return the cells that the page folds: those between solution-start and solution-end."""
    folded, inside = [], False
    for cell in page.cells:
        inside = (
            inside or "{solution-start}" in cell.source
        ) and "{solution-end}" not in cell.source
        folded += [cell] if inside else []
    return folded


def chapter_is_short(page: Page) -> Faults:
    if not is_question(page):
        return
    text = re.sub(r"<!--.*?-->", "", without_code(page.text()), flags=re.DOTALL)
    folded = {cell.id for cell in cells_of_solutions(page)}
    unseen = {"hide-input", "remove-input"}
    folded |= {cell.id for cell in page.code() if unseen & {*cell.metadata.get("tags", [])}}
    in_view = [cell for cell in page.code() if cell.id not in folded]
    found = {
        "equations": len(DISPLAY.findall(text)),
        "figures": sum("figure" in cell.metadata.get("mystnb", {}) for cell in page.code()),
        "lines of code in view": sum(map(code_lines, in_view)),
    }
    for what, number in found.items():
        if number > LIMITS[what]:
            yield f"{number} {what}, more than {LIMITS[what]}"


def words_are_natural(page: Page) -> Faults:
    """What a reader sees but code: text, captions, what is printed."""
    figures = [cell.metadata.get("mystnb", {}) for cell in page.code()]
    told = [without_code(page.text())]
    told += [str(meta.get(kind, "")) for meta in figures for kind in ("figure", "image")]
    told += [shown(output) for _, output in page.outputs() if "<svg" not in shown(output)]
    text = " ".join(" ".join(told).split())
    for instead, pattern in NOT_SAID.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            near = text[max(0, found.start() - 40) : found.end() + 30]
            yield f"{page.name}: {near!r}; say {instead}"


def shown(output: Any) -> str:
    """Return the text of an output, in whatever format."""
    return "\n".join([output.get("text", ""), *map(str, output.get("data", {}).values())])


def is_question(page: Page) -> bool:
    others = (
        "first_gradient",
        "gradient_checks",
        "beyond_floats",
        "beyond_layers",
        "beyond_training",
        "beyond_autodiff",
        "beyond_scale",
    )
    return page.name in others or page.name.startswith(("hinge_", "network_"))


def code_lines(cell: Any) -> int:
    """Count the lines of a cell, as if every statement filled the page's width before it wrapped.

    The formatter gives each argument of a long call a line of its own, which is no more to read.
    """
    lines, width, end = 0, 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
        if token.type == tokenize.NEWLINE:
            lines, width = lines - (-width // WIDTH), 0
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            beside = token.start[0] == end[0] or not width
            width += token.start[1] - end[1] * (width > 0) if beside else 1
            width += len(token.string)
            end = token.end
    return lines


def without_code(text: str) -> str:
    """Drop blocks and pieces of code; a directive such as an exercise stays."""
    text = re.sub(r"^```(?!\{).*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "x", text)


NOTEBOOK_RULES: list[Callable[[Page], Faults]] = [
    metadata_is_minimal,
    cells_are_named,
    cells_ran_in_order,
    code_is_plain_python,
    cells_are_short,
    outputs_are_clean,
    figures_speak,
    exercises_have_solutions,
    last_exercise_is_to_be_mended,
    chapter_is_short,
]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", NOTEBOOK_RULES, ids=lambda rule: rule.__name__)
def test_notebook(rule: Callable[[Page], Faults], path: Path) -> None:
    assert list(rule(read(path))) == []


@pytest.mark.parametrize("path", NOTEBOOKS + TEXTS, ids=lambda path: path.stem)
def test_equations_are_labelled(path: Path) -> None:
    assert list(equations_are_labelled(read(path))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_is_as_make_execute_writes_it(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert path.read_bytes() == (nbformat.writes(notebook) + "\n").encode()


@pytest.mark.parametrize("path", sorted(CHAPTERS.glob("api_*.md")), ids=lambda path: path.stem)
def test_a_page_of_the_reference_has_an_example_that_holds(path: Path) -> None:
    examples = re.findall(r"^```pycon\n(.*?)^```$", path.read_text("utf-8"), re.M | re.DOTALL)
    assert examples
    for text in examples:
        assert max(map(len, text.splitlines())) <= WIDTH
        test = doctest.DocTestParser().get_doctest(text, {}, path.stem, None, None)
        assert doctest.DocTestRunner().run(test).failed == 0 < len(test.examples)


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("equation", r"^\$\$ \((\S+)\)$"),
        ("exercise", r"^:label: (\S+)$"),
        ("figure", None),
    ],
)
def test_labels_are_unique_over_the_book(what: str, pattern: str | None) -> None:
    found: list[str] = []
    for page in map(read, NOTEBOOKS + TEXTS):
        if pattern:
            found += re.findall(pattern, without_code(page.text()), re.MULTILINE)
        else:
            metas = (cell.metadata.get("mystnb", {}) for cell in page.code())
            found += [meta["figure"]["name"] for meta in metas if "figure" in meta]
    assert found, f"no {what} has a label"
    assert [label for label, times in Counter(found).items() if times > 1] == []


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_page_is_in_natural_words(name: str) -> None:
    (path,) = CHAPTERS.glob(f"{name}.*")
    assert list(words_are_natural(read(path))) == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "hwlib"])
def test_a_text_about_the_book_is_in_natural_words(name: str) -> None:
    paths = sorted((ROOT / name).rglob("*.py")) or [ROOT / name]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            defined = (ast.Module, ast.ClassDef, ast.FunctionDef)
            nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, defined)]
            text = "\n".join(ast.get_docstring(node) or "" for node in nodes)
        assert list(words_are_natural(Page(path.name, [new_markdown_cell(text)], {}))) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The derivative of the loss in $z_4$, and the slope in a weight.", 2),
        ("It is mended for ever, and the check refuses\nit.", 3),
        ("Turn the difference round.", 1),
        ("Most of the label that came is dear.", 2),
        ("A recommended step around the derivative with respect to $z_4$, in $n$ steps.", 0),
        ("`refuse` is code.", 0),
    ],
)
def test_an_unnatural_phrase_is_seen(text: str, number: int) -> None:
    assert len(list(words_are_natural(Page("a", [new_markdown_cell(text)], {})))) == number
    figure = {"figure": {"caption": text.replace("`refuse`", "It")}}
    cell = new_code_cell("1", metadata={"mystnb": figure})
    assert len(list(words_are_natural(Page("a", [cell], {})))) == number


def unexplained(notation: str, equations: Iterable[reader.Equation]) -> Faults:
    """Yield the symbols of equations that no table of the notation has, by name and indices."""
    firsts = re.findall(r"^\| ((?:[^|]|\\\|)+) \|", notation, re.MULTILINE)
    listed = [
        re.sub(r"^.odot$", "x", f) for cell in firsts for f in re.findall(r"\$([^$]+)\$", cell)
    ]
    trees = [reader.parse("", "", f"{f} = x").sides[0] for f in listed]
    known = {symbol.key for tree in trees for symbol in reader.leaves(tree)}
    for equation in equations:
        for symbol in {s for side in equation.sides for s in reader.leaves(side)}:
            if symbol.key not in known:
                yield f"{equation.page}, {equation.label}: {symbol}"


def test_every_symbol_of_an_equation_is_on_the_page_of_notation() -> None:
    notation = (CHAPTERS / "notation.md").read_text(encoding="utf-8")
    assert list(unexplained(notation, reader.read(CHAPTERS))) == []


def test_a_symbol_that_is_not_explained_is_seen() -> None:
    equation = reader.parse("network_9", "eq-a", r"z_{sj} = z_4 + \nu_j")
    assert [*unexplained("| $z_{sj}$, $z_4$ | sums |", [equation])] == ["network_9, eq-a: nu_j"]
    assert len([*unexplained("| $z_j$ | sum $z_{sj}$ of $\\nu_j$ |", [equation])]) == 2


# The rules themselves: a page that keeps all of them, and one fault at a time.

EXERCISE = """```{exercise}
:label: ex-hinge-9-%d
Derive it.
```"""
EQUATION = "Text.\n\n$$\na &= b \\text{ if } c\n$$ (eq-a-b)\n\nText with $x$ and `$$`."


def good_page() -> Page:
    """A small chapter without a fault."""
    svg = new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})
    figure = {
        "figure": {"name": "fig-hinge-9-a", "caption": "One sentence that says it."},
        "image": {"alt": "A line that rises from left to right."},
    }
    printed = new_output("stream", name="stdout", text="largest error below 1e-9\n")
    cells = [
        new_markdown_cell(EQUATION, id="equation"),
        new_code_cell("x = 1\nprint(x)", id="code", outputs=[printed]),
        new_code_cell("plt.show()", id="drawing", outputs=[svg], metadata={"mystnb": figure}),
    ]
    refused = new_output(
        "stream", name="stdout", text="FAILED: 0 of 1\ncoordinate\nx  differs\nthe sign is wrong\n"
    )
    for number in (1, 2, 3, 4):
        start = f"```{{solution-start}} ex-hinge-9-{number}\n:class: dropdown\n```"
        cells += [new_markdown_cell(EXERCISE % number, id=f"exercise-{number}")]
        if number == 4:
            cells += [new_code_cell("print(report)", id="hinge-9-yours", outputs=[refused])]
        source = "assert report.passed and not report.weak" if number == 4 else "assert x"
        cells += [
            new_markdown_cell(start, id=f"start-{number}"),
            new_code_cell(source, id=f"hinge-9-solution-{number}-code"),
            new_markdown_cell("```{solution-end}\n```", id=f"end-{number}"),
        ]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    page = Page("hinge_9_test", new_notebook(cells=cells).cells, copy.deepcopy(metadata))
    for number, cell in enumerate(page.code(), 1):
        cell.execution_count = number
    return page


def set_source(index: int, source: str) -> Callable[[Page], object]:
    return lambda page: page.cells[index].update(source=source)


def set_meta(index: int, **meta: Any) -> Callable[[Page], object]:
    return lambda page: page.cells[index].metadata.update(nbformat.from_dict(meta))


def printing(text: str, name: str = "stdout") -> Callable[[Page], object]:
    return lambda page: page.cells[1].outputs.append(new_output("stream", name=name, text=text))


def caption(**parts: dict[str, str]) -> Callable[[Page], object]:
    return lambda page: page.cells[2].metadata.mystnb.update(nbformat.from_dict(parts))


def show(data: dict[str, str], **more: Any) -> Callable[[Page], object]:
    return lambda page: page.cells[2].outputs.append(new_output("display_data", data, **more))


def no_solution_code(page: Page) -> None:
    page.cells[:] = [cell for cell in page.cells if not re.search("-solution-[123]-", cell.id)]


def cell_called(end: str, **change: Any) -> Callable[[Page], object]:
    return lambda page: [c.update(change) for c in page.cells if c.id.endswith(end)]


def says(text: str) -> Callable[[Page], object]:
    return cell_called("-yours", outputs=[new_output("stream", name="stdout", text=text)])


FAULTS: list[tuple[Callable[[Page], Faults], str, Callable[[Page], object]]] = [
    (metadata_is_minimal, "kernel", lambda p: p.metadata["kernelspec"].update(name="conda")),
    (metadata_is_minimal, "version", lambda p: p.metadata["language_info"].update(version="3.11")),
    (metadata_is_minimal, "more", lambda p: p.metadata.update(widgets={})),
    (metadata_is_minimal, "time", set_meta(1, execution={"shell.execute_reply": "2025-01-01"})),
    (metadata_is_minimal, "on text", set_meta(0, tags=["hide-input"])),
    (metadata_is_minimal, "tag", set_meta(1, tags=["raises-exception"])),
    (metadata_is_minimal, "mystnb", set_meta(1, mystnb={"code_prompt_show": "x"})),
    (metadata_is_minimal, "output", show({"text/plain": "1"}, metadata={"needs_background": "x"})),
    (cells_are_named, "twice", lambda p: p.cells[1].update(id="equation")),
    (cells_are_named, "random", lambda p: p.cells[1].update(id="0a1b2c3d")),
    (cells_are_named, "none", lambda p: p.cells[1].pop("id")),
    (cells_ran_in_order, "not run", lambda p: p.cells[1].update(execution_count=None)),
    (cells_ran_in_order, "order", lambda p: p.cells[1].update(execution_count=7)),
    (
        cells_ran_in_order,
        "result",
        lambda p: p.cells[1].outputs.append(new_output("execute_result", {}, execution_count=9)),
    ),
    (code_is_plain_python, "shell", set_source(1, "!ls")),
    (code_is_plain_python, "magic", set_source(1, "%matplotlib inline")),
    (code_is_plain_python, "cell magic", set_source(1, "%%time\nx = 1")),
    (code_is_plain_python, "semicolon", set_source(1, "x = 1;")),
    (cells_are_short, "long", set_source(1, "x = 1\n" * 26)),
    (
        outputs_are_clean,
        "error",
        lambda p: p.cells[1].outputs.append(new_output("error", ename="E")),
    ),
    (outputs_are_clean, "stderr", printing("UserWarning", "stderr")),
    (outputs_are_clean, "home", printing("read /home/me/x.py")),
    (outputs_are_clean, "temporary", printing("'/tmp/x'")),
    (outputs_are_clean, "Windows", printing("C:\\Users")),
    (outputs_are_clean, "installed", printing("lib/site-packages/numpy")),
    (outputs_are_clean, "memory", printing("<object at 0x7f3a5c0d>")),
    (outputs_are_clean, "date", show({"image/svg+xml": "<dc:date>2025-11-23T17:00:00"})),
    (figures_speak, "PNG", show({"image/png": "iVBOR"})),
    (figures_speak, "two", show({"image/svg+xml": "<svg/>"})),
    (figures_speak, "show", set_source(2, "plt.show()\nax")),
    (figures_speak, "no metadata", lambda p: p.cells[2].metadata.clear()),
    (figures_speak, "name", caption(figure={"name": "fig_a", "caption": "It is a good sentence."})),
    (figures_speak, "caption", caption(figure={"name": "fig-a", "caption": "Loss."})),
    (figures_speak, "no alt", caption(image={})),
    (figures_speak, "alt", caption(image={"alt": "figure"})),
    (figures_speak, "no figure", lambda p: p.cells[2].outputs.clear()),
    (equations_are_labelled, "no label", set_source(0, "\n$$\na\n$$\n")),
    (equations_are_labelled, "label", set_source(0, "\n$$\na\n$$ (loss)\n")),
    (equations_are_labelled, "one line", set_source(0, "\n$$a$$ (eq-a)\n")),
    (equations_are_labelled, "in a line", set_source(0, "So $$a$$ holds.")),
    (equations_are_labelled, "bracket", set_source(0, "\\[ a \\]")),
    (equations_are_labelled, "align", set_source(0, "\\begin{align}\na\n\\end{align}")),
    (equations_are_labelled, "directive", set_source(0, "```{math}\na\n```")),
    (equations_are_labelled, "before", set_source(0, "So\n$$\na\n$$ (eq-a)\n")),
    (equations_are_labelled, "after", set_source(0, "\n$$\na\n$$ (eq-a)\nso")),
    (equations_are_labelled, "space", set_source(0, "\n$$\na \\, b\n$$ (eq-a)\n")),
    (equations_are_labelled, "tag", set_source(0, "\n$$\na \\tag{1}\n$$ (eq-a)\n")),
    (equations_are_labelled, "inner", set_source(0, "\n$$\n\\begin{split} a\n$$ (eq-a)\n")),
    (exercises_have_solutions, "two", lambda p: p.cells.pop(3)),
    (exercises_have_solutions, "label", set_source(3, EXERCISE % 7)),
    (exercises_have_solutions, "no solution", set_source(4, "Solution:")),
    (exercises_have_solutions, "shown", set_source(4, "```{solution-start} ex-hinge-9-1\n```")),
    (exercises_have_solutions, "no end", set_source(6, "The end.")),
    (exercises_have_solutions, "no code", no_solution_code),
    (last_exercise_is_to_be_mended, "no start", cell_called("-yours", id="start")),
    (last_exercise_is_to_be_mended, "no output", cell_called("-yours", outputs=[])),
    (
        last_exercise_is_to_be_mended,
        "passes",
        says("passed: 1 of 1\ncoordinate\nx  agrees\nthe sign is wrong\n"),
    ),
    (last_exercise_is_to_be_mended, "no reason", says("FAILED: 0 of 1\n")),
    (last_exercise_is_to_be_mended, "no solution", cell_called("-4-code", id="other")),
    (last_exercise_is_to_be_mended, "not passing", cell_called("-4-code", source="print(1)")),
    (chapter_is_short, "equations", set_source(0, EQUATION * 21)),
    (chapter_is_short, "code", set_source(1, "x = 1\n" * 151)),
    (chapter_is_short, "figures", lambda p: p.cells.extend([p.cells[2]] * 8)),
]


@pytest.mark.parametrize(
    "rule", [*NOTEBOOK_RULES, equations_are_labelled], ids=lambda r: r.__name__
)
def test_a_good_page_passes(rule: Callable[[Page], Faults]) -> None:
    assert list(rule(good_page())) == []
    assert rule in [refuses for refuses, _, _ in FAULTS]


@pytest.mark.parametrize(
    ("rule", "break_it"),
    [pytest.param(rule, do, id=f"{rule.__name__}: {what}") for rule, what, do in FAULTS],
)
def test_a_fault_is_refused(
    rule: Callable[[Page], Faults], break_it: Callable[[Page], object]
) -> None:
    page = good_page()
    break_it(page)
    assert list(rule(page)) != []
