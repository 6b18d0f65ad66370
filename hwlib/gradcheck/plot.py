"""The picture of a check: the error of a central difference against its step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwlib.gradcheck.layout import Function, Point, Problem

if TYPE_CHECKING:  # Matplotlib is needed only by those who plot
    from matplotlib.axes import Axes

STEPS = 2.0 ** -np.arange(2.0, 45.0)


@np.errstate(all="ignore")
def plot_errors(ax: Axes, f: Function, grad: Function, x: Point, *, worst: int = 3) -> Axes:
    """Draw error over step for the coordinates with the largest errors, on logarithmic axes.

    A right gradient gives a V: the error falls with slope 2 where the step is wide, and rises
    with slope -1 where it is narrow (eq-best-step). A wrong one gives a floor between them.

    Parameters
    ----------
    ax : matplotlib Axes
    f, grad, x
        As `hwlib.gradcheck.check_grad` takes them.
    worst : int, default 3
        How many coordinates are drawn.

    Returns
    -------
    Axes
    """
    problem = Problem(f, grad, x)
    h = STEPS * max(1.0, float(np.max(np.abs(problem.x))))
    rises = np.array([[problem.f(problem.x + step * axis) - problem.f(problem.x - step * axis)
                       for step in h] for axis in np.eye(len(problem.x))])  # fmt: skip
    errors = np.abs(rises / (2.0 * h) - problem.given[:, np.newaxis])
    errors /= np.maximum(np.abs(problem.given), np.abs(rises / (2.0 * h)).min(axis=1))[:, None]
    order = np.argsort(-np.nanmin(np.where(np.isfinite(errors), errors, np.inf), axis=1))
