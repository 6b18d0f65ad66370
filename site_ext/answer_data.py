"""The data of the answer boxes: points, right values, finite differences, values of mistakes.

``:asks: network W_11`` in a box names a question of this module: a world of points and the
quantity with respect to which the loss is differentiated. All values are those of `hwlib` and
of its catalogue of mistakes.
Usage: python -m site_ext.answer_data    (writes site_ext/answers.json, which the pages show)
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sphinx_external_toc.parsing import parse_toc_yaml

from hwlib import hinge, network, polynomial
from hwlib.gradcheck import numerical_grad
from hwlib.gradcheck.mistakes import HINGE, NETWORK, Mistake, hinge_grad, network_grad
from site_ext.numbering import ROOT, text_of

STORED = Path(__file__).with_name("answers.json")
BOX = re.compile(r"^(?:`{3,}|:{3,})\{answer\} (\S+)\n((?::[a-z]+:.*\n)*)", re.MULTILINE)
DIGITS = 12


class Point(NamedTuple):
    """One place where answers are compared: symbols for the box, arguments for hwlib."""

    symbols: dict[str, Any]  # a number, or a list over the index of a sum
    arguments: tuple[Any, ...]
    on_kink: bool
    where: dict[str, bool]


Value: TypeAlias = Callable[[Point], float]


class Question(NamedTuple):
    """What a box asks: the derivative of a loss with respect to one quantity."""

    points: Sequence[Point]
    loss: Callable[[Point, float], float]  # with the quantity moved by so much
    right: Value
    mistakes: dict[str, tuple[str, Value]]  # by name: the rule that they break
    conventions: dict[str, Value]  # right for another loss, or another value at a kink
    at_kink: Value | None = None  # where the one-sided derivative is not the book's
    others: dict[str, Value] = {}  # the same loss with respect to other quantities


CONVENTIONS = {
    "mean for sum": "the mean over the samples",
    "lambda doubled": "a penalty of λ times the squared weights",
    "biases regularized": "a penalty on the biases too",
}
"""Mistakes of the catalogue that are right for another loss, and which."""

GATE = "A condition is missing, or asks something else."
WHERE = {
    "active": ("where the margin is below 1", "where it is at least 1", GATE),
    "gate": ("where unit 1 is on", "where it is off", GATE),
    "mask": ("for j other than 5", "at j = 5", "One feature does not count."),
    "label": ("for one label", "at the other", "The label enters in another way."),
}


def split(
    catalogue: Sequence[Mistake], of: Callable[[Any], Value]
) -> tuple[dict[str, tuple[str, Value]], dict[str, Value]]:
    """Return the mistakes of a catalogue and, apart from them, its conventions."""
    wrong = {m.name: (m.rule, of(m.grad)) for m in catalogue if m.name not in CONVENTIONS}
    other = {CONVENTIONS[m.name]: of(m.grad) for m in catalogue if m.name in CONVENTIONS}
    return wrong, other


# Part 1: one sample, whose margin is brought to a chosen place by the last weight. All numbers
# are dyadic, so that a sum of them is exact in any order, and a margin of 1 is 1.

MARGINS = {"wrong": (-2, -1.25, -0.625), "unsafe": (0.25, 0.625, 0.875), "safe": (1.25, 1.75, 2.5),
           "below": (0.9375,), "kink": (1.0,), "above": (1.0625,)}  # fmt: skip
RUNNING_THETA = np.array([0.5, -0.25, -1.5, -0.5, 0.25, 2.0, 0.75])
RUNNING_U, RUNNING_Y = np.array([0.5, 2.0, -1.5]), np.array([1.0, -1.0, 1.0])


def hinge_point(theta: Any, u: float, y: float, j: int, alpha: float) -> Point:
    X = polynomial.features([u])
    h = float(hinge.hypothesis(theta, X)[0])
    symbols = {"y": y, "h": h, "r": y * h, "x_j": X[0, j], "θ_j": theta[j], "α": alpha,
               "μ_j": polynomial.NONLINEAR[j]}  # fmt: skip
    where = {"label": y > 0, "active": y * h < 1, "mask": j != polynomial.LINEAR}
    return Point(symbols, (theta, X, np.array([y]), j), y * h == 1, where)


def hinge_points() -> list[Point]:
    rng = np.random.default_rng(12)
    points = [hinge_point(RUNNING_THETA, u, y, 4, 0.01)
              for u, y in zip(RUNNING_U, RUNNING_Y, strict=True)]  # fmt: skip
    for y, masked, (_, margins) in itertools.product((1.0, -1.0), (False, True), MARGINS.items()):
        for _ in range(2):
            u = rng.choice([-1.5, -1.25, -0.75, -0.5, 0.5, 0.75, 1.25, 1.5])
            theta = rng.choice([-1.0, 1.0], 7) * rng.integers(1, 16, 7) / 8
            theta[6] = 0.0
            theta[6] = y * rng.choice(margins) - hinge.hypothesis(theta, polynomial.features([u]))[0]
            j = polynomial.LINEAR if masked else int(rng.integers(0, 5))
            points.append(hinge_point(theta, u, y, j, rng.choice([0.0625, 0.125, 0.375])))
    return points


def hinge_theta() -> Question:
    def of(grad: Any) -> Value:
        return lambda p: float(grad(*p.arguments[:3])[p.arguments[3]])

    def loss(p: Point, step: float) -> float:
        theta, X, y, j = p.arguments
        return hinge.loss(theta + step * (np.arange(7) == j), X, y)

    mistakes, conventions = split(HINGE, of)
    at_kink = of(hinge_grad(active=lambda y, h: y * h <= 1.0))
    conventions["derivative -1 at margin 1"] = at_kink
    return Question(hinge_points(), loss, of(hinge.loss_grad), mistakes, conventions, at_kink)


QUESTIONS: dict[str, Callable[..., Question]] = {"hinge theta_j": hinge_theta}


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    return value if value is None else float(f"{value + 0.0:.{digits}g}")


def column(points: Sequence[Point], value: Value) -> list[float | None]:
    return [rounded(float(value(p))) for p in points]


def difference(question: Question, p: Point) -> float | None:
    """Return the central difference, to fewer digits; none on a kink."""
    if p.on_kink:
        return None
    slope = numerical_grad(lambda step: question.loss(p, float(step[0])), np.zeros(1))
    return rounded(float(slope[0]), 6)


def data(question: Question, symbols: Sequence[str]) -> dict[str, Any]:
    """Return what the script of a box compares with; what equals the right values is left out."""
    points = question.points
    right = column(points, question.right)

    def differing(values: dict[str, Value]) -> dict[str, list[float | None]]:
        columns = {name: column(points, value) for name, value in values.items()}
        return {name: values for name, values in columns.items() if values != right}

    wrong = differing({name: value for name, (_, value) in question.mistakes.items()})
    return {
        "symbols": {s: [as_number(p.symbols[s]) for p in points] for s in symbols},
        "right": right,
        "difference": [difference(question, p) for p in points],
        "mistakes": [[name, question.mistakes[name][0], v] for name, v in wrong.items()],
        "conventions": list(differing(question.conventions).items()),
        "atKink": column(points, question.at_kink) if question.at_kink else right,
        "others": list(differing(question.others).items()),
        "where": [
            [*WHERE[name], [int(p.where[name]) for p in points]] for name in points[0].where
        ],
    }


def as_number(value: Any) -> Any:
    return [rounded(v) for v in value] if isinstance(value, list) else rounded(float(value))


def boxes(root: Path = ROOT) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the label and the options of every box of the book."""
    for page in parse_toc_yaml(root / "_toc.yml"):
        for label, options in BOX.findall(text_of(root / page)):
            yield label, dict(re.findall(r"^:(\w+): *(.*?) *$", options, re.MULTILINE))


def stored() -> dict[str, dict[str, Any]]:
    """Return the data of every box of the book by its label."""
    found: dict[str, dict[str, Any]] = {}
    for label, options in boxes():
        if label in found:
            raise ValueError(f"two answer boxes are called {label}")
        symbols = options.get("symbols", "").split()
        if options["asks"] not in QUESTIONS:
            raise ValueError(f"box {label} asks {options['asks']!r}; expected one of {[*QUESTIONS]}")
        found[label] = data(QUESTIONS[options["asks"]](), symbols)
    return found


def main() -> None:
    """Write the data, a line for each box."""
    lines = (f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in stored().items())
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
