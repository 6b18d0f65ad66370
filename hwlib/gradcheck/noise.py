"""How far the values of f are rounded: the noise that finite differences divide by the step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwlib._arrays import Floats

MACHINE_EPSILON = float(np.finfo(np.float64).eps)
RESOLUTION = 1e-4
"""A number whose noise is more than this part of it is not seen."""
NARROWEST = 1.37e-14
SPACINGS = [NARROWEST, *np.pi / 5e3 / 17.3 ** np.arange(7)[::-1], np.pi / 1500.0, np.pi / 150.0]
"""Over the size of x, and irregular: steps of 2**-26 are whole units of a float32. A loop that ends
at a tolerance jumps far apart: of the last two spacings there are many."""


@np.errstate(all="ignore")
def rounding_of(f: Callable[[Floats], float], x: Floats, direction: Floats) -> float:
    """Return the rounding error of f at x: eq-noise-floor, before the division by the step.

    The fourth differences of f over a few last bits of x are nothing but its rounding (Moré
    and Wild 2011). A coarser rounding, of f or a part of it, makes no difference over so
    little: it shows farther on, as a jump. The rounding is infinite where f changes faster than
    any step.
    """
    unit = np.maximum(1.0, np.abs(x)) * direction / np.max(np.abs(direction))
    rounding, finest = MACHINE_EPSILON * abs(f(x)), 0.0
    for spacing in SPACINGS:
        n = 32 if spacing in SPACINGS[-2:] else 4
        t = spacing * np.arange(-n, n + 1)
        values = np.array([f(x + u * unit) for u in t])
        t, values = t[np.isfinite(values)], values[np.isfinite(values)]  # f may end beside x
        if len(t) < 5:
            continue
        fourth = np.abs(np.diff(values, 4))
        beside = np.pad(fourth, 4, mode="edge")
        alone = fourth / (np.maximum(beside[:-8], beside[8:]) + 64.0 * rounding + 1e-300)
        at, largest = int(np.argmax(alone)), np.max(fourth)
        if spacing == NARROWEST and largest:  # 70 = 8! / 4!**2
            finest = largest * np.sqrt(np.mean((fourth / largest) ** 2) / 70.0)
            rounding = max(rounding, finest)
        elif fourth[at] > 64.0 * rounding:
            rounding = max(rounding, _jump(lambda u: f(x + u * unit), t[at : at + 5]) / 3.0)
    # Where f changes as much over a few last bits, or in one jump, as over the widest steps, and
    # where it is far rougher here than farther on, nothing can be told.
    farther = np.max(np.abs(np.diff([f(x + (0.3 + u) * unit) for u in NARROWEST * np.arange(9)], 4)))
    rough = finest > 2.0**24 * max(farther, MACHINE_EPSILON * np.max(np.abs(values)))
    return float("inf") if rough or rounding > np.ptp(values) / 16.0 else float(rounding)


def _jump(f: Callable[[float], float], t: Floats) -> float:
    """Return how far f jumps between the second and the fourth of five points, or 0.0."""
    slopes = np.diff([f(u) for u in t]) / np.diff(t)
    # The slope between the jumps is the least or the largest: each jump adds to it, or each takes.
    tries = 0.0, slopes.min(), slopes.max(), slopes[::3].mean()
    return max(_halve(f, float(slope), *t[1:4:2].tolist()) for slope in tries)


def _halve(f: Callable[[float], float], slope: float, low: float, high: float) -> float:
    """Return by how much f departs from a slope in a tiny interval, where it does so most."""
    at_low, at_high = f(low), f(high)
    size, changes = max(abs(at_low), abs(at_high)), [np.inf]
    while high - low > NARROWEST:
        middle = (low + high) / 2.0
        at_middle, step = f(middle), middle - low
        before, after = at_middle - at_low, at_high - at_middle
        if abs(after - slope * step) > abs(before - slope * step):  # what is straight tells a slope
            low, at_low, slope = middle, at_middle, before / step
        else:
            high, at_high, slope = middle, at_middle, after / step
        changes.append(abs(at_high - at_low - slope * step))
    # What is continuous shrinks with the interval, what has a pole grows beyond its ends.
    stays = 0.5 * changes[-10] < changes[-1] <= 2.0 * size
    last_bits = 64.0 * MACHINE_EPSILON * (abs(at_low) + abs(slope))
    return changes[-1] if stays and changes[-1] > last_bits else 0.0
