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
    Book, Equation, FormulaError, Node, Symbol, definition, parse, symbols,
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
    if len(equation.sides) < 2:
        raise FormulaError("it has one side")
    if len(set(equation.sides)) < len(equation.sides):
        raise FormulaError("two of its sides are the same, so that it says nothing")


def scopes(equation: Equation, book: Book, world: World) -> Iterator[Scope]:
    """Yield the scopes of an equation: with hwlib's values, and with the book's definitions."""
    left, sample = equation.sides[0], None if equation.is_of_a_batch else 1
    scope = Scope(book, world, equation.page, sample=sample)
    natural = Evaluator(scope).natural
    shown = {natural(node.children[1]) for node in left.find_data("derivative")}
    shown |= {i for s in symbols(left) for i in s.index if isinstance(i, Symbol)}
    bound = {str(s.children[0]) for side in equation.sides for s in side.find_data("sum")}
    used = {i for s in symbols(*equation.sides) for i in s.index if isinstance(i, str)}
    for letter in sorted((used & world.ranges.keys()) - bound):
        scope = scope.bind(letter, world.ranges[letter])
    for trust in (True, False):
        yield replace(scope, trust=trust, shown=frozenset(shown), used=set())


def _value(side: Node, scope: Scope) -> Values:
    value: Values = Evaluator(scope).remember((side, scope.shown), lambda: evaluate(side, scope))
    return value


def _check_sides(equation: Equation, book: Book) -> Finding:
    seen: list[set[float]] = [set() for _ in equation.relations]
    used: set[str] = set()
    n_points, errors = 0, [0.0]
    for world in worlds(part_of(equation.page)):
        _is_known(equation, world)
        for scope in scopes(equation, book, world):
            where = _holds(CONDITIONS.get(equation.label), scope)
            values = [_value(side, scope) for side in equation.sides]
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


def _is_known(equation: Equation, world: World) -> None:
    """Reject the definition of a symbol that nothing else tests."""
    if (left := definition(equation)) is None or _is_helper(equation):
        return
    name, count = left.symbol.name, len(left.pattern)
    count += name in SAMPLES[world.part] and not equation.is_of_a_batch
    whole = left.parameter is not None or (name, count) in ASSEMBLED[world.part]
    if not (whole and any(name == key[0] for key in world.known) or (name, count) in world.known or name in world.functions):
        raise FormulaError(f"hwlib does not compute {name}")


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
    ratios, n_points = [], 0
    for world in worlds(part_of(equation.page)):
        scope = next(scopes(equation, book, world))
        bare = [evaluate(side, replace(scope, order=0.0)) for side in equation.sides]
        full = [evaluate(side, scope) for side in equation.sides]
        left = [_mean(bare[0] - value) for value in bare[1:]]
        claim = [_mean(a - b) for a, b in zip(full[1:], bare[1:], strict=True)]
        ratios.append(np.divide(left, claim))
        n_points += world.n_points
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
