"""Whether a printed formula is true: its sides compared with each other, with hwlib, with derivatives.

The relation that is printed must be the strongest that holds at the points: an equation that is printed
as a bound is wrong, and so is a bound that is attained nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from lark import Tree

from formulas.evaluator import Evaluator, Scope, Values, compare, evaluate, number, shape
from formulas.reader import (
    Book, Definition, Equation, FormulaError, Symbol, definition, fits, free_letters, parse, symbols,
)  # fmt: skip
from formulas.worlds import (
    ASSEMBLED, ATTAINED, CONDITIONS, HELPERS, INDEX_LETTERS, SAMPLES, World, part_of, worlds,
)  # fmt: skip

TOLERANCE = 1e-8

SEEN = {"=": {0}, ">": {1}, "<": {-1}, r"\ge": {0, 1}, r"\le": {0, -1}, r"\ne": {-1, 1}}
"""The signs of the difference of two sides for which a relation is the strongest that holds."""


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
        with np.errstate(all="ignore"):
            _says_something(equation)
            return (_check_order if equation.has_order else _check_sides)(equation, book)
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
        raise FormulaError(f"{equation.page}, {equation.label}: {error}") from error


def _says_something(equation: Equation) -> None:
    if len(set(equation.sides)) < len(equation.sides):
        raise FormulaError("two of its sides are the same, so that it says nothing")
    letters = {frozenset(free_letters(side)) for side in equation.sides if any(symbols(side))}
    if len(letters) != 1 or len(equation.sides) < 2:
        raise FormulaError("its sides have not the same indices")


def scopes(equation: Equation, book: Book, world: World) -> Iterator[Scope]:
    """Yield the scopes of an equation: with hwlib's values, and with the book's definitions."""
    left, sample = equation.sides[0], None if equation.is_of_a_batch else 1
    scope = Scope(book, world, equation.page, sample=sample)
    natural = Evaluator(scope).natural
    shown = {natural(node.children[1]) for node in left.find_data("derivative")}
    shown |= {i for s in symbols(left) for i in s.index if isinstance(i, Symbol)}
    letters = set.union(*map(free_letters, equation.sides))
    for letter in sorted(letters & world.ranges.keys()):
        scope = scope.bind(letter, world.ranges[letter])
    for trust in (True, False):
        yield replace(scope, trust=trust, shown=frozenset(shown), used=set())


def _sides(equation: Equation, scope: Scope) -> list[Values]:
    """Return the values of the sides; those of a printed equation are kept for its rewrites."""
    printed, ask = equation in scope.book, Evaluator(scope).remember
    return [
        ask((side, scope.shown), lambda side=side: evaluate(side, scope), store=printed)
        for side in equation.sides
    ]


def _check_sides(equation: Equation, book: Book) -> Finding:
    seen: list[set[float]] = [set() for _ in equation.relations]
    used: set[str] = set()
    n_points, errors = 0, [0.0]
    for world in worlds(part_of(equation.page)):
        _is_pinned(equation, book, world)
        for scope in scopes(equation, book, world):
            where = _holds(CONDITIONS.get(equation.label), scope)
            values = _sides(equation, scope)
            for k, relation in enumerate(equation.relations):
                signs, gaps, here = np.broadcast_arrays(*differences(*values[k : k + 2]), where)
                wrong = here & ~np.isin(signs, [*SEEN[relation]])
                if np.any(wrong):
                    raise FormulaError(_message(equation, k, values, wrong, scope))
                seen[k] |= set(signs[here].tolist())
                errors.append(float(np.max(gaps[here])) if relation == "=" else 0.0)
            used |= scope.used
            if equation.label in ATTAINED:
                _is_attained(ATTAINED[equation.label], values, scope)
        n_points += int(np.sum(where.reshape(world.n_points, -1).any(axis=1)))
    for relation, signs_seen in zip(equation.relations, seen, strict=True):
        if signs_seen != SEEN[relation]:
            raise FormulaError(f"{relation} is not the strongest relation that holds")
    if not used:
        raise FormulaError("it speaks of no quantity, so that it says nothing")
    helper = _is_helper(equation) and book.kind(equation) == "definition"
    against = " and ".join(sorted(used - {"drawn"})) or "its other sides"
    against = "the formulas that use it" if helper else against
    return Finding(equation, against, n_points, max(errors))


def _is_helper(equation: Equation) -> bool:
    left = definition(equation)
    helpers = HELPERS[part_of(equation.page)]
    return left is not None and (left.symbol.name, len(left.pattern)) in helpers


def _is_pinned(equation: Equation, book: Book, world: World) -> None:
    """Reject a definition that nothing else tests, or that does not use its own parameter."""
    if (left := definition(equation)) is None:
        return
    symbol, parameter = left.symbol, left.parameter
    others = [e for e in book.equations if e is not equation and part_of(e.page) == world.part]
    if any(_overlap(left, d, world) for e in others if (d := definition(e))):
        raise FormulaError(f"{symbol} is defined by another equation too")
    if _is_helper(equation):
        mentioned = (s.joined() for e in others for s in symbols(*e.sides))
        if not any(fits(symbol.index, s.index) for s in mentioned if s.name == symbol.name):
            raise FormulaError(f"no other equation uses {symbol}")
    elif not _is_known(left, world):
        raise FormulaError(f"hwlib does not compute {symbol}")
    scope = replace(next(scopes(equation, book, world)), trust=False, used=set())
    evaluator = Evaluator(scope)
    if parameter and (found := evaluator.function(symbol)) and found.equation is equation:
        evaluator.apply(left, symbol, evaluate(Tree("symbol", [parameter]), scope))
        if "parameter" not in scope.used:
            raise FormulaError(f"{symbol} does not depend on its parameter {parameter}")


def _is_known(left: Definition, world: World) -> bool:
    """Whether hwlib computes what an equation defines."""
    name, own = left.symbol.name, left.parameter or left.symbol
    count = len(left.pattern)
    count += name in SAMPLES[world.part] and not left.equation.is_of_a_batch
    array = ASSEMBLED[world.part].get((own.name, len(own.index)))
    is_matrix = array is not None and len(array.letters) > 1
    as_function = left.parameter and name in world.functions and not left.symbol.index
    as_matrix = is_matrix and any(name == known for known, _ in world.known)
    return bool((name, count) in world.known or as_function or as_matrix)


def _overlap(left: Definition, other: Definition, world: World) -> bool:
    """Whether z_j, say, is defined for a j that another definition names: z_4."""
    a, b = left.symbol.index, other.symbol.index
    if left.symbol.name != other.symbol.name or len(a) != len(b) or a == b:
        return False
    pairs = [(str(p), str(q)) for pair in zip(a, b, strict=True) for p, q in (pair, pair[::-1])]
    return any(q.isdigit() and int(q) in world.ranges.get(p, ()) for p, q in pairs)


def _holds(condition: str | None, scope: Scope) -> Values:
    """Return at which points a condition holds; without one, at all."""
    if condition is None:
        return np.full((scope.world.n_points, *number(0.0).shape[1:]), True)
    parsed = parse(scope.page, "", condition)
    left, right = (evaluate(side, scope) for side in parsed.sides)
    holds = compare(left, parsed.relations[0], right)
    if parsed.relations[0] == "=":  # up to rounding
        holds = differences(left, right)[0] == 0
    return holds.all(axis=(-1, -2), keepdims=True)


def _is_attained(where: str, values: list[Values], scope: Scope) -> None:
    """Compare the first and the last side of a bound where they must be equal."""
    signs, at = np.broadcast_arrays(differences(values[0], values[-1])[0], _holds(where, scope))
    if not np.any(at) or np.any(signs[at]):
        raise FormulaError(f"the bound is not attained at {where}")


def differences(left: Values, right: Values) -> tuple[Values, Values]:
    """Return sign and size of the relative difference of two sides; no sign if one is no number."""
    if shape(left) != shape(right):
        raise FormulaError(f"sides with {shape(left)} and {shape(right)} rows and columns")
    scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-6)
    gaps = np.abs(left - right) / scale
    signs = np.where(np.isreal(left - right), np.sign(np.real(left - right)), np.nan)
    signs = np.where(gaps <= TOLERANCE, 0.0, signs)
    return np.where(np.isfinite(gaps), signs, np.nan), gaps


def _message(
    equation: Equation, k: int, values: list[Values], wrong: Values, scope: Scope
) -> str:
    """Say which side of which equation is wrong, and where."""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])

    def at(value: Values) -> Any:
        """Return the entry of a value at that place; its axes of length 1 hold for all places."""
        return value[tuple(min(i, n - 1) for i, n in zip(place, value.shape, strict=True))]

    shown = [f"{letter} = {at(values)}" for letter, values in scope.index.items()]
    for symbol in sorted({s for s in symbols(*equation.sides) if not s.primes}, key=str)[:12]:
        try:
            value = evaluate(Tree("symbol", [symbol]), scope)
        except FormulaError:  # a function's name, or an index that a sum binds
            continue
        shown.append(f"{symbol} = {at(value):.6g}")
    return (
        f"side {k + 2}, {equation.texts[k + 1]}, is {at(values[k + 1])}, and side {k + 1}, "
        f"{equation.texts[k]}, is {at(values[k])}, at " + ", ".join(shown)
    )


def _check_order(equation: Equation, book: Book) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, for a large and a small step."""
    if set(equation.relations) != {"="}:
        raise FormulaError("an order needs equal sides")
    ratios, claims, n_points = [], [], 0
    for world in worlds(part_of(equation.page)):
        scope = next(scopes(equation, book, world))
        bare = [evaluate(side, replace(scope, order=0.0)) for side in equation.sides]
        full = [evaluate(side, scope) for side in equation.sides]
        left = [_mean(bare[0] - value) for value in bare[1:]]
        claim = [_mean(a - b) for a, b in zip(full[1:], bare[1:], strict=True)]
        ratios.append(np.divide(left, claim))
        claims.append(claim)
        n_points += world.n_points
    if any(a and not 0.0 < b < a / 4.0 for a, b in zip(*claims, strict=True)):
        raise FormulaError("the argument of O(...) does not shrink with the step")
    for k, (large, small) in enumerate(zip(*ratios, strict=True), start=1):
        if not (large < 10.0 and large / 1.5 < small < 1.5 * large):
            raise FormulaError(
                f"side {k + 1}, {equation.texts[k]}: the rest is {large:.2g} times the O(...) for a "
                f"step of about 0.1, and {small:.2g} times for one that is 8 times smaller"
            )
    return Finding(equation, "order of the rest", n_points, 0.0)


def _mean(value: Values) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.abs(value) ** 2)))
