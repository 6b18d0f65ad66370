"""The table of what each check says, and its summary."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.wrong_gradients.case import TRUE_NAMES

JUDGED = set().union(*TRUE_NAMES.values())
TABLE = Path(__file__).parents[1] / "wrong_gradients.csv"
COLUMNS = ("case", "source", "kind", "wrong", "check", "verdict", "named", "seconds", "text")
HEADS = {
    "check": "check", "rejected": "rejected", "named": "kind named", "misnamed": "wrongly",
    "weak": "passed, said weak",
    "passed": "passed plainly", "right ones passed": "passed", "right ones weak": "said weak",
    "false alarms": "false alarms", "errors": "errors", "not applicable": "not applicable",
    "time": "time",
}  # fmt: skip
Row = dict[str, Any]


def read(path: Path = TABLE) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(rows: Sequence[Row], path: Path = TABLE) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return one line for each check: counts of wrong ones, then of right ones, then the time.

    The time is a multiple of SciPy's: the median over the cases that both ran.
    """
    seconds = {(row["case"], row["check"]): float(row["seconds"] or 0) for row in rows}
    table = []
    for check in dict.fromkeys(row["check"] for row in rows):
        mine = [row for row in rows if row["check"] == check]
        of = {yes: [row["verdict"] for row in mine if row["wrong"] == yes] for yes in ("yes", "no")}
        table.append({
            "check": check, "rejected": of["yes"].count("rejected"),
            "named": sum(bool(row["named"]) for row in mine if row["wrong"] == "yes"),
            "misnamed": sum(is_misnamed(row["kind"], row["named"]) for row in mine),
            "weak": of["yes"].count("weak"), "passed": of["yes"].count("passed"),
            "right ones passed": of["no"].count("passed"),
            "right ones weak": of["no"].count("weak"),
            "false alarms": of["no"].count("rejected"),
            "errors": sum(v.count("error") for v in of.values()),
            "not applicable": sum(v.count("not applicable") for v in of.values()),
            "time": _ratio(seconds, check),
        })  # fmt: skip
    return table


def is_misnamed(kind: str, named: str) -> bool:
    """Whether the name that a check gives is one of another kind of mistake."""
    return named in JUDGED - TRUE_NAMES.get(kind, set())


def _ratio(seconds: dict[Any, float], check: str) -> float:
    """Return the median of a check's times over SciPy's, on the cases that both ran."""
    ratios = [
        time / seconds[case, "SciPy"]
        for (case, name), time in seconds.items()
        if name == check and time and seconds.get((case, "SciPy"))
    ]
    return median(ratios) if ratios else float("nan")


def markdown(rows: Sequence[Row]) -> str:
    """Return the summary as a table for a chapter; times are multiples of SciPy's."""
    lines = [list(HEADS.values()), ["---", *["---:"] * (len(HEADS) - 1)]]
    for line in summary(rows):
        lines.append([f"{v:.1f}" if isinstance(v, float) else str(v) for v in line.values()])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def better(rows: Sequence[Row], check: str) -> list[str]:
    """Return the cases in which another check does better than this one."""
    rank = {"yes": {"rejected": 2, "weak": 1}, "no": {"passed": 2, "weak": 1}}
    found = []
    for case in dict.fromkeys(row["case"] for row in rows):
        of = {row["check"]: row for row in rows if row["case"] == case}
        ranks = {name: rank[row["wrong"]].get(row["verdict"], 0) for name, row in of.items()}
        ahead = [name for name in ranks if ranks[name] > ranks[check]]
        if ahead:
            found.append(f"{case}: {check} {of[check]['verdict']}; better {', '.join(ahead)}")
    return found
