"""Check the formulas of all pages and store how many were executed: `make execute` runs it."""

import json
from collections import Counter
from pathlib import Path

from formulas.check import check
from formulas.reader import Book, read

STORED = Path(__file__).parent / "executed.json"


def count() -> dict[str, dict[str, int]]:
    """Return for each page how many formulas it prints, and how many of them were executed."""
    book = Book(read())
    printed = Counter(equation.page for equation in book.equations)
    executed = Counter(check(e, book).equation.page for e in book.equations)
    return {page: {"printed": n, "executed": executed[page]} for page, n in printed.items()}


if __name__ == "__main__":
    STORED.write_text(json.dumps(count(), indent=2) + "\n", encoding="utf-8")
    print(f"{STORED} holds the counts of all pages")
