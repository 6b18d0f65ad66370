"""Many coordinates at once: a layout that moves a point along random directions alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats, as_count
from hwlib.gradcheck.layout import Layout, Point


class Directions(Layout):
    """A point as one number for each direction: how far it reaches along it.

    At the point, what is a multiple of the parameter stays one; an array of zeros stays zero.

    Parameters
    ----------
    point : Point
    count : int
        How many directions there are in each array: random, and the same every time. An array
        of no more coordinates than that keeps its coordinates.
    name : str

    Attributes
    ----------
    names : list of str
        Such as ``W[direction 1]``, or ``b[0]`` of a small array.
    notes : tuple of str
        One says how much the directions stand for.
    """

    def __init__(self, point: Point, count: int, name: str = "x") -> None:
        self._whole, self._axes = Layout(point, name), dict[str, Floats]()
        rng, count, names = np.random.default_rng(0), as_count("directions", count), list[str]()
        for field, part in zip(self._whole.fields, self._whole.slices, strict=True):
            own = self._whole.names[part]
            if len(own) <= count:
                axes = np.eye(len(own))
            else:
                # Not of unit length: each coordinate moves by a whole step, above its rounding.
                axes = rng.normal(size=(count, len(own)))
                own = [f"{field}[direction {k + 1}]" for k in range(count)]
            self._axes[field], names = axes, names + own
        super().__init__(self._along(self._whole.vector))
        self.names = names
        self.notes = (
            *self._whole.notes,
            f"{len(self._whole.vector)} coordinates were checked along {len(names)} directions:"
            " an error that is small beside the gradient of its array may be missed",
        )

    def point(self, vector: NDArray[Any]) -> Point:
        """Return the point that is so far along the directions."""
        x, moved = self._whole.vector.copy(), super().point(vector - self.vector)
        for (field, axes), part in zip(self._axes.items(), self._whole.slices, strict=True):
            x[part] += moved[field] @ axes
        return self._whole.point(x)

    def flatten(self, name: str, value: Point, lead: tuple[int, ...] = ()) -> Floats:
        """Return how far a value laid out like the point reaches along the directions."""
        return super().flatten(name, self._along(self._whole.flatten(name, value, lead)), lead)

    def _along(self, vector: Floats) -> dict[str, Floats]:
        parts = zip(self._axes.items(), self._whole.slices, strict=True)
        return {field: vector[..., part] @ axes.T for (field, axes), part in parts}
