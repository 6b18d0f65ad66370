"""A line of code that ends in its value, `q = p + b  # (2) 2.5`, ends in the right one.

The number in brackets counts the lines of a forward pass; the backward line of the same number
belongs to it. The pages are run statement by statement, and each value is compared as printed.
"""

import ast
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

CHAPTERS = Path(__file__).parents[1] / "chapters"
NUMBER = r"-?\d+(?:\.\d+)?"
VALUE = re.compile(rf"#(?: line)? \(\d+\) (\[*{NUMBER}(?:[,\[\] ]+{NUMBER})*\]*)$")


def claims(source):
    """Yield each statement of a cell with the numbers that it says are its value, as text."""
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        found = VALUE.search(lines[statement.end_lineno - 1])
        yield statement, re.findall(NUMBER, found[1]) if found else None


def wrong_lines(sources):
    """Run cells and yield each line whose value is not the one that it ends in."""
    names = {"__name__": "a page"}
    for source in sources:
        for statement, texts in claims(source):
            exec(compile(ast.Module([statement], []), "a page", "exec"), names)
            if texts is None:
                continue
            target = getattr(statement, "target", None) or statement.targets[0]
            values = np.ravel(names[target.id])
            digits = [len(text.partition(".")[2]) for text in texts]
            shown = [f"{v + 0.0:.{d}f}" for v, d in zip(values, digits, strict=False)]
            if shown != texts or len(values) != len(texts):
                yield f"{ast.unparse(statement)}  # {texts}, but it is {shown}"


def cells(path):
    """Return the code cells of a page as far as the last one with such a line."""
    found = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    while found and not any(texts for _, texts in claims(found[-1])):
        found.pop()
    return found


PAGES = [path for path in sorted(CHAPTERS.glob("*.ipynb")) if cells(path)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
@pytest.mark.sampled(6)
def test_each_line_ends_in_its_value(path, monkeypatch):
    monkeypatch.chdir(CHAPTERS)
    with mpl.rc_context({"backend": "agg"}):
        assert list(wrong_lines(cells(path))) == []
    plt.close("all")


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ("a = 2.5 * 2  # (1) 5.0", True),
        ("a = 2.5 * 2  # (1) 5", True),
        ("a = 2.5 * 2  # (1) 5.1", False),
        ("a = -2 / 3  # (12) -0.6667", True),
        ("a = -2 / 3  # (12) -0.6666", False),
        ("a = -2 / 3  # (12) 0.6667", False),
        ("a = 1\na += 1.5  # (1) 2.5", True),
        ("a = 1\na += 1.5  # (1) 1.5", False),
        ("a = [1.375, 0.625]  # (1) [1.375, 0.625]", True),
        ("a = [1.375, 0.625]  # (1) [1.375, 0.652]", False),
        ("a = [1.375, 0.625]  # (1) [1.375]", False),
        ("a = 3  # (1) of 4", True),  # no value
    ],
)
def test_a_wrong_value_is_seen(line, is_right):
    assert (list(wrong_lines([line])) == []) == is_right
