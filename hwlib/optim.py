"""Question 1.3: stochastic gradient descent, for any model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_callable, as_count, as_float, as_floats, as_rng, finite


def sgd(
    sample_grad: Callable[[Floats, int], ArrayLike],
    theta: ArrayLike,
    n_samples: int,
    *,
    step_size: float,
    rng: np.random.Generator | None = None,
) -> Iterator[Floats]:
    """Step against the gradient of one sample after the other, without end (eq-sgd-update).

    Parameters
    ----------
    sample_grad : callable
        ``sample_grad(theta, i)`` returns a (sub)gradient of sample i, with the shape of theta.
    theta : array_like, shape (p,)
        Where to start; it is copied.
    n_samples : int
        Number of samples; i runs from 0 to n_samples - 1.
    step_size : float
        The learning rate, at least 0.
    rng : numpy.random.Generator, optional
        Reshuffles the samples for each epoch; without it every epoch visits them in order.

    Yields
    ------
    ndarray, shape (p,)
        A copy of theta after each epoch, that is, after `n_samples` updates.

    Raises
    ------
    ValueError
        At the call, if an argument is rejected; while running, if `sample_grad` returns
        another shape or a number that is not finite, or theta grows too large for a float64.
    """
    as_callable("sample_grad", sample_grad)
    start = as_floats("theta", theta, ("p",)).copy()
    n_samples = as_count("n_samples", n_samples)
    step_size = as_float("step_size", step_size, minimum=0.0)
    if rng is not None:
        as_rng("rng", rng)

    # A generator of its own, so that a bad argument raises at the call and not at the first epoch.
    def epochs(theta: Floats) -> Iterator[Floats]:
        while True:
            order = range(n_samples) if rng is None else rng.permutation(n_samples).tolist()
            for i in order:
                grad = sample_grad(theta.copy(), i)
                grad = as_floats(f"sample_grad(theta, {i})", grad, theta.shape)
                theta = finite(f"theta after sample {i}", _step(theta, step_size, grad))
            yield theta.copy()

    return epochs(start)


@np.errstate(all="ignore")
def _step(theta: Floats, step_size: float, grad: Floats) -> Floats:
    return theta - step_size * grad  # eq-sgd-update
