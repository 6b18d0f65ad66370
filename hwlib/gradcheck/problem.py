"""What is checked: f, the gradient under test, and the point."""

from __future__ import annotations

import inspect

import numpy as np

from hwlib._arrays import Floats, as_callable, as_float
from hwlib.gradcheck.layout import Function, Layout, Point
from hwlib.gradcheck.noise import rounding_of

OUTSIDE = (ValueError, ArithmeticError, AssertionError)
"""What f may raise beside x to say that it is not defined there."""


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
        The rounding error of f at x.
    failure : Exception or None
        The last error of f beside x.
    """

    failure: Exception | None = None

    def __init__(self, f: Function, grad: Function, x: Point) -> None:
        as_callable("f", f)
        as_callable("grad", grad)
        self._f, self._grad = f, grad
        self.layout = Layout(x, _argument_name(f))
        self.x = self.layout.vector
        as_float("f(x)", f(self.layout.point(self.x)))
        self.given = self.layout.flatten("grad(x)", grad(self.layout.point(self.x)))
        self.directions = np.random.default_rng(0).normal(size=(4, len(self.x)))
        self.rounding = rounding_of(self.f, self.x, self.directions[0])

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
            text = f"grad fails {moved:.0e} beside x, where the check moved it to look past a kink"
            raise ValueError(f"{text}: {error!r}") from error


def _argument_name(f: Function) -> str:
    try:
        return next(iter(inspect.signature(f).parameters), "x")
    except (TypeError, ValueError):  # built-in functions may have no signature
        return "x"
