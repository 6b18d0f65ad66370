"""hwlib.gradcheck.missed and plot: what a point lets through, and the picture of a check."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_mistakes import POINTS, check

from hwlib import grading, layers
from hwlib.gradcheck import check_grad, numerical_grad
from hwlib.layers import Layer

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]


class Net(NamedTuple):
    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray


def net(rng, b1, b2):
    return Net(rng.normal(size=(2, 3)), np.array(b1), rng.normal(size=(3, 2)), np.array(b2))


X = np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9]])


def loss(p, on_biases=0.0):
    out = np.tanh(X @ p.W1 + p.b1) @ p.W2 + p.b2
    return 0.5 * np.sum(out**2) + 0.5 * on_biases * (np.sum(p.b1**2) + np.sum(p.b2**2))


def grad(p):
    a = np.tanh(X @ p.W1 + p.b1)
    out = a @ p.W2 + p.b2
    delta = (out @ p.W2.T) * (1.0 - a**2)
    return Net(X.T @ delta, delta.sum(axis=0), a.T @ out, out.sum(axis=0))


def test_a_penalty_on_biases_that_are_0_is_said_to_be_hidden(rng):
    at_zero = net(rng, [0.0, 0.0, 0.0], [0.0, 0.0])
    report = check_grad(lambda p: loss(p, on_biases=0.1), grad, at_zero)
    assert report.passed  # though f has a penalty that the gradient has not
    assert report.weak
    assert report.missed == (
        "here a penalty in b1 would not show",
        "here a penalty in b2 would not show",
        "beside this point the gradient is wrong, in b1[0]: check there",
    )
    right = check_grad(loss, grad, at_zero)  # the point is as poor for a right gradient
    assert right.passed
    assert right.missed == report.missed[:2]
    for sentence in report.missed:
        assert sentence in str(report)


def test_the_biases_of_all_layers_are_of_one_kind_whatever_the_list_is_called():
    rng = np.random.default_rng(2)
    net = [Layer(W, 0.0 * b) for W, b in layers.init(rng, (2, 3, 3))]
    X, y = rng.normal(size=(6, 2)), np.array([0, 1, 2, 1, 0, 2])
    hidden = tuple(f"here a penalty in my_net[{k}].b would not show" for k in (0, 1))
    for b_2, missed in ((0.0, hidden), (0.2, ())):
        point = [net[0], Layer(net[1].W, np.array([0.0, b_2, 0.0]))]
        report = check_grad(
            lambda my_net: layers.loss(my_net, X, y, 0.1),
            lambda my_net: layers.loss_grad(my_net, X, y, 0.1),
            point,
        )
        assert report.missed == missed


def test_one_bias_that_is_not_0_shows_a_penalty_on_all(rng):
    # Biases are treated alike: a penalty on b1 and b2 shows in b1.
    x = net(rng, [0.3, -0.2, 0.5], [0.0, 0.0])
    assert not check_grad(lambda p: loss(p, on_biases=0.1), grad, x)
    report = check_grad(loss, grad, x)
    assert report.passed
    assert not report.weak


SQUARES = (lambda x: np.sum(x**2), lambda x: 2.0 * x)
LINEAR = (lambda x: 3.0 * np.sum(x), lambda x: np.full(x.shape, 3.0))
COUPLED = (lambda x: np.sum(x**2) + np.sum(x) ** 2, lambda x: 2.0 * x + 2.0 * np.sum(x))


@pytest.mark.parametrize(
    ("f", "x", "sentences"),
    [
        (SQUARES, [1.0, -2.0, 3.0], ()),
        (SQUARES, [1.0, 1.0],
         ("here another power of the parameter in x would not show",
          "x[0] and x[1] swapped would not show")),
        (SQUARES, [0.7, 0.7, 0.2], ("x[0] and x[1] swapped would not show",)),
        (SQUARES, [0.0, 0.0],
         ("here any mistake in x would not show",)),
        (LINEAR, [0.3, 0.8], ()),  # equal derivatives at any point: the point is not to blame
        (LINEAR, [0.0, 0.0], ()),
        (COUPLED, [[2.0, 1.0], [1.0, 3.0]], ("x[0, 1] and x[1, 0] swapped would not show",)),
        (COUPLED, [[2.0, 1.0], [0.5, 3.0]], ()),
    ],
)  # fmt: skip
def test_what_a_point_lets_through(f, x, sentences):
    report = check_grad(*f, np.array(x))
    assert report.passed
    assert report.missed == sentences
    assert report.weak == bool(sentences)


def test_what_is_told_does_pass(rng):
    # Each sentence is true: the wrong gradient of which it speaks passes at this point.
    x = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert check_grad(COUPLED[0], lambda x: COUPLED[1](x).T, x)
    assert check_grad(SQUARES[0], lambda x: 2.0 * x**3, np.ones(3))
    assert check_grad(LINEAR[0], lambda x: LINEAR[1](x) + 5.0 * x, np.zeros(3))
    assert not check_grad(COUPLED[0], lambda x: COUPLED[1](x).T, rng.normal(size=(2, 2)))


def test_a_gradient_that_fails_beside_the_point_is_no_error():
    def right(x):
        if not np.array_equal(x, [0.7, 0.7]):
            raise ValueError("only here")
        return 2.0 * x

    assert check_grad(SQUARES[0], right, np.array([0.7, 0.7])).missed == ()


def test_what_fails_has_missed_nothing():
    assert check_grad(SQUARES[0], lambda x: 3.0 * x, np.ones(2)).missed == ()


@pytest.mark.parametrize("name", POINTS)
def test_the_points_of_the_book_let_nothing_through(name):
    assert check(POINTS[name], POINTS[name][0].loss_grad).missed == ()


@pytest.mark.parametrize("question", grading.QUESTIONS, ids=lambda question: question.number)
def test_the_points_of_the_command_line_let_nothing_through(question):
    for _, x, loss in question.cases:
        right = numerical_grad(loss, x)
        report = check_grad(loss, lambda _, right=right: right, x)
        assert report.passed
        assert report.missed == ()


def test_a_candidate_that_is_0_or_right_is_never_the_mistake():
    x, known = np.array([1.0, -2.0, 3.0]), [("zeros", lambda x: 0.0 * x), ("right", SQUARES[1])]
    zeros = check_grad(SQUARES[0], lambda x: 0.0 * x, x, candidates=known)
    assert zeros.matches == ()
    assert [f.family for f in zeros.diagnosis] == ["zeros"]
    # The gradient fails, though not at x: what equals it there is not said to be the mistake.
    flips = check_grad(SQUARES[0], lambda x, sign=[1.0]: sign.append(-sign[-1]) or sign[-2] * 2 * x,
                       x, candidates=known)  # fmt: skip
    assert not flips.passed
    assert "this is the mistake" not in str(flips)


@pytest.mark.parametrize(
    ("f", "wrong", "x"),
    [
        (lambda x: np.sum(x**3), lambda x: 3.0 * x, [1.0, 1.0]),
        (lambda x: np.sum(x**2) + np.sum(x), lambda x: np.exp(x), [0.0, 0.0]),
        (lambda x: np.sum(np.sin(x)), lambda x: 1.0 - x, [0.0, 0.0]),
    ],
)
def test_a_wrong_gradient_that_is_right_at_the_point_alone_is_weak(f, wrong, x):
    report = check_grad(f, wrong, np.array(x))
    assert report.passed
    assert report.missed[-1] == "beside this point the gradient is wrong, in x[0]: check there"


@pytest.mark.parametrize(
    ("k", "x"), [(100, 74950.0707826683), (1000, 26260.710282456534), (1000, 9812.951553896286)]
)
def test_a_wave_that_is_faster_than_the_point_beside_is_far_is_no_mistake(k, x):
    report = check_grad(lambda x: np.sin(k * x), lambda x: k * np.cos(k * x), x)
    assert report.passed
    assert report.missed == ()


# The picture


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def curves(ax):
    return {line.get_label(): line.get_data() for line in ax.lines}


def slope_of(steps, errors, low, high):
    inside = (steps > low) & (steps < high) & (errors > 0.0)
    return np.polyfit(np.log(steps[inside]), np.log(errors[inside]), 1)[0]


X4 = np.array([1.0, -2.0, 3.0, 0.5])


def test_the_errors_of_a_right_gradient_are_a_v(ax):
    check_grad(lambda x: np.sum(np.sin(x)), np.cos, X4).plot(ax)
    drawn = curves(ax)
    assert len(drawn) == 5
    assert {"slope 2", "slope -1"} < drawn.keys()
    for name, (steps, errors) in drawn.items():
        if "slope" not in name:
            assert slope_of(steps, errors, 1e-4, 1.0) == pytest.approx(2.0, abs=0.05)
            assert slope_of(steps, errors, 1e-13, 1e-7) == pytest.approx(-1.0, abs=0.3)
    assert slope_of(*drawn["slope 2"], 0, 1e9) == pytest.approx(2.0)
    assert slope_of(*drawn["slope -1"], 0, 1e9) == pytest.approx(-1.0)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "relative error")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)


def test_a_wrong_coordinate_is_drawn_first_and_is_a_floor(ax):
    factors = np.array([1.0, 1.0, 1.01, 1.0])
    check_grad(lambda x: np.sum(x**3), lambda x: 3 * factors * x**2, X4).plot(ax, worst=1)
    drawn = curves(ax)
    assert set(drawn) == {"x[2]", "slope 2", "slope -1"}
    steps, errors = drawn["x[2]"]
    np.testing.assert_allclose(errors[(steps > 1e-9) & (steps < 1e-3)], 0.01 / 1.01, rtol=1e-3)


@pytest.mark.parametrize("f", [lambda x: 3.0 * np.sum(x), lambda x: np.sum(x**2), lambda x: 0.0])
def test_a_picture_without_errors_is_no_error(ax, f):
    check_grad(f, lambda x: 3.0 + 0.0 * x, np.array([1.5, 1.5])).plot(ax)
