"""What a check that passed would have missed: mistakes that its point lets through.

The gradient under test is made wrong on purpose, and judged by the same numbers again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.layout import Problem
from hwlib.gradcheck.patterns import SAME_RATIO, Numbers, index, look_beside, numbers_of
from hwlib.gradcheck.report import Coordinate

Places: TypeAlias = NDArray[np.int_]

IN_A_FIELD: dict[str, Callable[[Floats, Floats], Floats]] = {
    "a wrong sign": lambda g, x: -g,
    "a factor of 2": lambda g, x: 2.0 * g,
    "zeros": lambda g, x: 0.0 * g,
}
"""What is made wrong in all of a field at once."""


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
    return (*_in_fields(m), *_in_places(every, problem))


def _in_fields(m: Numbers) -> Iterator[str]:
    stems = np.array([re.split(r"[\d_]", field)[0] for field in m.fields])  # b_1 and b_2 are b
    for field in dict.fromkeys(m.fields):
        part = m.where(m.fields == field)
        passing = [
            what for what, wrong in IN_A_FIELD.items()
            if np.all(np.abs(wrong(part.given, part.x) - part.numeric) <= part.allowed)
        ]  # fmt: skip
        if passing:
            yield f"{' or '.join(passing)} in {field} would not show"
        if np.all(part.x == 1.0):
            yield f"{field} is 1 here: another power of it would not show"
        # A penalty on the biases shows if any of them is not 0.
        if not m.x[stems == stems[m.fields == field][0]].any():
            yield f"{field} is 0 here: a penalty on it would not show"
    for name in m.names[m.agrees & (np.abs(1.001 * m.given - m.numeric) <= m.allowed)]:
        yield f"an error of 0.1 percent in {name} would not show"


def _in_places(every: Numbers, problem: Problem) -> Iterator[str]:
    """Look for equal numbers in other places: what is moved there shows beside, but not here."""
    g = every.given
    hidden = [
        (what, i, j) for what, i, j in _moves(every)
        if every.agrees[i].any() and np.all(np.abs(g[i] - g[j]) <= every.allowed[i])
    ]  # fmt: skip
    there = look_beside(problem) if hidden else None
    if there is not None:
        for what, i, j in hidden:
            if np.any(np.abs(there[1][i] - there[1][j]) > SAME_RATIO * np.abs(there[1][i])):
                yield f"{what} would not show"


def _moves(every: Numbers) -> Iterator[tuple[str, Places, Places]]:
    for field in dict.fromkeys(every.fields):
        k = np.flatnonzero(every.fields == field)
        order = k[np.argsort(every.given[k])]
        close = np.abs(np.diff(every.given[order])) <= every.allowed[order[1:]]
        for n in np.flatnonzero(close & every.agrees[order[1:]])[:1]:  # one pair tells enough
            pair = order[n : n + 2]
            yield f"{' and '.join(every.names[pair])} swapped", pair, pair[::-1]
        size = math.isqrt(len(k))
        if size > 1 and index(every.names[k[-1]]) == [f"{size - 1}"] * 2:
            yield f"{field} transposed", k, k.reshape(size, size).T.ravel()


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
