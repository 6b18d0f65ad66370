"""What a check that passed would have missed: mistakes that its point lets through.

The gradient under test is made wrong on purpose, and judged by the same numbers again.
"""

import re
from collections.abc import Iterator

import numpy as np

from hwlib.gradcheck.patterns import Table, table_beside, table_of
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate


@np.errstate(all="ignore")
def missed(judged: list[Coordinate], problem: Problem, rtol: float) -> tuple[str, ...]:
    """Return the mistakes that would have passed, each in a sentence; none at a strong point.

    The coordinates are in the order of the point, and none of them differs.
    """
    every = table_of(judged, problem, rtol)
    seen = every[np.isin(every.status, ["agrees", "unseen"])]
    beside = table_beside(every, problem)
    return (
        *_in_fields(seen),
        *(_beside(every, beside, problem.layout.names) if beside is not None else ()),
    )


def _in_fields(m: Table) -> Iterator[str]:
    """Make the gradient wrong field by field."""
    kinds = np.array([re.sub(r"\d|_.*", "", field) for field in m.fields])  # b_1 and b_2 are b
    for field in dict.fromkeys(m.fields):
        part, alike = m[m.fields == field], m.x[np.isin(kinds, kinds[m.fields == field])]
        g, largest = part.given, np.max(np.abs(m.given))
        # A penalty on the biases shows if one of them is not 0.
        changes = {
            "a wrong sign": -g, "a factor of 2": 2.0 * g, "zeros": 0.0 * g,
            "an error of 0.1 percent": 1.001 * g, "another power of the parameter": g * part.x,
            "a penalty": g + largest * (alike.any() or not m.x.any()),
        }  # fmt: skip
        errors = {what: np.abs(wrong - part.numeric) for what, wrong in changes.items()}
        passing = [what for what, error in errors.items() if np.all(error <= part.allowed)]
        if passing:
            yield f"here {' or '.join(passing)} in {field} would not show"


def _beside(every: Table, beside: Table, names: list[str]) -> Iterator[str]:
    """Compare with the point beside, which is less regular: pairs swapped, and all else."""
    for field in dict.fromkeys(every.fields):
        m = every[(every.fields == field) & (every.status == "agrees")]
        m = m[np.argsort(m.given)]
        for k in np.flatnonzero(np.diff(m.given) <= m.allowed[1:])[:1]:
            first, second = m.at[k : k + 2]
            a, b = beside.given[[first, second]]
            if abs(a - b) > 1e-5 * abs(a):
                yield f"{names[first]} and {names[second]} swapped would not show"
    wrong = np.abs(beside.given - beside.numeric) > 100.0 * beside.allowed
    if wrong.any():
        yield f"beside this point the gradient is wrong, in {names[np.argmax(wrong)]}: check there"
