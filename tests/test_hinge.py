"""hwlib.hinge: the masked hypothesis, the loss and its subgradient."""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from hwlib import hinge, polynomial

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

# The features of x = 2 and x = -1, and weights that do not use x**6 ... x**3 but for x**6 / 64.
# h(2) = 1 + 4/4 - 1 = 1 and h(-1) = 1/64 + 1/4 - 1 = -47/64; the weight 5 of x**1 never counts.
X_BOOK = np.array([[64.0, 32, 16, 8, 4, 2, 1], [1.0, -1, 1, -1, 1, -1, 1]])
THETA_BOOK = np.array([1 / 64, 0, 0, 0, 1 / 4, 5, -1])


def random_problem(rng, n=None):
    """Weights, features and labels on both sides of the margin, none of them special."""
    n = int(rng.integers(1, 9)) if n is None else n
    X = polynomial.features(rng.uniform(-1.5, 1.5, n), rng.normal(size=7))
    return rng.normal(size=7), X, rng.choice([-1.0, 1.0], n)


def test_hypothesis_by_hand():
    np.testing.assert_array_equal(hinge.hypothesis(THETA_BOOK, X_BOOK), [1.0, -47 / 64])


@pytest.mark.parametrize(
    ("y", "loss", "grad"),
    [
        # margins 1 (the kink: adds nothing) and -47/64: loss 1 + 47/64, gradient -x of x = -1
        ([1, 1], 111 / 64, [-1, 1, -1, 1, -1, 0, -1]),
        # margins 1 and 47/64: loss 1 - 47/64, gradient +x of x = -1
        ([1, -1], 17 / 64, [1, -1, 1, -1, 1, 0, 1]),
        # margins -1 and -47/64: 2 + 111/64, gradient x(2) - x(-1)
        ([-1, 1], 239 / 64, [63, 33, 15, 9, 3, 0, 0]),
        # margins -1 and 47/64: 2 + 17/64, gradient x(2) + x(-1)
        ([-1, -1], 145 / 64, [65, 31, 17, 7, 5, 0, 2]),
    ],
)
def test_loss_and_gradient_by_hand(y, loss, grad):
    assert hinge.loss(THETA_BOOK, X_BOOK, y) == loss
    np.testing.assert_array_equal(hinge.loss_grad(THETA_BOOK, X_BOOK, y), grad)


@pytest.mark.parametrize("y", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("margin", "loss", "active"),
    [
        (np.nextafter(1.0, 0.0), 2.0**-53, True),
        (1.0, 0.0, False),
        (np.nextafter(1.0, 2.0), 0, False),
    ],
)
def test_the_kink_is_at_margin_1_and_has_derivative_0(y, margin, loss, active):
    x = np.array([[2.0, 3, 5, 7, 11, 13, 1]])
    theta = np.array([0, 0, 0, 0, 0, 0, y * margin])  # h = y margin, exactly
    assert hinge.loss(theta, x, [y]) == loss
    expected = -y * x[0] * polynomial.NONLINEAR if active else np.zeros(7)
    np.testing.assert_array_equal(hinge.loss_grad(theta, x, [y]), expected)


def test_all_samples_active_and_none(rng):
    _, X, y = random_problem(rng, 20)
    X[:, 6] = 1.0
    zero = np.zeros(7)  # all margins 0
    assert hinge.loss(zero, X, y) == 20.0
    np.testing.assert_allclose(
        hinge.loss_grad(zero, X, y), -(y @ X) * polynomial.NONLINEAR, rtol=1e-13, atol=1e-13
    )
    theta = np.array([0, 0, 0, 0, 0, 0, 2.0])  # all margins 2 for labels +1
    assert hinge.loss(theta, X, np.ones(20)) == 0.0
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, np.ones(20)), zero)


def test_the_linear_feature_never_counts(rng):
    for _ in range(50):
        theta, X, y = random_problem(rng)
        other_theta, other_X = theta.copy(), X.copy()
        other_theta[polynomial.LINEAR], other_X[:, polynomial.LINEAR] = 1e308, 1e308
        values = hinge.hypothesis(theta, X), hinge.loss(theta, X, y), hinge.loss_grad(theta, X, y)
        for t, Z in ((other_theta, X), (theta, other_X), (other_theta, other_X)):
            np.testing.assert_array_equal(hinge.hypothesis(t, Z), values[0])
            assert hinge.loss(t, Z, y) == values[1]
            np.testing.assert_array_equal(hinge.loss_grad(t, Z, y), values[2])
        assert values[2][polynomial.LINEAR] == 0.0


def autograd_loss(theta, X, y):
    h = anp.dot(X, theta * polynomial.NONLINEAR)
    return anp.sum(anp.maximum(1.0 - y * h, 0.0))


def test_the_gradient_is_that_of_autograd_at_a_thousand_points(rng):
    reference, active = autograd.grad(autograd_loss), 0
    for _ in range(1000):
        theta, X, y = random_problem(rng)
        got, expected = hinge.loss_grad(theta, X, y), reference(theta, X, y)
        assert np.linalg.norm(got - expected) <= 1e-12 * np.linalg.norm(expected)
        assert hinge.loss(theta, X, y) == pytest.approx(autograd_loss(theta, X, y), rel=1e-13)
        active += expected.any()
    assert active > 900  # a gradient of 0 proves little


def test_the_gradient_is_that_of_finite_differences(rng):
    for _ in range(50):
        theta, X, y = random_problem(rng)
        if np.min(np.abs(1.0 - y * hinge.hypothesis(theta, X))) < 1e-5:
            continue  # a step would cross the kink
        # f is linear between kinks: what remains is rounding of f over the step
        step = 2.0**-24
        tolerance = 7 * 8 * 2.0**-52 * (1.0 + hinge.loss(theta, X, y)) / step
        error = optimize.check_grad(hinge.loss, hinge.loss_grad, theta, X, y, epsilon=step)
        assert error <= tolerance
        slopes = optimize.approx_fprime(theta, hinge.loss, step, X, y)
        np.testing.assert_allclose(hinge.loss_grad(theta, X, y), slopes, rtol=0, atol=tolerance)


@given(st.lists(st.integers(-2, 2), min_size=14, max_size=14), st.data())
def test_the_subgradient_inequality_holds_everywhere(numbers, data):
    # Small integers, so that many margins are exactly 1.
    theta, other = np.split(np.array(numbers, dtype=float), 2)
    X = np.array(data.draw(st.lists(st.tuples(*[st.integers(-1, 1)] * 7), min_size=1, max_size=4)))
    y = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(X), max_size=len(X)))
    bound = hinge.loss(theta, X, y) + hinge.loss_grad(theta, X, y) @ (other - theta)
    assert hinge.loss(other, X, y) >= bound


@given(st.integers(0, 2**32 - 1))
def test_sums_over_samples(seed):
    rng = np.random.default_rng(seed)
    theta, X, y = random_problem(rng)
    singles = [(X[i : i + 1], y[i : i + 1]) for i in range(len(y))]
    assert hinge.loss(theta, X, y) == pytest.approx(
        sum(hinge.loss(theta, x, t) for x, t in singles), rel=1e-13
    )
    np.testing.assert_allclose(
        hinge.loss_grad(theta, X, y),
        sum(hinge.loss_grad(theta, x, t) for x, t in singles),
        rtol=1e-13,
        atol=1e-13 * np.abs(X).sum(),
    )


@given(st.integers(0, 2**32 - 1))
def test_flipping_labels_and_weights_flips_the_gradient(seed):
    theta, X, y = random_problem(np.random.default_rng(seed))
    assert hinge.loss(-theta, X, -y) == hinge.loss(theta, X, y)
    np.testing.assert_array_equal(hinge.loss_grad(-theta, X, -y), -hinge.loss_grad(theta, X, y))


def one_sample(theta0, x0):
    """Weights and a sample with one product, theta0 * x0, in its hypothesis."""
    theta, X = np.zeros(7), np.zeros((1, 7))
    theta[0], X[0, 0] = theta0, x0
    return theta, X


@pytest.mark.parametrize("y", [-1, 1])
def test_a_margin_beyond_every_float_is_rejected(y):
    theta, X = one_sample(y * 1e200, 1e200)  # margin 1e400
    for call in (hinge.hypothesis, hinge.loss, hinge.loss_grad):
        arguments = () if call is hinge.hypothesis else ([y],)
        with pytest.raises(ValueError, match=r"^the hypothesis is too large for a float64$"):
            call(theta, X, *arguments)


def test_partial_sums_that_overflow_both_ways_are_rejected():
    theta = np.array([1e200, 1e200, 0, 0, 0, 0, 0.5])
    X = np.array([[1e200, -1e200, 0, 0, 0, 1e308, 1.0]])  # 1e400 - 1e400 + 0.5 is NaN in float64
    with pytest.raises(ValueError, match=r"^the hypothesis is too large for a float64$"):
        hinge.loss(theta, X, [1])


def test_results_that_are_no_float_are_rejected():
    theta, X = one_sample(1.0, 1.5e308)
    X = np.vstack([X, X])
    assert hinge.loss(theta, X[:1], [-1]) == 1.5e308
    with pytest.raises(ValueError, match=r"^the hinge loss is too large"):
        hinge.loss(theta, X, [-1, -1])
    with pytest.raises(ValueError, match=r"^the gradient is too large"):
        hinge.loss_grad(theta, X, [-1, -1])


def test_tiny_numbers_do_not_warn():
    theta, X = one_sample(1e-200, 1e-200)
    assert hinge.hypothesis(theta, X)[0] == 0.0
    assert hinge.loss(theta, X, [1]) == 1.0
    assert hinge.loss_grad(theta, X, [1])[0] == -1e-200


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, np.float16])
def test_other_numbers_are_computed_in_float64(dtype):
    theta = np.array([100, 3, 0, 0, 0, 9, 1], dtype=dtype)
    X, y = np.array([[100, 3, 2, 1, 5, 7, 1]], dtype=dtype), np.array([-1], dtype=dtype)
    h = hinge.hypothesis(theta, X)
    assert h.dtype == np.float64 and h[0] == 10010.0
    assert hinge.loss(theta, X, y) == 10011.0
    grad = hinge.loss_grad(theta, X, y)
    assert grad.dtype == np.float64
    np.testing.assert_array_equal(grad, [100, 3, 2, 1, 5, 0, 1])
    assert type(hinge.loss(theta, X, y)) is float
    np.testing.assert_array_equal(hinge.loss_grad(theta.tolist(), X.tolist(), y.tolist()), grad)


def test_arguments_are_neither_changed_nor_returned(rng):
    theta, X, y = random_problem(rng, 4)
    for array in (theta, X, y):
        array.flags.writeable = False
    results = hinge.hypothesis(theta, X), hinge.loss_grad(theta, X, y)
    for result in results:
        assert not any(np.shares_memory(result, array) for array in (theta, X, y))
        result[:] = 0.0  # writeable
    hinge.loss(theta, X, y)


CALLS = {
    "hypothesis": lambda theta, X, y: hinge.hypothesis(theta, X),
    "loss": hinge.loss,
    "loss_grad": hinge.loss_grad,
}
USES = {call: ["theta", "X", "y"] for call in CALLS} | {"hypothesis": ["theta", "X"]}
GOOD = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3)}


@pytest.mark.parametrize(
    ("call", "argument"), [(call, argument) for call, names in USES.items() for argument in names]
)
def test_each_argument_is_checked(call, argument):
    # One bad value an argument: all kinds of them are tried in test_arrays.
    with pytest.raises(ValueError, match=rf"^{argument} holds NaN"):
        CALLS[call](**GOOD | {argument: np.nan * GOOD[argument]})
    with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
        CALLS[call](**GOOD | {argument: GOOD[argument][None]})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("theta", np.ones(6)), ("theta", np.ones(8)), ("theta", [1.0]),
        ("X", np.ones((3, 6))), ("X", np.ones((7, 3))), ("X", np.ones((3, 1))),
        ("y", np.ones(1)), ("y", np.ones(2)), ("y", np.ones(4)),
    ],
)  # fmt: skip
def test_nothing_is_broadcast(argument, value):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3)}
    for call in (hinge.loss, hinge.loss_grad):
        with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
            call(**good | {argument: value})


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], [1, 1, 2], [1, -1, 0.5], [-2, 1, 1], [1, 1, 0.9999999]]
)
@pytest.mark.parametrize("call", ["loss", "loss_grad"])
def test_labels_outside_the_set_are_rejected(call, labels):
    with pytest.raises(ValueError, match=r"^y holds the label .*; expected -1 or 1$"):
        CALLS[call](np.ones(7), np.ones((3, 7)), labels)
