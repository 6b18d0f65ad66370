"""Wrong shapes, axes and transposes in a backward pass: none passes. Right ones all do."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from test_gradcheck import remembering

from benchmarks.wrong_gradients import shapes
from hwlib import layers
from hwlib._layout import Layout
from hwlib.gradcheck import check_grad

SQUARE = shapes.problem((3, 3, 3), 3, seed=0)
OBLONG = shapes.problem((2, 4, 3), 5, seed=1)
PROBLEMS = {"square": SQUARE, "oblong": OBLONG}
LOSSES = {
    name: remembering(lambda params, data=data: layers.loss(params, *data))
    for name, (_, *data) in PROBLEMS.items()
}

wrong = pytest.mark.parametrize(("line", "code"), shapes.rows(shapes.WRONG))
right = pytest.mark.parametrize(("line", "code"), shapes.rows(shapes.RIGHT))


def report_of(name, line, code):
    params, *data = PROBLEMS[name]
    return check_grad(LOSSES[name], shapes.backward(line, code, *data), params)


def test_there_are_as_many_as_announced():
    for table, least in ((shapes.WRONG, 80), (shapes.RIGHT, 30)):
        rows = shapes.rows(table)
        assert len(set(rows)) == len(rows) >= least
        assert set(table) == set(shapes.LINES)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_point_is_a_good_one(name):
    report = report_of(name, "delta", shapes.LINES["delta"])
    assert report and not report.weak


@wrong
def test_no_wrong_line_passes(line, code):
    assert not report_of("square", line, code)  # all of them run there


def test_what_runs_for_other_shapes_is_wrong_there_too():
    params, *data = OBLONG
    layout, runs = Layout(params), 0
    right = layout.flatten("right", layers.loss_grad(params, *data))
    for line, code in shapes.rows(shapes.WRONG):
        with suppress(ValueError, IndexError):  # whoever wrote it sees that the shapes do not fit
            wrong = layout.flatten("wrong", shapes.backward(line, code, *data)(params))
            runs += 1
            assert not np.allclose(wrong, right, rtol=1e-5, atol=0.0), code
    assert 60 < runs < len(shapes.rows(shapes.WRONG)) - 30


@right
def test_no_right_line_is_rejected(line, code):
    report = report_of("oblong", line, code)
    assert report and not report.weak
