"""The hinge loss with its gradient in one pass over the samples, and Algorithm 1, compiled.

Arguments and errors are those of `hwlib.hinge`: theta has shape (7,), X (n, 7) and y (n,), with
labels in {-1, +1}; a margin of exactly 1 counts as safe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib import hinge
from hwlib._arrays import Floats, as_float, as_floats, as_labels, as_numbers, as_rng, finite
from hwlib.hinge import LABELS, N_FEATURES
from hwlib.polynomial import LINEAR, NONLINEAR
from hwlib.scale.blocks import compiled, compiled_or_plain, is_ready


def value_and_grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[float, Floats]:
    """Return `hwlib.hinge.loss` and `hwlib.hinge.loss_grad`, to rounding.

    Numba compiles the loop at the first call, and all cores share the samples, or
    ``OMP_NUM_THREADS`` of them; the result has the same bits on any number of cores.
    """
    if not is_ready(theta) or theta.shape != (N_FEATURES,):
        theta = as_floats("theta", theta, (N_FEATURES,)).copy()

    def plain(X: ArrayLike, y: ArrayLike) -> tuple[float, Floats]:
        return hinge.loss(theta, X, y), hinge.loss_grad(theta, X, y)

    X, y = as_numbers("X", X), as_numbers("y", y)
    return compiled_or_plain(partial(_loop, theta), plain, X, y, N_FEATURES)


@compiled
def _loop(theta: Floats, X: Floats, y: Floats) -> tuple[float, Floats]:
    """Loss and gradient; the loss is not finite for a number or a label that is not accepted."""
    weights, loss, grad = NONLINEAR * theta, 0.0, np.zeros(N_FEATURES)
    for i in range(len(X)):
        h, label = 0.0, float(y[i])
        for j in range(N_FEATURES):
            h += weights[j] * X[i, j]  # eq-hypothesis
        if abs(label) != 1.0:
            return math.nan, grad
        margin = label * h  # eq-margin
        active = margin < 1.0  # eq-hinge-active
        loss += active * (1.0 - margin)  # eq-hinge-loss; not finite if X[i] is not
        for j in range(N_FEATURES):
            grad[j] -= active * label * X[i, j]  # eq-hinge-grad
    grad[LINEAR] = 0.0
    return (loss if np.isfinite(grad).all() else math.nan), grad


def sgd(
    theta: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    step_size: float,
    rng: np.random.Generator | None = None,
) -> Iterator[Floats]:
    """Yield a copy of theta after each epoch of Algorithm 1, endlessly (eq-sgd-hinge).

    It is `hwlib.optim.sgd` with `hwlib.hinge.loss_grad`, to rounding, as a loop over numbers.
    With a generator each epoch has a new order of the samples; without one it is 0, 1, 2, ...
    """
    theta = as_floats("theta", theta, (N_FEATURES,)).copy()
    X = as_floats("X", X, ("n", N_FEATURES))
    y = as_labels("y", y, LABELS, (len(X),))
    step_size = as_float("step_size", step_size, minimum=0.0)
    return _epochs(theta, X, y, step_size, rng if rng is None else as_rng("rng", rng))


def _epochs(
    theta: Floats, X: Floats, y: Floats, step_size: float, rng: np.random.Generator | None
) -> Iterator[Floats]:
    order = np.arange(len(X))
    while True:
        if rng is not None:
            order = rng.permutation(len(X))
        with np.errstate(all="ignore"):
            fits = _epoch(theta, X, y, order, step_size)
        finite("theta", theta)
        if not fits:
            raise ValueError("the hypothesis is too large for a float64")
        yield theta.copy()


def sgd_epoch(
    theta: Floats, X: Floats, y: Floats, order: NDArray[np.intp], step_size: float
) -> bool:
    """Move theta, in place, once for each sample in this order: the loop of `sgd`, not compiled.

    Return False, and stop, if a hypothesis is too large for a float64.
    """
    for i in order:
        h = 0.0
        for j in range(N_FEATURES):
            h += NONLINEAR[j] * theta[j] * X[i, j]  # eq-hypothesis
        if not math.isfinite(h):
            return False
        if y[i] * h < 1.0:  # eq-sgd-hinge
            for j in range(N_FEATURES):
                theta[j] += step_size * y[i] * NONLINEAR[j] * X[i, j]
    return True


_epoch = compiled(sgd_epoch)
