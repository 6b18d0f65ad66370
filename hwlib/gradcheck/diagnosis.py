"""What kind of mistake makes a gradient differ, told from the numbers alone.

A pattern counts only if unrelated numbers would hardly fit it by chance; else the answer is
that the mistake is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from hwlib._arrays import Floats

CHANCE = 1e-5
"""Unrelated numbers fit a pattern that is named less often than this."""

TELLING = np.array([-1.0, 2.0, 0.5])


class Finding(NamedTuple):
    """A kind of mistake that fits the numbers.

    Attributes
    ----------
    family : str
        "sign", "scale", "regularization", "mask", "permutation", "block" or "unknown".
    evidence : str
        A sentence with the numbers that speak for it.
    equation : str
        The label of the equation to reread; empty where no candidate names it.
    """

    family: str
    evidence: str
    equation: str = ""


class Mismatch(NamedTuple):
    """The coordinates in which a gradient differs, in the order of the point.

    Attributes
    ----------
    names : tuple of str
    x, given, numeric : ndarray
        The point, the gradient under test, and its estimate by finite differences.
    allowed : ndarray
        The difference from the given one that would still be an agreement, above 0.
    zero : ndarray of bool
        Whether the estimate cannot be told from 0.
    """

    names: tuple[str, ...]
    x: Floats
    given: Floats
    numeric: Floats
    allowed: Floats
    zero: Any

    @property
    def keys(self) -> Any:
        """The field of each coordinate, and its last index."""
        return np.array([_split(name) for name in self.names]).T


@np.errstate(all="ignore")
def diagnose(m: Mismatch, agreeing: Sequence[str]) -> tuple[Finding, ...]:
    """Return the kinds of mistake that fit, likeliest first.

    Parameters
    ----------
    m : Mismatch
    agreeing : sequence of str
        Names of the coordinates in which the gradient agrees, and is not 0.

    Returns
    -------
    tuple of Finding
        Each family at most once; one finding of family "unknown" if nothing fits.
    """
    if not m.names:
        return (Finding("unknown", "the gradient differs at points beside the kink alone"),)
    if not np.isfinite(m.given).all():
        bad = np.array(m.names)[~np.isfinite(m.given)]
        return (Finding("unknown", f"the gradient is NaN or infinite in {_place(bad)}"),)
    found: dict[str, Finding] = {}
    for finding in _patterns(m, agreeing):
        found.setdefault(finding.family, finding)
    errors = np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric))
    size = f"by up to {np.max(errors):.2g} of the size, in no known pattern"
    unknown = Finding("unknown", f"the gradient differs in {_place(m.names)} {size}")
    return tuple(found.values()) or (unknown,)


def _patterns(m: Mismatch, agreeing: Sequence[str]) -> Iterator[Finding]:
    yield from _proportions(m)
    yield from _new_order(m)
    if agreeing:
        yield from _zeros(m)
        yield from _block(m, agreeing)


def _proportions(m: Mismatch) -> Iterator[Finding]:
    by_field, by_unit = (
        [m.x * (keys == key) for key in dict.fromkeys(keys[m.x != 0.0])] for keys in m.keys
    )
    # A constant ratio; or one beside which each field has a multiple of the parameter.
    for shares in ([], by_field):
        c = _solve(m, m.given, m.numeric, *shares)
        if c is not None and min(abs(c[0]), abs(c[0] - 1.0)) > CHANCE:
            text = f"the gradient is {_ratio(c[0])} times the derivative in {_place(m.names)}"
            text += ", beside a multiple of the parameter" if shares else ""
            yield Finding("sign" if abs(c[0] + 1.0) < CHANCE else "scale", text)
            break
    # A difference that is a multiple of the parameter, for all or unit by unit.
    for shares in ([m.x], by_unit or [m.x]):
        c = _solve(m, m.given - m.numeric, *shares)
        if c is not None:
            times = " and ".join(dict.fromkeys(f"{number:.4g}" for number in c))
            text = f"the gradient is off by {times} times the parameter in {_place(m.names)}"
            if len(c) == 1 and c[0] < 0.0:
                text += f": lambda = {-c[0]:.4g} forgotten, or {-c[0] / 2:.4g} with the wrong sign"
            yield Finding("regularization", text)


def _new_order(m: Mismatch) -> Iterator[Finding]:
    # The right numbers in other places. A penalty may have stayed in its place: as a new order
    # keeps the sum of squares, that sum tells how much of the parameter is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for free, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        i, j = np.argsort(given), np.argsort(numeric)
        fits = np.abs(given[i] - numeric[j]) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m.names) > 1 and fits.all() and not _by_chance(m, free):
            text = f"{m.names[i[0]]} holds the value of {m.names[j[0]]}"
            yield Finding("permutation", f"the values in {_place(m.names)} change places: {text}")
            break


def _zeros(m: Mismatch) -> Iterator[Finding]:
    # Zeros where there should be none, or the reverse, and nothing else.
    names, missing = np.array(m.names), m.given == 0.0
    if np.all(missing | m.zero):
        texts = [f"the gradient is 0 in {_place(names[missing])}, the derivative is not"]
        texts += [f"the derivative is 0 in {_place(names[m.zero])}, the gradient is not"]
        yield Finding("mask", "; ".join(texts[not missing.any() : 1 + m.zero.any()]))


def _block(m: Mismatch, agreeing: Sequence[str]) -> Iterator[Finding]:
    # One field alone, or the same whole columns of some fields.
    fields, units = (set(keys) for keys in m.keys)
    right = [_split(name) for name in agreeing]
    others = {field for field, _ in right} - fields
    spared = any(field in fields and unit in units for field, unit in right)
    whole = len(m.names) > 2 and len(fields) <= len(others) and not spared
    if others and (len(fields) == 1 or whole):
        text = f"in {_place(m.names)} alone; the other {len(right)} that were seen agree"
        yield Finding("block", f"the gradient differs {text}")


def _solve(m: Mismatch, target: Floats, *columns: Floats) -> Floats | None:
    """Return the multiples of the columns that add up to the target, if they do."""
    A, b = np.stack(columns, axis=1) / m.allowed[:, None], target / m.allowed
    sizes = np.linalg.norm(A, axis=0)
    if not (np.isfinite(sizes).all() and np.all(sizes > 0.0) and np.isfinite(b).all()):
        return None
    c, _, rank, _ = np.linalg.lstsq(A / sizes, b, rcond=CHANCE)
    fits = rank == len(c) and np.all(np.abs(A / sizes @ c - b) <= 1.0)
    c = np.asarray(c / sizes, dtype=np.float64)
    # A ratio of -1, 2 or 1/2 speaks for itself; any other must return.
    told = columns[0] is m.numeric and np.abs(c[0] - TELLING).min() < CHANCE
    return c if fits and not _by_chance(m, len(c) - told) else None


def _by_chance(m: Mismatch, free: int) -> bool:
    """Whether unrelated numbers could fit, if so many of them were made to."""
    luck = np.minimum(1.0, m.allowed / np.abs(m.given - m.numeric))
    return bool(np.prod(np.sort(luck)[free:]) > CHANCE)


def _split(name: str) -> tuple[str, str]:
    """Return the field of a coordinate and its last index: W_hidden[0, 2] is of unit 2."""
    field, _, index = name.partition("[")
    return field, index.rstrip("]").split(", ")[-1]


def _place(names: Any) -> str:
    fields = ", ".join(dict.fromkeys(_split(name)[0] for name in names))
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} coordinates of {fields}"


def _ratio(a: float) -> str:
    whole = round(1.0 / a)
    is_part = abs(whole) > 1 and abs(a * whole - 1.0) < CHANCE
    return f"{np.sign(a):.0f}/{abs(whole)}" if is_part else f"{a:.6g}"
