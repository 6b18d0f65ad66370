"""The public benchmark: its cases are what they say they are, and hwlib's verdict on each."""

from __future__ import annotations

import re
from functools import cache

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from scipy.optimize import nnls

from benchmarks.wrong_gradients import CASES, checkers, own, public, report, right
from benchmarks.wrong_gradients.case import Case, leaves, like

BEHAVIOUR = ("argument changed", "not deterministic")
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@cache
def verdict_of(name):
    """Return what hwlib says of a case."""
    return checkers.run("hwlib", next(case for case in CASES if case.name == name))


def flat(x):
    return np.concatenate([np.ravel(leaf).astype(float) for leaf in leaves(x)])


def copied(x):
    return like(x, [leaf.copy()[()] for leaf in leaves(x)])


def moved(x, by):
    """Return x with each coordinate moved, all with another sign or size."""
    rng = np.random.default_rng(0)
    parts = [leaf + by * rng.uniform(0.5, 1, leaf.shape) for leaf in leaves(x)]
    return like(x, [np.asarray(part)[()] for part in parts])


def truth(case: Case, x) -> np.ndarray:
    """Return the derivative by autograd, which knows f and not the gradient that was written."""
    f, parts = case.smooth or case.f, leaves(x)
    with np.errstate(all="ignore"):
        found = autograd.grad(
            lambda *at: f(anp, like(x, at)), argnum=tuple(range(len(parts)))
        )(*[part.astype(float)[()] for part in parts])  # fmt: skip
    return flat(tuple(found))


def agrees(given, true, rtol):
    return bool(np.all(abs(given - true) <= rtol * np.maximum(abs(given), abs(true))))


def behaves(case: Case) -> bool:
    """Whether f and the gradient leave the point alone and always return the same."""
    x = copied(case.x)
    seen = {(*flat(case.grad(x)), float(case.f(np, x))) for _ in range(20)}
    return len(seen) == 1 and np.array_equal(flat(x), flat(case.x))


def is_subgradient(case: Case) -> bool:
    """Whether f has no jump at x, and the gradient lies between those beside x."""
    rng = np.random.default_rng(4)
    p, here = flat(case.x).size, float(case.f(np, case.x))
    steps = 1e-7 * rng.normal(size=(40, p)) if p > 1 else np.array([[1e-7], [-1e-7]])
    beside = [np.asarray(case.x + step.reshape(np.shape(case.x)))[()] for step in steps]
    if any(abs(float(case.f(np, at)) - here) > 1e-5 for at in beside):
        return False
    sides = np.unique(np.round([truth(case, at) for at in beside], 9), axis=0)
    _, distance = nnls(np.vstack([sides.T, np.ones(len(sides))]), np.r_[flat(case.grad(case.x)), 1])
    return bool(distance < 1e-9)


def is_right(case: Case) -> bool:
    if case.kind in BEHAVIOUR:
        return behaves(case)
    if case.at_kink:
        return is_subgradient(case)
    return agrees(flat(case.grad(copied(case.x))), truth(case, case.x), 2e-7)


def test_there_are_as_many_as_announced():
    assert len(public.CASES) >= 30 and len(own.CASES) >= 30 and len(right.CASES) >= 40
    assert all(case.wrong for case in public.CASES + own.CASES)
    assert not any(case.wrong for case in right.CASES)


def test_names_are_unique_and_texts_are_there():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.why.endswith(".") and case.kind, case.name
        assert (case.kind == "none") is not case.wrong, case.name


def test_sources_name_a_thread_or_an_address():
    thread = re.compile(
        r"github\.com/[\w.-]+/[\w.-]+ #\d+$|[\w.-]+/(t|questions)/\d+$|z\.id\.vn/\?p=\d+$"
    )
    for case in public.CASES:
        assert thread.match(case.source), case.source
    assert len({case.source for case in public.CASES}) == len(public.CASES)
    for case in own.CASES + right.CASES:
        assert case.source == "own" or thread.match(case.source), case.source


@every_case
def test_the_case_is_what_it_says(case):
    assert is_right(case) is (not case.wrong or case.elsewhere is not None)
    if case.elsewhere:
        f, grad, x = case.elsewhere
        other = Case(case.name, case.source, case.kind, f, grad, x, case.why, wrong=True)
        assert not is_right(other)


@every_case
def test_a_wrong_gradient_is_wrong_by_more_than_a_check_may_allow(case):
    if case.wrong and not case.at_kink and not case.elsewhere and case.kind not in BEHAVIOUR:
        assert not agrees(flat(case.grad(copied(case.x))), truth(case, case.x), 1e-5)


def test_no_right_gradient_is_right_at_its_point_alone():
    for case in right.CASES:
        sizes = abs(flat(case.x))
        x = moved(case.x, 1e-3 * np.min(sizes, initial=1.0, where=sizes > 0))
        assert agrees(flat(case.grad(x)), truth(case, x), 1e-5), case.name


@every_case
def test_hwlib_passes_no_wrong_gradient_plainly_and_rejects_no_right_one(case):
    found = verdict_of(case.name)
    if case.wrong:
        # A formula that happens to be right at the point can be no more than suspected.
        allowed = ("rejected", *(["weak"] if case.elsewhere else []))
        assert found.verdict in allowed, found
        assert not report.is_misnamed(case.kind, found.named)
    else:
        assert found.verdict in ("passed", "weak"), found


@pytest.mark.parametrize("case", [c for c in CASES if c.at_kink], ids=lambda case: case.name)
def test_hwlib_rejects_what_lies_between_no_slopes_of_a_kink(case):
    assert (verdict_of(case.name).verdict == "rejected") is case.wrong


def test_what_is_stored_is_what_hwlib_says_today():
    stored = [row for row in report.read() if row["check"] == "hwlib"]
    assert [(r["case"], r["kind"], r["wrong"]) for r in stored] == [
        (case.name, case.kind, "yes" if case.wrong else "no") for case in CASES
    ]
    for row in stored:
        found = verdict_of(row["case"])
        assert (row["verdict"], row["named"]) == (found.verdict, found.named), row["case"]


def test_every_check_has_a_row_for_every_case():
    rows = report.read()
    assert {row["check"] for row in rows} == set(checkers.CHECKS)
    assert len({(row["case"], row["check"]) for row in rows}) == len(rows)
    assert len(rows) == len(CASES) * len(checkers.CHECKS)


def test_a_check_that_cannot_run_a_case_says_why():
    case = next(case for case in CASES if "JAX" in case.not_for)
    assert checkers.run("JAX", case).verdict == "not applicable"


def test_the_summary_counts_what_is_in_the_table():
    columns = ("case", "kind", "wrong", "check", "verdict", "named", "seconds")
    lines = """
        a, factor, yes, A, rejected, sign, 2
        a, factor, yes, SciPy, error, , 1
        b, sign, yes, A, passed, , 2
        b, sign, yes, SciPy, not applicable, ,
        c, none, no, A, rejected, , 2
        c, none, no, SciPy, passed, , 4
    """.strip().splitlines()
    rows = [dict(zip(columns, map(str.strip, line.split(",")), strict=True)) for line in lines]
    table = report.summary(rows)
    assert [line["check"] for line in table] == ["A", "SciPy"]
    first, second = table
    assert (
        first["passed"] == 1
        and first["rejected"] == 1
        and first["named"] == 1
        and first["misnamed"] == 1
    )
    assert first["false alarms"] == 1 and first["time"] == pytest.approx(1.25)
    assert (
        second["errors"] == 1 and second["not applicable"] == 1 and second["right ones passed"] == 1
    )
    assert report.markdown(rows).count("\n") == 3
