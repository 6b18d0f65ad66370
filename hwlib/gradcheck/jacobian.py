"""Checks of what is no gradient: a Jacobian, and products with a Jacobian or a Hessian.

Each comes down to gradients of numbers and to `hwlib.gradcheck.check_grad`: the report and the
errors are its own, and so are the options of `check_vjp` and `check_hvp`. In an error, ``grad(x)``
is the product under test.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from hwlib._arrays import Floats, as_callable, as_floats
from hwlib._layout import Function, Layout, Point
from hwlib.gradcheck.check import check_grad
from hwlib.gradcheck.diagnosis import diagnose
from hwlib.gradcheck.problem import Problem
from hwlib.gradcheck.report import FAULTS, Report, worst_first

Product: TypeAlias = Callable[[Point, Point], Point]


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
    found = parts.pop("coordinates")
    whole = Report(worst_first(found, rtol), rtol, **parts)
    if not whole.names("differs") or any(f.family in FAULTS for f in whole.diagnosis):
        return whole
    problem = Problem(total, grad, dict.fromkeys(place, x))
    judged = sorted(found, key=lambda c: problem.layout.names.index(c.name))
    return replace(whole, diagnosis=tuple(diagnose(judged, problem, rtol)))


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
