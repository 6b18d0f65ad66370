"""hwlib.hinge: the masked hypothesis, the loss and its subgradient."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tracemalloc

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.linear_model import SGDClassifier

from hwlib import blocks, hinge, optim, polynomial

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
    value, both = hinge.value_and_grad(THETA_BOOK, X_BOOK, y)
    assert value == loss and type(value) is float
    np.testing.assert_array_equal(both, grad)


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
    value, grad = hinge.value_and_grad(theta, x, [y])
    assert value == loss
    np.testing.assert_array_equal(grad, expected)


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


def plain_value_and_grad(*args):
    """hinge.value_and_grad as it runs where Numba is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "compiled", lambda loop: None)
        return hinge.value_and_grad(*args)


TOGETHER = pytest.mark.parametrize(
    "together", [hinge.value_and_grad, plain_value_and_grad], ids=["compiled", "plain"]
)


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
        value, both = hinge.value_and_grad(theta, X, y)
        assert value == pytest.approx(hinge.loss(theta, X, y), rel=1e-13)
        assert np.linalg.norm(both - expected) <= 1e-12 * np.linalg.norm(expected)
        value, both = plain_value_and_grad(theta, X, y)
        assert value == hinge.loss(theta, X, y)
        np.testing.assert_array_equal(both, got)
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
        both = [lambda *args, k=k: hinge.value_and_grad(*args)[k] for k in (0, 1)]
        assert optimize.check_grad(*both, theta, X, y, epsilon=step) <= tolerance
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
def test_turning_labels_and_weights_round_changes_the_sign_of_the_gradient(seed):
    theta, X, y = random_problem(np.random.default_rng(seed))
    assert hinge.loss(-theta, X, -y) == hinge.loss(theta, X, y)
    np.testing.assert_array_equal(hinge.loss_grad(-theta, X, -y), -hinge.loss_grad(theta, X, y))


def one_sample(theta0, x0):
    """Weights and a sample with one product, theta0 * x0, in its hypothesis."""
    theta, X = np.zeros(7), np.zeros((1, 7))
    theta[0], X[0, 0] = theta0, x0
    return theta, X


def test_partial_sums_that_overflow():
    theta = np.array([1e200, 1e200, 0, 0, 0, 0, 0.5])
    X = np.array([[1e200, -1e200, 0, 0, 0, 1e308, 1.0]])  # h = 1e400 - 1e400 + 0.5
    np.testing.assert_array_equal(hinge.hypothesis(theta, X), [0.5])
    assert hinge.loss(theta, X, [1]) == 0.5
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, [-1]), [1e200, -1e200, 0, 0, 0, 0, 1])
    value, grad = hinge.value_and_grad(theta, X, [1])
    assert value == 0.5
    np.testing.assert_array_equal(grad, [-1e200, 1e200, 0, 0, 0, 0, -1])
    # 1.5e308 + 1.5e308 - 1.5e308 in the sum of the gradient
    X = np.zeros((3, 7))
    X[:, 0] = 1.5e308
    grad = hinge.loss_grad(np.zeros(7), X, [-1, -1, 1])
    np.testing.assert_array_equal(grad, [1.5e308, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("y", [-1, 1])
def test_a_margin_beyond_every_float(y):
    theta, X = one_sample(y * 1e200, 1e200)
    with pytest.raises(ValueError, match=r"^the hypothesis is too large for a float64$"):
        hinge.hypothesis(theta, X)
    assert hinge.loss(theta, X, [y]) == 0.0  # margin 1e400
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, [y]), np.zeros(7))
    assert hinge.value_and_grad(theta, X, [y])[0] == 0.0
    for call in (hinge.loss, hinge.value_and_grad):
        with pytest.raises(ValueError, match=r"^the hinge loss is too large for a float64$"):
            call(theta, X, [-y])  # margin -1e400
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, [-y]), y * X[0])


def test_sums_that_are_no_float_are_refused():
    theta, X = one_sample(1.0, 1.5e308)
    X = np.vstack([X, X])
    assert hinge.loss(theta, X[:1], [-1]) == 1.5e308
    with pytest.raises(ValueError, match=r"^the hinge loss is too large"):
        hinge.loss(theta, X, [-1, -1])
    with pytest.raises(ValueError, match=r"^the gradient is too large"):
        hinge.loss_grad(theta, X, [-1, -1])
    with pytest.raises(ValueError, match=r"^the gradient is too large"):
        hinge.value_and_grad(np.zeros(7), X, [-1, -1])


BLOCK = blocks.BLOCK


def large_problem(rng, n=3 * BLOCK + 5):
    return rng.normal(size=7), rng.normal(size=(n, 7)), rng.choice([-1.0, 1.0], n)


@TOGETHER
def test_many_samples_are_the_sum_of_their_blocks(rng, together):
    theta, X, y = large_problem(rng)
    h = X @ (theta * polynomial.NONLINEAR)
    active = y * h < 1.0
    value, grad = together(theta, X, y)
    assert value == pytest.approx(np.sum((1.0 - y * h)[active]), rel=1e-13)
    expected = -(y[active] @ X[active]) * polynomial.NONLINEAR
    np.testing.assert_allclose(grad, expected, rtol=1e-12, atol=1e-10)
    value, grad = plain_value_and_grad(theta, X, y)
    assert hinge.loss(theta, X, y) == value
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, y), grad)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", range(7))
def test_a_number_that_is_not_finite_is_seen_in_every_column(rng, column, bad, order):
    # Even where each weight is 0, or the one of its column: 0 times NaN must not be left out.
    theta, X, y = large_problem(rng)
    X[BLOCK + 3, column] = bad
    one_less = theta * (np.arange(7) != column)
    for weights in (theta, one_less, np.zeros(7), np.full(7, -0.0)):
        for call in (hinge.loss, hinge.loss_grad, hinge.value_and_grad):
            with pytest.raises(ValueError, match=r"^X holds NaN or infinity"):
                call(weights, np.asarray(X, order=order), y)


@TOGETHER
@pytest.mark.parametrize(
    "bad", [0.0, 2.0, -0.5, np.nextafter(1, 2), np.nextafter(-1, 0), 1e300, 2**63 - 1]
)
def test_a_bad_label_is_seen_in_every_block(rng, together, bad):
    theta, X, y = large_problem(rng)
    for at in (0, BLOCK - 1, BLOCK, len(y) - 1):
        with pytest.raises(ValueError, match=rf"^y holds the label {re.escape(str(float(bad)))}"):
            together(theta, X, np.where(np.arange(len(y)) == at, bad, y.astype(type(bad))))


def test_a_sum_that_overflows_between_blocks():
    # 1.5e308 from the first block, 1.5e308 from the second and -1.5e308 from the third
    X, y = np.zeros((2 * BLOCK + 2, 7)), -np.ones(2 * BLOCK + 2)
    X[[0, BLOCK, -1], 0] = 1.5e308
    y[-1] = 1.0
    np.testing.assert_array_equal(hinge.loss_grad(np.zeros(7), X, y), [1.5e308, 0, 0, 0, 0, 0, 0])
    y[-1] = -1.0
    assert hinge.loss(np.zeros(7), X, y) == len(y)
    with pytest.raises(ValueError, match=r"^the gradient is too large for a float64$"):
        hinge.loss_grad(np.zeros(7), X, y)


@TOGETHER
def test_the_memory_does_not_grow_with_the_number_of_samples(rng, together):
    peaks = []
    for n in (16 * BLOCK, 16 * BLOCK, 64 * BLOCK):  # the first call may compile
        theta, X, y = large_problem(rng, n)
        tracemalloc.start()
        together(theta, X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < max(1.02 * peaks[1], 4 * BLOCK) < 10 * 8 * BLOCK


def test_the_compiled_loop_gives_the_bits_of_the_plain_one(rng):
    for n in (1, 2, 300):
        theta, X, y = large_problem(rng, n)
        weights = theta * polynomial.NONLINEAR
        value, grad = hinge._loop(weights, X, y)
        got = blocks.compiled_sums(hinge._loop, (weights,), X, y)
        assert got[0] == value
        np.testing.assert_array_equal(got[1], grad)


def test_the_bits_do_not_depend_on_how_samples_lie_in_memory(rng):
    theta, X, y = large_problem(rng, 50)
    value, grad = hinge.value_and_grad(theta, X, y)
    wide = np.column_stack((X, y))
    skewed = np.frombuffer(bytearray(X.nbytes + 1), dtype=np.uint8)[1:].view(float)
    skewed = skewed.reshape(X.shape)
    skewed[:] = X
    assert not skewed.flags.aligned
    for other, labels in (
        (np.asfortranarray(X), y), (np.repeat(X, 2, axis=0)[::2], np.repeat(y, 2)[::2]),
        (skewed, y), (X, y.astype(np.int64)),
        (wide[:, :7], wide[:, 7]), (X.tolist(), y.tolist()),
    ):  # fmt: skip
        got = hinge.value_and_grad(theta, other, labels)
        assert got[0] == value
        np.testing.assert_array_equal(got[1], grad)


def test_what_is_not_compiled_is_left_to_numpy(rng):
    theta, X, y = large_problem(rng, 50)
    for other, labels in ((X.astype(np.float32), y), (X, y.astype(np.int8)), (X.astype(">f8"), y)):
        value, grad = hinge.value_and_grad(theta, other, labels)
        assert value == hinge.loss(theta, other, labels)
        np.testing.assert_array_equal(grad, hinge.loss_grad(theta, other, labels))


# Algorithm 1


def plain_sgd(*args, **kwargs):
    """hinge.sgd as it runs where Numba is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hinge, "compiled", lambda loop: None)
        generator = hinge.sgd(*args, **kwargs)
        while True:
            yield next(generator)


def epochs(generator, count):
    return np.array(list(itertools.islice(generator, count)))


BOTH = pytest.mark.parametrize("sgd", [hinge.sgd, plain_sgd], ids=["compiled", "plain"])


def test_numba_is_installed_here_and_compiles_the_loop():
    assert blocks.compiled(hinge._epoch).py_func is hinge._epoch


def test_without_numba_the_plain_loop_runs():
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from hwlib import hinge\n"
        "assert hinge.compiled(hinge._epoch) is None\n"
        "theta = next(hinge.sgd([0] * 7, [[64, 32, 16, 8, 4, 2, 1]], [1], step_size=0.5))\n"
        "assert theta.tolist() == [32, 16, 8, 4, 2, 0, 0.5]\n"
        "value, grad = hinge.value_and_grad(theta, [[64., 32, 16, 8, 4, 2, 1]], [-1.0])\n"
        "assert (value, grad[0]) == (1 + 2728.5, 64)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@BOTH
def test_two_epochs_of_sgd_by_hand(sgd):
    # theta = 0 has margin 0: theta becomes x / 64. Then h(2) = (64**2 + ... + 1) / 64 is far above
    # 1 and nothing moves; for the label -1 it moves back, margin 0 - and not again.
    x = X_BOOK[:1]
    first, second = epochs(sgd(np.zeros(7), x, [1], step_size=1 / 64), 2)
    np.testing.assert_array_equal(first, [1, 0.5, 0.25, 0.125, 0.0625, 0, 1 / 64])
    np.testing.assert_array_equal(second, first)
    back = epochs(sgd(first, x, [-1], step_size=1 / 64), 1)[0]
    np.testing.assert_array_equal(back, np.zeros(7))


@BOTH
def test_sgd_stands_still_at_margin_1(sgd):
    x = np.array([[2.0, 3, 5, 7, 11, 13, 1]])
    theta = np.array([0, 0, 0, 0, 0, 4.0, 1.0])
    np.testing.assert_array_equal(epochs(sgd(theta, x, [1], step_size=0.1), 1)[0], theta)
    theta[6] = np.nextafter(1.0, 0.0)
    assert epochs(sgd(theta, x, [1], step_size=0.1), 1)[0][0] == 0.1 * 2.0


def test_compiled_and_plain_give_the_same_bits(rng):
    for _ in range(20):
        theta, X, y = random_problem(rng, 50)
        for seed in (None, 3):
            orders = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
            compiled = epochs(hinge.sgd(theta, X, y, step_size=0.05, rng=orders[0]), 4)
            plain = epochs(plain_sgd(theta, X, y, step_size=0.05, rng=orders[1]), 4)
            np.testing.assert_array_equal(compiled, plain)
            assert (compiled[:, polynomial.LINEAR] == theta[polynomial.LINEAR]).all()


@BOTH
def test_sgd_is_that_of_optim(sgd, rng):
    for seed in (None, 8):
        theta, X, y = random_problem(rng, 30)
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
        x = rng.uniform(-1.3, 1.3, 60)
        X, y = polynomial.features(x, rng.normal(size=7)), rng.choice([-1.0, 1.0], 60)
        model = SGDClassifier(
            loss="hinge", penalty=None, learning_rate="constant", eta0=0.05,
            shuffle=False, fit_intercept=False,
        )  # fmt: skip
        for theta in epochs(hinge.sgd(np.zeros(7), X, y, step_size=0.05), 5):
            model.partial_fit(X * polynomial.NONLINEAR, y, classes=[-1.0, 1.0])
            np.testing.assert_array_equal(theta, model.coef_[0])


@BOTH
def test_sgd_where_sums_overflow_on_the_way(sgd):
    theta = np.array([1e200, 1e200, 0, 0, 0, 0, 0.5])
    X = np.array([[1e200, -1e200, 0, 0, 0, 1e308, 1.0]])  # h = 1e400 - 1e400 + 0.5
    got = epochs(sgd(theta, X, [1], step_size=0.25), 1)[0]
    np.testing.assert_allclose(got, [1.25e200, 0.75e200, 0, 0, 0, 0, 0.75], rtol=1e-15)
    np.testing.assert_array_equal(epochs(sgd(theta, X, [1], step_size=0.0), 2)[1], theta)


@BOTH
def test_sgd_that_outgrows_float64_is_refused(sgd):
    X = np.array([[1e200, 0, 0, 0, 0, 0, 1.0]])
    with pytest.raises(ValueError, match=r"^theta after sample 0 is too large for a float64$"):
        next(sgd(np.zeros(7), X, [1], step_size=1e200))


@BOTH
def test_sgd_copies_what_it_is_given_and_what_it_gives(sgd):
    start = np.zeros(7)
    generator = sgd(start, X_BOOK, [1, -1], step_size=0.1)
    first = next(generator)
    kept = first.copy()
    first[:] = 1e6
    assert not start.any()
    np.testing.assert_array_equal(
        next(generator), epochs(sgd(kept, X_BOOK, [1, -1], step_size=0.1), 1)[0]
    )


@BOTH
def test_sgd_accepts_what_the_loss_accepts(sgd):
    expected = epochs(sgd(np.zeros(7), X_BOOK, [1, -1], step_size=0.5), 2)
    for X in (X_BOOK.astype(np.int8), X_BOOK.tolist(), np.asfortranarray(X_BOOK)):
        got = epochs(
            sgd([0] * 7, X, np.array([1, -1], dtype=np.int8), step_size=np.float32(0.5)), 2
        )
        np.testing.assert_array_equal(got, expected)


def test_the_memory_of_sgd_does_not_grow_with_the_number_of_samples(rng):
    peaks = []
    for n in (4 * BLOCK, 4 * BLOCK, 16 * BLOCK):  # the first compiles
        theta, X, y = large_problem(rng, n)
        tracemalloc.start()
        next(hinge.sgd(theta, X, y, step_size=0.01))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.02 * peaks[1]


@pytest.mark.parametrize("argument", ["theta", "X", "y", "step_size"])
def test_bad_arguments_of_sgd_are_refused_at_the_call(argument, spoil):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3), "step_size": np.array(0.1)}
    with pytest.raises(ValueError, match=rf"^{argument} "):
        hinge.sgd(**good | {argument: spoil(good[argument])})


@pytest.mark.parametrize(
    ("argument", "value"),
    [("step_size", -1e-9), ("y", [0.0, 1, 1]), ("y", np.ones(4)), ("X", np.ones((3, 6))),
     ("rng", 0), ("rng", np.random), ("rng", np.random.RandomState(0))],
)  # fmt: skip
def test_other_arguments_of_sgd_are_refused_at_the_call(argument, value):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3), "step_size": 0.1}
    with pytest.raises(ValueError, match=rf"^{argument} .*expected"):
        hinge.sgd(**good | {argument: value})


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
    for result in (*results, hinge.value_and_grad(theta, X, y)[1]):
        assert not any(np.shares_memory(result, array) for array in (theta, X, y))
        result[:] = 0.0  # writeable
    hinge.loss(theta, X, y)


CALLS = {
    "hypothesis": lambda theta, X, y: hinge.hypothesis(theta, X),
    "loss": hinge.loss,
    "loss_grad": hinge.loss_grad,
    "value_and_grad": hinge.value_and_grad,
}
USES = {call: ["theta", "X", "y"] for call in CALLS} | {"hypothesis": ["theta", "X"]}
ARGUMENTS = [(call, argument) for call, names in USES.items() for argument in names]


@pytest.mark.parametrize(("call", "argument"), ARGUMENTS)
def test_bad_arguments_are_refused(call, argument, spoil):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3)}
    with pytest.raises(ValueError, match=rf"^{argument} "):
        CALLS[call](**good | {argument: spoil(good[argument])})


@pytest.mark.parametrize(("call", "argument"), ARGUMENTS)
def test_other_shapes_are_refused(call, argument, reshape):
    good = {"theta": np.ones(7), "X": np.ones((3, 7)), "y": np.ones(3)}
    with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
        CALLS[call](**good | {argument: reshape(good[argument])})


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
    for call in (hinge.loss, hinge.loss_grad, hinge.value_and_grad):
        with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
            call(**good | {argument: value})


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], [1, 1, 2], [1, -1, 0.5], [-2, 1, 1], [1, 1, 0.9999999]]
)
@pytest.mark.parametrize("call", ["loss", "loss_grad", "value_and_grad"])
def test_labels_outside_the_set_are_refused(call, labels):
    with pytest.raises(ValueError, match=r"^y holds the label .*; expected -1 or 1$"):
        CALLS[call](np.ones(7), np.ones((3, 7)), labels)
