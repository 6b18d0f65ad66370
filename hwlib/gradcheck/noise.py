"""How far the values of f are rounded: the noise that finite differences divide by the step."""

from collections.abc import Callable

import numpy as np

from hwlib._arrays import Floats
from hwlib._layout import MACHINE_EPSILON

RESOLUTION = 1e-4
"""A number whose noise is more than this part of it is not seen."""
CLEAR = 10.0
"""What is so many times its estimated error is no error."""
NARROWEST = 2.0**-46
SPACINGS = [NARROWEST, *np.pi / 5e3 / 17.3 ** np.arange(7)[::-1], np.pi / 1500.0, np.pi / 150.0]
"""Over the size of x. Irregular: steps of 2**-26 are whole units of a float32, and 0.0006 is one of
decimals. A loop that ends at a tolerance jumps far apart: of the last two there are many."""


@np.errstate(all="ignore")
def rounding_of(f: Callable[[Floats], float], x: Floats, direction: Floats) -> float:
    """Return the rounding error of f at x: eq-noise-floor, before the division by the step.

    The fourth differences of f over a few last bits of x are nothing but its rounding (Moré
    and Wild 2011). A coarser rounding, of f or a part of it, makes no difference over so
    little: it shows farther on, as a jump. The rounding is infinite where f changes faster than
    any step.
    """
    unit = np.maximum(1.0, np.abs(x)) * direction / np.max(np.abs(direction))
    rounding = MACHINE_EPSILON * abs(f(x))
    for spacing in SPACINGS:
        n = 32 if spacing in SPACINGS[-2:] else 4
        t = spacing * np.arange(-n, n + 1)
        values = np.array([f(x + u * unit) for u in t])
        t, values = t[np.isfinite(values)], values[np.isfinite(values)]  # f may end beside x
        if len(t) < 5:
            continue
        fourth = np.diff(values, 4)
        at, largest = int(np.argmax(np.abs(fourth))), np.max(np.abs(fourth))
        if spacing == SPACINGS[0] and largest:  # 70 = 8! / 4!**2
            rounding = max(rounding, largest * np.sqrt(np.mean((fourth / largest) ** 2) / 70.0))
        elif largest > 64.0 * rounding:  # four times what roundings add up to
            # Of values in steps of one size the error is a third of a step or so.
            rounding = max(rounding, _jump(lambda u: f(x + u * unit), t[at : at + 5]) / 3.0)
    # Where a few last bits or one jump change f as much as the widest steps, nothing can be told.
    least = max(np.ptp(values) / 16.0, 64.0 * MACHINE_EPSILON * np.max(np.abs(values)))
    return float("inf") if rounding > least else float(rounding)


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
    floor = 64.0 * MACHINE_EPSILON * (abs(at_low) + abs(slope * low))
    while high - low > NARROWEST and max(changes[-6:]) > floor:
        middle, step = (low + high) / 2.0, (high - low) / 2.0
        at_middle = f(middle)
        before, after = at_middle - at_low, at_high - at_middle
        # The slope becomes that of the other half, for f may be curved; 0.0 suits a staircase.
        if abs(after - slope * step) > abs(before - slope * step):
            low, at_low, slope = middle, at_middle, slope and before / step
        else:
            high, at_high, slope = middle, at_middle, slope and after / step
        changes.append(abs(at_high - at_low - slope * step))
    # Nine halvings let a slope shrink 512-fold, and a jump not at all: below 1/2 it is none.
    # What is continuous shrinks with the interval, what has a pole grows beyond its ends.
    return changes[-1] if max(0.5 * changes[-10:][0], floor) < changes[-1] <= 2.0 * size else 0.0
