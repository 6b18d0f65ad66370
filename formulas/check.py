"""Whether a printed formula is true: its sides compared with each other, with hwlib, with derivatives.

The relation that is printed must be the strongest that holds at the points: an equation that is printed
as a bound is wrong, and so is a bound that is attained nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from lark import Tree

from formulas.evaluator import SIGNS, Evaluator, Scope, Values, evaluate, shape
from formulas.reader import Book, Equation, FormulaError, Symbol, free_letters, parse, symbols
from formulas.worlds import ASSEMBLED, ATTAINED, CONDITIONS, HELPERS, SAMPLES, World, worlds

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
        letters = {frozenset(free_letters(s)) for s in equation.sides if any(symbols(s))}
        if len(set(equation.sides)) < max(len(equation.sides), 2):
            raise FormulaError("two of its sides are the same, so that it says nothing")
        if len(letters) != 1:
            raise FormulaError("its sides speak of different indices, or of nothing")
        return (_check_order if equation.has_order else _check_sides)(equation, book)
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise FormulaError(f"{equation.page}, {equation.label}: {error}") from error


def scopes(equation: Equation, book: Book, world: World) -> Iterator[Scope]:
    """Yield the scopes of an equation: with hwlib's values, and with the book's definitions."""
    scope = Scope(book, world, equation.page, sample=None if equation.is_of_a_batch else 1)
    scope = scope.bind("".join(sorted(set.union(*map(free_letters, equation.sides)))))
    for node in equation.sides[0].find_data("derivative"):
        above, below = map(Evaluator(scope).natural, node.children)
        if above and below:  # such as the terms of z_4, of which W_14 may not enter all
            said = [e.symbols for e in book.definitions(equation.page, above.name)]
            scope.zeros[below] = {s for found in said for s in found}
    for trust in (True, False):
        yield replace(scope, trust=trust, used=set())


def _sides(equation: Equation, scope: Scope) -> list[Values]:
    """Return the values of the sides; those of a printed equation are kept for its rewrites."""
    ask, printed = Evaluator(scope).remember, any(e is equation for e in scope.book.equations)
    zeros = frozenset(scope.zeros)
    return [ask((s, zeros), lambda at, s=s: at.visit(s), store=printed) for s in equation.sides]


def _check_sides(equation: Equation, book: Book) -> Finding:
    seen: list[set[float]] = [set() for _ in equation.relations]
    used: set[str] = set()
    n_points, error = 0, 0.0
    for world in worlds(equation.part):
        _is_pinned(equation, book, world)
        for scope in scopes(equation, book, world):
            where = _holds(CONDITIONS.get(equation.label), scope)
            values = _sides(equation, scope)
            for k, relation in enumerate(equation.relations):
                signs, gaps, here = np.broadcast_arrays(*differences(*values[k : k + 2]), where)
                wrong = here & ~np.isin(signs, SIGNS[relation])
                if np.any(wrong):
                    raise FormulaError(_message(equation, k, values, wrong, scope))
                seen[k] |= set(signs[here].tolist())
                error = max(error, np.max(gaps[here]) if relation == "=" else 0.0)
            used |= scope.used
            _is_attained(ATTAINED.get(equation.label), values, scope)
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
    is_known = key in world.known or whole in ASSEMBLED[world.part]
    is_known |= bool(parameter) and symbol.name in world.functions and not symbol.index
    if not is_known and str(symbol) not in HELPERS[world.part]:
        raise FormulaError(f"hwlib does not compute {symbol}")
    *_, scope = scopes(equation, book, world)
    evaluator = Evaluator(scope)
    if parameter and evaluator.function(symbol) is equation:
        evaluator.call(symbol, evaluate(Tree("symbol", [parameter]), scope))
        if "parameter" not in scope.used:
            raise FormulaError(f"{symbol} does not depend on {parameter}")


def _holds(condition: str | None, scope: Scope) -> Values:
    """Return at which points a condition holds; without one, at all."""
    parsed = parse(scope.page, "", condition or "0 = 0")
    signs, _ = differences(*(evaluate(side, scope) for side in parsed.sides))
    holds = np.isin(signs, SIGNS[parsed.relations[0]]).all(axis=(-1, -2), keepdims=True)
    return np.broadcast_to(holds, (scope.world.n_points, *holds.shape[1:]))


def _is_attained(where: str | None, values: list[Values], scope: Scope) -> None:
    """Compare the first and the last side of a bound where they must be equal."""
    if where is None:
        return
    signs, at = np.broadcast_arrays(differences(values[0], values[-1])[0], _holds(where, scope))
    if not np.any(at) or np.any(signs[at]):
        raise FormulaError(f"the bound is not attained at {where}")


def differences(left: Values, right: Values) -> tuple[Values, Values]:
    """Return sign and size of the relative difference of two sides; no sign if one is no number."""
    if shape(left) != shape(right):
        raise FormulaError(f"sides with {shape(left)} and {shape(right)} rows and columns")
    gaps = np.abs(left - right) / np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-6)
    signs = np.where(np.isreal(left - right), np.sign(np.real(left - right)), np.nan)
    return np.where(gaps <= TOLERANCE, 0.0, np.where(np.isfinite(gaps), signs, np.nan)), gaps


def _message(
    equation: Equation, k: int, values: list[Values], wrong: Values, scope: Scope
) -> str:
    """Say which side of which equation is wrong, and where."""
    place = np.argwhere(wrong)[0]

    def at(value: Values) -> str:
        """Return the entry at that place; an axis of length 1 holds for all places."""
        return f"{np.broadcast_to(value, wrong.shape)[tuple(place)]:.6g}"

    shown = [f"point {place[0]}", *(f"{a} = {at(value)}" for a, value in scope.index.items())]
    for symbol in sorted({*equation.symbols}, key=str):
        try:
            shown.append(f"{symbol} = {at(Evaluator(scope).named(symbol))}")
        except (FormulaError, ValueError):  # a function, an array, or an index that a sum binds
            continue
    sides = (f"side {i + 1}, {equation.texts[i]}, is {at(values[i])}" for i in (k + 1, k))
    return f"{' and '.join(sides)}, at {', '.join(shown)}"


def _check_order(equation: Equation, book: Book) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, for a large and a small step."""
    rests, claims = [], []
    for world in worlds(equation.part):
        scope = next(scopes(equation, book, world))
        without = [evaluate(side, replace(scope, order=0.0)) for side in equation.sides]
        pairs = [(evaluate(s, scope), a) for s, a in zip(equation.sides[1:], without[1:], strict=True)]
        rests.append([_mean(without[0] - bare) for _, bare in pairs])
        claims.append([_mean(full - bare) for full, bare in pairs])
    (large, small), (claim, smaller) = np.array(rests) / np.array(claims), np.array(claims)
    stays = (large < 10.0) & (large / 1.5 < small) & (small < 1.5 * large)
    if set(equation.relations) != {"="} or not np.all(stays & (0 < smaller) & (smaller < claim / 4)):
        k = int(np.argmin(stays)) + 1
        raise FormulaError(
            f"side {k + 1}, {equation.texts[k]}: the rest is {large[k - 1]:.2g} times the O(...) for a "
            f"step of about 0.1, and {small[k - 1]:.2g} times for one that is 8 times smaller"
        )
    n_points = sum(world.n_points for world in worlds(equation.part))
    return Finding(equation, "order of the rest", n_points, 0.0)


def _mean(value: Values) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.abs(value) ** 2)))
