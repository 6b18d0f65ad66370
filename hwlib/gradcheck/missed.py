"""What a check that passed would have missed: mistakes that its point lets through.

The gradient under test is made wrong on purpose, and judged by the same numbers again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.patterns import Numbers, look_beside, numbers_of
from hwlib.gradcheck.report import Coordinate

FACTORS = {"a wrong sign": -1.0, "a factor of 2": 2.0, "zeros": 0.0}


@np.errstate(all="ignore")
def missed(coordinates: list[Coordinate], problem: Problem, rtol: float) -> tuple[str, ...]:
    """Return the mistakes that would have passed, each in a sentence; none at a strong point.

    Parameters
    ----------
    coordinates : list of Coordinate
        In the order of the point; none of them differs.
    problem : Problem
    rtol : float
    """
    every = numbers_of(coordinates, problem.x, rtol)
    m = every.where(np.array([c.status in ("agrees", "unseen") for c in coordinates]))
    blurred = m.where(m.agrees & (np.abs(1.001 * m.given - m.numeric) <= m.allowed)).names
    fine = (f"an error of 0.1 percent in {name} would not show" for name in blurred)
    return (*_in_fields(m), *fine, *_in_places(every, problem))


def telling(values: Floats, coordinates: list[Coordinate], rtol: float) -> bool:
    """Whether a wrong gradient shows at the point of a check: it is not 0, and not the right one.

    Parameters
    ----------
    values : ndarray, shape (p,)
        The wrong gradient, in the order of the point.
    coordinates : list of Coordinate
    rtol : float
    """
    m = numbers_of(coordinates, values, rtol)
    return bool(np.any(values) and np.any(np.abs(values - m.numeric) > m.allowed))


def _in_fields(m: Numbers) -> Iterator[str]:
    stems = np.array([re.split(r"[\d_]", field)[0] for field in m.fields])  # b_1 and b_2 are b
    for field in dict.fromkeys(m.fields):
        part, stem = m.where(m.fields == field), m.where(np.isin(stems, stems[m.fields == field]))
        changed = ((what, np.abs(c * part.given - part.numeric)) for what, c in FACTORS.items())
        passing = [what for what, error in changed if np.all(error <= part.allowed)]
        if passing:
            yield f"{' or '.join(passing)} in {field} would not show"
        if np.all(part.x == 1.0):
            yield f"{field} is 1 here: another power of it would not show"
        if not stem.x.any():  # a penalty on the biases shows if one of them is not 0
            yield f"{field} is 0 here: a penalty on it would not show"


def _in_places(every: Numbers, problem: Problem) -> Iterator[str]:
    """Look for a pair of numbers in each field that are equal here, but not at points beside."""
    for field in dict.fromkeys(every.fields):
        m = every.where((every.fields == field) & every.agrees)
        m = m.where(np.argsort(m.given))
        for k in np.flatnonzero(np.abs(np.diff(m.given)) <= m.allowed[1:])[:1]:
            there = look_beside(problem)
            a, b = there[1][m.at[k : k + 2]] if there else (0.0, 0.0)
            if abs(a - b) > 1e-5 * abs(a):
                yield f"{m.names[k]} and {m.names[k + 1]} swapped would not show"
