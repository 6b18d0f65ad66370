"""The kit for a class: what is handed out holds no solution, reads well, and runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell

from course import __main__ as course
from course import downloads, folded, homework, marks, notebooks, rubric, wheel
from course.plain import Book, Plain
from hwlib import grading
from hwlib.__main__ import check_file
from hwlib.gradcheck import numerical_grad
from hwlib.network import Parameters
from site_ext import numbering

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
OUT = {"ledger", "teaching"} & {path.stem for path in CHAPTERS}
"""Pages about the repository itself, which a student's folder does not have."""
BOOK = Book()
NUMBERS = ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the folders for students and instructors; the other parts have tests of their own."""
    target = tmp_path_factory.mktemp("kit") / "course"
    parts, course.PARTS = course.PARTS, ()
    course.build(target)
    course.PARTS = parts
    return target


@pytest.fixture(scope="module")
def installed(kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, and nothing else, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    (path,) = (kit / "student").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(path)], check=True, capture_output=True)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def cells(path: Path) -> list[Any]:
    return nbformat.read(path, as_version=4).cells


def said(output: Any) -> str:
    """Return what an output shows as text: of a figure, nothing."""
    data = output.get("data", {})
    text = output.get("text", "") or data.get("text/markdown", "")
    return text or ("" if "image/svg+xml" in data else data.get("text/plain", ""))


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "PARTS", ())
    course.build(tmp_path / "again")
    assert files(tmp_path / "again") == files(kit)


# What may not leak. The rule is stated here a second time, line by line, so that the test does not
# trust the program that it tests.


class Line(NamedTuple):
    """A line of a notebook: of its text, its code or what that printed."""

    text: str
    secret: bool
    hidden: bool


def read(path: Path) -> Iterator[Line]:
    inside = False
    for cell in cells(path):
        inside |= "{solution-start}" in cell.source and cell.cell_type == "markdown"
        if cell.cell_type == "code":
            printed = "\n".join(map(said, cell.outputs))
            hidden = "remove-input" in cell.metadata.get("tags", [])
            yield from (Line(t, inside, hidden) for t in f"{cell.source}\n{printed}".splitlines())
        else:
            yield from (Line(t, inside or secret, False) for t, secret in read_text(cell.source))
        inside &= "{solution-end}" not in cell.source


def read_text(source: str) -> Iterator[tuple[str, bool]]:
    fence, kind, secret = "", "", False
    for line in re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL).splitlines():
        if opened := re.match(r"(`{3,}|:{3,})\{([\w-]+)\}", line):
            fence, kind, secret = opened[1], opened[2], opened[2] == "solution"
        elif fence and line.strip() == fence:
            fence, kind, secret = "", "", False
        elif kind == "answer" and line.strip() == "---":
            secret = True
        yield line, secret or line.startswith(">")  # what one would hand in is quoted


def pieces(line: str) -> list[str]:
    """Cut a line into sentences, without what becomes plain Markdown, as letters and digits."""
    line = re.sub(r"# caption:.*|^[`:]{3,}.*|^:\w+:.*", "", line)
    parts = re.split(r"\{\w+\}`[^`]*`|eq-[\w-]+|(?<=[.:;?!]) |\|", line)
    return [p for part in parts if len(p := re.sub(r"[\W_]", "", part)) >= 6]


LINES = [line for path in CHAPTERS for line in read(path)]
OPEN = {piece for line in LINES if not (line.secret or line.hidden) for piece in pieces(line.text)}
OPEN |= {
    piece
    for path in [
        *(ROOT / "hwlib").rglob("*.py"),
        ROOT / "course" / "__main__.py",
        ROOT / "course" / "folded.py",
    ]
    for line in path.read_text("utf-8").splitlines()
    for piece in pieces(line)
}
OPEN_TEXT = " ".join(sorted(OPEN))
SECRETS = {piece for line in LINES if line.secret for piece in pieces(line.text)} - OPEN
LONG = 16


def leaks(texts: list[str]) -> set[str]:
    """Return the secrets that stand in the text of a folder: long ones anywhere, others whole."""
    whole = " ".join(texts)
    long = {s for s in SECRETS if len(s) >= LONG and s not in OPEN_TEXT and s in whole}
    return long | (SECRETS & set(texts))


def texts_of(folder: Path) -> list[str]:
    notes = [p.read_text("utf-8") for p in folder.iterdir() if p.suffix in (".txt", ".md")]
    lines = [piece for note in notes for line in note.splitlines() for piece in pieces(line)]
    read_all = (line for path in sorted(folder.glob("*.ipynb")) for line in read(path))
    return lines + [piece for line in read_all for piece in pieces(line.text)]


def test_nothing_of_a_solution_is_handed_out(kit):
    assert len(SECRETS) > 1300
    assert leaks(texts_of(kit / "student")) == set()


def test_the_instructor_has_every_solution(kit):
    # So the comparison above would have seen it.
    lines = [line for path in CHAPTERS if path.stem not in OUT for line in read(path)]
    shown = {piece for line in lines if not line.hidden for piece in pieces(line.text)}
    long = {secret for secret in SECRETS & shown if len(secret) >= LONG and secret not in OPEN_TEXT}
    assert long - leaks(texts_of(kit / "instructor")) == set()


@pytest.mark.parametrize(
    "text",
    [
        "```{hint}\nTake the sum.\n```\n",
        "````{dropdown} Solution\nIt is 3.\n````\n",
        ":::{admonition} The answer\n:class: dropdown\nIt is 3.\n:::\n",
    ],
)
def test_a_new_kind_of_box_must_be_judged_first(text):
    with pytest.raises(ValueError, match="is it a solution"):
        folded.cut(text)


def test_a_solution_that_does_not_end_is_an_error():
    start = new_markdown_cell("```{solution-start} ex-1\n```")
    with pytest.raises(ValueError, match="without its"):
        list(folded.regions([start, new_code_cell("x = 3")]))


def test_solutions_come_in_no_other_form():
    # Raw HTML that folds, and quotations elsewhere, would slip through.
    for path in CHAPTERS:
        for cell in cells(path):
            if cell.cell_type == "markdown":
                assert "<details" not in cell.source
                rest = folded.MODEL_ANSWER.sub("", cell.source)
                assert not re.search(r"(?m)^> ", rest), cell.id


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("```{exercise} Guess\n:nonumber:\nWhich?\n```\n\n```{solution} x\nThat.\n```\n",
         "```{exercise} Guess\n:nonumber:\nWhich?\n```\n\n"),
        ("```{answer} a\n:asks: hinge θ_j\nHow?\n\n- Which?\n\n---\nSo.\n```\nOn.",
         "```{answer} a\n:asks: hinge θ_j\nHow?\n\n- Which?\n\n```\nOn."),
        ("A.\n\n(x-hand-in)=\n## A model answer to hand in\n\n> It is 3.\n\nSo.\n\n## B\n\nC.",
         "A.\n\n## B\n\nC."),
        ("First. In a hurry? Here is the {ref}`model answer <x-hand-in>`. Last.", "First. Last."),
        ("First; the solution has the rest. Last.", "First. Last."),
        ("In a hurry? Go to {ref}`a-model-answer`; to program it, go on.", "To program it, go on."),
        ("Without the solution: 0.5 or 1.", "Without the solution: 0.5 or 1."),
        ("It is.\n<!-- 3 = x -->", "It is.\n"),
        ("Begin. If you teach, begin with {doc}`teaching`.", "Begin."),
        ("**Question 1.1 of the homework.** Here the homework ends.",
         "**Question 1.1 of the sheet.** Here the sheet ends."),
        ("```{solution} x\n$$\na\n$$ (eq-margin)\n```\n",
         "(equation-eq-margin)=\n"
         "Equation (1.2.1) belongs to the solution, which this edition leaves out.\n"),
    ],
)  # fmt: skip
def test_what_is_cut(text, left):
    assert folded.cut(text) == left


# How a notebook of the kit reads.


@pytest.mark.parametrize("folder", ["student", "instructor"])
def test_an_editor_of_notebooks_shows_no_markup_of_the_site(kit, folder):
    for path in sorted((kit / folder).glob("*.ipynb")):
        for cell in cells(path):
            raw = r"`{3,}\{|:{3}\{|\{[a-z:]+\}`|<!-- |# caption:|\beq(?:-[a-z]+)+|^:\w+:|\$\$ \("
            found = re.search(raw, cell.source, re.MULTILINE)
            assert not found, (path.name, cell.id, found)
            assert set(cell.metadata) <= {"jupyter"}


@pytest.mark.parametrize("folder", ["student", "instructor"])
def test_links_lead_to_files_that_are_there(kit, folder):
    links = [
        (path.name, link)
        for path in sorted((kit / folder).glob("*.ipynb"))
        for cell in cells(path) if cell.cell_type == "markdown"
        for link in re.findall(r"\]\(([^)\s]+)\)", cell.source)
    ]  # fmt: skip
    assert len(links) > 100
    assert [link for link in links if not (kit / folder / link[1]).is_file()] == []


def plain(text: str, page: str = "hinge_2_gradient") -> str:
    return Plain(BOOK, page, {"hinge_2_gradient", "hinge_3_algorithm"}).text(text)


def test_references_are_the_numbers_of_the_book():
    margin = numbering.table()["eq-margin"].number
    assert plain("{eq}`eq-margin`") == f"({margin})"
    assert plain("({eq}`eq-margin`)") == f"({margin})"
    assert plain("{eq}`eq-margin`", "hinge_3_algorithm") == f"[({margin})](hinge_2_gradient.ipynb)"
    assert plain("$$\nr = y h\n$$ (eq-margin)") == f"$$\nr = y h\n\\tag{{{margin}}}\n$$"
    assert plain("{numref}`fig-hinge-2-losses`, {numref}`ex-hinge-2-2`") == (
        "Figure 1.2.1, Exercise 1.2.2"
    )
    assert plain("{doc}`hinge_3_algorithm`; {doc}`this <bibliography>`") == (
        "[1.3 Stochastic descent](hinge_3_algorithm.ipynb); this"
    )
    assert plain("{ref}`the box <answer-hinge-theta>`") == ("the box")
    assert plain("{ref}`the box <answer-network-delta>`").startswith("the box (2.1 ")
    assert plain("{cite}`pedregosa2011scikit`") == "(Pedregosa et al., 2011)"
    with pytest.raises(KeyError):
        plain("{eq}`eq-nowhere`")


def test_a_box_becomes_a_question_with_hints_to_unfold():
    head = "```{answer} a\n:asks: x\n:title: Your turn\n"
    box = f"{head}What is $a$?\n\n- Which?\n- Why?\n---\nThat.\n```\n"
    assert plain(box) == (
        "**Your turn.** What is $a$?\n\n"
        "<details><summary>Hint 1</summary>\n\nWhich?\n\n</details>\n\n"
        "<details><summary>Hint 2</summary>\n\nWhy?\n\n</details>\n\n**Solution.** That."
    )


def test_a_hidden_cell_keeps_what_a_later_one_needs():
    hidden = {"tags": ["remove-input"]}
    given = [
        new_code_cell("a, b = 1, 2\nc = a\nassert b\nfor k in (1, 2):\n    d = k", metadata=hidden),
        new_code_cell("k = 3\n\n\ndef f(d):\n    return c + d\n\n\nprint([b for b in (1, 2)])"),
    ]
    notebooks.keep_needed(given)
    assert given[0].source == "a, b = 1, 2\nc = a"


def test_code_to_fix_is_handed_out_as_it_starts(kit):
    found = 0
    for path in CHAPTERS:
        for cell in cells(path):
            if cell.cell_type == "code" and cell.id.endswith("-yours"):
                (given,) = (c for c in cells(kit / "student" / path.name) if c.id == cell.id)
                assert given.source.splitlines() == cell.source.splitlines()
                assert list(map(said, given.outputs)) == list(map(said, cell.outputs)) != []
                found += 1
    assert found >= 14


def test_each_exercise_has_room_for_an_answer(kit):
    for path in CHAPTERS:
        wanted = sum("{solution-start}" in cell.source for cell in cells(path))
        if (kit / "student" / path.name).exists():
            given = [c.source for c in cells(kit / "student" / path.name)]
            assert sum(text.endswith(notebooks.BLANKS["markdown"]) for text in given) == wanted


def test_a_page_that_needs_the_repository_is_left_out_and_named(kit):
    written = {path.name for path in (kit / "student").glob("*.ipynb")}
    assert {path.stem for path in CHAPTERS} - {name[:-6] for name in written} == OUT
    assert "The ledger of formulas" in (kit / "student" / "README.txt").read_text("utf-8")


def test_every_notebook_says_first_how_to_run_it(kit):
    (path,) = (kit / "student").glob("*.whl")
    for notebook in (kit / "student").glob("*.ipynb"):
        assert f'pip install "./{path.name}[notebooks]"' in cells(notebook)[0].source


def test_nothing_tells_of_this_machine(kit):
    for name, content in files(kit).items():
        if not name.endswith(".whl"):
            assert not re.search(rf"{re.escape(str(ROOT))}|/tmp\\b", content.decode()), name


# The wheel.


def test_the_wheel_holds_hwlib_and_nothing_else(kit):
    (path,) = (kit / "student").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        tops = {name.split("/")[0] for name in names}
        (info,) = (name for name in names if name.endswith("METADATA"))
        assert {top for top in tops if "dist-info" not in top} == {"hwlib"}
        assert "Provides-Extra: notebooks" in archive.read(info).decode()
        sources = [p for p in (ROOT / "hwlib").rglob("*") if p.suffix in (".py", ".toml", ".json")]
        assert {path.relative_to(ROOT).as_posix() for path in sources} <= set(names)


def test_the_wheel_does_not_depend_on_modes_of_files(kit, tmp_path):
    copy = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "hwlib").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            there = copy / path.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(path.read_bytes())
            there.chmod(0o600)
    name = wheel.build(copy, tmp_path)
    assert (tmp_path / name).read_bytes() == (kit / "student" / name).read_bytes()


# What the site offers.


@pytest.mark.parametrize("edition", ["student", pytest.param("instructor", marks=pytest.mark.slow)])
def test_the_site_offers_the_same_notebooks(kit, tmp_path, edition):
    extensions = {"student": {"course.site": None}, "instructor": {}}[edition]
    html = SimpleNamespace(name="html")
    app: Any = SimpleNamespace(builder=html, outdir=tmp_path, srcdir=ROOT, extensions=extensions)
    downloads.write(app)
    downloads.write(app)  # a second time, into a folder that is there
    offered = files(tmp_path / downloads.FOLDER)
    notebooks_of_kit = {
        k: v for k, v in files(kit / edition).items() if k.endswith((".whl", ".ipynb"))
    }
    assert offered == {k: v for k, v in notebooks_of_kit.items() if k != "homework.ipynb"}
    context: dict[str, Any] = {}
    downloads.offer(app, "chapters/first_gradient", "page.html", context, None)
    (notebook, size), (package, _) = context["downloads"]
    kilobytes = round(len(offered["first_gradient.ipynb"]) / 1000)
    assert (notebook, size) == ("_downloads/first_gradient.ipynb", f"{kilobytes} kB")
    assert package.endswith(".whl")
    downloads.offer(app, "chapters/notation", "page.html", context := {}, None)
    assert "downloads" not in context


# The homework.


def code_of(path: Path) -> dict[str, Any]:
    """Run the code of a notebook in one namespace."""
    names: dict[str, Any] = {}
    for cell in cells(path):
        if cell.cell_type == "code":
            exec(cell.source, names)
    return names


def run(path: Path, installed: Path, cwd: Path) -> Any:
    """Run a notebook where hwlib is the wheel's, and return it."""
    notebook = nbformat.read(path, as_version=4)
    env = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0",
           "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
    client = NotebookClient(
        notebook, record_timing=False, coalesce_streams=True, resources={"metadata": {"path": cwd}}
    )
    client.execute(env=env)
    return notebook


def printed(notebook: Any) -> list[str]:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(map(said, outputs)).splitlines()


def test_a_blank_homework_runs_and_says_not_yet(kit, installed):
    blank = kit / "student" / "homework.ipynb"
    lines = printed(run(blank, installed, kit / "student"))
    assert [line for line in lines if "not yet" in line] == [
        f"Homework {n}: not yet" for n in NUMBERS
    ]


def test_the_solved_homework_passes_in_the_notebook(kit, installed):
    solved = kit / "instructor" / "homework.ipynb"
    lines = printed(run(solved, installed, kit / "instructor"))
    passed = [line.partition(" passed")[0] for line in lines if ": passed" in line]
    assert passed == [f"Homework {n}:" for n in NUMBERS]


def test_the_command_line_gives_it_all_points(kit):
    grades, _ = check_file(kit / "instructor" / "homework.ipynb", sheet="homework")
    assert [grade.status for grade in grades] == ["passed"] * 7
    assert sum(grade.points for grade in grades) == sum(q.points for q in grading.HOMEWORK)


@pytest.mark.slow
def test_the_command_line_gives_the_blank_one_none(kit):
    grades, _ = check_file(kit / "student" / "homework.ipynb", sheet="homework")
    assert not any(grade.points for grade in grades)


def test_the_books_own_answers_are_wrong_here(kit):
    names = code_of(kit / "instructor" / "homework.ipynb")
    theta, X, y = names["QUESTIONS"]["1.2"].cases[0][0]
    (book,) = (q for q in grading.QUESTIONS if q.number == "1.2")
    right = names["hinge_grad"](theta, X, y)
    assert not np.allclose(right, book.of(book.right, theta, X, y))


def test_the_losses_in_view_are_those_that_are_graded(kit):
    names = code_of(kit / "student" / "homework.ipynb")
    questions = {q.number: q for q in grading.HOMEWORK}
    for (theta, X, y), _, loss in questions["1.2"].cases:
        for at in (theta, np.linspace(-1, 1, 7)):
            assert np.isclose(names["hinge_loss"](at, X, y), loss(at), rtol=1e-12)
    for (_, X, y, l2), point, loss in questions["2.4"].cases:
        for scale in (1.0, 0.3):
            at = {name: scale * part for name, part in point.items()}
            whole = names["network_loss"](Parameters(**at), X, y, l2)
            assert np.isclose(whole, loss(at), rtol=1e-12)


def test_the_solutions_are_the_derivatives_of_the_losses_in_view(kit):
    names = code_of(kit / "instructor" / "homework.ipynb")
    rng = np.random.default_rng(16)
    X, theta, y = rng.normal(size=(5, 7)), rng.normal(size=7), np.array([1, -1, 1, 1, -1])
    found = numerical_grad(lambda theta: names["hinge_loss"](theta, X, y), theta)
    assert np.allclose(names["hinge_grad"](theta, X, y), found, atol=1e-7)
    once = names["algorithm_pass"](theta, X[:1], y[:1], 0.1)
    assert np.allclose(once, theta - 0.1 * names["hinge_grad"](theta, X[:1], y[:1]))
    inputs = rng.normal(size=(5, 2))
    params = Parameters(rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3), 0.4)
    found = numerical_grad(lambda p: names["network_loss"](p, inputs, y, 0.7), params)
    for own, estimate in zip(names["loss_grad"](params, inputs, y, 0.7), found, strict=True):
        assert np.allclose(own, estimate, atol=1e-7)
    z = rng.normal(size=5)
    found = numerical_grad(lambda z: names["log_loss"](z, y).sum(), z)
    assert np.allclose(names["delta_out"](z, y), found, atol=1e-7)


@pytest.mark.parametrize(
    ("cell", "number"), [("part-1", "1.71875"), ("part-2", "-2.4375"), ("part-2", "2.5213")]
)
def test_the_worked_numbers_are_right(kit, cell, number):
    names = code_of(kit / "student" / "homework.ipynb")
    (text,) = (c.source for c in cells(homework.SOURCE) if c.id == cell)
    z_out = names["forward"](names["pots"], names["pot_A"])[2]
    values = {
        "1.71875": names["hypothesis"](names["book_theta"], names["powers"]),
        "-2.4375": z_out.item(),
        "2.5213": names["log_loss"](z_out, 1).item(),
    }
    assert number in text and abs(values[number] - float(number)) <= 1e-4


def test_the_source_is_an_assignment_of_nbgrader():
    known = {"schema_version", "cell_type", "task"}
    known |= {"grade_id", "grade", "solution", "locked", "points"}
    metas = [c.metadata["nbgrader"] for c in cells(homework.SOURCE) if "nbgrader" in c.metadata]
    ids = [meta["grade_id"] for meta in metas]
    assert len(set(ids)) == len(ids) and all(set(meta) <= known for meta in metas)
    assert all(("points" in meta) == meta["grade"] for meta in metas)
    points = {meta["grade_id"]: meta["points"] for meta in metas if meta["grade"]}
    wanted = {q.number.replace(".", "-"): q.points for q in grading.HOMEWORK}
    kinds = ("derivation", "check")
    assert points == {f"{kind}-{n}": p for n, p in wanted.items() for kind in kinds}
    assert {f"function-{number}" for number in wanted} <= set(ids)


def test_no_mark_of_nbgrader_and_no_hidden_test_is_handed_out(kit):
    for folder in ("student", "instructor"):
        text = (kit / folder / "homework.ipynb").read_text("utf-8")
        assert "###" not in text.replace("### Homework", "") and "earned" not in text
        assert "nbgrader" not in text


def test_no_line_of_a_solution_of_the_homework_is_handed_out(kit):
    gone: set[str] = set()
    rest: set[str] = set()
    for cell in cells(homework.SOURCE):
        is_answer = cell.cell_type == "markdown" and "nbgrader" in cell.metadata
        secret = is_answer
        for line in cell.source.splitlines():
            secret |= "### BEGIN" in line
            (gone if secret else rest).add(line.strip())
            secret &= "### END" not in line
    given = {line.strip() for cell in cells(kit / "student" / "homework.ipynb")
             for line in cell.source.splitlines()}  # fmt: skip
    assert len(gone - rest) > 40 and given & (gone - rest) == set()


# The rubric.


SHARES = (rubric.FULL, rubric.SLIP, rubric.BARE)


def test_the_rubric_has_every_table_of_wrong_numbers_that_is_folded_away(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    given = "\n".join(c.source for p in (kit / "student").glob("*.ipynb") for c in cells(p))
    rows = [
        row
        for path in CHAPTERS
        for cell, inside in folded.regions(cells(path)) if cell.cell_type == "markdown"
        for table in rubric.TABLE.finditer(cell.source)
        if inside or table[0] not in folded.cut(cell.source)
        for row in table[1].strip().splitlines()
    ]  # fmt: skip
    assert len(rows) > 70
    for row in rows:
        assert any(f"{row} {share}" in text for share in SHARES), row
        assert row not in given


def test_no_row_of_the_rubric_is_handed_out(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    rows = re.findall(r"(?m)^(\|.*) (?:all|half|a quarter)[^|]*\|$", text)
    given = "\n".join(c.source for p in (kit / "student").glob("*.ipynb") for c in cells(p))
    assert len(rows) > 150 and [row for row in rows if row in given] == []


def test_the_rubric_has_the_right_number_of_every_box_and_the_mistakes_it_knows(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    stored = json.loads(rubric.STORED.read_text("utf-8"))
    boxes = [b for page in BOOK.pages if (ROOT / "chapters" / f"{page}.ipynb").exists()
             for item in rubric.items(BOOK, page) for b in item.boxes]  # fmt: skip
    of_numbers = {name for name, data in stored.items() if not data["symbols"]}
    assert {box["argument"].strip() for box in boxes} == of_numbers
    for box in boxes:
        data = stored[box["argument"].strip()]
        digits = int(re.findall(r":digits: (\d)", box["options"])[0])
        table = "\n".join(rubric.rows(box, ""))
        assert f"**{rubric.shown(data['right'][0], digits)}**" in text
        for mistake in data["mistakes"]:
            assert f"| {rubric.shown(mistake['values'][0], digits)} |" in table


def test_what_an_answer_is_worth_is_stated_once(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| [^|]+ \| [^|]+ \| ([^|]+) \|$", text.partition("\n## ")[2])
    given = {*rows} - {"worth"}
    assert given == {*SHARES, f"{rubric.FULL} if the sheet says so, else {rubric.SLIP}"}


def test_a_mean_keeps_all_where_the_sheet_says_so(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    assert "| 0.67 | the mean was taken | all if the sheet says so, else half |" in text


def test_a_table_has_one_right_row_first_and_no_number_twice(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    head = r"\| number \| what happened \| worth \|\n\|---\|---\|---\|\n"
    tables = [t.strip().splitlines() for t in re.findall(rf"{head}((?:\|.*\n?)+)", text)]
    assert len(tables) > 20
    for first, *rest in tables:
        assert "| **right** | all |" in first and "**right**" not in "".join(rest)
        if "is" not in first.split("|")[1]:  # of one number
            values = [rubric.number(row.split("|")[1].replace("*", "")) for row in [first, *rest]]
            rounded = [value for v in values for value in {v, round(v, 3) or v}]
            assert len(values) == len({*values}) and len(rounded) == len({*rounded}), first


def test_no_row_gives_more_than_a_quarter_to_0_or_to_the_start(kit):
    text = (kit / "instructor" / "rubric.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| *([^|]+?) *\| ([^|]+) \| ([^|]+) \|$", text)
    few = [share for value, why, share in rows
           if re.fullmatch(r"-?0(\.0+)?", value) or "no step" in why]  # fmt: skip
    assert len(few) >= 6 and set(few) == {rubric.BARE}


def test_the_right_numbers_that_are_typed_stand_in_the_answers():
    for name, told in rubric.RIGHT.items():
        (item,) = (item for page in BOOK.pages if (ROOT / "chapters" / f"{page}.ipynb").exists()
                   for item in rubric.items(BOOK, page) if item.name == name)  # fmt: skip
        answer = "".join(item.answer).translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        for value in re.findall(r"\d+\.\d+(?:e-\d+)?", told):
            assert re.search(rf"(?<!\d){value.replace('e', '·10')}(?!\d)", answer), value


# The rubric of the homework.

TEXTS = re.split(r"(?m)^(?=## )", marks.SOURCE.read_text("utf-8"))[1:]
SECTIONS = dict(zip(NUMBERS, TEXTS, strict=True))
ASKED = {question.number: question for question in grading.HOMEWORK}
HALVES = {"all": None, "¼": 0.25, "½": 0.5, "1": 1.0, "1½": 1.5, "0": 0.0}


def formulas(number: str) -> list[tuple[list[str], str, str]]:
    rows = re.findall(r"(?m)^\| (\$.*?) \| (.+) \| (\S+) \|$", SECTIONS[number])[1:]
    return [(re.findall(r"\$(.*?)\$", row), why, leaves) for row, why, leaves in rows]


def right_values(number: str) -> Any:
    question = ASKED[number]
    answer = question.of(question.right, *question.cases[0][0])
    parts = answer if isinstance(answer, tuple) else (answer,)
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("number", NUMBERS)
def test_a_formula_of_the_rubric_is_right_if_it_is_called_right_and_only_then(number):
    right = right_values(number)
    rows = formulas(number)
    assert len(rows) >= 6 and rows[0][1] == "**right**"
    for row, why, leaves in rows:
        same = np.allclose(marks.given(ASKED[number], row), right, rtol=1e-9)
        assert same == ("**right**" in why) == (leaves == "all"), row


@pytest.mark.parametrize("number", NUMBERS)
def test_a_wrong_sign_in_a_right_formula_is_an_error(number):
    row = formulas(number)[0][0][0]
    wrong = row.replace("+", "-", 1) if "+" in row else f"-{row}".removeprefix("--")
    with pytest.raises(ValueError, match="right"):
        marks.table(ASKED[number], SECTIONS[number].replace(f"| ${row}$", f"| ${wrong}$", 1))


@pytest.mark.parametrize("number", NUMBERS)
def test_steps_add_up_to_the_points_and_a_slip_leaves_less(number):
    points = ASKED[number].points
    assert 0.5 * SECTIONS[number].count("(½)") == points
    for row, _, leaves in formulas(number):
        left = HALVES[leaves]
        assert left is None or left <= points - 0.5, row


@pytest.mark.parametrize("number", NUMBERS)
def test_no_wrong_answer_has_the_numbers_of_the_right_one(number):
    lines = [line for line in marks.table(ASKED[number], SECTIONS[number]).splitlines()
             if line.startswith("| $")][1:]  # fmt: skip
    numbers = [re.findall(r"−?\d+\.\d{4}", line) for line in lines]
    assert len(numbers[0]) >= 2
    for line, shown in zip(lines, numbers, strict=True):
        assert (shown == numbers[0]) == ("**right**" in line), line


OF_THE_CATALOGUE = [
    ("1.2", "branches swapped", "swapped"),
    ("1.2", "y forgotten", "$y_i$ is forgotten"),
    ("1.2", "x forgotten", "$x_{ij}$ is forgotten"),
    ("1.2", "mask forgotten", "the mask is forgotten"),
    ("1.2", "mean for sum", "mean"),
    ("1.3", "margins not computed anew", "not computed anew"),
    ("1.3", "step size forgotten", "is forgotten"),
    ("1.3", "margin test forgotten", "every sample"),
    ("1.3", "mean of all samples", "mean"),
    ("2.1", "y forgotten before sigma(-y z)", "$y$ of the inner derivative"),
    ("2.1", "y forgotten in sigma(-y z)", "in the exponent"),
    ("2.1", "sigma(y z) for sigma(-y z)", "minus in the exponent"),
    ("2.1", "1/q forgotten, q = 1 + exp(-y z)", "1}{q}$ is forgotten"),
    ("2.1", "labels of the book", "labels 0 and 1"),
    ("2.2", "z_j for a_j", "before the activation"),
    ("2.3", "w_j forgotten", "$w_j$ is forgotten"),
    ("2.3", "ReLU gate forgotten", "$g_j$ is forgotten"),
    ("2.3", "gate of the book", "gate of the book"),
    ("2.3", "x_i forgotten", "$x_i$ is forgotten"),
    ("2.3", "mean for sum", "mean"),
    ("2.4", "lambda doubled", "$\\frac{1}{2}$ is forgotten"),
    ("2.4", "lambda with the wrong sign", "sign"),
    ("2.4", "mean for sum", "mean"),
    ("2.4", "biases regularized", "biases"),
]


@pytest.mark.parametrize(("number", "name", "why"), OF_THE_CATALOGUE)
def test_a_slip_gives_what_the_grader_knows_it_by(number, name, why):
    row = next(row for row, said, _ in formulas(number) if why in said)
    question = ASKED[number]
    (mistake,) = (m for m in question.catalogue if m.name == name)
    answer = question.of(mistake.grad, *question.cases[0][0])
    parts = answer if isinstance(answer, tuple) else (answer,)
    wrong = np.concatenate([np.ravel(part) for part in parts])
    assert np.allclose(marks.given(question, row), wrong, rtol=1e-9)


def test_w_forgotten_in_homework_2_3_keeps_its_sign():
    row = next(row for row, why, _ in formulas("2.3") if why == "$w_j$ is forgotten")
    params, X, y = ASKED["2.3"].cases[0][0]
    z = X @ params.W_hidden + params.b_hidden
    delta = -y / (1 + np.exp(y * (np.minimum(z, 0) @ params.w_out + params.b_out)))
    wrong = X.T @ (delta[:, None] * (z < 0))
    assert np.allclose(marks.given(ASKED["2.3"], row)[:6], wrong.ravel())


def test_one_total_of_points_everywhere(kit):
    rows = marks.points()
    assert rows.endswith("| together | 10 | 10 |")
    for name in ("README.md", "rubric_homework.md"):
        text = (kit / "instructor" / name).read_text("utf-8")
        assert rows in text and "20 points" in text
    for folder in ("student", "instructor"):
        texts = {c.id: c.source for c in cells(kit / folder / "homework.ipynb")}
        assert "20 points" in texts["title"]
        for number, question in ASKED.items():
            n, s = question.points, "s" * (question.points > 1)
            told = f"*{n} point{s} for the derivation, {n} for the function.*"
            assert texts[f"question-{number.replace('.', '-')}"].endswith(told)


def test_one_name_for_the_questions_of_the_homework(kit):
    homework_texts = [
        (kit / "student" / "homework.ipynb"),
        kit / "instructor" / "rubric_homework.md",
    ]
    for path in homework_texts:
        assert not re.search(r"Question \d", path.read_text("utf-8")), path.name
    for path in (kit / "student").glob("*.ipynb"):
        texts = "\n".join(c.source for c in cells(path))
        assert path.stem == "homework" or "of the homework" not in texts, path.name


def test_what_is_called_in_the_instructors_readme_is_there(kit):
    text = (kit / "instructor" / "README.md").read_text("utf-8")
    for name in re.findall(r"(?m)^\| `([\w.-]+)` \|", text):
        assert (kit / "instructor" / name).exists(), name
    assert "WHEEL" not in text and "POINTS" not in text
    assert (ROOT / "chapters" / "teaching.ipynb").exists() and "Strangers' code runs" in text


# Everything runs, from the wheel alone.


@pytest.mark.parametrize(
    "page",
    [pytest.param(path.stem, marks=() if path.stem == "first_gradient" else pytest.mark.slow)
     for path in CHAPTERS if path.stem not in OUT],
)  # fmt: skip
def test_a_students_notebook_runs_and_prints_what_it_has(kit, installed, page):
    path = kit / "student" / f"{page}.ipynb"
    stored = nbformat.read(path, as_version=4)
    again = run(path, installed, path.parent)
    book = next(each for each in CHAPTERS if each.stem == page)
    tags = {c.id: c.metadata.get("tags", []) for c in nbformat.read(book, as_version=4).cells}
    for before, after in zip(stored.cells, again.cells, strict=True):
        told = "remove-output" not in tags.get(before.id, [])
        if told and before.cell_type == "code" and before.source != notebooks.BLANKS["code"]:
            shown = [said(output) for output in before.outputs]
            assert shown == [said(output) for output in after.outputs], before.id
