"""Numbers of the book's equations: what a reader sees in place of a label.

Source names an equation by its label, which stays when the book grows. The table of numbers,
``equations.json``, is made from the pages. A text that is no label comes back unchanged.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def _table() -> dict[str, list[str]]:
    """Return number, page and title of the page, by label."""
    path = Path(__file__).with_name("equations.json")
    table: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return table


def number(label: str) -> str:
    """Return the number of an equation: "2.1.9"."""
    return _table().get(label, [label])[0]


def cite(label: str) -> str:
    """Return the number and the title of the page: "(2.1.9), The error at the output"."""
    if label not in _table():
        return label
    place, _, title = _table()[label]
    return f"({place}), {title}"
