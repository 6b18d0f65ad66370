"""What is checked: f and its gradient as functions of a vector, and what they must not do.

How far the values of f are rounded is measured, too: the noise that finite differences divide by
the step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hwlib._arrays import Floats, as_callable, as_float
from hwlib._layout import MACHINE_EPSILON, Directions, Function, Layout, Point, argument_name
from hwlib.gradcheck.report import Finding

OUTSIDE = (ValueError, ArithmeticError, AssertionError)
"""What f may raise beside x to say that it is not defined there."""
CALLS = 8
"""So often f and grad are called at x: they must return the same each time."""

LEAST_JUMP = 1e-6
"""A smaller part of f may be its rounding to a float32."""
RESOLUTION, CLEAR = 1e-4, 10.0
"""A number whose noise is more than this part of it is not seen; and what is so many times its
estimated error is no error."""
NARROWEST = 2.0**-46
SPACINGS = [NARROWEST, *np.pi / 5e3 / 17.3 ** np.arange(7)[::-1], np.pi / 1500.0, np.pi / 150.0]
"""Over the size of x. Irregular: steps of 2**-26 are whole units of a float32, and 0.0006 is one of
decimals. A loop that ends at a tolerance jumps far apart: of the last two there are many."""


class Problem:
    """f and its gradient under test, as functions of the vector of all coordinates.

    Attributes
    ----------
    layout : Layout
    x : ndarray, shape (p,)
        The point of the check.
    given : ndarray, shape (p,)
        The gradient under test at x.
    directions : ndarray, shape (4, p)
        Random, and the same every time.
    rounding : float
        The rounding error of f at x; infinite where f changes faster than any step.
    faults : list of Finding
        What f or grad do that no function may.
    failure : Exception or None
        The last error of f beside x.
    """

    failure: Exception | None = None

    def __init__(
        self, f: Function, grad: Function, x: Point, directions: int | None = None
    ) -> None:
        self._f, self._grad = as_callable("f", f), as_callable("grad", grad)
        name = argument_name(f)
        self.layout = Layout(x, name) if directions is None else Directions(x, directions, name)
        self.x = self.layout.vector
        self._changed: dict[str, Finding] = {}
        # In turns, for a gradient may use what f has stored, or spoil it; and each value is copied
        # at once, for the next call may return the same memory.
        calls = [(self._call("f", self._f), self._call("grad", self._grad)) for _ in range(CALLS)]
        values, gradients = (np.array(column) for column in zip(*calls, strict=True))
        self.given = gradients[0]
        self.directions = np.random.default_rng(0).normal(size=(4, len(self.x)))
        self.rounding = _rounding_of(self.f, self.x, self.directions[0])
        varying = _varying("f", ["f(x)"], values[:, None])
        varying += _varying("grad", self.layout.names, gradients)
        self.faults = [*varying, *self._changed.values(), *self._jump()]

    def f(self, vector: Floats) -> float:
        """Return f, or NaN where it is not defined."""
        try:
            with np.errstate(all="ignore"):
                return as_float("f(x)", self._f(self.layout.point(vector)))
        except OUTSIDE as error:
            self.failure = error
            return float("nan")

    def grad(self, vector: Floats) -> Floats:
        """Return the gradient under test at a point beside x."""
        try:
            return self.layout.flatten("grad(x)", self._grad(self.layout.point(vector)))
        except OUTSIDE as error:
            moved = np.max(np.abs(vector - self.x))
            text = f"grad(x) fails where the check moved x by {moved:.0e}, to look past a kink"
            raise ValueError(f"{text}: {error!r}") from error

    def _call(self, name: str, function: Function) -> Any:
        """Call at x, and see whether the argument is still x."""
        point = self.layout.point(self.x)
        value = function(point)
        after = self.layout.flatten("x", point)
        for k in np.flatnonzero(after != self.x)[:1]:
            change = f"{self.layout.names[k]} was {self.x[k]:.6g} and is {after[k]:.6g} afterwards"
            text = f"{name} changes its argument in place: {change}"
            self._changed[name] = Finding("argument changed", text)
        return as_float("f(x)", value) if name == "f" else self.layout.flatten("grad(x)", value)

    def _jump(self) -> list[Finding]:
        """Say by how much f itself jumps at x, if it does."""
        v = np.maximum(1.0, np.abs(self.x)) * self.directions[0]
        steps = np.array([0.1, 2.0**-40, 2.0**-42, 2.0**-44])
        sides = np.array([[self.f(self.x + h * v) for h in steps * side] for side in (1.0, -1.0)])
        gap = float(np.max(np.abs(sides[:, -1] - self.f(self.x))))
        changes = 10.0 * np.max(np.ptp(sides[:, 1:], axis=1))
        if not gap > max(changes, LEAST_JUMP * np.nanmax(np.abs(sides), initial=0.0)):
            return []
        return [Finding("jump", f"f jumps at this point, by {gap:.3g}")]


def _varying(function: str, names: list[str], values: Floats) -> list[Finding]:
    """Say which column holds different values, if one does."""
    # A sum on several threads may differ in its last bits.
    same = 64.0 * MACHINE_EPSILON * np.max(np.abs(values), initial=0.0, where=np.isfinite(values))
    for name, column in zip(names, values.T, strict=True):
        for other in column[~np.isclose(column, column[0], rtol=0.0, atol=same, equal_nan=True)]:
            two = f"{column[0]:.6g} and {other:.6g}" + ("" if name == "f(x)" else f" for {name}")
            text = f"{function} is not deterministic: two calls at the same point gave {two}"
            return [Finding("not deterministic", text)]
    return []


@np.errstate(all="ignore")
def _rounding_of(f: Callable[[Floats], float], x: Floats, direction: Floats) -> float:
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
    """Return how far f departs from a straight line, in a tiny interval where it does so most."""
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
