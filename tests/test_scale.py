"""hwlib.scale: the compiled losses and gradients, Algorithm 1, and one sum over blocks."""

from __future__ import annotations

import ast
import contextlib
import csv
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

from benchmarks import machine, parts
from benchmarks.peers import plain_network
from hwlib import hinge, network, optim, polynomial, scale
from hwlib.network import Parameters
from hwlib.scale import blocks
from hwlib.scale.blocks import in_blocks, on_cores, total

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

BLOCK = blocks.BLOCK
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def without_numba():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "NUMBA", False)
        yield


@pytest.fixture(params=["compiled", "plain"])
def way(request):
    """Each test that asks for it runs with Numba and without."""
    with contextlib.nullcontext() if request.param == "compiled" else without_numba():
        yield request.param


def hinge_problem(rng, n):
    X = polynomial.features(rng.uniform(-1.5, 1.5, n), rng.normal(size=7))
    return rng.normal(size=7), X, rng.choice([-1.0, 1.0], n)


def network_problem(rng, n, d=2, m=3):
    params = Parameters(
        rng.normal(size=(d, m)), rng.normal(size=m), rng.normal(size=m), float(rng.normal())
    )
    return params, rng.normal(size=(n, d)), rng.integers(0, 2, n).astype(float)


PROBLEMS = {"hinge": hinge_problem, "network": network_problem}
MODELS = {"hinge": (hinge, scale.hinge), "network": (network, scale.network)}
EACH_MODEL = pytest.mark.parametrize("model", MODELS)


def vector(grad):
    return np.concatenate([np.ravel(field) for field in grad]) if type(grad) is Parameters else grad


def assert_as_plain(model, at, X, y, *l2, tolerance=1e-12):
    """value_and_grad is what the plain functions give, in norm; return it."""
    plain, fast = MODELS[model]
    loss, grad = fast.value_and_grad(at, X, y, *l2)
    expected = plain.loss_grad(at, X, y, *l2)
    assert type(loss) is float and type(grad) is type(expected)
    assert loss == pytest.approx(plain.loss(at, X, y, *l2), rel=tolerance)
    error = np.linalg.norm(vector(grad) - vector(expected))
    assert error <= tolerance * np.linalg.norm(vector(expected))
    return loss, grad


def bits(result):
    loss, grad = result
    return [loss, *vector(grad).tolist()]


# The loss and its gradient


def test_hinge_by_hand(way):
    # h(2) = 1 and h(-1) = -47/64: see test_hinge
    X = np.array([[64.0, 32, 16, 8, 4, 2, 1], [1.0, -1, 1, -1, 1, -1, 1]])
    theta = np.array([1 / 64, 0, 0, 0, 1 / 4, 5, -1])
    loss, grad = scale.hinge.value_and_grad(theta, X, [-1, 1])
    assert loss == 239 / 64
    np.testing.assert_array_equal(grad, [63, 33, 15, 9, 3, 0, 0])
    loss, grad = scale.hinge.value_and_grad(theta, X, [1, 1])  # margin 1: adds nothing
    assert loss == 111 / 64
    np.testing.assert_array_equal(grad, [-1, 1, -1, 1, -1, 0, -1])


@pytest.mark.parametrize("margin", [np.nextafter(1.0, 0.0), 1.0, np.nextafter(1.0, 2.0)])
@pytest.mark.parametrize("y", [-1.0, 1.0])
def test_the_kink_of_the_hinge(way, margin, y):
    x, theta = np.array([[2.0, 3, 5, 7, 11, 13, 1]]), np.zeros(7)
    theta[6] = y * margin
    loss, grad = scale.hinge.value_and_grad(theta, x, np.array([y]))
    assert loss == max(1.0 - margin, 0.0)
    np.testing.assert_array_equal(grad, -y * x[0] * polynomial.NONLINEAR * (margin < 1.0))


def test_network_by_hand(way):
    # z_hidden = (1.5, 0.5, -0.5), z_out = 1: see test_network
    params = Parameters(
        np.array([[0.5, -1.0, 0.25], [0.25, 1.0, -0.5]]), np.array([0.5, -0.5, 0.25]),
        np.array([1.0, -2.0, 0.5]), 0.5,
    )  # fmt: skip
    loss, grad = scale.network.value_and_grad(params, np.array([[1.0, 2.0]]), [1])
    assert loss == pytest.approx(0.3132616875182228, rel=1e-15)
    expected = ([[1, -2, 0], [2, -4, 0]], [1, -2, 0], [1.5, 0.5, 0], 1)
    for got, factor in zip(grad, expected, strict=True):
        np.testing.assert_allclose(got, -1 / (1 + math.e) * np.array(factor), rtol=1e-15)
    assert type(grad) is Parameters and type(grad.b_out) is float


@EACH_MODEL
@given(seed=st.integers(0, 2**32 - 1))
def test_it_is_what_the_plain_functions_give(model, seed):
    rng = np.random.default_rng(seed)
    d, m, n = (int(size) for size in rng.integers(1, 7, size=3))
    if model == "hinge":
        problem = hinge_problem(rng, n)
    else:
        problem = (*network_problem(rng, n, d, m), float(rng.choice([0.0, 0.3, 1e-9])))
    assert_as_plain(model, *problem)
    with without_numba():
        assert_as_plain(model, *problem)


@given(st.lists(st.integers(-1, 1), min_size=17, max_size=17), st.integers(0, 2**32 - 1))
def test_small_integers_with_many_ties(numbers, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-1, 2, (6, 7)).astype(float), rng.choice([-1, 1], 6)
    assert_as_plain("hinge", np.array(numbers[:7], dtype=float), X, y)
    W, b, w, b_out = np.split(np.array(numbers, dtype=float), [8, 12, 16])
    params = Parameters(W.reshape(2, 4), b, w, float(b_out[0]))
    assert_as_plain("network", params, X[:, :2].copy(), (y + 1) // 2, 0.5)


@EACH_MODEL
@pytest.mark.parametrize("n", [2 * BLOCK - 1, 2 * BLOCK, 5 * BLOCK + 3])
def test_many_samples_in_blocks_and_parts(model, n, way, rng):
    at, X, y = PROBLEMS[model](rng, n)
    assert_as_plain(model, at, X, y, tolerance=1e-11)


@pytest.mark.parametrize("n", [3, 40_000])
def test_the_penalty_is_counted_once(n, way, rng):
    params, X, y = network_problem(rng, n)
    for l2 in (0.5, 1e5):
        assert_as_plain("network", params, X, y, l2, tolerance=1e-11)


def test_a_wide_layer(way, rng):
    assert_as_plain("network", *network_problem(rng, 50, 30, 40), 0.1)


def at_an_odd_address(array):
    other = np.frombuffer(bytearray(array.nbytes + 1), dtype=np.uint8)[1:]
    other = other.view(array.dtype).reshape(array.shape)
    other[...] = array
    assert not other.flags.aligned
    return other


def read_only(array):
    other = array.copy()
    other.flags.writeable = False
    return other


LAYOUTS = {
    "Fortran": np.asfortranarray, "list": np.ndarray.tolist, "read-only": read_only,
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2], "odd": at_an_odd_address,
    "backwards": lambda a: a[::-1].copy()[::-1],
}  # fmt: skip


@EACH_MODEL
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_bits_do_not_depend_on_how_samples_lie_in_memory(model, layout, rng):
    at, X, y = PROBLEMS[model](rng, 50)
    _, fast = MODELS[model]
    expected = bits(fast.value_and_grad(at, X, y))
    assert bits(fast.value_and_grad(at, layout(X), layout(y))) == expected
    if model == "hinge" or layout is read_only:  # each is compiled anew, by the same function
        assert bits(fast.value_and_grad(at, X, layout(y.astype(np.int64)))) == expected


def test_nor_on_how_parameters_do(rng):
    params, X, y = network_problem(rng, 20, 4, 5)
    expected = bits(scale.network.value_and_grad(params, X, y, 0.25))
    for layout in LAYOUTS.values():
        other = Parameters(*map(layout, params[:3]), np.float64(params.b_out))
        got = scale.network.value_and_grad(other, X, y, np.float32(0.25))
        assert bits(got) == expected and type(got[1].b_out) is float
    theta, X, y = hinge_problem(rng, 20)
    expected = bits(scale.hinge.value_and_grad(theta, X, y))
    for layout in LAYOUTS.values():
        assert bits(scale.hinge.value_and_grad(layout(theta), X, y)) == expected


@EACH_MODEL
def test_other_numbers_are_computed_in_float64(model, rng):
    at, X, y = PROBLEMS[model](rng, 50)
    for other in (X.astype(np.float32), X.astype(">f8"), X.astype(int)):
        assert_as_plain(model, at, other, y.astype(np.int8))


@EACH_MODEL
def test_arguments_are_neither_changed_nor_returned(model, way, rng):
    at, X, y = PROBLEMS[model](rng, 20)
    before = [*bits((0.0, at)), *X.ravel(), *y]
    _, grad = MODELS[model][1].value_and_grad(at, X, y)
    for field in (grad,) if model == "hinge" else grad[:3]:
        field[...] = 1e6  # writeable
    assert [*bits((0.0, at)), *X.ravel(), *y] == before


@EACH_MODEL
@pytest.mark.parametrize("n", [5, 20_000, 300_000])
def test_the_bits_do_not_depend_on_the_number_of_cores(model, n, monkeypatch, rng):
    at, X, y = PROBLEMS[model](rng, n)
    results = []
    for threads in ("1", "2", "7", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(bits(MODELS[model][1].value_and_grad(at, X, y)))
    assert all(result == results[0] for result in results)


@EACH_MODEL
def test_the_memory_does_not_grow_with_the_number_of_samples(model, way, rng):
    peaks = []
    for n in (16 * BLOCK, 16 * BLOCK, 64 * BLOCK):  # the first call may compile
        problem = PROBLEMS[model](rng, n)
        tracemalloc.start()
        MODELS[model][1].value_and_grad(*problem)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < max(1.02 * peaks[1], 4 * BLOCK) < 40 * 8 * BLOCK


def test_the_compiled_loop_gives_the_bits_of_the_plain_one(rng):
    for n in (1, 2, 300):
        problem = hinge_problem(rng, n)
        loop = scale.hinge._loop
        assert bits(loop(*problem)) == bits(loop.py_func(*problem))


def test_one_logarithm_for_many_samples_costs_no_digits(rng):
    # Losses far below 1, and far above it; and a product of factors that no float64 holds
    params = Parameters(np.ones((1, 1)), np.zeros(1), np.ones(1), -400.0)
    for low, high, n in ((0, 380, 7), (0, 800, 5000), (399, 401, 5000)):
        X = rng.uniform(low, high, (n, 1))
        y = (X[:, 0] > 400.0).astype(float)
        for labels in (y, 1.0 - y):
            losses = network.log_loss(X[:, 0] - 400.0, labels)
            loss, grad = scale.network._loop(params, 0.0, X, labels)
            assert loss == pytest.approx(math.fsum(losses), rel=1e-13) and loss > 0.0
            expected = network.loss_grad(params, X, labels).b_out
            assert grad.b_out == pytest.approx(expected, rel=1e-13)


# What is rejected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", range(7))
def test_hinge_sees_each_number_in_X(way, rng, column, bad):
    # Even where each weight is 0, or the one of its column; in the last block too
    theta, X, y = hinge_problem(rng, 2 * BLOCK + 5)
    X[BLOCK + 3, column] = bad
    for weights in (theta, theta * (np.arange(7) != column), np.zeros(7), np.full(7, -0.0)):
        for part in (slice(None), slice(BLOCK, BLOCK + 9)):
            with pytest.raises(ValueError, match=r"^X holds NaN or infinity"):
                scale.hinge.value_and_grad(weights, X[part], y[part])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [(0, 0), (BLOCK, 1), (2 * BLOCK + 6, 0)])
def test_network_sees_each_number_in_X(way, rng, at, bad):
    # Even where all units are off, or nothing depends on them
    params, X, y = network_problem(rng, 2 * BLOCK + 7)
    X[at] = bad
    one = slice(at[0], at[0] + 1)
    zero = network.unravel(np.zeros(13), params)
    off = params._replace(b_hidden=np.full(3, -1e9))
    always_off = Parameters(np.full((2, 3), 0.5), np.full(3, -1e9), np.zeros(3), 0.0)
    for point in (params, zero, off, always_off):
        for part in (slice(None), one):
            with pytest.raises(ValueError, match=r"^X holds NaN or infinity"):
                scale.network.value_and_grad(point, X[part], y[part])


@EACH_MODEL
@pytest.mark.parametrize("bad", [0.5, 2.0, -0.5, np.nextafter(1.0, 0.0), 1e300, 2**63 - 1, np.nan])
def test_a_bad_label_is_seen_everywhere(model, way, rng, bad):
    at, X, y = PROBLEMS[model](rng, 2 * BLOCK + 5)
    text = "NaN or infinity" if math.isnan(bad) else f"the label {re.escape(str(float(bad)))};"
    for i in (0, BLOCK - 1, BLOCK, len(y) - 1):
        labels = np.where(np.arange(len(y)) == i, bad, y.astype(type(bad)))
        for part in (slice(None), slice(i, i + 1)):
            with pytest.raises(ValueError, match=rf"^y holds {text}"):
                MODELS[model][1].value_and_grad(at, X[part], labels[part])


@pytest.mark.parametrize(("model", "label"), [("hinge", 0.0), ("network", -1.0)])
def test_the_labels_of_the_other_model(model, label, way, rng):
    at, X, y = PROBLEMS[model](rng, 3)
    with pytest.raises(ValueError, match=rf"^y holds the label {label}; expected"):
        MODELS[model][1].value_and_grad(at, X, np.where([0, 1, 0], label, y))


def good_arguments(model):
    X = np.ones((3, 7 if model == "hinge" else 2))
    if model == "hinge":
        return {"theta": np.ones(7), "X": X, "y": np.ones(3)}
    params = Parameters(np.ones((2, 4)), np.ones(4), np.ones(4), 1.0)
    return {"params": params, "X": X, "y": np.ones(3), "l2": 0.1}


BAD_ARGUMENTS = [
    ("hinge", "theta", np.ones(6)), ("hinge", "theta", [1.0]), ("hinge", "theta", [[1.0] * 7]),
    ("hinge", "theta", np.full(7, np.nan)), ("hinge", "X", np.ones((3, 6))),
    ("hinge", "X", np.ones((7, 3))), ("network", "X", np.ones((3, 3))),
    ("network", "params", None), ("network", "params", (1, 2, 3, 4)),
    ("network", "l2", -1e-9), ("network", "l2", np.nan), ("network", "l2", np.inf),
    ("network", "l2", "1"), ("network", "l2", True), ("network", "l2", [0.1, 0.1]),
    *(
        (model, argument, value)
        for model, d in (("hinge", 7), ("network", 2))
        for argument, value in (
            ("X", "text"), ("X", None), ("X", 1.0), ("X", np.ones((0, d))), ("X", np.ones(d)),
            ("X", np.ones((3, d, 1))), ("X", np.ones((3, d)) > 0), ("X", [[1j] * d] * 3),
            ("X", np.ma.masked_array(np.ones((3, d)))),
            ("y", np.ones(1)), ("y", np.ones(4)), ("y", np.ones((3, 1))), ("y", 1.0), ("y", []),
            ("y", [True] * 3), ("y", ["1"] * 3),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "argument", "value"), BAD_ARGUMENTS)
def test_bad_arguments(model, argument, value, way):
    with pytest.raises(ValueError, match=rf"^{argument} "):
        MODELS[model][1].value_and_grad(**good_arguments(model) | {argument: value})


@pytest.mark.parametrize("field", Parameters._fields)
@pytest.mark.parametrize("bad", [np.nan, np.inf, "text", True])
def test_bad_parameters(field, bad, way):
    good = good_arguments("network")
    value = np.full(np.shape(getattr(good["params"], field)), bad)[()]
    with pytest.raises(ValueError, match=rf"^params\.{field} "):
        scale.network.value_and_grad(**good | {"params": good["params"]._replace(**{field: value})})


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ("W_hidden", (2,)),
        ("W_hidden", (2, 0)),
        ("b_hidden", (1,)),
        ("w_out", (5,)),
        ("b_out", (1,)),
    ],
)
def test_parameters_of_other_shapes(field, shape, way):
    good = good_arguments("network")
    params = good["params"]._replace(**{field: np.ones(shape)})
    with pytest.raises(ValueError, match=r"^params\.\w+ has shape .*; expected "):
        scale.network.value_and_grad(**good | {"params": params})


def test_a_layer_has_a_unit(way):
    params = Parameters(np.ones((2, 0)), np.ones(0), np.ones(0), 1.0)
    with pytest.raises(ValueError, match=r"^params\.W_hidden has shape \(2, 0\); expected"):
        scale.network.value_and_grad(params, np.ones((3, 2)), np.ones(3))


def test_the_error_names_the_shape_of_all_samples(way):
    X = np.ones((20_000, 6))
    with pytest.raises(ValueError, match=r"^X has shape \(20000, 6\)"):
        scale.hinge.value_and_grad(np.ones(7), X, np.ones(20_000))


HUGE = np.full((4, 7), 1.5e308)


def one_unit(W, w):
    return Parameters(np.full((2, 1), W), np.ones(1), np.array([w]), 0.0)


@pytest.mark.parametrize(
    ("model", "at", "X", "y"),
    [
        ("hinge", np.ones(7), HUGE, np.ones(4)),  # the hypothesis
        ("hinge", np.zeros(7), HUGE, np.ones(4)),  # the gradient
        ("hinge", np.eye(7)[0], HUGE * np.eye(7)[0], -np.ones(4)),  # the loss
        ("network", one_unit(1.0, 0.0), HUGE[:, :2], np.zeros(4)),  # z_hidden, above all floats
        ("network", one_unit(-1.0, 0.0), HUGE[:, :2], np.zeros(4)),  # and below
        ("network", one_unit(1e-200, 1e300), HUGE[:, :2], np.zeros(4)),  # z_out
        ("network", one_unit(1e-200, 1e300), HUGE[:, :2], np.ones(4)),  # its loss would be 0
        ("network", one_unit(0.0, 1.0), HUGE[:, :2], np.zeros(4)),  # the gradient
    ],
)
def test_what_is_too_large_is_named(model, at, X, y, way):
    plain, fast = MODELS[model]
    with pytest.raises(ValueError, match=r"is too large for a float64$") as expected:
        plain.loss(at, X, y), plain.loss_grad(at, X, y)
    with pytest.raises(ValueError, match=f"^{expected.value}$"):
        fast.value_and_grad(at, X, y)


def test_a_sum_that_overflows_between_parts(way):
    n = 4 * BLOCK
    X, y = np.zeros((n, 7)), -np.ones(n)
    X[[0, n - 1], 0] = 1.5e308
    with pytest.raises(ValueError, match=r"^the gradient is too large for a float64$"):
        scale.hinge.value_and_grad(np.zeros(7), X, y)


def test_without_numba_everything_works():
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "import numpy as np; from hwlib import network, scale\n"
        "assert scale.hinge._epoch is scale.hinge.sgd_epoch\n"
        "theta = next(scale.hinge.sgd([0] * 7, [[64, 32, 16, 8, 4, 2, 1]], [1], step_size=0.5))\n"
        "assert theta.tolist() == [32, 16, 8, 4, 2, 0, 0.5]\n"
        "loss, grad = scale.hinge.value_and_grad(theta, [[64., 32, 16, 8, 4, 2, 1]], [-1.0])\n"
        "assert (loss, grad[0]) == (1 + 2728.5, 64)\n"
        "params = network.init(np.random.default_rng(0))\n"
        "loss, grad = scale.network.value_and_grad(params, np.ones((5, 2)), [0, 1, 1, 0, 0])\n"
        "assert loss == network.loss(params, np.ones((5, 2)), [0, 1, 1, 0, 0])"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_machine_code_is_kept_if_asked_for_and_only_of_files(monkeypatch):
    names, kept = {}, []
    exec("def typed_in(x):\n    return x", names)
    monkeypatch.setattr("numba.njit", lambda cache, **_: kept.append(cache) or (lambda loop: loop))
    for wanted in (True, False):
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        if wanted:
            monkeypatch.setenv("NUMBA_CACHE_DIR", "somewhere")
        for loop in (moments, names["typed_in"]):
            assert blocks.compiled(loop) is loop
    assert kept == [True, False, False, False]


def test_numba_is_installed_here():
    assert blocks.NUMBA and scale.hinge._epoch.py_func is scale.hinge.sgd_epoch


# Algorithm 1


def epochs(generator, count):
    return np.array(list(itertools.islice(generator, count)))


@pytest.fixture(params=["compiled", "plain"])
def sgd(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(scale.hinge, "_epoch", scale.hinge.sgd_epoch)
    return scale.hinge.sgd


def test_two_epochs_of_sgd_by_hand(sgd):
    # theta = 0 has margin 0: theta becomes x / 64. Then h(2) = (64**2 + ... + 1) / 64 is far above
    # 1 and nothing moves; for the label -1 it moves back, margin 0 - and not again.
    x = np.array([[64.0, 32, 16, 8, 4, 2, 1]])
    first, second = epochs(sgd(np.zeros(7), x, [1], step_size=1 / 64), 2)
    np.testing.assert_array_equal(first, [1, 0.5, 0.25, 0.125, 0.0625, 0, 1 / 64])
    np.testing.assert_array_equal(second, first)
    back = epochs(sgd(first, x, [-1], step_size=1 / 64), 1)[0]
    np.testing.assert_array_equal(back, np.zeros(7))


def test_sgd_stands_still_at_margin_1(sgd):
    x = np.array([[2.0, 3, 5, 7, 11, 13, 1]])
    theta = np.array([0, 0, 0, 0, 0, 4.0, 1.0])
    np.testing.assert_array_equal(epochs(sgd(theta, x, [1], step_size=0.1), 1)[0], theta)
    theta[6] = np.nextafter(1.0, 0.0)
    assert epochs(sgd(theta, x, [1], step_size=0.1), 1)[0][0] == 0.1 * 2.0


def test_sgd_gives_the_bits_of_the_plain_loop(rng):
    for _ in range(20):
        theta, X, y = hinge_problem(rng, 50)
        for seed in (None, 3):
            orders = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
            compiled = epochs(scale.hinge.sgd(theta, X, y, step_size=0.05, rng=orders[0]), 4)
            plain = theta.copy()
            for k in range(4):
                order = np.arange(50) if seed is None else orders[1].permutation(50)
                assert scale.hinge.sgd_epoch(plain, X, y, order, 0.05)
                np.testing.assert_array_equal(compiled[k], plain)
            assert (compiled[:, polynomial.LINEAR] == theta[polynomial.LINEAR]).all()


def test_sgd_is_that_of_optim(sgd, rng):
    for seed in (None, 8):
        theta, X, y = hinge_problem(rng, 30)
        orders = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
        ours = epochs(sgd(theta, X, y, step_size=0.03, rng=orders[0]), 4)
        general = optim.sgd(
            lambda t, i, X=X, y=y: hinge.loss_grad(t, X[[i]], y[[i]]),
            theta, 30, step_size=0.03, rng=orders[1],
        )  # fmt: skip
        np.testing.assert_allclose(ours, epochs(general, 4), rtol=1e-12, atol=1e-12)
        assert np.abs(ours[-1] - theta).max() > 0.1


def test_the_bits_are_those_of_scikit_learn():
    rng = np.random.default_rng(5)
    for _ in range(40):
        _, X, y = hinge_problem(rng, 60)
        model = SGDClassifier(
            loss="hinge", penalty=None, learning_rate="constant", eta0=0.05,
            shuffle=False, fit_intercept=False,
        )  # fmt: skip
        for theta in epochs(scale.hinge.sgd(np.zeros(7), X, y, step_size=0.05), 5):
            model.partial_fit(X * polynomial.NONLINEAR, y, classes=[-1.0, 1.0])
            np.testing.assert_array_equal(theta, model.coef_[0])


def test_sgd_that_outgrows_float64(sgd):
    X = np.array([[1e200, 0, 0, 0, 0, 0, 1.0]])
    with pytest.raises(ValueError, match=r"^theta is too large for a float64$"):
        next(sgd(np.zeros(7), X, [1], step_size=1e200))
    theta = np.full(7, 1e200)
    with pytest.raises(ValueError, match=r"^the hypothesis is too large for a float64$"):
        next(sgd(theta, np.full((1, 7), -1e200), [1], step_size=0.0))


def test_sgd_copies_what_it_is_given_and_what_it_gives(sgd, rng):
    _, X, y = hinge_problem(rng, 5)
    start = np.zeros(7)
    generator = sgd(start, X, y, step_size=0.1)
    first = next(generator)
    kept = first.copy()
    first[:] = 1e6
    assert not start.any() and kept.any()
    np.testing.assert_array_equal(next(generator), next(sgd(kept, X, y, step_size=0.1)))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_sgd_takes_what_the_loss_takes(sgd, layout, rng):
    theta, X, y = hinge_problem(rng, 30)
    expected = epochs(sgd(theta, X, y, step_size=0.5), 2)
    got = sgd(layout(theta), layout(X), y.astype(np.int8), step_size=np.float32(0.5))
    np.testing.assert_array_equal(epochs(got, 2), expected)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("theta", np.ones(6)), ("theta", "text"), ("X", np.ones((3, 6))), ("X", [[np.nan] * 7] * 3),
        ("y", [0.0, 1, 1]), ("y", np.ones(4)), ("step_size", -1e-9), ("step_size", np.nan),
        ("step_size", None), ("rng", 0), ("rng", np.random.RandomState(0)),
    ],
)  # fmt: skip
def test_bad_arguments_of_sgd_raise_at_the_call(argument, value):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3), "step_size": 0.1}
    with pytest.raises(ValueError, match=rf"^{argument} .*expected"):
        scale.hinge.sgd(**good | {argument: value})


# Blocks


X_BOOK, Y_BOOK = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), np.ones(5)


def moments(X, y):
    """The sum and, as a gradient, the sums of x and of x**2."""
    return float(X.sum()), np.array([X.sum(), (X**2).sum()])


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (4, [4, 1]), (5, [5]), (8192, [5])],
)
def test_blocks_by_hand(size, lengths):
    seen = []

    def recorded(X, y):
        seen.append(X[:, 0].tolist())
        return moments(X, y)

    loss, grad = total(in_blocks(recorded, X_BOOK, Y_BOOK, size))
    assert loss == 31.0 and type(loss) is float
    np.testing.assert_array_equal(grad, [31.0, 1 + 4 + 16 + 64 + 256])
    assert [len(block) for block in seen] == lengths
    assert [x for block in seen for x in block] == X_BOOK[:, 0].tolist()


def test_a_named_tuple_of_gradients_and_a_penalty_shared_out(rng):
    params, X, y = network_problem(rng, 50)

    def share(X, y):
        return scale.network.value_and_grad(params, X, y, 0.7 * len(X) / 50)

    loss, grad = total(in_blocks(share, X, y, 12))
    whole = scale.network.value_and_grad(params, X, y, 0.7)
    assert loss == pytest.approx(whole[0], rel=1e-13)
    assert type(grad) is Parameters and type(grad.b_out) is float
    for got, expected in zip(grad, whole[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
        assert np.shape(got) == np.shape(expected)
    # What goes wrong without the share: the penalty is counted five times.
    every = partial(scale.network.value_and_grad, params, l2=0.7)
    wrong, _ = total(in_blocks(every, X, y, 12))
    plain = network.loss(params, X, y)
    assert wrong - plain == pytest.approx(5 * (whole[0] - plain), rel=1e-12)


def test_a_gradient_may_be_a_number_a_list_or_a_tuple():
    assert total(in_blocks(lambda X, y: (len(X), X.sum()), X_BOOK, Y_BOOK, 2)) == (5.0, 31.0)
    _, grad = total(in_blocks(lambda X, y: (1.0, [1.0, len(X)]), X_BOOK, Y_BOOK, 2))
    np.testing.assert_array_equal(grad, [3.0, 5.0])
    _, grad = total(in_blocks(lambda X, y: (1.0, (1.0, X[0])), X_BOOK, Y_BOOK, 4))
    assert grad == (2.0, 17.0)


def test_gradients_of_other_shapes_are_not_broadcast():
    with pytest.raises(ValueError, match=r"^gradients have shapes \(2,\) and \(1,\)"):
        total(in_blocks(lambda X, y: (1.0, np.ones(len(X))), X_BOOK, Y_BOOK, 2))


@pytest.mark.parametrize(
    ("result", "name"),
    [((1e308, 1.0), "loss"), ((math.nan, 1.0), "loss"), ((1.0, np.array([1.0, 1e308])), "gradient"),
     ((1.0, (np.ones(2), math.inf)), "gradient")],
)  # fmt: skip
def test_a_sum_that_is_not_finite(result, name):
    with pytest.raises(ValueError, match=rf"^the {name} is too large for a float64$"):
        total([result] * 3)


@pytest.mark.parametrize("cut", [in_blocks, on_cores])
def test_each_sample_has_a_label(cut):
    for X, y in ((X_BOOK, Y_BOOK[:4]), (X_BOOK[:4], Y_BOOK), (X_BOOK[:0], Y_BOOK[:0])):
        with pytest.raises(ValueError, match=rf"^y has {len(y)} labels; expected one for each of"):
            list(cut(moments, X, y))


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "8", None])
def test_bad_block_sizes(size):
    with pytest.raises(ValueError, match=r"^block_size is .*; expected"):
        list(in_blocks(moments, X_BOOK, Y_BOOK, size))


class Lazy:
    """Samples that exist only while they are looked at."""

    asked = 0

    def __len__(self):
        return 10**6

    def __getitem__(self, place):
        numbers = np.arange(*place.indices(len(self)), dtype=float)
        Lazy.asked = max(Lazy.asked, len(numbers))
        return numbers[:, None]


def test_samples_may_be_made_when_they_are_asked_for():
    assert total(in_blocks(moments, Lazy(), Lazy()))[0] == 10**6 * (10**6 - 1) / 2
    assert Lazy.asked == BLOCK


def test_a_file_is_read_block_by_block(tmp_path, rng):
    theta, X, y = hinge_problem(rng, 1000)
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    loss_grad = partial(scale.hinge.value_and_grad, theta)
    expected = bits(total(in_blocks(loss_grad, X, y, 64)))
    assert bits(total(in_blocks(loss_grad, on_disk, y, 64))) == expected
    assert bits(loss_grad(on_disk, y)) == bits(loss_grad(X, y))


# On all cores


@pytest.mark.parametrize("n", [1, 8192, 16_383, 16_384, 40_000, 131_071, 131_072, 200_003])
@pytest.mark.parametrize("threads", [1, 2, 3, 40])
def test_each_sample_is_in_one_part(monkeypatch, n, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    X = np.arange(n, dtype=float)
    parts = on_cores(lambda X, y: (float(X.sum()), [len(X), y.sum(), X[0]]), X, -X)
    lengths, _, firsts = zip(*(grad for _, grad in parts), strict=True)
    assert total(parts)[0] == n * (n - 1) / 2 == -total(parts)[1][1]
    assert sum(lengths) == n and list(firsts) == sorted(firsts)
    assert len(lengths) == max(1, min(blocks.PARTS, n // 16_384 * 2))
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("1", 1), ("3", 3), ("4,2", 4), (" 2 ", 2), *((w, 0) for w in ("", "0", "-1", "two", "1.5"))],
)
def test_the_number_of_cores(monkeypatch, wanted, number):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert blocks.cores() == (number or len(os.sched_getaffinity(0)))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert blocks.cores() == (number or os.cpu_count())


@pytest.mark.parametrize("place", [0, 39_999])
def test_a_part_that_fails_is_heard_of(monkeypatch, place):
    def fail(X, y):
        if place in X:
            raise MemoryError("no room")
        return moments(X, y)

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    X = np.arange(40_000.0)
    with pytest.raises(MemoryError, match="no room"):
        on_cores(fail, X, X)


def test_a_child_process_makes_threads_of_its_own():
    program = (
        "import os; os.environ['OMP_NUM_THREADS'] = '2'\n"
        "import warnings, numpy as np; from hwlib import scale\n"
        "at = np.ones(7), np.ones((50_000, 7)), np.ones(50_000)\n"
        "expected = scale.hinge.value_and_grad(*at)[0]\n"
        "warnings.simplefilter('ignore')  # of forking with threads\n"
        "child = os.fork()\n"
        "if not child: os._exit(scale.hinge.value_and_grad(*at)[0] != expected)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# What the chapter shows is what the benchmarks time


def functions(source):
    """Return the functions of a source, without what stands around them."""
    nodes = ast.walk(ast.parse(source))
    return {node.name: ast.dump(node) for node in nodes if isinstance(node, ast.FunctionDef)}


def test_the_benchmarks_time_the_functions_of_the_chapter():
    notebook = json.loads((ROOT / "chapters" / "beyond_scale.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = functions("\n".join(cells).replace("network.Parameters", "Parameters"))
    places = {"plain_network": "peers", "turned_network": "parts", "loop_network": "machine"}
    for name, place in places.items():
        source = (ROOT / "benchmarks" / f"{place}.py").read_text(encoding="utf-8")
        assert shown[name] == functions(source.replace("network.Parameters", "Parameters"))[name]


def test_the_loop_of_the_chapter_is_right_compiled_and_not(rng):
    for d, m in ((2, 3), (4, 1)):
        params, X, y = network_problem(rng, 60, d, m)
        expected = scale.network.value_and_grad(params, X, y)
        plain, fast = machine.loop_network(params, X, y), machine.fast_network(params, X, y)
        np.testing.assert_allclose(bits(plain), bits(expected), rtol=1e-11)
        np.testing.assert_allclose(bits(fast), bits(plain), rtol=1e-13)


def test_the_table_of_times_has_each_thing_once():
    with (ROOT / "benchmarks" / "scale.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    keys = [(row["name"], row["n"], row["block"], row["threads"]) for row in rows]
    assert len(set(keys)) == len(keys) and list(rows[0]) == machine.FIELDS
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert all((row["n"] == "") == (row["kind"] == "machine") for row in rows)


def test_the_fastest_round_of_all_passes_is_stored(monkeypatch):
    seconds = iter([3.0, 1.0, 2.0])

    def part():
        yield {"kind": "machine", "name": "a", "threads": 1, "seconds": next(seconds), "work": 8}

    monkeypatch.setattr(machine, "PARTS", {"machine": part, "growth": lambda: iter(())})
    (row,) = machine.measured(3, machine.PARTS)
    assert row["seconds"] == 1.0


def test_the_function_with_units_in_rows_is_right(rng):
    params, X, y = network_problem(rng, 60, 4, 5)
    expected = scale.network.value_and_grad(params, X, y)
    np.testing.assert_allclose(bits(parts.turned_network(params, X, y)), bits(expected), rtol=1e-11)


@pytest.mark.parametrize("function", [plain_network, parts.turned_network])
def test_the_lines_that_are_timed_are_the_function(function, rng):
    params, X, y = network_problem(rng, 60)
    *lines, dW, db, dw, db_out = parts.lines_of(function)
    names = {"np": np, "X": X, "y": y}
    names |= dict(zip(("W", "b", "w_out", "b_out"), params, strict=True))
    for line in lines:
        exec(line, names)
    loss, grad = function(params, X, y)
    found = names["loss"], Parameters(*(eval(line, names) for line in (dW, db, dw, db_out)))
    assert bits(found) == bits((loss, grad))
    spent = parts.profile(function, params, X, y, 25)
    assert list(spent) == parts.lines_of(function) and min(spent.values()) >= 0


def test_the_loop_with_sums_in_variables_adds_the_same_numbers(rng):
    params, X, y = network_problem(rng, 60)
    z = network.forward(params, X).z_out
    t, e = (1 - 2 * y) * z, np.abs(z)
    loss = np.sum(np.maximum(t, 0) + e)  # in place of the exponential and of the logarithm
    delta = (1 - 2 * y) * np.where(t >= 0, 1, e) / (1 + e)
    hidden = np.maximum(X @ params.W_hidden + params.b_hidden, 0)
    D = np.outer(delta, params.w_out) * (hidden > 0)
    expected = loss + delta.sum() + (hidden.T @ delta).sum() + D.sum() + (X.T @ D).sum()
    assert parts.variables(params, X, y) == pytest.approx(expected, rel=1e-11)


# On a cluster of Dask


THETA = np.array([0.5, -0.25, 0.125, 1.0, -1.0, 3.0, 0.75])
HINGE = partial(scale.hinge.value_and_grad, THETA)


def generated(n, chunk):
    """Samples that are drawn by the worker that adds them up."""
    import dask.array as da

    rng = da.random.default_rng(4)
    X = rng.normal(size=(n, 7), chunks=(chunk, 7))
    return X, da.where(rng.random(size=n, chunks=chunk) < 0.5, -1.0, 1.0)


def results(X, y):
    from dask import delayed

    chunks = zip(X.to_delayed().ravel(), y.to_delayed().ravel(), strict=True)
    return [delayed(HINGE)(*chunk) for chunk in chunks]


@pytest.fixture(scope="module")
def client():
    from dask.distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options, memory_limit="500MB") as cluster, Client(cluster) as client:
        yield client


def test_chunks_of_dask_have_the_bits_of_blocks_in_memory():
    import dask

    X, y = generated(10_000, 800)
    got = total(dask.compute(*results(X, y), scheduler="synchronous"))
    assert bits(got) == bits(total(in_blocks(HINGE, *dask.compute(X, y), 800)))


@pytest.mark.slow
def test_more_samples_than_memory_and_a_worker_that_is_killed(client):
    from dask.distributed import as_completed

    X, y = generated(17_000_000, 250_000)
    assert X.nbytes + y.nbytes > 2 * 500e6  # the limits of both workers together
    futures = client.compute(results(X, y))
    victim = min(client.run(os.getpid).values())
    for done, _ in enumerate(as_completed(futures), start=1):
        if done == len(futures) // 3:
            os.kill(victim, signal.SIGKILL)
    got = total(client.gather(futures))
    assert victim not in client.run(os.getpid).values()
    # In this process one chunk after the other is made again.
    pairs = zip(X.blocks, y.blocks, strict=True)
    assert bits(got) == bits(total(HINGE(Xk.compute(), yk.compute()) for Xk, yk in pairs))


@pytest.mark.slow
def test_samples_in_zarr_and_parquet_files(client, tmp_path, rng):
    import dask.array as da
    import dask.dataframe as dd
    import pandas

    _, X, y = hinge_problem(rng, 5_000)
    da.from_array(X, chunks=(2_000, 7)).to_zarr(str(tmp_path / "X.zarr"))
    da.from_array(y, chunks=2_000).to_zarr(str(tmp_path / "y.zarr"))
    stored = [da.from_zarr(str(tmp_path / name)) for name in ("X.zarr", "y.zarr")]
    expected = bits(total(in_blocks(HINGE, X, y, 2_000)))
    assert bits(total(client.gather(client.compute(results(*stored))))) == expected
    table = pandas.DataFrame(np.column_stack((X, y)), columns=[*"abcdefg", "label"])
    for k, part in enumerate(np.split(np.arange(len(y)), [2_000, 4_000])):
        table.iloc[part].to_parquet(tmp_path / f"{k}.parquet")
    stored = dd.read_parquet(tmp_path).to_dask_array(lengths=True)
    assert stored.chunks == ((2_000, 2_000, 1_000), (8,))
    got = client.gather(client.compute(results(stored[:, :7], stored[:, 7])))
    assert bits(total(got)) == expected
