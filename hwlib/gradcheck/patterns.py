"""The numbers of a check as arrays, and the mistakes that show in them without a free number.

Each function that recognises a mistake takes the coordinates in question and the whole case,
and returns a finding, or None. A pattern counts only if unrelated numbers would hardly fit it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.noise import MACHINE_EPSILON
from hwlib.gradcheck.report import Coordinate, Finding

MOST_CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""


class Numbers(NamedTuple):
    """Coordinates of a checked gradient, as arrays of one length.

    Attributes
    ----------
    at : ndarray of int
        Their places in the point.
    names, fields, units : ndarray of str
        ``W_hidden[0, 2]`` is of the field ``W_hidden`` and of unit 2, its last index.
    x, given, numeric : ndarray
        The point, the gradient under test, and its estimate by finite differences.
    allowed : ndarray
        The difference from the given one that would still be an agreement, above 0.
    is_zero, agrees : ndarray of bool
        Whether the estimate cannot be told from 0; whether it agrees, and is not 0.
    """

    at: NDArray[np.int_]
    names: NDArray[np.str_]
    fields: NDArray[np.str_]
    units: NDArray[np.str_]
    x: Floats
    given: Floats
    numeric: Floats
    allowed: Floats
    is_zero: NDArray[np.bool_]
    agrees: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int_]) -> Numbers:
        """Return some of the coordinates."""
        return Numbers._make(array[mask] for array in self)

    def by_chance(self, n_fitted: int) -> bool:
        """Whether unrelated numbers could fit, of which so many were made to fit."""
        chances = np.minimum(1.0, self.allowed / np.abs(self.given - self.numeric))
        return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


class Case(NamedTuple):
    """A failed check: all coordinates, and a point beside with the gradient given there."""

    problem: Problem
    every: Numbers
    beside: tuple[Floats, Floats] | None


def numbers_of(coordinates: list[Coordinate], x: Floats, rtol: float) -> Numbers:
    """Return the coordinates of a check at x, in the order of the point."""
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in coordinates]).T
    allowed = noise + max(rtol, 16.0 * MACHINE_EPSILON) * np.maximum(abs(given), abs(numeric))
    parts = [(c.name, *_split(c.name)[::2], c.status == "agrees") for c in coordinates]
    names, fields, units, agrees = (np.array(part) for part in zip(*parts, strict=True))
    is_zero = abs(numeric) <= noise
    at = np.arange(len(x))
    return Numbers(at, names, fields, units, x, given, numeric, allowed, is_zero, agrees)


def look_beside(problem: Problem) -> tuple[Floats, Floats] | None:
    """Return a point close by, less regular, and the gradient given there; None if constant."""
    r = np.random.default_rng(0).normal(size=len(problem.x))
    x = problem.x + 2.0**-8 * r * np.where(problem.x == 0.0, 1.0, problem.x)
    with suppress(ValueError):
        grad = problem.grad(x)
        if np.isfinite(grad).all() and not np.array_equal(grad, problem.given):
            return x, grad
    return None


def zeros(m: Numbers, case: Case) -> Finding | None:
    """Recognise a gradient that is 0 where it should not be, and wrong nowhere else."""
    if np.any(m.given):
        return None
    if not case.every.given.any():
        return Finding("zeros", "the gradient is 0 everywhere")
    return Finding("mask", f"the gradient is 0 in {place(m, case)}, and should not be")


def derived(m: Numbers, case: Case) -> Finding | None:
    """Recognise a factor that is there twice, too many, or not at all."""
    images = {"the square of the derivative": m.numeric**2,
              "the derivative times the parameter": m.numeric * m.x,
              "the derivative divided by the parameter": m.numeric / m.x}  # fmt: skip
    fits = (what for what, image in images.items() if np.all(abs(m.given - image) <= m.allowed))
    what = "" if m.by_chance(0) else next(fits, "")
    text = f"a factor is wrong in {place(m, case)}: the gradient is {what}"
    return Finding("factor", text) if what else None


def permutation(m: Numbers, case: Case) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        i, j = np.argsort(given), np.argsort(numeric)
        fits = np.abs(given[i] - numeric[j]) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m.names) > 1 and fits.all() and not m.by_chance(n_fitted):
            pairs = list(zip(m.names[i].tolist(), m.names[j].tolist(), strict=True))
            flipped = all(_split(a)[1] == _split(b)[1][::-1] for a, b in pairs)
            what = "rows and columns" if flipped else "values"
            text = f"{what} changed places in {place(m, case)}: {pairs[0][0]} holds the value of"
            return Finding("permutation", f"{text} {pairs[0][1]}")
    return None


def mask(m: Numbers, case: Case) -> Finding | None:
    """Recognise numbers that should be 0, and nothing else but zeros that should be none."""
    missing = m.given == 0.0
    if not case.every.agrees.any() or not np.all(missing | m.is_zero):
        return None
    text = f"the gradient should be 0 in {place(m.where(m.is_zero), case)}, and is not"
    if missing.any():
        where = place(m.where(missing), case)
        text = f"the gradient is 0 in {where}, and should not be; {text}"
    return Finding("mask", text)


def block(m: Numbers, case: Case) -> Finding | None:
    """Recognise one field that is wrong alone, or the same whole units of some fields."""
    right, fields = case.every.where(case.every.agrees), list(dict.fromkeys(m.fields))
    other_fields = set(right.fields) - set(fields)
    spared = np.isin(right.fields, fields) & np.isin(right.units, m.units)
    whole_units = len(m.names) > 2 and len(fields) <= len(other_fields) and not spared.any()
    if not other_fields or not (len(fields) == 1 or whole_units):
        return None
    only = f"only {' and '.join(fields)} {'is' if len(fields) == 1 else 'are'} wrong"
    where = place(m, case) if len(m.names) <= 3 else f"{len(m.names)} coordinates"
    text = f"{only}: in {where}; the other {len(right.names)} that were seen agree"
    return Finding("block", text)


def place(m: Numbers, case: Case) -> str:
    """Say where: by names if they are few, else by row or column of a matrix, or by fields."""
    first, indices, _ = _split(m.names[0])
    for axis, line in enumerate(("{}[{}, :]", "{}[:, {}]") if len(indices) == 2 else ()):
        others = [_split(name)[:2] for name in case.every.names]
        whole = [field == first and i[axis] == indices[axis] for field, i in others]
        if len(m.at) > 1 and np.array_equal(case.every.at[whole], m.at):
            return line.format(first, indices[axis])
    if len(m.names) <= 3:
        return ", ".join(m.names)
    return f"{len(m.names)} coordinates of {', '.join(dict.fromkeys(m.fields))}"


def _split(name: str) -> tuple[str, list[str], str]:
    """Return the field of a coordinate, its indices, and the last of them."""
    field, _, inside = name.rstrip("]").rpartition("[")
    indices = inside.split(", ") if field else []
    return field or name, indices, (indices or [""])[-1]
