"""Patterns of numbers that tell a mistake: each function returns a finding, or None.

A pattern counts only if unrelated numbers would hardly fit it by chance, and if it holds at a
point beside, too. Where several fit all the same, none is named.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.layout import Problem
from hwlib.gradcheck.noise import MACHINE_EPSILON
from hwlib.gradcheck.report import Coordinate, Finding
from hwlib.gradcheck.step_ladder import slope_along

MOST_CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""

SAME_RATIO = 1e-5
"""Two ratios that are no farther apart are one."""

EVIDENT_RATIOS = np.array([-1.0, 2.0, 0.5])
"""Ratios that are no coincidence even where they are seen once; any other must return."""

Columns: TypeAlias = Callable[[Floats], list[Floats]]  # what a pattern adds multiples of, at x

ONE_NUMBER: tuple[tuple[str, str, Columns], ...] = (
    ("scale", "{} times the derivative", lambda x: []),
    ("regularization", "off by {} times the parameter", lambda x: [x]),
    ("regularization", "off by {} times the sign of the parameter",
     lambda x: [np.sign(x)] if x.size > 2 and min(x) < 0.0 < max(x) else []),
    ("offset", "off by a constant {}", lambda x: [np.ones_like(x)]),
)  # fmt: skip
"""What one number can explain: family, how the gradient is wrong, and the columns."""

WRONG = {"sign": "the sign", "scale": "a factor", "regularization": "the penalty",
         "offset": "a term"}  # fmt: skip


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

    def where(self, mask: NDArray[np.bool_]) -> Numbers:
        """Return some of the coordinates."""
        return Numbers(*(array[mask] for array in self))


class Case(NamedTuple):
    """A check that failed: all coordinates, and a point beside with the gradient given there.

    The latter is None where the gradient is constant and tells nothing new.
    """

    problem: Problem
    every: Numbers
    beside: tuple[Floats, Floats] | None


def numbers_of(coordinates: list[Coordinate], x: Floats, rtol: float) -> Numbers:
    """Return the coordinates of a check at x, in the order of the point."""
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in coordinates]).T
    allowed = noise + max(rtol, 16.0 * MACHINE_EPSILON) * np.maximum(abs(given), abs(numeric))
    names = [c.name for c in coordinates]
    fields, units = [field(name) for name in names], [(index(name) or [""])[-1] for name in names]
    agrees = np.array([c.status == "agrees" for c in coordinates])
    return Numbers(np.arange(len(x)), np.array(names), np.array(fields), np.array(units), x, given,
                   numeric, allowed, abs(numeric) <= noise, agrees)  # fmt: skip


def look_beside(problem: Problem) -> tuple[Floats, Floats] | None:
    """Return a point close by, less regular, and the gradient given there, if it is another."""
    r = np.random.default_rng(0).normal(size=len(problem.x))
    x = problem.x + 2.0**-10 * r * np.where(problem.x == 0.0, 1.0, problem.x)
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


def one_number(m: Numbers, case: Case) -> Finding | None:
    """Recognise a ratio, a penalty or an offset; unknown where they cannot be told apart."""
    fits = [(entry, _explain(m, case, entry[2], entry[0] == "scale")) for entry in ONE_NUMBER]
    found = [(family, how, float(fit[0])) for (family, how, _), fit in fits if fit is not None]
    families = {family for family, _, _ in found}
    if not found or (m.is_zero.all() and np.ptp(m.given) == 0.0):
        return None
    if len(families) == 1 or _is_plain(found[0][2], "offset" in families):
        return _named(*found[0], m, case)
    ways = ", or ".join(how.format(_written(number, family)) for family, how, number in found)
    text = f"the gradient is wrong in {place(m, case)}: it is {ways}; here these are the same"
    return Finding("unknown", text)


def several_numbers(m: Numbers, case: Case) -> Finding | None:
    """Recognise a ratio beside penalties that are right, or a penalty unit by unit."""
    scaled = _explain(m, case, _by_group(m.fields, m.x), scaled=True)
    if scaled is not None:
        how = "{} times the derivative, beside a multiple of the parameter"
        return _named("scale", how, float(scaled[0]), m, case)
    by_unit = _explain(m, case, _by_group(m.units, m.x), scaled=False)
    if by_unit is None or _explain(m, case, _by_group(m.units, m.x, np.sign), False) is not None:
        return None
    times = " and ".join(dict.fromkeys(f"{number:.4g}" for number in by_unit))
    text = f"the gradient is off by {times} times the parameter"
    return Finding("regularization", f"the penalty is wrong in {place(m, case)}: {text}")


def unit_factors(m: Numbers, case: Case) -> Finding | None:
    """Recognise a weight that is missing in each unit's part, is in it twice, or was stepped."""
    units = list(dict.fromkeys(m.units))
    parts = [np.where(m.units == unit, m.numeric, 0.0) for unit in units]
    for penalized in ("", *dict.fromkeys(m.fields)):  # its penalty is right, whatever the factor
        inside = np.where(m.fields == penalized, m.x, 0.0)
        fit = _solve(m, m.given, parts + _by_group(m.units, inside)(inside))
        if fit is not None and len(units) > 1 and not _by_chance(m, len(fit)):
            ratios = fit[: len(units)]
            for field in dict.fromkeys(case.every.fields[~np.isin(case.every.fields, m.fields)]):
                w = case.every.where(case.every.fields == field)
                k = [n for unit in units for n in np.flatnonzero(w.units == unit)]
                way = _way(ratios, w.x[k], w.numeric[k]) if len(k) == len(units) else ""
                if way:
                    text = f"{field} is {way}, by which each unit is wrong in {place(m, case)}"
                    return Finding("factor", text)
    return None


def _way(ratios: Floats, w: Floats, grad: Floats) -> str:
    """Say what became of the weights w, if it explains the ratios."""
    steps = (1.0 - ratios) * w / grad
    close = SAME_RATIO / np.minimum(1.0, np.abs(1.0 - ratios))  # a step may be small
    ways = {"forgotten": ratios * w, "taken twice": ratios / w,
            f"used after a step of {steps[0]:.3g}": steps / steps[0]}  # fmt: skip
    fits = (way for way, ones in ways.items() if np.all(np.abs(ones - 1.0) < close))
    return next(fits, "") if np.prod(close[1:]) < MOST_CHANCE else ""


def derived(m: Numbers, case: Case) -> Finding | None:
    """Recognise what is made of the derivative and the parameter without a free number."""
    images = {"the square of the derivative": m.numeric**2,
              "the derivative times the parameter": m.numeric * m.x,
              "the derivative divided by the parameter": m.numeric / m.x}  # fmt: skip
    for what, image in images.items():
        if np.all(np.abs(m.given - image) <= m.allowed) and not _by_chance(m, 0):
            return Finding(
                "factor", f"a factor is wrong in {place(m, case)}: the gradient is {what}"
            )
    return None


def permutation(m: Numbers, case: Case) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        i, j = np.argsort(given), np.argsort(numeric)
        fits = np.abs(given[i] - numeric[j]) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m.names) > 1 and fits.all() and not _by_chance(m, n_fitted):
            names, others = m.names[i].tolist(), m.names[j].tolist()
            wrong = "values changed places"
            if all(
                index(name) == index(other)[::-1] for name, other in zip(names, others, strict=True)
            ):
                wrong = "rows and columns changed places"
            text = f"{names[0]} holds the value of {others[0]}"
            return Finding("permutation", f"{wrong} in {place(m, case)}: {text}")
    return None


def mask(m: Numbers, case: Case) -> Finding | None:
    """Recognise zeros where there should be none, or the reverse, and nothing else."""
    missing = m.given == 0.0
    if not case.every.agrees.any() or not np.all(missing | m.is_zero):
        return None
    texts = [f"the gradient should be 0 in {place(m.where(m.is_zero), case)}, and is not"]
    if missing.any():
        texts.insert(0, f"the gradient is 0 in {place(m.where(missing), case)}, and should not be")
    return Finding("mask", "; ".join(texts))


def _named(family: str, how: str, number: float, m: Numbers, case: Case) -> Finding:
    how, notes, n = how.format(_written(number, family)), "", max(abs(number), 1.0 / abs(number))
    if family == "scale" and number > 0.0 and n > 2.5 and abs(round(n) / n - 1.0) < SAME_RATIO:
        one, other = ("mean", "sum") if number < 1.0 else ("sum", "mean")
        notes = f", right if f were the {one} of n = {n:.0f} terms, and not their {other}"
    if "of the" not in how and family == "regularization":
        c = abs(number)
        notes = f" (lambda = {c:.4g} added twice, or added though f has no penalty)"
        if number < 0.0:
            notes = f" (lambda = {c:.4g} forgotten, {2 * c:.4g} halved, "
            notes += f"or {c / 2:.4g} with the wrong sign)"
    family = "sign" if family == "scale" and abs(number + 1.0) < SAME_RATIO else family
    text = f"the gradient is {how}{notes}"
    return Finding(family, f"{WRONG[family]} is wrong in {place(m, case)}: {text}")


def _is_plain(ratio: float, is_offset: bool) -> bool:
    """Whether a ratio is the likeliest explanation even where others fit."""
    plain = [-1.0] if is_offset else [*EVIDENT_RATIOS, 1.0 / (round(1.0 / ratio) or 1)]
    return bool(np.min(np.abs(np.array(plain) - ratio)) < SAME_RATIO * abs(ratio))


def _explain(m: Numbers, case: Case, columns: Columns, scaled: bool) -> Floats | None:
    """Return the multiples of derivative (if scaled) and columns that explain what is given."""
    target = m.given if scaled else m.given - m.numeric
    fit = _solve(m, target, [m.numeric] * scaled + columns(m.x))
    if fit is None or (scaled and min(abs(fit[0]), abs(fit[0] - 1.0)) <= SAME_RATIO):
        return None
    evident = scaled and np.min(np.abs(fit[0] - EVIDENT_RATIOS)) < SAME_RATIO
    if _by_chance(m, len(fit) - bool(evident)):
        return None
    return fit if _holds_beside(m, case, columns, fit, scaled) else None


def _holds_beside(m: Numbers, case: Case, columns: Columns, fit: Floats, scaled: bool) -> bool:
    """Whether the multiples explain the gradient at a point beside, along random directions."""
    if case.beside is None:
        return True
    x, grad = case.beside
    ratio, multiples = (fit[0], fit[1:]) if scaled else (1.0, fit)
    terms = [c * column for c, column in zip(multiples, columns(x[m.at]), strict=True)]
    for v in np.random.default_rng(1).normal(size=(3, len(m.at))):
        direction = np.zeros_like(x)
        direction[m.at] = v
        with suppress(ValueError):  # f may be undefined there
            slope = slope_along(case.problem, x, direction)
            given, explained = grad[m.at] @ v, ratio * slope.value + sum(term @ v for term in terms)
            allowed = 2.0**-13 * abs(given - slope.value) + abs(ratio) * slope.noise
            if abs(given - explained) > allowed + 1e-9 * abs(given):
                return False
    return True


def _solve(m: Numbers, target: Floats, columns: list[Floats]) -> Floats | None:
    """Return the multiples of the columns that add up to the target, if they do."""
    if not columns:
        return None
    A, b = np.stack(columns, axis=1) / m.allowed[:, None], target / m.allowed
    sizes = np.linalg.norm(A, axis=0)
    if not (np.isfinite(sizes).all() and np.all(sizes > 0.0) and np.isfinite(b).all()):
        return None
    multiples, _, rank, _ = np.linalg.lstsq(A / sizes, b, rcond=1e-5)
    if rank < len(columns) or np.any(np.abs(A / sizes @ multiples - b) > 1.0):
        return None
    return np.asarray(multiples / sizes, dtype=np.float64)


def _by_chance(m: Numbers, n_fitted: int) -> bool:
    """Whether unrelated numbers could fit, of which so many were made to fit."""
    chances = np.minimum(1.0, m.allowed / np.abs(m.given - m.numeric))
    return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


def _by_group(
    groups: NDArray[np.str_], x: Floats, of: Callable[[Floats], Floats] = np.copy
) -> Columns:
    """Return a column for each group that is not 0 at x, with 0 elsewhere."""
    keys = list(dict.fromkeys(groups[x != 0.0]))
    return lambda x: [np.where(groups == key, of(x), 0.0) for key in keys]


def index(name: str) -> list[str]:
    """Return the indices of a coordinate: of W[0, 2], 0 and 2."""
    return name.rpartition("[")[2].rstrip("]").split(", ") if "[" in name else []


def field(name: str) -> str:
    """Return the field of a coordinate: of W[0, 2], W."""
    return name.rpartition("[")[0] or name


def place(m: Numbers, case: Case) -> str:
    """Say where: by names if they are few, else by row or column of a matrix, or by fields."""
    first, every = m.names[0], case.every.names
    if len(m.names) > 1 and len(set(m.fields)) == 1 and len(index(first)) == 2:
        for axis, words in enumerate(("{}[{}, :]", "{}[:, {}]")):
            line = [
                n
                for n in every
                if field(n) == field(first) and index(n)[axis] == index(first)[axis]
            ]
            if line == m.names.tolist():
                return words.format(field(first), index(first)[axis])
    if len(m.names) <= 3:
        return ", ".join(m.names)
    return f"{len(m.names)} coordinates of {', '.join(dict.fromkeys(m.fields))}"


def _written(ratio: float, family: str) -> str:
    parts = round(1.0 / ratio)
    if family != "scale":
        return f"{ratio:.4g}"
    is_part = abs(parts) > 1 and abs(ratio * parts - 1.0) < SAME_RATIO
    return f"{np.sign(ratio):.0f}/{abs(parts)}" if is_part else f"{ratio:.6g}"
