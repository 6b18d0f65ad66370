"""How a point is laid out: as one vector with a name for each coordinate, and back.

So f and the gradient under test become functions of a vector, whatever the user's point is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats, as_callable, as_float, as_floats, as_numbers
from hwlib.gradcheck.noise import rounding_of

Point: TypeAlias = Any  # an array, a number, or a NamedTuple of them
Function: TypeAlias = Callable[[Point], Point]

OUTSIDE = (ValueError, ArithmeticError, AssertionError)
"""What f may raise beside x to say that it is not defined there."""


class Layout:
    """A point as one vector.

    Parameters
    ----------
    point : array_like, or NamedTuple of array_like
    name : str
        Of the coordinates, where the point is an array.

    Attributes
    ----------
    type : type or None
        Of the NamedTuple.
    shapes : list of tuple
    ends : ndarray of int
        Where a field ends in the vector and the next begins.
    vector : ndarray, shape (p,)
    names : list of str
        Of the coordinates, as they are indexed: ``x[3]``, ``W_hidden[0, 2]``.
    """

    def __init__(self, point: Point, name: str = "x") -> None:
        self.type = type(point) if hasattr(point, "_fields") else None
        named = point._asdict() if self.type else {name: point}
        fields = {k: as_floats(f"x.{k}" if self.type else "x", v) for k, v in named.items()}
        self.shapes = [array.shape for array in fields.values()]
        self.ends = np.cumsum([array.size for array in fields.values()])[:-1]
        self.vector = np.concatenate([array.ravel() for array in fields.values()])
        self.names = [
            f"{key}[{', '.join(map(str, index))}]" if index else key
            for key, array in fields.items()
            for index in np.ndindex(array.shape)
        ]

    def point(self, vector: NDArray[Any]) -> Point:
        """Return the point that a vector stands for; it shares no memory with the vector."""
        parts = np.split(vector.copy(), self.ends)
        arrays = [part.reshape(s)[()] for part, s in zip(parts, self.shapes, strict=True)]
        return self.type(*arrays) if self.type else arrays[0]

    def flatten(self, name: str, value: Point) -> Floats:
        """Return the vector of a value laid out like this point; NaN and infinity may pass."""
        fields = tuple(value) if self.type and isinstance(value, tuple) else (value,)
        parts = [as_numbers(name, field) for field in fields]
        shapes = [part.shape for part in parts]
        if shapes != self.shapes:
            raise ValueError(f"{name} has shapes {shapes}; expected {self.shapes}")
        return np.concatenate([part.ravel().astype(np.float64) for part in parts])


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
        self._f, self._grad = as_callable("f", f), as_callable("grad", grad)
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
            text = f"grad(x) fails where the check moved x by {moved:.0e}, to look past a kink"
            raise ValueError(f"{text}: {error!r}") from error


def _argument_name(f: Function) -> str:
    with suppress(TypeError, ValueError):  # built-in functions may have no signature
        return next(iter(inspect.signature(f).parameters), "x")
    return "x"
