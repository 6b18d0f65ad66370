"""Imports of hwlib go one way, and its core needs NumPy alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hwlib

PACKAGE = Path(hwlib.__file__).parent
ARROWS = {
    "__init__": set(),
    "_arrays": set(),
    "blocks": {"_arrays"},
    "polynomial": {"_arrays"},
    "hinge": {"_arrays", "blocks", "optim", "polynomial"},
    "optim": {"_arrays"},
    "network": {"_arrays", "blocks"},
    "diagnosis": {"_arrays"},
    "gradcheck": {"_arrays", "diagnosis"},
    "mistakes": {"hinge", "network", "polynomial"},
    "data": {"_arrays"},
    "__main__": {"data", "gradcheck", "hinge", "mistakes", "network", "polynomial"},
    "worlds": {"_arrays", "gradcheck", "hinge", "network", "polynomial"},
    "equations": {"worlds"},
    "mutants": {"equations", "worlds"},
    "plotting": set(),
}
"""What each module may import from hwlib: a new module gets a row here."""

FOREIGN = {
    # Where they are installed, and only when they are called:
    "blocks": {"numpy", "dask", "numba"},
    "plotting": {"numpy", "matplotlib", "matplotlib_inline"},
    "equations": {"numpy", "lark"},
    "mutants": {"lark"},
}
"""What a module may import besides the standard library, where that is more than NumPy."""

CORE = sorted(ARROWS.keys() - {"__init__", "__main__", "plotting", "equations", "mutants"})


def imports(source: str) -> tuple[set[str], set[str]]:
    """Return the modules of hwlib, and the foreign packages, that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = "hwlib." * (node.level > 0) + (node.module or "")
            bare = start.strip(".") == "hwlib"
            names |= {f"hwlib.{alias.name}" for alias in node.names} if bare else {start}
    tops = {name.split(".")[0] for name in names}
    own = {name.split(".")[1] for name in names if name.startswith("hwlib.")}
    return own, tops - {"hwlib"} - set(sys.stdlib_module_names)


def test_every_module_has_its_row() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == ARROWS.keys()


@pytest.mark.parametrize("module", ARROWS)
def test_imports_follow_the_arrows(module: str) -> None:
    own, foreign = imports((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    assert own <= ARROWS[module]
    assert foreign <= FOREIGN.get(module, {"numpy"})


def test_no_arrow_leads_back() -> None:
    left = dict(ARROWS)
    while left:
        free = [module for module, needs in left.items() if not needs & left.keys()]
        assert free, f"these import each other in a circle: {sorted(left)}"
        for module in free:
            del left[module]


@pytest.mark.parametrize(
    ("source", "own", "foreign"),
    [
        ("import numpy as np\nimport ast", set(), {"numpy"}),
        ("from hwlib import hinge, network", {"hinge", "network"}, set()),
        ("from hwlib.hinge import loss", {"hinge"}, set()),
        ("import hwlib.hinge", {"hinge"}, set()),
        ("from . import hinge", {"hinge"}, set()),
        ("from .hinge import loss", {"hinge"}, set()),
        ("def f():\n    from matplotlib.axes import Axes", set(), {"matplotlib"}),
    ],
)
def test_each_form_of_import_is_seen(source: str, own: set[str], foreign: set[str]) -> None:
    assert imports(source) == (own, foreign)


def loaded_by(statement: str) -> set[str]:
    """Return the foreign packages that a statement loads in a fresh interpreter."""
    program = (
        f"import sys\nbefore = set(sys.modules)\n{statement}\n"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*(tops - set(sys.stdlib_module_names) - {'hwlib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_core_loads_numpy_alone() -> None:
    assert loaded_by(f"from hwlib import {', '.join(CORE)}") == {"numpy"}


def test_what_a_statement_loads_is_seen() -> None:
    assert "matplotlib" in loaded_by("from hwlib import plotting")
