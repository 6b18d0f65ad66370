"""Check the formulas of all pages and store how many were executed: `make execute` runs it."""

import json
from collections import Counter
from pathlib import Path

from formulas.check import check
from formulas.reader import Book, read

STORED = Path(__file__).parent / "executed.json"


def count() -> dict[str, int]:
    """Return for each page how many formulas it prints: each is executed, or an error is raised."""
    book = Book(read())
    return Counter(check(e, book).equation.page for e in book.equations)


if __name__ == "__main__":
    STORED.write_text(json.dumps(count(), indent=2) + "\n", encoding="utf-8")
