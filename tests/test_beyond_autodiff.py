"""The engine of chapter beyond_autodiff, read from the page that prints it.

The chapter is the only copy. Its cells are put against HIPS autograd, and against PyTorch where
that is installed, on random expressions whose values have several uses.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import autograd
import autograd.numpy as anp
import nbformat
import numpy as np
import pytest

CHAPTER = Path(__file__).parents[1] / "chapters" / "beyond_autodiff.ipynb"
CELLS = {
    cell.id.removeprefix("beyond-autodiff-"): cell.source
    for cell in nbformat.read(CHAPTER, as_version=4).cells
}
ENGINE = ("number", "rest", "value", "order", "backward")
MORE = ("gradient", "dual", "hessian-function", "counted", "break-machines")
N_EXPRESSIONS, N_INPUTS, N_STEPS = 300, 3, 25

Numbers = list[float]


def load(old: str = "", new: str = "", cells: tuple[str, ...] = ENGINE + MORE) -> Any:
    """Run the engine's cells, with one piece of their text replaced, and return their names."""
    source = "\n\n".join(CELLS[name] for name in cells)
    assert source.count(old) == 1 or not old, f"{old!r} is {source.count(old)} times on the page"
    names: dict[str, Any] = {"np": np, "math": math}
    exec(source.replace(old, new) if old else source, names)
    return SimpleNamespace(**names)


PAGE = load()


class Step(NamedTuple):
    """One operation: its name, the places of its arguments, and a constant."""

    name: str
    places: tuple[int, ...]
    constant: float


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda m, c, u, w: u + w,
    "subtract": lambda m, c, u, w: u - w,
    "multiply": lambda m, c, u, w: u * w,
    "divide": lambda m, c, u, w: u / (w * w + 0.5),
    "add a constant": lambda m, c, u: c + u,
    "subtract a constant": lambda m, c, u: u - c,
    "subtract from a constant": lambda m, c, u: c - u,
    "times a constant": lambda m, c, u: c * u,
    "divide by a constant": lambda m, c, u: u / c,
    "divide a constant": lambda m, c, u: c / (u * u + 0.5),
    "negate": lambda m, c, u: -u,
    "square": lambda m, c, u: u**2,
    "cube": lambda m, c, u: u**3,
    "reciprocal": lambda m, c, u: (u * u + 0.5) ** -1,
    "root": lambda m, c, u: (u * u + 0.5) ** 0.5,
    "exp": lambda m, c, u: m.exp(u),
    "log": lambda m, c, u: m.log(u * u + 0.5),
    "relu": lambda m, c, u: m.relu(u),
    "sigmoid": lambda m, c, u: 1 / (1 + m.exp(-u)),
    "log loss": lambda m, c, u: -m.log(1 / (1 + m.exp(-u))),
}  # fmt: skip
WITH_TWO = {"add", "subtract", "multiply", "divide"}


def value_of(program: list[Step], x: Any, m: Any) -> Any:
    """Run a program on inputs; its result is the sum of its last three values."""
    values = list(x)
    for name, places, constant in program:
        values.append(OPERATIONS[name](m, constant, *(values[i] for i in places)))
    return values[-1] + values[-2] + values[-3]


def random_program(rng: np.random.Generator) -> tuple[list[Step], Numbers]:
    """Draw a program and its inputs: no value is large, and no ReLU is near its kink."""
    x = [float(v) for v in rng.uniform(-1.5, 1.5, N_INPUTS)]
    program: list[Step] = []
    values = list(x)
    while len(program) < N_STEPS:
        name = str(rng.choice(list(OPERATIONS)))
        places = tuple(int(i) for i in rng.integers(len(values), size=1 + (name in WITH_TWO)))
        step = Step(name, places, float(rng.uniform(0.5, 2.0)))
        new = OPERATIONS[name](PAGE, step.constant, *(values[i] for i in places))
        if abs(new) < 8.0 and not (name == "relu" and abs(values[places[0]]) < 1e-3):
            program.append(step)
            values.append(new)
    return program, x


PROGRAMS = [random_program(np.random.default_rng(seed)) for seed in range(N_EXPRESSIONS)]

HIPS = SimpleNamespace(exp=anp.exp, log=anp.log, relu=lambda z: anp.where(z > 0, z, 0.0 * z))


def by_hips(program: list[Step], x: Numbers) -> np.ndarray:
    return autograd.grad(lambda x: value_of(program, [x[i] for i in range(N_INPUTS)], HIPS))(
        np.array(x)
    )


def close(ours: Any, theirs: Any, rtol: float = 1e-11) -> bool:
    theirs = np.asarray(theirs)
    return bool(np.allclose(ours, theirs, rtol=rtol, atol=rtol * max(1.0, np.max(np.abs(theirs)))))


def disagreements(page: Any, reference: Callable[..., Any], n: int = N_EXPRESSIONS) -> int:
    """Return for how many programs an engine's gradient is not the reference's, or fails."""
    wrong = 0
    for program, x in PROGRAMS[:n]:
        ours = page.gradient(lambda x, program=program: value_of(program, x, page), x)
        wrong += not close(ours, reference(program, x))
    return wrong


def test_the_programs_share_values_and_use_every_operation():
    used = [step.name for program, _ in PROGRAMS for step in program]
    assert min(used.count(name) for name in OPERATIONS) > N_EXPRESSIONS // 5
    for program, x in PROGRAMS:
        values = [PAGE.Value(number) for number in x]
        order = PAGE.in_order(value_of(program, values, PAGE))
        uses = [part for u in order for part, _ in u.parts]
        assert max(uses.count(u) for u in set(uses)) > 1


def test_the_gradient_is_that_of_hips_autograd():
    assert disagreements(PAGE, by_hips) == 0


def test_the_gradient_is_that_of_pytorch():
    torch = pytest.importorskip(
        "torch",
        reason="PyTorch is not installed, so the engine is compared with HIPS autograd alone; "
        "to compare with both: .venv/bin/python -m pip install torch==2.13.0",
    )

    def by_torch(program: list[Step], x: Numbers) -> np.ndarray:
        leaves = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in x]
        result = value_of(program, leaves, torch)
        slopes = torch.autograd.grad(result, leaves, allow_unused=True)
        return np.array([0.0 if slope is None else float(slope) for slope in slopes])

    assert disagreements(PAGE, by_torch) == 0
    at_zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.relu(at_zero), at_zero)
    assert float(slope) == PAGE.gradient(lambda u: PAGE.relu(u[0]), [0.0])[0] == 0.0


def test_forward_mode_agrees_with_reverse_mode():
    for program, x in PROGRAMS:

        def f(x, program=program):
            return value_of(program, x, PAGE)

        assert close(PAGE.forward_gradient(f, x), PAGE.gradient(f, x))


def test_the_hessian_vector_product_is_that_of_hips_autograd():
    v = [0.7, -1.1, 0.4]
    for program, x in PROGRAMS[:60]:

        def f(x, program=program, m=HIPS):
            return value_of(program, [x[i] for i in range(N_INPUTS)], m)

        ours = PAGE.hessian_vector(lambda x, f=f: f(x, m=PAGE), x, v)
        with warnings.catch_warnings():  # an input that the result does not depend on
            warnings.simplefilter("ignore", UserWarning)
            theirs = autograd.hessian_vector_product(f)(np.array(x), np.array(v))
        assert close(ours, theirs, rtol=1e-10)


BROKEN = {
    "= for +=": ("part.delta += u.delta * slope", "part.delta = u.delta * slope"),
    "order of the way forward": (
        "in reversed(values):\n        for part, slope in u.parts:\n            part.delta +=",
        "in values:\n        for part, slope in u.parts:\n            part.delta +=",
    ),
    "each value before its parts": (
        "        if parts_are_in:\n            order.append(u)\n        elif u not in seen:\n",
        "        if not parts_are_in and u not in seen:\n            order.insert(0, u)\n",
    ),
    "by distance": ("order=in_order", "order=lambda last: by_distance(last)"),
    "a part of two uses twice in order": ("elif u not in seen:", "else:"),
    "sign of the sum": ("(u, 1.0), (w, 1.0)", "(u, 1.0), (w, -1.0)"),
    "product with its own factor": ("(u, w.number), (w, u.number)", "(u, u.number), (w, w.number)"),
    "sign of the product": ("(u, w.number), (w,", "(u, -w.number), (w,"),
    "factor of the power": ("k * self.number ** (k - 1)", "self.number ** (k - 1)"),
    "exponent of the power": ("self.number ** (k - 1)", "self.number**k"),
    "sign of the exponential": ("(self, exp(self.number))", "(self, -exp(self.number))"),
    "sign of the logarithm": ("(self, self.number**-1)", "(self, -self.number**-1)"),
    "gate forgotten": ("float(self.number > 0.0)", "1.0"),
    "gate turned round": ("float(self.number > 0.0)", "float(not self.number > 0.0)"),
    "sign of the negation": ("u * -1.0", "u * 1.0"),
    "difference turned round": ("lambda u, w: -u + w", "lambda u, w: u + -w"),
    "quotient turned round": ("lambda u, w: u**-1 * w", "lambda u, w: w**-1 * u"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_engine_is_refused(name):
    broken = load(*BROKEN[name])
    assert disagreements(broken, by_hips, n=60) > 0


def test_a_gate_that_is_open_at_0_is_refused_at_the_kink():
    broken = load("float(self.number > 0.0)", "float(not self.number < 0.0)")
    broken.Number.__lt__ = lambda u, c: u.number < c
    assert PAGE.gradient(lambda u: PAGE.relu(u[0]), [0.0]).tolist() == [0.0]
    assert broken.gradient(lambda u: broken.relu(u[0]), [0.0]).tolist() == [1.0]


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda u: PAGE.relu(u), 0.0),
        (lambda u: PAGE.relu(-u), 0.0),
        (lambda u: PAGE.relu(1 - (u + 1)), 0.0),  # the hinge loss at margin 1
        (lambda u: PAGE.relu(u) - PAGE.relu(-u), 0.0),  # u itself: the chapter says so
        (lambda u: max(u, 0.0) if u > 0.0 else 2 * u, 2.0),  # the branch that is taken
        (lambda u: u**0, 0.0),
        (lambda u: u**1, 1.0),
        (lambda u: u**2, 0.0),
    ],
)
def test_at_0(f, slope, zero):
    assert PAGE.gradient(lambda u: f(u[0]), [zero]).tolist() == [slope]
    assert f(PAGE.Dual(zero, slope=1.0)).slope == slope


def test_a_chain_of_ten_thousand_operations():
    def chain(u, length=10_000):
        value = u[0]
        for _ in range(length):
            value = value * 1.0001 + 0.0
        return value

    (slope,) = PAGE.gradient(chain, [0.5])
    assert slope == pytest.approx(1.0001**10_000, rel=1e-11)
    assert PAGE.forward_gradient(chain, [0.5])[0] == pytest.approx(slope, rel=1e-11)


def test_a_value_that_is_doubled_a_hundred_times_is_visited_once():
    value = start = PAGE.Value(1.0)
    for _ in range(100):
        value = value + value
    PAGE.backward(value)
    assert start.delta == 2.0**100 and len(PAGE.in_order(value)) == 101


def test_an_order_has_every_value_once_and_after_its_parts():
    for program, x in PROGRAMS[:60]:
        order = PAGE.in_order(value_of(program, [PAGE.Value(number) for number in x], PAGE))
        place = {u: k for k, u in enumerate(order)}
        assert len(place) == len(order)
        assert all(place[part] < place[u] for u in order for part, _ in u.parts)


def test_a_second_way_back_adds_nothing_to_the_first():
    u = PAGE.Value(3.0)
    square = u * u
    PAGE.backward(square)
    PAGE.backward(square)
    assert u.delta == 6.0


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: 1.0 if x[0] > 0.0 else 0.0])
def test_a_function_that_is_constant_has_slope_0(f):
    for slopes in (
        PAGE.gradient(f, [0.5]),
        PAGE.forward_gradient(f, [0.5]),
        PAGE.hessian_vector(f, [0.5], [1.0]),
    ):
        assert slopes.tolist() == [0.0]


def test_an_input_without_a_use_has_slope_0():
    assert PAGE.gradient(lambda x: x[0] * 2.0, [1.0, 5.0]).tolist() == [2.0, 0.0]
    assert PAGE.hessian_vector(lambda x: x[0] * 2.0, [1.0, 5.0], [1.0, 1.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("number", [2, np.float64(2.0), np.float32(2.0), np.int64(2)])
def test_numbers_of_other_types_are_constants(number):
    for f in (
        lambda u: number * u + number,
        lambda u: u * number - number,
        lambda u: u / (1 / number),
    ):
        assert PAGE.gradient(lambda u, f=f: f(u[0]), [1.5]).tolist() == [2.0]


def test_arrays_of_values_work_too():
    X = np.array([[1.0, -2.0], [0.5, 3.0]])
    slopes = PAGE.gradient(lambda w: np.sum(X @ np.array(w)), [0.3, 0.7])
    assert slopes.tolist() == [1.5, 1.0]


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda u: PAGE.log(u - 1.0), ValueError),  # the logarithm of 0
        (lambda u: 1 / (u - 1.0), ZeroDivisionError),
        (lambda u: PAGE.exp(1000.0 * u), OverflowError),
        (lambda u: 2.0**u, TypeError),  # the power of the table has a constant exponent
        (lambda u: u**u, TypeError),
        (lambda u: abs(u), TypeError),
    ],
)
def test_what_has_no_slope_is_refused(f, error):
    with pytest.raises(error):
        PAGE.gradient(lambda u: f(u[0]), [1.0])


def test_operations_are_counted_once_each():
    PAGE.Counted.made = 0
    u, w = PAGE.Counted(2.0), PAGE.Counted(3.0)
    result = PAGE.log(u * w + 1.0) + PAGE.exp(u) ** 2
    assert (result.number, PAGE.Counted.made) == (math.log(7.0) + math.exp(2.0) ** 2, 6)


def test_the_engine_is_about_sixty_lines():
    lines = [line for name in ENGINE for line in CELLS[name].splitlines() if line.strip()]
    assert len(lines) <= 65
