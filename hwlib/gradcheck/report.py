"""What a check has found, and how it is printed."""

import math
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from hwlib._arrays import Floats
from hwlib.numbering import cite

Status = Literal["differs", "kink", "unseen", "zero", "agrees"]

WORST_FIRST: tuple[Status, ...] = ("differs", "kink", "unseen", "zero", "agrees")
HEADLINE: dict[Status, str] = {"differs": "wrong", "unseen": "unseen", "kink": "at a kink"}
FAULTS = ("not deterministic", "argument changed", "jump", "kink")
ROWS, WIDTH, MIDDLE = 20, 76, r"^(.{10}).{4,}(.{13})$"
"""The table of a report stops after so many rows, a sentence is broken at this width, and of a
name that is longer than 26 the table leaves out the middle."""


@dataclass(frozen=True)
class Coordinate:
    """One coordinate of a checked gradient.

    Attributes
    ----------
    name : str
        Such as ``theta[3]`` or ``W_hidden[0, 2]``.
    given, numeric : float
        The gradient under test, and its estimate by finite differences.
    noise : float
        Estimated error of `numeric`, in the unit of the derivative (eq-noise-floor).
    status : {"differs", "kink", "unseen", "zero", "agrees"}
        "zero": expected to be 0, and exactly 0. "unseen": known to fewer than four digits.
        "kink": the derivative jumps at this point, so that finite differences cannot decide.
    ladder : ndarray, shape (2, n)
        Steps, and the central difference with each.
    """

    name: str
    given: float
    numeric: float
    noise: float
    status: Status
    ladder: Floats = field(repr=False, compare=False)

    @property
    def error(self) -> float:
        """The relative error of the gradient."""
        return relative_error(self.given, self.numeric)

    def allowed(self, rtol: float) -> float:
        """Return the relative error at which the coordinate would still agree."""
        return rtol + self.noise / max(abs(self.given), abs(self.numeric))


def relative_error(given: float, numeric: float) -> float:
    """Return the error over the larger of the two (eq-relative-error); infinite for NaN."""
    difference, size = abs(given - numeric), max(abs(given), abs(numeric))
    if not math.isfinite(difference):
        return math.inf
    return difference / size if size else 0.0


class Finding(NamedTuple):
    """A kind of mistake that fits the numbers.

    Attributes
    ----------
    family : str
        "sign", "scale", "factor" (one too many, too few, or stepped), "regularization",
        "offset", "permutation", "mask", "zeros", "block", "other loss" or "unknown"; or a fault
        of the functions: "not deterministic", "argument changed", "jump" or "kink".
    evidence : str
        A sentence that says what is wrong, with the numbers that speak for it.
    equation : str
        The label of the equation to reread; empty where no candidate names it.
    """

    family: str
    evidence: str
    equation: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """The result of `check_grad`; true if nothing contradicts the gradient. Prints as a table.

    Attributes
    ----------
    coordinates : tuple of Coordinate
        All of them, worst first.
    rtol : float
        The relative error that was allowed, besides the noise.
    beside : tuple of str
        Coordinates whose derivative was compared at points beside a kink, and differs there.
    matches : tuple of str
        Names of the candidates that equal the gradient under test.
    context : tuple of str
        Facts that hide mistakes at this point, as the caller says.
    missed : tuple of str
        Mistakes that this point lets through, as the numbers show; empty if the check failed.
    notes : tuple of str
        What else was seen: noise of f, and conventions at a kink.
    diagnosis : tuple of Finding
        What f or grad does that no function may, each fatal, then the kinds of mistake that fit
        the numbers, likeliest first; empty if the check passed.
    """

    coordinates: tuple[Coordinate, ...]
    rtol: float
    beside: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    diagnosis: tuple[Finding, ...] = ()
    missed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "coordinates", tuple(sorted(self.coordinates, key=self._place)))

    def _place(self, c: Coordinate) -> tuple[int, float]:
        """Return where a coordinate stands: rounding must not set the order."""
        # Errors count as they are printed, or not at all.
        differs = c.status == "differs" and c.error > self.rtol
        return WORST_FIRST.index(c.status), -float(f"{c.error:.1e}") if differs else 0.0

    def names(self, *statuses: Status) -> tuple[str, ...]:
        """Return the names of the coordinates of these statuses."""
        return tuple(c.name for c in self.coordinates if c.status in statuses)

    @property
    def passed(self) -> bool:
        """Whether no coordinate contradicts the gradient."""
        return not (self.names("differs") or self.beside or self.diagnosis)

    @property
    def weak(self) -> bool:
        """Whether a wrong gradient could have escaped.

        Something was unseen or at a kink, the context or ``missed`` says so, or a wrong candidate
        passes.
        """
        unsure = self.names("unseen", "kink") or self.context or self.missed
        return bool(unsure or (self.passed and self.matches))

    @property
    def max_error(self) -> float:
        """The largest relative error among the coordinates that were seen; 0 if none was."""
        seen = ("differs", "agrees")
        return max((c.error for c in self.coordinates if c.status in seen), default=0.0)

    @property
    def tolerance(self) -> float:
        """The largest relative error that a coordinate that agrees could have."""
        agree = (c for c in self.coordinates if c.status == "agrees")
        return max((c.allowed(self.rtol) for c in agree), default=self.rtol)

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        sentences = (textwrap.fill(s, WIDTH, subsequent_indent="  ") for s in self._sentences())
        return "\n".join([self._headline(), *self._table(), *sentences])

    def _headline(self) -> str:
        verdict = "FAILED" if not self.passed else "passed, but weak" if self.weak else "passed"
        agree, compared = len(self.names("agrees")), len(self.coordinates) - len(self.names("zero"))
        text = f"{agree} of {compared} coordinates agree to {_one_digit(self.tolerance)}"
        for status, words in HEADLINE.items():
            text += f", {len(self.names(status))} {words}" if self.names(status) else ""
        return f"{verdict}: {text}"

    def _table(self) -> Iterator[str]:
        names = [re.sub(MIDDLE, r"\1...\2", c.name) for c in self.coordinates[:ROWS]]
        width = max(map(len, ["coordinate", *names]))
        yield f"{'coordinate':<{width}}  {'gradient':>12}  {'numerical':>12}  {'error':>8}  verdict"
        for name, c in zip(names, self.coordinates, strict=False):
            yield f"{name:<{width}}  {_row(c, self.rtol)}"
        if len(self.coordinates) > ROWS:
            yield f"... and {len(self.coordinates) - ROWS} more, none worse"

    def _sentences(self) -> Iterator[str]:
        if any(c.status == "unseen" and math.isfinite(c.noise) for c in self.coordinates):
            yield "unseen: 0, or known to fewer than 4 digits: a mistake would not show here"
        if self.names("kink"):
            yield "kink: the derivative jumps here, so that finite differences cannot decide"
        if self.beside:
            yield f"beside the kink the gradient is wrong in {', '.join(self.beside)}"
        yield from (f"a mistake could hide here: {fact}" for fact in self.context)
        yield from self.missed
        equal = "this is" if self.names("differs") else "the same at this point as"
        yield from (f"{equal} the mistake {name!r}" for name in self.matches)
        yield from self.notes
        for f in self.diagnosis:
            if not (self.matches and f.family == "unknown"):  # the candidate says more
                yield f.evidence
        yield from (f"reread {cite(e)}" for e in {f.equation for f in self.diagnosis} if e)

    @np.errstate(all="ignore")
    def plot(self, ax: Any, worst: int = 3) -> None:
        """Draw the error of a central difference over its step on Matplotlib's axes `ax`.

        For a right gradient this is a V: the error falls with slope 2 where the step is wide,
        and rises with slope -1 where it is narrow (eq-best-step). A wrong one has a floor.
        """
        for c in self.coordinates[:worst]:
            errors = np.abs(c.ladder[1] - c.given) / np.maximum(np.abs(c.ladder[1]), abs(c.given))
            ax.loglog(c.ladder[0], np.where(errors == 0.0, np.nan, errors), "o-", label=c.name)
        (steps, slopes), numeric = self.coordinates[0].ladder, self.coordinates[0].numeric
        errors = np.abs(slopes - numeric) / abs(numeric)
        k = int(np.argmin(np.where(errors > 0.0, errors, np.inf)))
        for name, part, order in (("slope 2", steps[: k + 1], 2), ("slope -1", steps[k:], -1)):
            ax.loglog(part, errors[k] * (part / steps[k]) ** order, "C0--", label=name)
        ax.set(xlabel="step", ylabel="relative error")
        ax.legend()


def _row(c: Coordinate, rtol: float) -> str:
    # Numbers at rounding level differ between processors: they are not printed.
    # Adding 0.0 turns -0.0, which is 0 times a negative number, into 0.0.
    numeric = "below noise" if 0.0 < abs(c.numeric) <= c.noise else f"{c.numeric + 0.0:.6g}"
    error = f"{c.error:.1e}" if c.status == "differs" else "-"
    if c.status == "agrees":
        error = f"< {_one_digit(c.allowed(rtol))}"
    return f"{c.given + 0.0:>12.6g}  {numeric:>12}  {error:>8}  {c.status}"


def _one_digit(number: float) -> str:
    """Return a bound with one digit, rounded up; a twentieth of that digit may be lost."""
    digits, exponent = f"{number:.3e}".split("e")
    return f"{float(f'{math.ceil(float(digits) - 0.05)}e{exponent}'):.0e}"
