"""The numbers of a check as arrays: what the diagnosis looks at."""

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.noise import MACHINE_EPSILON
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate

BESIDE, STEP = 2.0**-8, 2.0**-20
"""How far the point beside is, and the step of its derivatives, over the size of a coordinate."""
MOST_CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""


class Numbers(NamedTuple):
    """Coordinates of a checked gradient, as arrays of one length.

    Attributes
    ----------
    at : ndarray of int
        Their places in the point.
    fields, units : ndarray of str
        ``W_hidden[0, 2]`` is of the field ``W_hidden`` and of unit 2, its last index.
    status : ndarray of str
    x, given, numeric, noise : ndarray
        The point, the gradient under test, its estimate by finite differences, and the error
        of that.
    allowed : ndarray
        The difference from the given one that would still be an agreement, above 0.
    """

    at: NDArray[np.int_]
    fields: NDArray[np.str_]
    units: NDArray[np.str_]
    status: NDArray[np.str_]
    x: Floats
    given: Floats
    numeric: Floats
    noise: Floats
    allowed: Floats

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int_]) -> "Numbers":
        """Return some of the coordinates."""
        return Numbers._make(array[mask] for array in self)

    def is_chance(self, n_fitted: int) -> bool:
        """Whether unrelated numbers could fit, of which so many were made to fit."""
        chances = np.minimum(1.0, self.allowed / np.abs(self.given - self.numeric))
        return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


class Case(NamedTuple):
    """A failed check: all its numbers, and those at a point beside, if they tell anything."""

    problem: Problem
    every: Numbers
    beside: Numbers | None


def numbers_of(judged: list[Coordinate], problem: Problem, rtol: float) -> Numbers:
    """Return the coordinates of a check, in the order of the point."""
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in judged]).T
    places = [(field, str((*index, "")[-2:][0])) for field, index in problem.layout.places]
    fields, units = np.array(places).T
    status, at = np.array([c.status for c in judged]), np.arange(len(judged))
    allowed = noise + max(rtol, 16.0 * MACHINE_EPSILON) * np.maximum(abs(given), abs(numeric))
    return Numbers(at, fields, units, status, problem.x, given, numeric, noise, allowed)


def numbers_beside(problem: Problem, every: Numbers) -> Numbers | None:
    """Return the numbers close by; None where the gradient is constant, or fails there."""
    size = np.where(every.x == 0.0, 1.0, np.abs(every.x))
    x = every.x + BESIDE * size * np.random.default_rng(0).normal(size=len(size))
    with suppress(ValueError):
        given, wide = problem.grad(x), _central(problem, x, 2.0 * STEP * size)
        numeric = _central(problem, x, STEP * size)
        noise = np.abs(wide - numeric) + 4.0 * problem.rounding / (STEP * size)
        allowed = noise + 1e-6 * np.maximum(np.abs(given), np.abs(numeric))
        if np.isfinite([given, wide]).all() and not np.array_equal(given, problem.given):
            return every._replace(x=x, given=given, numeric=numeric, noise=noise, allowed=allowed)
    return None


def _central(problem: Problem, x: Floats, h: Floats) -> Floats:
    return np.array([problem.f(x + move) - problem.f(x - move) for move in np.diag(h)]) / (2.0 * h)


def place(m: Numbers, case: Case) -> str:
    """Say where: the row or column of a matrix, or the names if they are few, or the fields."""
    places = case.problem.layout.places
    field, index = places[m.at[0]]
    for axis, line in enumerate(("{}[{}, :]", "{}[:, {}]") if len(index) == 2 else ()):
        whole = [k for k, (f, i) in enumerate(places) if f == field and i[axis] == index[axis]]
        if len(whole) > 1 and m.at.tolist() == whole:
            return line.format(field, index[axis])
    if len(m.at) <= 3:
        return ", ".join(case.problem.layout.names[k] for k in m.at)
    return f"{len(m.at)} coordinates of {', '.join(dict.fromkeys(m.fields))}"
