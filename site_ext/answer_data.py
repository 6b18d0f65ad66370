"""The data of the answer boxes: points, right values, finite differences, values of mistakes.

``:asks: network W_11`` in a box names a question of this module: a world of points and the
quantity with respect to which the loss is differentiated. All values are those of `hwlib` and
of its catalogue of mistakes.
Usage: python -m site_ext.answer_data    (writes site_ext/answers.json, which the pages show)
"""

from __future__ import annotations

import itertools
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sphinx_external_toc.parsing import parse_toc_yaml

from hwlib import hinge, network, polynomial
from hwlib.gradcheck import numerical_grad
from hwlib.gradcheck.mistakes import HINGE, NETWORK, Mistake, hinge_grad, network_grad
from site_ext.numbering import ROOT, text_of

STORED = Path(__file__).with_name("answers.json")
BOX = re.compile(r"^(?:`{3,}|:{3,})\{answer\} (\S+)\n((?::[a-z]+:.*\n)*)", re.MULTILINE)
LINKS = tomllib.loads(Path(__file__).with_name("answer_links.toml").read_text("utf-8"))
FUNCTIONS: dict[str, Any] = {
    "loss": network.log_loss, "sigma": network.sigmoid, "log": np.log, "exp": np.exp}  # fmt: skip
DIGITS = 12
NONE: Mapping[str, Any] = MappingProxyType({})


class Point(NamedTuple):
    """One place where answers are compared: symbols for the box, arguments for hwlib."""

    symbols: dict[str, Any]  # a number, a list over the index of a sum, or a matrix
    arguments: tuple[Any, ...]
    on_kink: bool = False
    where: dict[str, bool] = {}


Value: TypeAlias = Callable[[Point], Any]


class Question(NamedTuple):
    """What a box asks: the derivative of a loss with respect to one quantity."""

    points: Sequence[Point]
    loss: Callable[[Point, Any], float]  # with the quantity moved by so much
    right: Value
    mistakes: dict[str, tuple[str, Value]]  # by name: the rule that they break
    conventions: dict[str, Value] = {}  # by mistake of the catalogue, or as CONVENTIONS names them
    at_kink: Value | None = None  # where the derivative of the other side is taken
    others: dict[str, Value] = {}  # the same loss with respect to other quantities


CONVENTIONS = {
    "mean for sum": ("the loss as the mean over the samples", "the sum"),
    "lambda doubled": ("the penalty λ Σ W²", "(λ/2) Σ W²"),
    "biases regularized": ("a penalty on the biases too", "on the weights alone"),
    "hinge": ("derivative -1 at margin 1", "0"),
    "ReLU": ("ReLU'(0) = 1", "0"),
    "squares halved": ("half the squared loss", "the whole"),
}
"""What is right for another loss or at a kink: how a box names it, and what the book has."""
BETWEEN = {"name": "another value at the kink", "book": "0", "values": []}

GATE = "A condition is missing, or it asks something else."
LABEL = "The label enters in another way."
WHERE = {
    "mask": ("for j other than 5", "at j = 5", "One feature does not count."),
    "active": ("where the margin is below 1", "where the margin is at least 1", GATE),
    "on": ("where unit 1 is on", "where unit 1 is off", GATE),
    "label": ("for label 1", "for the other label", LABEL),
}
"""Conditions on a point: what is said where they hold, where not, and what they suggest."""


def split(
    catalogue: Sequence[Mistake], of: Callable[[Any], Value]
) -> tuple[dict[str, tuple[str, Value]], dict[str, Value]]:
    """Return the mistakes of a catalogue and, apart from them, its conventions."""
    wrong = {m.name: (m.rule, of(m.grad)) for m in catalogue if m.name not in CONVENTIONS}
    return wrong, {m.name: of(m.grad) for m in catalogue if m.name in CONVENTIONS}


# Part 1: one sample, whose margin is brought to a chosen place by the last weight. All numbers
# are dyadic, so that a sum of them is exact in any order, and a margin of 1 is 1.

MARGINS = {"wrong": (-2, -1.25, -0.625), "unsafe": (0.25, 0.625, 0.875), "safe": (1.25, 1.75, 2.5),
           "below": (0.9375,), "kink": (1.0,), "above": (1.0625,)}  # fmt: skip
THETA = np.array([0.5, -0.25, -1.5, -0.5, 0.25, 2.0, 0.75])
U, SIGNS = np.array([0.5, 2.0, -1.5]), np.array([1.0, -1.0, 1.0])
"""The running example of Part 1."""


def hinge_point(theta: Any, u: float, y: float, j: int, alpha: float) -> Point:
    X = polynomial.features([u])
    h = float(hinge.hypothesis(theta, X)[0])
    symbols = {"y": y, "h": h, "r": y * h, "x_j": X[0, j], "θ_j": theta[j], "α": alpha,
               "μ_j": polynomial.NONLINEAR[j]}  # fmt: skip
    where = {"mask": j != polynomial.LINEAR, "active": y * h < 1, "label": y == 1}
    return Point(symbols, (theta, X, np.array([y]), j), y * h == 1, where)


def hinge_points() -> list[Point]:
    """The running example, then label × mask × place of the margin, twice."""
    rng = np.random.default_rng(12)
    points = [hinge_point(THETA, u, y, 4, 0.0625) for u, y in zip(U, SIGNS, strict=True)]
    for y, masked, margins in [*itertools.product((1, -1), (False, True), MARGINS.values())] * 2:
        u = rng.choice([-1.5, -1.25, -0.75, -0.5, 0.5, 0.75, 1.25, 1.5])
        theta = rng.choice([-1, 1], 7) * rng.integers(1, 16, 7) / 8
        theta[6] = 0.0
        theta[6] = y * rng.choice(margins) - hinge.hypothesis(theta, polynomial.features([u]))[0]
        j = polynomial.LINEAR if masked else int(rng.integers(0, 5))
        points.append(hinge_point(theta, u, float(y), j, rng.choice([0.125, 0.375])))
    return points


def of_theta_j(grad: Any) -> Value:
    return lambda p: grad(*p.arguments[:3])[p.arguments[3]]


def moved_theta(p: Point, step: float) -> Any:
    return p.arguments[0] + step * (np.arange(7) == p.arguments[3])


def hinge_question(quantity: str) -> Question:
    """θ_j at drawn points, or a certain θ of the running example as a number."""
    mistakes, conventions = split(HINGE, of_theta_j)
    points = hinge_points()
    if quantity != "θ_j":
        points = [Point({}, (THETA, polynomial.features(U), SIGNS, int(quantity[2:])))]
    at_kink = of_theta_j(hinge_grad(active=lambda y, h: y * h <= 1.0))
    return Question(
        points, lambda p, step: hinge.loss(moved_theta(p, step), *p.arguments[1:3]),
        of_theta_j(hinge.loss_grad), mistakes, conventions | {"hinge": at_kink}, at_kink,
    )  # fmt: skip


def squared_question(quantity: str) -> Question:
    """max(1 - y h, 0)^2 with respect to h."""
    assert quantity == "h"

    def of(slope: Callable[[float, float], float]) -> Value:
        return lambda p: slope(p.symbols["y"], p.symbols["h"])

    short = lambda y, h: max(1.0 - y * h, 0.0)
    mistakes = {
        "sign": ("The loss falls as the margin grows.", of(lambda y, h: 2 * y * short(y, h))),
        "y forgotten": ("The margin is y h.", of(lambda y, h: -2 * short(y, h))),
        "gate forgotten": (
            "A margin of 1 or more adds nothing.", of(lambda y, h: -2 * y * (1 - y * h))),
        "slope of the hinge": (
            "The square is one more link.", of(lambda y, h: -y * float(y * h < 1))),
        "inner derivative forgotten": (
            "The chain goes on through the margin.", of(lambda y, h: 2 * short(y, h))),
    }  # fmt: skip
    return Question(
        hinge_points(), lambda p, step: short(p.symbols["y"], p.symbols["h"] + step) ** 2,
        of(lambda y, h: -2 * y * short(y, h)), mistakes,
        {"squares halved": of(lambda y, h: -y * short(y, h))},
    )  # fmt: skip


def logistic_question(quantity: str) -> Question:
    """log(1 + e^-r) with respect to θ_j: the same chain with another last link."""
    assert quantity == "θ_j"

    def of(slope: Callable[[float], float], label: float = 1.0) -> Value:
        def value(p: Point) -> float:
            y, r, x, mu = (p.symbols[name] for name in ("y", "r", "x_j", "μ_j"))
            return slope(r) * (y if label else 1.0) * mu * x
        return value  # fmt: skip

    sigma = lambda r: float(network.sigmoid(r))

    def loss(p: Point, step: float) -> float:
        _, X, y, _ = p.arguments
        h = hinge.hypothesis(moved_theta(p, step), X)
        return float(network.log_loss(h, (y + 1) / 2)[0])

    def right(p: Point) -> float:
        slope = network.log_loss_grad(p.symbols["h"], (p.symbols["y"] + 1) / 2)
        return float(slope) * p.symbols["μ_j"] * p.symbols["x_j"]

    mistakes = {
        "sign": ("The loss falls as the margin grows.", of(lambda r: sigma(-r))),
        "y forgotten": ("The margin is y h.", of(lambda r: -sigma(-r), label=0.0)),
        "sigma(r) for sigma(-r)": (
            "The slope is large where the margin is very negative.", of(lambda r: -sigma(r))),
        "slope of the hinge": (
            "Only the last link is another: log(1 + e^-r).", of(lambda r: -float(r < 1))),
        "inner derivative forgotten": (
            "The exponent is -r, not r.", of(lambda r: 1 / (1 + np.exp(-r)) )),
        "mask forgotten": (
            "The linear feature does not count.",
            lambda p: -sigma(-p.symbols["r"]) * p.symbols["y"] * p.symbols["x_j"]),
    }  # fmt: skip
    return Question(hinge_points(), loss, right, mistakes)


# Part 2: one sample. The sums of the hidden units are brought to chosen places by the biases.

SUMS = {"on": (0.375, 0.75, 1.375), "off": (-0.375, -0.75, -1.625), "kink": (0.0,),
        "just on": (0.0625,), "just off": (-0.0625,)}  # fmt: skip
RUNNING = network.Parameters(
    np.array([[0.25, 0.25, -0.75], [-0.75, 0.75, 0.5]]), np.array([0.25, 0.25, 0.75]),
    np.array([1.5, -2.0, 1.25]), -0.25,
)  # fmt: skip
SAMPLES, LABELS = np.array([[3.0, -0.5], [-1.5, 2.0]]), np.array([1.0, 0.0])
"""The running example of Part 2."""


def network_point(p: network.Parameters, x: Any, y: float, l2: float = 0.0) -> Point:
    (z,), (a,), (z_4,), (y_hat,) = network.forward(p, [x])
    symbols = {"y": y, "ŷ": y_hat, "z_4": z_4, "δ_z4": y_hat - y, "x_1": x[0], "x_2": x[1],
               "b_4": p.b_out, "λ": l2, "W_j4": [*p.w_out], "z_j": [*z], "a_j": [*a]}  # fmt: skip
    for i in (1, 2):
        symbols[f"W_{i}j"] = [*p.W_hidden[i - 1]]
        symbols |= {f"W_{i}{j + 1}": p.W_hidden[i - 1, j] for j in range(3)}
    for j in range(3):
        values = {"z": z, "a": a, "b": p.b_hidden}
        symbols |= {f"{name}_{j + 1}": value[j] for name, value in values.items()}
        symbols[f"W_{j + 1}4"] = p.w_out[j]
    where = {"on": z[0] > 0, "label": y == 1}
    return Point(symbols, (p, np.array([x]), np.array([y]), l2), bool(np.any(z == 0)), where)


def network_points(l2: bool = False) -> list[Point]:
    """The running example, then label × unit 1 × units 2 and 3."""
    rng = np.random.default_rng(23)
    draw = lambda *shape: rng.choice([-1, 1], shape) * rng.choice([0.375, 0.5, 0.75, 1.25], shape)
    points = [network_point(RUNNING, x, y, 0.25 * l2) for x, y in zip(SAMPLES, LABELS, strict=True)]
    cases = itertools.product((1.0, 0.0), SUMS, ("on", "off"), ("on", "off"))
    kinks = [(1.0, "on", "kink", "on"), (0.0, "off", "on", "kink"), (0.0, "on", "off", "kink")]
    for y, *places in [*cases, *kinks]:
        x, W, w_out = draw(2), draw(2, 3), draw(3) * 2
        z = np.array([rng.choice(SUMS[place]) for place in places])
        z_4 = rng.choice([-1.75, -0.875, -0.375, 0.625, 1.125])
        p = network.Parameters(W, z - x @ W, w_out, z_4 - float(np.maximum(z, 0.0) @ w_out))
        points.append(network_point(p, x, y, l2 * rng.choice([0.125, 0.375, 0.5])))
    return points


def entry(name: str) -> tuple[str, Any]:
    """Return the field and the place of a parameter: ``W_12``, ``W_14``, ``b_1``, ``b_4``."""
    letter, index = name.split("_")
    if letter == "b":
        return ("b_out", ()) if index == "4" else ("b_hidden", int(index) - 1)
    i, j = map(int, index)
    return ("w_out", i - 1) if j == 4 else ("W_hidden", (i - 1, j - 1))


def of_parameter(name: str) -> Callable[[Any], Value]:
    field, place = entry(name)
    return lambda grad: lambda p: np.asarray(getattr(grad(*p.arguments), field))[place]


def of_input(name: str) -> Callable[[Any], Value]:
    """The derivative with respect to x_i: the sum over the units of W_ij times that of b_j."""
    i = int(name[2:]) - 1
    return lambda grad: lambda p: p.arguments[0].W_hidden[i] @ grad(*p.arguments).b_hidden


def moved(name: str, p: Point, step: float) -> tuple[Any, ...]:
    params, X, *rest = p.arguments
    if name.startswith("x"):
        return (params, X + step * (np.arange(2) == int(name[2:]) - 1), *rest)
    field, place = entry(name)
    values = np.array(getattr(params, field), dtype=float)
    values[place] += step
    return (params._replace(**{field: values if values.ndim else float(values)}), X, *rest)


PARAMETERS = [*(f"W_{i}{j}" for i in "12" for j in "123"), "W_14", "W_24", "W_34",
              *(f"b_{j}" for j in "1234")]  # fmt: skip


def network_question(quantity: str, *, points: Sequence[Point] = (), l2: bool = False) -> Question:
    """A parameter or an input, for one sample at drawn points."""
    of = of_input(quantity) if quantity.startswith("x") else of_parameter(quantity)
    mistakes, conventions = split(NETWORK, of)
    if quantity.startswith("x"):
        one = of_input(quantity), network_grad(gate=lambda z: network.relu_grad(z) * [1, 0, 0])
        mistakes["only the path through unit 1"] = ("Each unit is a path.", one[0](one[1]))
    at_kink = of(network_grad(gate=lambda z: (z >= 0.0).astype(float)))
    return Question(
        points or network_points(l2), lambda p, step: network.loss(*moved(quantity, p, step)),
        of(network.loss_grad), mistakes, conventions | {"ReLU": at_kink}, at_kink,
        {other: of_parameter(other)(network.loss_grad) for other in PARAMETERS},
    )  # fmt: skip


def batch_question(quantity: str) -> Question:
    """A parameter, for the two samples of the running example: a number."""
    question = network_question(quantity, points=[Point({}, (RUNNING, SAMPLES, LABELS, 0.0))])
    return question._replace(others={})


def tanh_question(quantity: str) -> Question:
    """W_11 where the hidden units are tanh: the same chain with another link."""
    assert quantity == "W_11"

    def forward(p: Point, step: float = 0.0) -> tuple[Any, float]:
        params, X, *_ = moved(quantity, p, step)
        a = np.tanh(X[0] @ params.W_hidden + params.b_hidden)
        return a, float(a @ params.w_out + params.b_out)

    points = []
    for p in network_points():
        a, z_4 = forward(p)
        y_hat = float(network.sigmoid(z_4))
        symbols = p.symbols | {"a_1": a[0], "z_4": z_4, "ŷ": y_hat, "δ_z4": y_hat - p.symbols["y"]}
        points.append(Point(symbols, p.arguments, where={"label": p.where["label"]}))

    def of(link: Callable[[float, float], float], sign: float = 1.0) -> Value:
        def value(p: Point) -> float:
            delta, w, z, a, x = (p.symbols[s] for s in ("δ_z4", "W_14", "z_1", "a_1", "x_1"))
            return sign * delta * w * link(z, a) * x
        return value  # fmt: skip

    right = of(lambda z, a: 1 - np.tanh(z) ** 2)
    mistakes = {
        "gate of the ReLU": ("One link is another: tanh.", of(lambda z, a: float(z > 0))),
        "tanh' forgotten": ("The way back passes the tanh.", of(lambda z, a: 1.0)),
        "tanh for its derivative": ("A link is a derivative, not a value.", of(lambda z, a: a)),
        "1 - z^2 for 1 - a^2": ("The square is that of tanh(z).", of(lambda z, a: 1 - z * z)),
        "1 - a": ("The square is that of tanh(z).", of(lambda z, a: 1 - a)),
        "derivative of the sigmoid": (
            "One link is another: tanh.", of(lambda z, a: float(network.sigmoid_grad(z)))),
        "y - y_hat": ("The error is y_hat - y.", of(lambda z, a: 1 - a * a, -1.0)),
        "x_i forgotten": (
            "The last link is the input.", lambda p: right(p) / p.symbols["x_1"]),
        "W_j4 forgotten": (
            "The way back goes through W_14.", lambda p: right(p) / p.symbols["W_14"]),
    }  # fmt: skip

    def loss(p: Point, step: float) -> float:
        return float(network.log_loss(forward(p, step)[1], p.symbols["y"]))

    return Question(points, loss, right, mistakes)


def matrix_question(quantity: str) -> Question:
    """The inputs of a batch, from D (n, m) and W (d, m): a product of given factors."""
    assert quantity == "X"
    rng = np.random.default_rng(7)
    points = []
    for n in (2, 3, 4, 5) * 8:
        X, y = rng.integers(-8, 9, (n, 2)) / 4 + 0.125, rng.integers(0, 2, n).astype(float)
        params = network.Parameters(
            rng.integers(1, 8, (2, 3)) / 4 * rng.choice([-1, 1], (2, 3)), np.full(3, 0.0625),
            rng.integers(1, 8, 3) / 4, 0.25)  # fmt: skip
        z, _, z_out, _ = network.forward(params, X)
        D = np.outer(network.log_loss_grad(z_out, y), params.w_out) * network.relu_grad(z)
        points.append(Point({"X": X, "W": params.W_hidden, "D": D}, (params, X, y)))

    def loss(p: Point, step: Any) -> float:
        params, X, y = p.arguments
        return network.loss(params, X + step, y)

    return Question(points, loss, lambda p: p.symbols["D"] @ p.symbols["W"].T, {})


FAMILIES: dict[str, Callable[[str], Question]] = {
    "hinge": hinge_question, "squared": squared_question, "logistic": logistic_question,
    "network": network_question, "penalized": lambda name: network_question(name, l2=True),
    "batch": batch_question, "tanh": tanh_question, "matrix": matrix_question,
}  # fmt: skip
"""The losses that a box may ask of, each with its quantities: ``:asks: network W_11``."""


def rounded(value: Any, digits: int = DIGITS) -> Any:
    """Return a number to so many digits, or a list of such."""
    if isinstance(value, list | np.ndarray):
        return [rounded(each, digits) for each in value]
    number = float(f"{float(value) + 0.0:.{digits}g}")
    return int(number) if number.is_integer() and abs(number) < 1e9 else number


def column(points: Sequence[Point], value: Value) -> list[Any]:
    return [rounded(value(p)) for p in points]


def difference(question: Question, p: Point) -> Any:
    """Return the central difference, to six digits: it has no more. There is none on a kink."""
    if p.on_kink and question.at_kink:
        return None
    at = np.zeros_like(question.right(p), dtype=float)
    slope = numerical_grad(
        lambda step: question.loss(p, step if at.ndim else float(step[0])), np.atleast_1d(at)
    )
    slope = np.where(np.abs(slope) < 1e-8, 0.0, slope)
    return rounded(slope if at.ndim else slope[0], 6)


def kind(values: list[Any], right: list[Any], symbols: dict[str, list[Any]], held: str) -> str:
    """Say in what way wrong values differ from the right ones, everywhere."""
    v, r = np.array(values), np.array(right)
    factors = {float(a / b) for a, b in zip(v, r, strict=True) if b}
    c = min(factors, default=0.0)
    if np.allclose(v, -r, rtol=1e-9):
        return "It is minus the derivative everywhere: a step that should go down goes up."
    if np.allclose(v, c * r, rtol=1e-9):
        return f"It is {c:.4g} times the derivative everywhere."
    for name, column in symbols.items():
        if np.ndim(column) == 1 and (
            np.allclose(v, r * column, rtol=1e-9) or np.allclose(v * column, r, rtol=1e-9)
        ):
            return f"Divided by the derivative it depends on {name.replace('_', '')} alone."
    return held or "No single factor explains it: look at one link of the chain after the other."


def data(question: Question, symbols: Sequence[str]) -> dict[str, Any]:
    """Return what the script of a box compares with; what equals the right values is left out."""
    points = question.points
    right = column(points, question.right)
    offered = {s: column(points, lambda p, s=s: p.symbols[s]) for s in symbols}
    where = []
    for name in points[0].where:
        yes, no, suggests = WHERE[name]
        at = [int(p.where[name]) for p in points]
        where.append({"yes": yes, "no": no, "kind": suggests, "at": at})
        where.append({"yes": no, "no": yes, "kind": suggests, "at": [1 - each for each in at]})

    def held(values: list[Any]) -> str:
        fit = [a == b for a, b in zip(values, right, strict=True)]
        for case in where:
            good = [(ok, r) for ok, r, is_at in zip(fit, right, case["at"], strict=True) if is_at]
            if all(ok for ok, _ in good) and any(r for _, r in good):
                return str(case["kind"])
        return ""

    others = {n: column(points, value) for n, value in question.others.items()}
    mistakes = []
    for name, (rule, value) in question.mistakes.items():
        values = column(points, value)
        of = [other for other, its in others.items() if its == values]
        what = (
            f"These are the values of the derivative with respect to {of[0].replace('_', '')}."
            if of
            else kind(values, right, offered, held(values))
        )
        mistakes.append({"name": name, "rule": rule, "kind": what, "values": values})
    conventions = [
        dict(zip(("name", "book"), CONVENTIONS[name], strict=True)) | {"values": column(points, v)}
        for name, v in question.conventions.items()
    ] + [BETWEEN] * bool(question.at_kink)
    return {
        "symbols": offered,
        "right": right,
        "difference": [difference(question, p) for p in points] if symbols else [],
        "mistakes": [m for m in mistakes if m["values"] != right],
        "conventions": [c for c in conventions if c["values"] != right],
        "atKink": column(points, question.at_kink) if question.at_kink else right,
        "where": where,
    }


def boxes(root: Path = ROOT) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the label and the options of every box of the book."""
    for page in parse_toc_yaml(root / "_toc.yml"):
        for label, options in BOX.findall(text_of(root / page)):
            yield label, dict(re.findall(r"^:(\w+): *(.*?) *$", options, re.MULTILINE))


def question(asks: str) -> Question:
    family, _, quantity = asks.partition(" ")
    if family not in FAMILIES:
        raise ValueError(f"a box asks {asks!r}; expected one of {', '.join(FAMILIES)} and a quantity")
    return FAMILIES[family](quantity)


def stored() -> dict[str, dict[str, Any]]:
    """Return the data of every box of the book by its label."""
    found: dict[str, dict[str, Any]] = {}
    for label, options in boxes():
        if label in found:
            raise ValueError(f"two answer boxes are called {label}")
        found[label] = data(question(options["asks"]), options.get("symbols", "").split())
    return found


def main() -> None:
    """Write the data, a line for each box."""
    lines = (f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in stored().items())
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
