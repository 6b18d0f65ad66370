"""What the chapters derive: finite differences with one step, and the test of a subgradient."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import as_callable, as_count, as_float, as_floats, as_rng
from hwlib._layout import MACHINE_EPSILON, Function, Layout, Point

Method = Literal["forward", "central", "complex"]

RELATIVE_STEP = {"forward": MACHINE_EPSILON ** (1 / 2), "central": MACHINE_EPSILON ** (1 / 3),
                 "complex": MACHINE_EPSILON**2}  # fmt: skip
"""Step over the size of x: where truncation and rounding balance (eq-best-step)."""


def numerical_grad(
    f: Function, x: Point, *, method: Method = "central", step: float | None = None
) -> Point:
    """Return the gradient of `f` at `x` by finite differences, one coordinate at a time.

    Parameters
    ----------
    f : callable
        For ``method="complex"``, ``f(x)`` returns a complex number for complex x.
    x : array_like or NamedTuple of them
    method : {"central", "forward", "complex"}
        "complex" is for analytic f that accept complex input; the book's losses have kinks
        and reject it.
    step : float, optional
        The step, above 0. By default the machine epsilon to the power 1/2 (forward),
        1/3 (central) or 2 (complex), times max(1, abs(x_k)) for coordinate k.

    Returns
    -------
    ndarray or NamedTuple
        Laid out like `x`.

    Notes
    -----
    Implements eq-forward-difference, eq-central-difference and eq-complex-step.
    """
    as_callable("f", f)
    if method not in RELATIVE_STEP:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(RELATIVE_STEP)}")
    if step is not None and as_float("step", step) <= 0.0:
        raise ValueError(f"step is {step}; expected a number above 0")
    layout = Layout(x)
    steps = (step or RELATIVE_STEP[method] * max(1.0, abs(x_k)) for x_k in layout.vector.tolist())
    grad = [_difference(f, layout, k, h, method) for k, h in enumerate(steps)]
    return layout.point(np.array(grad))


def _difference(f: Function, layout: Layout, k: int, h: float, method: Method) -> float:
    x, step = layout.vector, np.zeros(len(layout.vector))
    step[k] = h
    if method == "complex":
        value = np.asarray(f(layout.point(x + 1j * step)))
        if value.shape != () or value.dtype.kind != "c" or not np.isfinite(value):
            raise ValueError("f(x) is not one finite complex number for complex x")
        return float(value.imag / h)  # eq-complex-step
    right, left = x + step, x - step if method == "central" else x
    if right[k] == left[k]:
        raise ValueError(f"step is {h}, which is too small to change {layout.names[k]}")
    try:
        rise = as_float("f(x)", f(layout.point(right))) - as_float("f(x)", f(layout.point(left)))
    except (ArithmeticError, AssertionError) as error:
        moved = f"{layout.names[k]} is moved by the step {h:.0e}"
        raise ValueError(f"f(x) fails where {moved}: {error!r}") from error
    # The step is divided by as it was rounded: eq-forward-difference, eq-central-difference.
    return rise / float(right[k] - left[k])


def subgradient_violation(
    f: Function, g: ArrayLike, x: ArrayLike, rng: np.random.Generator, *, n_points: int = 1000
) -> float:
    """Return by how much `g` fails to be a subgradient of the convex function `f` at `x`.

    At a kink, where finite differences cannot decide, the definition can: g is a subgradient
    if and only if f(v) >= f(x) + g.(v - x) for every v.

    Parameters
    ----------
    f : callable
        A convex function of an array of shape (p,).
    g, x : array_like, shape (p,)
    rng : numpy.random.Generator
        Draws the points v, at distances from 1e-4 to 10 about x.
    n_points : int, default 1000

    Returns
    -------
    float
        The largest f(x) + g.(v - x) - f(v) over abs(v - x), beyond rounding; 0.0 if the
        inequality held at every point.

    Notes
    -----
    Implements eq-hinge-subgradient.
    """
    as_callable("f", f)
    x = as_floats("x", x, ("p",))
    g = as_floats("g", g, x.shape)
    rng, n_points = as_rng("rng", rng), as_count("n_points", n_points)
    here, worst = as_float("f(x)", f(x)), 0.0
    for distance in 10.0 ** rng.uniform(-4.0, 1.0, size=n_points):
        d = rng.normal(size=len(x))
        v = x + distance * d / np.linalg.norm(d)
        there, rise = as_float("f(v)", f(v)), float(g @ (v - x))
        # f is rounded as far as its terms go, which g measures: its value may be 0 at a kink.
        terms = float(np.abs(g) @ (np.abs(x) + np.abs(v)))
        rounding = 16.0 * MACHINE_EPSILON * (abs(here) + abs(there) + terms)
        worst = max(worst, (here + rise - there - rounding) / distance)
    return worst
