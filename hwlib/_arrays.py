"""What every module does with its arguments: take them as float64, or raise by name.

Each function returns its second argument, converted, or raises a `ValueError` that names the
argument, what came and what was expected. Nothing is broadcast, clipped or converted silently:
strings, booleans, complex numbers, objects, masked arrays, NaN and infinity are errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating[Any] | np.integer[Any]]
Shape = tuple[int | str, ...]
"""A string, such as ``"n"``, stands for any length of at least 1."""

Result = TypeVar("Result", Floats, float)
KINDS = {"b": "booleans", "c": "complex numbers", "U": "strings", "S": "strings"}


def as_floats(name: str, value: ArrayLike, shape: Shape | None = None) -> Floats:
    """Return finite real numbers, at least one, as a float64 array of the given shape."""
    array = as_numbers(name, value)
    if shape is not None and not _fits(array.shape, shape):
        expected = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"{name} has shape {array.shape}; expected {expected}")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected at least one number")
    floats = _narrowed(array) if array.itemsize > 8 else array.astype(np.float64, copy=False)
    if not is_finite(floats):
        raise ValueError(f"{name} holds NaN or infinity; expected finite numbers")
    return floats


@np.errstate(all="ignore")
def _narrowed(array: Numbers) -> Floats:
    """Return float64, and infinity where a wider float has none."""
    return array.astype(np.float64, copy=False)


def as_numbers(name: str, value: ArrayLike) -> Numbers:
    """Return real numbers as an array of any dtype and shape; NaN and infinity may pass."""
    if type(value) is np.ndarray and value.dtype.kind in "iuf":
        return value
    try:
        problem = next(filter(None, map(_problem, _leaves(value))), "")
        array = np.asarray(0.0 if problem else value)
        if array.dtype == object:  # NumPy keeps integers from 2**64 on like this
            array = array.astype(np.float64)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    if problem:
        raise ValueError(f"{name} {problem}; expected integers or floats")
    return array


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _problem(leaf: object) -> str:
    if type(leaf) in (int, float):
        return ""
    array = np.asanyarray(leaf)
    if isinstance(array, np.ma.MaskedArray):
        return "is or holds a masked array"
    kind = array.dtype.kind
    return "" if kind in "iuf" else f"holds {KINDS.get(kind, f'{array.dtype} values')}"


def _fits(found: tuple[int, ...], expected: Shape) -> bool:
    if len(found) != len(expected):
        return False
    return not [f for f, e in zip(found, expected, strict=True) if type(e) is not str and f != e]


def as_labels(
    name: str, value: ArrayLike, allowed: Sequence[int], shape: Shape | None = None
) -> Floats:
    """Return an array of float64 that holds nothing but the allowed labels."""
    labels = as_floats(name, value, shape)
    if sum(int(np.count_nonzero(labels == label)) for label in allowed) < labels.size:
        wrong = labels[~np.isin(labels, allowed)]
        expected = f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}".removeprefix(" or ")
        raise ValueError(f"{name} holds the label {float(wrong[0])}; expected {expected}")
    return labels


def as_float(name: str, value: ArrayLike, *, minimum: float | None = None) -> float:
    """Return one finite real number, not below the minimum, as a float."""
    number = value if type(value) is float else float(as_floats(name, value, ()))
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}; expected a finite number")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} is {number}; expected at least {minimum:g}")
    return number


def as_count(name: str, value: object) -> int:
    """Return a whole number of at least 1 as an int."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1")
    return int(value)


Function = TypeVar("Function", bound=Callable[..., object])


def as_callable(name: str, value: Function) -> Function:
    """Return what can be called."""
    if not callable(value):
        raise ValueError(f"{name} is {value!r}; expected a callable")
    return value


def as_rng(name: str, value: object) -> np.random.Generator:
    """Return a NumPy random generator."""
    if not isinstance(value, np.random.Generator):
        raise ValueError(f"{name} is {value!r}; expected a numpy.random.Generator")
    return value


def finite(name: str, value: Result) -> Result:
    """Return a result if all of it is finite; its arguments were, so anything else overflowed."""
    if not is_finite(value):
        raise ValueError(f"{name} is too large for a float64")
    return value


def is_finite(value: Floats | float) -> bool:
    """Return whether no number is NaN or infinite; on a few numbers faster than ``all``."""
    found = np.isfinite(value)
    return bool(np.count_nonzero(found) == found.size)
