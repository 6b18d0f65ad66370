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
    seen, beside = every[np.isin(every.status, ["agrees", "unseen"])], table_beside(every, problem)
    return (*_in_fields(seen), *(() if beside is None else _beside(every, beside)))


def _in_fields(m: Table) -> Iterator[str]:
    """Make the gradient wrong field by field."""
    for field in dict.fromkeys(m.fields):
        part, alike = m[m.fields == field], m.x[[_kind(f) == _kind(field) for f in m.fields]]
        g, is_hidden = part.given, bool(m.x.any() and not alike.any())
        wrong = {"a wrong sign": -g, "a factor of 2": 2.0 * g, "zeros": 0.0 * g,
                 "another power of the parameter": part.x * g,
                 "an error of 0.1 percent": 1.001 * g}  # fmt: skip
        errors = {what: np.abs(g - part.numeric) for what, g in wrong.items()}
        passing = [what for what, error in errors.items() if np.all(error <= part.allowed)]
        if passing := passing + ["a penalty"] * is_hidden:
            yield f"here {' or '.join(passing)} in {field} would not show"


def _kind(field: str) -> str:
    """Return b for b_1 and b_2: a penalty on the biases shows if one of them is not 0."""
    return re.sub(r"\d|_.*", "", field)


def _beside(every: Table, beside: Table) -> Iterator[str]:
    """Compare with the point beside, which is less regular: pairs swapped, and all else."""
    for field in dict.fromkeys(every.fields):
        m = every[(every.fields == field) & (every.status == "agrees")]
        m = m[np.argsort(m.given)]
        for k in np.flatnonzero(np.diff(m.given) <= m.allowed[1:])[:1]:
            a, b = beside.given[m.at[k : k + 2]]
            if abs(a - b) > 1e-5 * abs(a):
                yield f"{m.names[k]} and {m.names[k + 1]} swapped would not show"
    wrong = beside[np.abs(beside.given - beside.numeric) > 10.0 * beside.allowed]
    if len(wrong):
        yield f"beside this point the gradient is wrong, in {wrong.names[0]}: check there"
