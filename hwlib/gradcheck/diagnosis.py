"""What kind of mistake makes a gradient differ, told from the numbers alone.

First one mistake is looked for in all that is wrong, then one in each field. If no pattern fits,
what is wrong may still be one block, or the gradient that of another loss; else it is unknown.
Each function that recognises a mistake takes the coordinates in question and the whole case, and
returns a finding, or None. A pattern counts only if unrelated numbers would hardly fit it.
"""

from contextlib import suppress

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck.multiples import multiple
from hwlib.gradcheck.numbers import Case, Numbers, numbers_beside, numbers_of, place
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate, Finding


@np.errstate(all="ignore")
def diagnose(judged: list[Coordinate], problem: Problem, rtol: float) -> list[Finding]:
    """Return the mistakes that fit: one in all that is wrong, or one for each wrong field.

    Of family "unknown" if nothing fits. The coordinates are in the order of the point.
    """
    every = numbers_of(judged, problem, rtol)
    wrong, case = every.where(every.status == "differs"), None
    case = Case(problem, every, numbers_beside(problem, every))
    if not wrong.at.size or not np.isfinite(wrong.given).all():
        return [_unknown(wrong, case)]
    parts = [wrong.where(wrong.fields == field) for field in dict.fromkeys(wrong.fields)]
    if found := _first(wrong, case):
        return [found]
    by_field = [(part, _first(part, case)) for part in parts]
    if len(parts) > 1 and any(found and found.family != "unknown" for _, found in by_field):
        return [found or _unknown(part, case) for part, found in by_field]
    guesses = [_block(wrong, case), _another_loss(wrong, case)]
    return [guess for guess in guesses if guess] or [_unknown(wrong, case)]


def _first(m: Numbers, case: Case) -> Finding | None:
    patterns = multiple, _permutation, _mask
    return next((found for pattern in patterns if (found := pattern(m, case))), None)


def _permutation(m: Numbers, case: Case) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        i, j = np.argsort(given), np.argsort(numeric)
        fits = np.abs(given[i] - numeric[j]) <= np.maximum(m.allowed[i], m.allowed[j])
        if len(m.at) > 1 and fits.all() and not m.is_chance(n_fitted):
            here, there = ([case.problem.layout.places[k][1] for k in m.at[o]] for o in (i, j))
            what = "rows and columns" if here == [k[::-1] for k in there] else "values"
            names = [case.problem.layout.names[m.at[o[0]]] for o in (i, j)]
            text = (
                f"{what} changed places in {place(m, case)}: {' holds the value of '.join(names)}"
            )
            return Finding("permutation", text)
    return None


def _mask(m: Numbers, case: Case) -> Finding | None:
    """Recognise zeros that should be none, numbers that should be 0, and nothing else."""
    if not case.every.given.any():
        return Finding("zeros", "the gradient is 0 everywhere")
    missing, extra = m.given == 0.0, np.abs(m.numeric) <= m.noise
    if not (missing.all() or ("agrees" in case.every.status and np.all(missing | extra))):
        return None
    parts = ((missing, "is 0 in {}, and should not be"), (extra, "should be 0 in {}, and is not"))
    texts = (f"the gradient {text}".format(place(m.where(k), case)) for k, text in parts if k.any())
    return Finding("mask", "; ".join(texts))


def _block(m: Numbers, case: Case) -> Finding | None:
    """Recognise one field that is wrong alone, or the same whole units of some fields."""
    right, fields = case.every.where(case.every.status == "agrees"), list(dict.fromkeys(m.fields))
    other_fields = set(right.fields) - set(fields)
    spared = np.isin(right.fields, fields) & np.isin(right.units, m.units)
    whole_units = len(m.at) > 2 and len(fields) <= len(other_fields) and not spared.any()
    if not other_fields or not (len(fields) == 1 or whole_units):
        return None
    only = f"only {' and '.join(fields)} {'is' if len(fields) == 1 else 'are'} wrong"
    where = place(m, case) if len(m.at) <= 3 else f"{len(m.at)} coordinates"
    text = f"{only}: in {where}; the other {len(right.at)} that were seen agree"
    return Finding("block", text)


def _another_loss(m: Numbers, case: Case) -> Finding | None:
    """Recognise the gradient of another function: its own derivatives are symmetric."""
    if np.max(np.abs(m.given - m.numeric)) < 1e-3 * np.max(np.abs(case.every.given)):
        return None  # too small a mistake to break the symmetry visibly
    rng, shape = np.random.default_rng(0), (4, len(case.every.x))
    with suppress(ValueError):
        for half in rng.permuted(np.arange(shape[1]) % 2 == np.zeros(shape), axis=1):
            # Only off the diagonal is symmetry no matter of course.
            u, v = rng.normal(size=(2, *half.shape)) * [half, ~half]
            there, back = (_change(case.problem, d) for d in (u, v))
            size = 1e-5 * np.linalg.norm(there) * np.linalg.norm(v)
            if not abs(there @ v - back @ u) <= size < abs(there @ v):
                return None
        text = "it is consistent with itself (its derivatives are symmetric), but not with f"
        return Finding("other loss", f"the gradient belongs to another loss: {text}")
    return None


def _change(problem: Problem, d: Floats) -> Floats:
    h = 2.0**-17 * max(1.0, float(np.max(np.abs(problem.x))))
    return (problem.grad(problem.x + h * d) - problem.grad(problem.x - h * d)) / (2.0 * h)


def _unknown(m: Numbers, case: Case) -> Finding:
    if not m.at.size:
        return Finding("unknown", "the gradient is wrong at points beside the kink alone")
    bad = ~np.isfinite(m.given)
    if bad.any():
        text = f"the gradient is NaN or infinite in {place(m.where(bad), case)}"
        return Finding("unknown", text)
    errors = np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric))
    text = f"with relative errors of up to {np.max(errors):.2g}, in no known pattern"
    return Finding("unknown", f"the gradient is wrong in {place(m, case)}, {text}")
