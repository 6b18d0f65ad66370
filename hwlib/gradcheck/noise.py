"""How far the values of f are rounded: the noise that finite differences divide by the step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.numerical import MACHINE_EPSILON

FLOAT32_EPSILON = 2.0**-23
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
    measured = _root_mean_square(np.diff(values, 4)) / np.sqrt(70.0)  # 70 = 8! / 4!**2
    if bits < 46:
        # What is more than rounding to float32 is a kink that the wider steps have crossed.
        measured = min(measured, FLOAT32_EPSILON * abs(f(x)))
    return float(max(measured, least))


def _root_mean_square(values: Floats) -> float:
    size = np.max(np.abs(values)) or 1.0  # so that the squares stay within float64
    return float(size * np.sqrt(np.mean((values / size) ** 2)))
