"""Small data sets, drawn from a generator that the caller brings.

Both functions take the same arguments and raise the same errors:

rng : numpy.random.Generator
    Draws everything.
n_samples : int
    n, at least 1.
flip : float, default 0.0
    Probability, from 0 to 1, that a label is flipped.

A `ValueError` is raised if an argument is none of these.
"""

from __future__ import annotations

import numpy as np

from hwlib._arrays import Floats, as_count, as_float, as_rng


def interval(
    rng: np.random.Generator, n_samples: int = 40, *, flip: float = 0.0
) -> tuple[Floats, Floats]:
    """Draw points on a line, labelled by their distance from the origin.

    Returns
    -------
    x : ndarray, shape (n,)
        Uniform on [-1.2, 1.2], not sorted.
    y : ndarray, shape (n,)
        Labels in {-1, +1}: +1 where abs(x) > 0.7, but for the flips.
    """
    rng, n, flip = _as_draw(rng, n_samples, flip)
    x = rng.uniform(-1.2, 1.2, size=n)
    y = np.where(np.abs(x) > 0.7, 1.0, -1.0)
    return x, np.where(rng.random(n) < flip, -y, y)


def disc(
    rng: np.random.Generator, n_samples: int = 200, *, flip: float = 0.0
) -> tuple[Floats, Floats]:
    """Draw points in a square, labelled by whether they lie in a disc.

    Returns
    -------
    X : ndarray, shape (n, 2)
        Uniform on the square [-1, 1] x [-1, 1].
    y : ndarray, shape (n,)
        Labels in {0, 1}: 1 inside the disc of radius 0.6 about the origin, but for the flips.
    """
    rng, n, flip = _as_draw(rng, n_samples, flip)
    X = rng.uniform(-1.0, 1.0, size=(n, 2))
    y = np.where((X**2).sum(axis=1) < 0.6**2, 1.0, 0.0)
    return X, np.where(rng.random(n) < flip, 1.0 - y, y)


def _as_draw(
    rng: np.random.Generator, n_samples: int, flip: float
) -> tuple[np.random.Generator, int, float]:
    flip = as_float("flip", flip, minimum=0.0)
    if flip > 1.0:
        raise ValueError(f"flip is {flip}; expected at most 1")
    return as_rng("rng", rng), as_count("n_samples", n_samples), flip
