"""Whether a printed formula is true: its sides compared with each other, with hwlib, with derivatives.

The relation that is printed must be the strongest that holds at the points: an equation that is printed
as a bound is wrong, and so is a bound that is attained nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from formulas.evaluator import SIGNS, Evaluator, Values, shape
from formulas.reader import Book, Equation, FormulaError, free_letters, leaves, parse
from formulas.worlds import (
    ARRAYS,
    ATTAINED,
    CONDITIONS,
    HELPERS,
    N_POINTS,
    SAMPLES,
    World,
    worlds,
)

TOLERANCE = 1e-8


class Finding(NamedTuple):
    """How one equation was checked.

    Attributes
    ----------
    equation : Equation
    against : str
        What its sides were compared with, besides each other.
    n_points : int
    error : float
        The largest relative difference of two sides that are said to be equal.
    """

    equation: Equation
    against: str
    n_points: int
    error: float


@np.errstate(all="ignore")
def check(equation: Equation, book: Book) -> Finding:
    """Check an equation of any kind at the points of its part.

    Parameters
    ----------
    equation : Equation
    book : Book
        Where the other symbols are defined.

    Raises
    ------
    FormulaError
        If it is wrong, says nothing, or speaks of an unknown symbol: names page, label, side and
        point.
    """
    try:
        letters = {frozenset(free_letters(s)) for s in equation.sides if any(leaves(s))}
        if len(set(equation.sides)) < max(len(equation.sides), 2):
            raise FormulaError("two of its sides are the same, so that it says nothing")
        if len(letters) != 1:
            raise FormulaError("its sides speak of different indices, or of nothing")
        return (_check_order if equation.has_order else _check_sides)(equation, book)
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise FormulaError(f"{equation.page}, {equation.label}: {error}") from error


def evaluators(equation: Equation, book: Book, world: World) -> Iterator[Evaluator]:
    """Yield two evaluators: one takes hwlib's values, one follows the book's definitions."""
    at = Evaluator(book, world, equation.page, None if equation.is_of_a_batch else 1)
    at = at.bind("".join(sorted(set.union(*map(free_letters, equation.sides)))))
    for node in equation.sides[0].find_data("derivative"):
        above, below = map(at.natural, node.children)
        if above and below:  # such as the terms of z_4, of which W_14 may not enter all
            said = book.definitions(equation.page, above.name)
            at.zeros[below] = {symbol for found in said for symbol in found.symbols}
    for trust in (True, False):
        yield at.within(trust=trust, used=set())


def _sides(equation: Equation, at: Evaluator) -> list[Values]:
    """Return the values of the sides; those of a printed equation are kept for its rewrites."""
    printed, zeros = any(e is equation for e in at.book.equations), frozenset(at.zeros)
    return [
        at.remember((side, zeros), lambda at, side=side: at.visit(side), store=printed)
        for side in equation.sides
    ]


def _check_sides(equation: Equation, book: Book) -> Finding:
    seen: list[set[float]] = [set() for _ in equation.relations]
    used: set[str] = set()
    n_points, error = 0, 0.0
    for world in worlds(equation.part):
        _is_pinned(equation, book, world)
        for at in evaluators(equation, book, world):
            where = _holds(CONDITIONS.get(equation.label), at)
            values = _sides(equation, at)
            for k, relation in enumerate(equation.relations):
                signs, gaps, here = np.broadcast_arrays(*differences(*values[k : k + 2]), where)
                wrong = here & ~np.isin(signs, SIGNS[relation])
                if np.any(wrong):
                    raise FormulaError(_message(equation, k, values, wrong, at))
                seen[k] |= set(signs[here].tolist())
                error = max(error, np.max(gaps[here]) if relation == "=" else 0.0)
            used |= at.used
            _is_attained(ATTAINED.get(equation.label), values, at)
        n_points += int(np.sum(np.any(where, axis=tuple(range(1, where.ndim)))))
    if any(found != set(SIGNS[r]) for found, r in zip(seen, equation.relations, strict=True)):
        raise FormulaError("a stronger relation holds than the one that is printed")
    against = " and ".join(sorted(used)) or "its other sides"
    if equation.defined and str(equation.defined) in HELPERS[equation.part]:
        against = "the formulas that use it"
    return Finding(equation, against, n_points, error)


def _is_pinned(equation: Equation, book: Book, world: World) -> None:
    """Reject a definition that nothing else tests, or that does not use its own parameter."""
    symbol, parameter = equation.defined, equation.parameter
    if symbol is None:
        return
    implicit = symbol.name in SAMPLES[world.part] and not equation.is_of_a_batch
    key = symbol.name, len(equation.pattern) + implicit
    whole = (f"{symbol}({parameter})" if parameter else symbol.name, len(symbol.index))
    is_known = key in world.known or whole in ARRAYS[world.part]
    is_known |= bool(parameter) and symbol.name in world.functions and not symbol.index
    if not is_known and str(symbol) not in HELPERS[world.part]:
        raise FormulaError(f"hwlib does not compute {symbol}")
    *_, at = evaluators(equation, book, world)
    if parameter and at.function(symbol) is equation:
        at.call(symbol, at.named(parameter))
        if "parameter" not in at.used:
            raise FormulaError(f"{symbol} does not depend on {parameter}")


def _holds(condition: str | None, at: Evaluator) -> Values:
    """Return at which points a condition holds; without one, at all."""
    parsed = parse(at.page, "", condition or "0 = 0")
    signs, _ = differences(*map(at.visit, parsed.sides))
    holds = np.isin(signs, SIGNS[parsed.relations[0]]).all(axis=(-1, -2), keepdims=True)
    return np.broadcast_to(holds, (N_POINTS, *holds.shape[1:]))


def _is_attained(where: str | None, values: list[Values], at: Evaluator) -> None:
    """Compare the first and the last side of a bound where they must be equal."""
    if where is None:
        return
    signs, here = np.broadcast_arrays(differences(values[0], values[-1])[0], _holds(where, at))
    if not np.any(here) or np.any(signs[here]):
        raise FormulaError(f"the bound is not attained at {where}")


def differences(left: Values, right: Values) -> tuple[Values, Values]:
    """Return sign and size of the relative difference of two sides; no sign if one is no number."""
    if shape(left) != shape(right):
        raise FormulaError(f"sides with {shape(left)} and {shape(right)} rows and columns")
    gaps = np.abs(left - right) / np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-6)
    signs = np.where(np.isreal(left - right), np.sign(np.real(left - right)), np.nan)
    return np.where(gaps <= TOLERANCE, 0.0, np.where(np.isfinite(gaps), signs, np.nan)), gaps


def _message(equation: Equation, k: int, values: list[Values], wrong: Values, at: Evaluator) -> str:
    """Say which side of which equation is wrong, and where."""
    place = tuple(np.argwhere(wrong)[0])

    def there(value: Values) -> str:
        """Return the entry at that place; an axis of length 1 holds for all places."""
        return f"{np.broadcast_to(value, wrong.shape)[place]:.6g}"

    shown = [f"point {place[0]}", *(f"{a} = {there(value)}" for a, value in at.index.items())]
    for symbol in sorted({*equation.symbols}, key=str):
        try:
            shown.append(f"{symbol} = {there(at.named(symbol))}")
        except (FormulaError, ValueError):  # a function, an array, or an index that a sum binds
            continue
    sides = (f"side {i + 1}, {equation.texts[i]}, is {there(values[i])}" for i in (k + 1, k))
    return f"{' and '.join(sides)}, at {', '.join(shown)}"


def _check_order(equation: Equation, book: Book) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, for a large and a small step."""
    rests, claims = [], []
    for world in worlds(equation.part):
        at = next(evaluators(equation, book, world))
        without = [at.within(order=0.0).visit(side) for side in equation.sides]
        terms = [at.visit(a) - b for a, b in zip(equation.sides[1:], without[1:], strict=True)]
        rests.append([_mean(without[0] - bare) for bare in without[1:]])
        claims.append([_mean(term) for term in terms])
    (large, small), (claim, smaller) = np.array(rests) / np.array(claims), np.array(claims)
    stays = (large < 10.0) & (large / 1.5 < small) & (small < 1.5 * large)
    if set(equation.relations) != {"="} or not np.all(
        stays & (0 < smaller) & (smaller < claim / 4)
    ):
        k = int(np.argmin(stays)) + 1
        raise FormulaError(
            f"side {k + 1}, {equation.texts[k]}: the rest is {large[k - 1]:.2g} times the O(...) for a "
            f"step of about 0.1, and {small[k - 1]:.2g} times for one that is 8 times smaller"
        )
    n_points = N_POINTS * len(worlds(equation.part))
    return Finding(equation, "order of the rest", n_points, 0.0)


def _mean(value: Values) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.abs(value) ** 2)))
