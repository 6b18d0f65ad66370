"""Question 1: the seven features of a polynomial of degree six, and the mask.

A scalar input becomes its powers from the sixth down to the constant. The mask takes out the
first power, so that a model on these features sees every feature but the linear one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_floats, finite

DEGREE = 6
"""Degree of the polynomial."""

LINEAR = 5
"""Column of the features that holds x**1."""

NONLINEAR: Floats = np.where(np.arange(DEGREE + 1) == LINEAR, 0.0, 1.0)  # eq-mask
"""The mask, shape (7,): 0.0 at LINEAR, 1.0 elsewhere (eq-mask). Read-only."""
NONLINEAR.flags.writeable = False


@np.errstate(all="ignore")
def features(x: ArrayLike, coefficients: ArrayLike | None = None) -> Floats:
    """Return the features of each input: its powers, times their coefficients (eq-features).

    Parameters
    ----------
    x : array_like, shape (n,)
        Scalar inputs, one per sample; any unit.
    coefficients : array_like, shape (7,), optional
        The coefficients of x**6, x**5, ..., x**0, in this order; all 1 if None.

    Returns
    -------
    ndarray, shape (n, 7)
        Row i holds c_0 x_i**6, ..., c_6 x_i**0.

    Raises
    ------
    ValueError
        If an argument does not hold finite real numbers in the shape above, there is no sample,
        or a power or a feature is too large for a float64.
    """
    x = as_floats("x", x, ("n",))
    c = np.ones(DEGREE + 1) if coefficients is None else coefficients
    c = as_floats("coefficients", c, (DEGREE + 1,))
    powers = np.vander(x, DEGREE + 1)  # from the highest down
    return finite("a feature of x", c * powers)  # eq-features
