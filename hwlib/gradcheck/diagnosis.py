"""What kind of mistake makes a gradient differ, told from the numbers alone.

One function recognises each family. A pattern counts only if unrelated numbers would hardly
fit it by chance; else the answer is that the mistake is unknown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.noise import MACHINE_EPSILON
from hwlib.gradcheck.report import Coordinate, Finding

MOST_CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""

SAME_RATIO = 1e-5
"""Two ratios that are no farther apart are one."""

EVIDENT_RATIOS = np.array([-1.0, 2.0, 0.5])
"""Ratios that are no coincidence even where they are seen once; any other must return."""


class Mismatch(NamedTuple):
    """The coordinates in which a gradient differs, in the order of the point.

    Attributes
    ----------
    names : ndarray of str
    x, given, numeric : ndarray
        The point, the gradient under test, and its estimate by finite differences.
    allowed : ndarray
        The difference from the given one that would still be an agreement, above 0.
    is_zero : ndarray of bool
        Whether the estimate cannot be told from 0.
    agreeing : list of str
        Names of the coordinates in which the gradient agrees, and is not 0.
    """

    names: NDArray[np.str_]
    x: Floats
    given: Floats
    numeric: Floats
    allowed: Floats
    is_zero: NDArray[np.bool_]
    agreeing: list[str]


@np.errstate(all="ignore")
def diagnose(coordinates: list[Coordinate], x: Floats, rtol: float) -> tuple[Finding, ...]:
    """Return the kinds of mistake that fit, likeliest first.

    Parameters
    ----------
    coordinates : list of Coordinate
        In the order of the point.
    x : ndarray, shape (p,)
        The point.
    rtol : float

    Returns
    -------
    tuple of Finding
        Each family at most once; one finding of family "unknown" if nothing fits.
    """
    wrong = [k for k, c in enumerate(coordinates) if c.status == "differs"]
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in coordinates])[wrong].T
    allowed = noise + max(rtol, 16.0 * MACHINE_EPSILON) * np.maximum(abs(given), abs(numeric))
    names = np.array([c.name for c in coordinates])[wrong]
    agreeing = [c.name for c in coordinates if c.status == "agrees"]
    m = Mismatch(names, x[wrong], given, numeric, allowed, abs(numeric) <= noise, agreeing)
    if not (wrong and np.isfinite(given).all()):
        return (_unknown(m),)
    families = (_sign_or_scale, _regularization, _permutation, _mask, _block)
    found = [finding for recognise in families if (finding := recognise(m))]
    return tuple(found) or (_unknown(m),)


def _sign_or_scale(m: Mismatch) -> Finding | None:
    """Recognise a constant ratio of gradient and derivative; a right penalty is set aside."""
    for penalties in ([], _by_group(m.x, [_field(name) for name in m.names])):
        fit = _fit(m, m.given, [m.numeric, *penalties])
        if fit is None or min(abs(fit[0]), abs(fit[0] - 1.0)) <= SAME_RATIO:
            continue
        evident = np.min(np.abs(fit[0] - EVIDENT_RATIOS)) < SAME_RATIO
        if _by_chance(m, n_fitted=len(penalties) if evident else len(fit)):
            continue
        text = f"the gradient is {_as_fraction(fit[0])} times the derivative"
        text += ", beside a multiple of the parameter" if penalties else ""
        is_sign = abs(fit[0] + 1.0) < SAME_RATIO
        family, what = ("sign", "the sign") if is_sign else ("scale", "a factor")
        return Finding(family, f"{what} is wrong in {_place(m.names)}: {text}")
    return None


def _regularization(m: Mismatch) -> Finding | None:
    """Recognise a difference that is a multiple of the parameter, for all or unit by unit."""
    for parameters in ([m.x], _by_group(m.x, [_unit(name) for name in m.names])):
        fit = _fit(m, m.given - m.numeric, parameters)
        if fit is None or _by_chance(m, n_fitted=len(fit)):
            continue
        times = " and ".join(dict.fromkeys(f"{number:.4g}" for number in fit))
        text = f"the gradient is off by {times} times the parameter"
        if len(fit) == 1 and fit[0] < 0.0:
            text += f" (lambda = {-fit[0]:.4g} forgotten, or {-fit[0] / 2:.4g} with the wrong sign)"
        return Finding("regularization", f"the penalty is wrong in {_place(m.names)}: {text}")
    return None


def _permutation(m: Mismatch) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        i, j = np.argsort(given), np.argsort(numeric)
        fits = np.abs(given[i] - numeric[j]) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m.names) > 1 and fits.all() and not _by_chance(m, n_fitted):
            text = f"{m.names[i[0]]} holds the value of {m.names[j[0]]}"
            return Finding("permutation", f"values changed places in {_place(m.names)}: {text}")
    return None


def _mask(m: Mismatch) -> Finding | None:
    """Recognise zeros where there should be none, or the reverse, and nothing else."""
    missing = m.given == 0.0
    if not m.agreeing or not np.all(missing | m.is_zero):
        return None
    forgotten = f"the gradient is 0 in {_place(m.names[missing])}, and should not be"
    unmasked = f"the gradient should be 0 in {_place(m.names[m.is_zero])}, and is not"
    texts = {forgotten: missing.any(), unmasked: m.is_zero.any()}
    return Finding("mask", "; ".join(text for text, holds in texts.items() if holds))


def _block(m: Mismatch) -> Finding | None:
    """Recognise one field that is wrong alone, or the same whole units of some fields."""
    fields, units = dict.fromkeys(map(_field, m.names)), set(map(_unit, m.names))
    other_fields = set(map(_field, m.agreeing)) - set(fields)
    spared = [name for name in m.agreeing if _field(name) in fields and _unit(name) in units]
    whole_units = len(m.names) > 2 and len(fields) <= len(other_fields) and not spared
    if not other_fields or not (len(fields) == 1 or whole_units):
        return None
    only = f"only {' and '.join(fields)} {'is' if len(fields) == 1 else 'are'} wrong"
    where = _place(m.names) if len(m.names) <= 3 else f"{len(m.names)} coordinates"
    return Finding("block", f"{only}: in {where}; the other {len(m.agreeing)} that were seen agree")


def _unknown(m: Mismatch) -> Finding:
    if not m.names.size:
        return Finding("unknown", "the gradient is wrong at points beside the kink alone")
    bad = m.names[~np.isfinite(m.given)]
    if bad.size:
        return Finding("unknown", f"the gradient is NaN or infinite in {_place(bad)}")
    errors = np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric))
    text = f"with relative errors of up to {np.max(errors):.2g}, in no known pattern"
    return Finding("unknown", f"the gradient is wrong in {_place(m.names)}, {text}")


def _fit(m: Mismatch, target: Floats, columns: list[Floats]) -> Floats | None:
    """Return the multiples of the columns that add up to the target, if they do."""
    A, b = np.stack(columns, axis=1) / m.allowed[:, None], target / m.allowed
    sizes = np.linalg.norm(A, axis=0)
    if not (np.isfinite(sizes).all() and np.all(sizes > 0.0) and np.isfinite(b).all()):
        return None
    multiples, _, rank, _ = np.linalg.lstsq(A / sizes, b, rcond=1e-5)
    if rank < len(columns) or np.any(np.abs(A / sizes @ multiples - b) > 1.0):
        return None
    return np.asarray(multiples / sizes, dtype=np.float64)


def _by_chance(m: Mismatch, n_fitted: int) -> bool:
    """Whether unrelated numbers could fit, of which so many were made to fit."""
    chances = np.minimum(1.0, m.allowed / np.abs(m.given - m.numeric))
    return bool(np.prod(np.sort(chances)[n_fitted:]) > MOST_CHANCE)


def _by_group(x: Floats, groups: list[str]) -> list[Floats]:
    """Return the parameters of each group, with 0 elsewhere; groups that are 0 are left out."""
    keys = np.array(groups)
    return [np.where(keys == key, x, 0.0) for key in dict.fromkeys(keys[x != 0.0])] or [x]


def _field(name: str) -> str:
    return name.partition("[")[0]


def _unit(name: str) -> str:
    """Return the last index of a coordinate: W_hidden[0, 2] is of unit 2."""
    return name.partition("[")[2].rstrip("]").split(", ")[-1]


def _place(names: NDArray[np.str_]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{len(names)} coordinates of {', '.join(dict.fromkeys(map(_field, names)))}"


def _as_fraction(ratio: float) -> str:
    parts = round(1.0 / ratio)
    is_part = abs(parts) > 1 and abs(ratio * parts - 1.0) < SAME_RATIO
    return f"{np.sign(ratio):.0f}/{abs(parts)}" if is_part else f"{ratio:.6g}"
