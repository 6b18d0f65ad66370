"""Small data sets: the running examples of the book, and samples drawn from a generator.

`hinge_example` and `network_example` are the few samples that Parts 1 and 2 work through by hand.
`interval` and `disc` draw theirs. They take the same arguments and raise the same errors:

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
from hwlib.network import Parameters


def hinge_example() -> tuple[Floats, Floats, Floats]:
    """Return the running example of Part 1: three samples, one safe, one unsafe, one wrong.

    The margins are 0.65625, 2.25 and -3. Both labels occur. The features that a question asks about
    are neither 0 nor 1, nor is the weight 2 of the linear feature, which is masked: so each factor
    that is forgotten changes the answer.

    Returns
    -------
    theta : ndarray, shape (7,)
        The weights.
    u : ndarray, shape (3,)
        The inputs; `hwlib.polynomial.features` makes features of them.
    y : ndarray, shape (3,)
        Their labels, -1 or +1.
    """
    theta = np.array([0.5, -0.25, -1.5, -0.5, 0.25, 2.0, 0.75])
    return theta, np.array([0.5, 2.0, -1.5]), np.array([1.0, -1.0, -1.0])


def network_example() -> tuple[Parameters, Floats, Floats]:
    """Return the running example of Part 2: a network and two samples, one of each label.

    The sums of the hidden units are 1.375, 0.625, -1.75 and -1.625, 1.375, 2.875: in each sample
    one unit is off, and each of units 1 and 3 is off in one. Apart from the gates, no factor on a
    path from a weight to the loss is 0 or 1: so each factor that is forgotten changes the answer.

    Returns
    -------
    params : hwlib.network.Parameters
        2 inputs and 3 hidden units: 13 numbers.
    X : ndarray, shape (2, 2)
        One sample per row.
    y : ndarray, shape (2,)
        Their labels, 1 and 0.
    """
    params = Parameters(
        W_hidden=np.array([[0.25, 0.25, -0.75], [-0.75, 0.75, 0.5]]),
        b_hidden=np.array([0.25, 0.25, 0.75]),
        w_out=np.array([1.5, -2.0, 1.25]),
        b_out=-0.25,
    )
    return params, np.array([[3.0, -0.5], [-1.5, 2.0]]), np.array([1.0, 0.0])


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
