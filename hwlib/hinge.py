"""Question 1: the masked linear hypothesis, its hinge loss and a subgradient of it.

Labels are -1 and +1. The loss is summed over the samples. At margin exactly 1 the loss has
a kink; the book takes the derivative with respect to the margin to be 0 there.

The functions take these arguments, `hypothesis` without the labels:

theta : array_like, shape (7,)
    Weights; that of the linear feature, ``theta[5]``, is masked and has no effect.
X : array_like, shape (n, 7)
    Features, one sample per row, as `hwlib.polynomial.features` gives them.
y : array_like, shape (n,)
    Labels in {-1, +1}.

They raise a `ValueError` if an argument does not hold finite real numbers in this shape, a label
is outside the set, there is no sample, or a result is too large for a float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_floats, as_labels, finite
from hwlib.polynomial import DEGREE, NONLINEAR

N_FEATURES = DEGREE + 1
LABELS = (-1, 1)


@np.errstate(all="ignore")
def hypothesis(theta: ArrayLike, X: ArrayLike) -> Floats:
    """Return the value of the hypothesis for each sample, shape (n,) (eq-hypothesis)."""
    return _hypothesis(*_as_model(theta, X))


def _hypothesis(theta: Floats, X: Floats) -> Floats:
    return finite("the hypothesis", X @ (NONLINEAR * theta))  # eq-hypothesis


@np.errstate(all="ignore")
def loss(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> float:
    """Return the hinge loss, summed over the samples (eq-hinge-loss)."""
    theta, X, y = _as_problem(theta, X, y)
    margin = y * _hypothesis(theta, X)  # eq-margin
    return finite("the hinge loss", float(np.maximum(1.0 - margin, 0.0).sum()))  # eq-hinge-loss


@np.errstate(all="ignore")
def loss_grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> Floats:
    """Return a subgradient of `loss` with respect to theta, shape (7,) (eq-hinge-matrix).

    It is the gradient where there is one. A sample with margin 1 or more adds 0, and the
    entry of the linear feature is exactly 0.0.
    """
    theta, X, y = _as_problem(theta, X, y)
    margin = y * _hypothesis(theta, X)  # eq-margin
    active = margin < 1.0  # eq-hinge-active
    grad = -(NONLINEAR * X).T @ (active * y)  # eq-hinge-matrix
    return finite("the gradient", grad + 0.0)  # 0.0, not -0.0, where nothing adds up


def _as_model(theta: ArrayLike, X: ArrayLike) -> tuple[Floats, Floats]:
    return as_floats("theta", theta, (N_FEATURES,)), as_floats("X", X, ("n", N_FEATURES))


def _as_problem(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats, Floats]:
    theta, X = _as_model(theta, X)
    return theta, X, as_labels("y", y, LABELS, (len(X),))
