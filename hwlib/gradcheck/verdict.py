"""The verdict on one coordinate: when it differs, agrees, or is unseen."""

from __future__ import annotations

import numpy as np

from hwlib.gradcheck.noise import RESOLUTION
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import Coordinate, Status
from hwlib.gradcheck.step_ladder import Slope

LOUD = 2.0**-40
"""Noise of f that is said, over its size."""


def judge(
    problem: Problem, slopes: list[Slope], rtol: float, *, kinks: set[int], expected_zeros: set[int]
) -> list[Coordinate]:
    """Return what the numbers say of each coordinate, in the order of the point."""
    judged = []
    triples = zip(problem.layout.names, problem.given.tolist(), slopes, strict=True)
    for k, (name, given, slope) in enumerate(triples):
        status = _status(given, slope, rtol, k in kinks, k in expected_zeros)
        numbers = given, slope.value, relative_error(given, slope.value), slope.noise
        judged.append(Coordinate(name, *numbers, status))
    return judged


def notes_on(problem: Problem, judged: list[Coordinate]) -> list[str]:
    """Say why derivatives were not seen, where f is to blame."""
    unseen = [c for c in judged if c.status == "unseen"]
    fast = [c.name for c in unseen if np.isinf(c.noise)]
    notes = [f"f changes faster than the steps along {', '.join(fast[:3])}"] if fast else []
    if len(unseen) > len(fast) and problem.rounding > LOUD * abs(problem.f(problem.x)):
        notes.append(f"too noisy: beside this point f is only known to {problem.rounding:.0e}")
    return notes


def _status(given: float, slope: Slope, rtol: float, at_kink: bool, is_zero: bool) -> Status:
    wrong = differs(given, slope, rtol)
    if is_zero:
        return "zero" if given == 0.0 and not wrong else "differs"
    if at_kink and np.isfinite(given):
        return "kink"
    if wrong:
        return "differs"
    size = max(abs(given), abs(slope.value))
    return "unseen" if slope.noise >= RESOLUTION * size else "agrees"


def relative_error(given: float, numeric: float) -> float:
    """Return the error over the larger of the two (eq-relative-error); infinite for NaN."""
    difference, size = abs(given - numeric), max(abs(given), abs(numeric))
    if not np.isfinite(difference):
        return float("inf")
    return difference / size if size else 0.0


def differs(given: float, slope: Slope, rtol: float) -> bool:
    """Whether the error is more than `rtol` and the noise of the estimate allow."""
    difference = abs(given - slope.value)
    allowed = rtol * max(abs(given), abs(slope.value)) + slope.noise
    return bool(not np.isfinite(difference) or difference > allowed)
