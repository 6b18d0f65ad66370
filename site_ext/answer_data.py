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

from hwlib import hinge, layers, network, polynomial
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
    where: Mapping[str, bool] = NONE


Value: TypeAlias = Callable[[Point], Any]


class Question(NamedTuple):
    """What a box asks: the derivative of a loss with respect to one quantity."""

    points: Sequence[Point]
    loss: Callable[[Point, Any], float] | None  # with the quantity moved by so much
    right: Value
    mistakes: dict[str, tuple[str, Value]]  # by name: the rule that they break
    conventions: Mapping[str, Value] = NONE  # by their names in CONVENTIONS
    at_kink: Value | None = None  # where the derivative of the other side is taken
    others: Mapping[str, Value] = NONE  # the same loss with respect to other quantities
    base: Value | None = None  # asked is no derivative, but this plus a change
    value: Value | None = None  # what hwlib computes, where a value is asked and no derivative


CONVENTIONS = {
    "mean for sum": ("the loss as the mean over the samples", "the sum"),
    "lambda doubled": ("the penalty λ Σ W²", "(λ/2) Σ W²"),
    "biases regularized": ("a penalty on the biases too", "on the weights alone"),
    "hinge": ("derivative -1 at margin 1", "0"),
    "ReLU": ("ReLU'(0) = 1", "0"),
    "squares halved": ("half the squared loss", "the whole"),
}
"""What is right for another loss or at a kink: how a box names it, and what the book has."""

GATE = "A condition is missing, or it asks something else."
LABEL = "The label enters in another way."
WHERE = {
    "mask": ("for j other than 5", "at j = 5", "One feature does not count."),
    "active": ("where the margin is below 1", "where the margin is at least 1", GATE),
    "on": ("where unit 1 is on", "where unit 1 is off", GATE),
    "label": ("for label 1", "for label 0", LABEL),
    "true": ("for the true class", "for another class", LABEL),
    "sign": ("for label +1", "for label -1", LABEL),
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

MARGINS = {
    "far": (-1.25, -2.5), "wrong": (-0.75, -0.375), "unsafe": (0.25, 0.625, 0.875),
    "safe": (1.25, 1.75, 2.5), "kink": (1.0,), "below": (0.9375, 1 - 2**-10),
    "above": (1.0625, 1 + 2**-10),
}  # fmt: skip
THETA = np.array([0.5, -0.25, -1.5, -0.5, 0.25, 2.0, 0.75])
U, SIGNS = np.array([0.5, 2.0, -1.5]), np.array([1.0, -1.0, -1.0])
"""The running example of Part 1."""
PAPER = np.array([0.0, 0, 0, 0, 1, 5, -2]), np.array([3.0, -2, 1]), np.array([1.0, -1, 1])
"""The weights, inputs and labels of its first exercise on paper."""


def hinge_point(theta: Any, u: float, y: float, j: int, alpha: float) -> Point:
    X = polynomial.features([u])
    h = float(hinge.hypothesis(theta, X)[0])
    symbols = {"y": y, "h": h, "r": y * h, "x_j": X[0, j], "θ_j": theta[j], "α": alpha,
               "μ_j": polynomial.NONLINEAR[j]}  # fmt: skip
    where = {"mask": j != polynomial.LINEAR, "active": y * h < 1, "sign": y == 1}
    return Point(symbols, (theta, X, np.array([y]), j), y * h == 1, where)


def hinge_points() -> list[Point]:
    """Return the running example, then label × mask × place of the margin × sign of the feature."""
    rng = np.random.default_rng(12)
    points = [hinge_point(THETA, u, y, 4, 0.0625) for u, y in zip(U, SIGNS, strict=True)]
    cross = itertools.product((1, -1), (False, True), enumerate(MARGINS.values()), (1, -1))
    for y, masked, (k, margins), sign in cross:
        u = sign * rng.choice([0.5, 1.5, 2.5, 3.5] if masked else [0.5, 0.75, 1.25, 1.5])
        odd = polynomial.LINEAR if masked else rng.choice([1, 3])
        j = int(odd if sign < 0 or masked else rng.choice([0, 1, 2, 3, 4]))
        theta = rng.choice([-1, 1], 7) * rng.integers(1, 16, 7) / 8
        theta[j] *= np.sign(theta[j]) * (-1) ** k
        theta[6] = 0.0
        h = y * margins[sign < 0] if len(margins) == 2 else y * rng.choice(margins)
        theta[6] = h - hinge.hypothesis(theta, polynomial.features([u]))[0]
        points.append(hinge_point(theta, u, float(y), j, rng.choice([0.125, 0.375])))
    return points


def of_theta_j(grad: Any) -> Value:
    return lambda p: grad(*p.arguments[:3])[p.arguments[3]]


def moved_theta(p: Point, step: float) -> Any:
    return p.arguments[0] + step * (np.arange(7) == p.arguments[3])


def hinge_question(quantity: str, example: Any = (THETA, U, SIGNS)) -> Question:
    """Ask for θ_j at drawn points, or for one θ of an example as a number."""
    mistakes, conventions = split(HINGE, of_theta_j)
    points = hinge_points()
    if quantity != "θ_j":
        theta, u, y = example
        points = [Point({}, (theta, polynomial.features(u), y, int(quantity[2:])))]
    at_kink = of_theta_j(hinge_grad(active=lambda y, h: y * h <= 1.0))
    return Question(
        points, lambda p, step: hinge.loss(moved_theta(p, step), *p.arguments[1:3]),
        of_theta_j(hinge.loss_grad), mistakes, conventions | {"hinge": at_kink}, at_kink,
    )  # fmt: skip


def squared_question(quantity: str) -> Question:
    """Ask for max(1 - y h, 0)^2 with respect to h."""
    assert quantity == "h"

    def of(slope: Callable[[float, float], float]) -> Value:
        return lambda p: slope(p.symbols["y"], p.symbols["h"])

    def short(y: float, h: float) -> float:
        return max(1.0 - y * h, 0.0)

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
    """Ask for log(1 + e^-r) with respect to θ_j: the same chain with another last link."""
    assert quantity == "θ_j"

    def of(slope: Callable[[float], float], label: float = 1.0) -> Value:
        def value(p: Point) -> float:
            y, r, x, mu = (p.symbols[name] for name in ("y", "r", "x_j", "μ_j"))
            return float(slope(r) * (y if label else 1.0) * mu * x)

        return value

    def sigma(r: float) -> float:
        return float(network.sigmoid(r))

    def loss(p: Point, step: float) -> float:
        _, X, y, _ = p.arguments
        h = hinge.hypothesis(moved_theta(p, step), X)
        return float(network.log_loss(h, (y + 1) / 2)[0])

    def right(p: Point) -> float:
        slope = network.log_loss_grad(p.symbols["h"], (p.symbols["y"] + 1) / 2)
        return float(slope * p.symbols["μ_j"] * p.symbols["x_j"])

    mistakes = {
        "sign": ("The loss falls as the margin grows.", of(lambda r: sigma(-r))),
        "y forgotten": ("The margin is y h.", of(lambda r: -sigma(-r), label=0.0)),
        "sigma(r) for sigma(-r)": (
            "The slope is large where the margin is very negative.", of(lambda r: -sigma(r))),
        "slope of the hinge": (
            "Only the last link is another: log(1 + e^-r).", of(lambda r: -float(r < 1))),
        "only the logarithm differentiated": (
            "The chain goes on through 1 + e^-r.", of(lambda r: sigma(r))),
        "mask forgotten": (
            "The linear feature does not count.",
            lambda p: -sigma(-p.symbols["r"]) * p.symbols["y"] * p.symbols["x_j"]),
    }  # fmt: skip
    return Question(hinge_points(), loss, right, mistakes)


def stepped(question: Question) -> Question:
    """Ask for the new θ_j after one step of descent, where θ_j's derivative was asked."""

    def of(slope: Value) -> Value:
        return lambda p: float(p.symbols["θ_j"] - p.symbols["α"] * slope(p))

    mistakes = {name: (rule, of(slope)) for name, (rule, slope) in question.mistakes.items()} | {
        "alpha forgotten": (
            "The step size scales the step.", lambda p: p.symbols["θ_j"] - question.right(p)),
        "the change alone": (
            "The step is added to the old weight.", lambda p: -p.symbols["α"] * question.right(p)),
    }  # fmt: skip
    conventions = {name: of(slope) for name, slope in question.conventions.items()}
    return question._replace(right=of(question.right), mistakes=mistakes, conventions=conventions,
                             at_kink=None, base=lambda p: p.symbols["θ_j"])  # fmt: skip


def lift_question(quantity: str) -> Question:
    """Ask by how much a step lifts the margin of its sample, which is active."""
    assert quantity == "r"
    points = []
    for p in hinge_points():
        S = float(np.sum((polynomial.NONLINEAR * p.arguments[1]) ** 2))
        if p.where["active"]:
            points.append(p._replace(symbols=p.symbols | {"S": S}, where={"sign": p.where["sign"]}))

    def right(p: Point) -> float:
        theta, X, y, _ = p.arguments
        stepped = theta - p.symbols["α"] * hinge.loss_grad(theta, X, y)
        return float(y[0] * hinge.hypothesis(stepped, X)[0] - p.symbols["r"])

    mistakes: dict[str, tuple[str, Value]] = {
        "y for y^2": (
            "The label comes in twice: with the step, and with the margin.",
            lambda p: p.symbols["α"] * p.symbols["y"] * p.symbols["S"]),
        "alpha forgotten": ("The step size scales the step.", lambda p: p.symbols["S"]),
        "features forgotten": (
            "Each weight moves by its feature, and the value by the feature once more.",
            lambda p: p.symbols["α"]),
        "the new margin": (
            "Asked is what is gained.", lambda p: p.symbols["r"] + p.symbols["α"] * p.symbols["S"]),
    }  # fmt: skip
    return Question(points, lambda p, step: np.nan, right, mistakes, base=lambda p: 0.0)


def visits_question(quantity: str) -> Question:
    """Ask for one weight of the exercise on paper after visits to its last two samples."""

    def of(grad: Any) -> Value:
        def value(p: Point) -> float:
            theta, u, y = PAPER
            for i in (2, 1):
                theta = theta - 0.1 * grad(theta, polynomial.features(u[[i]]), y[[i]])
            return float(theta[int(quantity[2:])])

        return value

    return Question(
        [Point({}, ())], lambda p, step: np.nan, of(hinge.loss_grad), split(HINGE, of)[0],
        base=lambda p: 0.0,
    )  # fmt: skip


# Part 2: one sample. The sums of the hidden units are brought to chosen places by the biases.

SUMS = {"on": (0.375, 0.75, 1.375), "off": (-0.375, -0.75, -1.625), "kink": (0.0,),
        "just on": (2**-10,), "just off": (-(2**-10),)}  # fmt: skip
RUNNING = network.Parameters(
    np.array([[0.25, 0.25, -0.75], [-0.75, 0.75, 0.5]]), np.array([0.25, 0.25, 0.75]),
    np.array([1.5, -2.0, 1.25]), -0.25,
)  # fmt: skip
SAMPLES, LABELS = np.array([[3.0, -0.5], [-1.5, 2.0]]), np.array([1.0, 0.0])
"""The running example of Part 2."""
HIDDEN = layers.Layer(RUNNING.W_hidden, RUNNING.b_hidden)
CLASSES = layers.Layer(
    np.array([[-1.2, 0.4, -1.6, 0.8], [1.2, -1.2, 0.4, -0.4], [-0.8, 1.2, -0.4, 0.8]]),
    np.array([0.45, -0.6, 0.15, -0.3]),
)
"""The layers of page 4.1."""


def network_point(p: network.Parameters, x: Any, y: float, l2: float = 0.0) -> Point:
    (z,), (a,), (z_4,), (y_hat,) = network.forward(p, [x])
    symbols = {"y": y, "τ": 2 * y - 1, "ŷ": y_hat, "z_4": z_4, "δ_z4": y_hat - y, "x_1": x[0],
               "x_2": x[1], "b_4": p.b_out, "λ": l2, "W_j4": [*p.w_out], "z_j": [*z],
               "a_j": [*a]}  # fmt: skip
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
    """Return the running example, then label × unit 1 × units 2 and 3, with signs that differ."""
    rng = np.random.default_rng(23)

    def draw(*shape: int) -> Any:
        return rng.choice([-1, 1], shape) * rng.choice([0.375, 0.5, 0.75, 1.25], shape)

    points = [network_point(RUNNING, x, y, 0.25 * l2) for x, y in zip(SAMPLES, LABELS, strict=True)]
    cases = itertools.product((1.0, 0.0), SUMS, ("on", "off"), ("off", "on"))
    kinks = [(1.0, "on", "kink", "on"), (0.0, "off", "on", "kink"), (0.0, "on", "off", "kink")]
    for y, *places in [*cases, *kinks]:
        x, W, w_out = draw(2), draw(2, 3), draw(3) * 2
        turn = -1 if "just" in places[0] else 1  # in a cross with the labels and the units
        x[0] *= np.sign(x[0]) * turn * (1 if places[1] == "on" else -1)
        w_out[0] *= np.sign(w_out[0]) * turn * (1 if places[2] == "on" else -1) * (2 * y - 1)
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
    """Sum over the units: W_ij times the derivative with respect to b_j."""
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
    """Ask for a parameter or an input, for one sample at drawn points."""
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


def link_question(name: str) -> Question:
    """Ask for a link of a chain at drawn points, or for a number at a point of the example."""
    asked = LINKS[name]
    points = {"hinge": hinge_points, "network": network_points}[asked["points"]]()
    if number := asked.get("sample"):
        points = [points[number - 1]._replace(where=NONE)]

    def of(formula: str) -> Value:
        return lambda p: eval(formula, FUNCTIONS, p.symbols)

    def value(p: Point, step: float) -> float:
        symbols = {**p.symbols, asked["moves"]: p.symbols[asked["moves"]] + step}
        return float(of(asked["value"])(p._replace(symbols=symbols)))

    wrong = {key: (rule, of(formula)) for key, (formula, rule) in asked["mistakes"].items()}
    return Question(points, value, of(asked["right"]), wrong)


def batch_question(quantity: str) -> Question:
    """Ask for a parameter, for the two samples of the running example: a number."""
    question = network_question(quantity, points=[Point({}, (RUNNING, SAMPLES, LABELS, 0.0))])
    return question._replace(others={})


def third_question(quantity: str) -> Question:
    """Ask for a parameter, for a third sample of the running example: a number."""
    third = RUNNING, np.array([[2.0, 0.5]]), np.array([1.0]), 0.0
    return network_question(quantity, points=[Point({}, third)])._replace(others={})


def quartic_question(quantity: str) -> Question:
    """Ask for W_11 where the penalty has fourth powers: the same data, another second term."""
    assert quantity == "W_11"

    def of(term: Callable[[float], float], gate: bool = False, grad: Any = None) -> Value:
        def value(p: Point) -> float:
            params, X, y, _ = p.arguments
            slope = (grad or network.loss_grad)(params, X, y, 0.0).W_hidden[0, 0]
            on = p.where["on"] or not gate
            return float(slope + p.symbols["λ"] * term(p.symbols["W_11"]) * on)

        return value

    def cube(w: float) -> float:
        return w**3

    def loss(p: Point, step: float) -> float:
        params, *batch, l2 = moved(quantity, p, step)
        return network.loss(params, *batch) + float(l2) / 4 * float(params.W_hidden[0, 0]) ** 4

    mistakes = {
        "penalty of L2": ("Only the power is another.", of(lambda w: w)),
        "penalty forgotten": ("Each weight gets a second term.", of(lambda w: 0.0)),
        "penalty for its derivative": ("A term is a derivative.", of(lambda w: w**4 / 4)),
        "quarter kept": ("The power rule brings a factor.", of(lambda w: w**3 / 4)),
        "factor 4 kept": ("The quarter cancels a factor.", of(lambda w: 4 * w**3)),
        "gate on both terms": ("The penalty knows no gate.", of(cube, gate=True)),
    }
    at_kink = of(cube, grad=network_grad(gate=lambda z: (z >= 0.0).astype(float)))
    return Question(network_points(True), loss, of(cube), mistakes, {"ReLU": at_kink}, at_kink)


def decay_question(quantity: str) -> Question:
    """Ask for a weight after one step of descent, which no finite difference gives."""
    assert quantity == "W_14"

    def of(after: Callable[[float, float, float, float], float]) -> Value:
        def value(p: Point) -> float:
            slope = network.loss_grad(*p.arguments[:3]).w_out[0]
            return float(after(p.symbols["W_14"], p.symbols["α"], p.symbols["λ"], slope))

        return value

    steps = itertools.cycle([0.125, 0.5, 0.25])
    points = [p._replace(symbols=p.symbols | {"α": a}) for p, a in
              zip(network_points(l2=True), steps, strict=False)]  # fmt: skip
    mistakes = {
        "penalty forgotten": ("Each weight decays.", of(lambda w, a, t, g: w - a * g)),
        "step size forgotten in the decay": (
            "It multiplies the whole gradient.", of(lambda w, a, t, g: (1 - t) * w - a * g)),
        "decay only": ("The loss has its step, too.", of(lambda w, a, t, g: (1 - a * t) * w)),
        "weights grow": (
            "The penalty makes weights smaller.", of(lambda w, a, t, g: (1 + a * t) * w - a * g)),
        "uphill": ("Descent subtracts.", of(lambda w, a, t, g: w + a * (g + t * w))),
        "gradient for the step": ("A step starts at the weight.", of(lambda w, a, t, g: g + t * w)),
    }  # fmt: skip
    doubled = {"lambda doubled": of(lambda w, a, t, g: (1 - 2 * a * t) * w - a * g)}
    right = of(lambda w, a, t, g: (1 - a * t) * w - a * g)
    return Question(points, None, right, mistakes, doubled)


def tanh_question(quantity: str) -> Question:
    """Ask for W_11 where the hidden units are tanh: the same chain with another link."""
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
            return float(sign * delta * w * link(z, a) * x)

        return value

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
    """Ask for the inputs of a batch, from D (n, m) and W (d, m)."""
    assert quantity == "X"
    rng = np.random.default_rng(7)
    points = []
    for n in (4, 5, 3, 6) * 8:
        X, y = rng.integers(-8, 9, (n, 2)) / 4 + 0.125, rng.integers(0, 2, n).astype(float)
        params = network.Parameters(
            rng.integers(1, 8, (2, 3)) / 4 * rng.choice([-1, 1], (2, 3)), np.full(3, 0.05),
            rng.integers(1, 8, 3) / 4, 0.25)  # fmt: skip
        z, _, z_out, _ = network.forward(params, X)
        D = np.outer(network.log_loss_grad(z_out, y), params.w_out) * network.relu_grad(z)
        points.append(Point({"X": X, "W": params.W_hidden, "D": D}, (params, X, y)))

    def loss(p: Point, step: Any) -> float:
        params, X, y = p.arguments
        return network.loss(params, X + step, y)

    return Question(points, loss, lambda p: p.symbols["D"] @ p.symbols["W"].T, {})


def columns_question(quantity: str) -> Question:
    """Ask for W of Z = W A + b, with samples in columns, from A (2, n) and D (3, n)."""
    assert quantity == "W"
    rng, points = np.random.default_rng(8), []
    for n in (4, 1, 5, 3) * 8:
        W, A = rng.integers(1, 8, (3, 2)) / 4.0 - 1.125, rng.integers(-8, 9, (2, n)) / 4.0 + 0.125
        y = rng.integers(0, 3, n)
        D = layers.cross_entropy_grad((W @ A).T, y).T
        points.append(Point({"W": W, "A": A, "D": D}, (y,)))

    def loss(p: Point, step: Any) -> float:
        W, A = p.symbols["W"] + step, p.symbols["A"]
        return float(layers.cross_entropy((W @ A).T, *p.arguments).sum())

    return Question(points, loss, lambda p: p.symbols["D"] @ p.symbols["A"].T, {})


# Formulas of answers.toml, evaluated with the symbols of a point.

FORMULAS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("answers.toml").read_text("utf-8")
)


def first_points() -> list[Point]:
    """Return the running example of page 0.1, that of its first exercise, then others."""
    rng = np.random.default_rng(1)
    drawn = rng.choice([-1, 1], (40, 3)) * rng.choice([0.375, 0.625, 1.25, 1.75, 2.5], (40, 3))
    return [
        Point({"w": w, "x": x, "b": b, "q": w * x + b, "L": (w * x + b) ** 2}, ())
        for w, x, b in [(1.5, 4.0, -3.5), (-2.0, 2.5, 3.5), *drawn.tolist()]
    ]


def neuron_points() -> list[Point]:
    """Return the neuron t = tanh(w x) of an exercise of page 3.2, then others."""
    rng = np.random.default_rng(2)
    drawn = rng.choice([-1, 1], (40, 2)) * rng.choice([0.375, 0.625, 0.8, 1.25], (40, 2))
    return [
        Point({"w": w, "x": x, "t": math.tanh(w * x)}, ())
        for w, x in [(0.4, 0.75), *drawn.tolist()]
    ]


def classes_points(T: float = 1.0) -> list[Point]:
    """Return pots A and B of page 4.1, a third one, and others: a class k, true or not."""
    rng, points = np.random.default_rng(41), []
    given = [(x, CLASSES.W) for x in (*SAMPLES, np.array([2.0, 0.5]))]
    inputs, weights = [-2.5, -0.625, 0.75, 1.75], [-1.2, -0.4, 0.6, 1.4]
    given += [(rng.choice(inputs, 2), rng.choice(weights, (3, 4))) for _ in range(10)]
    for n, (x, W) in enumerate(given):
        true = (0, 2, 3)[n] if n < 3 else n % 4
        u = layers.forward([HIDDEN, layers.Layer(W, CLASSES.b)], [x])[-1][0]
        y, p, e = np.eye(4)[true], layers.softmax([u / T])[0], np.exp(u / T)
        z_1 = float(x @ HIDDEN.W[:, 0] + HIDDEN.b[0])
        one = {"x_1": x[0], "x_2": x[1], "T": T, "z_1": z_1, "a_1": max(z_1, 0.0)}
        rows = {"u_": u, "p_": p, "y_": y, "δ_": p - y}
        for name, row in [*rows.items(), *zip(["W_1", "W_2", "W_3"], W, strict=True)]:
            one |= {f"{name}{k + 1}": row[k] for k in range(4)}
        for k in range(4) if n < 2 else (true, (true + 1) % 4):
            own = {f"{name}k": row[k] for name, row in rows.items()}
            own |= {"S": e.sum() - e[k], "R": (1.0 - y[k]) * (u @ y) / T, "S_34": e[2] + e[3]}
            points.append(Point(one | own, (), where={"true": bool(y[k])}))
    return points


FORMULA_POINTS: dict[str, Callable[[], list[Point]]] = {
    "first": first_points, "neuron": neuron_points, "classes": classes_points,
    "tempered": lambda: classes_points(1.5) + classes_points(0.75),
}  # fmt: skip


def formula_points(entry: dict[str, Any]) -> list[Point]:
    """Return the points of an entry of answers.toml, or the one where a number is asked."""
    if isinstance(entry["points"], dict | list):
        points = [Point(symbols, ()) for symbols in np.atleast_1d(entry["points"])]
    elif entry["points"] in FORMULA_POINTS:
        points = FORMULA_POINTS[entry["points"]]()
    else:
        points = [p._replace(symbols=p.symbols | {"L": network.loss(*p.arguments[:3])})
                  for p in network_points()]  # fmt: skip
    return [points[entry["only"]]] if "only" in entry else points


def formula_question(name: str) -> Question:
    """Ask for what answers.toml has under a name: a derivative, or a value of the forward pass."""
    entry = FORMULAS[name]

    def of(text: str) -> Value:
        return lambda p: float(eval(text, vars(math) | p.symbols))

    def loss(p: Point, step: float) -> float:
        moved = {entry["by"]: p.symbols[entry["by"]] + step}
        return float(of(entry["loss"])(p._replace(symbols=p.symbols | moved)))

    mistakes = {wrong: (rule, of(text)) for wrong, (text, rule) in entry["mistakes"].items()}
    others = {other: of(text) for other, text in entry.get("others", {}).items()}
    value = of(entry["value"]) if "value" in entry else None
    asked = loss if {"by", "value"} & entry.keys() else None
    return Question(
        formula_points(entry), asked, of(entry["right"]), mistakes, others=others, value=value
    )


FAMILIES: dict[str, Callable[[str], Question]] = {
    "hinge": hinge_question, "paper": lambda name: hinge_question(name, PAPER),
    "squared": squared_question, "step": lambda name: stepped(hinge_question(name)),
    "logistic-step": lambda name: stepped(logistic_question(name)),
    "lift": lift_question, "visits": visits_question, "logistic": logistic_question,
    "network": network_question, "penalized": lambda name: network_question(name, l2=True),
    "batch": batch_question, "third": third_question, "tanh": tanh_question,
    "quartic": quartic_question, "decay": decay_question, "matrix": matrix_question,
    "link": link_question, "columns": columns_question,
    "formula": formula_question,
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
    if question.value:
        return rounded(question.value(p), 6)
    loss = question.loss
    if loss is None or (p.on_kink and question.at_kink):
        return None
    at = np.zeros_like(question.right(p), dtype=float)
    slope = numerical_grad(
        lambda step: loss(p, step if at.ndim else float(step[0])), np.atleast_1d(at)
    )
    slope = np.where(np.abs(slope) < 1e-8, 0.0, slope)
    return rounded(slope if at.ndim else slope[0], 6)


def plain(text: str) -> str:
    return text.replace("_", "")


def told(name: str, book: str) -> str:
    return escape(f"Right under another convention: {name}. Here it is {book}.")


def kind(values: list[Any], right: list[Any], symbols: dict[str, list[Any]], held: str) -> str:
    """Say in what way wrong values differ from the right ones, everywhere."""
    v, r = np.array(values), np.array(right)
    factors = {float(a / b) for a, b in zip(v, r, strict=True) if b}
    c = min(factors, default=0.0)
    if np.allclose(v, -r, rtol=1e-9):
        return "It is minus the derivative everywhere: a step that should go down goes up."
    if np.allclose(v, c * r, rtol=1e-9):
        return f"It is {c:.4g} times the right value everywhere."
    for name, column in symbols.items():
        if np.ndim(column) == 1 and (
            np.allclose(v, r * column, rtol=1e-9) or np.allclose(v * column, r, rtol=1e-9)
        ):
            return f"Divided by the right value it depends on {plain(name)} alone."
    return held or "No single factor explains it: look at one link of the chain after the other."


def data(question: Question, symbols: Sequence[str]) -> dict[str, Any]:
    """Return what the script of a box compares with; what equals the right values is left out."""
    points = question.points
    right = column(points, question.right)
    offered = {s: [rounded(p.symbols[s]) for p in points] for s in symbols}
    base = column(points, question.base) if question.base else None

    def change(values: list[Any]) -> list[Any]:
        return [rounded(v - b) for v, b in zip(values, base, strict=True)] if base else values

    where = []
    for name in points[0].where:
        yes, no, suggests = WHERE[name]
        for is_so, text, other in ((True, yes, no), (False, no, yes)):
            at = [int(p.where[name] == is_so) for p in points]
            if any(c for c, here in zip(change(right), at, strict=True) if here):
                where.append({"yes": text, "no": other, "kind": suggests, "at": at})

    def held(values: list[Any]) -> str:
        fit = [a == b for a, b in zip(values, right, strict=True)]
        found = (
            w["kind"] for w in where if all(f >= at for f, at in zip(fit, w["at"], strict=True))
        )
        return str(next(found, ""))

    others = {name: column(points, value) for name, value in question.others.items()}
    mistakes: dict[str, dict[str, Any]] = {}  # by their values: two mistakes may give one formula
    for name, (rule, value) in question.mistakes.items():
        values = column(points, value)
        if values == right or (symbols and not any(values)):
            continue  # who says 0 has not made this mistake
        same = [other for other, its in others.items() if its == values]
        what = f"These are the values of the derivative with respect to {''.join(same[:1])}."
        entry = mistakes.setdefault(str(values), {
            "names": [], "told": f" {rule}", "values": values,
            "kind": plain(what) if same else kind(
                change(values), change(right), offered, held(values)),
        })  # fmt: skip
        entry["names"].append(name)
    for entry in mistakes.values():
        if question.value:  # "minus the right value everywhere", and no word of a step
            entry["kind"] = entry["kind"].replace("derivative", "right value").split(":")[0]
        names = entry.pop("names")
        what = "these values" if symbols else "this number"
        listed = " or ".join(f"“{name}”" for name in names)
        entry["told"] = escape(f"One gets {what} when one thing is wrong: {listed}.{entry['told']}")
        entry["name"] = " / ".join(names)
    conventions = [
        {"name": name, "told": told(name, book), "values": column(points, value)}
        for key, value in question.conventions.items()
        for name, book in [CONVENTIONS[key]]
    ]
    if question.at_kink:
        name = "another value at the kink"
        conventions.append({"name": name, "told": told(name, "0"), "values": []})
    known = [each["values"] for each in conventions]  # a convention is no mistake
    return {
        "symbols": offered,
        "right": right,
        "difference": [difference(question, p) for p in points]
        if symbols and question.loss and not base
        else [],
        "mistakes": [m for m in mistakes.values() if m["values"] not in known],
        "conventions": [c for c in conventions if c["values"] != right],
        "asked": "it should be"
        if base or not question.loss
        else f"{'hwlib' if question.value else 'the finite difference of the loss'} gives",
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
        raise ValueError(f"a box asks {asks!r}; expected a quantity after one of {[*FAMILIES]}")
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
