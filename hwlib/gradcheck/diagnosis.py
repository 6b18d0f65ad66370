"""What kind of mistake makes a gradient differ, told from the numbers alone.

First one mistake is looked for in all that is wrong, then one in each field. If no pattern fits,
what is wrong may still be one block, or the gradient that of another loss; else it is unknown.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck import multiples, patterns
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.patterns import Case, Numbers, place
from hwlib.gradcheck.report import Coordinate, Finding

PATTERNS = (patterns.zeros, multiples.multiple, multiples.unit_factors, patterns.derived,
            patterns.permutation, patterns.mask)  # fmt: skip
"""Likeliest first: those with fewer free numbers."""


@np.errstate(all="ignore")
def diagnose(coordinates: list[Coordinate], problem: Problem, rtol: float) -> tuple[Finding, ...]:
    """Return the mistakes that fit: one in all that is wrong, or one for each wrong field.

    Parameters
    ----------
    coordinates : list of Coordinate
        In the order of the point.
    problem : Problem
    rtol : float

    Returns
    -------
    tuple of Finding
        At least one; of family "unknown" if nothing fits.
    """
    every = patterns.numbers_of(coordinates, problem.x, rtol)
    wrong = every.where(np.array([c.status == "differs" for c in coordinates]))
    case = Case(problem, every, patterns.look_beside(problem))
    if not wrong.at.size or not np.isfinite(wrong.given).all():
        return (_unknown(wrong, case),)
    found = _first(wrong, case)
    if found:
        return (found,)
    parts = [wrong.where(wrong.fields == field) for field in dict.fromkeys(wrong.fields)]
    by_field = [(part, _first(part, case)) for part in parts]
    if len(parts) > 1 and any(found and found.family != "unknown" for _, found in by_field):
        return tuple(found or _unknown(part, case) for part, found in by_field)
    guesses = patterns.block(wrong, case), _another_loss(wrong, case)
    return tuple(guess for guess in guesses if guess) or (_unknown(wrong, case),)


def _first(m: Numbers, case: Case) -> Finding | None:
    return next((found for pattern in PATTERNS if (found := pattern(m, case))), None)


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
    if not m.names.size:
        return Finding("unknown", "the gradient is wrong at points beside the kink alone")
    bad = ~np.isfinite(m.given)
    if bad.any():
        text = f"the gradient is NaN or infinite in {place(m.where(bad), case)}"
        return Finding("unknown", text)
    errors = np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric))
    text = f"with relative errors of up to {np.max(errors):.2g}, in no known pattern"
    return Finding("unknown", f"the gradient is wrong in {place(m, case)}, {text}")
