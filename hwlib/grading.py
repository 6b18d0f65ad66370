"""The questions of the sheet, and how an answer to one of them is graded.

Each question is asked at two points. Their numbers are irregular (lambda is not 1/2, no bias is
0, no feature 1), for a wrong factor hides at regular ones. What a function is given is read-only.
It is called at a third point, too, which is drawn anew each time: what knows the numbers of the
two by heart is wrong there.

``grade(question, function)`` does it in one call. Where a function may misbehave, the halves of it
run in two processes: ``answer`` calls the function, ``judge`` compares what it returned with finite
differences. A dict goes from one to the other: the "values", else a "message".

A question that passes has its points, any other has none. What is right by another convention,
such as a mean for a sum, is told by its name: whoever grades may give something for it.
"""

import gc
import json
import os
import re
import traceback
from collections.abc import Callable
from functools import partial
from inspect import CO_GENERATOR
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from hwlib import network
from hwlib._layout import Layout
from hwlib.gradcheck import Report, check_grad
from hwlib.gradcheck.problem import CALLS
from hwlib.numbering import cite, number
from hwlib.sheet import HOMEWORK, QUESTIONS, Question

__all__ = ["HOMEWORK", "QUESTIONS", "Grade", "Question", "grade"]

SHEETS = {"book": QUESTIONS, "homework": HOMEWORK}

DETAILS = ("verdict", "coordinate", "diagnosis")

HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")

NO_ANSWER = "what its process answered is no answer: does the file change hwlib?"

CELL = "code cell "
"""Before the number of a notebook's cell, in the name of its file."""

OWN = re.compile(r"gradcheck|optim|scale|sheet|loss_grad")
"""What knows a gradient in hwlib: a part of its file and name."""

PLAIN = {
    "is read-only": "is an argument: copy it first", "is not callable": "is not a function",
    "File too large": "more than 64 MB written", "the parts of x": "what --help says",
    "maximum recursion depth exceeded": "too deep (a function or a list in itself without end)",
}  # fmt: skip
"""In place of what Python says."""


WEIGHTS = {"  gradient": " new theta", "gradient": "new theta", "numerical": "    right"}
"""In place of what a report says, where the answer is no gradient."""


def _line(text: Any) -> str:
    return " ".join(tidy(str(text)).split())


TAKEN: dict[str, Callable[[Any], Any]] = {
    "defined": lambda names: [*map(_line, names)],
    "failed": lambda all: [[*map(_line, [*e, "", ""][:2]), tidy(str(*e[2:3]))] for e in all[:9]],
    "values": partial(np.array, dtype=float),
    "message": _line,
    "traceback": lambda text: tidy(str(text)),
}
"""What is taken from the process of a file, which may have written anything."""


def coded(value: Any) -> str:
    """Return a line of JSON that holds arrays and parameters as lists."""
    return json.dumps(value, default=lambda array: np.asarray(array).tolist()) + "\n"


def decoded(value: Any) -> Any:
    """Return the arrays of lists, and parameters if there are four that differ in shape."""
    try:
        return np.array(value, float)[()]
    except ValueError:
        parts = tuple(map(decoded, value))
        return network.Parameters(*parts) if len(parts) == 4 else parts


class Grade(NamedTuple):
    """What became of a question; true if it passed.

    Attributes
    ----------
    question, function : str
    status : {"passed", "failed", "error", "missing", "not run"}
        The last one is that of a statement of the file, without a question.
    message : str
        The report of the check, or one line that says what went wrong.
    why : str
        The likely mistake or where it is, in a few words, or that line.
    traceback : str
        Of an error in the function.
    points : int
        Those of the question if it passed, else 0.
    """

    question: str
    function: str
    status: str
    message: str
    why: str = ""
    traceback: str = ""
    points: int = 0

    def __bool__(self) -> bool:
        return self.status == "passed"


def grade(question: Question, function: Callable[..., Any], detail: str = DETAILS[-1]) -> Grade:
    """Call a function as the question says, and grade what it returns.

    The detail is "verdict", "coordinate" or "diagnosis": what is shown of a wrong gradient.
    """
    if "HWLIB_RUN" in os.environ:  # a cell of a notebook that is graded: it may be endless
        return Grade(question.number, question.name, "missing", "graded above")
    seed, opened = int(np.random.default_rng().integers(2**32)), close(question.name)
    try:
        value = answer(question, function, seed)
    finally:
        for own, code in opened:
            own.__code__ = code
    return judge(question, value, seed, detail)


def close(name: str) -> list[tuple[FunctionType, CodeType]]:
    """Make what knows a gradient in hwlib raise, and return each function with its own code."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError("...")

    opened = []
    for f in gc.get_objects():
        if type(f) is FunctionType and f.__code__.co_filename.startswith(HOME):
            code, place = f.__code__, f.__code__.co_filename.removeprefix(HOME)
            if OWN.search(f"{place} {code.co_name}") and not code.co_flags & CO_GENERATOR:
                own = code.co_name.replace("<lambda>", "answer")
                text = f"{name} calls hwlib's own {own}: write it yourself"
                consts = tuple(text if c == "..." else c for c in refuse.__code__.co_consts)
                f.__code__ = refuse.__code__.replace(
                    co_consts=consts, co_name=code.co_name, co_freevars=code.co_freevars
                )
                opened.append((f, code))
    return opened


def points(question: Question, seed: int) -> list[tuple[Any, ...]]:
    """Return what a function is called with: at each point several times, then at one drawn."""
    rng = np.random.default_rng(seed)

    def moved(part: Any) -> Any:
        if isinstance(part, network.Parameters):
            return network.Parameters(*map(moved, part))
        is_labels = np.isin(part, (-1, 0, 1)).all()
        return part if is_labels else part * rng.uniform(0.8, 1.2, np.shape(part))

    cases = [args for args, *_ in question.cases]
    return [*cases * CALLS, tuple(map(moved, cases[0]))]


def answer(question: Question, function: Any, seed: int) -> dict[str, Any]:
    """Call a function at each point, and return the vectors of its values."""
    name, layout, values = question.name, Layout(question.cases[0][1]), []
    try:
        for args in points(question, seed):
            value = function(*args)
            if value is None:
                raise ValueError(f"{name} returned None: is a return missing?")
            values.append(layout.flatten(f"{name}(...)", value).tolist())
        return {"values": values}
    except (Exception, SystemExit) as error:
        return raised(error)


def raised(error: BaseException) -> dict[str, str]:
    """Return an error in one line, and its traceback from where the file is reached."""
    whole = traceback.TracebackException.from_exception(error)
    while whole.stack and whole.stack[0].filename.startswith(HOME):
        del whole.stack[0]
    refused = isinstance(error, PermissionError) and error.errno is None  # by hwlib
    if refused or (not whole.stack and not getattr(error, "lineno", None)):
        return {"message": tidy(str(error) or repr(error))}
    frames: list[Any] = [*whole.stack] or [whole]  # a syntax error knows its own place
    own = [frame for frame in frames if str(frame.filename).startswith((frames[0].filename, CELL))]
    place = f"line {own[-1].lineno}" + f" of {own[-1].filename}" * (CELL in own[-1].filename)
    text = " ".join([*whole.format_exception_only()][-1].split())
    return {"message": tidy(f"{text} ({place})"), "traceback": tidy("".join(whole.format()))}


def reworded(text: str, words: dict[str, str]) -> str:
    """Return a text with other words in it."""
    for said, plain in words.items():
        text = text.replace(said, plain)
    return text


def tidy(text: str) -> str:
    """Return at most 41 lines, of at most 500 characters that a terminal can print."""
    rows = reworded(text, PLAIN).splitlines()
    rows[20:-20] = ["[... lines are left out ...]"] if len(rows) > 41 else rows[20:-20]
    return "\n".join("".join(filter(str.isprintable, row[:500])) for row in rows)


def judge(
    question: Question, answer: dict[str, Any], seed: int, detail: str = DETAILS[-1]
) -> Grade:
    """Grade what `answer` returned, by the point that fails or is weak, if one is."""
    asked = question.number, question.name
    values, size = answer.get("values", ()), len(Layout(question.cases[0][1]).vector)
    if np.shape(values) != (2 * CALLS + 1, size):
        why = answer.get("message", NO_ANSWER)
        return Grade(*asked, "error", why, why, answer.get("traceback", ""))
    reports = [_check(question, k, values[k:-1:2]) for k in (0, 1)]
    k, report = min(enumerate(reports), key=lambda r: (r[1].passed, not r[1].weak))
    head, *table = str(report).splitlines()
    if report and (odd := _odd(question, values[-1], seed)):
        return Grade(*asked, "failed", f"FAILED: {odd}", odd)
    if report:
        return Grade(*asked, "passed", f"{head}, at 2 points", points=question.points)
    given = "l2" if question.number == "2.4" else "step_size"
    last = question.cases[k][0][3:]
    head += f", at point {k + 1} of 2" + "".join(f", {given} = {value}" for value in last)
    words = WEIGHTS if question.number == "1.3" else {}
    told = _told(question, report, head, table)[detail]
    return Grade(*asked, "failed", reworded(told[0], words), reworded(told[1], words))


def _odd(question: Question, value: list[float], seed: int) -> str:
    """Say what is wrong at the point that is drawn, where the value is compared with the right one.

    The best finite differences are hundred times less exact than this, and the rounding of a
    formula is hundred times less.
    """
    args = points(question, seed)[-1]
    right = Layout(question.cases[0][1]).flatten("", question.of(question.right, *args))
    error = float(np.max(np.abs(value - right)) / np.max(np.abs(right)))
    if not error < 1e-6:
        return "right at the two points of hwlib.grading alone, wrong at one that is drawn anew"
    said = f"right to {error:.0e} only: from finite differences, in float32, or with a small number"
    return f"{said} added to a denominator or a log? Return the derivative itself" * (error > 1e-12)


# fmt: off
def _check(question: Question, k: int, values: list[list[float]]) -> Report:
    (args, x, loss), of = question.cases[k], question.of
    given, right = map(Layout(x).point, map(np.array, [*values] * 9)), of(question.right, *args)
    wrong = [(m.name, lambda _, v=v: v,  # and from no later page
              min(m.equation, question.equation, key=lambda e: number(e)[:3]))
             for m in question.catalogue if any(map(np.any, v := of(m.grad, *args)))
             and not all(map(np.allclose, v, right))]
    zero = np.flatnonzero(Layout(x).flatten("", right) == 0.0).tolist()  # it is masked
    return check_grad(loss, lambda _: next(given), x, candidates=wrong, expected_zero=zero)


def _told(question: Question, report: Report, head: str, table: list[str]) -> dict[str, Any]:
    """Return by level of detail what is shown of a failure, and why it failed in a few words."""
    faults = [finding.evidence for finding in report.diagnosis if "determin" in finding.family]
    short = faults or [f"wrong: {', '.join(sorted(report.names('differs')))}"]
    why = [f.evidence.partition(":")[0].partition(", with")[0] for f in report.diagnosis]
    if not report.matches and report.diagnosis[0].family == "unknown":
        table.append(f"next: take one sample, line by line up to {cite(question.equation)}")
    return {"verdict": ("\n".join(["FAILED", *faults]), "; ".join(faults)),
            "coordinate": ("\n".join([head, *short]), "; ".join(short)),
            "diagnosis": ("\n".join([head, *table]), " or ".join(report.matches) or "; ".join(why))}
# fmt: on
