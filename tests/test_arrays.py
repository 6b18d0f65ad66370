"""hwlib._arrays: what is accepted, and what is rejected with which words."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwlib import _arrays

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

MATRIX = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        (np.float32(0.1), 0.10000000149011612),  # the float32 nearest to 0.1, exactly
        (np.float16(0.5), 0.5),
        (np.longdouble(2) ** -16000, 0.0),  # below every float64
        ([1, 2.5], [1.0, 2.5]),
        ((1, (2.0)), [1.0, 2.0]),
        (np.array([250, 7], dtype=np.uint8), [250.0, 7.0]),
        ([2**63 + 2**11, 2**70], [2.0**63 + 2.0**11, 2.0**70]),
        (2**100, 2.0**100),
        (range(3), [0.0, 1.0, 2.0]),
        (np.array([1.0, 2.0], dtype=">f8"), [1.0, 2.0]),
        ([np.array([1, 2]), np.array([3.0, 4.0])], [[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_as_floats_computes_in_float64(value, expected):
    floats = _arrays.as_floats("X", value)
    assert type(floats) is np.ndarray
    assert floats.dtype == np.float64 and floats.dtype.isnative
    np.testing.assert_array_equal(floats, expected, strict=False)
    assert floats.shape == np.shape(expected)


def test_as_floats_rejects_by_name(spoil):
    with pytest.raises(ValueError, match=r"^weights "):
        _arrays.as_floats("weights", spoil(MATRIX), ("n", 2))


@pytest.mark.parametrize(
    ("value", "came"),
    [
        ("abc", "strings"),
        ([True, False], "booleans"),
        ([1.0, True], "booleans"),
        ([[1.0], [np.False_]], "booleans"),
        (1j, "complex"),
        (None, "object"),
        ([[1.0], [1.0, 2.0]], "not an array of numbers"),
        (np.nan, "NaN or infinity"),
        (np.ma.masked_array([1.0]), "masked"),
        (np.empty((2, 0)), r"\(2, 0\)"),
    ],
)
def test_as_floats_says_what_came_and_what_was_expected(value, came):
    with pytest.raises(ValueError, match=rf"^X .*{came}.*") as refusal:
        _arrays.as_floats("X", value)
    assert "expected" in str(refusal.value) or "not an array" in str(refusal.value)


@pytest.mark.parametrize("leaf", ["1", True, None, Fraction(1, 2), 1j, np.bool_(1), b"1"])
def test_as_floats_rejects_what_stands_beside_a_large_integer(leaf):
    # NumPy keeps both as objects.
    with pytest.raises(ValueError, match=r"^X holds "):
        _arrays.as_floats("X", [2**70, leaf])


class _Unwilling:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach first")


def test_as_floats_rejects_what_numpy_cannot_convert():
    with pytest.raises(ValueError, match=r"^X is not an array of numbers: call detach first"):
        _arrays.as_floats("X", _Unwilling())


@pytest.mark.parametrize("shape", [(3, 2), ("n", 2), (3, "d"), ("n", "d")])
def test_as_floats_accepts_a_fitting_shape(shape):
    np.testing.assert_array_equal(_arrays.as_floats("X", MATRIX, shape), MATRIX)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((2, 3), r"\(2, 3\)"),
        (("n", 3), r"\(n, 3\)"),
        ((2, "d"), r"\(2, d\)"),
        (("n",), r"\(n,\)"),
        ((), r"\(\)"),
        ((1, 3, 2), r"\(1, 3, 2\)"),
    ],
)
def test_as_floats_rejects_another_shape(shape, wanted):
    with pytest.raises(ValueError, match=rf"^X has shape \(3, 2\); expected {wanted}$"):
        _arrays.as_floats("X", MATRIX, shape)


def test_as_float_rejects_by_name(spoil):
    with pytest.raises(ValueError, match=r"^l2 "):
        _arrays.as_float("l2", spoil(np.array(0.5)))


@pytest.mark.parametrize("value", [[0.5], np.array([0.5]), [[0.5]]])
def test_as_float_rejects_an_array(value):
    with pytest.raises(ValueError, match=r"^l2 has shape"):
        _arrays.as_float("l2", value)


@pytest.mark.parametrize("value", [0.25, np.float32(0.25), np.array(0.25)])
def test_as_float_returns_a_float(value):
    number = _arrays.as_float("l2", value)
    assert type(number) is float and number == 0.25


def test_as_float_minimum_is_allowed_and_what_is_below_is_not():
    assert _arrays.as_float("l2", 2, minimum=2.0) == 2.0
    assert _arrays.as_float("l2", -0.0, minimum=0.0) == 0.0
    with pytest.raises(ValueError, match=r"^l2 is -5e-324; expected at least 0$"):
        _arrays.as_float("l2", -5e-324, minimum=0.0)


@pytest.mark.parametrize("value", [1, 7, np.int8(7), np.uint64(7), 2**70])
def test_as_count_accepts_whole_numbers(value):
    count = _arrays.as_count("n_samples", value)
    assert type(count) is int and count == value


@pytest.mark.parametrize(
    "value", [0, -1, True, np.True_, 1.0, np.float64(2.0), "3", None, [1], np.array(1), 1j, np.nan]
)
def test_as_count_rejects_the_rest(value):
    with pytest.raises(ValueError, match=r"^n_samples is .*; expected a whole number"):
        _arrays.as_count("n_samples", value)


@pytest.mark.parametrize("value", [None, 1, "f", np.ones(1), [len]])
def test_as_callable_rejects_what_cannot_be_called(value):
    assert _arrays.as_callable("f", len) is len
    with pytest.raises(ValueError, match=r"^f is .*; expected a callable$"):
        _arrays.as_callable("f", value)


def test_as_rng_accepts_a_generator(rng):
    assert _arrays.as_rng("rng", rng) is rng


@pytest.mark.parametrize(
    "value", [None, 0, np.random, np.random.RandomState(0), np.random.default_rng, "rng"]
)
def test_as_rng_rejects_the_rest(value):
    with pytest.raises(ValueError, match=r"^rng is .*; expected a numpy\.random\.Generator"):
        _arrays.as_rng("rng", value)


@pytest.mark.parametrize("value", [[0, 1, 1], np.array([0.0, -0.0, 1.0]), (np.int8(1),)])
def test_as_labels_accepts_the_two(value):
    np.testing.assert_array_equal(_arrays.as_labels("y", value, (0, 1)), value)


@pytest.mark.parametrize(
    ("value", "label"),
    [([0, 2], "2.0"), ([-1], "-1.0"), ([0.5, 1], "0.5"), ([0.9999999], "0.9999")],
)
def test_as_labels_rejects_others_and_shows_the_first(value, label):
    with pytest.raises(ValueError, match=rf"^y holds the label {label}.*; expected 0 or 1$"):
        _arrays.as_labels("y", value, (0, 1))


def test_as_labels_rejects_by_name(spoil):
    with pytest.raises(ValueError, match=r"^y "):
        _arrays.as_labels("y", spoil(np.array([1.0, 1.0])), (0, 1), (2,))


def test_finite_returns_finite_arrays():
    assert _arrays.finite("sum", MATRIX) is MATRIX


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_finite_rejects_the_rest(value):
    with pytest.raises(ValueError, match=r"^the loss is too large for a float64$"):
        _arrays.finite("the loss", np.array([1.0, value]))
