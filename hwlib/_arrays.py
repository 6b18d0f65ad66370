"""What every module does with arrays: accept or refuse input, and multiply without overflow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Shape = tuple[int | str, ...]
Values = TypeVar("Values", Floats, float)
FLOAT64 = np.dtype(np.float64)
LARGEST = float(np.finfo(np.float64).max)


def as_floats(name: str, value: ArrayLike, shape: Shape | None = None) -> Floats:
    """Return `value` as a float64 array of the given shape, or refuse it by name.

    Parameters
    ----------
    name : str
        What the caller calls the argument; it opens every error message.
    value : array_like
        Integers or floats of any width.
    shape : tuple of int or str, optional
        The expected shape; a string, such as ``"n"``, stands for any length of at least 1.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If `value` holds anything but finite real numbers, is empty or has another shape.
    """
    array = as_float64(as_shaped(name, value, shape))
    if not all_finite(array):
        raise ValueError(f"{name} holds NaN or infinity; expected finite numbers")
    return array


def as_shaped(name: str, value: ArrayLike, shape: Shape | None = None) -> NDArray[Any]:
    """Return `value` as an array of numbers of the given shape, whatever the numbers are.

    Raises
    ------
    ValueError
        If `value` holds anything but real numbers, is empty or has another shape.
    """
    array = as_numbers(name, value)
    if shape is not None and array.shape != shape and not _fits(array.shape, shape):
        wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"{name} has shape {array.shape}; expected {wanted}")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected at least one number")
    return array


def _fits(found: tuple[int, ...], wanted: Shape) -> bool:
    if len(found) != len(wanted):
        return False
    for length, expected in zip(found, wanted, strict=True):
        if length != expected and type(expected) is not str:
            return False
    return True


def as_float64(array: NDArray[Any]) -> Floats:
    """Return an array of numbers in float64, infinite where one is too large for it."""
    if array.dtype == FLOAT64:
        return array
    with np.errstate(all="ignore"):
        return array.astype(FLOAT64)


def all_finite(array: Floats | float) -> bool:
    """Whether no entry is NaN or infinite.

    The sum of squares is finite only if every entry is, and makes no array of booleans. It may
    also overflow: then the entries are looked at one by one.
    """
    if type(array) is float:
        return math.isfinite(array)
    return math.isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())


def as_numbers(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return `value` as an array of any real dtype and shape, or refuse it by name.

    NaN, infinity and an empty array pass.

    Raises
    ------
    ValueError
        If `value` holds anything but real numbers.
    """
    if type(value) is np.ndarray and value.dtype.kind in "iuf":
        return value
    if any(isinstance(leaf, np.ma.MaskedArray) for leaf in _leaves(value)):
        raise ValueError(f"{name} is or holds a masked array; expected integers or floats")
    try:
        array = np.asarray(value)
        if array.dtype == object and all(type(leaf) in (int, float) for leaf in _leaves(value)):
            # NumPy keeps integers from 2**64 on as objects.
            array = array.astype(np.float64)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    if array.dtype.kind not in "iuf" and array.size:
        kind = {"b": "booleans", "c": "complex numbers", "U": "strings", "S": "strings"}
        came = kind.get(array.dtype.kind, f"{array.dtype} values")
        raise ValueError(f"{name} holds {came}; expected integers or floats")
    if any(getattr(leaf, "dtype", type(leaf)) in (bool, np.bool_) for leaf in _leaves(value)):
        # NumPy would turn [True, 2.0] into [1.0, 2.0] without a word.
        raise ValueError(f"{name} holds booleans; expected integers or floats")
    return array


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def as_float(name: str, value: ArrayLike, *, minimum: float | None = None) -> float:
    """Return `value` as a float, or refuse it by name; it may have a smallest allowed value.

    Raises
    ------
    ValueError
        If `value` is not one finite real number, or is below `minimum`.
    """
    if type(value) is not float or not math.isfinite(value):
        value = float(as_floats(name, value, ()))
    number: float = value
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} is {number}; expected at least {minimum:g}")
    return number


def as_count(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1, or refuse it by name.

    Raises
    ------
    ValueError
        If `value` is not a whole number of at least 1.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1")
    return int(value)


def as_callable(name: str, value: Any) -> None:
    """Refuse `value` by name if it cannot be called.

    Raises
    ------
    ValueError
        If `value` is not callable.
    """
    if not callable(value):
        raise ValueError(f"{name} is {value!r}; expected a callable")


def as_rng(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is a NumPy random generator, or refuse it by name.

    Raises
    ------
    ValueError
        If `value` is not a `numpy.random.Generator`.
    """
    if not isinstance(value, np.random.Generator):
        raise ValueError(f"{name} is {value!r}; expected a numpy.random.Generator")
    return value


def as_labels(
    name: str, value: ArrayLike, allowed: tuple[int, int], shape: Shape | None = None
) -> Floats:
    """Return `value` as float64 if it holds nothing but the two allowed labels.

    Raises
    ------
    ValueError
        If `value` is refused by `as_floats`, or a label is outside the set.
    """
    labels = as_shaped(name, value, shape)
    right = (labels == allowed[0]) | (labels == allowed[1])
    if np.count_nonzero(right) == labels.size:
        return as_float64(labels)
    labels = as_floats(name, labels)
    wrong = (labels != allowed[0]) & (labels != allowed[1])
    if wrong.any():
        first = labels[wrong].flat[0]
        expected = f"{allowed[0]} or {allowed[1]}"
        raise ValueError(f"{name} holds the label {float(first)}; expected {expected}")
    return labels


def product(A: Floats, B: Floats, plus: Floats | float = 0.0, *, name: str = "A matrix") -> Floats:
    """Return ``A @ B + plus``; where partial sums overflow, the sum is taken exactly.

    It may set floating-point flags: call it where they are ignored, or call `matmul`.

    Parameters
    ----------
    A : ndarray, shape (n, p)
    B : ndarray, shape (p,) or (p, q)
    plus : ndarray or float, default 0.0
        Added to the product; its shape broadcasts to the product's. Where it is infinite, so is
        the result.
    name : str
        What the caller calls A.

    Returns
    -------
    ndarray, shape (n,) or (n, q)
        Infinite, with its sign, where the exact entry is too large for a float64; never NaN.

    Raises
    ------
    ValueError
        If A is not finite. The product is finite only if A is, since 0 times NaN or infinity is
        NaN: so A is looked at only where the product is not, and a check of A costs nothing.
    """
    out: Floats = A.dot(B)
    if type(plus) is not float or plus != 0.0:
        out = out + plus
    if not all_finite(out):
        as_floats(name, A)
        terms = np.broadcast_to(plus, out.shape)
        for index in map(tuple, np.argwhere(~np.isfinite(out))):
            row, column = A[index[0]], B[(slice(None), *index[1:])]
            out[index] = exact_dot(row, column, terms[index])
    return out


matmul = np.errstate(all="ignore")(product)


def exact_dot(a: Floats, b: Floats, plus: float = 0.0) -> float:
    """Return the dot product of `a` and `b` plus `plus`, rounded once at the end.

    Returns
    -------
    float
        Infinite, with its sign, where the sum is too large for a float64 or `plus` is infinite.
    """
    if math.isinf(plus):
        return float(plus)
    total = Fraction(float(plus))
    for left, right in zip(a.tolist(), b.tolist(), strict=True):
        total += Fraction(left) * Fraction(right)
    try:
        return float(total)
    except OverflowError:
        return float("inf") if total > 0 else float("-inf")


def finite(name: str, array: Values) -> Values:
    """Return `array` if all of it is finite.

    Raises
    ------
    ValueError
        If an entry has overflowed.
    """
    if not all_finite(array):
        raise ValueError(f"{name} is too large for a float64")
    return array


class Layout:
    """How a point is laid out: as one vector with a name for each coordinate, and back.

    Parameters
    ----------
    point : array_like, or NamedTuple of array_like
    name : str
        Of the coordinates, where the point is an array.
    called : str
        What the caller calls the point; it opens every error message.

    Attributes
    ----------
    type : type or None
        Of the NamedTuple.
    shapes : list of tuple
    vector : ndarray, shape (p,)
    names : list of str
    """

    def __init__(self, point: Any, name: str = "x", called: str = "x") -> None:
        self.type = type(point) if hasattr(point, "_fields") else None
        if self.type:
            fields = {key: as_floats(f"{called}.{key}", v) for key, v in point._asdict().items()}
        else:
            fields = {name: as_floats(called, point)}
        self.shapes = [array.shape for array in fields.values()]
        self.vector = np.concatenate([array.ravel() for array in fields.values()])
        self.names = [
            f"{key}[{', '.join(map(str, index))}]" if index else key
            for key, array in fields.items()
            for index in np.ndindex(array.shape)
        ]

    def restore(self, vector: Any) -> Any:
        """Return the point that a vector stands for."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = np.split(vector, ends[:-1])
        arrays = [part.reshape(s)[()].copy() for part, s in zip(parts, self.shapes, strict=True)]
        return self.type(*arrays) if self.type else arrays[0]

    def flatten(self, name: str, value: Any) -> Floats:
        """Return the vector of a value laid out like this point; NaN and infinity may pass."""
        fields = tuple(value) if self.type and isinstance(value, tuple) else (value,)
        parts = [as_numbers(name, field) for field in fields]
        shapes = [part.shape for part in parts]
        if shapes != self.shapes:
            raise ValueError(f"{name} has shapes {shapes}; expected {self.shapes}")
        return np.concatenate([part.ravel().astype(np.float64) for part in parts])
