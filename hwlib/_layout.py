"""How a point is laid out: as one vector with a name for each coordinate, and back.

So a function of any point becomes a function of a vector.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats, as_count, as_floats, as_numbers

MACHINE_EPSILON = float(np.finfo(np.float64).eps)

Point: TypeAlias = Any
"""An array, a number, or a NamedTuple, dict, list, tuple or dataclass of points.

A list or tuple of numbers, with rows of one length, is an array. Of a dataclass the fields that
its constructor takes count.
"""
Function: TypeAlias = Callable[[Point], Point]


class Layout:
    """A point as one vector of float64, whatever the dtype of its arrays.

    Parameters
    ----------
    point : Point
    name : str
        Of the coordinates, where the parts of the point have no names: ``x[3]``.
    what : str
        The point's name in an error.

    Attributes
    ----------
    fields : list of str
        Names of the arrays and numbers, as they are indexed: ``W_hidden``, ``layers[0].W``.
    shapes : list of tuple
    slices : list of slice
        Where each field is in the vector.
    vector : ndarray, shape (p,)
    places : list of (str, tuple of int)
        Field and index of each coordinate.
    names : list of str
        Of the coordinates: ``x[3]``, ``W_hidden[0, 2]``, ``layers[0].W[1, 2]``.
    notes : tuple of str
        Sentences for the report: what was done to the point.
    """

    def __init__(self, point: Point, name: str = "x", what: str = "x") -> None:
        arrays = {path: as_floats(what + path, leaf) for path, leaf in _leaves("", point, point)}
        if not arrays:
            raise ValueError(f"{what} is {point!r}; expected at least one number")
        self.fields = [path[1:] if path.startswith(".") else name + path for path in arrays]
        self.shapes = [array.shape for array in arrays.values()]
        ends = np.cumsum([array.size for array in arrays.values()]).tolist()
        self.slices = [slice(*pair) for pair in zip([0, *ends], ends, strict=False)]
        self.vector = np.concatenate([array.ravel() for array in arrays.values()])
        shaped = zip(self.fields, self.shapes, strict=True)
        self.places = [(field, index) for field, shape in shaped for index in np.ndindex(shape)]
        self.names = [f + f"[{', '.join(map(str, at))}]" * bool(at) for f, at in self.places]
        self._like = _maker(point)(iter(arrays.values()))
        self._make = _maker(self._like)
        coarse = f"{what} is float32 or coarser: the functions are given it as float64"
        self.notes = (coarse,) * (epsilon_of(point) > MACHINE_EPSILON)

    def point(self, vector: NDArray[Any]) -> Point:
        """Return the point that a vector stands for; it shares no memory with the vector."""
        vector = vector.copy()
        parts = zip(self.slices, self.shapes, strict=True)
        return self._make(vector[part].reshape(shape)[()] for part, shape in parts)

    def flatten(self, name: str, value: Point, lead: tuple[int, ...] = ()) -> Floats:
        """Return the vector of a value laid out like this point; NaN and infinity may pass.

        Named parts are found by name where the point has names, and all others by position.
        With `lead`, each array has these axes before its own, and so has what is returned.
        """
        arrays = [(at, as_numbers(at, leaf)) for at, leaf in _leaves(name, self._like, value)]
        for (at, array), shape in zip(arrays, self.shapes, strict=True):
            if array.shape != lead + shape:
                raise ValueError(f"{at} has shape {array.shape}; expected {lead + shape}")
        parts = [array.astype(np.float64).reshape(*lead, -1) for _, array in arrays]
        return np.concatenate(parts, axis=-1)


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


def argument_name(f: Function) -> str:
    """Return what f calls its argument, and so its coordinates: "x" where f does not say."""
    with suppress(TypeError, ValueError):  # built-in functions may have no signature
        return next(iter(inspect.signature(f).parameters), "x")
    return "x"


def epsilon_of(value: Point) -> float:
    """Return the machine epsilon of the coarsest floats in a value: 2**-23 for float32."""
    dtypes = [np.asarray(leaf).dtype for _, leaf in _leaves("", value, value)]
    return max([MACHINE_EPSILON, *(float(np.finfo(d).eps) for d in dtypes if d.kind == "f")])


def _parts(value: Point) -> dict[Any, Point] | None:
    """Return the parts of a structure by name or position; None for an array or a number."""
    if isinstance(value, dict):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    if not isinstance(value, list | tuple) or _is_array(value):
        return None
    return value._asdict() if hasattr(value, "_asdict") else dict(enumerate(value))


def _is_array(value: Point) -> bool:
    """Whether a list holds numbers alone, in rows of one shape."""
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return all(map(_is_array, value)) and len(set(map(np.shape, value))) <= 1
    return isinstance(value, Number)


def _leaves(name: str, like: Point, value: Point) -> Iterator[tuple[str, Point]]:
    """Yield the arrays and numbers of a value, each with its name, in the order of a point."""
    expected, found = _parts(like), _parts(value) or {}
    if expected is None:
        yield name, value
        return
    keys, has_names = list(expected), hasattr(value, "_asdict")
    if isinstance(value, list | tuple) and not (has_names and keys != [*range(len(keys))]):
        found = dict(zip([*keys, *range(len(keys), len(value))], value, strict=False))
    odd = [f"no part {key}" for key in keys if key not in found]
    odd += [f"a part {key} too many" for key in found if key not in expected]
    if odd:
        raise ValueError(f"{name} has {' and '.join(odd)}; expected the parts of x")
    for key, part in expected.items():
        index = f".{key}" if isinstance(key, str) else f"[{key!r}]"
        yield from _leaves(name + index, part, found[key])


def _maker(like: Point) -> Callable[[Iterator[Any]], Point]:
    """Return what makes a copy of a point with other arrays and numbers, in the same order."""
    parts = _parts(like)
    if parts is None:
        return next
    makers = {key: _maker(part) for key, part in parts.items()}

    def make(arrays: Iterator[Any]) -> Point:
        new = {key: make_part(arrays) for key, make_part in makers.items()}
        if isinstance(like, list | tuple):
            values = new.values()
            return like._make(values) if hasattr(like, "_make") else type(like)(values)
        return like | new if isinstance(like, dict) else dataclasses.replace(like, **new)

    return make
