"""Question 1: the masked linear hypothesis, its hinge loss and a subgradient of it.

Labels are -1 and +1. The loss is summed over the samples. At margin exactly 1 the loss has
a kink; the book takes the derivative in the margin to be 0 there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib import optim
from hwlib._arrays import (
    LARGEST,
    Floats,
    all_finite,
    as_float,
    as_float64,
    as_floats,
    as_labels,
    as_rng,
    as_shaped,
    finite,
    matmul,
    product,
)
from hwlib.blocks import BLOCK, Sums, add_blocks, compiled, compiled_sums
from hwlib.polynomial import DEGREE, LINEAR, NONLINEAR

N_FEATURES = DEGREE + 1
LABELS = (-1, 1)
KEPT = tuple(int(j) for j in np.flatnonzero(NONLINEAR))
"""Columns of the features that count."""


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
    return finite("the hinge loss", _sums(*_as_problem(theta, X, y))[0])


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
    return finite("the gradient", _sums(*_as_problem(theta, X, y))[1])


def value_and_grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[float, Floats]:
    """Return `loss` and `loss_grad` of one pass over the samples.

    With the extra ``fast`` installed Numba compiles the loop over the samples at the first call,
    and all cores share it, or ``OMP_NUM_THREADS`` of them. The result has the same bits on any
    number of cores, and agrees with `loss` and `loss_grad` to the rounding of a sum.

    Parameters
    ----------
    theta : array_like, shape (7,)
    X : array_like, shape (n, 7)
    y : array_like, shape (n,)
        Labels in {-1, +1}.

    Returns
    -------
    loss : float
    grad : ndarray, shape (7,)

    Raises
    ------
    ValueError
        As `loss` and `loss_grad`.

    Notes
    -----
    Implements eq-hinge-loss and eq-hinge-matrix, a block of samples at a time
    (eq-scale-loss-blocks, eq-scale-grad-blocks).
    """
    weights, X, y = _as_problem(theta, X, y)
    if sums := compiled_sums(_loop, (weights,), X, y):
        sums[1][LINEAR] = 0.0
        return sums[0], sums[1]
    value, grad = _sums(weights, X, y)
    return finite("the hinge loss", value), finite("the gradient", grad)


def sgd(
    theta: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    step_size: float,
    rng: np.random.Generator | None = None,
) -> Iterator[Floats]:
    """Descend along the subgradient of one sample at a time, for ever (question 1.3).

    What `hwlib.optim.sgd` does with `loss_grad`, as a loop over numbers. With the extra ``fast``
    installed Numba compiles it; without it the same loop runs, and gives the same bits.

    Parameters
    ----------
    theta : array_like, shape (7,)
        Where to start; it is copied. ``theta[5]`` stays as it is.
    X : array_like, shape (n, 7)
    y : array_like, shape (n,)
        Labels in {-1, +1}.
    step_size : float
        At least 0.
    rng : numpy.random.Generator, optional
        Draws a new order of the samples for each epoch; without it the order is 0, 1, 2, ...

    Yields
    ------
    ndarray, shape (7,)
        A copy of theta after each epoch. A sample with margin exactly 1 makes no step.

    Raises
    ------
    ValueError
        At the call, if an argument is refused; while running, if theta grows too large for a
        float64.

    Notes
    -----
    Implements eq-sgd-hinge.
    """
    theta, X = _model_input(theta, X)
    y = as_floats("y", y, (len(X),))
    for at in range(0, len(y), BLOCK):
        as_labels("y", y[at : at + BLOCK], LABELS)
    step_size = as_float("step_size", step_size, minimum=0.0)
    if rng is not None:
        as_rng("rng", rng)
    return _epochs(theta.copy(), X, y, step_size, rng)


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


def _as_problem(
    theta: ArrayLike, X: ArrayLike, y: ArrayLike
) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    """Return the masked weights, and check all but the numbers in X and y, which the sums do."""
    weights = NONLINEAR * as_floats("theta", theta, (N_FEATURES,))
    X = as_shaped("X", X, ("n", N_FEATURES))
    return weights, X, as_shaped("y", y, (len(X),))


def _loop(weights: Floats, X: Floats, y: Floats) -> tuple[float, Floats]:
    """Loss and gradient, a sample at a time; NaN where a number or a label is not accepted."""
    loss, grad, wrong = 0.0, np.zeros(N_FEATURES), 0.0
    for i in range(len(X)):
        h = 0.0
        for j in range(N_FEATURES):
            h += weights[j] * X[i, j]
        label = float(y[i])  # an int64 squared may overflow
        margin = label * h
        active = 1.0 if margin < 1.0 else 0.0  # e_i; a factor, since 0 times NaN is NaN
        loss += active * (1.0 - margin)
        for j in range(N_FEATURES):
            grad[j] -= active * label * X[i, j]
        wrong += abs(label * label - 1.0)
    for j in range(N_FEATURES):
        wrong += 0.0 * grad[j]
    return (loss if wrong == 0.0 else math.nan), grad


@np.errstate(all="ignore")
def _sums(weights: Floats, X: NDArray[Any], y: NDArray[Any]) -> tuple[float, Floats]:
    """Loss and gradient; not finite where they are too large for a float64."""
    value, grad = add_blocks(partial(_block, weights), X, y, (0.0, 0.0))
    grad[LINEAR] = 0.0
    return value, grad


def _block(weights: Floats, X: Floats, y: Floats, start: Sums) -> Sums:
    X, y = as_float64(X), as_labels("y", y, LABELS)
    margin = y * product(X, weights, name="X")
    active = (margin < 1.0).astype(np.float64)  # e_i
    value = np.vdot(active, 1.0 - margin)
    if math.isnan(value):  # 0 times infinity: a safe sample with a margin beyond every float
        value = np.vdot(active, 1.0 - np.minimum(margin, LARGEST))
    return float(value), -product(X.T, active * y)


def _epochs(
    theta: Floats, X: Floats, y: Floats, step_size: float, rng: np.random.Generator | None
) -> Iterator[Floats]:
    epoch = compiled(_epoch) or _epoch
    while True:
        order = np.arange(0) if rng is None else rng.permutation(len(X))
        before = theta.copy()
        with np.errstate(all="ignore"):
            fits = epoch(theta, X, y, order, step_size)
        if not (fits and all_finite(theta)):  # the same epoch, with sums that cannot overflow
            at = order if len(order) else range(len(X))

            def sample_grad(theta: Floats, k: int, at: Any = at) -> Floats:
                return loss_grad(theta, X[[at[k]]], y[[at[k]]])

            theta = next(optim.sgd(sample_grad, before, len(X), step_size=step_size))
        yield theta.copy()


def _epoch(theta: Floats, X: Floats, y: Floats, order: NDArray[Any], step_size: float) -> bool:
    """Move theta once for each sample; an empty order is 0, 1, 2, ... False: a value overflowed."""
    for k in range(len(X)):
        i = order[k] if len(order) else k
        h = 0.0
        for j in KEPT:
            h += theta[j] * X[i, j]
        if not math.isfinite(h):
            return False
        if y[i] * h < 1.0:
            for j in KEPT:
                theta[j] += step_size * y[i] * X[i, j]
    return True
