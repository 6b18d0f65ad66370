"""hwlib._layout: points of any shape that people have, and gradients like them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

from hwlib._layout import Layout, epsilon_of
from hwlib.gradcheck import check_grad, numerical_grad

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]


class Layer(NamedTuple):
    W: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Net:
    layers: list[Any]
    scale: Any
    size: int = dataclasses.field(init=False, default=3)


@dataclasses.dataclass
class Pair:
    W: Any
    b: Any


W, B = np.array([[0.3, -1.2, 0.7], [0.9, 0.4, -0.6]]), np.array([0.2, -0.5])

POINTS = {
    # name: point, names of its coordinates
    "a number": (2.5, ["x"]),
    "a NumPy number": (np.float32(2.5), ["x"]),
    "an array of no axes": (np.array(2.5), ["x"]),
    "an array": (W, [f"x[{i}, {j}]" for i in range(2) for j in range(3)]),
    "integers": (np.array([2, 3]), ["x[0]", "x[1]"]),
    "a list of numbers": ([2, 3.5], ["x[0]", "x[1]"]),
    "rows of numbers": ([[2.0, 3.0], (4.0, 5.0)], ["x[0, 0]", "x[0, 1]", "x[1, 0]", "x[1, 1]"]),
    "a NamedTuple": (Layer(B, 0.7), ["W[0]", "W[1]", "b"]),
    "a dict": ({"W1": B, "b1": 0.7}, ["W1[0]", "W1[1]", "b1"]),
    "a dict of torch's names": ({"fc1.weight": B}, ["fc1.weight[0]", "fc1.weight[1]"]),
    "a dict by number": ({1: B, 2: 0.7}, ["x[1][0]", "x[1][1]", "x[2]"]),
    "an ordered dict": (OrderedDict(b=0.7, a=B), ["b", "a[0]", "a[1]"]),
    "a dict with a default": (defaultdict(list, b=0.7), ["b"]),
    "a list of arrays": ([B, B], ["x[0][0]", "x[0][1]", "x[1][0]", "x[1][1]"]),
    "a tuple": ((B, 0.7), ["x[0][0]", "x[0][1]", "x[1]"]),
    "rows of two lengths": (([0.3, 0.4], 0.7), ["x[0][0]", "x[0][1]", "x[1]"]),
    "a dataclass": (Pair(B, 0.7), ["W[0]", "W[1]", "b"]),
    "NamedTuples of numbers": ([Layer(1.5, 2.0), Layer(3.0, 4.0)],
                               ["x[0].W", "x[0].b", "x[1].W", "x[1].b"]),
    "nested": (
        Net([Layer(B, 0.7), {"W": [B, 2.0]}], 1.5),
        ["layers[0].W[0]", "layers[0].W[1]", "layers[0].b",
         "layers[1].W[0][0]", "layers[1].W[0][1]", "layers[1].W[1]", "scale"],
    ),
}  # fmt: skip


def same(one, other):
    """Whether two points have the same containers, and the same numbers in the same shapes."""
    if not isinstance(one, dict | list | tuple) and not dataclasses.is_dataclass(one):
        return np.shape(one) == np.shape(other) and np.array_equal(one, other)
    if isinstance(one, dict):
        pairs = list(one.items()), list(other.items())
    elif isinstance(one, list | tuple):
        pairs = list(enumerate(one)), list(enumerate(other))
    else:
        pairs = list(vars(one).items()), list(vars(other).items())
    return (
        type(one) is type(other)
        and [key for key, _ in pairs[0]] == [key for key, _ in pairs[1]]
        and all(same(a, b) for (_, a), (_, b) in zip(*pairs, strict=True))
    )


@pytest.mark.parametrize("name", POINTS)
def test_a_coordinate_is_named_as_it_is_indexed(name):
    point, names = POINTS[name]
    layout = Layout(point)
    assert layout.names == names
    assert layout.vector.dtype == np.float64
    assert len(layout.vector) == len(names)
    for field, part in zip(layout.fields, layout.slices, strict=True):
        assert all(name.startswith(field) for name in names[part])


@pytest.mark.parametrize(
    "name", [n for n in POINTS if n not in ("a list of numbers", "rows of numbers")]
)
def test_f_is_given_the_structure_of_the_point(name):
    point, _ = POINTS[name]
    if name == "rows of two lengths":
        point = (np.array(point[0]), point[1])  # what f is given for a list of numbers
    layout = Layout(POINTS[name][0])
    assert same(layout.point(layout.vector), point)
    assert not same(layout.point(2.0 * layout.vector), point)
    there = layout.point(2.0 * layout.vector)
    np.testing.assert_array_equal(layout.flatten("it", there), 2.0 * layout.vector)


def test_numbers_in_lists_are_an_array():
    for point in ([2, 3.5], (2, 3.5), [[2.0, 3.0], (4.0, 5.0)]):
        layout = Layout(point)
        np.testing.assert_array_equal(layout.point(layout.vector), np.array(point, dtype=float))
    assert type(layout.point(layout.vector)) is np.ndarray


def test_f_is_given_numbers_as_numbers():
    for point in (2.5, np.array(2.5)):
        assert isinstance(Layout(point).point(np.array([3.0])), float)
    assert isinstance(Layout({"b": [2.5, B]}).point(np.ones(3))["b"][0], float)


def test_a_point_shares_no_memory():
    parameters = {"W": W.copy(), "b": [B.copy(), 1.0]}
    layout = Layout(parameters)
    one, other = layout.point(layout.vector), layout.point(layout.vector)
    one["W"][:] = 9.0
    one["b"][0][:] = 9.0
    one["b"].append(3.0)
    one["more"] = 1.0
    np.testing.assert_array_equal(other["W"], W)
    assert list(other) == ["W", "b"]
    assert len(other["b"]) == 2
    np.testing.assert_array_equal(parameters["W"], W)
    np.testing.assert_array_equal(parameters["b"][0], B)
    assert 9.0 not in layout.vector


BAD_POINTS = {
    "x.b holds strings": Layer(B, "1.0"),
    "x.layers[1].W holds NaN": Net([1.0, Layer(np.nan, 1.0)], 1.0),
    "x[1] holds object": [B, None],
    "x[0] holds booleans": [np.bool_(True), B],
    "x holds booleans": [True, 1.0],
    "x.a has shape (0,)": {"a": []},
    "x is {}": {},
    "x holds object": Layer,
    "x[0] holds strings": ["1.0", 2.0],
    "x.W holds complex": {"W": B + 1j},
}


@pytest.mark.parametrize("start", BAD_POINTS)
def test_a_bad_part_of_a_point_is_named(start):
    with pytest.raises(ValueError) as caught:
        Layout(BAD_POINTS[start])
    assert str(caught.value).startswith(start)


LIKE_A_PAIR = {
    "a NamedTuple": Layer(B, 0.5),
    "a NamedTuple in another order": NamedTuple("Other", [("b", float), ("W", Any)])(0.5, B),
    "a dict": {"W": B, "b": 0.5},
    "a dict in another order": {"b": 0.5, "W": B},
    "a tuple": (B, 0.5),
    "a list": [B, 0.5],
    "a dataclass": Pair(B, 0.5),
    "lists for arrays": ([0.2, -0.5], 0.5),
}


@pytest.mark.parametrize("gradient", LIKE_A_PAIR.values(), ids=LIKE_A_PAIR)
@pytest.mark.parametrize("point", [Layer(B, 0.7), {"W": B, "b": 0.7}, Pair(B, 0.7)])
def test_a_gradient_may_come_in_another_container(point, gradient):
    flat = Layout(point).flatten("grad(x)", gradient)
    np.testing.assert_array_equal(flat, [0.2, -0.5, 0.5])


def test_a_gradient_of_a_list_is_taken_by_position():
    for gradient in ([B, 0.5], (B, 0.5), Layer(B, 0.5), {1: 0.5, 0: B}):
        flat = Layout([B, 0.7]).flatten("grad(x)", gradient)
        np.testing.assert_array_equal(flat, [0.2, -0.5, 0.5])
    # Numbers alone are parts too, where the point has parts.
    np.testing.assert_array_equal(Layout({"a": 1.0, "b": 2.0}).flatten("g", (3, 4.0)), [3.0, 4.0])


BAD_GRADIENTS = {
    "no part b": (Layer(B, 0.7), {"W": B}),
    "no part W and a part dW too many": (Layer(B, 0.7), {"dW": B, "b": 0.5}),
    "a part c too many": ({"W": B}, {"W": B, "c": 1.0}),
    "a part 2 too many": (Layer(B, 0.7), (B, 0.5, 0.1)),
    "no part W": (Layer(B, 0.7), np.ones(3)),
    ".W has shape (3,); expected (2,)": (Layer(B, 0.7), (np.ones(3), 0.5)),
    ".b has shape (1,); expected ()": (Layer(B, 0.7), {"W": B, "b": [0.5]}),
    ".layers[0].W holds object values": (Net([Layer(B, 1.0)], 1.0), Net([Layer(None, 1.0)], 1.0)),
    ".layers[0] has no part b": (Net([Layer(B, 1.0)], 1.0), Net([(B,)], 1.0)),
    "[1] has shape (2,); expected ()": ([B, 0.7], [B, B]),
    " holds object values": (B, {"x": B}),
    " has shape (2, 1); expected (2,)": (B, B[:, None]),
}


@pytest.mark.parametrize("text", BAD_GRADIENTS)
def test_a_part_that_is_missing_or_too_many_or_misshapen_is_named(text):
    point, gradient = BAD_GRADIENTS[text]
    with pytest.raises(ValueError, match=r"^grad\(x\)") as caught:
        check_grad(lambda x: 1.0, lambda x: gradient, point)
    assert text in str(caught.value)


def test_a_lead_comes_before_the_axes_of_each_part():
    layout = Layout({"W": W, "b": 0.7})
    jacobian = {"W": np.arange(24.0).reshape(2, 2, 2, 3), "b": -np.arange(4.0).reshape(2, 2)}
    flat = layout.flatten("jac(x)", jacobian, (2, 2))
    assert flat.shape == (2, 2, 7)
    np.testing.assert_array_equal(flat[1, 0], [12, 13, 14, 15, 16, 17, -2])
    with pytest.raises(ValueError, match=r"^jac\(x\)\.b has shape \(2, 2\); expected \(4,\)"):
        layout.flatten("jac(x)", {"W": jacobian["W"].reshape(4, 2, 3), "b": jacobian["b"]}, (4,))


# The check and the differences at such points


def value(net):
    first, second = net.layers
    return net.scale * np.sum(np.tanh(first.W + first.b)) * second["W"] ** 2


def derivative(net):
    first, second = net.layers
    t = np.tanh(first.W + first.b)
    slope = net.scale * second["W"] ** 2 * (1 - t * t)
    layers = [Layer(slope, np.sum(slope)), {"W": 2 * net.scale * np.sum(t) * second["W"]}]
    return Net(layers, np.sum(t) * second["W"] ** 2)


NET = Net([Layer(W, 0.3), {"W": 0.8}], 1.7)


@pytest.mark.parametrize(
    ("method", "rtol"), [("forward", 1e-6), ("central", 1e-8), ("complex", 1e-14)]
)
def test_differences_of_a_nested_point(method, rtol):
    grad = numerical_grad(value, NET, method=method)
    assert type(grad) is Net
    assert type(grad.layers[0]) is Layer
    expected = derivative(NET)
    np.testing.assert_allclose(grad.layers[0].W, expected.layers[0].W, rtol=rtol)
    np.testing.assert_allclose(grad.layers[0].b, expected.layers[0].b, rtol=rtol)
    np.testing.assert_allclose(grad.layers[1]["W"], expected.layers[1]["W"], rtol=rtol)
    np.testing.assert_allclose(grad.scale, expected.scale, rtol=rtol)


def test_a_right_gradient_of_a_nested_point_passes_and_a_wrong_one_is_named():
    report = check_grad(value, derivative, NET)
    assert report
    assert not report.weak

    def wrong(net):
        grad = derivative(net)
        grad.layers[0].W[1, 2] *= 1.001
        return grad

    report = check_grad(value, wrong, NET)
    assert report.names("differs") == ("layers[0].W[1, 2]",)
    report = check_grad(value, lambda net: dataclasses.replace(derivative(net), scale=0.0), NET)
    assert report.names("differs") == ("scale",)


def test_a_list_takes_the_name_of_the_argument():
    report = check_grad(lambda net: net[0] @ B + net[1], lambda net: [B, 1.0], [B, 0.5])
    assert {c.name for c in report.coordinates} == {"net[0][0]", "net[0][1]", "net[1]"}


# float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_f_is_given_float64_whatever_the_point_is(dtype):
    seen = set()

    def f(p):
        seen.update((p["W"].dtype, p["b"].dtype))
        return np.sum(p["W"] ** 3) + p["b"]

    point = {"W": np.array([1, 2], dtype=dtype), "b": dtype(3)}
    report = check_grad(f, lambda p: {"W": 3 * p["W"] ** 2, "b": 1.0}, point)
    assert report
    assert not report.weak
    assert report.tolerance < 1.1e-6
    assert seen == {np.dtype(np.float64)}


def test_a_coarse_point_is_said():
    text = "x is float32 or coarser: the functions are given it as float64"
    for coarse in (np.float32(1.0), {"W": W, "b": [B.astype(np.float16)]}):
        assert Layout(coarse).notes == (text,)
    for fine in (1.0, W, [1, 2], np.arange(3)):
        assert Layout(fine).notes == ()


def test_the_coarsest_floats_are_found():
    assert epsilon_of({"W": W, "b": [np.ones(2, np.float32), 1]}) == 2.0**-23
    assert epsilon_of(np.float16(1.0)) == 2.0**-10
    for fine in (1.0, 3, W, [1.0, 2.0], np.longdouble(1.0), (B, {"n": np.arange(3)})):
        assert epsilon_of(fine) == 2.0**-52
    assert epsilon_of([np.float32(1.0), 2.0]) == 2.0**-52  # NumPy makes float64 of them
