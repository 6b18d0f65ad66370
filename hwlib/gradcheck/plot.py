"""The picture of a check: the error of a central difference against its step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwlib._arrays import Floats
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
    slopes = np.array([_differences(problem, axis, h) for axis in np.eye(len(problem.x))])
    given = problem.given[:, np.newaxis]
    errors = np.abs(slopes - given) / np.maximum(np.abs(slopes), np.abs(given))
    errors[errors == 0.0] = np.nan  # no place on a logarithmic axis
    order = np.argsort(-np.nan_to_num(np.nanmin(errors, axis=1)))[:worst]
    for rank, k in enumerate(order):
        (line,) = ax.loglog(h, errors[k], marker=".")
        _label(ax, problem.layout.names[k], h[0], errors[k, 0], line.get_color(), -10.0 * rank)
    k, half = order[0], len(h) // 2
    size = np.max(np.abs(slopes[k]), where=np.isfinite(slopes[k]), initial=problem.given[k])
    wide = np.abs(slopes[k, 0] - slopes[k, 1]) / size * (h / h[0]) ** 2  # eq-central-error
    narrow = MACHINE_EPSILON * np.abs(problem.f(problem.x)) / (size * h)  # eq-noise-floor
    for part, guide, text in (
        (slice(half), wide, "slope 2"),
        (slice(half, None), narrow, "slope -1"),
    ):
        ax.loglog(h[part], guide[part], "--", color="gray")
        _label(ax, text, h[part][half // 2], guide[part][half // 2], "gray", -10.0)
    ax.set(xlabel="step", ylabel="relative error")
    return ax


def _differences(problem: Problem, axis: Floats, h: Floats) -> Floats:
    moves = h[:, np.newaxis] * axis
    rises = [problem.f(problem.x + move) - problem.f(problem.x - move) for move in moves]
    return np.asarray(np.array(rises) / (2.0 * h))


def _label(ax: Axes, text: str, x: float, y: float, color: str, below: float) -> None:
    ax.annotate(text, (x, y), xytext=(6, below), textcoords="offset points", color=color)
