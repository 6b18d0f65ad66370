"""The picture of a check: the error of a central difference against its step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwlib.gradcheck.layout import Function, Point, Problem
from hwlib.gradcheck.noise import MACHINE_EPSILON

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
    moves = h[:, np.newaxis, np.newaxis] * np.eye(len(problem.x))  # one row a step
    rises = [[problem.f(problem.x + m) - problem.f(problem.x - m) for m in row] for row in moves]
    slopes = np.array(rises) / (2.0 * h[:, np.newaxis])
    errors = np.abs(slopes - problem.given)
    errors /= np.maximum(np.abs(slopes), np.abs(problem.given))
    errors[errors == 0.0] = np.nan  # no place on a logarithmic axis
    order = np.argsort(-np.nan_to_num(np.nanmin(errors, axis=0)))[:worst]
    lines = [(problem.layout.names[k], h, errors[:, k], "-") for k in order]
    slope, half = slopes[:, order[0]], len(h) // 2
    wide = np.abs(slope[0] / slope[1] - 1.0) * (h / h[0]) ** 2  # eq-central-error
    narrow = MACHINE_EPSILON * abs(problem.f(problem.x) / slope[half]) / h  # eq-noise-floor
    lines += [
        ("slope 2", h[:half], wide[:half], "k--"),
        ("slope -1", h[half:], narrow[half:], "k--"),
    ]
    for rank, (name, steps, values, style) in enumerate(lines):
        (line,) = ax.loglog(steps, values, style)
        k, below = (0, -10.0 * rank) if style == "-" else (len(steps) // 2, -8.0)
        at, color = (steps[k], values[k]), line.get_color()
        ax.annotate(name, at, (6.0, below), textcoords="offset points", color=color)
    ax.set(xlabel="step", ylabel="relative error")
    return ax
