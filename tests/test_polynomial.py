"""hwlib.polynomial: the seven features and the mask."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib import polynomial

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

moderate = st.floats(-1e3, 1e3)


def test_the_mask_takes_out_the_linear_feature_alone():
    assert polynomial.DEGREE == 6
    assert polynomial.LINEAR == 5
    assert polynomial.NONLINEAR.dtype == np.float64
    np.testing.assert_array_equal(polynomial.NONLINEAR, [1, 1, 1, 1, 1, 0, 1])


def test_the_mask_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        polynomial.NONLINEAR[polynomial.LINEAR] = 1.0


@pytest.mark.parametrize(
    ("x", "coefficients", "expected"),
    [
        ([2], None, [[64, 32, 16, 8, 4, 2, 1]]),
        ([-1, 0], None, [[1, -1, 1, -1, 1, -1, 1], [0, 0, 0, 0, 0, 0, 1]]),
        # 1/2: 1/64, 1/32, ... 1, each times its coefficient 1 ... 7
        ([0.5], [1, 2, 3, 4, 5, 6, 7], [[1 / 64, 2 / 32, 3 / 16, 4 / 8, 5 / 4, 6 / 2, 7]]),
        ([3], [0, -1, 0, 0, 0, 2, 0], [[0, -243, 0, 0, 0, 6, 0]]),
    ],
)
def test_values_by_hand(x, coefficients, expected):
    np.testing.assert_array_equal(polynomial.features(x, coefficients), expected)


@pytest.mark.parametrize(
    ("x", "c", "expected"),
    [
        (1e50, 1e-300, 1.0),
        (-1e50, -1e-300, -1.0),
        (1e-100, 1.0, 0.0),  # 1e-600
        (2.0**-179, 1.0, 2.0**-1074),  # the smallest float64
    ],
)
def test_extreme_values_of_the_sixth_power(x, c, expected):
    got = polynomial.features([x], [c, 0, 0, 0, 0, 0, 0])[0]
    assert got[0] == pytest.approx(expected, rel=1e-14, abs=0)
    np.testing.assert_array_equal(got[1:], 0.0)


@pytest.mark.parametrize("x", [1e52, -1e52, 1.7e308])
def test_a_power_that_is_no_float64_is_rejected(x):
    for c in (None, [1e-300, 1, 1, 1, 1, 1, 1]):  # a coefficient does not rescue the power
        with pytest.raises(ValueError, match=r"^a feature of x is too large for a float64$"):
            polynomial.features([0.0, x], c)


@given(st.lists(moderate, min_size=1, max_size=5), st.lists(moderate, min_size=7, max_size=7))
def test_features_are_the_exact_powers_rounded(x, c):
    exact = [[Fraction(cj) * Fraction(u) ** (6 - j) for j, cj in enumerate(c)] for u in x]
    expected = [[float(value) for value in row] for row in exact]
    got = polynomial.features(x, c)
    with np.errstate(under="ignore"):  # in the comparison
        # below 2**-1022 a power keeps fewer digits, and its coefficient multiplies what is lost
        lost = np.abs(c) * 8 * 2.0**-1074 + 2.0**-1073
        assert np.all(np.abs(got - expected) <= 2e-15 * np.abs(expected) + lost)


@given(st.floats(-10, 10, allow_subnormal=False).filter(lambda u: not 0 < abs(u) < 1e-40))
def test_a_weighted_sum_of_the_features_is_the_polynomial(u):
    # Horner's scheme is another way to the same number.
    theta = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 0.25, 2.0])
    row = polynomial.features([u])[0]
    size = np.abs(row * theta).sum()
    assert abs(row @ theta - np.polyval(theta, u)) <= 1e-14 * size


def test_the_derivative_in_x_is_the_power_rule(rng):
    # d x**k / dx = k x**(k - 1): the features, shifted by one, times 6 ... 1
    x, step = rng.uniform(0.5, 2.0, size=20), 1e-5
    slope = (polynomial.features(x + step) - polynomial.features(x - step)) / (2 * step)
    expected = polynomial.features(x)[:, 1:] * np.arange(6, 0, -1)
    # the error of a central difference is step**2 / 6 times the third derivative
    # plus rounding of the features over the step; both are largest for x**6 at 2
    tolerance = step**2 / 6 * 120 * 2**3 + 2 * 4 * 2.0**-53 * 2**6 / (2 * step)
    np.testing.assert_allclose(slope[:, :-1], expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(slope[:, -1], 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8])
def test_other_numbers_are_computed_in_float64(dtype):
    x, c = np.array([3, 7], dtype=dtype), np.array([1, 2, 3, 4, 5, 6, 7], dtype=dtype)
    got = polynomial.features(x, c)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, polynomial.features(x.astype(float), c.astype(float)))
    assert got[1, 0] == 117649  # 7**6 is beyond uint8 and float16


def test_arguments_are_neither_changed_nor_returned():
    x, c = np.array([0.5, 2.0]), np.ones(7)
    x.flags.writeable = c.flags.writeable = False
    got = polynomial.features(x, c)
    assert not np.shares_memory(got, x) and not np.shares_memory(got, c)
    got[:] = 0.0  # writeable
    assert got.shape == (2, 7)


def test_both_arguments_are_checked():
    with pytest.raises(ValueError, match=r"^x holds strings"):
        polynomial.features(["1.0", "2.0"])
    with pytest.raises(ValueError, match=r"^coefficients holds booleans"):
        polynomial.features([1.0], [True] * 7)


@pytest.mark.parametrize("x", [1.0, [[1.0, 2.0]], [[[1.0]]]])
def test_x_of_another_shape_is_rejected(x):
    with pytest.raises(ValueError, match=r"^x has shape .*; expected \(n,\)$"):
        polynomial.features(x)


@pytest.mark.parametrize("coefficients", [1.0, [1.0], np.ones(6), np.ones(8), np.ones((1, 7))])
def test_coefficients_of_another_shape_are_rejected(coefficients):
    with pytest.raises(ValueError, match=r"^coefficients has shape .*; expected \(7,\)$"):
        polynomial.features([1.0], coefficients)
