"""Mistakes that are multiples: of the derivative, of the parameter, of 1, or of a weight.

Each is a pattern: the gradient is a base plus multiples of columns. It must hold at the point
and, with the same multiples, at a point beside. Where several hold all the same, none is named.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib._arrays import Floats
from hwlib.gradcheck.numbers import Case, Numbers, place
from hwlib.gradcheck.report import Finding

SAME_RATIO = 1e-5
"""Two ratios that are no farther apart are one."""
EVIDENT_RATIOS = np.array([-1.0, 2.0, 0.5])
"""Ratios that are no coincidence even where they are seen once; any other must return."""
WRONG = {"sign": "the sign", "scale": "a factor", "factor": "a factor",
         "regularization": "the penalty", "offset": "a term"}  # fmt: skip


class Pattern(NamedTuple):
    """How a gradient is wrong: base plus multiples of the columns, which the words give."""

    family: str
    words: str
    base: Floats
    columns: ArrayLike


def patterns(m: Numbers, weights: dict[str, Floats]) -> Iterator[Pattern]:
    """Yield the table of all patterns; `weights` holds one of another field for each unit."""
    d, x, one = m.numeric, m.x, np.ones_like(m.x)
    for also, p in (
        ("", _by(m.fields, 0.0 * x)),
        (", beside a multiple of the parameter", _by(m.fields, x)),
    ):
        yield Pattern("scale", f"{{}} times the derivative{also}", 0.0 * x, [d, *p])
        for w, (value, slope) in weights.items():  # in all of the derivative but the penalty
            for how, u in ((f"times {w}", value), (f"divided by {w}", 1.0 / value)):
                yield Pattern("factor", f"the derivative {how}{also}", d * u, (1.0 - u) * p)
            words = f"the derivative with {w} after a step of {{}}{also}"
            yield Pattern("factor", words, d, slope / value * np.vstack([-d, p]))
    yield Pattern("factor", "the derivative times the parameter", d * x, [])
    yield Pattern("factor", "the derivative divided by the parameter", d / x, [])
    yield Pattern("factor", "the square of the derivative", d * d, [])
    yield Pattern("regularization", "off by {} times the parameter", d, [x])
    if min(x) < 0.0 < max(x):
        yield Pattern(
            "regularization", "off by {} times the sign of the parameter", d, [np.sign(x)]
        )
    yield Pattern("regularization", "off by {} times the parameter", d, _by(m.units, x))
    if np.any(np.abs(d) > m.noise):
        yield Pattern("offset", "off by a constant {}", d, [one])
        yield Pattern("offset", "off by the constants {}", d, _by(m.units, one))


def _by(groups: NDArray[np.str_], values: Floats) -> Floats:
    """Return a row for each group: its values there, and 0 elsewhere; none for zeros alone."""
    rows = np.array([np.where(groups == key, values, 0.0) for key in dict.fromkeys(groups)])
    return rows[rows.any(axis=1)]


def multiple(m: Numbers, case: Case) -> Finding | None:
    """Recognise the pattern with the fewest free numbers; unknown where several hold."""
    everys, found = [every for every in (case.every, case.beside) if every], {}
    both = Numbers._make(map(np.concatenate, zip(*(e.where(m.at) for e in everys), strict=True)))
    for family, words, base, columns in patterns(both, _weights(m, everys)):
        fit = _solve(both, base, columns)
        if fit is None or (family == "scale" and _is_one_of(fit[0], [0.0, 1.0])):
            continue
        free = len(fit) - (family == "scale" and _is_one_of(fit[0], EVIDENT_RATIOS))
        if not m.is_chance(free):
            found[words.format(_written(family, fit))] = free, family, fit
    fewest = min((free for free, *_ in found.values()), default=0)
    texts = {words: names for words, (free, *names) in found.items() if free == fewest}
    return _name(texts, place(m, case)) if texts and m.given.any() else None


def _name(texts: dict[str, Any], where: str) -> Finding:
    """Name the pattern that holds; a plain factor also where others hold."""
    family, fit = next(iter(texts.values()))
    is_plain = family == "scale" and (_is_one_of(fit[0], [2.0]) or _is_whole(1.0 / fit[0]))
    if len(texts) > 1 and not is_plain:
        text = f"it is {', or '.join(texts)}; here these are the same"
        return Finding("unknown", f"the gradient is wrong in {where}: {text}")
    family = "sign" if family == "scale" and _is_one_of(fit[0], [-1.0]) else family
    text = f"the gradient is {next(iter(texts))}{_note(next(iter(texts)), family, fit)}"
    return Finding(family, f"{WRONG[family]} is wrong in {where}: {text}")


def _weights(m: Numbers, everys: list[Numbers]) -> dict[str, Floats]:
    """Return other fields with one number for each unit: its value and slope by coordinate."""
    weights = {}
    for field in set(everys[0].fields) - set(m.fields):
        own = everys[0].where(everys[0].fields == field)
        k = [place for unit in m.units for place in own.at[own.units == unit]]
        if len(k) == len(m.at) and len(set(m.units)) > 1:
            weights[field] = np.concatenate([(e.x[k], e.numeric[k]) for e in everys], axis=1)
    return weights


def _solve(m: Numbers, base: Floats, columns: ArrayLike) -> Floats | None:
    """Return the multiples of the columns that lead from the base to the gradient, if they do."""
    A, b = np.reshape(columns, (-1, len(m.x))).T / m.allowed[:, None], (m.given - base) / m.allowed
    sizes = np.linalg.norm(A, axis=0)
    if not (np.isfinite(sizes).all() and np.all(sizes > 0.0) and np.isfinite(b).all()):
        return None
    multiples, _, rank, _ = np.linalg.lstsq(A / sizes, b, rcond=1e-5)
    if rank < len(sizes) or np.any(np.abs(A / sizes @ multiples - b) > 1.0):
        return None
    return np.asarray(multiples / sizes, dtype=np.float64)


def _is_one_of(ratio: float, plain: Sequence[float]) -> bool:
    return bool(np.min(np.abs(ratio - np.array(plain))) <= SAME_RATIO)


def _is_whole(ratio: float) -> bool:
    return abs(round(ratio) / ratio - 1.0) < SAME_RATIO


def _written(family: str, fit: Floats) -> str:
    if family != "scale":
        numbers = fit[:1] if family == "factor" else fit
        return " and ".join(dict.fromkeys(f"{number:.4g}" for number in numbers))
    parts = 1.0 / fit[0]
    is_part = abs(parts) > 1.5 and _is_whole(parts)
    return f"{np.sign(parts):.0f}/{abs(parts):.0f}" if is_part else f"{fit[0]:.6g}"


def _note(words: str, family: str, fit: Floats) -> str:
    """Say what a number may mean."""
    if family == "scale" and fit[0] > 0.0:
        n = max(fit[0], 1.0 / fit[0])
        one, other = ("mean", "sum") if fit[0] < 1.0 else ("sum", "mean")
        text = f", right if f were the {one} of n = {n:.0f} terms, and not their {other}"
        return text if n > 2.5 and _is_whole(n) else ""
    if family != "regularization" or len(fit) > 1 or "sign" in words:
        return ""
    if fit[0] > 0.0:
        return f" (lambda = {fit[0]:.4g} added twice, or added though f has no penalty)"
    size, half, twice = (f"{-c * fit[0]:.4g}" for c in (1.0, 0.5, 2.0))
    return f" (lambda = {size} forgotten, {twice} halved, or {half} with the wrong sign)"
