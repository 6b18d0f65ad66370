"""Kinks: where the derivative jumps, and what can be said there all the same."""

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.problem import CLEAR, RESOLUTION, Problem
from hwlib.gradcheck.report import Finding
from hwlib.gradcheck.step_ladder import Slope, slope_along, slopes_at

FAR, NEAR, NEXT = 2.0**-12, 2.0**-16, 2.0**-20
"""How far beside the point a kink is looked for, along a direction of about unit size.

Each is 16 times nearer than the one before, and far above the rounding of x.
"""


def look_beside(
    problem: Problem, slopes: list[Slope], rtol: float
) -> tuple[set[int], set[int], list[Finding], list[str]]:
    """Look at points beside x, where f has a kink there.

    Returns the coordinates whose derivative jumps at x, those in which the gradient is wrong
    beside x, what no convention gives, and what is a convention.
    """
    jumping = {k for k, slope in enumerate(slopes) if slope.jump}
    if not jumping and not any(slope_along(problem, problem.x, v).jump for v in problem.directions):
        return set(), set(), [], []
    wrong: set[int] = set()
    for v in problem.directions:
        points = [problem.x + distance * v for distance in (FAR, -FAR, NEAR, -NEAR)]
        beside = [slopes_at(problem, point) for point in points]
        for point, there in zip(points, beside, strict=True):
            given = problem.grad(point)
            wrong |= {k for k, s in enumerate(there) if not s.jump and s.differs(given[k], rtol)}
        values, noises = np.array([[s[:2] for s in there] for there in beside]).transpose(2, 0, 1)
        far_gap, near_gap = np.abs(values[0] - values[1]), np.abs(values[2] - values[3])
        # The gap of a smooth derivative shrinks with the distance, sixteen-fold here; a jump stays.
        stays = (near_gap > 0.5 * far_gap) & (near_gap > CLEAR * (noises[2] + noises[3]))
        jumping |= set(np.flatnonzero(stays).tolist())
    sides = [] if wrong else _sides(problem)
    return jumping, wrong, *(_between(problem, jumping, *sides) if len(sides) == 2 else ([], []))


def _sides(problem: Problem) -> list[Floats]:
    """Return up to three different values of the gradient close to x."""
    moves, sides = np.random.default_rng(1).normal(size=(32, len(problem.x))), list[Floats]()
    for move in NEXT * np.concatenate([moves, -moves]):
        g = problem.grad(problem.x + move)
        if len(sides) < 3 and not any(_are_close(g, side) for side in sides):
            sides.append(g)
    return sides


def _are_close(a: Floats, b: Floats) -> bool:
    return bool(np.max(np.abs(a - b)) <= RESOLUTION * np.max(np.abs([a, b])))


def _between(
    problem: Problem, jumping: set[int], a: Floats, b: Floats
) -> tuple[list[Finding], list[str]]:
    """Judge the gradient at a kink by the two beside it: it must lie on the line between them."""
    given, names = problem.given, problem.layout.names
    share = np.clip((given - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    low, high = np.minimum(a, b) + 0.0, np.maximum(a, b) + 0.0  # + 0.0 leaves no -0.0
    shown = sorted(jumping)[:3]
    if _are_close(given, a + share * (b - a)) or not np.isfinite(given).all():
        text = "a convention: {:.4g} lies between the one-sided derivatives {:.4g} and {:.4g} of {}"
        return [], [text.format(given[k] + 0.0, low[k], high[k], names[k]) for k in shown]
    parts = (f"{names[k]} is {given[k]:.4g}, beside it {a[k]:.4g} and {b[k]:.4g}" for k in shown)
    text = f"at the kink the gradient is no mixture of the two beside it: {'; '.join(parts)}"
    return [Finding("kink", text)], []
