"""The two engines of chapter beyond_autodiff, read from the page that prints them.

The chapter is the only copy. Its cells are put against HIPS autograd, and against PyTorch and JAX
where those are installed, on random expressions whose values have several uses: of numbers, then
of arrays whose shapes differ.
"""

from __future__ import annotations

import doctest
import importlib
import itertools
import math
import re
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

from hwlib import layers
from hwlib.gradcheck import check_vjp

CHAPTER = Path(__file__).parents[1] / "chapters" / "beyond_autodiff.ipynb"
CELLS = {
    cell.id.removeprefix("beyond-autodiff-"): cell.source
    for cell in nbformat.read(CHAPTER, as_version=4).cells
}
FIRST = ("first", "first-order", "backward")
ENGINE = ("number", "rest", "value", "order", "backward")
ARRAYS = ("array", "array-more", "array-backward")
MORE = ("gradient", "dual", "dual-gradient", "hessian-function", "counted", "break-machines")
USES = ("losses-network", "digits-loss", "digits-grad", "checkpoint-layers", "checkpoint")
N_EXPRESSIONS, N_INPUTS, N_STEPS = 300, 3, 25

ABSENT = {
    name: f"{title} is not installed, so the engines are compared without it; "
    f"to compare with it, too: .venv/bin/python -m pip install {name}=={version}"
    for name, title, version in (("torch", "PyTorch", "2.13.0"), ("jax", "JAX", "0.10.2"))
}

Numbers = list[float]


def load(
    old: str = "", new: str = "", cells: tuple[str, ...] = (*ENGINE, *MORE, *ARRAYS, *USES)
) -> Any:
    """Run the engine's cells, with one piece of their text replaced, and return their names."""
    source = "\n\n".join(CELLS[name] for name in cells)
    assert source.count(old) == 1 or not old, f"{old!r} is {source.count(old)} times on the page"
    names: dict[str, Any] = {"np": np, "math": math, "layers": layers}
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
        values = [PAGE.Scalar(number) for number in x]
        order = PAGE.in_order(value_of(program, values, PAGE))
        uses = [part for u in order for part, _ in u.parts]
        assert max(uses.count(u) for u in set(uses)) > 1


def test_the_gradient_is_that_of_hips_autograd():
    assert disagreements(PAGE, by_hips) == 0


def test_the_gradient_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason=ABSENT["torch"])

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
    "= for +=": ("part.delta += u.delta * local", "part.delta = u.delta * local"),
    "order of the way forward": (
        "in reversed(nodes):\n        for part, local in u.parts:\n            part.delta +=",
        "in nodes:\n        for part, local in u.parts:\n            part.delta +=",
    ),
    "each value before its parts": (
        "        if parts_are_in:\n            order.append(u)\n        elif u not in seen:\n",
        "        if not parts_are_in and u not in seen:\n            order.insert(0, u)\n",
    ),
    "by distance": (
        "def backward(last):\n    nodes = in_order(last)",
        "def backward(last):\n    nodes = by_distance(last)",
    ),
    "a part of two uses twice in order": ("elif u not in seen:", "else:"),
    "sign of the sum": ("(u, 1.0), (w, 1.0)", "(u, 1.0), (w, -1.0)"),
    "product with its own factor": ("(u, w.value), (w, u.value)", "(u, u.value), (w, w.value)"),
    "sign of the product": ("(u, w.value), (w,", "(u, -w.value), (w,"),
    "factor of the power": (
        "local = k * self.value ** (k - 1) if k else 0.0\n        return type",
        "local = self.value ** (k - 1) if k else 0.0\n        return type",
    ),
    "exponent of the power": (
        "self.value ** (k - 1) if k else 0.0\n        return type",
        "self.value**k if k else 0.0\n        return type",
    ),
    "sign of the exponential": ("(self, exp(self.value))", "(self, -exp(self.value))"),
    "sign of the logarithm": ("(self, self.value**-1)", "(self, -self.value**-1)"),
    "gate forgotten": ("float(self.value > 0.0)", "1.0"),
    "gate turned round": ("float(self.value > 0.0)", "float(not self.value > 0.0)"),
    "sign of the negation": ("u * -1.0", "u * 1.0"),
    "difference turned round": ("lambda u, w: -u + w", "lambda u, w: u + -w"),
    "quotient turned round": ("lambda u, w: u**-1 * w", "lambda u, w: w**-1 * u"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_engine_is_refused(name):
    broken = load(*BROKEN[name])
    assert disagreements(broken, by_hips, n=60) > 0


def test_a_gate_that_is_open_at_0_is_refused_at_the_kink():
    broken = load("float(self.value > 0.0)", "float(not self.value < 0.0)")
    broken.Number.__lt__ = lambda u, c: u.value < c
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
    assert f(PAGE.Dual(zero, tangent=1.0)).tangent == slope


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
    value = start = PAGE.Scalar(1.0)
    for _ in range(100):
        value = value + value
    PAGE.backward(value)
    assert start.delta == 2.0**100 and len(PAGE.in_order(value)) == 101


def test_an_order_has_every_value_once_and_after_its_parts():
    for program, x in PROGRAMS[:60]:
        order = PAGE.in_order(value_of(program, [PAGE.Scalar(number) for number in x], PAGE))
        place = {u: k for k, u in enumerate(order)}
        assert len(place) == len(order)
        assert all(place[part] < place[u] for u in order for part, _ in u.parts)


def test_a_second_way_back_adds_nothing_to_the_first():
    u = PAGE.Scalar(3.0)
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
    assert (result.value, PAGE.Counted.made) == (math.log(7.0) + math.exp(2.0) ** 2, 6)


# The first machine of the page: sums and products only.


def products(u: Any, w: Any) -> tuple[Any, Any, Any]:
    t = u * w
    return t, t + u, t * (t + u) * (w + t)


def first_disagrees(old: str = "", new: str = "") -> bool:
    """Say whether the first machine differs from that of the whole table, on a small graph."""
    names, adjoints = load(old, new, FIRST), []
    for page in (names, PAGE):
        u, w = page.Scalar(3.0), page.Scalar(-0.25)
        t, _, f = products(u, w)
        page.backward(f)
        adjoints.append([u.delta, w.delta, t.delta])
    return adjoints[0] != adjoints[1]


def test_the_first_machine_gives_what_the_whole_one_gives():
    assert not first_disagrees()
    first = load(cells=FIRST)
    last = products(first.Scalar(3.0), first.Scalar(-0.25))[-1]
    one, other = ([u.value for u in order(last)] for order in (first.in_order, PAGE.in_order))
    assert sorted(one) == sorted(other) and len(one) == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("part.delta += u.delta * local", "part.delta = u.delta * local"),
        ("(u, w.value), (w, u.value)", "(u, u.value), (w, w.value)"),
        ("(u, 1.0), (w, 1.0)", "(u, 1.0), (w, -1.0)"),
        ("if u not in order:", "if True:"),
        ("            order.append(u)", "            order.insert(0, u)"),
    ],
)
def test_a_broken_first_machine_is_refused(old, new):
    assert first_disagrees(old, new)


@pytest.mark.parametrize(("cells", "most"), [(FIRST, 30), (ENGINE, 65), (ENGINE + ARRAYS, 115)])
def test_the_engines_are_about_a_hundred_lines(cells, most):
    lines = [line for name in cells for line in CELLS[name].splitlines() if line.strip()]
    assert len(lines) <= most


# The engine on arrays.

SHAPES = [(), (1,), (3,), (1, 1), (1, 3), (2, 1), (2, 3), (0,), (0, 3), (2, 0), (0, 1), (4, 2, 3)]
"""Each broadcasts with itself, and with many of the others: scalars, size 1, nothing at all."""


def fit(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


PAIRS = [(one, other) for one, other in itertools.product(SHAPES, SHAPES) if fit(one, other)]
TWO: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda u, w: u + w,
    "-": lambda u, w: u - w,
    "*": lambda u, w: u * w,
    "/": lambda u, w: u / w,
    "twice": lambda u, w: (u + w) * (u * w) + u,
}


@pytest.mark.parametrize("name", TWO)
def test_an_adjoint_has_its_shape_and_value_for_every_pair_of_shapes(name):
    rng = np.random.default_rng(len(PAIRS))
    for one, other in PAIRS:
        a, b = rng.uniform(0.5, 2.0, one), rng.uniform(0.5, 2.0, other)
        d = rng.normal(size=np.broadcast_shapes(one, other))
        theirs = autograd.grad(lambda ab, d=d: anp.sum(TWO[name](*ab) * d))((a, b))
        u, w = PAGE.Array(a), PAGE.Array(b)
        PAGE.backward_arrays(TWO[name](u, w), d)
        for node, array, known in zip((u, w), (a, b), theirs, strict=True):
            assert node.delta.shape == array.shape == np.shape(known), (one, other)
            assert not array.size or close(node.delta, known), (one, other)
        # The other one is a constant, on the left or on the right.
        assert np.array_equal(PAGE.vjp(lambda v, b=b: TWO[name](v, b), a, d), u.delta)
        assert np.array_equal(PAGE.vjp(lambda v, a=a: TWO[name](a, v), b, d), w.delta)


def test_shapes_that_numpy_refuses_are_refused():
    assert len(PAIRS) < len(SHAPES) ** 2
    for one, other in itertools.product(SHAPES, SHAPES):
        if not fit(one, other):
            with pytest.raises(ValueError, match="broadcast"):
                PAGE.Array(np.ones(one)) * np.ones(other)


@pytest.mark.parametrize("n", [0, 1, 4])
@pytest.mark.parametrize("m", [0, 1, 3])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_product_of_matrices_of_any_size(n, m, k):
    rng = np.random.default_rng(1)
    a, b, d = rng.normal(size=(n, m)), rng.normal(size=(m, k)), rng.normal(size=(n, k))
    theirs = autograd.grad(lambda ab: anp.sum(anp.dot(*ab) * d))((a, b))
    u, w = PAGE.Array(a), PAGE.Array(b)
    PAGE.backward_arrays(u @ w, d)
    for node, known in zip((u, w), theirs, strict=True):
        assert node.delta.shape == known.shape
        assert np.allclose(node.delta, known, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_a_sum_hands_its_adjoint_to_each_entry(shape, axis):
    if axis is not None and not shape:
        return
    a = np.random.default_rng(2).normal(size=shape)
    d = np.random.default_rng(3).normal(size=a.sum(axis=axis, keepdims=True).shape)
    got = PAGE.vjp(lambda u: (u * u).sum(axis=axis), a, d)
    assert got.shape == a.shape
    assert np.allclose(got, 2 * a * d)


@pytest.mark.parametrize("vector", [np.ones(3), np.ones((2, 3, 3))])
def test_a_product_of_what_is_no_matrix_is_refused(vector):
    square = PAGE.Array(np.eye(3))
    with pytest.raises(ValueError, match=r"arrives at|mismatch|broadcast"):
        PAGE.backward_arrays(square @ vector)


class Node(NamedTuple):
    """One operation on arrays: its name, the places of its arguments, and a constant."""

    name: str
    places: tuple[int, ...]
    constant: float


ARRAY_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda m, c, u, w: u + w,
    "subtract": lambda m, c, u, w: u - w,
    "multiply": lambda m, c, u, w: u * w,
    "divide": lambda m, c, u, w: u / (w * w + 0.5),
    "product": lambda m, c, u, w: u @ w,
    "constant on the left": lambda m, c, u: c - u,
    "constant on the right": lambda m, c, u: u * c,
    "array on the left": lambda m, c, u: np.array([[c], [1.0]]) * u,
    "cube": lambda m, c, u: u**3,
    "exp": lambda m, c, u: m.exp(u),
    "log": lambda m, c, u: m.log(u * u + 0.5),
    "relu": lambda m, c, u: m.relu(u),
    "sum of rows": lambda m, c, u: m.sum(u, 0),
    "sum of columns": lambda m, c, u: m.sum(u, 1),
    "sum of all": lambda m, c, u: m.sum(u, None),
}  # fmt: skip
TAKE_TWO = ("add", "subtract", "multiply", "divide", "product")
BY_PAGE = SimpleNamespace(
    exp=PAGE.exp, log=PAGE.log, relu=PAGE.relu, sum=lambda u, axis: u.sum(axis=axis)
)
BY_HIPS = SimpleNamespace(**vars(HIPS), sum=lambda u, axis: anp.sum(u, axis=axis, keepdims=True))
SIZES = [(2, 3), (1, 3), (2, 1), (3, 2), (2, 2)]


def result_of(graph: list[Node], inputs: Any, m: Any) -> Any:
    """Run a graph; its result is the sum of all entries of its last three values."""
    values = list(inputs)
    for name, places, constant in graph:
        values.append(ARRAY_OPERATIONS[name](m, constant, *(values[i] for i in places)))
    return m.sum(values[-1], None) + m.sum(values[-2], None) + m.sum(values[-3], None)


def random_graph(rng: np.random.Generator) -> tuple[list[Node], list[np.ndarray]]:
    """Draw a graph and its inputs: no value is large, and no ReLU is near its kink."""
    inputs = [rng.uniform(-1.5, 1.5, size=shape) for shape in SIZES]
    graph: list[Node] = []
    values = list(inputs)
    while len(graph) < 12:
        name = str(rng.choice(list(ARRAY_OPERATIONS)))
        places = tuple(int(i) for i in rng.integers(len(values), size=1 + (name in TAKE_TWO)))
        node = Node(name, places, float(rng.uniform(0.5, 2.0)))
        try:
            new = ARRAY_OPERATIONS[name](BY_HIPS, node.constant, *(values[i] for i in places))
        except ValueError:  # the shapes do not fit
            continue
        near = name == "relu" and np.min(np.abs(values[places[0]])) < 1e-3
        if np.max(np.abs(new)) < 8.0 and not near:
            graph.append(node)
            values.append(new)
    return graph, inputs


GRAPHS = [random_graph(np.random.default_rng(seed)) for seed in range(150)]


def array_gradient(page: Any, graph: list[Node], inputs: list[np.ndarray]) -> list[np.ndarray]:
    m = SimpleNamespace(**{**vars(BY_PAGE), "exp": page.exp, "log": page.log, "relu": page.relu})
    nodes = [page.Array(array) for array in inputs]
    page.backward_arrays(result_of(graph, nodes, m))
    return [node.delta for node in nodes]


def array_disagreements(page: Any, n: int = len(GRAPHS)) -> int:
    """Return for how many graphs an engine's gradient is not that of HIPS autograd, or fails."""
    wrong = 0
    for graph, inputs in GRAPHS[:n]:
        with warnings.catch_warnings():  # an input that the result does not depend on
            warnings.simplefilter("ignore", UserWarning)
            theirs = autograd.grad(
                lambda given, graph=graph: anp.sum(result_of(graph, given, BY_HIPS))
            )(inputs)
        try:
            ours = array_gradient(page, graph, inputs)
        except (ValueError, TypeError):
            wrong += 1
            continue
        wrong += not all(
            a.shape == b.shape and close(a, b) for a, b in zip(ours, theirs, strict=True)
        )
    return wrong


def test_the_graphs_use_every_operation_and_share_values():
    used = [node.name for graph, _ in GRAPHS for node in graph]
    assert min(used.count(name) for name in ARRAY_OPERATIONS) > 20
    places = [[i for node in graph for i in node.places] for graph, _ in GRAPHS]
    assert all(max(map(each.count, each)) > 1 for each in places)


def test_the_gradient_on_arrays_is_that_of_hips_autograd():
    assert array_disagreements(PAGE) == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_vjp_passes_check_vjp(seed):
    graph, inputs = GRAPHS[seed]

    def f(inputs):
        return result_of(graph, inputs, BY_HIPS)

    def by_machine(inputs, d):
        nodes = [PAGE.Array(array) for array in inputs]
        PAGE.backward_arrays(result_of(graph, nodes, BY_PAGE), d)
        return {f"part {k}": node.delta for k, node in enumerate(nodes)}

    x = {f"part {k}": array for k, array in enumerate(inputs)}
    assert check_vjp(lambda x: f(list(x.values())), lambda x, d: by_machine(list(x.values()), d), x)


BROKEN_ARRAYS = {
    "= for +=": ("part.delta += sent", "part.delta = sent"),
    "order of the way forward": (
        "in reversed(nodes):\n        for part, back", "in nodes:\n        for part, back"),
    "not set to 0": ("u.delta = np.zeros(u.value.shape)", "pass"),
    "no un-broadcasting in a sum": ("(w, w.unbroadcast)", "(w, lambda d: d)"),
    "no un-broadcasting in a product": ("u.unbroadcast(d * w.value)", "d * w.value"),
    "the mean in place of the sum": (
        "return d.sum(axis=ones, keepdims=True)", "return d.mean(axis=ones, keepdims=True)"),
    "the first row in place of the sum": (
        "d = d.sum(axis=tuple(range(d.ndim - len(shape))))",
        "d = d[(0,) * (d.ndim - len(shape))]"),
    "axes of size 1 forgotten": ("for k, size in enumerate(shape) if size == 1", "for k in ()"),
    "axis dropped": ("keepdims=True)\n\n    def __add__", "keepdims=False)\n\n    def __add__"),
    "product with its own factor": ("(d * w.value)", "(d * u.value)"),
    "no transpose for u": ("lambda d: d @ w.value.T", "lambda d: d @ w.value"),
    "no transpose for w": ("u.value.T @ d", "u.value @ d"),
    "sides swapped": ("lambda d: d @ w.value.T", "lambda d: w.value.T @ d"),
    "a sum that divides": (
        "np.broadcast_to(d, self.value.shape)", "np.broadcast_to(d, self.value.shape) / 2"),
    "the exponential forgotten": ("lambda d: d * e", "lambda d: d"),
    "the logarithm turned over": ("d / self.value", "d * self.value"),
    "the gate forgotten": ("lambda d: d * on", "lambda d: d"),
    "the power not lowered": (
        "self.value ** (k - 1) if k else 0.0\n        return Array",
        "self.value**k if k else 0.0\n        return Array"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_ARRAYS)
def test_a_broken_engine_on_arrays_is_refused(name):
    broken = load(*BROKEN_ARRAYS[name])
    if name == "not set to 0":
        u = broken.Array(3.0)
        square = u * u
        for _ in range(2):
            broken.backward_arrays(square)
        assert u.delta != 6.0
    elif name == "the first row in place of the sum":  # a graph has matrices only
        got = broken.vjp(lambda b: b + np.ones((2, 3)), np.ones(3), np.ones((2, 3)))
        assert got.tolist() == [1.0] * 3  # and not 2.0
    else:
        assert array_disagreements(broken, n=60) > 0


def test_an_adjoint_of_another_shape_raises_and_says_so():
    u = PAGE.Array(np.ones(3))
    wrong = PAGE.Array(np.ones((2, 3)), (u, lambda d: d))
    with pytest.raises(ValueError, match=r"\(2, 3\) arrives at \(3,\)"):
        PAGE.backward_arrays(wrong)
    small = PAGE.Array(np.ones((2, 3)), (PAGE.Array(np.ones((2, 3))), lambda d: d[0]))
    with pytest.raises(ValueError, match="arrives at"):  # NumPy would repeat it without a word
        PAGE.backward_arrays(small)


@pytest.mark.parametrize(
    ("to_b", "n"),
    [
        (lambda d: d.mean(axis=0), 2),
        (lambda d: d.sum(axis=1), 3),  # the wrong axis
        (lambda d: d[-1], 2),
    ],
)
def test_a_wrong_un_broadcasting_of_the_right_shape_is_rejected(to_b, n):
    rows, at = np.random.default_rng(3).normal(size=(n, 3)), np.array([0.4, -1.3, 0.7])

    def by(way):
        return lambda b, d: PAGE.vjp(lambda u: PAGE.Array(rows + u.value, (u, way)) ** 2, b, d)

    def f(b):
        return (rows + b) ** 2

    assert check_vjp(f, by(lambda d: d.sum(axis=0)), at)
    assert not check_vjp(f, by(to_b), at)


@pytest.mark.parametrize(
    ("f", "x", "wanted"),
    [
        (lambda u: PAGE.relu(u), [0.0, -0.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda u: PAGE.relu(u) - PAGE.relu(-u), [0.0, 1.0], [0.0, 1.0]),
        (lambda u: u**0, [0.0, 3.0], [0.0, 0.0]),
        (lambda u: u**1, [0.0, 3.0], [1.0, 1.0]),
        (lambda u: u**2, [0.0, 3.0], [0.0, 6.0]),
        (lambda u: u, [2.0], [1.0]),
        (lambda u: PAGE.Array([3.0]), [2.0], [0.0]),  # a constant
    ],
)
def test_arrays_at_0_and_constants(f, x, wanted):
    assert PAGE.vjp(f, x, np.ones(len(x))).tolist() == wanted


def test_an_array_of_no_entries_and_one_without_axes():
    none = PAGE.vjp(lambda u: PAGE.exp(u).sum(), np.zeros((0, 3)), 1.0)
    assert none.shape == (0, 3)
    scalar = PAGE.vjp(lambda u: u * u * np.ones((2, 3)), 3.0, 1.0)
    assert scalar.shape == () and scalar == 36.0
    empty = PAGE.vjp(lambda b: b + np.zeros((0, 3)), np.ones(3), 1.0)
    assert empty.tolist() == [0.0, 0.0, 0.0]


def test_a_chain_of_five_thousand_arrays():
    def chain(u):
        for _ in range(5_000):
            u = u * 1.0001
        return u

    assert close(PAGE.vjp(chain, [0.5, 2.0], 1.0), [1.0001**5_000] * 2)


# What the page does with it.


@pytest.mark.parametrize("sizes", [(4, 3), (4, 5, 3), (4, 6, 5, 2), (3, 1)])
@pytest.mark.parametrize("n", [1, 7])
def test_the_digits_loss_is_that_of_layers(sizes, n):
    rng = np.random.default_rng(n)
    params = [layer._replace(b=rng.normal(size=layer.b.shape)) for layer in layers.init(rng, sizes)]
    X, y = 3.0 * rng.normal(size=(n, sizes[0])), rng.integers(sizes[-1], size=n)
    loss, grads = PAGE.digits_grad(params, X, np.eye(sizes[-1])[y])
    assert loss == pytest.approx(layers.loss(params, X, y), rel=1e-13, abs=1e-13)
    for ours, theirs in zip(grads, layers.loss_grad(params, X, y), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert np.allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("depth", [1, 5, 6])
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_blocks_give_the_same_gradient_bit_for_bit(depth, k):
    rng = np.random.default_rng(0)
    stack = [(PAGE.Array(rng.normal(size=(4, 4))), PAGE.Array(rng.normal(size=4)))
             for _ in range(depth)]  # fmt: skip
    x, d = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    start = PAGE.Array(x)
    PAGE.backward_arrays(PAGE.run(stack, start), d)
    whole = [start.delta, *(u.delta.copy() for pair in stack for u in pair)]
    for pair in stack:
        for u in pair:
            u.delta = None
    again = [PAGE.backward_in_blocks(stack, x, k, d), *(u.delta for pair in stack for u in pair)]
    assert all(map(np.array_equal, whole, again))


# What others call it: each name of the table is one, and gives what the page's machine gives.

TABLE = CELLS["names"]
NAMES = sorted(set(re.findall(r"`((?:torch|jax)(?:\.\w+)+)`", TABLE)))


def named(path: str) -> Any:
    """Return what a dotted name stands for."""
    parts = path.split(".")
    found, k = importlib.import_module(parts[0]), 1
    while k < len(parts):
        if not hasattr(found, parts[k]):
            importlib.import_module(".".join(parts[: k + 1]))
        found, k = getattr(found, parts[k]), k + 1
    return found


def test_the_table_of_names_has_both_libraries_in_each_row():
    rows = [line.split("|")[2:4] for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 10 and len(NAMES) > 17
    assert all("`torch." in torch and jax.strip() for jax, torch in rows)


@pytest.mark.parametrize("library", ABSENT)
def test_the_names_of_the_table_exist(library):
    pytest.importorskip(library, reason=ABSENT[library])
    mine = [name for name in NAMES if name.startswith(f"{library}.")]
    assert len(mine) > 6
    for name in mine:
        named(name)
    with pytest.raises((AttributeError, ImportError)):
        named(f"{library}.vector_jacobian")


def test_the_session_in_pytorch_prints_what_the_page_says():
    pytest.importorskip("torch", reason=ABSENT["torch"])
    (session,) = re.findall(r"^```pycon\n(.*?)^```$", CELLS["torch"], re.M | re.DOTALL)
    test = doctest.DocTestParser().get_doctest(session, {}, "torch", None, None)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test, out=said.append).failed == 0 < len(test.examples), "".join(said)
    right, wrong = "(tensor(-1.1250), tensor(4.5000))", "(tensor(-1.1250), tensor(-4.5000))"
    assert right in session
    test = doctest.DocTestParser().get_doctest(session.replace(right, wrong), {}, "", None, None)
    assert runner.run(test, out=said.append).failed == 1


def test_the_session_in_pytorch_has_the_numbers_of_the_page():
    """Without PyTorch, too."""
    u, w = PAGE.Scalar(3.0), PAGE.Scalar(-0.25)
    t = u * w
    PAGE.backward(t * (t + u))
    for shown in (f"(tensor({u.delta:.4f}), tensor({w.delta:.4f}))",
                  f"(tensor({2 * u.delta:.4f}), tensor({t.delta:.4f}))"):  # fmt: skip
        assert shown in CELLS["torch"]
    adjoint = PAGE.vjp(lambda u: u * np.ones(2), 3.0, np.array([1.0, 10.0]))
    assert f"tensor({adjoint:.0f}.)" in CELLS["torch"]


X_NAMES = np.array([[0.5, -1.2, 0.3], [1.1, 0.4, -0.7]])
D_NAMES = np.array([[0.3, -0.8], [1.4, 0.6]])
W_NAMES = np.array([[0.2, -0.5], [1.0, 0.7], [-0.3, 0.9]])


def test_jax_gives_what_the_page_gives():
    jax = pytest.importorskip("jax", reason=ABSENT["jax"])
    jax.config.update("jax_enable_x64", True)

    def f(x, m=jax.numpy):
        return m.exp(x) @ W_NAMES * 0.5

    ours = PAGE.vjp(lambda u: f(u, PAGE), X_NAMES, D_NAMES)
    value, back = jax.vjp(f, X_NAMES)
    assert close(ours, back(D_NAMES)[0])
    assert close(f(PAGE.Array(X_NAMES), PAGE).value, value)
    _, tangent = jax.jvp(f, (X_NAMES,), (X_NAMES,))
    assert close(np.sum(ours * X_NAMES), np.sum(D_NAMES * np.asarray(tangent)))
    checkpointed = jax.grad(lambda x: (jax.checkpoint(f)(x) * D_NAMES).sum())(X_NAMES)
    assert close(ours, checkpointed)
    stopped = jax.grad(lambda x: (x * jax.lax.stop_gradient(x)).sum())(X_NAMES)
    assert close(stopped, X_NAMES)
    zero = jax.numpy.float64(0.0)
    assert jax.grad(jax.nn.relu)(zero) == 0.0
    assert jax.grad(lambda z: jax.numpy.maximum(z, 0.0))(zero) == 0.5

    def number(m):
        return lambda x: m.exp(x[0] * x[1]) * x[2]

    x, v = [0.5, -1.2, 0.3], [1.0, 2.0, -0.5]
    _, product = jax.jvp(jax.grad(number(jax.numpy)), (np.array(x),), (np.array(v),))
    assert close(PAGE.hessian_vector(number(PAGE), x, v), product)


def test_pytorch_gives_what_the_page_gives():
    torch = pytest.importorskip("torch", reason=ABSENT["torch"])
    x = torch.tensor(X_NAMES, requires_grad=True)
    W, d = torch.tensor(W_NAMES), torch.tensor(D_NAMES)

    def f(u, m=torch, W=W):
        return m.exp(u) @ W * 0.5

    ours = PAGE.vjp(lambda u: f(u, PAGE, W_NAMES), X_NAMES, D_NAMES)
    (theirs,) = torch.autograd.grad(f(x), x, grad_outputs=d)
    assert close(ours, theirs)
    assert close(ours, torch.func.vjp(f, x.detach())[1](d)[0])
    kept = torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False)
    (theirs,) = torch.autograd.grad(kept, x, grad_outputs=d)
    assert close(ours, theirs)
    for times in (1, 2):  # it piles up
        (x * x).sum().backward()
        assert close(x.grad, times * 2 * X_NAMES)
    (stopped,) = torch.autograd.grad((x * x.detach()).sum(), x)
    assert close(stopped, X_NAMES)
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(torch.relu(zero), zero)[0] == 0.0
    assert torch.autograd.grad(torch.maximum(zero, torch.zeros(())), zero)[0] == 0.5
    changed = torch.ones(2, requires_grad=True) * 3.0
    square = changed * changed
    changed += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.sum().backward()
    assert close(torch.ones(2, 3).sum_to_size(3), [2.0] * 3)
