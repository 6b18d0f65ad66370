"""The derivative of f along a direction, from a ladder of steps: where the step is chosen.

A wide step makes the difference inaccurate, a narrow one divides the rounding of f by almost
nothing, and any step may cross a kink. So many are tried, and the one is taken whose estimated
error is smallest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.layout import Problem
from hwlib.gradcheck.noise import RESOLUTION

RATIO = 4.0
"""Each step is that many times smaller than the one before."""

WIDEST, NARROWEST, NARROWEST_OF_ALL = 2.0**-4, 2.0**-28, 2.0**-44
"""The first step over the size of x, or over 1 if that is larger; the last over the size of x;
and the last of all, however small x is."""


class Slope(NamedTuple):
    """A directional derivative.

    Attributes
    ----------
    value : float
    noise : float
        Its estimated error.
    jump : float
        By how much it differs on the two sides of the point; 0.0 where that is noise.
    """

    value: float
    noise: float
    jump: float


def steps(x: Floats, v: Floats) -> Floats:
    """Return the steps to try at x along v, the widest first."""
    size = float(np.max(np.abs(x[v != 0.0]))) or 1.0
    sizes = WIDEST * max(1.0, size) / RATIO ** np.arange(21)
    large = sizes >= max(NARROWEST * size, NARROWEST_OF_ALL)
    k = np.argmax(np.abs(v))
    moves = (x[k] + sizes * v[k] != x[k]) & (x[k] - sizes * v[k] != x[k])
    return np.asarray(sizes[large & moves])


def extrapolate(values: Floats, h: Floats, order: int, rounding: Floats) -> tuple[Floats, Floats]:
    """Remove the error of that order in the step h (Richardson), and estimate what is left.

    The error of an estimate is its change from the one before, plus the rounding of its value.
    """
    factor = (h[:-1] / h[1:]) ** order
    estimates = (factor * values[1:] - values[:-1]) / (factor - 1.0)
    return estimates[1:], np.abs(np.diff(estimates)) + rounding[2:]


def slopes_at(problem: Problem, x: Floats) -> list[Slope]:
    """Return the derivatives of f at a point with respect to the coordinates."""
    return [slope_along(problem, x, axis) for axis in np.eye(len(x))]


@np.errstate(all="ignore")
def slope_along(problem: Problem, x: Floats, v: Floats) -> Slope:
    """Return the derivative of f at a point along v."""
    h = steps(x, v)
    forward, backward = _one_sided(problem, x, v, h)
    rounding = 4.0 * problem.rounding / h
    slopes, errors = extrapolate((forward + backward) / 2.0, h, 2, rounding)
    jumps, doubts = extrapolate(forward - backward, h, 1, 2.0 * rounding)
    if not np.isfinite(errors).any():
        text = f"f(x) is not finite near x, where the check moved it by {h[-1]:.0e} and more"
        raise ValueError(f"{text}: {problem.failure!r}") from problem.failure
    # The jump is taken at the step of the slope, so that a slope across a kink is known as one.
    chosen = int(np.argmin(np.where(np.isfinite(errors), errors, np.inf)))
    slope, error, jump, doubt = (float(a[chosen]) for a in (slopes, errors, jumps, doubts))
    size = max(abs(forward[-1]), abs(backward[-1]), abs(slope))
    is_jump = abs(jump) > 10.0 * doubt and abs(jump) > RESOLUTION * size
    return Slope(slope, error, jump if is_jump else 0.0)


def _one_sided(problem: Problem, x: Floats, v: Floats, h: Floats) -> tuple[Floats, Floats]:
    """Return the forward and the backward differences of f, divided by the steps as rounded."""
    k, here = np.argmax(np.abs(v)), problem.f(x)
    ahead, behind = x + np.outer(h, v), x - np.outer(h, v)
    rise = np.array([problem.f(point) for point in ahead]) - here
    fall = here - np.array([problem.f(point) for point in behind])
    return rise / ((ahead[:, k] - x[k]) / v[k]), fall / ((x[k] - behind[:, k]) / v[k])
