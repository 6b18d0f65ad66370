"""What kind of mistake makes a gradient differ, told from the numbers alone.

First one mistake is looked for in all that is wrong, then one in each field. If no pattern fits,
what is wrong may still be one block, or the gradient that of another loss; else it is unknown.
Each function that recognises a mistake takes the rows in question and the whole case.
"""

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.patterns import (
    EVIDENT_RATIOS,
    Table,
    fits,
    is_chance,
    is_one_of,
    is_whole,
    table_beside,
    table_of,
)  # fmt: skip
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate, Finding

WRONG = {"sign": "the sign", "scale": "a factor", "factor": "a factor",
         "regularization": "the penalty", "offset": "a term"}  # fmt: skip


class Case(NamedTuple):
    """A failed check: its numbers, and those at a point beside, if they tell anything."""

    problem: Problem
    every: Table
    beside: Table | None


@np.errstate(all="ignore")
def diagnose(judged: list[Coordinate], problem: Problem, rtol: float) -> list[Finding]:
    """Return the mistakes that fit: one in all that is wrong, or one for each wrong field.

    Of family "unknown" if nothing fits. The coordinates are in the order of the point.
    """
    every = table_of(judged, problem, rtol)
    case = Case(problem, every, table_beside(every, problem))
    wrong = every[every.status == "differs"]
    if not len(wrong) or not np.isfinite(wrong.given).all():
        return [_unknown(wrong, case)]
    if found := _first(wrong, case):
        return [found]
    parts = [wrong[wrong.fields == field] for field in dict.fromkeys(wrong.fields)]
    by_field = [_first(part, case) or _unknown(part, case) for part in parts]
    if len(parts) > 1 and any(finding.family != "unknown" for finding in by_field):
        return by_field
    guesses = [_block(wrong, case), _another_loss(wrong, case)]
    return [guess for guess in guesses if guess] or [_unknown(wrong, case)]


def _first(m: Table, case: Case) -> Finding | None:
    patterns = _multiple, _permutation, _mask
    return next((found for pattern in patterns if (found := pattern(m, case))), None)


def _multiple(m: Table, case: Case) -> Finding | None:
    """Recognise multiples; unknown where several patterns hold, and none is a plain factor."""
    found = fits(m, case.every, case.beside)
    if not found or not m.given.any():
        return None
    family, text, fit = found[0]
    ratio, where = fit[0] if family == "scale" else np.inf, place(m, case)
    if len(found) > 1 and not (is_one_of(ratio, *EVIDENT_RATIOS) or is_whole(1.0 / ratio)):
        words = ", or ".join(text for _, text, _ in found)
        text = f"the gradient is wrong in {where}: it is {words}; here these are the same"
        return Finding("unknown", text)
    family, note = "sign" if is_one_of(ratio, -1.0) else family, _note(family, text, fit)
    return Finding(family, f"{WRONG[family]} is wrong in {where}: the gradient is {text}{note}")


def _note(family: str, text: str, fit: Floats) -> str:
    """Say what a number may mean."""
    if family == "scale" and fit[0] > 0.0:
        n = max(fit[0], 1.0 / fit[0])
        one, other = ("mean", "sum") if fit[0] < 1.0 else ("sum", "mean")
        note = f", right if f were the {one} of n = {n:.0f} terms, and not their {other}"
        return note if n > 2.5 and is_whole(n) else ""
    if family != "regularization" or len(fit) > 1 or "sign" in text:
        return ""
    if fit[0] > 0.0:
        return f" (lambda = {fit[0]:.4g} added twice, or added though f has no penalty)"
    whole, twice, half = (f"{-c * fit[0]:.4g}" for c in (1.0, 2.0, 0.5))
    return f" (lambda = {whole} forgotten, {twice} halved, or {half} with the wrong sign)"


def _permutation(m: Table, case: Case) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        i, j = np.argsort(m.given - penalty * m.x), np.argsort(m.numeric - penalty * m.x)
        apart = (m.given - penalty * m.x)[i] - (m.numeric - penalty * m.x)[j]
        fits = np.abs(apart) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m) > 1 and fits.all() and not is_chance(m, n_fitted):
            here, there = ([case.problem.layout.places[k][1] for k in m.at[o]] for o in (i, j))
            what = "rows and columns" if here == [index[::-1] for index in there] else "values"
            one, other = (case.problem.layout.names[m.at[order[0]]] for order in (i, j))
            text = f"{what} changed places in {place(m, case)}: {one} holds the value of {other}"
            return Finding("permutation", text)
    return None


def _mask(m: Table, case: Case) -> Finding | None:
    """Recognise zeros that should be none, numbers that should be 0, and nothing else."""
    if not case.every.given.any():
        return Finding("zeros", "the gradient is 0 everywhere")
    missing, extra = m.given == 0.0, np.abs(m.numeric) <= m.noise
    if not (missing.all() or ("agrees" in case.every.status and np.all(missing | extra))):
        return None
    parts = ((missing, "is 0 in {}, and should not be"), (extra, "should be 0 in {}, and is not"))
    texts = [f"the gradient {text}".format(place(m[k], case)) for k, text in parts if k.any()]
    return Finding("mask", "; ".join(texts))


def _block(m: Table, case: Case) -> Finding | None:
    """Recognise one field that is wrong alone, or the same whole units of some fields."""
    right, fields = case.every[case.every.status == "agrees"], list(dict.fromkeys(m.fields))
    others = set(right.fields) - set(fields)
    spared = np.isin(right.fields, fields) & np.isin(right.units, m.units)
    whole_units = len(m) > 2 and len(fields) <= len(others) and not spared.any()
    if not others or not (len(fields) == 1 or whole_units):
        return None
    only = f"only {' and '.join(fields)} {'is' if len(fields) == 1 else 'are'} wrong"
    where = place(m, case) if len(m) <= 3 else f"{len(m)} coordinates"
    text = f"{only}: in {where}; the other {len(right)} that were seen agree"
    return Finding("block", text)


def _another_loss(m: Table, case: Case) -> Finding | None:
    """Recognise the gradient of another function: its own derivatives are symmetric."""
    x, grad = case.every.x, case.problem.grad
    steps = 2.0**-17 * max(1.0, np.max(np.abs(x))) * np.eye(len(x))
    with suppress(ValueError):
        slopes = np.array([grad(x + step) - grad(x - step) for step in steps])
        across = slopes - np.diag(np.diag(slopes))  # on the diagonal it is a matter of course
        if (
            np.max(np.abs(across - across.T))
            <= 1e-6 * np.max(np.abs(slopes))
            < np.max(np.abs(across))
        ):
            text = "it is consistent with itself (its derivatives are symmetric), but not with f"
            return Finding("other loss", f"the gradient belongs to another loss: {text}")
    return None


def _unknown(m: Table, case: Case) -> Finding:
    if not len(m):
        return Finding("unknown", "the gradient is wrong at points beside the kink alone")
    if not (finite := np.isfinite(m.given)).all():
        where = place(m[~finite], case)
        return Finding("unknown", f"the gradient is NaN or infinite in {where}")
    errors = np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric))
    text = f"with relative errors of up to {np.max(errors):.2g}, in no known pattern"
    return Finding("unknown", f"the gradient is wrong in {place(m, case)}, {text}")


def place(m: Table, case: Case) -> str:
    """Say where: the row or column of a matrix, or the names if they are few, or the fields."""
    places = case.problem.layout.places
    field, index = places[m.at[0]]
    for axis, line in enumerate(("{}[{}, :]", "{}[:, {}]") if len(index) == 2 else ()):
        whole = [k for k, (f, i) in enumerate(places) if f == field and i[axis] == index[axis]]
        if len(whole) > 1 and m.at.tolist() == whole:
            return line.format(field, index[axis])
    if len(m) <= 3:
        return ", ".join(case.problem.layout.names[k] for k in m.at)
    return f"{len(m)} coordinates of {', '.join(dict.fromkeys(m.fields))}"
