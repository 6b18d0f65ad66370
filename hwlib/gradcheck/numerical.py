"""The numerical gradient with one step of a known size, as the chapters derive it."""

from typing import Literal

import numpy as np

from hwlib._arrays import as_callable, as_float
from hwlib._layout import MACHINE_EPSILON, Function, Layout, Point

Method = Literal["forward", "central", "complex"]

RELATIVE_STEP = {
    "forward": MACHINE_EPSILON ** (1 / 2),
    "central": MACHINE_EPSILON ** (1 / 3),
    "complex": MACHINE_EPSILON**2,
}
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
    grad = np.zeros(len(layout.vector))
    for k, x_k in enumerate(layout.vector.tolist()):
        h = step or RELATIVE_STEP[method] * max(1.0, abs(x_k))
        grad[k] = _difference(f, layout, k, h, method)
    return layout.point(grad)


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
