"""What kind of mistake makes a gradient differ, told from the numbers alone.

First one mistake is looked for in all that is wrong, then one in each field. If no pattern fits,
what is wrong may still be one block, or the gradient that of another loss; else it is unknown.
Each function that recognises a mistake takes the rows in question and all of them.

Of a gradient that passes, ``missed`` says which mistakes the point would have let through: it is
made wrong on purpose, and judged by the same numbers again.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from hwlib._arrays import Floats
from hwlib.gradcheck import patterns
from hwlib.gradcheck.patterns import Table
from hwlib.gradcheck.problem import CLEAR, Problem
from hwlib.gradcheck.report import Finding, Report
from hwlib.gradcheck.step_ladder import slope_along

WRONG = {"sign": "the sign", "scale": "a factor", "factor": "a factor",
         "regularization": "the penalty", "offset": "a term"}  # fmt: skip


@np.errstate(all="ignore")
def diagnose(report: Report, problem: Problem) -> list[Finding]:
    """Return the mistakes that fit: one in all that is wrong, or one for each wrong field.

    Of family "unknown" if nothing fits.
    """
    every = patterns.table_of(report, problem)
    beside, wrong = patterns.table_beside(every, problem), every[every.status == "differs"]
    if not len(wrong):
        return [Finding("unknown", "the gradient is wrong at points beside the kink alone")]

    def first(m: Table) -> Finding | None:
        return _multiple(m, every, beside) or _permutation(m, every) or _mask(m, every)

    if found := first(wrong) if np.isfinite(wrong.given).all() else _unknown(wrong, every):
        return [found]
    parts = [wrong[wrong.fields == field] for field in dict.fromkeys(wrong.fields)]
    by_field = [first(part) or _unknown(part, every) for part in parts]
    if len(parts) > 1 and any(finding.family != "unknown" for finding in by_field):
        return by_field
    guesses = [_block(wrong, every), _another_loss(problem)]
    return [guess for guess in guesses if guess] or [_unknown(wrong, every)]


def _multiple(m: Table, every: Table, beside: Table | None) -> Finding | None:
    """Recognise multiples; unknown where several patterns hold, and none is a plain factor."""
    found, where = patterns.fits(m, every, beside), _place(m, every)
    if not found or not m.given.any():
        return None
    family, text, fit = found[0]
    is_scale = family == "scale"  # -1, 2 and 1/n are the likeliest wherever they fit
    if len(found) > 1 and not (is_scale and ("/" in text or np.isclose(fit[0], [-1, 2]).any())):
        words = ", or ".join(text for _, text, _ in found)
        text = f"the gradient is wrong in {where}: it is {words}; here these are the same"
        return Finding("unknown", text)
    note = _note(family, text, fit)
    family = "sign" if is_scale and np.isclose(fit[0], -1.0) else family
    return Finding(family, f"{WRONG[family]} is wrong in {where}: the gradient is {text}{note}")


def _note(family: str, text: str, fit: Floats) -> str:
    """Say what a number may mean."""
    if family == "scale" and fit[0] > 0.0:
        n = max(fit[0], 1.0 / fit[0])
        one, other = ("mean", "sum") if fit[0] < 1.0 else ("sum", "mean")
        note = f", right if f were the {one} of n = {n:.0f} terms, and not their {other}"
        return note if n > 2.5 and np.isclose(n, round(n)) else ""
    if family != "regularization" or len(fit) > 1 or "sign" in text:
        return ""
    if fit[0] > 0.0:
        return f" (lambda = {fit[0]:.4g} added twice, or added though f has no penalty)"
    whole, twice, half = (f"{-c * fit[0]:.4g}" for c in (1.0, 2.0, 0.5))
    return f" (lambda = {whole} forgotten, {twice} halved, or {half} with the wrong sign)"


def _permutation(m: Table, every: Table) -> Finding | None:
    """Recognise the right numbers in other places; a penalty may have stayed in its place."""
    # A new order keeps the sum of squares: that tells the penalty that is to be set aside.
    squares, moved = m.given**2 - m.numeric**2, 2.0 * (m.given - m.numeric) * m.x
    for n_fitted, penalty in enumerate((0.0, squares.sum() / moved.sum())):
        given, numeric = m.given - penalty * m.x, m.numeric - penalty * m.x
        a, b = m[np.argsort(given)], m[np.argsort(numeric)]
        apart = np.abs(np.sort(given) - np.sort(numeric))
        fits = len(m) > 1 + n_fitted and np.all(apart <= np.maximum(a.allowed, b.allowed))
        if fits and not patterns.is_chance(m, n_fitted):
            is_transposed = np.all((a.rows == b.units) & (a.units == b.rows))
            what = f"{'rows and columns' if is_transposed else 'values'} changed places"
            text = f"{what} in {_place(m, every)}: {a.names[0]} holds the value of {b.names[0]}"
            return Finding("permutation", text)
    return None


def _mask(m: Table, every: Table) -> Finding | None:
    """Recognise zeros that should be none, numbers that should be 0, and nothing else."""
    if not every.given.any():
        return Finding("zeros", "the gradient is 0 everywhere")
    missing, extra = m.given == 0.0, np.abs(m.numeric) <= m.noise
    if not (missing.all() or ("agrees" in every.status and np.all(missing | extra))):
        return None
    parts = ((missing, "is 0 in {}, and should not be"), (extra, "should be 0 in {}, and is not"))
    texts = [f"the gradient {text}".format(_place(m[k], every)) for k, text in parts if k.any()]
    return Finding("mask", "; ".join(texts))


def _block(m: Table, every: Table) -> Finding | None:
    """Recognise one field that is wrong alone, or the same whole units of some fields."""
    right, fields = every[every.status == "agrees"], list(dict.fromkeys(m.fields))
    others = set(right.fields) - set(fields)
    spared = np.isin(right.fields, fields) & np.isin(right.units, m.units)
    whole_units = len(m) > 2 and len(fields) <= len(others) and not spared.any()
    if not others or not (len(fields) == 1 or whole_units):
        return None
    only = f"only {' and '.join(fields)} {'is' if len(fields) == 1 else 'are'} wrong"
    where = _place(m, every) if len(m) <= 3 else f"{len(m)} coordinates"
    text = f"{only}: in {where}; the other {len(right)} that were seen agree"
    return Finding("block", text)


def _another_loss(problem: Problem) -> Finding | None:
    """Recognise the gradient of another function: its own derivatives are symmetric."""
    steps = 2.0**-17 * max(1.0, np.max(np.abs(problem.x))) * np.eye(len(problem.x))
    with suppress(ValueError):
        rises = [problem.grad(problem.x + h) - problem.grad(problem.x - h) for h in steps]
        across = rises - np.diag(np.diag(rises))  # on the diagonal it is a matter of course
        apart, size = np.max(np.abs(across - across.T)), 1e-6 * np.max(np.abs(rises))
        if apart <= size < np.max(np.abs(across)):
            text = "it is consistent with itself (its derivatives are symmetric), but not with f"
            return Finding("other loss", f"the gradient belongs to another loss: {text}")
    return None


def _unknown(m: Table, every: Table) -> Finding:
    bad = m[~np.isfinite(m.given)]
    if len(bad):
        return Finding("unknown", f"the gradient is NaN or infinite in {_place(bad, every)}")
    error = np.max(np.abs(m.given - m.numeric) / np.maximum(np.abs(m.given), np.abs(m.numeric)))
    text = f"with relative errors of up to {error:.2g}, in no known pattern"
    return Finding("unknown", f"the gradient is wrong in {_place(m, every)}, {text}")


def _place(m: Table, every: Table) -> str:
    """Say where: the row or column of a matrix, or the names if they are few, or the fields."""
    field, row, unit = m.fields[0], m.rows[0], m.units[0]
    for key, line in ("rows", f"{field}[{row}, :]"), ("units", f"{field}[:, {unit}]"):
        whole = every[(every.fields == field) & (every.rows != "") & (every[key] == m[key][0])]
        if len(m) > 1 and np.array_equal(m.at, whole.at):
            return line
    if len(m) <= 3:
        return ", ".join(m.names)
    return f"{len(m)} coordinates of {', '.join(dict.fromkeys(m.fields))}"


@np.errstate(all="ignore")
def missed(report: Report, problem: Problem) -> tuple[str, ...]:
    """Return the mistakes that would have passed, each in a sentence; none at a strong point."""
    every = patterns.table_of(report, problem)
    beside = patterns.table_beside(every, problem)
    seen = every[np.isin(every.status, ["agrees", "unseen"])]
    return (*_in_fields(seen), *(() if beside is None else _beside(every, beside, problem)))


def _in_fields(m: Table) -> Iterator[str]:
    """Make the gradient wrong field by field."""
    for field in dict.fromkeys(m.fields):
        part, alike = m[m.fields == field], m.x[[_kind(f) == _kind(field) for f in m.fields]]
        g, is_hidden = part.given, bool(m.x.any() and not alike.any())
        wrong = {"a wrong sign": -g, "a factor of 2": 2.0 * g, "zeros": 0.0 * g,
                 "another power of the parameter": part.x * g,
                 "an error of 0.1 percent": 1.001 * g}  # fmt: skip
        passing = [w for w, g in wrong.items() if np.all(np.abs(g - part.numeric) <= part.allowed)]
        if len(passing) == len(wrong):
            yield f"here any mistake in {field} would not show"
        elif passing := passing + ["a penalty"] * is_hidden:
            yield f"here {' or '.join(passing)} in {field} would not show"


def _kind(field: str) -> str:
    """Return one name for b_1 and b_2: a penalty on the biases shows if one of them is not 0."""
    return re.sub(r"\d|_\w*$", "", field)


def _beside(every: Table, beside: Table, problem: Problem) -> Iterator[str]:
    """Compare with the point beside, which is less regular: pairs swapped, and all else."""
    for field in dict.fromkeys(every.fields):
        m = every[(every.fields == field) & (every.status == "agrees")]
        m = m[np.argsort(m.given)]
        for k in np.flatnonzero(np.diff(m.given) <= m.allowed[1:])[:1]:
            a, b = beside.given[m.at[k : k + 2]]
            if abs(a - b) > patterns.SAME_RATIO * abs(a):
                yield f"{m.names[k]} and {m.names[k + 1]} swapped would not show"
    for k in np.flatnonzero(np.abs(beside.given - beside.numeric) > CLEAR * beside.allowed)[:1]:
        slope = slope_along(problem, beside.x, np.eye(len(beside))[k])  # no wave deceives this
        if slope.differs(beside.given[k], CLEAR * patterns.SAME_RATIO) and not slope.jump:
            yield f"beside this point the gradient is wrong, in {every.names[k]}: check there"
