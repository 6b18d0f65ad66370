"""hwlib._layout.Directions: many coordinates, seen along a few random directions."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hwlib._layout import Directions
from hwlib.gradcheck import check_grad

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]


def check(f, grad, x, count=3):
    """The check of a gradient along directions, and the names of those that differ."""
    layout = Directions(x, count)

    def there(numbers):
        return layout.point(np.array(list(numbers.values())))

    report = check_grad(
        lambda numbers: f(there(numbers)),
        lambda numbers: list(layout.flatten("grad(x)", grad(there(numbers)))),
        dict(zip(layout.names, layout.vector, strict=True)),
    )
    return report, set(report.names("differs"))


def loss(p):
    return np.sum(np.tanh(p["W"] * p["b"][0] + p["b"][1])) + 0.05 * np.sum(p["W"] ** 2)


def loss_grad(p):
    slope = 1.0 - np.tanh(p["W"] * p["b"][0] + p["b"][1]) ** 2
    b = np.array([np.sum(slope * p["W"]), np.sum(slope)])
    return {"W": slope * p["b"][0] + 0.1 * p["W"], "b": b}


def point(rng, *shape):
    return {"W": rng.normal(size=shape), "b": np.array([0.7, 0.2])}


def test_large_arrays_have_directions_and_small_ones_their_coordinates(rng):
    layout = Directions({"W": rng.normal(size=(2, 4)), "b": np.ones(3), "c": 2.0}, 3)
    directions = ["W[direction 1]", "W[direction 2]", "W[direction 3]"]
    assert layout.names == [*directions, "b[0]", "b[1]", "b[2]", "c"]
    assert Directions(np.ones(5), 1, "theta").names == ["theta[direction 1]"]
    assert Directions([{"W": np.ones(5)}], 1).names == ["x[0].W[direction 1]"]


def test_the_point_is_the_point(rng):
    p = point(rng, 3, 4)
    layout = Directions(p, 2)
    here = layout.point(layout.vector)
    np.testing.assert_array_equal(here["W"], p["W"])
    np.testing.assert_array_equal(here["b"], p["b"])
    here["W"][:] = 0.0
    np.testing.assert_array_equal(layout.point(layout.vector)["W"], p["W"])


def test_a_step_goes_along_one_direction(rng):
    p = point(rng, 3, 4)
    layout = Directions(p, 2)
    moves = []
    for k in range(2):
        there = layout.point(layout.vector + 0.5 * np.eye(4)[k])
        direction = 2.0 * (there["W"] - p["W"])
        moves.append(direction.ravel())
        assert np.all(direction != 0.0)
        np.testing.assert_array_equal(there["b"], p["b"])
        # A number is how far the point reaches, a gradient how steep f is, along the direction.
        assert layout.vector[k] == pytest.approx(np.sum(direction * p["W"]))
        flat = layout.flatten("grad(x)", {"W": np.arange(12.0).reshape(3, 4), "b": [5.0, 6.0]})
        assert flat[k] == pytest.approx(moves[k] @ np.arange(12.0))
        np.testing.assert_array_equal(flat[2:], [5.0, 6.0])
    assert abs(np.corrcoef(moves)[0, 1]) < 0.9
    there = layout.point(layout.vector + 0.5 * np.eye(4)[3])
    np.testing.assert_allclose(there["b"] - p["b"], [0.0, 0.5], rtol=1e-15)


def test_coordinates_move_as_far_as_in_any_check(rng):
    # A step divided among many coordinates would drown in their rounding.
    x = rng.normal(size=10_000)
    layout = Directions(x, 2)
    moved = layout.point(layout.vector + 1e-9 * np.eye(2)[0]) - x
    assert 0.9e-9 < np.sqrt(np.mean(moved**2)) < 1.1e-9


def test_directions_are_the_same_every_time(rng):
    p = point(rng, 30)
    np.testing.assert_array_equal(Directions(p, 2).vector, Directions(p, 2).vector)


def test_a_right_gradient_passes_and_what_was_seen_is_said(rng):
    report, wrong = check(loss, loss_grad, point(rng, 50, 20))
    assert report
    assert not report.weak
    assert wrong == set()
    assert Directions(point(rng, 50, 20), 3).notes == (
        "1002 coordinates were checked along 5 directions: an error that is small beside the"
        " gradient of its array may be missed",
    )
    assert len(Directions(np.ones(9, dtype=np.float32), 3).notes) == 2


def test_one_wrong_coordinate_among_many_is_rejected(rng):
    p = point(rng, 1000)
    for k in rng.integers(1000, size=4):

        def wrong(p, k=k):
            grad = loss_grad(p)
            grad["W"][k] *= 1.1
            return grad

        report, differing = check(loss, wrong, p)
        assert not report
        assert differing <= {"W[direction 1]", "W[direction 2]", "W[direction 3]"}
    report, differing = check(loss, lambda p: loss_grad(p) | {"b": -loss_grad(p)["b"]}, p)
    assert differing == {"b[0]", "b[1]"}


def test_a_forgotten_penalty_is_a_multiple_of_the_parameter(rng):
    def forgets(p):
        grad = loss_grad(p)
        return grad | {"W": grad["W"] - 0.1 * p["W"]}

    p = point(rng, 200)
    report, differing = check(loss, forgets, p)
    assert not report
    reach = dict(zip(Directions(p, 3).names, Directions(p, 3).vector, strict=True))
    for c in report.coordinates:
        if c.name in differing:
            assert c.given - c.numeric == pytest.approx(-0.1 * reach[c.name], rel=1e-5)


def test_a_wrong_gradient_that_is_nan_is_rejected(rng):
    report, differing = check(loss, lambda p: loss_grad(p) | {"W": p["W"] * np.nan}, point(rng, 9))
    assert not report
    assert len(differing) == 3


def test_a_kink_is_seen_along_a_direction(rng):
    x = rng.normal(size=40)
    x[7] = 0.0
    report, _ = check(lambda x: np.sum(np.abs(x)), np.sign, x)
    assert report.weak
    assert len(report.names("kink")) == 3


def test_a_hundred_thousand_coordinates_take_seconds(rng):
    p = point(rng, 100_000)
    start = time.process_time()
    report, _ = check(loss, loss_grad, p)
    assert report
    assert time.process_time() - start < 10.0


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True, None])
def test_a_bad_number_of_directions_is_rejected(count):
    with pytest.raises(ValueError, match=r"^directions is"):
        Directions(np.ones(3), count)


def test_a_gradient_laid_out_otherwise_is_rejected():
    with pytest.raises(ValueError, match=r"^grad\(x\)\.b has shape \(3,\); expected \(2,\)"):
        Directions({"W": np.ones(9), "b": np.ones(2)}, 1).flatten(
            "grad(x)", (np.ones(9), np.ones(3))
        )
