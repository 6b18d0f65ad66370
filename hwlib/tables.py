"""What is told of a class: the tables that are written, and the counts."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from hwlib.grading import QUESTIONS

NOT_RUN = "not run"
"""The status of a statement that was left out, or of a cell."""

Table = list[dict[str, Any]]


def summary(table: Table, passed: list[bool]) -> Iterator[str]:
    """Yield how many files passed, and what became of each question how often, and why."""
    yield f"\nfiles: {len(passed)}, passed {sum(passed)}, FAILED {len(passed) - sum(passed)}"
    rows = ("{question} {function} {status} {why}".format(**row) for row in table)
    counts = Counter(" ".join(row.partition(" (line ")[0].split()) for row in rows)
    yield from (f"{n:>5} x {what}" for what, n in sorted(counts.items()))


# fmt: off
def marks(table: Table) -> Iterator[dict[str, Any]]:
    """Yield a row a file: the points of each question, their sum, and what to look at."""
    for file, rows in groupby(table, key=itemgetter("file")):
        own = [*rows]
        points = dict.fromkeys((q.number for q in QUESTIONS), 0)
        points |= {row["question"]: row["points"] for row in own if row["question"]}
        odd = [f"{row['question']} {row['message']}".strip() for row in own
               if row["status"] in ("error", NOT_RUN) and "NotImplementedError" not in row["why"]]
        yield {"file": file, **points, "total": own[0]["total"], "look at": "; ".join(odd)}


def write(name: str, table: Table) -> None:
    """Write a table whose text no spreadsheet takes for a formula; "-" prints it."""
    text = io.StringIO()
    rows = [[*table[0]], *(row.values() for row in table)] if table else []
    csv.writer(text, lineterminator="\n").writerows(
        [re.sub(r"\A(?=[=+\-@\t\r])", "'", str(value)) for value in row] for row in rows)
    if name == "-":
        print(text.getvalue(), end="")
    else:
        Path(name).write_text(text.getvalue(), encoding="utf-8")
# fmt: on
