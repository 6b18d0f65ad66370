"""What every module does with arrays: accept or refuse input, and multiply without overflow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Shape = tuple[int | str, ...]


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
    array = as_numbers(name, value)
    if shape is not None:
        fits = array.ndim == len(shape) and all(
            isinstance(want, str) or want == got
            for want, got in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
            raise ValueError(f"{name} has shape {array.shape}; expected {wanted}")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected at least one number")
    with np.errstate(all="ignore"):
        floats = np.asarray(array, dtype=np.float64)
    if not np.isfinite(floats).all():
        raise ValueError(f"{name} holds NaN or infinity; expected finite numbers")
    return floats


def as_numbers(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return `value` as an array of any real dtype and shape, or refuse it by name.

    NaN, infinity and an empty array pass.

    Raises
    ------
    ValueError
        If `value` holds anything but real numbers.
    """
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
    number = float(as_floats(name, value, ()))
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
    labels = as_floats(name, value, shape)
    wrong = (labels != allowed[0]) & (labels != allowed[1])
    if wrong.any():
        first = labels[wrong].flat[0]
        expected = f"{allowed[0]} or {allowed[1]}"
        raise ValueError(f"{name} holds the label {float(first)}; expected {expected}")
    return labels


def matmul(A: Floats, B: Floats, plus: Floats | float = 0.0) -> Floats:
    """Return ``A @ B + plus``; where partial sums overflow, the sum is taken exactly.

    Parameters
    ----------
    A : ndarray, shape (n, p)
    B : ndarray, shape (p,) or (p, q)
    plus : ndarray or float, default 0.0
        Added to the product; its shape broadcasts to the product's.

    Returns
    -------
    ndarray, shape (n,) or (n, q)
        Infinite, with its sign, where the exact entry is too large for a float64; never NaN.
    """
    with np.errstate(all="ignore"):
        out: Floats = A @ B + plus
    if not np.isfinite(out).all():
        terms = np.broadcast_to(plus, out.shape)
        for index in map(tuple, np.argwhere(~np.isfinite(out))):
            row, column = A[index[0]], B[(slice(None), *index[1:])]
            out[index] = exact_dot(row, column, terms[index])
    return out


def exact_dot(a: Floats, b: Floats, plus: float = 0.0) -> float:
    """Return the dot product of `a` and `b` plus `plus`, rounded once at the end.

    Returns
    -------
    float
        Infinite, with its sign, where the sum is too large for a float64.
    """
    total = Fraction(float(plus))
    for left, right in zip(a.tolist(), b.tolist(), strict=True):
        total += Fraction(left) * Fraction(right)
    try:
        return float(total)
    except OverflowError:
        return float("inf") if total > 0 else float("-inf")


def finite(name: str, array: Floats) -> Floats:
    """Return `array` if all of it is finite.

    Raises
    ------
    ValueError
        If an entry has overflowed.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is too large for a float64")
    return array
