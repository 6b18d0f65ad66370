"""The house: imports go one way, the core needs NumPy alone, and what is read stays short."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARROWS = {
    "_arrays": set(),
    "_layout": {"_arrays"},
    "numbering": set(),
    "polynomial": {"_arrays"},
    "optim": {"_arrays"},
    "data": {"_arrays", "network"},
    "hinge": {"_arrays", "polynomial"},
    "network": {"_arrays"},
    "layers": {"_arrays"},
    "gradcheck": {"_arrays", "_layout", "numbering"},
    "gradcheck.mistakes": {"_arrays", "hinge", "network", "layers", "polynomial"},
    "gradcheck.blind_spots": {"_arrays", "hinge", "network", "polynomial"},
    "scale": {"_arrays", "polynomial", "hinge", "network"},
    "sheet": {"data", "gradcheck", "gradcheck.mistakes", "hinge", "network", "optim", "polynomial"},
    "grading": {"_layout", "gradcheck", "network", "numbering", "sheet"},
    "apart": {"grading"},
    "tables": {"grading"},
    "__main__": {"apart", "grading", "tables"},
    "plotting": set(),
    "__init__": set(),
}
"""What each module, or each package, may import from hwlib: a new one gets a row here."""

FOREIGN = {
    # Where they are installed, and only when they are called:
    "scale": {"numpy", "numba"},
    "plotting": {"numpy", "matplotlib", "matplotlib_inline"},
}
"""What a module may import besides the standard library, where that is more than NumPy."""

LIMITS = {
    "the subject": (
        500, ["_arrays.py", "_layout.py", "polynomial.py", "hinge.py", "optim.py", "network.py",
              "layers.py", "data.py"],
    ),
    "the check": (950, ["gradcheck"]),
    "the command line": (300, ["__main__.py", "grading.py"]),
    "the sheet, and a process for an answer": (270, ["sheet.py", "apart.py"]),
    "the tables of a class": (40, ["tables.py"]),
    "the formulas": (800, ["../formulas"]),
    "the extension of the site": (
        600, [f"../site_ext/{name}.py" for name in (
            "archive", "avx512", "book", "execute", "figures", "mathml", "numbering", "prune")],
    ),
    "the notebooks of the kit": (
        600, [f"../course/{name}.py" for name in (
            "__main__", "downloads", "folded", "homework", "marks", "notebooks", "plain",
            "rubric", "wheel")],
    ),
    "the graders of the kit": (160, ["../course/gradescope", "../course/nbgrader"]),
    "the site for students": (250, [f"../course/{name}.py" for name in ("boxes", "drawn", "site")]),
    "the practice page and its sheets": (530, ["../site_ext/practice"]),
    "the editions": (620, ["../editions"]),
    "the answer boxes and their data": (
        800, ["../site_ext/answers.py", "../site_ext/answer_data.py"],
    ),
}  # fmt: skip
"""Lines of code at most, and where they are."""

LONGEST_FILE, LONGEST_BODY = 170, 25


def files(place: str) -> list[Path]:
    path = ROOT / "hwlib" / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code: no docstring, no comment, no blank."""
    skipped = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENCODING, tokenize.ENDMARKER,
    }  # fmt: skip
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {n for t in tokens if t.type not in skipped for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))  # a docstring
    return lines


def bodies(source: str) -> Iterator[tuple[str, int]]:
    """Yield each function's name and the lines of code below its head."""
    lines = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            yield node.name, len(lines & set(inside))


def test_lines_of_code_are_counted_as_a_reader_does():
    source = (
        '"""Docs."""\n\n# why\nA = 1\n"""About A."""\n\n\ndef f(\n    a\n):\n'
        '    """D.\n\n    E."""\n    return (\n        a\n    )\n'
    )
    assert code_lines(source) == {4, 8, 9, 10, 14, 15, 16}
    assert list(bodies(source)) == [("f", 3)]


@pytest.mark.parametrize("part", LIMITS)
def test_a_part_of_the_house_is_no_longer_than_it_may_be(part):
    most, places = LIMITS[part]
    counts = {
        path: len(code_lines(path.read_text(encoding="utf-8")))
        for place in places
        for path in files(place)
        if path.exists()
    }
    assert 0 < sum(counts.values()) <= most, counts


def test_script_and_style_of_the_site_are_no_longer_than_they_may_be():
    # jsep is a library, and tests/test_answers.py counts the answer boxes.
    own = [path for path in (ROOT / "site_ext").rglob("*") if path.suffix in (".js", ".css")]
    paths = [path for path in own if not {"jsep.js", "answer.js", "answer.css"} & {path.name}]
    texts = [re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL) for path in paths]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    assert 500 < sum(bool(line) and not line.startswith("//") for line in lines) <= 1100


@pytest.mark.parametrize("path", files("."), ids=lambda path: path.name)
def test_no_file_and_no_function_is_too_long_to_be_read(path):
    source = path.read_text(encoding="utf-8")
    assert len(code_lines(source)) <= LONGEST_FILE
    long = {name: length for name, length in bodies(source) if length > LONGEST_BODY}
    assert not long


LABEL = re.compile(r"eq(?:-[a-z0-9]+)+")


@pytest.mark.parametrize("name", ["polynomial", "hinge", "optim", "network", "layers"])
def test_every_equation_that_a_docstring_names_is_marked_at_its_line(name):
    source = (ROOT / "hwlib" / f"{name}.py").read_text(encoding="utf-8")
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    marked = {
        label for t in tokens if t.type == tokenize.COMMENT for label in LABEL.findall(t.string)
    }
    named = {
        label for t in tokens if t.type == tokenize.STRING for label in LABEL.findall(t.string)
    }
    assert named and named <= marked


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "hwlib").with_suffix("").parts)


def row_of(module: str) -> str:
    """Return the row of a module: its own, or that of its package."""
    return module if module in ARROWS else module.split(".")[0]


MODULES = {module_of(path): path for path in files(".")}
CORE = sorted(
    name.removesuffix(".__init__") for name in MODULES
    if row_of(name) not in ("__init__", "__main__", "plotting", "scale")
)  # fmt: skip


def imports(source: str) -> tuple[set[str], set[str]]:
    """Return the modules of hwlib, and the foreign packages, that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = "hwlib." * (node.level > 0) + (node.module or "")
            deeper = [f"{start.strip('.')}.{alias.name}" for alias in node.names]
            is_package = start.strip(".") == "hwlib" or (
                start.startswith("hwlib.") and (ROOT / start.replace(".", "/")).is_dir()
            )
            names |= set(deeper) if is_package else {start}
    tops = {name.split(".")[0] for name in names}
    own = {name.removeprefix("hwlib.") for name in names if name.startswith("hwlib.")}
    return own, tops - {"hwlib"} - set(sys.stdlib_module_names)


def test_every_module_has_its_row():
    assert {row_of(module) for module in MODULES} <= ARROWS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_arrows(module):
    own, foreign = imports(MODULES[module].read_text(encoding="utf-8"))
    row = row_of(module)
    package = module.split(".")[0]
    for name in own:
        if name.split(".")[0] == package and row_of(name) == row == package:
            continue  # within a package
        top = name.split(".")[0]
        assert top in ARROWS[row] or (top == package and row != package), name
    assert foreign <= FOREIGN.get(package, {"numpy"})


def test_the_check_knows_no_model():
    for module, path in MODULES.items():
        if row_of(module) == "gradcheck" and module != "gradcheck.__init__":
            own, _ = imports(path.read_text(encoding="utf-8"))
            assert not own & {"gradcheck.mistakes", "gradcheck.blind_spots"}, module


def test_no_arrow_leads_back():
    left = {row: needs for row, needs in ARROWS.items() if "." not in row}
    for row, needs in ARROWS.items():
        if "." in row:
            left[row.split(".")[0]] = left[row.split(".")[0]] | needs
    while left:
        free = [module for module, needs in left.items() if not needs & left.keys()]
        assert free, f"these import each other in a circle: {sorted(left)}"
        for module in free:
            del left[module]


def test_the_package_does_not_know_how_formulas_are_read_or_pages_are_built():
    for path in MODULES.values():
        _, foreign = imports(path.read_text(encoding="utf-8"))
        assert not foreign & {"formulas", "site_ext"}


@pytest.mark.parametrize(
    ("source", "own", "foreign"),
    [
        ("import numpy as np\nimport ast", set(), {"numpy"}),
        ("from hwlib import hinge, network", {"hinge", "network"}, set()),
        ("from hwlib.hinge import loss", {"hinge"}, set()),
        ("from hwlib.gradcheck import mistakes", {"gradcheck.mistakes"}, set()),
        ("import hwlib.hinge", {"hinge"}, set()),
        ("from . import hinge", {"hinge"}, set()),
        ("from .hinge import loss", {"hinge"}, set()),
        ("def f():\n    from matplotlib.axes import Axes", set(), {"matplotlib"}),
    ],
)
def test_each_form_of_import_is_seen(source, own, foreign):
    assert imports(source) == (own, foreign)


def loaded_by(statement: str) -> set[str]:
    """Return the foreign packages that a statement loads in a fresh interpreter."""
    program = (
        f"import sys\nbefore = set(sys.modules)\n{statement}\n"
        "new = {name: sys.modules[name] for name in set(sys.modules) - before}\n"
        "tops = {n.split('.')[0] for n, m in new.items() if getattr(m, '__spec__', None)}\n"
        "print(*(tops - set(sys.stdlib_module_names) - {'hwlib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_core_loads_numpy_alone():
    statement = "; ".join(f"import hwlib.{module}" for module in CORE)
    assert loaded_by(statement) == {"numpy"}


def test_what_a_statement_loads_is_seen():
    assert "matplotlib" in loaded_by("from hwlib import plotting")
