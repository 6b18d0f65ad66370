"""Whether a printed formula is true: sides compared with each other, hwlib and derivatives.

The relation that is printed must be the strongest that holds at the points: an equation that is
printed as a bound is wrong, and so is a bound that is attained nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from formulas.evaluator import BUILTIN, SIGNS, Evaluator, Values, shape
from formulas.reader import Book, Equation, FormulaError, fits, free_letters, leaves, parse, require
from formulas.worlds import ATTAINED, CONDITIONS, HELPERS, N_POINTS, World, worlds

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
        speaks = {*map(str, equation.symbols)} - {*BUILTIN, "e"}
        letters = {frozenset(free_letters(s)) for s in equation.sides if any(leaves(s))}
        distinct = len(set(equation.sides)) == len(equation.sides) > 1
        require(distinct and speaks, "two of its sides are the same, or it has no quantity")
        require(len(letters) == 1, "its sides speak of different indices")
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


def _check_sides(equation: Equation, book: Book) -> Finding:
    seen: list[set[float]] = [set() for _ in equation.relations]
    used, n_points, error = set[str](), 0, 0.0
    for world in worlds(equation.part):
        _is_pinned(equation, book, world)
        for at in evaluators(equation, book, world):
            where = _holds(CONDITIONS.get(equation.label, "0 = 0"), at)
            values = [at.visit(side) for side in equation.sides]
            for k, relation in enumerate(equation.relations):
                signs, gaps, here = np.broadcast_arrays(*differences(*values[k : k + 2]), where)
                wrong = here & ~np.isin(signs, SIGNS[relation])
                if np.any(wrong):
                    raise FormulaError(_message(equation, k, values, wrong, at))
                seen[k] |= set(signs[here].tolist())
                error = max(error, np.max(gaps[here]) if relation == "=" else 0.0)
            if equation.label in ATTAINED:
                signs, _ = differences(values[0], values[-1])
                equal = _holds(ATTAINED[equation.label], at)
                attained = np.any(equal) and not np.any(signs[np.broadcast_to(equal, signs.shape)])
                require(attained, f"the bound is not attained at {ATTAINED[equation.label]}")
            used |= at.used
        n_points += int(np.sum(np.any(where, axis=tuple(range(1, where.ndim)))))
    strongest = all(
        found == set(SIGNS[r]) for found, r in zip(seen, equation.relations, strict=True)
    )
    require(strongest, "a stronger relation holds than the one that is printed")
    helper = str(equation.defined) in HELPERS[equation.part]
    against = (
        "the formulas that use it" if helper else " and ".join(sorted(used - {"parameter", "step"}))
    )
    return Finding(equation, against or "its other sides", n_points, error)


def _is_pinned(equation: Equation, book: Book, world: World) -> None:
    """Reject a definition that nothing else tests, or that does not use its own parameter."""
    symbol, parameter = equation.defined, equation.parameter
    if symbol is None:
        return
    implicit = symbol.name in world.samples and not equation.is_of_a_batch
    whole = (f"{symbol}({parameter})" if parameter else symbol.name, len(symbol.index))
    known = (symbol.name, len(equation.pattern) + implicit) in world.known
    page = (e for e in book.equations if e.page == equation.page and e.label != equation.label)
    near = (s.joined() for e in page for s in e.symbols)
    used = any(s.name == symbol.name and fits(symbol.index, s.index) for s in near)
    known |= whole in world.arrays or (str(symbol) in HELPERS[world.part] and used)
    known |= bool(parameter) and symbol.name in world.functions and not symbol.index
    require(known, f"hwlib does not compute {symbol}, and no formula of the page uses it")
    *_, at = evaluators(equation, book, world)
    if parameter and at.function(symbol) is equation:
        at.call(symbol, at.named(parameter))
        require("parameter" in at.used, f"{symbol} does not depend on {parameter}")


def _holds(condition: str, at: Evaluator) -> Values:
    """Return at which points a condition holds."""
    parsed = parse(at.page, "", condition)
    signs, _ = differences(*map(at.visit, parsed.sides))
    holds = np.isin(signs, SIGNS[parsed.relations[0]]).all(axis=(-1, -2), keepdims=True)
    return np.broadcast_to(holds, (N_POINTS, *holds.shape[1:]))


def differences(left: Values, right: Values) -> tuple[Values, Values]:
    """Return sign and size of the relative difference of two sides; no sign if one is no number."""
    require(shape(left) == shape(right), f"sides with {shape(left)} and {shape(right)} entries")
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
    for symbol in sorted({s for s in equation.symbols if s.index and not s.primes}, key=str):
        with suppress(FormulaError, ValueError):  # an index that a sum binds, or that has no value
            shown.append(f"{symbol} = {there(at.named(symbol))}")
    sides = (f"side {i + 1}, {equation.texts[i]}, is {there(values[i])}" for i in (k + 1, k))
    return f"{' and '.join(sides)}, at {', '.join(shown)}"


def _check_order(equation: Equation, book: Book) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, for a large and a small step."""
    rests, claims = [], []
    for world in worlds(equation.part):
        at = next(evaluators(equation, book, world))
        bare = [at.within(order=0.0).visit(side) for side in equation.sides]
        terms = [at.visit(a) - b for a, b in zip(equation.sides[1:], bare[1:], strict=True)]
        rests.append([np.linalg.norm(bare[0] - other) for other in bare[1:]])
        claims.append([np.linalg.norm(term) for term in terms])
    (large, small), (claim, smaller) = np.array(rests) / np.array(claims), np.array(claims)
    stays = (large < 10.0) & (large / 1.5 < small) & (small < 1.5 * large)
    shrinks = (smaller > 0.0) & (smaller < claim / 4.0)
    if set(equation.relations) != {"="} or not np.all(stays & shrinks):
        k = int(np.argmin(stays & shrinks))
        raise FormulaError(
            f"side {k + 2}, {equation.texts[k + 1]}: the rest is {large[k]:.2g} times the O(...) "
            f"for a step of about 0.1, and {small[k]:.2g} times for one that is 8 times smaller"
        )
    return Finding(equation, "order of the rest", N_POINTS * len(worlds(equation.part)), 0.0)
