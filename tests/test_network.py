"""hwlib.network: activations, log loss, forward pass, loss, gradient and penalty."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from hwlib import network
from hwlib.network import Parameters

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

LARGEST = float(np.finfo(np.float64).max)
SMALLEST = 2.0**-1074

# One sample, x = (1, 2). z_hidden = (0.5 + 0.5 + 0.5, -1 + 2 - 0.5, 0.25 - 1 + 0.25)
# = (1.5, 0.5, -0.5): units 1 and 2 are on, unit 3 is off. z_out = 1.5 - 2 * 0.5 + 0.5 = 1.
X_BOOK = np.array([[1.0, 2.0]])
PARAMS_BOOK = Parameters(
    np.array([[0.5, -1.0, 0.25], [0.25, 1.0, -0.5]]),
    np.array([0.5, -0.5, 0.25]),
    np.array([1.0, -2.0, 0.5]),
    0.5,
)


def random_params(rng, d, m):
    """Parameters, the biases random too, so that nothing in them is special."""
    return Parameters(
        rng.normal(size=(d, m)), rng.normal(size=m), rng.normal(size=m), float(rng.normal())
    )


def random_problem(rng):
    d, m, n = (int(size) for size in rng.integers(1, 6, size=3))
    X, y = rng.normal(size=(n, d)), rng.integers(0, 2, size=n).astype(float)
    return random_params(rng, d, m), X, y


def assert_same(got, expected):
    """Two Parameters are equal to the last bit."""
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=isinstance(one, np.ndarray))


# Activations and the log loss


@pytest.mark.parametrize(
    ("z", "value", "slope"),
    [
        (2.0, 2.0, 1.0), (-2.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-0.0, 0.0, 0.0),
        (SMALLEST, SMALLEST, 1.0), (-SMALLEST, 0.0, 0.0), (LARGEST, LARGEST, 1.0),
        (-LARGEST, 0.0, 0.0),
    ],
)  # fmt: skip
def test_relu_and_its_derivative_by_hand(z, value, slope):
    assert network.relu(z) == value
    assert network.relu_grad(z) == slope


@pytest.mark.parametrize(
    ("z", "value"),
    [(0.0, 0.5), (math.log(3), 0.75), (-math.log(3), 0.25), (math.log(4), 0.8)],
)
def test_sigmoid_by_hand(z, value):
    # sigmoid(log(k)) = 1 / (1 + 1 / k) = k / (k + 1)
    assert network.sigmoid(z) == pytest.approx(value, rel=4e-16)
    assert network.sigmoid_grad(z) == pytest.approx(value * (1 - value), rel=8e-16)


@pytest.mark.parametrize(
    ("z", "y", "loss", "slope"),
    [
        (0.0, 0, math.log(2), 0.5),
        (0.0, 1, math.log(2), -0.5),
        (math.log(3), 1, math.log(4 / 3), -0.25),  # y_hat = 3/4: -log(3/4), 3/4 - 1
        (math.log(3), 0, math.log(4), 0.75),
        (-math.log(3), 1, math.log(4), -0.75),
        (-math.log(3), 0, math.log(4 / 3), 0.25),
    ],
)
def test_log_loss_by_hand(z, y, loss, slope):
    assert network.log_loss(z, y) == pytest.approx(loss, rel=1e-15)
    assert network.log_loss_grad(z, y) == pytest.approx(slope, rel=1e-15)


@pytest.mark.parametrize(
    ("z", "y_hat", "loss_0", "loss_1"),
    [
        (800.0, 1.0, 800.0, 0.0), (-800.0, 0.0, 0.0, 800.0), (1e308, 1.0, 1e308, 0.0),
        (-1e308, 0.0, 0.0, 1e308), (LARGEST, 1.0, LARGEST, 0.0), (-LARGEST, 0.0, 0.0, LARGEST),
    ],
)  # fmt: skip
def test_extreme_outputs(z, y_hat, loss_0, loss_1):
    assert network.sigmoid(z) == y_hat
    assert network.sigmoid_grad(z) == 0.0
    assert network.log_loss(z, 0) == loss_0
    assert network.log_loss(z, 1) == loss_1
    assert network.log_loss_grad(z, 0) == y_hat
    assert network.log_loss_grad(z, 1) == y_hat - 1.0


def exact(z):
    """sigmoid(z) and its derivative, log_loss(z, 0) and log_loss(z, 1), to 400 digits."""
    e = Decimal(z).exp()
    y_hat = e / (1 + e)
    return {
        "sigmoid": y_hat,
        "sigmoid_grad": y_hat / (1 + e),
        "log_loss 0": (1 + e).ln(),
        "log_loss 1": (1 + 1 / e).ln(),
        "log_loss_grad 0": y_hat,
        "log_loss_grad 1": -1 / (1 + e),
    }


def test_relative_accuracy_from_minus_745_to_800(rng):
    z = np.concatenate([
        np.linspace(-745, 800, 54), [-1e-300, -1e-17, 0.0, 1e-17, 36.7, 37.5, -36.7, -37.5],
        rng.uniform(-5, 5, 20),
    ])  # fmt: skip
    got = {
        "sigmoid": network.sigmoid(z),
        "sigmoid_grad": network.sigmoid_grad(z),
        "log_loss 0": network.log_loss(z, np.zeros_like(z)),
        "log_loss 1": network.log_loss(z, np.ones_like(z)),
        "log_loss_grad 0": network.log_loss_grad(z, np.zeros_like(z)),
        "log_loss_grad 1": network.log_loss_grad(z, np.ones_like(z)),
    }
    with decimal.localcontext(decimal.Context(prec=400)):
        for k, u in enumerate(z.tolist()):
            for name, value in exact(u).items():
                # six roundings at most, and below 2**-1022 the spacing of the floats
                allowed = 6 * Decimal(2.0**-53) * abs(value) + Decimal(SMALLEST)
                assert abs(Decimal(float(got[name][k])) - value) <= allowed, (name, u)


@pytest.mark.parametrize(
    ("f", "grad"),
    [
        (network.relu, network.relu_grad),
        (network.sigmoid, network.sigmoid_grad),
        (lambda z: network.log_loss(z, 0), lambda z: network.log_loss_grad(z, 0)),
        (lambda z: network.log_loss(z, 1), lambda z: network.log_loss_grad(z, 1)),
    ],
    ids=["relu", "sigmoid", "log loss of label 0", "log loss of label 1"],
)
@given(z=st.floats(-30, 30).filter(lambda z: abs(z) > 1e-4))
def test_derivatives_are_those_of_central_differences(f, grad, z):
    step = 2.0**-17
    slope = (f(z + step) - f(z - step)) / (2 * step)
    # third derivatives are below 1/8; f is rounded by 2**-53 of its size
    allowed = step**2 / 6 / 8 + 4 * 2.0**-53 * (1 + abs(z)) / step
    assert abs(grad(z) - slope) <= allowed


@given(st.floats(-700, 700))
def test_symmetries(z):
    assert network.sigmoid(z) + network.sigmoid(-z) == pytest.approx(1.0, rel=3e-16)
    assert network.sigmoid_grad(z) == network.sigmoid_grad(-z)
    assert network.log_loss(z, 1) == network.log_loss(-z, 0)
    assert network.log_loss_grad(z, 1) == -network.log_loss_grad(-z, 0)
    assert network.log_loss(z, 0) - network.log_loss(z, 1) == pytest.approx(z, abs=1e-13)
    assert network.relu(z) - network.relu(-z) == z


ELEMENTWISE = {
    "relu": network.relu,
    "relu_grad": network.relu_grad,
    "sigmoid": network.sigmoid,
    "sigmoid_grad": network.sigmoid_grad,
    "log_loss": lambda z: network.log_loss(z, np.ones(np.shape(z))),
    "log_loss_grad": lambda z: network.log_loss_grad(z, np.ones(np.shape(z))),
}


@pytest.mark.parametrize("f", ELEMENTWISE.values(), ids=ELEMENTWISE.keys())
class TestElementwise:
    def test_shape_is_kept_and_elements_are_independent(self, f, rng):
        z = rng.normal(size=(2, 3, 4))
        got = f(z)
        assert got.shape == z.shape and got.dtype == np.float64
        for index in np.ndindex(z.shape):
            assert f(z[index]) == pytest.approx(got[index], rel=4e-16, abs=0)
        assert f(z[0, 0, :1]).shape == (1,)
        assert np.shape(f(0.5)) == () and isinstance(f(0.5), np.float64)

    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float16, np.float32])
    def test_other_numbers_are_computed_in_float64(self, f, dtype):
        z = np.array([-100, -3, 0, 7, 100], dtype=dtype)
        got = f(z)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, f(z.astype(np.float64)))
        np.testing.assert_array_equal(f(z.tolist()), got)

    def test_arguments_are_neither_changed_nor_reflipped(self, f):
        z = np.array([0.5, 2.0])
        z.flags.writeable = False
        got = f(z)
        assert not np.shares_memory(got, z)
        got[:] = 0.0  # writeable


@pytest.mark.parametrize("f", ELEMENTWISE)
def test_z_is_checked(f):
    labels = ([1, 1],) if f.startswith("log_loss") else ()
    with pytest.raises(ValueError, match=r"^z holds NaN or infinity"):
        getattr(network, f)([0.5, np.inf], *labels)


@pytest.mark.parametrize("f", [network.log_loss, network.log_loss_grad])
class TestLabelsOfTheLogLoss:
    def test_both_arguments_are_checked(self, f):
        with pytest.raises(ValueError, match=r"^y holds booleans"):
            f([0.5, 2.0], [True, False])
        with pytest.raises(ValueError, match=r"^z holds strings"):
            f(["0.5", "2.0"], [1, 0])

    @pytest.mark.parametrize("y", [[1, -1], [0, 2], [0.5, 0.5], [1, 0.9999999]])
    def test_labels_outside_the_set_are_rejected(self, f, y):
        with pytest.raises(ValueError, match=r"^y holds the label .*; expected 0 or 1$"):
            f([0.5, 2.0], y)

    @pytest.mark.parametrize(
        ("z", "y"),
        [(np.zeros(3), 1), (0.0, [1]), (np.zeros(3), [1]), (np.zeros((3, 1)), np.ones(3)),
         (np.zeros((2, 3)), np.ones(3)), (np.zeros(3), np.ones((1, 3)))],
    )  # fmt: skip
    def test_nothing_is_broadcast(self, f, z, y):
        with pytest.raises(ValueError, match=r"^y has shape .*; expected"):
            f(z, y)


# Parameters


def test_init_has_the_shapes_asked_for_and_biases_0(rng):
    params = network.init(rng, 4, 5)
    assert [np.shape(field) for field in params] == [(4, 5), (5,), (5,), ()]
    assert not params.b_hidden.any() and params.b_out == 0.0 and type(params.b_out) is float
    assert [np.shape(field) for field in network.init(rng)] == [(2, 3), (3,), (3,), ()]


def test_init_has_variance_2_over_fan_in(rng):
    params = network.init(rng, n_inputs=50, n_hidden=2000)
    for weights, fan_in in ((params.W_hidden, 50), (params.w_out, 2000)):
        # The standard error of a variance of N normal numbers is sqrt(2 / N) of it.
        assert np.var(weights) == pytest.approx(2 / fan_in, rel=5 * math.sqrt(2 / weights.size))
        assert abs(np.mean(weights)) < 5 * math.sqrt(2 / fan_in / weights.size)


def test_init_draws_from_the_generator_alone():
    once, again = (network.init(np.random.default_rng(1)) for _ in range(2))
    assert_same(once, again)
    assert not np.array_equal(once.W_hidden, network.init(np.random.default_rng(2)).W_hidden)


@pytest.mark.parametrize("rng", [None, 0, np.random, np.random.RandomState(0)])
def test_init_rejects_what_is_no_generator(rng):
    with pytest.raises(ValueError, match=r"^rng is .*; expected a numpy\.random\.Generator"):
        network.init(rng)


@pytest.mark.parametrize("argument", ["n_inputs", "n_hidden"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True, [2]])
def test_init_rejects_a_number_of_units_below_1(rng, argument, value):
    with pytest.raises(ValueError, match=rf"^{argument} is .*; expected a whole number"):
        network.init(rng, **{argument: value})


def test_ravel_goes_field_by_field_and_row_by_row():
    expected = [0.5, -1, 0.25, 0.25, 1, -0.5, 0.5, -0.5, 0.25, 1, -2, 0.5, 0.5]
    vector = network.ravel(PARAMS_BOOK)
    assert vector.dtype == np.float64
    np.testing.assert_array_equal(vector, expected)
    assert_same(network.unravel(expected, PARAMS_BOOK), PARAMS_BOOK)


@given(st.integers(1, 5), st.integers(1, 5))
def test_unravel_reverses_ravel(d, m):
    like = network.init(np.random.default_rng(0), d, m)
    vector = np.arange(d * m + 2 * m + 1) + 0.5
    params = network.unravel(vector, like)
    assert [np.shape(field) for field in params] == [(d, m), (m,), (m,), ()]
    assert type(params) is Parameters and type(params.b_out) is float
    np.testing.assert_array_equal(network.ravel(params), vector)


def test_ravel_and_unravel_copy():
    vector = network.ravel(PARAMS_BOOK)
    params = network.unravel(vector, PARAMS_BOOK)
    vector[:] = 7.0
    assert_same(params, PARAMS_BOOK)
    for one in params[:3]:
        assert not any(np.shares_memory(one, other) for other in (*PARAMS_BOOK[:3], vector))


@pytest.mark.parametrize("length", [0, 1, 12, 14])
def test_unravel_rejects_another_length(length):
    with pytest.raises(ValueError, match=r"^vector has shape .*; expected \(13,\)$"):
        network.unravel(np.ones(length), PARAMS_BOOK)


# The network


def test_forward_by_hand():
    values = network.forward(PARAMS_BOOK, X_BOOK)
    np.testing.assert_array_equal(values.z_hidden, [[1.5, 0.5, -0.5]])
    np.testing.assert_array_equal(values.a_hidden, [[1.5, 0.5, 0.0]])
    np.testing.assert_array_equal(values.z_out, [1.0])
    np.testing.assert_allclose(values.y_hat, [0.7310585786300049], rtol=3e-16)  # e / (1 + e)


DELTA = -1 / (1 + math.e)  # y_hat - 1 = sigmoid(1) - 1, about -0.2689


def test_loss_and_gradient_by_hand():
    # -log(y_hat) = log(1 + 1 / e)
    assert network.loss(PARAMS_BOOK, X_BOOK, [1]) == pytest.approx(0.3132616875182228, rel=1e-15)
    grad = network.loss_grad(PARAMS_BOOK, X_BOOK, [1])
    # delta_a = delta w_out = delta (1, -2, 0.5); unit 3 is off; times x = 1 and 2
    expected = ([[1, -2, 0], [2, -4, 0]], [1, -2, 0], [1.5, 0.5, 0], 1)
    for got, factor in zip(grad, expected, strict=True):
        np.testing.assert_allclose(got, DELTA * np.array(factor), rtol=1e-15)


def test_penalty_by_hand():
    # W_hidden: 1/4 + 1 + 1/16 + 1/16 + 1 + 1/4 = 21/8; w_out: 1 + 4 + 1/4 = 21/4; 63/8 in all
    plain = network.loss(PARAMS_BOOK, X_BOOK, [0])
    penalized = network.loss(PARAMS_BOOK, X_BOOK, [0], l2=0.5)
    assert penalized - plain == pytest.approx(0.5 / 2 * 63 / 8, rel=1e-14)
    plain = network.loss_grad(PARAMS_BOOK, X_BOOK, [0])
    penalized = network.loss_grad(PARAMS_BOOK, X_BOOK, [0], l2=0.5)
    np.testing.assert_allclose(
        penalized.W_hidden - plain.W_hidden, 0.5 * PARAMS_BOOK.W_hidden, rtol=0, atol=1e-15
    )
    np.testing.assert_allclose(
        penalized.w_out - plain.w_out, 0.5 * PARAMS_BOOK.w_out, rtol=0, atol=1e-15
    )
    # Unit 3 is off and still decays; the biases do not.
    np.testing.assert_array_equal(penalized.W_hidden[:, 2], [0.125, -0.25])
    np.testing.assert_array_equal(penalized.b_hidden, plain.b_hidden)
    assert penalized.b_out == plain.b_out


@pytest.mark.parametrize(
    ("b_3", "on"), [(0.75, False), (np.nextafter(0.75, 1), True), (np.nextafter(0.75, 0), False)]
)
def test_a_unit_exactly_at_0_is_off(b_3, on):
    # z_3 = 0.25 - 1 + 0.75 = 0
    params = PARAMS_BOOK._replace(b_hidden=np.array([0.5, -0.5, b_3]))
    assert abs(network.forward(params, X_BOOK).z_hidden[0, 2]) < 1e-15
    grad = network.loss_grad(params, X_BOOK, [1])
    expected = DELTA * 0.5 * on
    assert grad.b_hidden[2] == pytest.approx(expected, rel=1e-12, abs=0)
    np.testing.assert_allclose(grad.W_hidden[:, 2], [expected, 2 * expected], rtol=1e-12)


def test_all_units_on_and_all_off(rng):
    params, X = network.init(rng), rng.normal(size=(5, 2))
    y = np.array([0, 1, 0, 1, 1])
    on = network.loss_grad(params._replace(b_hidden=np.full(3, 100.0)), X, y)
    assert all(np.all(field != 0.0) for field in on)
    off = network.loss_grad(params._replace(b_hidden=np.full(3, -100.0)), X, y)
    assert not off.W_hidden.any() and not off.b_hidden.any() and not off.w_out.any()
    assert off.b_out == pytest.approx(5 * 0.5 - 3)  # y_hat = 1/2 for each


def autograd_loss(vector, like, X, y, l2):
    d, m = like.W_hidden.shape
    W, b, w = vector[: d * m].reshape(d, m), vector[d * m : d * m + m], vector[-m - 1 : -1]
    z = anp.dot(anp.maximum(anp.dot(X, W) + b, 0.0), w) + vector[-1]
    log_losses = y * anp.logaddexp(0.0, -z) + (1.0 - y) * anp.logaddexp(0.0, z)
    return anp.sum(log_losses) + l2 / 2.0 * (anp.sum(W**2) + anp.sum(w**2))


def test_the_gradient_is_that_of_autograd_at_a_thousand_points(rng):
    reference = autograd.grad(autograd_loss)
    for k in range(1000):
        params, X, y = random_problem(rng)
        l2 = rng.uniform(0, 2) if k % 2 else 0.0
        vector = network.ravel(params)
        got = network.ravel(network.loss_grad(params, X, y, l2))
        expected = reference(vector, params, X, y, l2)
        assert np.linalg.norm(got - expected) <= 1e-12 * np.linalg.norm(expected)
        value = autograd_loss(vector, params, X, y, l2)
        assert network.loss(params, X, y, l2) == pytest.approx(value, rel=1e-12)


def test_the_gradient_is_that_of_finite_differences(rng):
    step, checked = 2.0**-24, 0
    for _ in range(40):
        params, X, y = random_problem(rng)
        values = network.forward(params, X)
        if np.min(np.abs(values.z_hidden)) < 1e-5:
            continue  # a step would cross a kink
        checked += 1

        def f(v, params=params, X=X, y=y):
            return network.loss(network.unravel(v, params), X, y, l2=0.3)

        def grad(v, params=params, X=X, y=y):
            return network.ravel(network.loss_grad(network.unravel(v, params), X, y, l2=0.3))

        vector = network.ravel(params)
        # Along one coordinate z_out is linear with slope s, and log_loss bends by s**2 / 4 at most.
        slope = max(
            1.0, np.abs(values.a_hidden).max(), np.abs(params.w_out).max() * np.abs(X).max()
        )
        bend = len(X) * slope**2 / 4 + 0.3
        allowed = step * bend / 2 + 16 * 2.0**-52 * (1.0 + f(vector)) / step
        np.testing.assert_allclose(
            grad(vector), optimize.approx_fprime(vector, f, step), rtol=0, atol=allowed
        )
        error = optimize.check_grad(f, grad, vector, epsilon=step)
        assert error <= allowed * math.sqrt(vector.size)
    assert checked > 30


@given(st.integers(0, 2**32 - 1))
def test_sums_over_samples(seed):
    params, X, y = random_problem(np.random.default_rng(seed))
    losses = [network.loss(params, X[s : s + 1], y[s : s + 1]) for s in range(len(y))]
    assert network.loss(params, X, y) == pytest.approx(sum(losses), rel=1e-13)
    grads = [
        network.ravel(network.loss_grad(params, X[s : s + 1], y[s : s + 1])) for s in range(len(y))
    ]
    size = np.sum(np.abs(grads), axis=0)
    total = network.ravel(network.loss_grad(params, X, y))
    assert np.all(np.abs(total - np.sum(grads, axis=0)) <= 1e-13 * size)


@given(st.integers(0, 2**32 - 1))
def test_hidden_units_may_change_places(seed):
    rng = np.random.default_rng(seed)
    params, X, y = random_problem(rng)
    order = rng.permutation(len(params.w_out))

    def permuted(p):
        return Parameters(p.W_hidden[:, order], p.b_hidden[order], p.w_out[order], p.b_out)

    assert network.loss(permuted(params), X, y, 0.1) == pytest.approx(
        network.loss(params, X, y, 0.1), rel=1e-12
    )
    got = network.ravel(network.loss_grad(permuted(params), X, y, 0.1))
    expected = network.ravel(permuted(network.loss_grad(params, X, y, 0.1)))
    assert np.linalg.norm(got - expected) <= 1e-12 * np.linalg.norm(expected)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 59, 60, 61, 200, 1000])
def test_equal_units_have_equal_gradients(n, rng):
    params = Parameters(np.full((2, 3), 0.7), np.full(3, -0.1), np.full(3, 1.3), 0.2)
    grad = network.loss_grad(params, rng.normal(size=(n, 2)), rng.integers(0, 2, n), 0.1)
    for field in (grad.W_hidden, grad.b_hidden, grad.w_out):
        np.testing.assert_array_equal(np.ptp(field, axis=-1), 0.0)


@given(st.integers(0, 2**32 - 1))
def test_flipping_the_output_flips_the_labels(seed):
    params, X, y = random_problem(np.random.default_rng(seed))
    flipped = params._replace(w_out=-params.w_out, b_out=-params.b_out)
    assert network.loss(flipped, X, 1 - y, 0.1) == network.loss(params, X, y, 0.1)
    grad, other = network.loss_grad(params, X, y), network.loss_grad(flipped, X, 1 - y)
    assert_same(other, grad._replace(w_out=-grad.w_out, b_out=-grad.b_out))


# Numbers at the ends of float64


def one_unit(W=1.0, b=0.0, w=1.0, b_out=0.0):
    return Parameters(np.array([[W]]), np.array([b]), np.array([w]), b_out)


@pytest.mark.parametrize("z", [800.0, -800.0, 1e308, -1e308, -740.0, 740.0])
@pytest.mark.parametrize("y", [0, 1])
def test_loss_and_gradient_at_an_extreme_output(z, y):
    params, X = one_unit(W=0.3, w=0.1, b_out=z), [[0.7]]
    z_out = network.forward(params, X).z_out[0]
    assert network.loss(params, X, [y]) == network.log_loss(z_out, y)
    grad = network.loss_grad(params, X, [y])
    delta = float(network.log_loss_grad(z_out, y))
    assert grad.b_out == delta
    expected = [delta * 0.1 * 0.7, delta * 0.1, delta * 0.3 * 0.7] if abs(delta) > 1e-300 else 0.0
    np.testing.assert_allclose(
        [grad.W_hidden[0, 0], grad.b_hidden[0], grad.w_out[0]], expected, rtol=1e-14, atol=1e-300
    )


@pytest.mark.parametrize(
    ("params", "X"),
    [
        (one_unit(W=0.0, b=1.0, w=1.5e308, b_out=-1.5e308), [[1.0]] * 3),  # W_hidden and b_hidden
        (one_unit(W=0.0, b=1.0, w=1.5e308, b_out=-1.5e308), [[0.0]] * 3),  # b_hidden alone
        (one_unit(W=0.0, b=1.5e308, w=0.0), [[0.0]] * 3),  # w_out
    ],
)
def test_gradients_that_are_no_float_are_rejected(params, X):
    # z_out = 0, so that delta = 1/2 for each of three samples
    for count in (1, 2):
        assert network.loss_grad(params, X[:count], [0] * count).b_out == count / 2
    with pytest.raises(ValueError, match=r"^the gradient is too large for a float64$"):
        network.loss_grad(params, X, [0, 0, 0])


@pytest.mark.parametrize(
    ("l2", "W", "penalty", "decay"),
    [
        (1e-300, 1e200, 1e100, 1e-100),  # W**2 = 1e400 is no float64
        (1e300, 1e-200, 1e-100, 1e100),  # W**2 = 1e-400 is below every float64
        (1e-300, 1e-200, 0.0, 0.0),
        (0.0, 1e308, 0.0, 0.0),
        (1.0, 1.3e154, 1.69e308, 1.3e154),  # half of l2 W**2 fits, and so do both halves
    ],
)
def test_extreme_penalties(l2, W, penalty, decay):
    # Both weights are W, so that the two halves make l2 W**2; z_hidden = -b is off.
    params = one_unit(W=W, b=-1.0, w=W)
    base = math.log(2)
    assert network.loss(params, [[0.0]], [1], l2) == pytest.approx(base + penalty, rel=1e-15)
    grad = network.loss_grad(params, [[0.0]], [1], l2)
    np.testing.assert_allclose([grad.W_hidden[0, 0], grad.w_out[0]], decay, rtol=1e-15, atol=1e-300)
    assert grad.b_hidden[0] == 0.0 and grad.b_out == -0.5


def test_penalties_that_are_no_float_are_rejected():
    with pytest.raises(ValueError, match=r"^the loss is too large for a float64$"):
        network.loss(one_unit(W=1e200, b=-1.0), [[0.0]], [1], l2=1.0)
    for params in (one_unit(W=1e200, b=-1.0), one_unit(w=1e200, b=-1.0)):
        with pytest.raises(ValueError, match=r"^the gradient is too large for a float64$"):
            network.loss_grad(params, [[0.0]], [1], l2=1e200)
    assert network.loss_grad(one_unit(W=1e200, b=-1.0), [[0.0]], [1], l2=1.0).W_hidden == 1e200


@pytest.mark.parametrize(
    ("params", "X", "name"),
    [
        (one_unit(W=1e200), 1e200, "z_hidden"),
        (one_unit(W=-1e200), 1e200, "z_hidden"),
        (one_unit(W=1e200, w=1e200), 1.0, "z_out"),
    ],
)
def test_a_value_beyond_every_float_is_rejected_by_name(params, X, name):
    for f in (network.forward, network.loss, network.loss_grad):
        arguments = () if f is network.forward else ([1],)
        with pytest.raises(ValueError, match=rf"^{name} is too large for a float64$"):
            f(params, [[X]], *arguments)


def test_losses_that_are_no_float_are_rejected():
    X = [[1.0], [1.0]]
    assert network.loss(one_unit(w=-1.5e308), X[:1], [1]) == 1.5e308
    with pytest.raises(ValueError, match=r"^the loss is too large for a float64$"):
        network.loss(one_unit(w=-1.5e308), X, [1, 1])


# What comes in


def test_other_numbers_are_computed_in_float64():
    X, y = np.array([[100, 3], [7, 1]], dtype=np.uint8), np.array([1, 0], dtype=np.int8)
    params = Parameters([[2, 1], [0, 100]], np.array([1, 2], dtype=np.float32), (1, -1), 3)
    as_float64 = Parameters(*(np.asarray(field, dtype=np.float64) for field in params))
    values = network.forward(params, X)
    assert all(field.dtype == np.float64 for field in values)
    np.testing.assert_array_equal(values.z_hidden, [[201, 402], [15, 109]])
    loss = network.loss(params, X, y, l2=np.int64(1))
    assert type(loss) is float and loss == network.loss(as_float64, X.astype(float), y, 1.0)
    grad = network.loss_grad(params, X, y, l2=np.float32(1))
    assert all(np.asarray(field).dtype == np.float64 for field in grad)
    assert type(grad) is Parameters and type(grad.b_out) is float
    assert_same(grad, network.loss_grad(as_float64, X.astype(float), y.astype(float), 1.0))
    assert network.ravel(params).dtype == np.float64


def test_arguments_are_neither_changed_nor_reflipped(rng):
    params, X, y = random_problem(rng)
    inputs = (*params[:3], X, y)
    for array in inputs:
        array.flags.writeable = False
    network.loss(params, X, y, 0.5)
    outputs = (*network.forward(params, X), *network.loss_grad(params, X, y, 0.0)[:3])
    for output in (*outputs, network.ravel(params)):
        assert not any(np.shares_memory(output, array) for array in inputs)
        output[:] = 0.0  # writeable


def test_results_do_not_share_memory_with_each_other(rng):
    params, X, y = random_problem(rng)
    for results in (network.forward(params, X), network.loss_grad(params, X, y)[:3]):
        for k, one in enumerate(results):
            assert not any(np.shares_memory(one, other) for other in results[:k])


CALLS = {
    "forward": lambda params, X, y, l2: network.forward(params, X),
    "loss": network.loss,
    "loss_grad": network.loss_grad,
    "ravel": lambda params, X, y, l2: network.ravel(params),
    "unravel": lambda params, X, y, l2: network.unravel(np.ones(13), like=params),
}
GOOD = {"params": PARAMS_BOOK, "X": np.ones((3, 2)), "y": np.ones(3), "l2": np.array(0.5)}
USES = {"forward": "X", "loss": "X y l2", "loss_grad": "X y l2"}


@pytest.mark.parametrize(
    ("call", "argument"), [(call, name) for call, names in USES.items() for name in names.split()]
)
def test_each_argument_is_checked(call, argument):
    # One bad value an argument: all kinds of them are tried in test_arrays.
    with pytest.raises(ValueError, match=rf"^{argument} holds NaN"):
        CALLS[call](**GOOD | {argument: np.nan * GOOD[argument]})
    with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
        CALLS[call](**GOOD | {argument: GOOD[argument][None]})


@pytest.mark.parametrize("field", Parameters._fields)
@pytest.mark.parametrize("call", CALLS)
def test_each_field_of_the_parameters_is_checked(call, field):
    name, good = "like" if call == "unravel" else "params", np.asarray(getattr(PARAMS_BOOK, field))
    with pytest.raises(ValueError, match=rf"^{name}\.{field} holds NaN"):
        CALLS[call](**GOOD | {"params": PARAMS_BOOK._replace(**{field: np.nan * good})})
    with pytest.raises(ValueError, match=rf"^{name}\.{field} has shape .*; expected "):
        CALLS[call](**GOOD | {"params": PARAMS_BOOK._replace(**{field: good[None]})})


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "params", [tuple(PARAMS_BOOK), list(PARAMS_BOOK), None, np.ones(13), PARAMS_BOOK._asdict()]
)
def test_what_is_no_parameters_is_rejected(call, params):
    with pytest.raises(ValueError, match=r"^(params|like) is a .*; expected network\.Parameters$"):
        CALLS[call](**GOOD | {"params": params})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("X", np.ones((3, 1))), ("X", np.ones((3, 3))), ("X", np.ones((2, 3)).T[:, :1]),
        ("y", np.ones(1)), ("y", np.ones(2)), ("y", np.ones(4)), ("y", 1.0),
        ("params.b_hidden", [1.0]), ("params.b_hidden", np.ones(4)), ("params.b_hidden", 1.0),
        ("params.w_out", [1.0]), ("params.w_out", np.ones(2)), ("params.w_out", 1.0),
        ("params.b_out", [1.0]), ("params.b_out", np.ones(3)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["loss", "loss_grad"])
def test_nothing_is_broadcast(call, argument, value):
    name = argument.removeprefix("params.")
    bad = {"params": PARAMS_BOOK._replace(**{name: value})} if name != argument else {name: value}
    with pytest.raises(ValueError, match=rf"^{argument} has shape .*; expected "):
        CALLS[call](**GOOD | bad)


@pytest.mark.parametrize("labels", [[0, 1, -1], [1, 1, 2], [0.5, 0, 1]])
@pytest.mark.parametrize("call", ["loss", "loss_grad"])
def test_labels_outside_the_set_are_rejected(call, labels):
    with pytest.raises(ValueError, match=r"^y holds the label .*; expected 0 or 1$"):
        CALLS[call](**GOOD | {"y": labels})


@pytest.mark.parametrize("call", ["loss", "loss_grad"])
def test_a_negative_lambda_is_rejected(call):
    with pytest.raises(ValueError, match=r"^l2 is -1e-09; expected at least 0$"):
        CALLS[call](**GOOD | {"l2": -1e-9})
