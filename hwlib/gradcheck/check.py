"""Finite differences, and a check of gradients that says what it could not see.

Knows callables, no model. A point is an array or a NamedTuple of arrays; a coordinate is
named as it is indexed: ``W_hidden[0, 2]``, or ``theta[3]`` where the function calls its
argument theta.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from hwlib._arrays import (
    Floats,
    Layout,
    as_callable,
    as_count,
    as_float,
    as_floats,
    as_rng,
)
from hwlib.diagnosis import Finding, Mismatch, diagnose

Point = Any  # an array, a number, or a NamedTuple of them
Method = Literal["forward", "central", "complex"]
Status = Literal["differs", "kink", "unseen", "zero", "agrees"]
Candidate = tuple[str, Callable[[Any], Any]] | tuple[str, Callable[[Any], Any], str]

MACHINE_EPSILON = float(np.finfo(np.float64).eps)
RELATIVE_STEP = {
    "forward": MACHINE_EPSILON ** (1 / 2),
    "central": MACHINE_EPSILON ** (1 / 3),
    "complex": MACHINE_EPSILON**2,
}
"""Step over the size of x: where truncation and rounding balance (eq-best-step)."""

RESOLUTION = 1e-4
"""A derivative whose noise is more than this part of it is unseen."""

ROWS = 20
"""The table of a report stops after so many coordinates."""

WORST_FIRST: tuple[Status, ...] = ("differs", "kink", "unseen", "zero", "agrees")


def numerical_grad(
    f: Callable[[Any], Any], x: Point, *, method: Method = "central", step: float | None = None
) -> Point:
    """Return the gradient of `f` at `x` by finite differences, one coordinate at a time.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns a real number; for ``method="complex"``, a complex one for complex x.
    x : array_like or NamedTuple of them
        The point, of any shape.
    method : {"central", "forward", "complex"}
        "complex" is for analytic f that accept complex input; the book's losses have kinks
        and refuse it.
    step : float, optional
        The step, above 0. By default the machine epsilon to the power 1/2 (forward),
        1/3 (central) or 2 (complex), times max(1, abs(x_k)) for coordinate k.

    Returns
    -------
    ndarray or NamedTuple
        Laid out like `x`.

    Raises
    ------
    ValueError
        If `x` is not finite real numbers, `method` is none of the three, `step` is not
        positive, or `f` returns anything but one finite number.

    Notes
    -----
    Implements eq-forward-difference, eq-central-difference and eq-complex-step.
    """
    as_callable("f", f)
    if method not in RELATIVE_STEP:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(RELATIVE_STEP)}")
    if step is not None and as_float("step", step) <= 0.0:
        raise ValueError(f"step is {step}; expected a number above 0")
    layout = Layout(x)
    at = layout.vector
    sizes = RELATIVE_STEP[method] * np.maximum(1.0, np.abs(at))
    steps = sizes if step is None else np.full_like(at, step)
    grad = np.array([
        _difference(f, layout, k, h, method) for k, h in enumerate(steps.tolist())
    ])  # fmt: skip
    return layout.restore(grad)


def _difference(f: Callable[[Any], Any], layout: Layout, k: int, h: float, method: str) -> float:
    x, e = layout.vector, np.zeros(len(layout.vector))
    e[k] = h
    if method == "complex":
        value = np.asarray(f(layout.restore(x + 1j * e)))
        if value.shape != () or value.dtype.kind != "c" or not np.isfinite(value):
            raise ValueError("f(x) is not one finite complex number for complex x")
        return float(value.imag / h)
    right, left = x + e, x - e if method == "central" else x
    if right[k] == left[k]:
        raise ValueError(f"step is {h}, which is too small to change {layout.names[k]}")
    rise = _value(f, layout, right) - _value(f, layout, left)
    return rise / float(right[k] - left[k])  # the step as it was rounded, not as it was asked


def _value(f: Callable[[Any], Any], layout: Layout, vector: Floats) -> float:
    return as_float("f(x)", f(layout.restore(vector)))


def _argument_name(f: Callable[[Any], Any]) -> str:
    try:
        return next(iter(inspect.signature(f).parameters), "x")
    except (TypeError, ValueError):  # built-in functions may have no signature
        return "x"


@dataclass(frozen=True)
class Coordinate:
    """One coordinate of a checked gradient.

    Attributes
    ----------
    name : str
        Such as ``theta[3]`` or ``W_hidden[0, 2]``.
    given, numeric : float
        The gradient under test, and its estimate by finite differences.
    error : float
        abs(given - numeric) / max(abs(given), abs(numeric)); 0 if both are 0 (eq-relative-error).
    noise : float
        Estimated error of `numeric`, in the unit of the derivative (eq-noise-floor).
    status : {"differs", "kink", "unseen", "zero", "agrees"}
        "zero": expected to be 0, and exactly 0. "unseen": too small to tell from the noise.
        "kink": the derivative jumps at this point, so that finite differences cannot decide.
    """

    name: str
    given: float
    numeric: float
    error: float
    noise: float
    status: Status


@dataclass(frozen=True)
class Report:
    """The result of `check_grad`; true if nothing contradicts the gradient.

    Attributes
    ----------
    coordinates : tuple of Coordinate
        All of them, worst first.
    rtol : float
        The relative error that was allowed.
    beside : tuple of str
        Coordinates that differ at points beside a kink.
    matches : tuple of str
        Names of the candidates that equal the gradient under test.
    context : tuple of str
        What the caller says that this point cannot show.
    diagnosis : tuple of hwlib.diagnosis.Finding
        The kinds of mistake that fit the numbers, likeliest first; empty if the check passed.
    """

    coordinates: tuple[Coordinate, ...]
    rtol: float
    beside: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    diagnosis: tuple[Finding, ...] = ()

    def names(self, status: Status) -> tuple[str, ...]:
        """Return the names of the coordinates of that status."""
        return tuple(c.name for c in self.coordinates if c.status == status)

    @property
    def passed(self) -> bool:
        """Whether no coordinate contradicts the gradient."""
        return not (self.names("differs") or self.beside)

    @property
    def weak(self) -> bool:
        """Whether a wrong gradient could have escaped.

        Something was unseen or at a kink, the context says so, or a wrong candidate passes.
        """
        passing = self.matches if self.passed else ()
        return bool(self.names("unseen") or self.names("kink") or self.context or passing)

    @property
    def max_error(self) -> float:
        """The largest relative error among the coordinates that were seen; 0 if none was."""
        seen = ("differs", "agrees")
        return max((c.error for c in self.coordinates if c.status in seen), default=0.0)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        agree, unseen = len(self.names("agrees")), len(self.names("unseen"))
        compared = len(self.coordinates) - len(self.names("zero"))
        verdict = "passed, but weak" if self.passed and self.weak else "passed"
        verdict = verdict if self.passed else "FAILED"
        lines = [f"{verdict}: {agree} of {compared} coordinates agree to {self.rtol:.0e}"]
        lines[0] += f", {unseen} unseen" if unseen else ""
        width = max(len("coordinate"), *(len(c.name) for c in self.coordinates))
        columns = ("given", "numeric", "error", "verdict")
        lines.append("{:<{}}  {:>12}  {:>12}  {:>8}  {}".format("coordinate", width, *columns))
        lines += [self._row(c, width) for c in self.coordinates[:ROWS]]
        if len(self.coordinates) > ROWS:
            lines.append(f"... and {len(self.coordinates) - ROWS} more, none worse")
        if self.beside:
            lines.append(f"beside the kink these differ: {', '.join(self.beside)}")
        lines += [f"equal to the wrong gradient {name!r}" for name in self.matches]
        lines += [f"this point cannot show: {fact}" for fact in self.context]
        for family, evidence, equation in self.diagnosis[:1]:
            if not (self.matches and family == "unknown"):  # the candidate says more
                lines += [f"likely mistake: {family}"]
                lines += textwrap.wrap(evidence, 80, initial_indent="  ", subsequent_indent="  ")
            lines += [f"  equation to reread: {equation}"] if equation else []
        return "\n".join(lines)

    def _row(self, c: Coordinate, width: int) -> str:
        # Numbers at rounding level differ between processors: they are printed as bounds.
        # Adding 0.0 turns -0.0, which is 0 times a negative number, into 0.0.
        below = abs(c.numeric) <= c.noise
        numeric = "0" if c.numeric == 0.0 else "below noise" if below else f"{c.numeric:.6g}"
        error = {"differs": f"{c.error:.1e}", "agrees": f"< {self.rtol:.0e}"}.get(c.status, "-")
        return f"{c.name:<{width}}  {c.given + 0.0:>12.6g}  {numeric:>12}  {error:>8}  {c.status}"


def check_grad(
    f: Callable[[Any], Any],
    grad: Callable[[Any], Any],
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
        ``f(x)`` returns a real number, ``grad(x)`` its gradient, laid out like `x`.
    x : array_like or NamedTuple of them
        The point of the check. Choose one where no coordinate of the gradient is 0.
    rtol : float, default 1e-6
        Allowed relative error of a coordinate.
    expected_zero : sequence of int or str
        Coordinates known to be 0, by position (counted through all fields) or by name. They
        must be exactly 0 in the gradient, and `f` must not depend on them.
    candidates : sequence of (name, callable) or (name, callable, equation)
        Wrong gradients of the same signature as `grad`; if one equals it, the report says so,
        and the diagnosis names its equation. `hwlib.mistakes.candidates` gives the catalogue.
    context : sequence of str
        Facts about the point that only the caller knows and that hide mistakes, such as
        "l2 = 0". Each makes the check weak.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If an argument is refused, `f` does not return one finite number at `x` and near it,
        or `grad` returns another layout.

    Notes
    -----
    A coordinate differs when its error exceeds `rtol` and the noise of the estimate together.
    A derivative that cannot be told from noise is unseen and never counts as agreement. Where
    a slope jumps, the coordinates involved are reported as kinks, and the gradient is checked
    at random points beside. Implements eq-relative-error and eq-noise-floor.
    """
    as_callable("f", f)
    as_callable("grad", grad)
    rtol = as_float("rtol", rtol, minimum=0.0)
    context, candidates = _as_texts("context", context), _as_candidates(candidates)
    layout = Layout(x, _argument_name(f))
    names, at = layout.names, layout.vector
    zeros = {_position(layout, key) for key in _as_sequence("expected_zero", expected_zero)}
    given = layout.flatten("grad(x)", grad(layout.restore(at)))
    slopes = _Slopes(f, layout)
    found = [slopes.along(at, axis) for axis in np.eye(len(at))]
    kinks, beside = _look_beside(slopes, grad, layout, found, rtol)

    def judge(k: int) -> Coordinate:
        numeric, noise = found[k].value, found[k].noise
        error, differs = _compare(given[k], numeric, noise, rtol)
        status: Status = "differs" if differs else "agrees"
        if k in zeros:
            status = "zero" if given[k] == 0.0 and not differs else "differs"
        elif k in kinks and np.isfinite(given[k]):
            status = "kink"
        elif not differs and noise >= RESOLUTION * max(abs(given[k]), abs(numeric)):
            status = "unseen"
        return Coordinate(names[k], float(given[k]), numeric, error, noise, status)

    judged = [judge(k) for k in range(len(at))]
    equal = [c for c in candidates if _equal(layout, c[1], given, rtol)]
    report = Report(
        tuple(sorted(judged, key=lambda c: _badness(c, rtol))),
        rtol,
        tuple(names[k] for k in sorted(beside)),
        tuple(c[0] for c in equal),
        tuple(context),
    )
    return (
        report if report.passed else replace(report, diagnosis=_findings(judged, at, rtol, equal))
    )


def subgradient_violation(
    f: Callable[[Any], Any],
    g: Any,
    x: Any,
    rng: np.random.Generator,
    *,
    n_points: int = 1000,
) -> float:
    """Return by how much `g` fails to be a subgradient of the convex function `f` at `x`.

    At a kink, where finite differences cannot decide, the definition can: g is a subgradient
    if and only if f(v) >= f(x) + g.(v - x) for every v.

    Parameters
    ----------
    f : callable
        A convex function of an array of shape (p,).
    g, x : array_like, shape (p,)
    rng : numpy.random.Generator
        Draws the points v, at distances from 1e-4 to 10 about x.
    n_points : int, default 1000

    Returns
    -------
    float
        The largest f(x) + g.(v - x) - f(v) over abs(v - x), beyond rounding; 0.0 if the
        inequality held at every point.

    Raises
    ------
    ValueError
        If an argument is refused, or `f` does not return one finite number.

    Notes
    -----
    Implements eq-hinge-subgradient.
    """
    as_callable("f", f)
    x = as_floats("x", x, ("p",))
    g = as_floats("g", g, x.shape)
    rng, n_points = as_rng("rng", rng), as_count("n_points", n_points)
    here, worst = as_float("f(x)", f(x)), 0.0
    for distance in 10.0 ** rng.uniform(-4.0, 1.0, size=n_points):
        d = rng.normal(size=len(x))
        v = x + distance * d / np.linalg.norm(d)
        there, rise = as_float("f(v)", f(v)), float(g @ (v - x))
        # f is rounded as far as its terms go, which g measures: its value may be 0 at a kink.
        terms = float(np.abs(g) @ (np.abs(x) + np.abs(v)))
        rounding = 16.0 * MACHINE_EPSILON * (abs(here) + abs(there) + terms)
        worst = max(worst, (here + rise - there - rounding) / distance)
    return worst


@np.errstate(all="ignore")
def _findings(
    judged: list[Coordinate], at: Floats, rtol: float, equal: list[Candidate]
) -> tuple[Finding, ...]:
    wrong = [k for k, c in enumerate(judged) if c.status == "differs"]
    given, numeric, noise = np.array([(c.given, c.numeric, c.noise) for c in judged]).T[:, wrong]
    scale = np.maximum(np.abs(given), np.abs(numeric))
    found = diagnose(
        Mismatch(
            tuple(judged[k].name for k in wrong),
            at[wrong],
            given,
            numeric,
            noise + max(rtol, 16.0 * MACHINE_EPSILON) * scale,
            np.abs(numeric) <= noise,
        ),
        [c.name for c in judged if c.status == "agrees"],
    )
    equations = [c[2] for c in equal if len(c) == 3]
    return tuple(finding._replace(equation="".join(equations[:1])) for finding in found)


def _badness(c: Coordinate, rtol: float) -> tuple[int, float]:
    # Rounding must not set the order of the table: errors count as they are printed.
    differs = c.status == "differs" and c.error > rtol
    return WORST_FIRST.index(c.status), -float(f"{c.error:.1e}") if differs else 0.0


@np.errstate(all="ignore")
def _compare(given: float, numeric: float, noise: float, rtol: float) -> tuple[float, bool]:
    difference, scale = abs(given - numeric), max(abs(given), abs(numeric))
    if not np.isfinite(difference):
        return float("inf"), True
    return float(difference / scale) if scale else 0.0, bool(difference > rtol * scale + noise)


def _equal(layout: Layout, wrong: Callable[[Any], Any], given: Floats, rtol: float) -> bool:
    other = layout.flatten("a candidate", wrong(layout.restore(layout.vector)))
    return bool(np.allclose(other, given, rtol=rtol, atol=0.0))


def _as_sequence(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} is {value!r}; expected a list or a tuple")
    return value


def _as_texts(name: str, value: Any) -> Sequence[str]:
    if not all(isinstance(text, str) for text in _as_sequence(name, value)):
        raise ValueError(f"{name} is {value!r}; expected strings")
    return tuple(value)


def _as_candidates(value: Any) -> Sequence[Candidate]:
    for entry in _as_sequence("candidates", value):
        pair = isinstance(entry, tuple) and len(entry) in (2, 3) and callable(entry[1])
        if not (pair and all(isinstance(text, str) for text in entry[::2])):
            raise ValueError(f"candidates holds {entry!r}; expected pairs of a name and a callable")
    return tuple(value)


def _position(layout: Layout, key: int | str) -> int:
    if key in layout.names:
        return layout.names.index(str(key))
    if not isinstance(key, str | bool) and key in range(len(layout.names)):
        return int(key)
    raise ValueError(f"expected_zero names {key!r}; the coordinates are {', '.join(layout.names)}")


@dataclass(frozen=True)
class _Slope:
    """A directional derivative, its error, and by how much it jumps at the point itself."""

    value: float
    noise: float
    jump: float


class _Slopes:
    """Directional derivatives of f from a ladder of steps, each four times smaller.

    Richardson's extrapolation removes the error of order step**2 of two central differences;
    of all steps the one is taken whose estimated error (change from the step before, plus the
    rounding of f over the step) is smallest. So a kink near the point is stepped under.
    """

    def __init__(self, f: Callable[[Any], Any], layout: Layout) -> None:
        self.f, self.layout = f, layout
        self.base = _value(f, layout, layout.vector)
        self.directions = np.random.default_rng(0).normal(size=(4, len(layout.vector)))
        self.rounding = max(self._measured_rounding(), MACHINE_EPSILON * abs(self.base))

    def at(self, vector: Floats) -> float:
        """f, or NaN where a step leaves its domain."""
        try:
            with np.errstate(all="ignore"):
                return float(np.asarray(self.f(self.layout.restore(vector))))
        except (ValueError, ArithmeticError):
            return float("nan")

    @np.errstate(all="ignore")
    def _measured_rounding(self) -> float:
        # The fourth differences of f over a few last bits are nothing but its rounding
        # (Moré and Wild 2011); 70 = 8! / 4!**2 is the variance that they add up.
        at, v = self.layout.vector, self.directions[0]
        for bits in range(46, 13, -2):  # wider where nothing changes: f may work in float32
            tiny = 2.0**-bits * np.maximum(1.0, np.abs(at)) * v
            values = np.array([self.at(at + i * tiny) for i in range(9)])
            if np.ptp(values) != 0.0:
                break
        if not np.isfinite(values).all():
            return 0.0
        differences = np.diff(values, 4)
        size = np.max(np.abs(differences)) or 1.0  # so that the squares stay within float64
        rounding = float(size * np.sqrt(np.mean((differences / size) ** 2) / 70.0))
        # What is more than rounding to float32 is a kink that the wider steps have crossed.
        return rounding if bits == 46 else min(rounding, 2.0**-23 * abs(self.base))

    @np.errstate(all="ignore")
    def along(self, at: Floats, v: Floats) -> _Slope:
        """Return the derivative of f at a point along v, with its error and its jump."""
        size = np.max(np.abs(at[v != 0.0]))
        smallest = 2.0**-28 * (size if 0.0 < size < 1.0 else max(1.0, size))
        steps: list[float] = []
        rises: list[tuple[float, float]] = []
        here, h = self.at(at), 2.0**-4 * max(1.0, size)
        while h >= max(smallest, 2.0**-44) or len(steps) < 4:
            right, left = at + h * v, at - h * v
            k = np.argmax(np.abs(v))
            h_right, h_left = (right[k] - at[k]) / v[k], (at[k] - left[k]) / v[k]
            if h_right == 0.0 or h_left == 0.0:
                break
            forward, backward = self.at(right) - here, here - self.at(left)
            rises.append((forward / h_right, backward / h_left))
            steps.append(h)
            h /= 4.0
        forward, backward = np.array(rises).T
        rounding = 4.0 * self.rounding / np.array(steps)
        means, noises = _extrapolate((forward + backward) / 2.0, 16.0, rounding)
        jumps, doubts = _extrapolate(forward - backward, 4.0, 2.0 * rounding)
        if not np.isfinite(noises).any():
            raise ValueError("f(x) is not a finite number near x")
        # One step for both: a slope that was taken across a kink must be known for one.
        best = int(np.nanargmin(np.where(np.isfinite(noises), noises, np.nan)))
        value, noise, jump, doubt = (float(a[best]) for a in (means, noises, jumps, doubts))
        slope = max(abs(forward[-1]), abs(backward[-1]), abs(value))
        is_jump = abs(jump) > 10.0 * doubt and abs(jump) > RESOLUTION * slope
        return _Slope(value, noise, jump if is_jump else 0.0)


def _extrapolate(values: Floats, factor: float, rounding: Floats) -> tuple[Floats, Floats]:
    """Estimates without the error that shrinks by `factor` a step, and what is left of it."""
    estimates = (factor * values[1:] - values[:-1]) / (factor - 1.0)
    return estimates[1:], np.abs(np.diff(estimates)) + rounding[2:]


def _look_beside(
    slopes: _Slopes,
    grad: Callable[[Any], Any],
    layout: Layout,
    found: list[_Slope],
    rtol: float,
) -> tuple[set[int], set[int]]:
    """Coordinates whose derivative jumps at the point; those that differ at points beside it."""
    at = layout.vector
    bent = {k for k, slope in enumerate(found) if slope.jump}
    if not bent and not any(slopes.along(at, v).jump for v in slopes.directions):
        return set(), set()
    beside: set[int] = set()
    for v in slopes.directions:
        gaps = []
        for size in (2.0**-12, 2.0**-16):
            sides = []
            for sign in (1.0, -1.0):
                point = at + sign * size * v
                near = [slopes.along(point, axis) for axis in np.eye(len(at))]
                given = layout.flatten("grad(x)", grad(layout.restore(point)))
                beside |= {
                    k
                    for k, s in enumerate(near)
                    if not s.jump and _compare(given[k], s.value, s.noise, rtol)[1]
                }
                sides.append(np.array([[s.value, s.noise] for s in near]))
            (right, noise), (left, other) = sides[0].T, sides[1].T
            gaps.append((np.abs(right - left), 10.0 * (noise + other)))
        (wide, _), (narrow, doubt) = gaps
        # A smooth derivative's gap shrinks with the distance, sixteen-fold here; a jump stays.
        bent |= set(np.flatnonzero((narrow > 0.5 * wide) & (narrow > doubt)).tolist())
    return bent, beside
