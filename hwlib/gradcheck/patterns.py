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
from hwlib._layout import MACHINE_EPSILON
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Report

BESIDE, STEP = 2.0**-8, 2.0**-20
"""How far the point beside is, and the step of its derivatives, over the size of a coordinate."""
MOST_CHANCE, SAME_RATIO = 1e-5, 1e-5
"""Unrelated numbers fit a pattern that is named less often than this; and two ratios that are no
farther apart are one."""
EVIDENT_RATIOS = (-1.0, 2.0, 0.5)
"""Ratios that are no coincidence even where they are seen once; any other must return."""

Table: TypeAlias = Any  # np.recarray, whose columns have no types
"""The numbers of a check: a row for each coordinate, in the order of the point.

``at`` is its place in the point; of ``W[0, 2]``, ``names`` is all, ``fields`` is ``W``, ``rows`` is
0 (of a matrix alone) and ``units`` is 2; ``status`` is the verdict; ``x`` is the parameter,
``given`` the gradient under test, ``numeric`` its estimate by finite differences with an error of
``noise``, and ``allowed`` the difference of the two that would still be an agreement.
"""


def table_of(report: Report, problem: Problem) -> Table:
    """Return the numbers of a check."""
    fields, index = zip(*problem.layout.places, strict=True)
    by_name = {c.name: c for c in report.coordinates}
    judged = [by_name[name] for name in problem.layout.names]
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in judged]).T
    size = np.maximum(np.abs(given), np.abs(numeric))
    columns: dict[str, Any] = {
        "at": range(len(judged)), "names": problem.layout.names, "fields": fields,
        "rows": [str(i[0]) if len(i) == 2 else "" for i in index],
        "units": [str(i[-1]) if i else "" for i in index],
        "status": [c.status for c in judged], "x": problem.x,
        "given": given, "numeric": numeric, "noise": noise,
        "allowed": noise + max(report.rtol, 16.0 * MACHINE_EPSILON) * size,
    }  # fmt: skip
    return np.rec.fromarrays([*map(np.array, columns.values())], names=[*columns], formats=None)


def table_beside(table: Table, problem: Problem) -> Table | None:
    """Return the table of a point close by; None where the gradient is constant, or fails."""
    size, t = np.where(table.x == 0.0, 1.0, np.abs(table.x)), table.copy()
    t.x += BESIDE * size * np.random.default_rng(0).normal(size=len(size))
    with suppress(ValueError):
        t.given = problem.grad(t.x)
        wide, t.numeric = (_central(problem, t.x, c * STEP * size) for c in (2.0, 1.0))
        # Halving the step removes most of its error; the roundings are those of the ladder.
        t.noise = np.abs(wide - t.numeric) + 4.0 * problem.rounding / (STEP * size)
        t.allowed = t.noise + SAME_RATIO * np.maximum(np.abs(t.given), np.abs(t.numeric))
        if np.isfinite([t.given, wide]).all() and np.any(t.given != table.given):
            return t
    return None


def _central(problem: Problem, x: Floats, h: Floats) -> Floats:
    return np.array([problem.f(x + move) - problem.f(x - move) for move in np.diag(h)]) / (2.0 * h)


def is_chance(m: Table, n_fitted: int) -> bool:
    """Whether unrelated numbers could fit, of which so many were made to fit."""
    chances = np.minimum(1.0, m.allowed / np.abs(m.given - m.numeric))
    return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


def fits(m: Table, every: Table, beside: Table | None) -> list[tuple[str, str, Floats]]:
    """Return family, words and multiples of the patterns with the fewest free numbers that hold.

    They are looked for in the rows `m` of all.
    """
    tables, found = [t for t in (every, beside) if t is not None], dict[str, Any]()
    both = np.concatenate([t[m.at] for t in tables]).view(np.recarray)
    for family, words, base, columns in _patterns(both, _weights(m, tables)):
        fit = _solve(both, base, columns)
        if fit is None or (family == "scale" and np.isclose(fit[0], [0.0, 1.0]).any()):
            continue
        is_evident = bool(family == "scale" and np.isclose(fit[0], EVIDENT_RATIOS).any())
        free = int(np.count_nonzero(fit)) - is_evident
        if not is_chance(m, free):
            text = words.format(_fraction(fit[0]) if family == "scale" else _listed(family, fit))
            found.setdefault(text, (free, family, text, fit))
    fewest = min((free for free, *_ in found.values()), default=0)
    return [tuple(fit) for free, *fit in found.values() if free == fewest]


def _patterns(m: Table, weights: dict[str, Floats]) -> Iterator[tuple[str, str, Floats, ArrayLike]]:
    """Yield family, words, base and columns; `weights` are one of another field for each unit."""
    d, x, one = m.numeric, m.x, np.ones_like(m.x)
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


def _listed(family: str, fit: Floats) -> str:
    numbers = fit[:1] if family == "factor" else fit
    return " and ".join(dict.fromkeys(f"{number:.4g}" for number in numbers))


def _fraction(ratio: float) -> str:
    parts = round(1.0 / ratio)
    is_part = abs(parts) > 1 and np.isclose(ratio * parts, 1.0)
    return f"{np.sign(parts)}/{abs(parts)}" if is_part else f"{ratio:.6g}"
