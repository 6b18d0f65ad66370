"""hwlib.layers: softmax, cross-entropy, and the gradient of any number of layers."""

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

from hwlib import layers, network
from hwlib.gradcheck import check_grad
from hwlib.layers import Layer

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

LARGEST = float(np.finfo(np.float64).max)

# One sample, x = (1, 2). z_1 = (1 + 1, -1 + 2 - 2) = (2, -1): unit 1 is on, unit 2 is off.
# u = (0, log 2, log 5) + 1/2, so that p = (1, 2, 5) / 8; the true class is 1, and the loss log 4.
LOG_2, LOG_5 = math.log(2), math.log(5)
X_BOOK, Y_BOOK = np.array([[1.0, 2.0]]), np.array([1])
PARAMS_BOOK = [
    Layer(np.array([[1.0, -1.0], [0.5, 1.0]]), np.array([0.0, -2.0])),
    Layer(np.array([[0.0, LOG_2 / 2, LOG_5 / 2], [1.0, -1.0, 2.0]]), np.array([0.5, 0.5, 0.5])),
]
DELTA = np.array([1 / 8, -3 / 4, 5 / 8])


def random_problem(rng, hidden=None, classes=None, scale=1.0):
    """Layers of any shapes, the biases random too; `scale` makes the logits wide."""
    hidden = int(rng.integers(0, 6)) if hidden is None else hidden
    classes = int(rng.integers(1, 11)) if classes is None else classes
    sizes = [*rng.integers(1, 6, size=hidden + 1).tolist(), classes]
    params = [Layer(W, rng.normal(size=len(b))) for W, b in layers.init(rng, sizes)]
    params[-1] = Layer(scale * params[-1].W, scale * params[-1].b)
    n = int(rng.integers(1, 7))
    return params, rng.normal(size=(n, sizes[0])), rng.integers(0, classes, size=n)


def flat(params):
    return np.concatenate([np.asarray(part).ravel() for layer in params for part in layer])


def assert_close(got, expected, rtol=1e-12):
    """The error is small in norm, which is all that is said where a sum nearly cancels."""
    assert [np.shape(part) for layer in got for part in layer] == [
        np.shape(part) for layer in expected for part in layer
    ]
    error = np.linalg.norm(flat(got) - flat(expected))
    assert error <= rtol * np.linalg.norm(flat(expected))


# By hand


def test_softmax_by_hand():
    p = layers.softmax([[0.0, LOG_2, LOG_5], [0.0, 0.0, 0.0], [800.0, 800.0, -800.0]])
    np.testing.assert_allclose(
        p, [[1 / 8, 1 / 4, 5 / 8], [1 / 3] * 3, [1 / 2, 1 / 2, 0]], rtol=4e-16
    )
    np.testing.assert_array_equal(layers.softmax([[7.0], [-1e308]]), [[1.0], [1.0]])


@pytest.mark.parametrize(("y", "p"), [(0, 1 / 8), (1, 1 / 4), (2, 5 / 8)])
def test_cross_entropy_by_hand(y, p):
    u = [[0.5, LOG_2 + 0.5, LOG_5 + 0.5]]
    assert layers.cross_entropy(u, [y])[0] == pytest.approx(-math.log(p), rel=4e-16)
    expected = np.array([[1 / 8, 1 / 4, 5 / 8]]) - np.eye(3)[[y]]
    np.testing.assert_allclose(layers.cross_entropy_grad(u, [y]), expected, rtol=1e-15)


def test_forward_by_hand():
    X, a, u = layers.forward(PARAMS_BOOK, X_BOOK)
    np.testing.assert_array_equal(X, X_BOOK)
    np.testing.assert_array_equal(a, [[2.0, 0.0]])
    np.testing.assert_allclose(u, [[0.5, LOG_2 + 0.5, LOG_5 + 0.5]], rtol=1e-15)


def test_loss_and_gradient_by_hand():
    assert layers.loss(PARAMS_BOOK, X_BOOK, Y_BOOK) == pytest.approx(math.log(4), rel=1e-15)
    first, second = layers.loss_grad(PARAMS_BOOK, X_BOOK, Y_BOOK)
    np.testing.assert_allclose(second.b, DELTA, rtol=1e-15)
    np.testing.assert_allclose(second.W, [2 * DELTA, 0 * DELTA], rtol=1e-15)
    back = -3 / 4 * LOG_2 / 2 + 5 / 8 * LOG_5 / 2  # to unit 1; unit 2 is off
    np.testing.assert_allclose(first.b, [back, 0.0], rtol=1e-14)
    np.testing.assert_allclose(first.W, [[back, 0.0], [2 * back, 0.0]], rtol=1e-14)


def test_penalty_by_hand():
    # The squares of the weights of layer 1 add up to 1 + 1 + 1/4 + 1 = 13/4.
    only = [Layer(PARAMS_BOOK[0].W, np.array([3.0, -4.0]))]
    plain, penalized = (layers.loss(only, X_BOOK, Y_BOOK, l2) for l2 in (0.0, 0.5))
    assert penalized - plain == pytest.approx(0.5 / 2 * 13 / 4, rel=1e-14)
    for params in (only, PARAMS_BOOK):
        plain, penalized = (layers.loss_grad(params, X_BOOK, Y_BOOK, l2) for l2 in (0.0, 0.5))
        for layer, one, other in zip(params, plain, penalized, strict=True):
            np.testing.assert_allclose(other.W - one.W, 0.5 * layer.W, rtol=0, atol=1e-15)
            np.testing.assert_array_equal(other.b, one.b)


@pytest.mark.parametrize(
    ("b_2", "on"), [(-1.0, False), (np.nextafter(-1.0, 0), True), (np.nextafter(-1.0, -2), False)]
)
def test_a_unit_exactly_at_0_is_off(b_2, on):
    # z_2 = -1 + 2 - 1 = 0
    params = [Layer(PARAMS_BOOK[0].W, np.array([0.0, b_2])), PARAMS_BOOK[1]]
    back = 1 / 8 + 3 / 4 + 2 * 5 / 8
    grad = layers.loss_grad(params, X_BOOK, Y_BOOK)[0]
    np.testing.assert_allclose(grad.b[1], back * on, rtol=1e-14)
    np.testing.assert_allclose(grad.W[:, 1], [back * on, 2 * back * on], rtol=1e-14)


def test_one_class_has_no_loss(rng):
    params, X, y = random_problem(rng, hidden=2, classes=1)
    assert layers.loss(params, X, y) == 0.0
    assert not flat(layers.loss_grad(params, X, y)).any()
    for layer, grad in zip(params, layers.loss_grad(params, X, y, 0.5), strict=True):
        np.testing.assert_array_equal(grad.W, 0.5 * layer.W)


# Accuracy


def exact(u, y):
    """The loss and its derivatives with respect to the logits, to 400 digits."""
    with decimal.localcontext(decimal.Context(prec=400)):
        beyond = [(Decimal(z) - Decimal(u[y])) for z in u]
        largest = max(beyond)
        e = [(z - largest).exp() for z in beyond]
        others = [p / sum(e) for k, p in enumerate(e) if k != y]
        p = [x / sum(e) for x in e]
        p[y] = -sum(others)
        return largest + sum(e).ln(), p


@pytest.mark.parametrize("scale", [1e-9, 1.0, 20.0, 300.0, 1e3, 1e5])
def test_loss_and_probabilities_are_accurate_for_wide_logits_and_tiny_losses(scale, rng):
    u, y = scale * rng.normal(size=(16, 5)), rng.integers(0, 5, size=16)
    u[:8] -= np.max(u[:8], axis=1, keepdims=True) + 0.1 * scale
    u[np.arange(8), y[:8]] = 0.0  # half of the true classes are far ahead
    losses, delta = layers.cross_entropy(u, y), layers.cross_entropy_grad(u, y)
    for row, label, loss, slopes in zip(u.tolist(), y.tolist(), losses, delta, strict=True):
        true_loss, true_slopes = exact(row, label)
        # A difference of logits is rounded once, and exp makes of that a relative error.
        allowed = Decimal(2.0**-50 * (1.0 + min(np.ptp(row), 745.0)))
        assert abs(Decimal(float(loss)) - true_loss) <= allowed * true_loss + Decimal(2.0**-1060)
        for got, slope in zip(slopes.tolist(), true_slopes, strict=True):
            assert abs(Decimal(got) - slope) <= allowed * abs(slope) + Decimal(2.0**-1060)


def test_the_smallest_losses_are_not_0():
    u = [[0.0, -40.0, -50.0], [0.0, -700.0, -720.0]]
    expected = [math.exp(-40) + math.exp(-50), math.exp(-700) + math.exp(-720)]
    ratios = layers.cross_entropy(u, [0, 0]) / expected
    np.testing.assert_allclose(ratios, 1.0, rtol=1e-13)
    ratios = layers.cross_entropy_grad(u, [0, 0])[:, 0] / expected
    np.testing.assert_allclose(ratios, -1.0, rtol=1e-13)


# Against finite differences, and against other programs


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3, 4), (2, 3, 2, 3)])
def test_the_gradient_is_that_of_finite_differences(sizes, rng):
    params = [Layer(W, rng.normal(size=len(b))) for W, b in layers.init(rng, sizes)]
    X, y = rng.normal(size=(6, sizes[0])), rng.integers(0, sizes[-1], size=6)
    report = check_grad(
        lambda params: layers.loss(params, X, y, 0.3),
        lambda params: layers.loss_grad(params, X, y, 0.3),
        params,
    )
    assert report and report.names("agrees")
    assert report.coordinates[-1].name.startswith("params[")


def reference_loss(params, X, y, l2):
    """The loss of a list of pairs, by logaddexp alone: another way, exact for tiny losses too."""
    a = X
    for k, (W, b) in enumerate(params):
        z = anp.dot(a, W) + b
        a = anp.where(z > 0.0, z, 0.0) if k + 1 < len(params) else z
    total = l2 / 2 * sum((W**2).sum() for W, _ in params)
    for row, label in zip(a, y.tolist(), strict=True):
        loss = 0.0 * row[label]
        for k in range(len(row)):
            loss = loss if k == label else anp.logaddexp(loss, row[k] - row[label])
        total = total + loss
    return total


SCALES = {"ordinary": 1.0, "tiny losses": 30.0, "wide": 1e3, "very wide": 1e5}
every_scale = pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES.keys())


def problems(scale, count=60):
    """As many problems for each number of hidden layers, and every number of classes."""
    rng = np.random.default_rng(17)
    for k in range(count):
        params, X, y = random_problem(rng, hidden=k % 6, classes=1 + k % 10, scale=scale)
        if scale == SCALES["tiny losses"]:
            y = layers.forward(params, X)[-1].argmax(axis=1)
        yield params, X, y, (0.0 if k % 2 else 0.7) * (scale == 1.0)


def relative_error(got, expected):
    return np.linalg.norm(got - expected) / (np.linalg.norm(expected) or 1.0)


@every_scale
def test_loss_and_gradient_are_those_of_autograd(scale):
    reference = autograd.value_and_grad(reference_loss)
    with np.errstate(under="ignore"):
        for params, X, y, l2 in problems(scale):
            value, grad = reference([*map(tuple, params)], X, y, l2)
            assert layers.loss(params, X, y, l2) == pytest.approx(value, rel=1e-12, abs=1e-300)
            assert_close(layers.loss_grad(params, X, y, l2), grad)


def assert_same_as(value_and_grad, scale, count=60):
    """Compare with a program that takes a probability near 1 from 1, and so loses tiny losses."""
    with np.errstate(all="ignore"):
        for params, X, y, l2 in problems(scale, count):
            value, expected = value_and_grad([*map(tuple, params)], X, y, l2)
            size = np.linalg.norm(flat(layers.loss_grad(params, X, (y + 1) % len(params[-1].b))))
            error = np.linalg.norm(flat(layers.loss_grad(params, X, y, l2)) - flat(expected))
            assert error <= 1e-12 * np.linalg.norm(flat(expected)) + 2.0**-50 * size
            assert layers.loss(params, X, y, l2) == pytest.approx(float(value), 1e-12, 1e-13)


@every_scale
def test_loss_and_gradient_are_those_of_pytorch(scale):
    torch = pytest.importorskip(
        "torch", reason="PyTorch is not installed: the layers are not compared with it"
    )

    def value_and_grad(params, X, y, l2):
        params = [[torch.tensor(part, requires_grad=True) for part in layer] for layer in params]
        a = torch.tensor(X)
        for k, (W, b) in enumerate(params):
            a = (torch.relu(a) if k else a) @ W + b
        loss = torch.nn.functional.cross_entropy(a, torch.tensor(y), reduction="sum")
        loss = loss + l2 / 2 * sum((W**2).sum() for W, _ in params)
        loss.backward()
        return loss.item(), [[part.grad.numpy() for part in layer] for layer in params]

    assert_same_as(value_and_grad, scale)


@every_scale
def test_loss_and_gradient_are_those_of_jax(scale):
    jax = pytest.importorskip("jax", reason="JAX is not installed: the layers are not compared")

    def loss(params, X, y, l2):
        a = X
        for k, (W, b) in enumerate(params):
            a = (jax.nn.relu(a) if k else a) @ W + b
        data = jax.nn.log_softmax(a)[np.arange(len(y)), y].sum()
        return l2 / 2 * sum((W**2).sum() for W, _ in params) - data

    with jax.enable_x64(True):
        assert_same_as(jax.value_and_grad(loss), scale, count=20)  # it compiles for each shape


# Properties


@given(st.integers(0, 2**32 - 1))
def test_a_shift_of_the_logits_of_a_sample_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    n, K = rng.integers(1, 6, size=2)
    u, y = rng.integers(-40, 40, size=(n, K)) / 8.0, rng.integers(0, K, size=n)
    moved = u + rng.integers(-1000, 1000, size=(n, 1))  # exact
    for f in (lambda u: layers.softmax(u), lambda u: layers.cross_entropy(u, y),
              lambda u: layers.cross_entropy_grad(u, y)):  # fmt: skip
        np.testing.assert_array_equal(f(moved), f(u))


@given(st.integers(0, 2**32 - 1))
def test_probabilities_add_up_to_1_and_the_errors_of_a_sample_to_0(seed):
    rng = np.random.default_rng(seed)
    u = 10.0 ** rng.uniform(-3, 5) * rng.normal(size=rng.integers(1, 11, size=2))
    y = rng.integers(0, u.shape[1], size=len(u))
    p, delta = layers.softmax(u), layers.cross_entropy_grad(u, y)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15 * u.shape[1])
    is_true = np.eye(u.shape[1], dtype=bool)[y]
    others = np.where(is_true, 0.0, delta)
    np.testing.assert_array_equal(others.sum(axis=1) + delta[is_true], 0.0)  # to the last bit
    np.testing.assert_array_equal(others, np.where(is_true, 0.0, p))
    np.testing.assert_allclose(delta, p - is_true, rtol=0, atol=1e-15)


def permuted(params, orders):
    """The same network with its inputs, units and classes in another order."""
    pairs = zip(params, orders, orders[1:], strict=False)
    return [Layer(W[np.ix_(rows, columns)], b[columns]) for (W, b), rows, columns in pairs]


@given(st.integers(0, 2**32 - 1))
def test_inputs_units_and_classes_may_change_places(seed):
    rng = np.random.default_rng(seed)
    params, X, y = random_problem(rng)
    orders = [rng.permutation(k) for k in (X.shape[1], *(len(b) for _, b in params))]
    other, X_other, y_other = permuted(params, orders), X[:, orders[0]], orders[-1].argsort()[y]
    value = layers.loss(params, X, y, 0.1)
    assert layers.loss(other, X_other, y_other, 0.1) == pytest.approx(value, rel=1e-12)
    expected = permuted(layers.loss_grad(params, X, y, 0.1), orders)
    assert_close(layers.loss_grad(other, X_other, y_other, 0.1), expected)


@given(st.integers(0, 2**32 - 1))
def test_sums_over_samples(seed):
    params, X, y = random_problem(np.random.default_rng(seed))
    singles = [(X[s : s + 1], y[s : s + 1]) for s in range(len(y))]
    total = math.fsum(layers.loss(params, *single) for single in singles)
    assert layers.loss(params, X, y) == pytest.approx(total, rel=1e-12)
    grads = [flat(layers.loss_grad(params, *single)) for single in singles]
    error = np.abs(flat(layers.loss_grad(params, X, y)) - np.sum(grads, axis=0))
    assert np.linalg.norm(error) <= 1e-13 * np.linalg.norm(np.sum(np.abs(grads), axis=0))


@pytest.mark.parametrize("z_is_class", [0, 1])
@given(st.integers(0, 2**32 - 1))
def test_the_network_is_the_case_of_two_classes_one_of_which_has_the_logit_0(z_is_class, seed):
    rng = np.random.default_rng(seed)
    d, m, n = (int(size) for size in rng.integers(1, 6, size=3))
    X, y = rng.normal(size=(n, d)), rng.integers(0, 2, size=n)
    W, b, w, b_out = rng.normal(size=(d, m)), *rng.normal(size=(2, m)), float(rng.normal())
    one = network.Parameters(W, b, w, b_out)
    only = np.arange(2) == z_is_class
    two = [Layer(W, b), Layer(np.outer(w, only), b_out * only)]
    labels = y if z_is_class else 1 - y
    value = network.loss(one, X, y, 0.3)
    assert layers.loss(two, X, labels, 0.3) == pytest.approx(value, rel=1e-13)
    expected, got = network.loss_grad(one, X, y, 0.3), layers.loss_grad(two, X, labels, 0.3)
    second = Layer(got[1].W[:, z_is_class], got[1].b[z_is_class])
    assert_close([got[0], second], [expected[:2], expected[2:]])
    # The logit that is 0 is free here, and falls by as much as the other one rises.
    assert got[1].b[0] == pytest.approx(-got[1].b[1], rel=1e-9, abs=1e-15)


def test_only_the_difference_of_two_logits_counts(rng):
    u, y = rng.normal(size=(20, 2)), rng.integers(0, 2, size=20)
    z = u[:, 1] - u[:, 0]
    np.testing.assert_allclose(layers.cross_entropy(u, y), network.log_loss(z, y), rtol=1e-14)
    delta = network.log_loss_grad(z, y)
    np.testing.assert_allclose(
        layers.cross_entropy_grad(u, y), np.column_stack([-delta, delta]), rtol=1e-14
    )


# Numbers at the ends of float64


@pytest.mark.parametrize("size", [800.0, 1e5, 1e308])
def test_extreme_logits(size):
    u = [[size, 0.0, -size]] * 3
    np.testing.assert_array_equal(layers.softmax(u), [[1, 0, 0]] * 3)
    with np.errstate(over="ignore"):
        losses = [0.0, size, 2 * size]
    if size < 1e308:
        np.testing.assert_array_equal(layers.cross_entropy(u, [0, 1, 2]), losses)
    np.testing.assert_array_equal(layers.cross_entropy(u[:2], [0, 1]), losses[:2])
    np.testing.assert_array_equal(
        layers.cross_entropy_grad(u, [0, 1, 2]), [[0, 0, 0], [1, -1, 0], [1, 0, -1]]
    )


def chain(*weights):
    """One unit after the other, and last two classes, of which the first has the logit."""
    *hidden, last = ([[float(w)]] for w in weights)
    return [*(Layer(w, [0.0]) for w in hidden), Layer([[last[0][0], 0.0]], [0.0, 0.0])]


@pytest.mark.parametrize(
    ("params", "layer"),
    [(chain(1e200), 1), (chain(-1e200), 1), (chain(1e200, 1.0), 1), (chain(1.0, -1e200), 2),
     (chain(1.0, 1e100, 1e100), 3)],
)  # fmt: skip
def test_a_sum_beyond_every_float_is_rejected_with_its_layer(params, layer):
    for f in (layers.forward, layers.loss, layers.loss_grad):
        with pytest.raises(ValueError, match=rf"^z of layer {layer} is too large for a float64$"):
            f(params, [[1e200]], *([0],) * (f is not layers.forward))


def test_losses_that_are_no_float_are_rejected():
    match = r"^the loss is too large for a float64$"
    with pytest.raises(ValueError, match=match):
        layers.cross_entropy([[LARGEST, -LARGEST]], [1])
    assert layers.loss(chain(1.0), [[1.5e308]], [1]) == 1.5e308
    with pytest.raises(ValueError, match=match):
        layers.loss(chain(1.0), [[1.5e308]] * 2, [1, 1])
    with pytest.raises(ValueError, match=match):
        layers.loss(chain(1e200), [[0.0]], [1], l2=1.0)
    assert layers.loss(chain(1e200), [[0.0]], [1], l2=1e-300) == pytest.approx(5e99)
    assert layers.loss(chain(1e-200), [[0.0]], [1], l2=1e300) == pytest.approx(LOG_2)


@pytest.mark.parametrize(
    ("params", "X", "l2"),
    [
        (chain(0.0), [[1.5e308]] * 3, 0.0),  # delta = 1/2 each: its weights
        (chain(1.0, 1.5e308), [[1e-300]] * 2, 0.0),  # delta = 1 each: the biases below
        (chain(1e200), [[0.0]], 1e200),  # the penalty
    ],
)
def test_gradients_that_are_no_float_are_rejected(params, X, l2):
    if not l2:
        layers.loss_grad(params, X[:1], [1])
    with pytest.raises(ValueError, match=r"^the gradient is too large for a float64$"):
        layers.loss_grad(params, X, [1] * len(X), l2)


# Where a network starts


def test_init_has_the_shapes_asked_for_and_biases_0(rng):
    params = layers.init(rng, (4, 5, 3))
    assert [np.shape(part) for layer in params for part in layer] == [(4, 5), (5,), (5, 3), (3,)]
    assert all(type(layer) is Layer and not layer.b.any() for layer in params)
    assert [W.shape for W, _ in layers.init(rng, [7, 1])] == [(7, 1)]


@pytest.mark.parametrize("gain", [2.0, 1.0, 0.0])
def test_init_has_variance_gain_over_inputs(rng, gain):
    for W, _ in layers.init(rng, (50, 800, 60), gain=gain):
        # The standard error of a variance of N normal numbers is sqrt(2 / N) of it.
        expected = gain / len(W)
        assert np.var(W) == pytest.approx(expected, rel=5 * math.sqrt(2 / W.size))
        assert abs(np.mean(W)) <= 5 * math.sqrt(expected / W.size)
    once, again, default = (
        layers.init(np.random.default_rng(1), (3, 4), **more)
        for more in ({"gain": gain}, {"gain": gain}, {})
    )
    assert np.array_equal(once[0].W, again[0].W)
    assert np.array_equal(once[0].W, default[0].W) is (gain == 2.0)


@pytest.mark.parametrize("sizes", [(), (3,), [3], 3, None, "34", {3: 4}, np.float64(3)])
def test_init_rejects_what_is_no_list_of_two_sizes(rng, sizes):
    with pytest.raises(ValueError, match=r"^sizes is .*; expected a list"):
        layers.init(rng, sizes)


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None, True, [2], np.nan])
def test_init_rejects_a_size_below_1(rng, size):
    with pytest.raises(ValueError, match=r"^sizes\[1\] is .*; expected a whole number"):
        layers.init(rng, (3, size, 2))


def test_init_rejects_a_bad_generator_and_a_bad_gain(rng):
    with pytest.raises(ValueError, match=r"^rng is .*; expected a numpy\.random\.Generator"):
        layers.init(np.random, (3, 2))
    for gain in (-1.0, np.nan, "2", None):
        with pytest.raises(ValueError, match=r"^gain "):
            layers.init(rng, (3, 2), gain=gain)


# What comes in


def test_other_numbers_are_computed_in_float64():
    X, y = np.array([[100, 3], [7, 1]], dtype=np.uint8), np.array([1, 0], dtype=np.int8)
    params = (
        Layer([[2, 1], [0, 100]], np.array([1, 2], dtype=np.float32)),
        Layer([[1, 0]] * 2, (3, 4)),
    )
    floats = [Layer(*(np.array(part, dtype=float) for part in layer)) for layer in params]
    values = layers.forward(params, X)
    assert all(value.dtype == np.float64 for value in values)
    np.testing.assert_array_equal(values[1], [[201, 402], [15, 109]])
    loss = layers.loss(params, X, y, l2=np.int64(1))
    assert type(loss) is float and loss == layers.loss(floats, X.astype(float), [1.0, 0.0], 1.0)
    grad = layers.loss_grad(params, X.tolist(), y.astype(float), l2=np.float32(1))
    assert type(grad) is list and all(type(layer) is Layer for layer in grad)
    np.testing.assert_array_equal(flat(grad), flat(layers.loss_grad(floats, X, y, 1.0)))
    assert flat(grad).dtype == np.float64


def test_arguments_are_not_changed_and_results_share_no_memory(rng):
    params, X, y = random_problem(rng, hidden=2, classes=3)
    inputs = [X, y, *(part for layer in params for part in layer)]
    for array in inputs:
        array.flags.writeable = False
    layers.loss(params, X, y, 0.5)
    grad = [part for layer in layers.loss_grad(params, X, y) for part in layer]
    _, *values = layers.forward(params, X)  # the first is X
    more = layers.softmax(X), layers.cross_entropy(X, 0 * y), layers.cross_entropy_grad(X, 0 * y)
    outputs = [*grad, *values, *more]
    for k, output in enumerate(outputs):
        assert not any(np.shares_memory(output, other) for other in (*inputs, *outputs[:k]))
        output[:] = 0.0  # writeable


CALLS = {
    "softmax": ("u", lambda **a: layers.softmax(a["u"])),
    "cross_entropy": ("u y", lambda **a: layers.cross_entropy(a["u"], a["y"])),
    "cross_entropy_grad": ("u y", lambda **a: layers.cross_entropy_grad(a["u"], a["y"])),
    "forward": ("X", lambda **a: layers.forward(a["params"], a["X"])),
    "loss": ("X y l2", lambda **a: layers.loss(a["params"], a["X"], a["y"], a["l2"])),
    "loss_grad": ("X y l2", lambda **a: layers.loss_grad(a["params"], a["X"], a["y"], a["l2"])),
}
GOOD = {
    "params": PARAMS_BOOK, "X": np.ones((4, 2)), "u": np.ones((4, 3)),
    "y": np.array([0.0, 2.0, 1.0, 1.0]), "l2": np.array(0.5),
}  # fmt: skip
with_layers = pytest.mark.parametrize("call", ["forward", "loss", "loss_grad"])
with_labels = pytest.mark.parametrize(
    "call", ["cross_entropy", "cross_entropy_grad", "loss", "loss_grad"]
)


def rejected(call, match, **changes):
    with pytest.raises(ValueError, match=match):
        CALLS[call][1](**GOOD | changes)


@pytest.mark.parametrize(
    ("call", "argument"),
    [(call, name) for call, (names, _) in CALLS.items() for name in names.split()],
)
def test_each_argument_is_checked(call, argument):
    good = GOOD[argument]
    CALLS[call][1](**GOOD)
    rejected(call, rf"^{argument} holds NaN", **{argument: np.nan * good})
    rejected(call, rf"^{argument} has shape .*; expected ", **{argument: good[None]})
    rejected(call, rf"^{argument} holds strings", **{argument: good.astype(str)})


@with_layers
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("field", Layer._fields)
def test_each_part_of_each_layer_is_checked(call, k, field):
    good = getattr(PARAMS_BOOK[k], field)
    bad = {"holds NaN": np.nan * good, "has shape": good[None], "holds booleans": good > 0.0}
    for words, value in bad.items():
        params = [*PARAMS_BOOK]
        params[k] = params[k]._replace(**{field: value})
        rejected(call, rf"^params\[{k}\]\.{field} {words}", params=params)


@with_layers
@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            [PARAMS_BOOK[0], tuple(PARAMS_BOOK[1])],
            r"^params\[1\] is a tuple; expected layers\.Layer$",
        ),
        (
            [list(PARAMS_BOOK[0]), PARAMS_BOOK[1]],
            r"^params\[0\] is a list; expected layers\.Layer$",
        ),
        (PARAMS_BOOK[0], r"^params\[0\] is a ndarray; expected layers\.Layer$"),
        ([None], r"^params\[0\] is a NoneType; expected"),
        ([], r"^params is \[\]; expected a list of at least one layers\.Layer$"),
        (None, r"^params is None; expected a list"),
        ({0: PARAMS_BOOK[0]}, r"^params is a dict|^params is \{"),
        (iter(PARAMS_BOOK), r"^params is .*; expected a list"),
    ],
)
def test_what_is_no_list_of_layers_is_rejected(call, params, match):
    rejected(call, match, params=params)


@with_layers
@pytest.mark.parametrize(
    ("k", "field", "value", "expected"),
    [
        (0, "W", np.ones((2, 3)), r"params\[0\]\.b has shape \(2,\); expected \(3,\)"),
        (0, "W", np.ones((3, 2)), r"X has shape \(4, 2\); expected \(n, 3\)"),
        (1, "W", np.ones((3, 3)), r"params\[1\]\.W has shape \(3, 3\); expected \(2, outputs\)"),
        (1, "W", np.ones((3, 2)), r"params\[1\]\.W has shape \(3, 2\); expected \(2, outputs\)"),
        (1, "b", np.ones(1), r"params\[1\]\.b has shape \(1,\); expected \(3,\)"),
        (1, "b", np.ones((3, 1)), r"params\[1\]\.b has shape \(3, 1\); expected \(3,\)"),
        (1, "b", 1.0, r"params\[1\]\.b has shape \(\); expected \(3,\)"),
        (
            0,
            "W",
            np.ones((2, 0)),
            r"params\[0\]\.W has shape \(2, 0\); expected at least one number",
        ),
    ],
)
def test_shapes_that_do_not_chain_are_rejected(call, k, field, value, expected):
    params = [*PARAMS_BOOK]
    params[k] = params[k]._replace(**{field: value})
    rejected(call, f"^{expected}$", params=params)


@with_labels
@pytest.mark.parametrize("label", [-1, 3, 0.5, 1e300, 2.0000001])
def test_a_label_that_is_no_class_is_rejected(call, label):
    words = rf"^y holds the label {float(label)!r}; expected 0, 1 or 2$".replace("+", r"\+")
    rejected(call, words, y=[0, label, 1, 2])


@with_labels
@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([True, False, True, True], "y holds booleans"), ([0, np.nan, 1, 2], "y holds NaN"),
        ([0, None, 1, 2], "y holds object"), (["0", "1", "1", "2"], "y holds strings"),
        ([], r"y has shape \(0,\)"), ([0, 1, 2], r"y has shape \(3,\); expected \(4,\)"),
        (np.zeros((4, 1)), r"y has shape \(4, 1\); expected \(4,\)"), (1, r"y has shape \(\)"),
        (np.eye(4, 3), r"y has shape \(4, 3\); expected \(4,\)"),  # one-hot
    ],
)  # fmt: skip
def test_other_labels_are_rejected(call, y, match):
    rejected(call, f"^{match}", y=y)


def test_the_only_class_is_named_alone():
    with pytest.raises(ValueError, match=r"^y holds the label 1\.0; expected 0$"):
        layers.cross_entropy([[2.0]], [1])


@pytest.mark.parametrize("call", ["loss", "loss_grad"])
def test_a_negative_lambda_is_rejected(call):
    rejected(call, r"^l2 is -1e-09; expected at least 0$", l2=-1e-9)
