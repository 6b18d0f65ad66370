"""How an answer to a question of the sheet is graded.

``grade(question, function)`` does it in one call. Where a function may misbehave, the halves of it
run in two processes: ``answer`` calls the function, ``judge`` compares what it returned with finite
differences. A dict goes from one to the other: the "values", else what a `Grade` shall hold; it is
empty if there is no function. ``reduced`` takes from a grade what would
give the answer away.
"""

import copy
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from hwlib._arrays import as_numbers
from hwlib.gradcheck import Report, check_grad
from hwlib.numbering import cite
from hwlib.questions import Case, Question

STATUSES = ("passed", "failed", "error", "missing")
DETAILS = ("verdict", "coordinate", "diagnosis", "all")

CALLS = 8
"""How often a function is called at a point, so that a coin flip in it shows."""

GRADIENTS = ("loss_grad", "log_loss_grad", "value_and_grad", "numerical_grad", "grad")
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
    likely : str
        The likely mistake in a few words, or nothing.
    traceback : str
        Of an error in the function.
    report : hwlib.gradcheck.Report or None
        None where nothing could be checked.
    """

    question: str
    function: str
    status: str = "missing"
    message: str = "not in the file"
    likely: str = ""
    traceback: str = ""
    report: Report | None = None

    def __bool__(self) -> bool:
        return self.status == "passed"


class Rejected(Exception):
    """What a function did or returned is not to be compared: why, and the mistake if it is one."""


def grade(question: Question, function: Callable[..., Any]) -> Grade:
    """Call a function as the question says, and grade what it returns."""
    return judge(question, answer(question, function))


def answer(question: Question, function: Callable[..., Any]) -> dict[str, Any]:
    """Call a function with copies of the arguments of each case; return its values as lists."""
    home = str(getattr(function, "__module__", ""))
    if home.startswith("hwlib."):
        message = f"not in the file: this is {home}.{function.__name__}, imported"
        return {"status": "missing", "message": message}
    try:
        return {"values": [_value(question, case, function) for case in question.cases]}
    except Rejected as error:
        return dict(zip(("message", "likely"), error.args, strict=False))
    except (Exception, SystemExit) as error:
        return raised(error, f"; it is called as {question.name}({question.arguments})")


def _value(question: Question, case: Case, function: Callable[..., Any]) -> list[Any]:
    """Return the parts of the gradient at one point, if all calls agree on it."""
    name, first = question.name, None
    for k in range(CALLS):
        args, quiet = copy.deepcopy(case.args), k or case is not question.cases[0]
        with redirect_stdout(StringIO()) if quiet else nullcontext():
            value, called = _traced(function, args)
        if called:
            raise Rejected(f"{name} calls hwlib's own gradient, {called}", "hwlib's own gradient")
        parts = _parts(name, case.x, value)
        first = first or parts
        if not _same(parts, first):
            raise Rejected(f"{name} returns something else when called again", "not repeatable")
        changed = [i for i, arg in enumerate(args) if not _same(arg, case.args[i])]
        if changed:
            key = question.arguments.split(", ")[changed[0]]
            raise Rejected(f"{name} changes {key}, which it was given", "argument changed")
    return first or []


def _traced(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, str]:
    """Return what a function returns, and the first gradient of hwlib that it calls, if any."""
    called, before = [""], sys.getprofile()

    def note(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name in GRADIENTS and code.co_filename.startswith(HOME):
            called.append(f"{frame.f_globals['__name__']}.{code.co_name}")

    sys.setprofile(note)
    try:
        return function(*args), "".join(called[:2])
    finally:
        sys.setprofile(before)


def _parts(name: str, x: Any, value: Any) -> list[Any]:
    """Return the fields of a gradient as lists of floats; a gradient without fields is one."""
    fields = getattr(x, "_fields", ())
    if value is None:
        raise Rejected(f"{name} returned None: is a return missing?")
    if fields and isinstance(value, dict) and value.keys() == set(fields):
        value = [value[key] for key in fields]
    parts = value if fields and isinstance(value, tuple | list) else [value]
    came, due = list(map(_words, parts)), list(map(_words, x if fields else [x]))
    if came != due:
        named = [f"{what} for {key}" for what, key in zip(due, fields, strict=False)] or due
        raise Rejected(f"{name} returned {' and '.join(came)}; expected {' and '.join(named)}")
    return [as_numbers(name, part).astype(float).tolist() for part in parts]


def _words(value: Any) -> str:
    """Say what a value is."""
    try:
        shape = as_numbers("it", value).shape
        return f"an array of shape {shape}" if shape else "a number"
    except (ValueError, RecursionError) as error:  # a list may hold itself
        known = isinstance(value, np.ndarray | list | tuple)
        return f"a {type(value).__name__}" + f" ({error})" * known


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays, numbers or sequences of them are the same, but for rounding."""
    pairs = zip(a, b, strict=True) if isinstance(a, tuple | list) else [(a, b)]
    return all(np.allclose(p, q, rtol=1e-9, atol=1e-12, equal_nan=True) for p, q in pairs)


def raised(error: BaseException, hint: str = "") -> dict[str, str]:
    """Return an error in one line, and its traceback without the frames that called the file.

    The hint is for a call that never reached the file.
    """
    top, own = error.__traceback__, (HOME, "<frozen runpy>")
    while top and top.tb_frame.f_code.co_filename.startswith(own):
        top = top.tb_next
    frames = traceback.extract_tb(top)
    file = frames[0].filename.split(CODE_CELL)[0] if frames else ""
    places = [(f.filename, f.lineno) for f in frames if f.filename.startswith(file)]
    syntax = getattr(error, "filename", None) or "", getattr(error, "lineno", None)
    place, line = (places or [syntax])[-1]
    cell = "".join(f"code cell {number}, " for number in place.split(CODE_CELL)[1:])
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    whole = traceback.format_exception(type(error), error, top) if line else []
    text += f" ({cell}line {line})" if line else hint
    return {"message": tidy(text), "traceback": tidy("".join(whole))}


def tidy(text: str) -> str:
    """Return at most 41 lines, of at most 500 characters that a terminal can print."""
    rows = text.splitlines()
    cut = [*rows[:20], "[... lines are left out ...]", *rows[-20:]]
    kept = rows if len(rows) < len(cut) else cut
    return "\n".join("".join(filter(str.isprintable, row[:500])) for row in kept)


def judge(question: Question, answer: dict[str, Any]) -> Grade:
    """Grade what `answer` returned: by the first case that fails, or is weak, if one is."""
    grade = Grade(question.number, question.name)
    if "values" not in answer:
        status = "failed" if "likely" in answer else "error"
        return grade._replace(**{"status": status} | answer) if answer else grade
    pairs = list(zip(question.cases, answer["values"], strict=True))
    reports = [_checked(case, value) for case, value in pairs]
    k = min(range(len(reports)), key=lambda k: (reports[k].passed, not reports[k].weak))
    always = set.intersection(*(set(report.matches) for report in reports))
    report = _checked(*pairs[k], always)
    head, *rows = str(report).splitlines()
    l2 = "".join(f", l2 = {number}" for number in pairs[k][0].args[3:])
    place = f"{len(pairs)} points" if report else f"point {k + 1} of {len(pairs)}{l2}"
    message = "\n".join([f"{head}, at {place}", *rows])
    status, likely = ("passed", "") if report else ("failed", _likely(report))
    return grade._replace(status=status, message=message, likely=likely, report=report)


def _checked(case: Case, value: list[Any], names: set[str] | None = None) -> Report:
    """Check a gradient at a point, beside all or some of the candidates."""
    given = tuple(value) if hasattr(case.x, "_fields") else value[0]
    known = [c for c in case.options["candidates"] if names is None or c[0] in names]
    return check_grad(case.loss, lambda x: given, case.x, **case.options | {"candidates": known})


def _likely(report: Report) -> str:
    """Return the mistake of a wrong gradient in a few words."""
    if report.matches:
        return report.matches[0]
    if not all(np.isfinite(c.given) for c in report.coordinates):
        return "NaN or infinite"
    known = [f.evidence.partition(":")[0] for f in report.diagnosis if f.family != "unknown"]
    return known[0] if known else f"unknown mistake in {_where(report)}"


def _where(report: Report) -> str:
    """Name the wrong coordinates, or a field alone if all of it is wrong."""
    wrong, fields, texts = {*report.names("differs"), *report.beside}, defaultdict(list), []
    for name in sorted({*report.names("differs", "agrees", "kink", "unseen"), *wrong}):
        fields[name.partition("[")[0]].append(name)
    for field, names in fields.items():
        found = [name for name in names if name in wrong]
        texts += [field] if found == names else found
    return ", ".join(texts)


def reduced(grade: Grade, detail: str) -> Grade:
    """Return a grade with no more than a level of `DETAILS` shows; errors stay as they are."""
    report = grade.report
    if detail == "all" or report is None:
        return grade
    head = grade.message.partition("\n")[0]
    if detail == "verdict":
        return grade._replace(message=head.partition(":")[0], likely="")
    texts = [] if report else [f"wrong: {_where(report)}"]
    if grade.likely and detail == "diagnosis":
        texts += [f"likely: {grade.likely}"]
        texts += [f"reread {cite(f.equation)}" for f in report.diagnosis[:1] if f.equation]
    likely = grade.likely if detail == "diagnosis" else ""
    return grade._replace(message="\n".join([head, *texts]), likely=likely)
