"""The questions of the sheet, and how an answer to one of them is graded.

``grade(question, function)`` does it in one call. Where a function may misbehave, the halves of it
run in two processes: ``answer`` calls the function, ``judge`` compares what it returned with finite
differences. A dict goes from one to the other: the "value", else "message" and "traceback"; it is
empty if there is no function.
"""

import copy
import traceback
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwlib import data, hinge, network, polynomial
from hwlib._arrays import Floats, as_numbers
from hwlib.gradcheck import Report, check_grad, mistakes


class Question(NamedTuple):
    """A function that a reader writes, what it is called with, and how it is checked.

    Attributes
    ----------
    number : str
    name, arguments : str
        Such as "hinge_grad" and "theta, X, y".
    args : tuple
        What the function is called with.
    loss, x, options
        What `hwlib.gradcheck.check_grad` takes besides the gradient.
    """

    number: str
    name: str
    arguments: str
    args: tuple[Any, ...]
    loss: Callable[[Any], float]
    x: Any
    options: dict[str, Any]


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


def grade(question: Question, function: Callable[..., Any]) -> Grade:
    """Call a function as the question says, and grade what it returns."""
    return judge(question, answer(question, function))


def answer(question: Question, function: Callable[..., Any]) -> dict[str, Any]:
    """Call a function with copies of the question's arguments; return its value as lists."""
    name, fields = question.name, hasattr(question.x, "_fields")
    try:
        value = function(*copy.deepcopy(question.args))
        if value is None:
            return {"message": f"{name} returned None: is a return missing?"}
        parts = value if fields and isinstance(value, tuple | list) else [value]
        came = " and ".join(map(_words, parts))
        expected = " and ".join(map(_words, question.x if fields else [question.x]))
        if came != expected:
            return {"message": f"{name} returned {came}; expected {expected}"}
        return {"value": [as_numbers(name, part).astype(float).tolist() for part in parts]}
    except (Exception, SystemExit) as error:
        return raised(error, f"; it is called as {name}({question.arguments})")


def _words(value: Any) -> str:
    """Say what a value is."""
    try:
        shape = as_numbers("it", value).shape
        return f"an array of shape {shape}" if shape else "a number"
    except (ValueError, RecursionError) as error:  # a list may hold itself
        return f"a {type(value).__name__} ({error})"


def raised(error: BaseException, hint: str = "") -> dict[str, str]:
    """Return an error in one line, and its traceback without the frames that called the file.

    The hint is for a call that never reached the file.
    """
    top, own = error.__traceback__, (str(Path(__file__).parent), "<frozen runpy>")
    while top and top.tb_frame.f_code.co_filename.startswith(own):
        top = top.tb_next
    frames = traceback.extract_tb(top)
    lines = [f.lineno for f in frames if f.filename == frames[0].filename]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    whole = traceback.format_exception(type(error), error, top) if line else []
    text += f" (line {line})" if line else hint
    return {"message": tidy(text), "traceback": tidy("".join(whole))}


def tidy(text: str) -> str:
    """Return at most 41 lines, of at most 500 characters that a terminal can print."""
    rows = text.splitlines()
    cut = [*rows[:20], "[... lines are left out ...]", *rows[-20:]]
    kept = rows if len(rows) < len(cut) else cut
    return "\n".join("".join(filter(str.isprintable, row[:500])) for row in kept)


def judge(question: Question, answer: dict[str, Any]) -> Grade:
    """Grade what `answer` returned."""
    grade = Grade(question.number, question.name)
    if "value" not in answer:
        return grade._replace(status="error", **answer) if answer else grade
    value = tuple(answer["value"]) if hasattr(question.x, "_fields") else answer["value"][0]
    report = check_grad(question.loss, lambda x: value, question.x, **question.options)
    found = [*report.matches, *(f.evidence.partition(":")[0] for f in report.diagnosis)]
    status, likely = ("passed", "") if report else ("failed", found[0])
    return grade._replace(status=status, message=str(report), likely=likely, report=report)


# fmt: off
def _on_hinge() -> Iterator[Question]:
    u, y = data.interval(np.random.default_rng(0), 30)
    theta, X = np.array([0.5, 0.3, -0.4, 0.8, 2.4, 0.6, -1.5]), polynomial.features(u)
    one, masked = polynomial.features([0.8]), {"expected_zero": [polynomial.LINEAR]}
    yield Question("1.1", "hypothesis_grad", "theta, x", (theta, one[0]),
                   lambda theta: hinge.hypothesis(theta, one)[0], theta, masked)
    yield Question("1.2", "hinge_grad", "theta, X, y", (theta, X, y),
                   lambda theta: hinge.loss(theta, X, y), theta,
                   masked | {"candidates": mistakes.candidates(mistakes.HINGE, X, y)})


def _on_network() -> Iterator[Question]:
    params = network.init(np.random.default_rng(2))
    params = params._replace(b_hidden=np.array([0.4, 0.2, 0.3]), b_out=0.1)
    X, y = data.disc(np.random.default_rng(0), 60)
    z, few = network.forward(params, X).z_out[:8], y[:8]
    yield Question("2.1", "delta_out", "z, y", (z, few), lambda z: network.log_loss(z, few).sum(),
                   z, _wrong(lambda g: [g(params, X[i:i+1], y[i:i+1]).b_out for i in range(8)]))
    yield _on_part("2.2", "output_grad", ["w_out", "b_out"], params, X, y)
    yield _on_part("2.3", "hidden_grad", ["W_hidden", "b_hidden"], params, X, y)
    yield Question("2.4", "loss_grad", "params, X, y, l2", (params, X, y, 0.5),
                   lambda p: network.loss(p, X, y, 0.5), params,
                   {"candidates": mistakes.candidates(mistakes.NETWORK, X, y, 0.5)})


def _on_part(number: str, name: str, fields: list[str], params: network.Parameters,
             X: Floats, y: Floats) -> Question:
    part = namedtuple("Part", fields)(*(getattr(params, key) for key in fields))
    wrong = _wrong(lambda grad: tuple(getattr(grad(params, X, y), key) for key in fields))
    return Question(number, name, "params, X, y", (params, X, y),
                    lambda p: network.loss(params._replace(**p._asdict()), X, y), part, wrong)


def _wrong(part: Callable[[Callable[..., Any]], Any]) -> dict[str, Any]:
    """Return the catalogue as one part of the gradient shows it, without what is right there."""
    right = part(network.loss_grad)
    seen = [(m.name, part(m.grad), m.equation) for m in mistakes.NETWORK]
    wrong = [entry for entry in seen if not all(map(np.allclose, entry[1], right))]
    return {"candidates": [(name, lambda x, v=v: v, equation) for name, v, equation in wrong]}
# fmt: on


QUESTIONS = (*_on_hinge(), *_on_network())
"""Each at a point that hides no mistake of the catalogue."""
