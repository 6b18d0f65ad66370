"""The check of a gradient, coordinate by coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from hwlib._arrays import as_float
from hwlib.gradcheck.diagnosis import diagnose
from hwlib.gradcheck.kinks import look_beside
from hwlib.gradcheck.layout import Function, Point
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Report, worst_first
from hwlib.gradcheck.step_ladder import slope_along
from hwlib.gradcheck.verdict import judge

Candidate: TypeAlias = tuple[str, Function] | tuple[str, Function, str]


def check_grad(
    f: Function,
    grad: Function,
    x: Point,
    *,
    rtol: float = 1e-6,
    expected_zero: Sequence[int | str] = (),
    candidates: Sequence[Candidate] = (),
    context: Sequence[str] = (),
) -> Report:
    """Compare a gradient with finite differences, coordinate by coordinate.

    Parameters
    ----------
    f, grad : callable
    x : array_like or NamedTuple of them
        The point of the check. Choose one where no coordinate of the gradient is 0.
    rtol : float, default 1e-6
        Allowed relative error of a coordinate.
    expected_zero : sequence of int or str
        Coordinates known to be 0, by position (counted through all fields) or by name. They
        must be exactly 0 in the gradient, and `f` must not depend on them.
    candidates : sequence of (name, callable) or (name, callable, equation)
        Wrong gradients of the same signature as `grad`; if one equals it, the report says so,
        and the diagnosis names its equation. `hwlib.gradcheck.mistakes.candidates` gives the
        catalogue.
    context : sequence of str
        Facts about the point that only the caller knows and that hide mistakes, such as
        "l2 = 0". Each makes the check weak. `hwlib.gradcheck.blind_spots` finds them.

    Returns
    -------
    Report

    Notes
    -----
    A coordinate differs when its error exceeds `rtol` and the noise of the estimate together.
    A derivative that cannot be told from noise is unseen and never counts as agreement. Where
    a derivative jumps, the coordinates involved are reported as kinks, and the gradient is
    checked at random points beside. Implements eq-relative-error and eq-noise-floor.
    """
    rtol = as_float("rtol", rtol, minimum=0.0)
    candidates, context = _as_candidates(candidates), _as_texts("context", context)
    problem = Problem(f, grad, x)
    names = problem.layout.names
    zeros = _positions(names, expected_zero)

    slopes = [slope_along(problem, problem.x, axis) for axis in np.eye(len(names))]
    kinks, beside = look_beside(problem, slopes, rtol)
    judged = judge(problem, slopes, rtol, kinks=kinks, expected_zeros=zeros)
    matches = [c for c in candidates if _equals(problem, c[1], rtol)]

    wrong_beside = tuple(names[k] for k in sorted(beside))
    matching = tuple(c[0] for c in matches)
    report = Report(worst_first(judged, rtol), rtol, wrong_beside, matching, context)
    if report.passed:
        return report
    equation = next((c[2] for c in matches if len(c) == 3), "")
    return replace(report, diagnosis=diagnose(judged, problem.x, rtol, equation))


def _equals(problem: Problem, wrong: Function, rtol: float) -> bool:
    layout = problem.layout
    other = layout.flatten("a candidate", wrong(layout.point(problem.x)))
    return bool(np.allclose(other, problem.given, rtol=rtol, atol=0.0))


def _as_sequence(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} is {value!r}; expected a list or a tuple")
    return value


def _as_texts(name: str, value: Any) -> tuple[str, ...]:
    if not all(isinstance(text, str) for text in _as_sequence(name, value)):
        raise ValueError(f"{name} is {value!r}; expected strings")
    return tuple(value)


def _as_candidates(value: Any) -> tuple[Candidate, ...]:
    for entry in _as_sequence("candidates", value):
        fits = isinstance(entry, tuple) and len(entry) in (2, 3) and callable(entry[1])
        if not (fits and all(isinstance(text, str) for text in entry[::2])):
            raise ValueError(f"candidates holds {entry!r}; expected pairs of a name and a callable")
    return tuple(value)


def _positions(names: list[str], expected_zero: Any) -> set[int]:
    zeros = set()
    for key in _as_sequence("expected_zero", expected_zero):
        if isinstance(key, str) and key in names:
            zeros.add(names.index(key))
        elif not isinstance(key, str | bool) and key in range(len(names)):
            zeros.add(int(key))
        else:
            expected = f"the coordinates are {', '.join(names)}"
            raise ValueError(f"expected_zero names {key!r}; {expected}")
    return zeros
