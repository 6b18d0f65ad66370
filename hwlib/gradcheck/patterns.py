"""The numbers of a check as a table, and which patterns a wrong gradient follows in it.

A pattern says that the gradient is a base plus multiples of columns: multiples of the derivative,
of the parameter, of 1. It must hold at the point of the check and, with the same multiples, at a
point beside, and unrelated numbers must hardly fit it.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats
from hwlib.gradcheck.noise import MACHINE_EPSILON
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate

BESIDE, STEP = 2.0**-8, 2.0**-20
"""How far the point beside is, and the step of its derivatives, over the size of a coordinate."""
MOST_CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""
SAME_RATIO = 1e-5
"""Two ratios that are no farther apart are one."""
EVIDENT_RATIOS = (-1.0, 2.0, 0.5)
"""Ratios that are no coincidence even where they are seen once; any other must return."""

Table: TypeAlias = Any  # np.recarray, whose columns have no types
"""The numbers of a check: a row for each coordinate, in the order of the point.

``at`` is its place in the point; of ``W[0, 2]``, ``names`` is all, ``fields`` is ``W``, ``rows`` is
0 (of a matrix alone) and ``units`` is 2; ``status`` is the verdict; ``x`` is the parameter,
``given`` the gradient under test, ``numeric`` its estimate by finite differences with an error of
``noise``, and ``allowed`` the difference of the two that would still be an agreement.
"""
Fit: TypeAlias = tuple[str, str, Floats]
"""Family, how the gradient is wrong, and the multiples."""


def table_of(judged: list[Coordinate], problem: Problem, rtol: float) -> Table:
    """Return the numbers of a check; the coordinates are in the order of the point."""
    fields, index = zip(*problem.layout.places, strict=True)
    columns: dict[str, Any] = {
        "at": range(len(judged)), "names": problem.layout.names, "fields": fields,
        "rows": [str(i[0]) if len(i) == 2 else "" for i in index],
        "units": [str(i[-1]) if i else "" for i in index],
        "x": problem.x, "allowed": 0.0 * problem.x,
    }  # fmt: skip
    for key in ("status", "given", "numeric", "noise"):
        columns[key] = [getattr(c, key) for c in judged]
    arrays = map(np.array, columns.values())
    return _with_allowed(np.rec.fromarrays([*arrays], names=[*columns], formats=None), rtol)


def _with_allowed(table: Table, rtol: float) -> Table:
    size = np.maximum(np.abs(table.given), np.abs(table.numeric))
    table.allowed = table.noise + max(rtol, 16.0 * MACHINE_EPSILON) * size
    return table


def table_beside(table: Table, problem: Problem) -> Table | None:
    """Return the table of a point close by; None where the gradient is constant, or fails."""
    size, beside = np.where(table.x == 0.0, 1.0, np.abs(table.x)), table.copy()
    beside.x += BESIDE * size * np.random.default_rng(0).normal(size=len(size))
    with suppress(ValueError):
        beside.given = problem.grad(beside.x)
        wide, beside.numeric = (_central(problem, beside.x, c * STEP * size) for c in (2.0, 1.0))
        rounding = 4.0 * problem.rounding / (STEP * size)
        beside.noise = np.abs(wide - beside.numeric) + rounding
        if np.isfinite([beside.given, wide]).all() and np.any(beside.given != table.given):
            return _with_allowed(beside, 1e-5)
    return None


def _central(problem: Problem, x: Floats, h: Floats) -> Floats:
    return np.array([problem.f(x + move) - problem.f(x - move) for move in np.diag(h)]) / (2.0 * h)


def is_chance(m: Table, n_fitted: int) -> bool:
    """Whether unrelated numbers could fit, of which so many were made to fit."""
    chances = np.minimum(1.0, m.allowed / np.abs(m.given - m.numeric))
    return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


def fits(m: Table, every: Table, beside: Table | None) -> list[Fit]:
    """Return the patterns that the rows `m` follow, of those with the fewest free numbers."""
    tables, found = [t for t in (every, beside) if t is not None], dict[str, tuple[int, Fit]]()
    both = np.concatenate([t[m.at] for t in tables]).view(np.recarray)
    for family, words, base, columns in _patterns(both, _weights(m, tables)):
        fit = _solve(both, base, columns)
        if fit is None or (family == "scale" and is_one_of(fit[0], 0.0, 1.0)):
            continue
        free = np.count_nonzero(fit) - (family == "scale" and is_one_of(fit[0], *EVIDENT_RATIOS))
        if not is_chance(m, free):
            text = words.format(_written(family, fit))
            found.setdefault(text, (free, (family, text, fit)))
    fewest = min((free for free, _ in found.values()), default=0)
    return [fit for free, fit in found.values() if free == fewest]


def _patterns(m: Table, weights: dict[str, Floats]) -> Iterator[tuple[str, str, Floats, ArrayLike]]:
    """Yield family, words, base and columns; `weights` are one of another field for each unit."""
    d, x, one = m.numeric, m.x, np.ones(len(m))
    penalties = _by(m.fields, x)
    for also, p in (("", penalties[:0]), (", beside a multiple of the parameter", penalties)):
        yield "scale", f"{{}} times the derivative{also}", 0.0 * x, [d, *p]
        for w, (value, slope) in weights.items():  # a right penalty is not multiplied
            yield "factor", f"the derivative times {w}{also}", d * value, (1.0 - value) * p
            yield "factor", f"the derivative divided by {w}{also}", d / value, p - p / value
            words = f"the derivative with {w} after a step of {{}}{also}"
            yield "factor", words, d, slope / value * np.vstack([-d, p])
    yield "factor", "the derivative times the parameter", d * x, []
    yield "factor", "the derivative divided by the parameter", d / x, []
    yield "factor", "the square of the derivative", d * d, []
    yield "regularization", "off by {} times the parameter", d, [x]
    yield "regularization", "off by {} times the parameter", d, _by(m.units, x)
    if min(x) < 0.0 < max(x) and len(np.unique(m.at)) > 2:  # two that are swapped fit, too
        yield "regularization", "off by {} times the sign of the parameter", d, [np.sign(x)]
    if np.any(np.abs(d) > m.noise):
        yield "offset", "off by a constant {}", d, [one]
        yield "offset", "off by the constants {}", d, _by(m.units, one)


def _by(groups: Any, values: Floats) -> Floats:
    """Return a row for each group: its values there, and 0 elsewhere; none for zeros alone."""
    rows = np.array([np.where(groups == key, values, 0.0) for key in dict.fromkeys(groups)])
    return rows[rows.any(axis=1)]


def _weights(m: Table, tables: list[Table]) -> dict[str, Floats]:
    """Return other fields with one number for each unit: its value and slope by coordinate."""
    weights = {}
    for field in set(tables[0].fields) - set(m.fields):
        own = tables[0][tables[0].fields == field]
        k = [at for unit in m.units for at in own.at[own.units == unit]]
        if len(k) == len(m) and len(set(m.units)) > 1:
            weights[field] = np.hstack([(t.x[k], t.numeric[k]) for t in tables])
    return weights


def _solve(m: Table, base: Floats, columns: ArrayLike) -> Floats | None:
    """Return the multiples of the columns that lead from the base to the gradient, if they do.

    They are fitted at the point of the check, where each coordinate comes first.
    """
    A, b = np.reshape(columns, (-1, len(m))).T / m.allowed[:, None], (m.given - base) / m.allowed
    here = len(np.unique(m.at))
    sizes = np.linalg.norm(A[:here], axis=0)
    if not (np.isfinite(A).all() and np.isfinite(b).all()):
        return None
    A = A / np.where(sizes > 0.0, sizes, 1.0)
    multiples, _, rank, _ = np.linalg.lstsq(A[:here], b[:here], rcond=1e-5)
    if rank < np.count_nonzero(sizes) or np.any(np.abs(A @ multiples - b) > 1.0):
        return None
    return np.asarray(multiples / np.where(sizes > 0.0, sizes, 1.0), dtype=np.float64)


def is_one_of(ratio: float, *plain: float) -> bool:
    """Whether a fitted ratio is one of these."""
    return min(abs(ratio - number) for number in plain) <= SAME_RATIO


def is_plain(ratio: float) -> bool:
    """Whether a factor is likely even where another pattern holds: -1, 2, or one over a number."""
    return is_one_of(ratio, 2.0) or is_whole(1.0 / ratio)


def is_whole(number: float) -> bool:
    """Whether a fitted number is whole, and not 0."""
    return abs(round(number) / number - 1.0) <= SAME_RATIO


def _written(family: str, fit: Floats) -> str:
    if family != "scale":
        numbers = fit[:1] if family == "factor" else fit
        return " and ".join(dict.fromkeys(f"{number:.4g}" for number in numbers))
    parts = 1.0 / fit[0]
    is_part = abs(parts) > 1.5 and is_whole(parts)
    return f"{np.sign(parts):.0f}/{abs(parts):.0f}" if is_part else f"{fit[0]:.6g}"
