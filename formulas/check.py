"""Whether a printed formula is true: sides compared with each other, hwlib and derivatives.

The relation that is printed must be the strongest that holds at the points: an equation that is
printed as a bound is wrong, and so is a bound that is attained nowhere.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from formulas.evaluator import BUILTIN, SIGNS, Evaluator, Values, shape
from formulas.reader import Book, Equation, FormulaError, fits, free_letters, leaves, parse, require
from formulas.worlds import ARRAYS, CONDITIONS, DECLARED, N_POINTS, World, worlds

TOLERANCE = 1e-10
NODES = np.cos(np.pi * (np.arange(14) + 0.5) / 14).reshape(-1, 1, 1)
"""Twice the steps at which the remainder of a series is evaluated, on an axis of their own."""
SERIES = np.linalg.inv(np.vander(NODES.ravel(), increasing=True))
"""Makes values at the nodes into the coefficients of a polynomial in the step."""


class Finding(NamedTuple):
    """How one equation was checked.

    Attributes
    ----------
    equation : Equation
    against : str
        What its sides were compared with, besides each other.
    n_points : int
    """

    equation: Equation
    against: str
    n_points: int


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
        speaks = {*map(str, equation.symbols)} - {"e", *(name for name, _ in BUILTIN)}
        letters = [free_letters(s) for s in equation.sides if any(leaves(s))]
        says = speaks and len(set(equation.sides)) == len(equation.sides) > 1
        empty = any(re.fullmatch(kind, equation.shown) for kind in DECLARED["nothing"])
        require(says and not empty, "two of its sides are the same, or it has no quantity")
        require(letters[0] >= set().union(*letters), "its sides speak of different indices")
        if equation.defined:
            _is_pinned(equation, book)
        if "O" in equation.names:
            return _check_order(equation, book)
        if attained := DECLARED["attained"].get(equation.label):
            _check_sides(equation, book, ["="] * len(equation.relations), attained)
        return _check_sides(equation, book, equation.relations, CONDITIONS.get(equation.label))
    except (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, MemoryError) as why:
        raise FormulaError(f"{equation.page}, {equation.label}: {why}") from why


def evaluators(equation: Equation, book: Book, world: World) -> Iterator[Evaluator]:
    """Yield two evaluators a layer: one takes hwlib's values, one follows the definitions."""
    at = Evaluator(book, world, equation.page, None if equation.is_of_a_batch else 1)
    letters = set.union(*map(free_letters, equation.sides))
    layers = world.ranges.get("l", ()) if "l" in letters else [None]  # one after the other
    for layer, trust in product(layers, (True, False)):
        inner = at.within(trust=trust, used=set(), index={"l": layer} if layer else {})
        yield inner.bind("".join(sorted(letters - {"l"})))


def _check_sides(equation: Equation, book: Book, relations: Any, condition: Any) -> Finding:
    """Check that these relations hold at the points of a condition, and none that is stronger."""
    seen: list[set[float]] = [set() for _ in relations]
    used, n_points = set[str](), 0
    for world in worlds(equation.part):
        met = np.zeros(N_POINTS, bool)
        for at in evaluators(equation, book, world):
            where = _holds(condition or "0 = 0", at)
            met |= np.any(where, axis=tuple(range(1, where.ndim)))
            if not np.any(where):
                continue
            values = [at.visit(side) for side in equation.sides]
            for k, relation in enumerate(relations):
                signs, here = np.broadcast_arrays(difference(*values[k : k + 2]), where)
                wrong = here & ~np.isin(signs, SIGNS[relation])
                if np.any(wrong):
                    raise FormulaError(_message(equation, k, values, wrong, at))
                seen[k] |= set(signs[here].tolist())
            used |= at.used - {"parameter", "step", "drawn"}
        n_points += int(np.sum(met))
    require(seen == [set(SIGNS[r]) for r in relations], "a stronger relation than this one holds")
    helper = str(equation.defined) in DECLARED["helpers"][equation.part]
    against = "the formulas that use it" if helper else " and ".join(sorted(used))
    return Finding(equation, against or "its other sides", n_points)


def _is_pinned(equation: Equation, book: Book) -> None:
    """Reject a definition that nothing else tests, or that does not use its own parameter."""
    symbol, parameter, part = equation.defined, equation.parameter, equation.part
    *_, at = evaluators(equation, book, worlds(part)[0])
    name, index = at.place(at.natural(equation.sides[0]) or symbol)
    page = (e for e in book.equations if e.page == equation.page and e.label != equation.label)
    near = (s.joined() for e in page for s in e.symbols)
    used = any(s.name == symbol.name and fits(symbol.index, s.index) for s in near)
    helper = str(symbol) in DECLARED["helpers"][part] and used
    function = parameter and symbol.name in at.world.functions and not symbol.index
    known = (name, len(index)) in {**at.world.known, **ARRAYS[part]} or helper or function
    require(known, f"hwlib does not compute {symbol}, and no formula of the page uses it")
    if parameter and at.function(symbol) is equation:
        at.call(symbol, at.named(parameter))
        require("parameter" in at.used, f"{symbol} does not depend on {parameter}")


def _holds(condition: str, at: Evaluator) -> Values:
    """Return at which points a condition holds."""
    parsed = parse(at.page, "", condition)
    signs = difference(*map(at.visit, parsed.sides))
    return np.min(np.isin(signs, SIGNS[parsed.relations[0]]), axis=(-1, -2), keepdims=True)


def difference(left: Values, right: Values) -> Values:
    """Return the sign of the difference of two sides, 0 within the tolerance, nan if there is none.

    The tolerance is relative to the larger of the two, or to 1.
    """
    require(shape(left) == shape(right), f"sides with {shape(left)} and {shape(right)} entries")
    gaps = np.abs(left - right) / np.maximum(np.maximum(np.abs(left), np.abs(right)), 1.0)
    signs = np.where(np.isreal(left - right), np.sign(np.real(left - right)), np.nan)
    return np.where(gaps <= TOLERANCE, 0.0, np.where(np.isfinite(gaps), signs, np.nan))


def _message(equation: Equation, k: int, values: list[Values], wrong: Values, at: Evaluator) -> str:
    """Say which side of which equation is wrong, and where."""
    place = tuple(np.argwhere(wrong)[0])
    shown = (values[k + 1], values[k], *at.index.values())
    right, left, *found = (f"{np.broadcast_to(v, wrong.shape)[place]:.6g}" for v in shown)
    where = "".join(f"{letter} = {value}, " for letter, value in zip(at.index, found, strict=True))
    sides = f"{equation.texts[k + 1]}, is {right} and side {k + 1}, {equation.texts[k]}, is {left}"
    return f"side {k + 2}, {sides}, at {where}point {place[0]}"


def _check_order(equation: Equation, book: Book) -> Finding:
    """Compare what an equation leaves to O(...) with what is left, as series in the step."""
    for world in worlds(equation.part):
        at = next(evaluators(equation, book, world))
        at = at.within(held={("varepsilon", 0): lambda index: NODES / 2.0})
        values = (map(at.within(order=order).visit, equation.sides) for order in (0.0, 1.0))
        sides = (np.broadcast_arrays(NODES, *each)[1:] for each in values)
        bare, full = (np.tensordot(SERIES, s, (1, -3)).reshape(14, len(s), -1) for s in sides)
        rest, claim = np.abs(bare - bare[:, :1])[:, 1:], np.abs(full - bare)[:, 1:]
        present = np.max((rest, claim), axis=-1) > TOLERANCE * np.max(np.abs(bare))
        first = present & (np.cumsum(present, axis=1) == 1)  # the lowest power on either side
        equal = {*equation.relations} == {"="} and np.array_equal(bare[:, 0], full[:, 0])
        same = np.array_equal(*first) and not np.any(present[:, [0, -1]])
        bounded = np.any(first[0], axis=0).all() and np.all(rest[first[0]] <= 99 * claim[first[0]])
        require(equal and same and bounded, "the rest is not of the order that O(...) says")
    return Finding(equation, "order of the rest", N_POINTS * len(worlds(equation.part)))
