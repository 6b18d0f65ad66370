"""Wrong gradients of the book's catalogue, and of kinds that a check is easily fooled by."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.wrong_gradients.case import FIVE, INPUTS, LABELS, THREE, Case, logistic, relu
from hwlib import network, polynomial
from hwlib.gradcheck import mistakes

CASES: list[Case] = []
NO_CHANGE = {"JAX": "its arrays cannot be changed in place"}


def wrong(name: str, kind: str, f: Any, grad: Any, x: Any, why: str, **more: Any):
    CASES.append(Case(name, "own", kind, f, grad, x, why, wrong=True, **more))


# The catalogue: the book's two models, on more samples than one, with an irregular lambda

KINDS = {
    "branches swapped": "branch", "margin test forgotten": "branch", "margin test on h": "branch",
    "sign": "sign", "y forgotten": "input forgotten", "x forgotten": "input forgotten",
    "mask forgotten": "branch", "mean for sum": "mean for sum",
    "only the first sample": "samples forgotten", "only the last sample": "samples forgotten",
    "no mask at all": "branch", "max(-y x, 0)": "branch", "y - y_hat": "sign",
    "W_j4 after its step": "stepped value", "mean twice": "mean for sum",
    "lambda halved": "penalty", "lambda squared": "penalty",
    "term of label 0 forgotten": "term forgotten", "sigma' forgotten": "chain rule",
    "sigma' applied twice": "chain rule", "z_j for a_j": "chain rule",
    "W_j4 forgotten": "chain rule", "ReLU gate forgotten": "branch",
    "gate of another unit": "places swapped", "x_i forgotten": "input forgotten",
    "transposed weights": "places swapped", "bias gradient forgotten": "term forgotten",
    "lambda forgotten": "penalty", "lambda doubled": "penalty",
    "lambda with the wrong sign": "penalty", "biases regularized": "penalty",
    "decay only for units that are on": "penalty",
}  # fmt: skip

_rng = np.random.default_rng(20)
POLYNOMIAL = polynomial.features(_rng.uniform(-1.3, 1.3, 12).round(2))
SIGNS = np.where(np.arange(12) % 5 == 1, -1.0, 1.0)
THETA = np.array([0.4, -0.7, 1.1, -0.3, 0.8, -0.5, 0.6])
PARAMS = network.Parameters(
    np.array([[0.8, -0.5, 1.2], [-0.6, 0.9, 0.7]]), np.array([0.3, -0.2, 0.1]),
    np.array([1.4, -0.9, 0.65]), np.float64(0.2),
)  # fmt: skip
X, Y = _rng.uniform(-1, 1, (9, 2)).round(2), np.array([1.0, 0, 1, 1, 0, 0, 1, 0, 1])
L2 = 0.37


def hinge_loss(xp, theta):
    h = xp.array(POLYNOMIAL * polynomial.NONLINEAR) @ theta
    return xp.sum(relu(xp, 1 - xp.array(SIGNS) * h))


def network_loss(xp, p):
    z = relu(xp, xp.array(X) @ p.W_hidden + p.b_hidden) @ p.w_out + p.b_out
    penalty = xp.sum(p.W_hidden**2) + xp.sum(p.w_out**2)
    return xp.sum(logistic(xp, z, Y)) + L2 / 2 * penalty


for mistake in mistakes.HINGE:
    wrong(
        f"hinge: {mistake.name}", KINDS[mistake.name], hinge_loss,
        lambda theta, grad=mistake.grad: grad(theta, POLYNOMIAL, SIGNS), THETA, mistake.rule,
    )  # fmt: skip
for mistake in mistakes.NETWORK:
    wrong(
        f"network: {mistake.name}", KINDS[mistake.name], network_loss,
        lambda p, grad=mistake.grad: grad(p, X, Y, L2), PARAMS, mistake.rule,
    )  # fmt: skip


def penalty_as(term: Any, p: Any) -> Any:
    g = network.loss_grad(p, X, Y, 0.0)
    return g._replace(W_hidden=g.W_hidden + term(p.W_hidden), w_out=g.w_out + L2 * p.w_out)


for text, term in {
    "W + W/2": lambda W: W / 2,
    "(1 - lambda) W": lambda W: (1 - L2) * W,
    "2 lambda^2 W": lambda W: 2 * L2**2 * W,
}.items():
    wrong(
        f"penalty as {text}", "penalty", network_loss, partial(penalty_as, term), PARAMS,
        "Right for lambda = 1/2 alone.",
    )  # fmt: skip
wrong(
    "hinge: all zeros", "zeros", hinge_loss, np.zeros_like, THETA,
    "A function that was never filled in.",
)  # fmt: skip

# Steps that hide a term


def waves(k):
    return lambda xp, x: xp.sum(x**2 + xp.sin(k * np.pi * x))


for k in (256, 512, 1024):
    wrong(
        f"sin({k} pi x) forgotten", "aliasing", waves(k), lambda x: 2 * x, np.array([0.3, 0.7]),
        "Steps that are powers of 2 fall on whole periods of the term that was forgotten.",
    )  # fmt: skip
wrong(
    "a wave on a slope forgotten", "aliasing", lambda xp, t: 0.01 * t + xp.sin(2 * np.pi * t),
    lambda t: 0.01 + 0 * t, np.float64(256.0), "The slope is seen over whole periods.",
)  # fmt: skip

# Small mistakes, and mistakes at unusual scales

LONG = np.random.default_rng(3).normal(size=300)
wrong(
    "0.05 percent in one of 300", "factor", lambda xp, x: xp.sum(xp.sin(x)),
    lambda x: np.cos(x) * np.where(np.arange(300) == 123, 1.0005, 1), LONG,
    "One coordinate of 300 is off by 0.05 percent.",
)  # fmt: skip
wrong(
    "0.1 percent of a loss of size 1e-12", "factor", lambda xp, x: 1e-12 * xp.sum(xp.exp(x)),
    lambda x: 1.001e-12 * np.exp(x), THREE, "Small numbers pass where the tolerance is absolute.",
)  # fmt: skip
wrong(
    "a tenth of the gradient at size 1e-9", "factor", lambda xp, x: 1e-9 * xp.sum(x**3),
    lambda x: 3e-10 * x**2, FIVE, "Small numbers pass where the tolerance is absolute.",
)  # fmt: skip
wrong(
    "0.1 percent of a loss of size 1e12", "factor", lambda xp, x: 1e12 * xp.sum(x**3),
    lambda x: 3.003e12 * x**2, FIVE, "The loss is large, and so are the differences.",
)  # fmt: skip
wrong(
    "a sign in a small coordinate", "sign", lambda xp, x: 1e6 * x[0] ** 2 + 1e-3 * x[1] ** 2,
    lambda x: np.array([2e6 * x[0], -2e-3 * x[1]]), np.array([1.3, 0.7]),
    "A coordinate with a derivative of 1e-3 stands beside one of 1e6.",
)  # fmt: skip
wrong(
    "far from the origin", "factor", lambda xp, x: xp.sum(x**2), lambda x: 2.01 * x,
    np.array([1e8, -3e7]), "1 percent, at x of 1e8.",
)  # fmt: skip
wrong(
    "close to the origin", "sign", lambda xp, x: xp.sum(1 / x), lambda x: 1 / x**2,
    np.array([1e-6, 3e-5]), "The sign, at x of 1e-6, where f is steep.",
)  # fmt: skip
wrong(
    "1 percent, in float32", "factor", lambda xp, x: xp.sum(xp.single(x) ** 2),
    lambda x: 2.02 * x, FIVE, "The loss is computed in float32; 1 percent is far above its noise.",
    smooth=lambda xp, x: xp.sum(x**2),
)  # fmt: skip
wrong(
    "twice, behind a loss rounded to 3 digits", "factor",
    lambda xp, x: xp.round(1000 * xp.sum(x**2)) / 1000, lambda x: 4 * x, FIVE,
    "The loss is rounded to 3 digits; a factor of 2 is far above it.",
    smooth=lambda xp, x: xp.sum(x**2),
)  # fmt: skip

# Patterns that look like others

wrong(
    "a constant added, at ones", "constant",
    lambda xp, x: xp.sum(xp.sin(1.7 * x)), lambda x: 1.7 * np.cos(1.7 * x) + 0.1, np.ones(5),
    "At a point of ones a constant looks like a multiple of the parameter.",
)  # fmt: skip
wrong(
    "truncated to integers", "truncated", lambda xp, x: xp.sum(x**2),
    lambda x: (2 * x).astype(int), FIVE, "The gradient was put into an array of integers.",
)  # fmt: skip
wrong(
    "two components swapped", "places swapped", lambda xp, x: xp.sum(x**3),
    lambda x: (3 * x**2)[[0, 2, 1, 3, 4]], FIVE, "Index 1 and 2 have changed places.",
)  # fmt: skip
SQUARE = np.array([[0.7, -1.1, 0.4], [0.9, 0.3, -0.6], [-0.2, 1.3, 0.8]])
wrong(
    "transposed", "places swapped", lambda xp, A: xp.sum((A @ xp.array(THREE)) ** 2),
    lambda A: np.outer(THREE, 2 * A @ THREE), SQUARE, "A square matrix, transposed.",
)  # fmt: skip
wrong(
    "the product rule half done", "term forgotten", lambda xp, x: xp.sum(x * xp.exp(x)), np.exp,
    FIVE, "The derivative of the second factor is missing.",
)  # fmt: skip
wrong(
    "not a number", "constant", lambda xp, x: xp.sum(x**2), lambda x: x * np.nan, FIVE,
    "Every component is NaN.",
)  # fmt: skip
wrong(
    "a dict with one wrong entry", "factor", lambda xp, d: xp.sum(d["a"] ** 2) * d["b"],
    lambda d: {"a": 4 * d["a"] * d["b"], "b": np.sum(d["a"] ** 2)},
    {"a": FIVE, "b": np.float64(1.4)}, "Parameters kept in a dict; one entry is doubled.",
)  # fmt: skip
wrong(
    "a list with one entry of the wrong sign", "sign",
    lambda xp, p: xp.sum((xp.array(INPUTS) @ p[0] + p[1] - xp.array(LABELS)) ** 2),
    lambda p: (lambda r: [2 * INPUTS.T @ r, -2 * r.sum()])(INPUTS @ p[0] + p[1] - LABELS),
    [THREE, np.float64(0.3)], "Parameters kept in a list; the bias has the wrong sign.",
)  # fmt: skip

# Functions that are none

_coin = np.random.default_rng(11)
wrong(
    "times a coin flip", "not deterministic", lambda xp, x: xp.sum(x**3),
    lambda x: 3 * x**2 * _coin.choice([1, -1]), FIVE, "Each call of the gradient flips its sign.",
)  # fmt: skip


def dropped_out(xp, x):
    return 2 * xp.sum(x**2 * xp.array(_coin.integers(0, 2, 5)))


wrong(
    "a loss with dropout", "not deterministic", dropped_out, lambda x: 2 * x, FIVE,
    "Each call of the loss leaves out other terms; the gradient is that of the mean.",
    smooth=lambda xp, x: xp.sum(x**2),
)  # fmt: skip


def normalizes(xp, x):
    x /= float(xp.sqrt(xp.sum(x**2)))  # in place
    return xp.sum(xp.array(np.arange(1.0, 6.0)) * x**2)


def normalized_gradient(x):
    c, s = np.arange(1.0, 6.0), np.sum(x**2)
    return 2 * c * x / s - 2 * x * np.sum(c * x**2) / s**2


wrong(
    "a loss that normalizes its argument in place", "argument changed", normalizes,
    normalized_gradient, FIVE, "The first call changes the parameters that the next one gets.",
    not_for=NO_CHANGE,
)  # fmt: skip

# At a kink

TIED = np.array([1.2, 1.2, 0.3])


def slope_at_0(slope: float, below: float = 0.0) -> Any:
    """The derivative of ReLU, or of the absolute value, with a slope of its own at 0."""
    return lambda x: np.where(x > 0, 1.0, np.where(x < 0, below, slope))


for name, f, g, x, why in (
    ("ReLU with slope 2 at 0", relu, slope_at_0(2.0), 0.0, "The slopes at 0 lie between 0 and 1."),
    ("ReLU with slope -7 at 0", relu, slope_at_0(-7.0), 0.0,
     "The slopes at 0 lie between 0 and 1."),
    ("absolute value with slope 100 at 0", lambda xp, t: xp.abs(t), slope_at_0(100.0, -1.0), 0.0,
     "The slopes at 0 lie between -1 and 1."),
    ("a tied maximum with both slopes 1", lambda xp, t: xp.max(t), lambda t: 1.0 * (t == t.max()),
     TIED, "The slopes of a tied maximum add up to 1."),
    ("a step at its jump", lambda xp, t: xp.where(t >= 0, 1.0 + 0 * t, 0 * t), lambda t: 0 * t, 0.0,
     "A function that jumps has no derivative, and no subgradient."),
):  # fmt: skip
    wrong(name, "kink", f, g, np.asarray(x)[()], why, at_kink=True)


def two_sides(xp, w):
    """One sample whose margin is exactly 1."""
    return relu(xp, 1 - (w[0] * 0.5 + w[1] * 0.25))


def part_at_margin(first: float) -> Any:
    """Its derivative, with a first component of its own where the margin is 1."""

    def grad(w: Any) -> Any:
        margin = w[0] * 0.5 + w[1] * 0.25
        return np.array([first, 0.0]) if margin == 1 else -np.array([0.5, 0.25]) * (margin < 1)

    return grad


wrong(
    "part of a sample's gradient at margin 1", "kink", two_sides, part_at_margin(-0.5),
    np.array([1.0, 2.0]), "One component has the slope of one side, the other that of the other.",
    at_kink=True,
)  # fmt: skip
