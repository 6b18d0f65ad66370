"""What is checked: f and its gradient as functions of a vector, and what they must not do."""

import inspect
from contextlib import suppress
from typing import Any

import numpy as np

from hwlib._arrays import Floats, as_callable, as_float
from hwlib._layout import MACHINE_EPSILON, Directions, Function, Layout, Point
from hwlib.gradcheck.noise import rounding_of
from hwlib.gradcheck.report import Finding

OUTSIDE = (ValueError, ArithmeticError, AssertionError)
"""What f may raise beside x to say that it is not defined there."""
CALLS = 8
"""So often f and grad are called at x: they must return the same each time."""

LEAST_JUMP = 1e-6
"""A smaller part of f may be its rounding to a float32."""


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
        name = _argument_name(f)
        self.layout = Layout(x, name) if directions is None else Directions(x, directions, name)
        self.x = self.layout.vector
        self._changed: dict[str, Finding] = {}
        # In turns, for a gradient may use what f has stored, or spoil it; and each value is copied
        # at once, for the next call may return the same memory.
        calls = [(self._call("f", self._f), self._call("grad", self._grad)) for _ in range(CALLS)]
        values, gradients = (np.array(column) for column in zip(*calls, strict=True))
        self.given = gradients[0]
        self.directions = np.random.default_rng(0).normal(size=(4, len(self.x)))
        self.rounding = rounding_of(self.f, self.x, self.directions[0])
        varying = _varying("f", ["f(x)"], values[:, None]) + _varying(
            "grad", self.layout.names, gradients
        )
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


def _argument_name(f: Function) -> str:
    with suppress(TypeError, ValueError):  # built-in functions may have no signature
        return next(iter(inspect.signature(f).parameters), "x")
    return "x"
