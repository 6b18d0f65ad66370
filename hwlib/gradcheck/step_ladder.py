"""The derivative of f along a direction, from ladders of steps: where the step is chosen.

A wide step makes the difference inaccurate, a narrow one divides the rounding of f by almost
nothing, and any step may cross a kink or whole waves of f. So many are tried. An estimate counts
if it contradicts none from narrower steps, for a wide step alone can miss what f does close to x
(the rule of Lepski 1990), and of these the one with the smallest error is taken. Steps of a
second ladder must confirm it: no ladder is regular, so that no wave looks flat on both.
"""

from typing import NamedTuple

import numpy as np

from hwlib._arrays import Floats
from hwlib._layout import MACHINE_EPSILON
from hwlib.gradcheck.problem import CLEAR, RESOLUTION, Problem

WIDEST, RATIO = 0.31, 5.3
"""The first step over the size of x, or over 1 if that is larger; and how many times smaller each
is than the one before."""
SECOND_LADDER = 0.71 * np.array([4.3**2, 4.3, 1.0])
"""Its steps, over the narrowest of the three that gave an estimate."""


class Slope(NamedTuple):
    """A directional derivative.

    Attributes
    ----------
    value : float
    noise : float
        Its estimated error; infinite where f changes faster than the steps.
    jump : float
        By how much it differs on the two sides of the point; 0.0 where that is noise.
    ladder : ndarray, shape (2, n)
        The steps, and the central difference with each.
    """

    value: float
    noise: float
    jump: float
    ladder: Floats

    def differs(self, given: float, rtol: float) -> bool:
        """Whether the error is more than `rtol` and the noise of the estimate allow."""
        difference = abs(given - self.value)
        allowed = rtol * max(abs(given), abs(self.value)) + self.noise
        return not (np.isfinite(difference) and difference <= allowed)


def steps(x: Floats, v: Floats) -> Floats:
    """Return the steps to try at x along v, the widest first."""
    size = float(np.max(np.abs(x[v != 0.0]))) or 1.0
    # A few last bits of 1, or of a small x a fraction that does not leave its size.
    narrowest = min(2.0**-47 * max(1.0, size), 2.0**-14 * size)
    sizes = WIDEST * max(1.0, size) / RATIO ** np.arange(100)
    k = np.argmax(np.abs(v))
    moves = (x[k] + sizes * v[k] != x[k]) & (x[k] - sizes * v[k] != x[k])
    return np.asarray(sizes[(sizes >= narrowest) & moves])


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
    forward, backward, rounding = _one_sided(problem, x, v, h)
    central = (forward + backward) / 2.0
    slopes, errors = extrapolate(central, h, 2, rounding)
    jumps, doubts = extrapolate(forward - backward, h, 1, 2.0 * rounding)
    if not np.isfinite(slopes).any():
        text = f"f(x) is not finite near x, where the check moved it by {h[-1]:.0e} and more"
        raise ValueError(f"{text}: {problem.failure!r}") from problem.failure
    # The jump is taken at the step of the slope, so that a slope across a kink is known as one.
    chosen = _best(slopes, errors)
    slope, error, jump, doubt = (float(a[chosen]) for a in (slopes, errors, jumps, doubts))
    again = h[chosen + 2] * SECOND_LADDER
    forward_again, backward_again, doubt_again = _one_sided(problem, x, v, again)
    (confirmed,), _ = extrapolate((forward_again + backward_again) / 2.0, again, 2, doubt_again)
    # The true value may lie as far beyond the second estimate as that is from the first.
    error += 2.0 * abs(float(confirmed) - slope) if np.isfinite(confirmed) else 0.0
    size = max(abs(forward[-1]), abs(backward[-1]), abs(slope))
    is_jump = abs(jump) > CLEAR * doubt and abs(jump) > RESOLUTION * size
    ladder = np.array([h, central])
    return Slope(float(np.nan_to_num(slope)), error, jump if is_jump else 0.0, ladder)


def _best(slopes: Floats, errors: Floats) -> int:
    """Return the place of the least error among the slopes that no narrower step contradicts."""
    apart = np.abs(slopes[:, None] - slopes) > (errors[:, None] + errors) / 2.0  # False for NaN
    counts = np.isfinite(errors) & ~np.triu(apart).any(axis=1)
    return int(np.argmin(np.where(counts, errors, np.inf)))


def _one_sided(problem: Problem, x: Floats, v: Floats, h: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the forward and the backward differences of f, and how far rounding falsifies them.

    They are divided by the steps as rounded.
    """
    k, here = np.argmax(np.abs(v)), problem.f(x)
    ahead, behind = x + np.outer(h, v), x - np.outer(h, v)
    after = np.array([problem.f(point) for point in ahead])
    before = np.array([problem.f(point) for point in behind])
    size = MACHINE_EPSILON * np.maximum(np.abs(after), np.abs(before))
    forward = (after - here) / ((ahead[:, k] - x[k]) / v[k])
    backward = (here - before) / ((x[k] - behind[:, k]) / v[k])
    # A difference has two roundings, and each may be twice as large as on average.
    return forward, backward, 4.0 * np.fmax(problem.rounding, size) / h
