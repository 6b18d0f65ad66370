"""Question 1: the masked linear hypothesis, its hinge loss and a subgradient of it.

Labels are -1 and +1. The loss is summed over the samples. At margin exactly 1 the loss has
a kink; the book takes the derivative in the margin to be 0 there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_floats, as_labels, finite, matmul
from hwlib.polynomial import DEGREE, LINEAR, NONLINEAR

N_FEATURES = DEGREE + 1
LABELS = (-1, 1)


def hypothesis(theta: ArrayLike, X: ArrayLike) -> Floats:
    """Return the value of the hypothesis for each sample.

    Parameters
    ----------
    theta : array_like, shape (7,)
        Weights; the one of the linear feature, ``theta[5]``, never counts.
    X : array_like, shape (n, 7)
        Features, as `hwlib.polynomial.features` gives them.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If an argument is not finite real numbers of the shape above, there is no sample, or
        a value is too large for a float64.

    Notes
    -----
    Implements eq-hypothesis.
    """
    theta, X = _model_input(theta, X)
    return finite("the hypothesis", matmul(X, NONLINEAR * theta))


def loss(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> float:
    """Return the hinge loss, summed over the samples.

    Parameters
    ----------
    theta : array_like, shape (7,)
    X : array_like, shape (n, 7)
    y : array_like, shape (n,)
        Labels in {-1, +1}.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is not finite real numbers of the shape above, a label is outside the
        set, there is no sample, or the loss is too large for a float64.

    Notes
    -----
    Implements eq-hinge-loss.
    """
    y, _, margin = _margin(theta, X, y)
    with np.errstate(over="ignore"):
        total = np.maximum(1.0 - margin, 0.0).sum()
    return float(finite("the hinge loss", total))


def loss_grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> Floats:
    """Return a subgradient of the hinge loss in theta; the gradient, where there is one.

    Parameters
    ----------
    theta : array_like, shape (7,)
    X : array_like, shape (n, 7)
    y : array_like, shape (n,)
        Labels in {-1, +1}.

    Returns
    -------
    ndarray, shape (7,)
        The sum of -y_i x_i over the samples with margin below 1; exactly 0.0 at index 5.
        A sample with margin exactly 1 adds 0.

    Raises
    ------
    ValueError
        As `loss`, and if an entry of the gradient is too large for a float64.

    Notes
    -----
    Implements eq-hinge-grad.
    """
    y, X, margin = _margin(theta, X, y)
    upstream = np.where(margin < 1.0, -y, 0.0)
    grad = matmul(X.T[NONLINEAR != 0.0], upstream)
    return np.insert(finite("the gradient", grad), LINEAR, 0.0)


def blind_spots(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[str, ...]:
    """Return the facts about a point at which a check passes wrong gradients of `loss`.

    Parameters
    ----------
    theta : array_like, shape (7,)
    X : array_like, shape (n, 7)
    y : array_like, shape (n,)
        Labels in {-1, +1}.

    Returns
    -------
    tuple of str
        Sentences such as "every label is +1", for the `context` of
        `hwlib.gradcheck.check_grad`; empty at a good point.

    Raises
    ------
    ValueError
        As `loss`.
    """
    y, X, margin = _margin(theta, X, y)
    active, same = margin < 1.0, (margin < 1.0) == (y * margin < 1.0)
    some, linear = active.any(), y[active] @ X[active, LINEAR]
    facts = {
        "there is only one sample": len(y) == 1,
        "no sample is active": not some,
        "every sample is active": active.all(),
        "no sample but the first is active": active[0] and active.sum() == 1 < len(y),
        "every active sample has label +1": some and (y[active] > 0.0).all(),
        "h and y h lie on the same side of 1 for every sample": same.all(),
        "the masked feature adds up to 0": some and linear == 0.0,
        "every feature of every active sample is 1": some and (X[active] == 1.0).all(),
    }
    return tuple(fact for fact, holds in facts.items() if holds)


def _model_input(theta: ArrayLike, X: ArrayLike) -> tuple[Floats, Floats]:
    return as_floats("theta", theta, (N_FEATURES,)), as_floats("X", X, ("n", N_FEATURES))


def _margin(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats, Floats]:
    theta, X = _model_input(theta, X)
    y = as_labels("y", y, LABELS, (len(X),))
    # A margin may be infinite: the loss and the gradient of its sample still are numbers.
    return y, X, y * matmul(X, NONLINEAR * theta)
