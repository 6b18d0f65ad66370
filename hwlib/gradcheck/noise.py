"""How far the values of f are rounded: the noise that finite differences divide by the step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwlib._arrays import Floats

MACHINE_EPSILON = float(np.finfo(np.float64).eps)
RESOLUTION = 1e-4
"""A number whose noise is more than this part of it is not seen."""


@np.errstate(all="ignore")
def rounding_of(f: Callable[[Floats], float], x: Floats, direction: Floats) -> float:
    """Return the rounding error of f at x: eq-noise-floor, before the division by the step.

    The fourth differences of f over a few last bits of x are nothing but its rounding (Moré
    and Wild 2011). Where f does not change over so little, it may work in float32: then
    farther points are tried.
    """
    least = MACHINE_EPSILON * abs(f(x))
    for bits in range(46, 13, -2):
        step = 2.0**-bits * np.maximum(1.0, np.abs(x)) * direction
        values = np.array([f(x + i * step) for i in range(9)])
        if np.ptp(values) != 0.0:
            break
    if not np.isfinite(values).all():
        return least
    differences = np.diff(values, 4)
    size = np.max(np.abs(differences)) or 1.0  # so that the squares stay within float64
    measured = size * np.sqrt(np.mean((differences / size) ** 2) / 70.0)  # 70 = 8! / 4!**2
    if bits < 46:
        # What is more than rounding to float32 is a kink that the wider steps have crossed.
        measured = min(measured, 2.0**-23 * abs(f(x)))
    return float(max(measured, least))
