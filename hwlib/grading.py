"""The questions of the sheet, and how an answer to one of them is graded.

Each question is asked at two points. Their numbers are irregular (lambda is not 1/2, no bias is
0, no feature 1), for a wrong factor hides at regular ones. What a function is given is read-only.

``grade(question, function)`` does it in one call. Where a function may misbehave, the halves of it
run in two processes: ``answer`` calls the function, ``judge`` compares what it returned with finite
differences. A dict goes from one to the other: the "values", else a "message".
"""

import cProfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwlib import data, hinge, network, polynomial
from hwlib._layout import Layout
from hwlib.gradcheck import Report, check_grad, mistakes
from hwlib.gradcheck.problem import CALLS
from hwlib.numbering import cite, number

DETAILS = ("verdict", "coordinate", "diagnosis")

GRADIENTS = ("loss_grad", "log_loss_grad", "value_and_grad", "numerical_grad", "check_grad")
"""Functions of hwlib that know a gradient."""

HOME = str(Path(__file__).parent)

CELL = "code cell "
"""Before the number of a notebook's cell, in the name of its file."""

PLAIN = {
    "is read-only": "is an argument: copy it first", "is not callable": "is not a function",
    "File too large": "more than 64 MB written", "the parts of x": "what --help says",
    "maximum recursion depth exceeded": "too deep (a function or a list in itself without end)",
}  # fmt: skip
"""In place of what Python says."""


class Question(NamedTuple):
    """A function that a reader writes.

    Attributes
    ----------
    cases : two of (args, x, loss)
        What a function is called with; the point, and the loss of it, that check it.
    catalogue : sequence of hwlib.gradcheck.mistakes.Mistake
    right : callable
        The gradient of the whole model.
    number, name : str
        Such as "1.2" and "hinge_grad".
    equation : str
        The label of the answer.
    of : callable
        Returns the answer by some gradient of the model: ``of(right, *args)`` is the right one.
    """

    cases: Sequence[tuple[Any, ...]]
    catalogue: Sequence[mistakes.Mistake]
    right: mistakes.Gradient
    number: str
    name: str
    equation: str
    of: Callable[..., Any]


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
    """

    question: str
    function: str
    status: str
    message: str
    why: str = ""
    traceback: str = ""

    def __bool__(self) -> bool:
        return self.status == "passed"


def grade(question: Question, function: Callable[..., Any]) -> Grade:
    """Call a function as the question says, and grade what it returns."""
    return judge(question, answer(question, function))


def answer(question: Question, function: Callable[..., Any]) -> dict[str, Any]:
    """Call a function several times at each point, and return the vectors of its values."""
    name, values = question.name, []
    try:
        for args, x, _ in [*question.cases] * CALLS:
            watch = cProfile.Profile()
            value = watch.runcall(function, *args)
            codes = (entry.code for entry in watch.getstats() if not isinstance(entry.code, str))
            own = [c.co_name for c in codes if HOME in c.co_filename and c.co_name in GRADIENTS]
            if own:
                raise ValueError(f"{name} calls hwlib's own {own[0]}: write it yourself")
            if value is None:
                raise ValueError(f"{name} returned None: is a return missing?")
            values.append(Layout(x).flatten(f"{name}(...)", value).tolist())
        return {"values": values}
    except (Exception, SystemExit) as error:
        return raised(error)


def raised(error: BaseException) -> dict[str, str]:
    """Return an error in one line, and its traceback from where the file is reached."""
    whole = traceback.TracebackException.from_exception(error)
    while whole.stack and whole.stack[0].filename.startswith((HOME, cProfile.__file__)):
        del whole.stack[0]
    if not whole.stack and not getattr(error, "lineno", None):
        return {"message": tidy(str(error) or repr(error))}
    frames: list[Any] = [*whole.stack] or [whole]  # a syntax error knows its own place
    own = [frame for frame in frames if str(frame.filename).startswith((frames[0].filename, CELL))]
    place = f"line {own[-1].lineno}" + f" of {own[-1].filename}" * (CELL in own[-1].filename)
    text = " ".join([*whole.format_exception_only()][-1].split())
    return {"message": tidy(f"{text} ({place})"), "traceback": tidy("".join(whole.format()))}


def tidy(text: str) -> str:
    """Return at most 41 lines, of at most 500 characters that a terminal can print."""
    for said, plain in PLAIN.items():
        text = text.replace(said, plain)
    rows = text.splitlines()
    rows[20:-20] = ["[... lines are left out ...]"] if len(rows) > 41 else rows[20:-20]
    return "\n".join("".join(filter(str.isprintable, row[:500])) for row in rows)


def judge(question: Question, answer: dict[str, Any], detail: str = DETAILS[-1]) -> Grade:
    """Grade what `answer` returned, by the point that fails or is weak, if one is."""
    asked = question.number, question.name
    if "values" not in answer:
        return Grade(*asked, "error", why=answer["message"], **answer)
    reports = [_check(question, k, answer["values"][k::2]) for k in (0, 1)]
    k, report = min(enumerate(reports), key=lambda r: (r[1].passed, not r[1].weak))
    head, *table = str(report).splitlines()
    if report:
        return Grade(*asked, "passed", f"{head}, at 2 points")
    head += f", at point {k + 1} of 2" + "".join(f", l2 = {v}" for v in question.cases[k][0][3:])
    return Grade(*asked, "failed", *_told(question, report, head, table)[detail])


# fmt: off
def _check(question: Question, k: int, values: list[list[float]]) -> Report:
    (args, x, loss), of = question.cases[k], question.of
    given, right = map(Layout(x).point, map(np.array, values * 9)), of(question.right, *args)
    wrong = [(m.name, lambda _, v=v: v,  # and from no later page
              min(m.equation, question.equation, key=lambda e: number(e)[:3]))
             for m in question.catalogue if any(map(np.any, v := of(m.grad, *args)))
             and not all(map(np.allclose, v, right))]
    zero = [polynomial.LINEAR] if question.catalogue is mistakes.HINGE else []
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


def _on_hinge(seed: int) -> Iterator[tuple[Any, ...]]:
    """Yield what 1.1 and 1.2 ask at a point that is drawn."""
    rng = np.random.default_rng(seed)
    u, y = data.interval(rng, int(rng.integers(20, 50)), flip=0.2)
    X, theta = polynomial.features(u, rng.uniform(0.6, 1.7, 7)), rng.normal(size=7)
    row = X[np.abs(u).argmax()]
    yield (theta, row), theta, lambda theta: hinge.hypothesis(theta, [row])[0]
    yield (theta, X, y), theta, lambda theta: hinge.loss(theta, X, y)


def _on_network(seed: int, l2: float) -> Iterator[tuple[Any, ...]]:
    """Yield what 2.1 to 2.4 ask at a point that is drawn."""
    rng = np.random.default_rng(seed)
    params = network.unravel(rng.normal(size=13), like=network.init(rng))
    X, y = data.disc(rng, int(rng.integers(30, 60)), flip=0.1)
    z, few = network.forward(params, X).z_out[:8], y[:8]
    yield (z, few), z, lambda z: network.log_loss(z, few).sum()
    for part, given in ((slice(2, 4), (X, y)), (slice(2), (X, y)), (slice(4), (X, y, l2))):
        yield ((params, *given), dict([*params._asdict().items()][part]),
               lambda p, given=given: network.loss(params._replace(**p), *given))


_CASES = (*zip(*map(_on_hinge, (199, 152)), strict=True),
          *zip(*map(_on_network, (249, 48), (0.37, 1.9)), strict=True))
for _part in (part for cases in _CASES for args, *_ in cases for part in (*args, *args[0])):
    if isinstance(_part, np.ndarray):
        _part.setflags(write=False)

_HINGE = (mistakes.HINGE, mistakes.hinge_grad())
_NETWORK = (mistakes.NETWORK, mistakes.network_grad(delta=lambda z, y: network.sigmoid(z) - y))
_ONE = network.Parameters(np.zeros((1, 1)), np.zeros(1), np.zeros(1), 0.0)

QUESTIONS = tuple(Question(cases, *rest) for cases, rest in zip(_CASES, (
    (*_HINGE, "1.1", "hypothesis_grad", "eq-hypothesis-grad",
     lambda grad, theta, x: -grad(np.zeros(7), np.array([x]), np.ones(1))),  # there it is 1 - h
    (*_HINGE, "1.2", "hinge_grad", "eq-hinge-grad", lambda grad, *args: grad(*args)),
    (*_NETWORK, "2.1", "delta_out", "eq-delta-out", lambda grad, z, y: np.vectorize(
        lambda z, y: grad(_ONE._replace(b_out=z), np.zeros((1, 1)), np.array([y])).b_out)(z, y)),
    (*_NETWORK, "2.2", "output_grad", "eq-grad-w-out", lambda grad, *args: grad(*args)[2:]),
    (*_NETWORK, "2.3", "hidden_grad", "eq-grad-w-hidden", lambda grad, *args: grad(*args)[:2]),
    (*_NETWORK, "2.4", "loss_grad", "eq-l2-batch-grad", lambda grad, *args: grad(*args)),
), strict=True))
# fmt: on
