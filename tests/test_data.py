"""hwlib.data: the small data sets of the chapters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib import data, hinge, network, polynomial

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]


def test_the_running_example_of_part_1_has_the_values_that_were_worked_out_by_hand():
    theta, u, y = data.hinge_example()
    X = polynomial.features(u)
    assert (theta.shape, u.shape, y.shape) == ((7,), (3,), (3,))
    np.testing.assert_array_equal(y, [1, -1, -1])
    np.testing.assert_array_equal(hinge.hypothesis(theta, X), [0.65625, -2.25, 3])
    assert hinge.loss(theta, X, y) == 0.34375 + 0 + 4
    grad = [11.375, -7.625, 5, -3.5, 2, 0, 0]
    np.testing.assert_array_equal(hinge.loss_grad(theta, X, y), grad)
    # Without the mask the middle sample is unsafe and the last one is wrong by nothing:
    np.testing.assert_array_equal(y * (X @ theta), [1.65625, -1.75, 0])


def test_the_running_example_of_part_2_has_the_values_that_were_worked_out_by_hand():
    params, X, y = data.network_example()
    np.testing.assert_array_equal(y, [1, 0])
    z_hidden, a_hidden, z_out, y_hat = network.forward(params, X)
    np.testing.assert_array_equal(z_hidden, [[1.375, 0.625, -1.75], [-1.625, 1.375, 2.875]])
    np.testing.assert_array_equal(a_hidden, [[1.375, 0.625, 0], [0, 1.375, 2.875]])
    np.testing.assert_array_equal(z_out, [0.5625, 0.59375])
    np.testing.assert_allclose(y_hat, [0.6370, 0.6442], rtol=0, atol=5e-5)
    losses = [network.loss(params, X[[s]], y[[s]]) for s in (0, 1)]
    np.testing.assert_allclose(losses, [0.4509, 1.0335], rtol=0, atol=5e-5)
    first, second = (network.loss_grad(params, X[[s]], y[[s]]) for s in (0, 1))
    np.testing.assert_allclose(first.w_out, [-0.4991, -0.2269, 0], rtol=0, atol=5e-5)
    np.testing.assert_allclose(second.w_out, [0, 0.8858, 1.8521], rtol=0, atol=5e-5)
    np.testing.assert_allclose(first.b_hidden, [-0.5445, 0.7259, 0], rtol=0, atol=5e-5)
    np.testing.assert_allclose(second.b_hidden, [0, -1.2885, 0.8053], rtol=0, atol=5e-5)
    W = [[-1.6334, 2.1778, 0], [0.2722, -0.3630, 0]]
    np.testing.assert_allclose(first.W_hidden, W, rtol=0, atol=5e-5)
    W = [[0, 1.9327, -1.2079], [0, -2.5769, 1.6106]]
    np.testing.assert_allclose(second.W_hidden, W, rtol=0, atol=5e-5)


@pytest.mark.parametrize("example", [data.hinge_example, data.network_example])
def test_no_number_of_a_running_example_hides_a_factor_that_is_forgotten(example):
    *given, labels = example()
    numbers = np.concatenate([np.ravel(part) for field in given for part in field])
    assert not np.isin(np.abs(numbers), [0, 1]).any()
    assert len(set(labels)) == 2


@pytest.mark.parametrize("example", [data.hinge_example, data.network_example])
def test_a_running_example_does_not_remember_what_was_done_to_the_last_one(example):
    _, samples, labels = example()
    samples[:], labels[:] = 9.0, 9.0
    assert not any(np.any(part == 9.0) for part in example()[1:])


SETS = [data.interval, data.disc]
both = pytest.mark.parametrize("draw", SETS, ids=["interval", "disc"])


def test_interval_is_labelled_by_the_distance_from_the_origin(rng):
    x, y = data.interval(rng, 1000)
    assert x.shape == y.shape == (1000,)
    assert np.all(np.abs(x) <= 1.2)
    np.testing.assert_array_equal(y, [1.0 if abs(u) > 0.7 else -1.0 for u in x])
    # Uniform: a fraction 0.5 / 1.2 of the labels is +1, within 5 standard errors.
    assert np.mean(y == 1) == pytest.approx(0.5 / 1.2, abs=5 * 0.5 / math.sqrt(1000))
    assert np.mean(x) == pytest.approx(0.0, abs=5 * 1.2 / math.sqrt(3 * 1000))
    assert x.min() < -1.15 and x.max() > 1.15


def test_disc_is_labelled_by_whether_a_point_lies_inside(rng):
    X, y = data.disc(rng, 1000)
    assert X.shape == (1000, 2) and y.shape == (1000,)
    assert np.all(np.abs(X) <= 1.0)
    np.testing.assert_array_equal(y, [1.0 if math.hypot(*point) < 0.6 else 0.0 for point in X])
    # Uniform: the disc has 0.36 pi / 4 of the square.
    assert np.mean(y) == pytest.approx(0.36 * math.pi / 4, abs=5 * 0.5 / math.sqrt(1000))
    assert np.all(X.min(axis=0) < -0.95) and np.all(X.max(axis=0) > 0.95)


def test_default_sizes(rng):
    assert data.interval(rng)[0].shape == (40,)
    assert data.disc(rng)[0].shape == (200, 2)


@both
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 50))
def test_the_generator_decides_and_moves_on(draw, seed, n):
    rng = np.random.default_rng(seed)
    first, second, again = draw(rng, n), draw(rng, n), draw(np.random.default_rng(seed), n)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
        assert one.dtype == np.float64 and len(one) == n
    assert not np.array_equal(first[0], second[0])


@both
def test_flip_flips_labels_and_nothing_else(draw):
    X, y = draw(np.random.default_rng(1), 2000)
    lowest, highest = y.min(), y.max()
    for flip in (0.0, 0.3, 1.0):
        other_X, other_y = draw(np.random.default_rng(1), 2000, flip=flip)
        np.testing.assert_array_equal(other_X, X)
        flipped = other_y != y
        np.testing.assert_array_equal(other_y[flipped], lowest + highest - y[flipped])
        deviation = 5 * math.sqrt(flip * (1 - flip) / 2000)
        assert np.mean(flipped) == pytest.approx(flip, abs=deviation)


class Scripted(np.random.Generator):
    """A generator whose points are given and whose other numbers are all 0."""

    def __init__(self, points):
        super().__init__(np.random.PCG64(0))
        self.points = points

    def uniform(self, low, high, size):
        return np.reshape(self.points, size)

    def random(self, size):
        return np.zeros(size)


def test_points_on_the_border_have_the_lower_label_and_a_flip_of_0_flips_none():
    _, y = data.interval(Scripted([0.7, -0.7, 0.7000001, 0.0]), 4)
    np.testing.assert_array_equal(y, [-1, -1, 1, -1])
    _, y = data.disc(Scripted([0.6, 0.0, 0.0, -0.6, 0.5999999, 0.0]), 3)
    np.testing.assert_array_equal(y, [0, 0, 1])


def test_labels_fit_the_models(rng):
    _, y = data.interval(rng, 9, flip=0.5)
    assert hinge.loss(np.zeros(7), np.ones((9, 7)), y) == 9.0
    X, y = data.disc(rng, 9, flip=0.5)
    assert network.loss(network.init(rng), X, y) > 0.0


@both
@pytest.mark.parametrize("rng", [None, 0, np.random, np.random.RandomState(0)])
def test_what_is_no_generator_is_rejected(draw, rng):
    with pytest.raises(ValueError, match=r"^rng is .*; expected a numpy\.random\.Generator"):
        draw(rng)


@both
@pytest.mark.parametrize("n", [0, -1, 2.0, "2", None, True])
def test_a_number_of_samples_below_1_is_rejected(draw, n, rng):
    with pytest.raises(ValueError, match=r"^n_samples is .*; expected a whole number"):
        draw(rng, n)


@both
@pytest.mark.parametrize("flip", [-0.1, 1.0000001, 2, np.nan, "0.5", True])
def test_a_flip_that_is_no_probability_is_rejected(draw, flip, rng):
    with pytest.raises(ValueError, match=r"^flip (is|holds) .*; expected"):
        draw(rng, flip=flip)
