"""Mistakes that are multiples: of the derivative, of the parameter, or of 1.

A pattern must also hold at a point beside. Where several hold all the same, none is named.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.patterns import MOST_CHANCE, Case, Numbers, place
from hwlib.gradcheck.report import Finding
from hwlib.gradcheck.step_ladder import slope_along

SAME_RATIO = 1e-5
"""Two ratios that are no farther apart are one."""

EVIDENT_RATIOS = np.array([-1.0, 2.0, 0.5])
"""Ratios that are no coincidence even where they are seen once; any other must return."""

Columns: TypeAlias = Callable[[Numbers, Floats], list[Floats]]  # what is added, at any x


def _by(groups: NDArray[np.str_], values: Floats, x: Floats) -> list[Floats]:
    """Return a column for each group in which the values are not 0: x there, 0 elsewhere."""
    return [np.where(groups == key, x, 0.0) for key in dict.fromkeys(groups[values != 0.0])]


# fmt: off
TRIES: tuple[tuple[tuple[str, str, Columns], ...], ...] = (
    (("scale", "{} times the derivative", lambda m, x: []),
     ("regularization", "off by {} times the parameter", lambda m, x: [x]),
     ("regularization", "off by {} times the sign of the parameter",
      lambda m, x: [np.sign(x)] if len(x) > 2 and min(x) < 0.0 < max(x) else []),
     ("offset", "off by a constant {}", lambda m, x: [np.ones_like(x)])),
    (("scale", "{} times the derivative, beside a multiple of the parameter",
      lambda m, x: _by(m.fields, m.x, x)),),
    (("regularization", "off by {} times the parameter", lambda m, x: _by(m.units, m.x, x)),
     ("offset", "off by the constants {}", lambda m, x: _by(m.units, m.x, np.ones_like(x)))),
)
"""Family, how the gradient is wrong, and the columns; those with fewer free numbers first."""
# fmt: on

WRONG = {"sign": "the sign", "scale": "a factor", "regularization": "the penalty",
         "offset": "a term"}  # fmt: skip


def multiple(m: Numbers, case: Case) -> Finding | None:
    """Recognise a ratio, a penalty or an offset; unknown where they cannot be told apart."""
    for tries in TRIES:
        fits = [
            (how, family, _explain(m, case, of, family == "scale")) for family, how, of in tries
        ]
        found = {how: (family, fit) for how, family, fit in fits if fit is not None}
        families = {family for family, _ in found.values()}
        if not found or (m.is_zero.all() and np.ptp(m.given) == 0.0):
            continue
        words = [how.format(_written(*found[how])) for how in found]
        family, fit = next(iter(found.values()))
        if len(families) > 1 and not _is_plain(family, fit[0], "offset" in families):
            text = f"{', or '.join(words)}; here these are the same"
            return Finding("unknown", f"the gradient is wrong in {place(m, case)}: it is {text}")
        family = "sign" if family == "scale" and abs(fit[0] + 1.0) < SAME_RATIO else family
        note = "" if "sign" in words[0] else _note(family, fit)
        text = f"the gradient is {words[0]}{note}"
        return Finding(family, f"{WRONG[family]} is wrong in {place(m, case)}: {text}")
    return None


def unit_factors(m: Numbers, case: Case) -> Finding | None:
    """Recognise a weight that is missing in each unit's part, is in it twice, or was stepped."""
    units = list(dict.fromkeys(m.units))
    parts = [np.where(m.units == unit, m.numeric, 0.0) for unit in units]
    for penalized in ("", *dict.fromkeys(m.fields)):  # its penalty is right, whatever the factor
        inside = np.where(m.fields == penalized, m.x, 0.0)
        fit = _solve(m, m.given, parts + _by(m.units, inside, inside))
        if fit is None or len(units) == 1 or m.by_chance(len(fit)):
            continue
        for field in dict.fromkeys(case.every.fields[~np.isin(case.every.fields, m.fields)]):
            w = case.every.where(case.every.fields == field)
            k = [n for unit in units for n in np.flatnonzero(w.units == unit)]
            way = _way(fit[: len(k)], w.x[k], w.numeric[k]) if len(k) == len(units) else ""
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


def _explain(m: Numbers, case: Case, columns: Columns, scaled: bool) -> Floats | None:
    """Return the multiples of derivative (if scaled) and columns that explain what is given."""
    fit = _solve(m, m.given - (not scaled) * m.numeric, [m.numeric] * scaled + columns(m, m.x))
    if fit is None or (scaled and min(abs(fit[0]), abs(fit[0] - 1.0)) <= SAME_RATIO):
        return None
    evident = scaled and bool(np.min(np.abs(fit[0] - EVIDENT_RATIOS)) < SAME_RATIO)
    if m.by_chance(len(fit) - evident):
        return None
    if case.beside is None:
        return fit
    (x, grad), ratio = case.beside, fit[0] if scaled else 1.0
    terms = np.dot(fit[int(scaled) :], columns(m, x[m.at])) + 0.0 * x[m.at]
    for v in np.random.default_rng(1).normal(size=(3, len(m.at))):
        direction = np.zeros_like(x)
        direction[m.at] = v
        with suppress(ValueError):  # f may be undefined there
            slope = slope_along(case.problem, x, direction)
            given, allowed = grad[m.at] @ v, abs(ratio) * slope.noise
            allowed += 2.0**-13 * abs(given - slope.value) + 1e-9 * abs(given)
            if abs(given - ratio * slope.value - terms @ v) > allowed:
                return None
    return fit


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


def _is_plain(family: str, ratio: float, is_offset: bool) -> bool:
    """Whether a ratio is the likeliest explanation even where others fit."""
    plain = [-1.0] if is_offset else [*EVIDENT_RATIOS, 1.0 / (round(1.0 / ratio) or 1)]
    return family == "scale" and bool(np.min(abs(np.array(plain) / ratio - 1.0)) < SAME_RATIO)


def _written(family: str, fit: Floats) -> str:
    if family != "scale":
        return " and ".join(dict.fromkeys(f"{number:.4g}" for number in fit))
    parts = round(1.0 / fit[0])
    is_part = abs(parts) > 1 and abs(fit[0] * parts - 1.0) < SAME_RATIO
    return f"{np.sign(parts)}/{abs(parts)}" if is_part else f"{fit[0]:.6g}"


def _note(family: str, fit: Floats) -> str:
    """Say what a number may mean."""
    size = abs(fit[0])
    n = max(size, 1.0 / size)
    if family == "scale" and fit[0] > 0.0 and n > 2.5 and abs(round(n) / n - 1.0) < SAME_RATIO:
        one, other = ("mean", "sum") if size < 1.0 else ("sum", "mean")
        return f", right if f were the {one} of n = {n:.0f} terms, and not their {other}"
    if family != "regularization" or len(fit) > 1:
        return ""
    if fit[0] > 0.0:
        return f" (lambda = {size:.4g} added twice, or added though f has no penalty)"
    half, twice = f"{size / 2:.4g}", f"{2 * size:.4g}"
    return f" (lambda = {size:.4g} forgotten, {twice} halved, or {half} with the wrong sign)"
