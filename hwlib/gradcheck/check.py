"""The check of a gradient, coordinate by coordinate, and of what is no gradient.

A Jacobian, and products with a Jacobian or a Hessian, come down to gradients of numbers and to
`check_grad`: the report and the errors are its own, and so are the options of `check_vjp` and
`check_hvp`. In an error, ``grad(x)`` is the product under test.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from hwlib._arrays import Floats, as_callable, as_float, as_floats
from hwlib._layout import Function, Layout, Point
from hwlib.gradcheck.diagnosis import diagnose, missed
from hwlib.gradcheck.kinks import look_beside
from hwlib.gradcheck.problem import RESOLUTION, Problem
from hwlib.gradcheck.report import FAULTS, Coordinate, Report, Status
from hwlib.gradcheck.step_ladder import Slope, slopes_at

Candidate: TypeAlias = tuple[str, Function] | tuple[str, Function, str]
Product: TypeAlias = Callable[[Point, Point], Point]

LOUD = 2.0**-40
"""Noise of f that is said, over its size."""


def check_grad(
    f: Function, grad: Function, x: Point, *, rtol: float = 1e-6,
    expected_zero: Sequence[int | str] = (), candidates: Sequence[Candidate] = (),
    context: Sequence[str] = (), directions: int | None = None,
) -> Report:  # fmt: skip
    """Compare a gradient with finite differences, coordinate by coordinate.

    Parameters
    ----------
    f, grad : callable
    x : Point
        The point of the check. Choose irregular numbers, at which no coordinate of the gradient
        is 0 but those that are 0 everywhere: these belong into `expected_zero`.
    rtol : float, default 1e-6
        Allowed relative error of a coordinate.
    expected_zero : sequence of int or str
        Coordinates of the gradient that are 0 at every point, by position (counted through all
        fields) or by name. They must be exactly 0, and `f` must not depend on them.
    candidates : sequence of (name, callable) or (name, callable, equation)
        Wrong gradients of the same signature as `grad`; if one equals it, the report says so,
        and the diagnosis names its equation. `hwlib.gradcheck.mistakes.candidates` gives the
        catalogue.
    context : sequence of str
        Facts that hide mistakes and that no number of the check shows, such as "l2 = 0" or
        "there is only one sample". Each makes the check weak. For the models of the book
        `hwlib.gradcheck.blind_spots` lists them; of another model you know them yourself.
    directions : int, optional
        For many coordinates: only so many random directions in each array are looked at, and
        the report says so.

    Returns
    -------
    Report

    Notes
    -----
    A coordinate differs when its error exceeds `rtol` and the noise of the estimate together.
    A derivative known to fewer than four digits is unseen and never counts as agreement. Where
    a derivative jumps, the coordinates involved are reported as kinks, and the gradient is
    checked at random points beside; if it takes two values there, it must lie between them at
    the kink. The check fails where f or grad is not deterministic or changes its argument, and
    where f jumps. A check that passes is weak where a coordinate is unseen or at a kink, where
    mistakes would pass, and where the gradient is wrong at a point close by. Implements
    eq-relative-error and eq-noise-floor.
    """
    rtol = as_float("rtol", rtol, minimum=0.0)
    context = _as_list("context", context, "strings", lambda fact: isinstance(fact, str))
    known = "(name, callable) or (name, callable, equation)"
    candidates = _as_list("candidates", candidates, known, _is_candidate)
    problem = Problem(f, grad, x, directions)
    names, slopes = problem.layout.names, slopes_at(problem, problem.x)
    zeros = _positions(expected_zero, names)
    kinks, beside, faults, conventions = look_beside(problem, slopes, rtol)
    judged = tuple(_judge(problem, slopes, rtol, kinks, zeros))
    matches = [c for c in candidates if _equals(problem, c[1], rtol)]
    report = Report(
        judged, rtol, beside=tuple(names[k] for k in sorted(beside)), context=context,
        matches=tuple(c[0] for c in matches), diagnosis=(*problem.faults, *faults),
        notes=(*conventions, *_noise(problem, judged), *problem.layout.notes),
    )  # fmt: skip
    if report.passed:
        return replace(report, missed=missed(report, problem))
    if problem.faults or not (report.names("differs") or report.beside):
        return report
    equation = next((c[2] for c in matches if len(c) == 3), "")
    findings = (f._replace(equation=equation) for f in diagnose(report, problem))
    return replace(report, diagnosis=(*report.diagnosis, *findings))


def _judge(
    problem: Problem, slopes: list[Slope], rtol: float, kinks: set[int], zeros: set[int]
) -> Iterator[Coordinate]:
    """Yield what the numbers say of each coordinate, in the order of the point."""
    for k, (name, slope) in enumerate(zip(problem.layout.names, slopes, strict=True)):
        given, wrong = float(problem.given[k]), slope.differs(problem.given[k], rtol)
        is_seen = slope.noise < RESOLUTION * max(abs(given), abs(slope.value))
        status: Status = "differs" if wrong else "agrees" if is_seen else "unseen"
        if k in zeros:
            status = "zero" if given == 0.0 and not wrong else "differs"
        elif k in kinks and np.isfinite(given):
            status = "kink"
        yield Coordinate(name, given, slope.value, slope.noise, status, slope.ladder)


def _noise(problem: Problem, judged: Sequence[Coordinate]) -> Iterator[str]:
    """Say why derivatives were not seen, where f is to blame."""
    unseen = [c for c in judged if c.status == "unseen"]
    fast = [c.name for c in unseen if np.isinf(c.noise)]
    if fast:
        yield f"f changes faster than the steps along {', '.join(fast[:3])}"
    if len(unseen) > len(fast) and problem.rounding > LOUD * abs(problem.f(problem.x)):
        yield f"too noisy: beside this point f is only known to {problem.rounding:.0e}"


def _equals(problem: Problem, wrong: Function, rtol: float) -> bool:
    """Whether a candidate is the gradient; zeros are told as such."""
    other = problem.layout.flatten("a candidate", wrong(problem.layout.point(problem.x)))
    return bool(np.any(other) and np.allclose(other, problem.given, rtol=rtol, atol=0.0))


def _as_list(name: str, value: Any, what: str, fits: Callable[[Any], bool]) -> tuple[Any, ...]:
    if not (isinstance(value, list | tuple) and all(map(fits, value))):
        raise ValueError(f"{name} is {value!r}; expected a list of {what}")
    return tuple(value)


def _is_candidate(entry: Any) -> bool:
    match entry:
        case (str(), wrong) | (str(), wrong, str()):
            return callable(wrong)
    return False


def _positions(keys: Any, names: list[str]) -> set[int]:
    def fits(key: Any) -> bool:
        return key in names or (not isinstance(key, str | bool) and key in range(len(names)))

    keys = _as_list("expected_zero", keys, f"positions or names ({', '.join(names)})", fits)
    return {names.index(key) if key in names else int(key) for key in keys}


def check_jacobian(f: Function, jac: Function, x: Point, *, rtol: float = 1e-6) -> Report:
    """Compare a Jacobian with finite differences, entry by entry.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns an array of any shape.
    jac : callable
        ``jac(x)[i]`` is the gradient of ``f(x)[i]``, so that the axes of ``f(x)`` come before
        those of x. Where x has parts, ``jac(x)`` has the same, and so does each of them.
    x : Point
    rtol : float, default 1e-6

    Returns
    -------
    Report
        Of entries such as ``f[2] / x[0, 1]``.
    """
    layout, jac = Layout(x), as_callable("jac", jac)
    value = as_floats("f(x)", as_callable("f", f)(layout.point(layout.vector)))
    outputs = Layout(value, "f")
    place = {f"{output} / x": k for k, output in enumerate(outputs.names)}

    # One point for each row: the sum depends on it through its own output alone.
    def total(points: Point) -> Point:
        return sum(outputs.flatten("f(x)", f(at))[place[row]] for row, at in points.items())

    def grad(points: Point) -> Point:
        def rows(at: Point) -> Floats:
            return layout.flatten("jac(x)", jac(at), value.shape).reshape(value.size, -1)

        return {row: layout.point(rows(at)[place[row]]) for row, at in points.items()}

    # Row by row, for the sum is rounded as far as its largest output.
    reports = [check_grad(total, grad, {row: x}, rtol=rtol) for row in place]
    parts = {
        key: tuple(dict.fromkeys(entry for report in reports for entry in getattr(report, key)))
        for key in ("coordinates", "beside", "notes", "diagnosis", "missed")
    }
    whole = Report(rtol=rtol, **parts)
    if not whole.names("differs") or any(f.family in FAULTS for f in whole.diagnosis):
        return whole
    problem = Problem(total, grad, dict.fromkeys(place, x))
    return replace(whole, diagnosis=tuple(diagnose(whole, problem)))


def check_vjp(f: Function, vjp: Product, x: Point, **options: Any) -> Report:
    """Check a vector-Jacobian product, as a backward pass is one, with a random vector u.

    ``vjp(x, u)`` must be the gradient of the sum of ``u * f(x)``. u is laid out like ``f(x)``,
    which may have parts as x may.
    """
    layout, vjp = Layout(x), as_callable("vjp", vjp)
    values = Layout(as_callable("f", f)(layout.point(layout.vector)), "f", "f(x)")
    u = np.random.default_rng(0).normal(size=len(values.vector))

    @wraps(f)  # the coordinates bear the name of its argument
    def number(x: Point) -> Point:
        return u @ values.flatten("f(x)", f(x))

    return check_grad(number, lambda x: vjp(x, values.point(u)), x, **options)


def check_hvp(grad: Function, hvp: Product, x: Point, **options: Any) -> Report:
    """Check a Hessian-vector product against the gradient, with a random vector v.

    A Hessian is symmetric: ``hvp(x, v)`` must be the gradient of the sum of ``v * grad(x)``.
    v is laid out like ``grad(x)``.
    """
    return check_vjp(as_callable("grad", grad), as_callable("hvp", hvp), x, **options)
