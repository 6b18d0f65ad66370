"""How a point is laid out: as one vector with a name for each coordinate, and back.

So a function of any point becomes a function of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats, as_floats, as_numbers

Point: TypeAlias = Any  # an array, a number, or a NamedTuple of them
Function: TypeAlias = Callable[[Point], Point]


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
