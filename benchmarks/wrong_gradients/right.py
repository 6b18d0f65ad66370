"""Right gradients that a check may find hard: scales, waves, cancellation, kinks, rounding."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks.wrong_gradients.case import (
    FIVE,
    INPUTS,
    LABELS,
    NET,
    SCORES,
    TARGETS,
    THREE,
    UPSTREAM,
    Case,
    logistic,
    net_loss,
    relu,
    right_net_gradient,
    scores_gradient,
    scores_loss,
    sigmoid,
    softmax,
)  # fmt: skip
from benchmarks.wrong_gradients.own import (
    L2,
    PARAMS,
    POLYNOMIAL,
    SIGNS,
    SQUARE,
    THETA,
    TIED,
    X,
    Y,
    hinge_loss,
    network_loss,
    part_at_margin,
    slope_at_0,
    two_sides,
    waves,
)  # fmt: skip
from benchmarks.wrong_gradients.public import rounded_solver
from hwlib import hinge, network

CASES: list[Case] = []


def right(name: str, f: Any, grad: Any, x: Any, why: str, source: str = "own", **more: Any):
    x = np.float64(x) if isinstance(x, float) else x
    CASES.append(Case(name, source, "none", f, grad, x, why, wrong=False, **more))


# Sixteen orders of magnitude of x, and more of f

for x in (1e-9, 1e-6, 1e-3, 1e3, 1e7):
    right(f"1/x at {x:.0e}", lambda xp, x: 1 / x, lambda x: -1 / x**2, x, "Steep near 0.")
for x in (1e-8, 1e-4, 1e8):
    right(
        f"x log x at {x:.0e}",
        lambda xp, x: x * xp.log(x),
        lambda x: np.log(x) + 1,
        x,
        "Not defined below 0.",
    )
for x in (1e-10, 1e-5, 1e6):
    right(
        f"square root at {x:.0e}",
        lambda xp, x: xp.sqrt(x),
        lambda x: 0.5 / np.sqrt(x),
        x,
        "Not defined below 0, and steep beside it.",
    )
for size in (1e-100, 1e-12, 1e12, 1e100):
    right(
        f"a logistic loss of size {size:.0e}",
        lambda xp, t, s=size: s * xp.sum(logistic(xp, xp.array(INPUTS) @ t, LABELS)),
        lambda t, s=size: s * INPUTS.T @ (sigmoid(INPUTS @ t) - LABELS),
        THREE,
        "The same loss in another unit.",
    )
right(
    "squares of 1e8 and 1e-8",
    lambda xp, x: xp.sum(x**2),
    lambda x: 2 * x,
    np.array([1e8, 1e-8]),
    "The small coordinate drowns in the rounding of the large one.",
)
right(
    "powers at large x",
    lambda xp, x: xp.sum(x**3),
    lambda x: 3 * x**2,
    np.array([1e5, -3e5]),
    "f is of size 1e16.",
)
right(
    "the twentieth power",
    lambda xp, x: xp.sum(x**20),
    lambda x: 20 * x**19,
    np.array([1.1, -0.9]),
    "f bends fast.",
)
right(
    "a saturated tanh",
    lambda xp, x: xp.sum(xp.tanh(x)),
    lambda x: 4 * np.exp(-2 * x) / (1 + np.exp(-2 * x)) ** 2,
    np.array([6.0, 9.0]),
    "The slope is 1e-5 and less.",
)
right(
    "softplus far below 0",
    lambda xp, x: xp.log1p(xp.exp(x)),
    sigmoid,
    -30.0,
    "f and its slope are of size 1e-13.",
)
right(
    "a steep exponential",
    lambda xp, x: xp.exp(30 * x),
    lambda x: 30 * np.exp(30 * x),
    1.5,
    "f grows by e over a step of 1/30.",
)

# Oscillation

for k, x in ((100, -16.0700812), (1000, 0.37), (1e4, 1.234)):
    right(
        f"sin({k:g} x)",
        lambda xp, x, k=k: xp.sin(k * x),
        lambda x, k=k: k * np.cos(k * x),
        x,
        "Wide steps see other periods.",
    )
for k in (256, 512, 1024):
    right(
        f"with its sin({k} pi x)",
        waves(k),
        lambda x, k=k: 2 * x + k * np.pi * np.cos(k * np.pi * x),
        np.array([0.3, 0.7]),
        "Steps that are powers of 2 fall on whole periods.",
    )
right(
    "a wave on a slope",
    lambda xp, t: 0.01 * t + xp.sin(2 * np.pi * t),
    lambda t: 0.01 + 2 * np.pi * np.cos(2 * np.pi * t),
    256.0,
    "The same at a large x.",
)
right(
    "a fast chirp",
    lambda xp, x: xp.sum(xp.sin(x**2)),
    lambda x: 2 * x * np.cos(x**2),
    np.array([35.0, 12.3]),
    "The period shrinks as x grows.",
)

# Cancellation

right(
    "a sine on 1e10",
    lambda xp, x: 1e10 + xp.sin(x),
    np.cos,
    1e4,
    "Ten digits of f are the constant.",
)
right(
    "1 - cos x over x squared",
    lambda xp, x: (1 - xp.cos(x)) / x**2,
    lambda x: -x / 12 + x**3 / 180,
    1e-2,
    "Half of the digits cancel.",
    smooth=lambda xp, x: 0.5 - x**2 / 24 + x**4 / 720,
)
right(
    "variance as a difference of squares",
    lambda xp, x: xp.mean(x**2) - xp.mean(x) ** 2,
    lambda x: 2 * (x - x.mean()) / len(x),
    1e4 + FIVE,
    "Two large numbers differ by a small one.",
)
right(
    "a sum of 10,000 terms",
    lambda xp, t: xp.sum(xp.sin(xp.array(np.arange(1e4)) * 0.01 * t[0]) + t[1] ** 2),
    lambda t: np.array(
        [np.sum(0.01 * np.arange(1e4) * np.cos(0.01 * np.arange(1e4) * t[0])), 2e4 * t[1]]
    ),
    np.array([0.31, -0.8]),
    "Rounding adds up.",
)
right(
    "a mean of 10,000 losses",
    lambda xp, t: xp.mean(
        logistic(xp, t * xp.array(np.linspace(-3, 3, 10000)), np.arange(10000) % 2)
    ),
    lambda t: np.mean(
        np.linspace(-3, 3, 10000) * (sigmoid(t * np.linspace(-3, 3, 10000)) - np.arange(10000) % 2)
    ),
    0.4,
    "Rounding adds up.",
)
right(
    "log-sum-exp far from 0",
    lambda xp, z: 800 + xp.log(xp.sum(xp.exp(z - 800))),
    softmax,
    800 + FIVE,
    "Shifted, as it is computed.",
)

# Kinks at conventions, and pieces

for slope in (0.0, 0.5, 1.0):
    right(
        f"ReLU with slope {slope:g} at 0",
        relu,
        slope_at_0(slope),
        0.0,
        "A convention: slopes between 0 and 1 are subgradients.",
        "github.com/pytorch/pytorch #114234"
        if slope
        else "github.com/tensorflow/tensorflow #62429",
        at_kink=True,
    )
right(
    "a tied maximum, all to the first",
    lambda xp, t: xp.max(t),
    lambda x: np.eye(3)[x.argmax()],
    TIED,
    "A convention.",
    "github.com/HIPS/autograd #212",
    at_kink=True,
)
right(
    "a tied maximum, shared",
    lambda xp, t: xp.max(t),
    lambda x: (x == x.max()) / np.sum(x == x.max()),
    TIED,
    "A convention.",
    "github.com/HIPS/autograd #212",
    at_kink=True,
)
right(
    "absolute value with slope 0 at 0",
    lambda xp, t: xp.abs(t),
    np.sign,
    0.0,
    "A convention.",
    "github.com/FluxML/Zygote.jl #1632",
    at_kink=True,
)
right(
    "a sample at margin 1 that adds nothing",
    two_sides,
    part_at_margin(0.0),
    np.array([1.0, 2.0]),
    "A convention of the book.",
    at_kink=True,
)
right(
    "a maximum that is almost tied",
    lambda xp, t: xp.max(t),
    lambda t: np.eye(2)[t.argmax()],
    np.array([1e-6, 0.0]),
    "The kink is 1e-6 away.",
    "github.com/JuliaDiff/FiniteDifferences.jl #53",
)
right(
    "Huber at its joint",
    lambda xp, r: xp.sum(xp.where(xp.abs(r) <= 1, r**2 / 2, xp.abs(r) - 0.5)),
    lambda r: np.clip(r, -1, 1),
    np.array([1.0, 0.4, -3.0]),
    "The slope has no jump; the second derivative has.",
)
right(
    "pieces with a jump elsewhere",
    lambda xp, x: xp.sum(xp.where(x > 1, x**2 + 5, 3 * x)),
    lambda x: np.where(x > 1, 2 * x, 3),
    np.array([1.01, 0.95, 2.0]),
    "f jumps at 1.",
)

# Rounding other than that of float64

SAID = "The loss is computed in float32."
right(
    "squares in float32",
    lambda xp, x: xp.sum(xp.single(x) ** 2),
    lambda x: 2 * x,
    FIVE,
    SAID,
    smooth=lambda xp, x: xp.sum(x**2),
)
right(
    "a linear layer in float32",
    lambda xp, t: xp.sum(xp.single(xp.array(INPUTS)) @ xp.single(t)),
    lambda t: INPUTS.sum(axis=0),
    THREE,
    SAID,
    "github.com/pytorch/pytorch #5351",
    smooth=lambda xp, t: xp.sum(xp.array(INPUTS) @ t),
)
LONG = np.linspace(-1, 1.3, 40)
right(
    "a product of vectors in float32",
    lambda xp, x: xp.sum(xp.single(x) * xp.single(xp.array(np.cos(LONG)))),
    lambda x: np.cos(LONG),
    LONG,
    SAID,
    "github.com/PaddlePaddle/Paddle #4283",
    smooth=lambda xp, x: xp.sum(x * xp.array(np.cos(LONG))),
)
right(
    "a loss rounded to 3 digits",
    lambda xp, x: xp.round(1000 * xp.sum(x**2)) / 1000,
    lambda x: 2 * x,
    FIVE,
    "As a program prints it.",
    smooth=lambda xp, x: xp.sum(x**2),
)
right(
    "a loss rounded to 6 digits",
    lambda xp, x: xp.round(1e6 * xp.sum(xp.sin(x))) / 1e6,
    np.cos,
    FIVE,
    "As a program prints it.",
    smooth=lambda xp, x: xp.sum(xp.sin(x)),
)


def newton_root(xp, x):
    r = 0 * x + 1.0
    while abs(float(r * r - x)) > 1e-3:
        r = (r + x / r) / 2
    return r


right(
    "a root by iteration to 1e-3",
    newton_root,
    lambda x: 0.5 / np.sqrt(x),
    2.3,
    "The number of iterations changes with x.",
    smooth=lambda xp, x: xp.sqrt(x),
)
right(
    "a solver that stops at 1e-9",
    rounded_solver,
    lambda x: 3 * x**2,
    FIVE,
    "Its error is no smooth function of x.",
    "github.com/pasteurlabs/tesseract-core #740",
    smooth=lambda xp, x: xp.sum(x**3),
)

# Models, layouts, derivatives that are 0

right(
    "the book's hinge loss",
    hinge_loss,
    lambda t: hinge.loss_grad(t, POLYNOMIAL, SIGNS),
    THETA,
    "Its masked coordinate has no effect.",
)
right(
    "the book's network",
    network_loss,
    lambda p: network.loss_grad(p, X, Y, L2),
    PARAMS,
    "With its penalty.",
)
right(
    "a network of tanh",
    net_loss("tanh"),
    lambda p: right_net_gradient(p, "tanh"),
    NET,
    "A mean over samples.",
)
right("a linear classifier", scores_loss, scores_gradient, SCORES, "A matrix of parameters.")
right(
    "a dict",
    lambda xp, d: xp.sum(d["a"] ** 2) * d["b"],
    lambda d: {"a": 2 * d["a"] * d["b"], "b": np.sum(d["a"] ** 2)},
    {"a": FIVE, "b": np.float64(1.4)},
    "Parameters kept in a dict.",
)
right(
    "a list",
    lambda xp, p: xp.sum((xp.array(INPUTS) @ p[0] + p[1] - xp.array(TARGETS)) ** 2),
    lambda p: (lambda r: [2 * INPUTS.T @ r, 2 * r.sum()])(INPUTS @ p[0] + p[1] - TARGETS),
    [THREE, np.float64(0.3)],
    "Parameters kept in a list.",
)


class Kernel(NamedTuple):
    log_sigma: Any


right(
    "with respect to a logarithm",
    lambda xp, k: xp.sum(xp.array(FIVE)) ** 2 + xp.exp(2 * k.log_sigma),
    lambda k: Kernel(2 * np.exp(2 * k.log_sigma)),
    Kernel(np.float64(0.4)),
    "2 sigma squared is right where the parameter is log sigma.",
    "github.com/scikit-learn/scikit-learn #18702",
)


def standardized(xp, x):
    d = x - xp.mean(x)
    return xp.sum(xp.array(UPSTREAM) * d / xp.sqrt(xp.mean(d**2) + 1e-5))


def three_terms(x):
    s = np.sqrt(x.var() + 1e-5)
    z = (x - x.mean()) / s
    return (UPSTREAM - UPSTREAM.mean() - z * np.mean(UPSTREAM * z)) / s


right(
    "batch normalization with three terms",
    standardized,
    three_terms,
    FIVE,
    "The fourth term that a thread misses is 0: centred values add up to 0.",
    "github.com/BVLC/caffe #3878",
)
right(
    "a determinant's logarithm",
    lambda xp, A: xp.log(
        A[0, 0] * (A[1, 1] * A[2, 2] - A[1, 2] * A[2, 1])
        - A[0, 1] * (A[1, 0] * A[2, 2] - A[1, 2] * A[2, 0])
        + A[0, 2] * (A[1, 0] * A[2, 1] - A[1, 1] * A[2, 0])
    ),
    lambda A: np.linalg.inv(A).T,
    SQUARE + 2 * np.eye(3),
    "The inverse, transposed.",
)
right(
    "Rosenbrock's function",
    lambda xp, x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
    lambda x: np.array(
        [-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]
    ),
    np.array([-1.2, 1.0]),
    "A valley.",
)
right(
    "a minimum",
    lambda xp, x: xp.sum((x - xp.array(FIVE)) ** 2),
    lambda x: 2 * (x - FIVE),
    FIVE,
    "Every derivative is 0.",
)
right("a cubic at its saddle", lambda xp, x: x**3, lambda x: 3 * x**2, 0.0, "The derivative is 0.")
right(
    "200 coordinates",
    lambda xp, x: xp.sum(xp.sin(x) * xp.exp(-(x**2))),
    lambda x: (np.cos(x) - 2 * x * np.sin(x)) * np.exp(-(x**2)),
    np.random.default_rng(8).normal(size=200),
    "Many at once.",
)
