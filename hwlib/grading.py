"""How an answer to a question of the sheet is graded.

``grade(question, function)`` does it in one call. Where a function may misbehave, the halves of it
run in two processes: ``answer`` calls the function, ``judge`` compares what it returned with finite
differences. A dict goes from one to the other: the "values", else what a `Grade` shall hold; it is
empty if there is no function.
"""

import pickle
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwlib.gradcheck import Report, check_grad
from hwlib.gradcheck.layout import Layout
from hwlib.numbering import cite
from hwlib.questions import Case, Question

STATUSES = ("passed", "failed", "error", "missing")
DETAILS = ("verdict", "coordinate", "diagnosis", "all")

CALLS = 8
"""How often a function is called at a point, so that a coin flip in it shows."""

GRADIENTS = (".loss_grad", ".log_loss_grad", ".value_and_grad", ".numerical_grad", ".grad")
"""Functions of hwlib that return a gradient; ``grad`` is a switched one of the catalogue."""

HOME = str(Path(__file__).parent)

CODE_CELL = ", code cell "
"""Stands between the file and the number in the file name of a notebook's cell."""


class Grade(NamedTuple):
    """What became of a question; true if it passed.

    Attributes
    ----------
    question, function : str
    status : {"passed", "failed", "error", "missing"}
    message : str
        The report of the check, or one line that says what went wrong.
    why : str
        The likely mistake or where it is, in a few words, or that line.
    traceback : str
        Of an error in the function.
    report : hwlib.gradcheck.Report or None
        None where nothing could be checked.
    """

    question: str
    function: str
    status: str = "missing"
    message: str = "not in the file"
    why: str = ""
    traceback: str = ""
    report: Report | None = None

    def __bool__(self) -> bool:
        return self.status == "passed"


def grade(question: Question, function: Callable[..., Any]) -> Grade:
    """Call a function as the question says, and grade what it returns."""
    return judge(question, answer(question, function))


def answer(question: Question, function: Callable[..., Any]) -> dict[str, Any]:
    """Call a function at each point, and return the vectors of its values."""
    try:
        _call(question, question.cases[0], function)  # what it prints is seen, this once
        with redirect_stdout(StringIO()):
            calls = [[_call(question, c, function) for _ in range(CALLS)] for c in question.cases]
        if not all(np.allclose(each, each[0], 1e-9, 1e-12, equal_nan=True) for each in calls):
            raise ValueError(f"{question.name} returns something else when called again")
        return {"values": [vectors[0] for vectors in calls]}
    except (Exception, SystemExit) as error:
        return raised(error)


def _call(question: Question, case: Case, function: Callable[..., Any]) -> list[float]:
    """Return the vector of what a function returns when it is called with copies."""
    args, called = pickle.loads(pickle.dumps(case.args)), []
    before = pickle.dumps(args)

    def note(frame: Any, event: str, arg: object) -> None:
        name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}"
        if name.startswith("hwlib.") and name.endswith(GRADIENTS):
            called.append(name)

    sys.setprofile(note)
    try:
        value = function(*args)
    finally:
        sys.setprofile(None)
    if called:
        raise ValueError(f"{question.name} calls hwlib's own gradient, {called[0]}")
    if pickle.dumps(args) != before:
        raise ValueError(f"{question.name} changes what it is given: {question.arguments}")
    if value is None:
        raise ValueError(f"{question.name} returned None: is a return missing?")
    if isinstance(value, list) and isinstance(case.x, tuple):
        value = tuple(value)
    return list(map(float, Layout(case.x).flatten(f"{question.name}(...)", value)))


def raised(error: BaseException) -> dict[str, str]:
    """Return an error in one line, and its traceback from where the file is reached."""
    whole = traceback.TracebackException.from_exception(error)
    while whole.stack and whole.stack[0].filename.startswith(HOME):
        del whole.stack[0]
    if not whole.stack and not getattr(error, "lineno", None):
        return {"message": tidy(str(error) or repr(error))}
    frames: list[Any] = [*whole.stack] or [whole]  # a syntax error knows its own place
    file = str(frames[0].filename).partition(CODE_CELL)[0]
    place = [frame for frame in frames if str(frame.filename).startswith(file)][-1]
    text = " ".join([*whole.format_exception_only()][-1].split())
    where = f"{place.filename}, line {place.lineno}".removeprefix(f"{file}, ")
    return {"message": tidy(f"{text} ({where})"), "traceback": tidy("".join(whole.format()))}


def tidy(text: str) -> str:
    """Return at most 41 lines, of at most 500 characters that a terminal can print."""
    rows = text.splitlines()
    cut = [*rows[:20], "[... lines are left out ...]", *rows[-20:]]
    kept = rows if len(rows) < len(cut) else cut
    return "\n".join("".join(filter(str.isprintable, row[:500])) for row in kept)


def judge(question: Question, answer: dict[str, Any], detail: str = "all") -> Grade:
    """Grade what `answer` returned, by the point that fails or is weak, if one is."""
    grade = Grade(question.number, question.name)
    if "values" not in answer:
        told = {"status": "error", "why": answer.get("message", "")} | answer
        return grade._replace(**told) if answer else grade
    reports = [_checked(*pair) for pair in zip(question.cases, answer["values"], strict=True)]
    place, report = min(enumerate(reports), key=lambda r: (r[1].passed, not r[1].weak))
    l2 = "".join(f", l2 = {number}" for number in question.cases[place].args[3:])
    at = f"{len(reports)} points" if report else f"point {place + 1} of {len(reports)}{l2}"
    head, *table = str(report).splitlines()
    head = head.partition(":")[0] if detail == "verdict" else f"{head}, at {at}"
    if report:
        return grade._replace(status="passed", message=head, report=report)
    why, rows = _told(report, table, detail)
    return grade._replace(status="failed", message="\n".join([head, *rows]), why=why, report=report)


def _checked(case: Case, vector: list[float]) -> Report:
    given = Layout(case.x).point(np.array(vector))
    return check_grad(case.loss, lambda x: given, case.x, **case.options)


def _told(report: Report, table: list[str], detail: str) -> tuple[str, list[str]]:
    """Return why a gradient is wrong, in a few words and in lines, at a level of `DETAILS`."""
    where = ", ".join(sorted({*report.names("differs"), *report.beside}))
    likely = [*report.matches]
    likely += ["NaN or infinite" for c in report.coordinates if not np.isfinite(c.given)]
    likely += [f.evidence.partition(":")[0] for f in report.diagnosis if f.family != "unknown"]
    likely += [f"unknown mistake in {where}"]
    reread = [f"reread {cite(f.equation)}" for f in report.diagnosis[:1] if f.equation]
    lines = [f"wrong: {where}", f"likely: {likely[0]}", *reread]
    shown = {"verdict": [], "coordinate": lines[:1], "diagnosis": lines, "all": table}
    return {"verdict": "", "coordinate": lines[0]}.get(detail, likely[0]), shown[detail]
