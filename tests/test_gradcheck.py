"""hwlib.gradcheck: finite differences, and a check that must not pass a wrong gradient."""

from __future__ import annotations

import math
from functools import cache, lru_cache, wraps
from typing import NamedTuple

import numpy as np
import pytest

from hwlib import hinge, network, polynomial
from hwlib.gradcheck import check_grad, numerical_grad, subgradient_violation
from hwlib.gradcheck.report import ROWS
from hwlib.network import Parameters

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

ETA = 2.0**-52
STEPS = {"forward": ETA ** (1 / 2), "central": ETA ** (1 / 3), "complex": ETA**2}
METHODS = list(STEPS)


class Pair(NamedTuple):
    A: np.ndarray
    b: float


# numerical_grad

SMOOTH = {
    # name: f, its derivative, bounds of its second and third derivative on [-2, 2]
    "polynomial": (lambda x: x**3 - 2 * x, lambda x: 3 * x**2 - 2, 12.1, 6.0),
    "exp": (np.exp, np.exp, 7.5, 7.5),
    "sin": (np.sin, np.cos, 1.0, 1.0),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("x", [-1.5, -0.1, 0.0, 0.7, 2.0])
def test_known_derivatives(method, name, x):
    f, derivative, second, third = SMOOTH[name]
    h = STEPS[method] * max(1.0, abs(x))
    rounding = 4 * ETA * max(1.0, abs(f(x)), abs(x) ** 3)
    allowed = {
        "forward": second * h / 2 + 2 * rounding / h,
        "central": third * h**2 / 6 + rounding / h,
        "complex": 4 * ETA * max(1.0, abs(derivative(x))),
    }[method]
    assert abs(numerical_grad(f, x, method=method) - derivative(x)) <= allowed


@pytest.mark.parametrize(("method", "order"), [("forward", 1), ("central", 2)])
def test_the_error_shrinks_with_the_order_of_the_method(method, order):
    errors = [
        abs(numerical_grad(np.exp, 1.0, method=method, step=step) - math.e)
        for step in (2.0**-5, 2.0**-9)
    ]
    assert errors[0] / errors[1] == pytest.approx(16.0**order, rel=0.05)


def test_forward_goes_one_way_and_central_both():
    # abs(x) at 0: (h - 0) / h = 1, and (h - h) / (2 h) = 0
    assert numerical_grad(np.abs, 0.0, method="forward") == 1.0
    assert numerical_grad(np.abs, 0.0, method="central") == 0.0


def test_central_is_the_default():
    assert numerical_grad(np.exp, 1.0) == numerical_grad(np.exp, 1.0, method="central")
    assert numerical_grad(np.exp, 1.0) != numerical_grad(np.exp, 1.0, method="forward")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("x", [0.0, 0.25, -3.0, 1e6, -1e150])
def test_the_step_scales_with_x_and_the_order(method, x):
    seen = []
    numerical_grad(lambda u: (seen.append(complex(u)), u)[1], x, method=method)
    distance = max(abs(u - x) for u in seen)
    assert distance == pytest.approx(STEPS[method] * max(1.0, abs(x)), rel=1e-6)


@pytest.mark.parametrize(
    ("method", "rtol"), [("forward", 1e-7), ("central", 1e-9), ("complex", 1e-15)]
)
@pytest.mark.parametrize("x", [1.0, 1e8, -1e50, 1e-3])
def test_accuracy_holds_at_large_x(method, rtol, x):
    grad = numerical_grad(lambda u: u * u, x, method=method)
    assert grad == pytest.approx(2 * x, rel=rtol * max(1.0, 1.0 / abs(x)))


def test_a_step_of_ones_own_is_taken():
    # x**2 at 1 with step 1/2: (2.25 - 1) / 0.5 forward; (2.25 - 0.25) / 1 central
    assert numerical_grad(lambda u: u * u, 1.0, method="forward", step=0.5) == 2.5
    assert numerical_grad(lambda u: u * u, 1.0, method="central", step=0.5) == 2.0


def test_the_step_that_was_taken_divides_and_not_the_one_asked_for():
    # 1 + 1e-15 is 1 + 5 * 2**-53 or so in float64: a slope of 1 must stay 1.
    assert numerical_grad(lambda u: u, 1.0, method="forward", step=1e-15) == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_every_coordinate_of_an_array_has_its_place(method, rng):
    A, x = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    grad = numerical_grad(lambda u: np.sum(A * u * u), x, method=method)
    assert grad.shape == (2, 3)
    np.testing.assert_allclose(grad, 2 * A * x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_named_tuple_comes_back(method):
    x = Pair(np.array([[1.0, 2.0]]), 3.0)
    grad = numerical_grad(lambda p: p.A[0, 0] * p.A[0, 1] + 5 * p.b, x, method=method)
    assert type(grad) is Pair
    assert grad.A.shape == (1, 2)
    np.testing.assert_allclose(grad.A, [[2.0, 1.0]], rtol=1e-7)
    assert grad.b == pytest.approx(5.0, rel=1e-7)
    assert np.shape(grad.b) == ()


def test_the_point_is_not_changed_even_by_a_careless_f():
    x = np.array([1.0, 2.0])

    def careless(u):
        value = np.sum(u**2)
        u[:] = 0.0
        return value

    np.testing.assert_allclose(numerical_grad(careless, x), [2.0, 4.0], rtol=1e-8)
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_integers_are_a_point_too():
    grad = numerical_grad(lambda u: u[0] ** 2 + u[1], [3, 1])
    np.testing.assert_allclose(grad, [6.0, 1.0], rtol=1e-8)


def hinge_problem(rng, n=5, x=None):
    x = rng.uniform(-1.2, 1.2, n) if x is None else np.asarray(x)
    return rng.normal(size=7), polynomial.features(x), rng.choice([-1.0, 1.0], len(x))


def network_problem(rng, d=2, m=3, n=5):
    params = network.init(rng, d, m)._replace(b_hidden=rng.normal(size=m), b_out=rng.normal())
    return params, rng.normal(size=(n, d)), rng.integers(0, 2, size=n).astype(float)


def test_complex_is_rejected_by_the_losses_of_the_book(rng):
    theta, X, y = hinge_problem(rng)
    with pytest.raises(ValueError, match=r"^theta holds complex numbers"):
        numerical_grad(lambda t: hinge.loss(t, X, y), theta, method="complex")
    params, X, y = network_problem(rng)
    with pytest.raises(ValueError, match=r"^params\.\w+ holds complex numbers"):
        numerical_grad(lambda p: network.loss(p, X, y), params, method="complex")


@pytest.mark.parametrize("f", [np.abs, lambda u: float(np.real(u)), lambda u: 1.0])
def test_complex_is_rejected_where_f_gives_a_real_number(f):
    with pytest.raises(ValueError, match=r"^f\(x\) is not one finite complex number"):
        numerical_grad(f, 1.0, method="complex")


@pytest.mark.parametrize("method", ["backward", "", None, 2, "Central"])
def test_an_unknown_method_is_rejected(method):
    with pytest.raises(ValueError, match=r"^method is .*; expected one of"):
        numerical_grad(np.exp, 1.0, method=method)


@pytest.mark.parametrize("step", [0.0, -1e-6, "0.1", [0.1], np.nan, np.inf, True, 1j])
def test_a_bad_step_is_rejected(step):
    with pytest.raises(ValueError, match=r"^step "):
        numerical_grad(np.exp, 1.0, step=step)


@pytest.mark.parametrize("method", ["forward", "central"])
def test_a_step_too_small_to_move_is_rejected(method):
    with pytest.raises(ValueError, match=r"^step is 1e-17, which is too small"):
        numerical_grad(np.exp, 1.0, method=method, step=1e-17)


BAD_POINT = [1.0, np.nan]


def test_a_bad_point_is_rejected():
    with pytest.raises(ValueError, match=r"^x holds NaN"):
        numerical_grad(lambda x: 0.0, BAD_POINT)
    with pytest.raises(ValueError, match=r"^x holds NaN"):
        check_grad(lambda x: 0.0, lambda x: x, BAD_POINT)
    with pytest.raises(ValueError, match=r"^x\.b holds strings"):
        check_grad(lambda x: 0.0, lambda x: x, Pair(np.ones(2), "1.0"))


def test_a_step_out_of_the_domain_is_explained():
    def f(x):
        assert x == 1.0, "not one"
        return 0.0

    for method in ("forward", "central"):
        with pytest.raises(ValueError, match=r"^f\(x\) fails where x is moved .*not one"):
            numerical_grad(f, 1.0, method=method)


BAD_RESULTS = {
    "NaN": np.nan,
    "infinity": np.inf,
    "an array": np.ones(2),
    "an array of one": np.ones(1),
    "text": "1.0",
    "None": None,
    "a boolean": True,
    "complex": 1j,
}


@pytest.mark.parametrize("method", ["forward", "central"])
@pytest.mark.parametrize("result", BAD_RESULTS.values(), ids=BAD_RESULTS.keys())
def test_a_function_that_returns_no_number_is_rejected(method, result):
    with pytest.raises(ValueError, match=r"^f\(x\) "):
        numerical_grad(lambda u: result, 1.0, method=method)


@pytest.mark.parametrize("f", [None, 1.0, "f", np.ones(2)])
def test_what_cannot_be_called_is_rejected(f):
    with pytest.raises(ValueError, match=r"^f is .*; expected a callable"):
        numerical_grad(f, 1.0)
    with pytest.raises(ValueError, match=r"^f is .*; expected a callable"):
        check_grad(f, lambda u: u, 1.0)
    with pytest.raises(ValueError, match=r"^grad is .*; expected a callable"):
        check_grad(lambda u: u, f, 1.0)


# check_grad: the right gradients pass


def remembering(f):
    """The same f, which computes nothing twice: all checks at a point take the same steps."""
    values = {}

    def of(x):
        return tuple(map(of, x)) if isinstance(x, list | tuple) else np.asarray(x).tobytes()

    @wraps(f)  # the coordinates bear the name of its argument
    def g(x):
        key = of(x)
        if key not in values:
            values[key] = f(x)
        return values[key]

    return g


@cache
def model(name, seed):
    """Loss, gradient, point and expected zeros of one of the two models at random data."""
    rng = np.random.default_rng([20191030, seed])
    if name == "hinge":
        theta, X, y = hinge_problem(rng, n=int(rng.integers(1, 9)))
        return (
            remembering(lambda t: hinge.loss(t, X, y)),
            lambda t: hinge.loss_grad(t, X, y),
            theta,
            (polynomial.LINEAR,),
        )
    sizes = [int(size) for size in rng.integers(1, 4, size=3)]
    params, X, y = network_problem(rng, *sizes)
    return (
        remembering(lambda p: network.loss(p, X, y, l2=0.1)),
        lambda p: network.loss_grad(p, X, y, l2=0.1),
        params,
        (),
    )


@pytest.mark.parametrize(("name", "points"), [("hinge", 40), ("network", 12)])
def test_no_false_alarm_at_random_points(name, points):
    alarms, agreed, compared = 0, 0, 0
    for seed in range(points):
        f, grad, x, zeros = model(name, seed)
        report = check_grad(f, grad, x, expected_zero=zeros)
        alarms += not report.passed
        agreed += len(report.names("agrees"))
        compared += len(report.coordinates) - len(zeros)
    assert alarms == 0
    assert agreed > 0.8 * compared  # the rest: no active sample, units that are off


def test_a_report_of_a_right_gradient():
    x = np.array([1.0, 2.0, 3.0])
    report = check_grad(lambda x: np.sum(x**3), lambda x: 3 * x**2, x)
    assert report
    assert report.passed is True
    assert report.weak is False
    assert report.max_error < 1e-9
    assert {c.name for c in report.coordinates} == {"x[0]", "x[1]", "x[2]"}
    for c in report.coordinates:
        k = int(c.name[2])
        assert c.status == "agrees"
        assert c.given == 3 * x[k] ** 2
        assert c.numeric == pytest.approx(c.given, rel=1e-9)
        assert c.error == pytest.approx(abs(c.given - c.numeric) / c.given, rel=1e-6, abs=1e-16)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e-6, 1.0, 1e6, 1e30, 1e200])
def test_the_scale_of_f_does_not_matter(scale):
    x = np.array([0.5, 2.0])
    f, grad = lambda x: scale * np.sum(x**3), lambda x: scale * 3 * x**2
    assert check_grad(f, grad, x)
    assert not check_grad(f, grad, x).weak
    assert not check_grad(f, lambda x: grad(x) * 1.00001, x)


@pytest.mark.parametrize("size", [1e-8, 1e-3, 1.0, 1e5, 1e12])
def test_the_size_of_the_point_does_not_matter(size):
    x = size * np.array([0.5, -2.0])
    f, grad = lambda x: np.sum((x / size) ** 3), lambda x: 3 * (x / size) ** 2 / size
    assert check_grad(f, grad, x)
    assert not check_grad(f, lambda x: grad(x) * 1.0005, x)


FLOAT32 = {
    "a result": lambda x: float(np.float32(np.sin(x[0]))),
    "an argument": lambda x: float(np.sin(np.float32(x[0]))),
}


@pytest.mark.parametrize("f", FLOAT32.values(), ids=FLOAT32.keys())
def test_the_noise_of_a_function_in_float32_is_seen(f, rng):
    # Over small steps such a function does not change at all.
    errors, noises = [], []
    for x in rng.uniform(-2, 2, 30):
        report = check_grad(f, np.cos, np.array([x]))
        (c,) = report.coordinates
        assert report.passed
        errors.append(abs(c.numeric - math.cos(x)))
        noises.append(c.noise)
        assert not check_grad(f, lambda x: 1.5 * np.cos(x), np.array([x]))
    assert np.all(np.array(errors) <= noises)
    assert np.median(noises) < 100 * np.median(errors)  # and not drowned in caution


# check_grad: wrong gradients are rejected


def with_coordinate(x, k, change):
    """A copy of a point or a gradient with its k-th coordinate, through all fields, changed."""
    if isinstance(x, Parameters):
        vector = network.ravel(x)
        vector[k] = change(vector[k])
        return network.unravel(vector, x)
    x = x.copy()
    x[k] = change(x[k])
    return x


def book_model(name):
    """A fixed point of each model at which every coordinate has a derivative that is not 0."""
    rng = np.random.default_rng(3)
    if name == "hinge":
        theta, X, y = 0.1 * rng.normal(size=7), polynomial.features([0.9, -1.1, 0.4]), [1, -1, -1]
        f = remembering(lambda t: hinge.loss(t, X, y))
        return f, lambda t: hinge.loss_grad(t, X, y), theta
    params, X, y = network_problem(rng, 2, 3, 20)
    f = remembering(lambda p: network.loss(p, X, y, 0.1))
    return f, lambda p: network.loss_grad(p, X, y, 0.1), params


CHANGES = {
    "0.05 percent more": lambda g: 1.0005 * g,
    "0.05 percent less": lambda g: 0.9995 * g,
    "1e-5 more": lambda g: g * (1 + 1e-5),
    "another sign": lambda g: -g,
    "nothing": lambda g: 0.0,
    "twice": lambda g: 2 * g,
    "NaN": lambda g: np.nan,
    "infinity": lambda g: np.inf,
}
BOOK = {name: book_model(name) for name in ("hinge", "network")}


@pytest.mark.parametrize("name", BOOK)
def test_the_right_gradient_passes_plainly_there(name):
    f, grad, x = BOOK[name]
    report = check_grad(f, grad, x, expected_zero=[polynomial.LINEAR] if name == "hinge" else [])
    assert report
    assert not report.weak


COORDINATES = [("hinge", k) for k in range(7) if k != polynomial.LINEAR]
COORDINATES += [("network", k) for k in range(13)]


@pytest.mark.parametrize(("name", "k"), COORDINATES)
def test_one_wrong_coordinate_is_rejected_and_named(name, k):
    f, grad, x = BOOK[name]
    for change in CHANGES.values():

        def wrong(x, change=change):
            g = grad(x)
            if isinstance(g, Parameters):
                fields = [np.array(field) for field in g]
                flat = np.concatenate([field.ravel() for field in fields])
                flat[k] = change(flat[k])
                ends = np.cumsum([field.size for field in fields])[:-1]
                parts = np.split(flat, ends)
                return Parameters(*(p.reshape(q.shape) for p, q in zip(parts, fields, strict=True)))
            return with_coordinate(g, k, change)

        report = check_grad(f, wrong, x)
        assert not report
        (name_of_k,) = report.names("differs")
        assert name_of_k == report.coordinates[0].name
        assert name_of_k == coordinate_names(x)[k]


def coordinate_names(x):
    if not isinstance(x, Parameters):
        return [f"t[{k}]" for k in range(7)]
    d, m = x.W_hidden.shape
    names = [f"W_hidden[{i}, {j}]" for i in range(d) for j in range(m)]
    names += [f"b_hidden[{j}]" for j in range(m)] + [f"w_out[{j}]" for j in range(m)]
    return [*names, "b_out"]


def test_small_errors_are_rejected_at_random_points(rng):
    missed = 0
    for seed in range(20):
        f, grad, x, zeros = model("hinge", seed)
        k = int(rng.choice([k for k in range(7) if k not in zeros]))
        wrong = lambda t, grad=grad, k=k: with_coordinate(grad(t), k, lambda g: 1.0005 * g)  # noqa: E731
        report = check_grad(f, wrong, x, expected_zero=zeros)
        seen = any(c.name == f"t[{k}]" and c.status == "agrees" for c in report.coordinates)
        missed += seen or (report.passed and not report.weak)
    assert missed == 0


@pytest.mark.parametrize(("name", "points"), [("hinge", 20), ("network", 8)])
def test_no_error_in_a_coordinate_that_is_seen_passes(name, points, rng):
    tried, passed = 0, 0
    for seed in range(points):
        f, grad, x, zeros = model(name, seed)
        seen = check_grad(f, grad, x, expected_zero=zeros).names("agrees")
        if not seen:
            continue
        tried += 1
        k = coordinate_names(x).index(str(rng.choice(seen)))
        size = rng.choice([-1, 1]) * 5e-4 * 10 ** rng.uniform(0, 4)
        wrong = with_coordinate(grad(x), k, lambda g, size=size: g * (1 + size))
        passed += check_grad(f, lambda x, wrong=wrong: wrong, x, expected_zero=zeros).passed
    assert tried > points / 2
    assert passed == 0


@pytest.mark.parametrize("name", ["hinge", "network"])
def test_the_right_gradient_at_a_wrong_point_is_rejected(name):
    f, grad, x = book_model(name)
    if name == "hinge":
        # The hinge loss is linear between kinks: the point must lie beyond one.
        assert not check_grad(f, lambda t: grad(t + 5.0), x)
    else:
        nudged = lambda p: grad(with_coordinate(p, 0, lambda w: w + 0.01))  # noqa: E731
        assert not check_grad(f, nudged, x)


@pytest.mark.parametrize("x", [0.1, 0.03, -0.1])
def test_a_gradient_that_forgets_the_sixth_power_at_a_small_x_is_rejected(x):
    X, y, theta = polynomial.features([x]), [1.0], np.full(7, 0.1)

    def forgets(theta):
        return hinge.loss_grad(theta, X, y) * [0, 1, 1, 1, 1, 1, 1]

    def f(theta):
        return hinge.loss(theta, X, y)

    report = check_grad(f, forgets, theta, expected_zero=[polynomial.LINEAR])
    assert not report
    assert report.names("differs") == ("theta[0]",)
    right = check_grad(
        f, lambda theta: hinge.loss_grad(theta, X, y), theta, expected_zero=[polynomial.LINEAR]
    )
    assert right
    assert right.weak == (
        x == 0.03
    )  # 0.03**6 = 7e-10 is all but lost in the rounding of a loss of 1


@pytest.mark.parametrize("value", [1e-300, -0.4, np.nan, np.inf])
@pytest.mark.parametrize("key", [polynomial.LINEAR, np.int64(5), "theta[5]"])
def test_a_wrong_value_at_a_coordinate_expected_to_be_0_is_rejected(value, key):
    _, _, at = book_model("hinge")
    X, y = polynomial.features([0.9, -1.1, 0.4]), [1, -1, -1]
    report = check_grad(
        lambda theta: hinge.loss(theta, X, y),
        lambda theta: with_coordinate(hinge.loss_grad(theta, X, y), 5, lambda g: value),
        at,
        expected_zero=[key],
    )
    assert not report
    assert report.names("differs") == ("theta[5]",)


def test_a_zero_that_f_contradicts_is_rejected():
    report = check_grad(lambda x: x[0] + x[1], lambda x: np.array([1.0, 0.0]), [1.0, 2.0],
                        expected_zero=["x[1]"])  # fmt: skip
    assert report.names("differs") == ("x[1]",)


def test_an_expected_zero_makes_no_check_weak():
    f, grad, x = book_model("hinge")
    with_zero, without = check_grad(f, grad, x, expected_zero=[5]), check_grad(f, grad, x)
    assert with_zero.names("zero") == ("t[5]",)
    assert "6 of 6 coordinates agree" in str(with_zero)
    assert not with_zero.weak
    assert without.names("unseen") == ("t[5]",)
    assert without.passed
    assert without.weak


# What a check cannot see


@pytest.mark.parametrize("given", [0.0, 1e-17, -1e-18])
def test_a_derivative_under_the_noise_is_unseen_and_is_no_agreement(given):
    # The large term's rounding, about 1e6 * 2**-52, hides a slope of 1e-17.
    report = check_grad(
        lambda x: 1e6 + x[0] + 1e-17 * x[1], lambda x: np.array([1.0, given]), [1.0, 1.0]
    )
    assert report.passed
    assert report.weak
    assert report.names("unseen") == ("x[1]",)
    assert report.names("agrees") == ("x[0]",)


def test_a_large_term_hides_a_small_wrong_one_but_not_silently():
    x = np.array([1.0])
    f = lambda x: 1e12 + float(np.sin(x[0]) * 1e-7)  # noqa: E731
    report = check_grad(f, lambda x: np.cos(x) * 2e-7, x)
    assert not report.names("agrees")
    assert report.weak or not report.passed


def test_units_that_are_off_are_unseen():
    params = Parameters(np.ones((2, 3)), np.array([0.1, -9.0, 0.2]), np.ones(3), 0.3)
    X, y = np.array([[0.5, 0.25], [0.3, 0.6]]), [0, 1]
    report = check_grad(
        lambda p: network.loss(p, X, y), lambda p: network.loss_grad(p, X, y), params
    )
    assert report.passed
    assert report.weak
    off = {"W_hidden[0, 1]", "W_hidden[1, 1]", "b_hidden[1]", "w_out[1]"}
    assert set(report.names("unseen")) == off


def test_no_active_sample_shows_nothing():
    X, y = polynomial.features([0.5]), [1]
    theta = np.array([0, 0, 0, 0, 0, 0, 9.0])
    report = check_grad(
        lambda t: hinge.loss(t, X, y), lambda t: hinge.loss_grad(t, X, y), theta, expected_zero=[5]
    )
    assert report.passed
    assert report.weak
    assert not report.names("agrees")


# Kinks

TIE = np.array([0.2, 0.4])  # with x = (1, 2): margin 0.2 + 2 * 0.4 = 1


def tie_loss(t):
    return max(1.0 - (t[0] + 2.0 * t[1]), 0.0)


def tie_grad(t):
    return np.where(t[0] + 2.0 * t[1] < 1.0, [-1.0, -2.0], 0.0)


def test_a_tie_of_the_hinge_makes_the_check_weak_and_names_its_coordinates():
    report = check_grad(tie_loss, tie_grad, TIE)
    assert report.passed
    assert report.weak
    assert set(report.names("kink")) == {"t[0]", "t[1]"}


@pytest.mark.parametrize("given", [(-1.0, 0.0), (0.0, -2.0), (-0.5, -1.0), (0.0, 0.0), (-1, -2)])
def test_no_value_at_a_tie_is_an_agreement(given):
    report = check_grad(
        tie_loss, lambda t: np.array(given) if np.array_equal(t, TIE) else tie_grad(t), TIE
    )
    assert report.weak
    assert not report.names("agrees")


@pytest.mark.parametrize(
    "wrong",
    [lambda t: -tie_grad(t), lambda t: 1.0005 * tie_grad(t), lambda t: tie_grad(t) * [1, 0]],
)
def test_a_wrong_gradient_is_rejected_at_a_tie_too(wrong):
    assert not check_grad(tie_loss, wrong, TIE)


def test_the_hinge_of_the_book_at_a_tie(rng):
    theta, X, _ = hinge_problem(rng, x=[0.5, -0.8])
    y = np.ones(2)
    theta[6] += 1.0 - hinge.hypothesis(theta, X)[0]  # the first sample's margin is 1
    X[1] *= -1.0
    report = check_grad(
        lambda t: hinge.loss(t, X, y), lambda t: hinge.loss_grad(t, X, y), theta, expected_zero=[5]
    )
    assert report.passed
    assert report.weak
    assert set(report.names("kink")) == {f"t[{k}]" for k in (0, 1, 2, 3, 4, 6)}


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-6, -1e-6, -1e-5, -1e-3])
def test_a_kink_beside_the_point_is_stepped_under(distance):
    x = TIE - np.array([distance, 0.0])
    assert check_grad(tie_loss, tie_grad, x)
    other_side = lambda t: np.array([-1.0, -2.0]) - tie_grad(t)  # noqa: E731
    assert not check_grad(tie_loss, other_side, x)


@pytest.mark.parametrize("x", [[1e-10, 1.0], [-1e-10, 1.0], [1e-6, 1e6]])
def test_a_kink_beside_a_tiny_coordinate_is_stepped_under(x):
    def f(x):
        return abs(x[0]) + 1e-10 * x[1]

    right = check_grad(f, lambda x: np.array([np.sign(x[0]), 1e-10]), x)
    assert right
    (slope,) = (c.numeric for c in right.coordinates if c.name == "x[0]")
    assert slope == pytest.approx(np.sign(x[0]), rel=1e-9)
    assert not check_grad(f, lambda x: np.array([-np.sign(x[0]), 1e-10]), x)


def test_a_steep_kink_near_a_flat_point_is_not_taken_for_rounding():
    # f does not change until the kink is crossed: all that is known is float32's rounding.
    report = check_grad(lambda x: 1.0 + 1e6 * max(0.0, x[0] - 1.00003), lambda x: [100.0], [1.0])
    assert not report


def test_a_gradient_that_is_wrong_close_to_a_kink_alone_is_rejected():
    def wrong(t):
        close = 0.0 < np.max(np.abs(t - TIE)) < 0.01
        return -tie_grad(t) if close else tie_grad(t)

    report = check_grad(tie_loss, wrong, TIE)
    assert not report
    assert set(report.beside) == {"t[0]", "t[1]"}
    assert "beside the kink" in str(report)


@pytest.mark.parametrize("exponent", range(-15, -1))
@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_kink_at_any_distance_raises_no_false_alarm(exponent, side, kind):
    # With 1 added, so that the value and its rounding are not 0 beyond the kink.
    def f(t):
        t = t.astype(kind)
        return float(kind(1.0) + max(kind(1.0) - (t[0] + kind(2.0) * t[1]), kind(0.0)))

    x = TIE + np.array([side * 10.0**exponent, 0.0])
    assert check_grad(f, tie_grad, x)
    other_side = lambda t: np.array([-1.0, -2.0]) - tie_grad(t)  # noqa: E731
    wrong = check_grad(f, other_side, x)
    assert wrong.weak or not wrong


def test_two_equal_slopes_may_both_differ_from_the_gradient():
    # W = b = 0, w_out = 1, samples (x, y) = (1, 0) and (-1, 1): L is 2 log 2 + |W| / 2 - ... with
    # slope 1/2 on both sides of W = 0, and the convention ReLU'(0) = 0 gives 0.
    params = Parameters(np.zeros((1, 1)), np.zeros(1), np.ones(1), 0.0)
    X, y = np.array([[1.0], [-1.0]]), np.array([0, 1])

    loss = remembering(lambda p: network.loss(p, X, y))
    for method in ("forward", "central"):
        slopes = numerical_grad(loss, params, method=method)
        assert slopes.W_hidden[0, 0] == pytest.approx(0.5, rel=1e-6)
    assert network.loss_grad(params, X, y).W_hidden[0, 0] == 0.0
    report = check_grad(loss, lambda p: network.loss_grad(p, X, y), params)
    assert report.passed
    assert report.weak
    assert {"W_hidden[0, 0]", "b_hidden[0]"} <= set(report.names("kink"))
    # Away from the kink the same mistakes are rejected as anywhere.
    for wrong in (
        lambda p: network.loss_grad(p, X, 1 - y),
        lambda p: (lambda g: g._replace(b_hidden=-g.b_hidden))(network.loss_grad(p, X, y)),
    ):
        assert not check_grad(loss, wrong, params)


def test_the_subgradient_inequality_decides_at_a_tie(rng):
    for sign in (1.0, -1.0):

        def f(t, sign=sign):
            return tie_loss(sign * t)

        tie = sign * TIE
        for share in (0.0, 0.25, 1.0):  # all between -x and 0 are subgradients
            g = share * sign * np.array([-1.0, -2.0])
            assert subgradient_violation(f, g, tie, rng) == 0.0
        for wrong in ((-1.0, 0.0), (0.0, -2.0), (1.0, 2.0), (-1.01, -2.02), (0.01, 0.02)):
            assert subgradient_violation(f, sign * np.array(wrong), tie, rng) > 1e-3


def test_the_books_subgradient_at_many_ties(rng):
    for _ in range(20):
        theta, X, y = hinge_problem(rng)
        theta[6] += y[0] - hinge.hypothesis(theta, X)[0]
        grad = hinge.loss_grad(theta, X, y)
        f = lambda t, X=X, y=y: hinge.loss(t, X, y)  # noqa: E731
        assert subgradient_violation(f, grad, theta, rng, n_points=200) == 0.0
        assert subgradient_violation(f, grad + 0.1, theta, rng, n_points=200) > 0.01


BAD_ARGUMENTS = {"f": 1.0, "g": np.zeros(3), "x": BAD_POINT, "rng": 0, "n_points": 0}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_subgradient_violation_rejects_bad_arguments(name, rng):
    good = {"f": tie_loss, "g": np.zeros(2), "x": TIE, "rng": rng}
    with pytest.raises(ValueError, match=rf"^{name} "):
        subgradient_violation(**good | {name: BAD_ARGUMENTS[name]})


# The report


def test_coordinates_are_named_as_they_are_indexed():
    f, grad, x = book_model("network")
    names = {c.name for c in check_grad(f, grad, x).coordinates}
    assert names == set(coordinate_names(x))
    report = check_grad(lambda v: np.sum(v**2), lambda v: 2 * v, np.ones((2, 2)))
    assert {c.name for c in report.coordinates} == {"v[0, 0]", "v[0, 1]", "v[1, 0]", "v[1, 1]"}
    report = check_grad(np.exp, np.exp, 1.0)
    assert len(report.coordinates) == 1


def test_the_table_has_the_worst_coordinates_first():
    x = np.arange(1.0, 6.0)
    off = np.array([1.0, 1.1, 1.0, 1.5, 1.0])
    report = check_grad(lambda x: np.sum(x**2), lambda x: 2 * x * off, x)
    assert report.names("differs") == ("x[3]", "x[1]")
    lines = str(report).splitlines()
    assert lines[0].startswith("FAILED")
    rows = [line for line in lines if line.startswith("x[")]
    assert [row.split()[0] for row in rows[:2]] == ["x[3]", "x[1]"]
    assert all("differs" in row for row in rows[:2])
    assert report.max_error == pytest.approx(1 - 1 / 1.5, rel=1e-6)


def test_the_table_of_a_large_point_stops():
    x = np.linspace(1.0, 2.0, ROWS + 5)
    text = str(check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, x))
    assert sum(line.startswith("x[") for line in text.splitlines()) == ROWS
    assert "5 more" in text
    text = str(check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, x[:ROWS]))
    assert sum(line.startswith("x[") for line in text.splitlines()) == ROWS
    assert "more" not in text


def test_the_verdict_is_written_out():
    x = np.array([1.0, 2.0])
    right = check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, x)
    weak = check_grad(lambda x: x[0], lambda x: np.array([1.0, 0.0]), x)
    assert str(right).startswith("passed: 2 of 2 coordinates agree to 1e-06\n")
    assert str(weak).startswith("passed, but weak: 1 of 2 coordinates agree to 1e-06, 1 unseen\n")
    assert "weak" not in str(right)
    assert "weak" in str(weak).splitlines()[0]
    assert str(weak).splitlines()[2].split() == ["x[1]", "0", "0", "-", "unseen"]


def test_the_noise_counts_in_what_is_said_to_agree():
    # The large term's rounding hides errors of more than 1e-6.
    x = np.array([1.0])
    f = lambda x: 1e3 + 1e-4 * float(np.sin(x[0]))  # noqa: E731
    right = check_grad(f, lambda x: 1e-4 * np.cos(x), x)
    (c,) = right.coordinates
    assert c.status == "agrees"
    assert right.tolerance == pytest.approx(right.rtol + c.noise / abs(c.numeric), rel=1e-6)
    assert right.tolerance > 2 * right.rtol
    said = float(str(right).splitlines()[0].split()[-1])
    assert right.tolerance <= 1.05 * said < 2.1 * right.tolerance
    row = str(right).splitlines()[2]
    assert f"< {said:.0e}" in row
    off = 1.0 + 0.5 * right.tolerance
    assert check_grad(f, lambda x: off * 1e-4 * np.cos(x), x)  # it is true that so much may pass


@pytest.mark.parametrize(("rtol", "said"), [(1e-6, "1e-06"), (1.3e-6, "2e-06"), (9.7e-4, "1e-03")])
def test_the_bound_is_rounded_up(rtol, said):
    report = check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.0, 2.0]), rtol=rtol)
    assert str(report).startswith(f"passed: 2 of 2 coordinates agree to {said}\n")


def test_a_report_is_its_table():
    # As the last line of a notebook's cell it is shown by its repr.
    x = np.array([1.0, 2.0])
    report = check_grad(lambda x: np.sum(x**2), lambda x: 2 * x * [1, 1.5], x)
    assert repr(report) == str(report)
    assert str(report).splitlines() == [
        "FAILED: 1 of 2 coordinates agree to 1e-06, 1 wrong",
        "coordinate      gradient     numerical     error  verdict",
        "x[1]                   6             4   3.3e-01  differs",
        "x[0]                   2             2   < 1e-06  agrees",
        "the gradient is wrong in x[1], with relative errors of up to 0.33, in no",
        "  known pattern",
    ]


class Wordy(NamedTuple):
    the_weights_from_the_inputs_to_the_hidden_units: np.ndarray
    the_weights_from_the_inputs_to_the_output: np.ndarray


def test_no_line_is_wider_than_a_page():
    x = Wordy(np.full((3, 3), -1.2345678e-101), np.array([-1e100, 1e-3, 2.0]))
    wrong = lambda p: Wordy(p[0] - 1.2345678e-110, p[1] * 7.0)  # noqa: E731
    with np.errstate(all="ignore"):
        report = check_grad(
            lambda p: sum(np.sum(v * v) for v in p), wrong, x, context=["word " * 40],
            candidates=[("a long name, " * 10, wrong, "a text that is no label, " * 10)],
        )  # fmt: skip
    lines = str(report).splitlines()
    assert not report
    assert max(map(len, lines)) <= 76
    rows = [line.split()[0] for line in lines if line.startswith("the_") or "..." in line]
    assert any(row.endswith("[2]") for row in rows)


def test_what_is_not_seen_is_explained():
    unseen = check_grad(lambda x: x[0], lambda x: np.array([1.0, 0.0]), [1.0, 1.0])
    assert "unseen: 0, or known to fewer than 4 digits" in str(unseen)
    kink = check_grad(tie_loss, tie_grad, TIE)
    assert str(kink).startswith(
        "passed, but weak: 0 of 2 coordinates agree to 1e-06, 2 at a kink\n"
    )
    assert "kink: the derivative jumps here" in str(kink)


def test_candidates_that_equal_the_gradient_are_named():
    x = np.array([1.0, 2.0])
    candidates = [
        ("forgets the factor 2", lambda x: x),
        ("wrong sign", lambda x: -2 * x),
        ("is right", lambda x: 2 * x),
    ]
    f = lambda x: np.sum(x**2)  # noqa: E731
    report = check_grad(f, lambda x: x.copy(), x, candidates=candidates)
    assert not report
    assert report.matches == ("forgets the factor 2",)
    assert "this is the mistake 'forgets the factor 2'" in str(report)
    assert check_grad(f, lambda x: 3 * x, x, candidates=candidates).matches == ()
    equations = [(*pair, f"eq-{k}") for k, pair in enumerate(candidates)]
    assert check_grad(f, lambda x: x.copy(), x, candidates=equations).matches == report.matches
    small = 1e-3 * x  # a difference counts against the size of the gradient
    assert check_grad(f, lambda x: 2.01 * x, small, candidates=candidates).matches == ()


def test_a_gradient_that_passes_and_equals_a_wrong_one_passes_weakly():
    # At x = 1 the mistake x for x**2 cannot be seen.
    def report(x):
        return check_grad(lambda x: np.sum(x**3), lambda x: 3 * x**2, x,
                          candidates=[("x for x**2", lambda x: 3 * x)])  # fmt: skip

    assert report(np.ones(2)).passed
    assert report(np.ones(2)).weak
    assert "the same at this point as the mistake 'x for x**2'" in str(report(np.ones(2)))
    assert not report(np.array([1.0, 2.0])).weak


def test_context_is_told_and_makes_the_check_weak():
    x = np.array([1.0, 2.0])
    report = check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, x, context=["l2 = 0"])
    assert report.passed
    assert report.weak
    assert "l2 = 0" in str(report)


def test_rtol_is_the_allowed_relative_error():
    x = np.array([1.0, 2.0])
    f, off = lambda x: np.sum(x**2), lambda x: 2 * x * 1.001
    assert not check_grad(f, off, x)
    assert check_grad(f, off, x, rtol=2e-3)
    assert not check_grad(f, off, x, rtol=5e-4)


def test_a_report_is_the_same_every_time():
    f, grad, x = book_model("network")
    assert check_grad(f, grad, x) == check_grad(f, grad, x)


# Hostile arguments


@pytest.mark.parametrize("result", BAD_RESULTS.values(), ids=BAD_RESULTS.keys())
def test_check_grad_rejects_an_f_that_returns_no_number(result):
    with pytest.raises(ValueError, match=r"^f\(x\) "):
        check_grad(lambda x: result, lambda x: np.ones(2), np.ones(2))


@pytest.mark.parametrize(
    "result",
    [1.0, np.ones(1), np.ones(3), np.ones((1, 2)), None, "11", [1.0, True], np.ones(2) + 1j,
     np.ones(2, dtype=bool), np.ones(2, dtype=object), [[1.0], [1.0, 2.0]], np.ma.ones(2)],
)  # fmt: skip
def test_a_gradient_laid_out_otherwise_is_rejected(result):
    with pytest.raises(ValueError, match=r"^grad\(x\) "):
        check_grad(lambda x: np.sum(x**2), lambda x: result, np.ones(2))


@pytest.mark.parametrize(
    "result",
    [
        lambda g: g[:3], lambda g: tuple(g)[::-1], lambda g: network.ravel(g), lambda g: g.W_hidden,
        lambda g: g._replace(W_hidden=g.W_hidden.T), lambda g: g._replace(b_out=[g.b_out]),
        lambda g: g._replace(b_hidden=None), lambda g: None,
    ],
)  # fmt: skip
def test_a_gradient_of_a_named_tuple_laid_out_otherwise_is_rejected(result):
    f, grad, x = book_model("network")
    with pytest.raises(ValueError, match=r"^grad\(x\)[ .]"):
        check_grad(f, lambda p: result(grad(p)), x)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rtol", -1e-6), ("rtol", "1e-6"), ("rtol", np.nan), ("rtol", None), ("rtol", True),
        ("expected_zero", [2]), ("expected_zero", [-1]), ("expected_zero", ["x[2]"]),
        ("expected_zero", ["x"]), ("expected_zero", 1), ("expected_zero", [True]),
        ("expected_zero", [None]), ("expected_zero", "x[1]"), ("expected_zero", [0.5]),
        ("candidates", "wrong"), ("candidates", 1), ("candidates", [1]),
        ("candidates", [("no callable", 1)]), ("candidates", [lambda x: x]),
        ("candidates", [("no label", np.exp, 1)]), ("candidates", [(1, np.exp)]),
        ("context", "l2 = 0"), ("context", 1), ("context", [1]),
    ],
)  # fmt: skip
def test_bad_options_are_rejected(option, value):
    with pytest.raises(ValueError, match=rf"^{option}"):
        check_grad(lambda x: np.sum(x**2), lambda x: 2 * x, np.ones(2), **{option: value})


def test_a_function_with_an_edge_beside_the_point_is_still_checked():
    # log(x) at 1e-3: the larger steps leave its domain.
    def f(x):
        if x[0] <= 0.0:
            raise ValueError("outside")
        return math.log(x[0])

    assert check_grad(f, lambda x: 1 / x, np.array([1e-3]))
    assert not check_grad(f, lambda x: 1.0005 / x, np.array([1e-3]))


def beside(x, act):
    """Do something at every point but x."""

    def f(u):
        return float(np.sum(u**2)) if np.array_equal(u, x) else act(u)

    return f


def fails(u):
    assert u is None, "the check has moved"


@pytest.mark.parametrize("act", [fails, lambda u: 1j, lambda u: np.nan, lambda u: u])
def test_an_f_that_is_defined_at_x_alone_is_explained(act):
    x = np.array([1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"^f\(x\) is not finite near x, where the check moved it by"
    ):
        check_grad(beside(x, act), lambda x: 2 * x, x)


def test_the_reason_of_f_is_given():
    with pytest.raises(ValueError, match="the check has moved"):
        check_grad(beside([1.0], fails), lambda x: 2 * x, np.array([1.0]))


@pytest.mark.parametrize("outside", [lambda x: (-1.0) ** 0.5, lambda x: 1 / 0, fails])
def test_a_domain_that_ends_near_x_is_no_error(outside):
    def f(x):
        return x[0] ** 0.5 if x[0] > 0.0 else outside(x)

    x = np.array([1e-3])
    assert check_grad(f, lambda x: 0.5 * x**-0.5, x)
    assert not check_grad(f, lambda x: 0.5001 * x**-0.5, x)


@pytest.mark.parametrize("act", [fails, lambda t: t + 1j, lambda t: t[:1]])
def test_a_grad_that_fails_beside_a_kink_is_explained(act):
    def grad(t):
        return tie_grad(t) if np.array_equal(t, TIE) else act(t)

    with pytest.raises(ValueError, match=r"^grad\(x\) fails where the check moved x by"):
        check_grad(tie_loss, grad, TIE)


# Right gradients over sixteen orders of magnitude


def bisection(x):
    """The square root to a relative tolerance of 1e-3: a function in steps."""
    low, high = 0.0, max(1.0, x)
    while high - low > 1e-3 * max(1.0, x):
        middle = (low + high) / 2
        low, high = (low, middle) if middle * middle > x else (middle, high)
    return (low + high) / 2


def wave(k):
    return (
        lambda x: x**2 + np.sin(k * np.pi * x),
        lambda x: 2 * x + k * np.pi * np.cos(k * np.pi * x),
    )


def sine(k):
    return lambda x: np.sin(k * x), lambda x: k * np.cos(k * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


TINY, HUGE = 1e-8, 1e8
RIGHT = {
    # name: f, its derivative, and the sizes of x
    **{f"x^{p}": (lambda x, p=p: x**p, lambda x, p=p: p * x ** (p - 1)) for p in (2, 3, 4, 7)},
    **{f"sin {k} x": (*sine(k), TINY, 1e5) for k in (1, 10, 100, 1000)},
    **{f"x^2 + sin {k} pi x": (*wave(k), TINY, 1e5) for k in (256, 512, 1024)},
    "1 / x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "1 / x close to 0": (lambda x: 1 / x, lambda x: -1 / x**2, 1e-10, 1e-8),
    "1 / x^2": (lambda x: x**-2.0, lambda x: -2 * x**-3.0),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "x^1.5": (lambda x: x**1.5, lambda x: 1.5 * np.sqrt(x)),
    "cube root": (np.cbrt, lambda x: np.cbrt(x) / x / 3),
    "log": (np.log, lambda x: 1 / x),
    "log(1 + x^2)": (lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    "x log x": (lambda x: x * np.log(x), lambda x: 1 + np.log(x)),
    "exp": (np.exp, np.exp, TINY, 300.0),
    "Gauss": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), TINY, 20.0),
    "softplus": (lambda x: np.logaddexp(0, x), sigmoid, TINY, 300.0),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, TINY, 5.0),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x), TINY, 300.0),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "a slope and a wave": (lambda x: 0.01 * x + np.sin(2 * np.pi * x),
                           lambda x: 0.01 + 2 * np.pi * np.cos(2 * np.pi * x), TINY, 1e6),
    "sin(x^2)": (lambda x: np.sin(x * x), lambda x: 2 * x * np.cos(x * x), TINY, 1e5),
    "sin(x) / x": (lambda x: np.sin(x) / x, lambda x: np.cos(x) / x - np.sin(x) / x**2, 0.1, HUGE),
    "x sin(1 / x)": (lambda x: x * np.sin(1 / x),
                     lambda x: np.sin(1 / x) - np.cos(1 / x) / x, 1e-5, HUGE),
    "1 - cos": (lambda x: 1 - np.cos(x), np.sin, TINY, 1e5),
    "a root less 1": (lambda x: np.sqrt(x * x + 1) - 1, lambda x: x / np.sqrt(x * x + 1)),
    "cancelled 1e8": (lambda x: (1e8 + x) - 1e8 + x * x, lambda x: 1 + 2 * x),
    "cancelled polynomial": (lambda x: x**3 - 3 * x**2 + 3 * x - 1, lambda x: 3 * (x - 1) ** 2),
    "1e6 + x^2": (lambda x: 1e6 + x * x, lambda x: 2 * x),
    "1e10 + sin": (lambda x: 1e10 + np.sin(x), np.cos),
    "float32 result": (lambda x: np.float32(np.sin(x)), np.cos, TINY, 1e5),
    "float32 argument": (lambda x: np.sin(np.float32(x)), np.cos, TINY, 1e3),
    "float32 square": (lambda x: np.float32(x) * np.float32(x), lambda x: 2 * x),
    "float32 part": (lambda x: np.float32(np.sin(x)) + 0.1 * x * x,
                     lambda x: np.cos(x) + 0.2 * x, TINY, 1e5),
    "3 digits": (lambda x: round(np.sin(x), 3), np.cos),
    "3 digits of a square": (lambda x: round(x * x, 3), lambda x: 2 * x),
    "3 significant digits": (lambda x: float(f"{x * x + 1:.3g}"), lambda x: 2 * x),
    "bisection": (bisection, lambda x: 0.5 / np.sqrt(x), 1e-3, 1e4),
}  # fmt: skip


@lru_cache(maxsize=1)
def loss_at(name, x):
    return remembering(lambda x: float(RIGHT[name][0](x[0])))


def check_at(name, x, change=lambda g: g):
    derivative = RIGHT[name][1]

    def as_one(x):
        with np.errstate(all="ignore"):
            return np.array([change(float(derivative(x[0])))])

    return check_grad(loss_at(name, x), as_one, np.array([x]))


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("points", [6, pytest.param(32, marks=pytest.mark.slow)])
def test_right_gradients_of_all_sizes_raise_no_alarm(name, points, rng):
    assert len(RIGHT) == 44
    least, most = (*RIGHT[name][2:], TINY, HUGE)[:2] if RIGHT[name][2:] else (TINY, HUGE)
    for share in (np.arange(points) + rng.random(points)) / points:
        x = least * (most / least) ** share
        right = check_at(name, x)
        assert right, (x, right)
        for change in (lambda g: 1.001 * g, lambda g: -g):
            wrong = check_at(name, x, change)
            assert wrong.weak or not wrong or right.coordinates[0].given == 0.0, (x, wrong)


@pytest.mark.parametrize(
    ("name", "x"),
    [("x^2 + sin 512 pi x", 0.3), ("x^2 + sin 256 pi x", 0.3), ("x^2 + sin 1024 pi x", 0.3),
     ("a slope and a wave", 256.0), ("sin 100 x", -16.0700812), ("1 / x", 1e-9)],
)  # fmt: skip
def test_waves_that_regular_steps_do_not_see(name, x):
    right = check_at(name, x)
    assert right
    assert not right.weak
    forgotten = {"a slope and a wave": 0.01, "sin 100 x": 0.0, "1 / x": 0.0}.get(name, 2 * x)
    assert not check_at(name, x, lambda g: forgotten)


def test_one_ladder_alone_would_be_deceived_here():
    assert check_at("sin 1000 x", 503.5210007557816)


@pytest.mark.parametrize(
    ("name", "x", "said"),
    [("3 digits", 0.7, "too noisy: beside this point f is only known to"),
     ("bisection", 2.0, "too noisy: beside this point f is only known to")],
)  # fmt: skip
def test_a_function_that_is_too_noisy_is_said_to_be_so(name, x, said):
    report = check_at(name, x)
    assert report.weak
    assert said in str(report)
    assert "too noisy" not in str(check_at("sin 1 x", x))


def test_a_function_that_is_too_fast_is_said_to_be_so():
    report = check_grad(lambda x: np.sin(1e15 * x), lambda x: 1e15 * np.cos(1e15 * x), 1.0)
    assert report
    assert report.weak
    assert "f changes faster than the steps along x" in str(report)
    assert "too small" not in str(report)


# What f and grad must not do


def squares(x):
    return float(np.sum(x**2))


def doubled_in_place(x):
    x *= 2
    return x


def zeroed(x):
    g = 2 * x
    x[1] = 0.0
    return g


POINT = np.array([1.0, 3.0])
FAULTY = {
    "a coin flip in grad": (
        lambda rng: (squares, lambda x: 2 * x * rng.integers(0, 2)),
        "not deterministic", "grad is not deterministic: two calls at the same point gave",
    ),
    "a rare flip of one coordinate": (
        lambda rng: (squares, lambda x: 2 * x * [1, 1 + (rng.random() < 0.5)]),
        "not deterministic", "for x[1]",
    ),
    "dropout in f": (
        lambda rng: (lambda x: squares(x * (rng.random(2) < 0.5)), lambda x: 2 * x),
        "not deterministic", "f is not deterministic: two calls at the same point gave",
    ),
    "grad that adds to what it returned": (
        lambda rng: (squares, lambda x, g=0 * POINT: np.add(g, 2 * x, out=g)),
        "not deterministic", "gave 2 and 4 for x[0]",
    ),
    "grad doubles its argument": (
        lambda rng: (squares, doubled_in_place),
        "argument changed", "grad changes its argument in place: x[0] was 1 and is 2 afterwards",
    ),
    "grad sets its argument to 0": (
        lambda rng: (squares, zeroed),
        "argument changed", "grad changes its argument in place: x[1] was 3 and is 0 afterwards",
    ),
    "f doubles its argument": (
        lambda rng: (lambda x: squares(doubled_in_place(x)) / 4, lambda x: 2 * x),
        "argument changed", "f changes its argument in place: x[0] was 1 and is 2 afterwards",
    ),
    "f jumps": (
        lambda rng: (lambda x: squares(x) + float(x[0] >= 1), lambda x: 2 * x),
        "jump", "f jumps at this point, by 1",
    ),
    "f jumps on the other side": (
        lambda rng: (lambda x: squares(x) + float(x[0] > 1), lambda x: 2 * x),
        "jump", "f jumps at this point, by 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_what_no_function_may_do_fails_and_is_said(name, rng):
    make, family, said = FAULTY[name]
    report = check_grad(*make(rng), POINT)
    assert not report
    assert [finding.family for finding in report.diagnosis] == [family]
    assert said in " ".join(str(report).split())
    np.testing.assert_array_equal(POINT, [1.0, 3.0])


def test_memory_that_is_used_again_is_no_fault():
    g, value = np.empty(2), np.empty(())
    report = check_grad(
        lambda x: np.copyto(value, squares(x)) or value,
        lambda x: np.multiply(2, x, out=g),
        [1.0, 3.0],
    )
    assert report
    assert not report.weak


# Conventions at a kink


def relu(x):
    return float(np.sum(np.maximum(x, 0.0)))


def at(x, given, beside):
    """A gradient that is given at one point, and right beside it."""
    return lambda v: np.array(given, dtype=float) if np.array_equal(v, x) else beside(v)


def is_above_0(x):
    return (x > 0) * 1.0


def largest(x):
    return (x == np.max(x)).astype(float)


AT_A_KINK = [
    # f, x, the gradient at x, the one beside it, whether it is a convention
    *[(relu, [0.0], [s], is_above_0, 0 <= s <= 1) for s in (0, 0.5, 1, 2, -7, 1.01)],
    *[(np.max, [1.0, 1.0], g, largest, sum(g) == 1) for g in ([1, 0], [0.5, 0.5], [1, 1], [0, 0])],
    (lambda x: abs(x[0]), [0.0], [100], np.sign, False),
    (lambda x: abs(x[0]), [0.0], [0], np.sign, True),
    *[(tie_loss, TIE, g, tie_grad, True) for g in ([0, 0], [-1, -2], [-0.5, -1])],
    *[(tie_loss, TIE, g, tie_grad, False) for g in ([-1, 0], [0, -2], [1, 2], [-0.5, -1.01])],
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "given", "beside", "is_convention"), AT_A_KINK)
def test_at_a_kink_the_gradient_lies_between_the_two_beside_it(f, x, given, beside, is_convention):
    report = check_grad(f, at(x, given, beside), x)
    assert report.passed == is_convention
    assert report.weak
    assert ("a convention: " in str(report)) == is_convention
    assert [finding.family for finding in report.diagnosis] == ["kink"] * (not is_convention)
    assert max(map(len, str(report).splitlines())) <= 76


def test_a_convention_is_named():
    text = str(check_grad(relu, at([0.0], [0.0], is_above_0), [0.0]))
    assert "a convention: 0 lies between the one-sided derivatives 0 and 1 of x[0]" in text


def test_more_than_two_gradients_beside_a_kink_leave_the_check_weak():
    zero = np.zeros(2)
    report = check_grad(relu, at(zero, zero, is_above_0), zero)
    assert report
    assert report.weak
    assert "convention" not in str(report)
