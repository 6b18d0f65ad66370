"""Grading one question: what passes, what fails, what is said of a value that is no gradient."""

from __future__ import annotations

import numpy as np
import pytest
from test_main import RIGHT

from hwlib import __main__ as program
from hwlib import grading

BY_NUMBER = {q.number: q for q in grading.QUESTIONS}
DELTA, OUTPUT = BY_NUMBER["2.1"], BY_NUMBER["2.2"]


@pytest.fixture(scope="module")
def right():
    """The right functions, by name."""
    functions = {}
    exec(RIGHT, functions)
    return functions


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_right_function_passes_at_a_point_that_hides_nothing(number, right):
    question = BY_NUMBER[number]
    grade = grading.grade(question, right[question.name])
    assert grade
    assert grade.status == "passed"
    assert not grade.report.weak
    assert grade.message == str(grade.report)
    assert grade.likely == grade.traceback == ""


@pytest.mark.parametrize(
    ("question", "name", "wrong"),
    [(q, name, wrong) for q in grading.QUESTIONS
     for name, wrong, _ in q.options.get("candidates", ())[:: 1 if q.number < "2.4" else 4]],
    ids=lambda value: getattr(value, "number", value if isinstance(value, str) else ""),
)  # fmt: skip
def test_every_mistake_of_the_catalogue_fails_by_name(question, name, wrong):
    grade = grading.grade(question, lambda *args: wrong(question.x))
    assert not grade
    assert grade.status == "failed"
    assert name in grade.report.matches
    assert name in grade.message
    assert grade.likely == grade.report.matches[0]


@pytest.mark.parametrize(
    ("number", "names"),
    [("2.1", ["y - y_hat", "y forgotten", "sigma' forgotten"]),
     ("2.2", ["z_j for a_j", "mean for sum", "only the first sample"]),
     ("2.3", ["ReLU gate forgotten", "W_j4 forgotten", "x_i forgotten", "transposed weights"])],
)  # fmt: skip
def test_a_part_has_the_mistakes_that_show_in_it(number, names):
    known = {name for name, *_ in BY_NUMBER[number].options["candidates"]}
    assert known.issuperset(names)
    assert not known & {"lambda forgotten", "biases regularized"}  # right without a penalty
    assert ("z_j for a_j" in known) == (number == "2.2")


def test_an_unknown_mistake_is_told_in_words(right):
    def halved(params, X, y):
        W, b = right["hidden_grad"](params, X, y)
        return W * np.array([[1.0, 0.7, 1.0], [1.0, 1.0, 1.3]]), b

    grade = grading.grade(BY_NUMBER["2.3"], halved)
    assert grade.status == "failed"
    assert "W_hidden" in grade.likely
    assert "\n" not in grade.likely


@pytest.mark.parametrize(
    ("question", "value", "said"),
    [
        (DELTA, None, "delta_out returned None: is a return missing?"),
        (DELTA, np.zeros(3), "an array of shape (3,); expected an array of shape (8,)"),
        (DELTA, np.zeros((8, 1)), "an array of shape (8, 1); expected an array of shape (8,)"),
        (DELTA, np.zeros((3000, 3000)), "an array of shape (3000, 3000); expected"),
        (DELTA, 1.0, "a number; expected an array of shape (8,)"),
        (DELTA, "text", "a str (it holds strings; expected"),
        (DELTA, {}, "a dict (it holds object values; expected"),
        (DELTA, [[1, 2], [3]], "a list (it is not an array of numbers"),
        (DELTA, np.ones(8, bool), "a ndarray (it holds booleans; expected"),
        (DELTA, 1j * np.ones(8), "a ndarray (it holds complex numbers; expected"),
        (DELTA, [object()] * 8, "a list (it holds object values; expected"),
        (DELTA, iter([]), "a list_iterator (it "),
        (DELTA, (itself := []).append(itself) or itself, "a list ("),
        (DELTA, np.ma.masked_array(np.ones(8)), "a MaskedArray (it is or holds a masked array"),
        (OUTPUT, (np.zeros((3, 1)), np.zeros(1)),
         "an array of shape (3, 1) and an array of shape (1,); "
         "expected an array of shape (3,) and a number"),
        (OUTPUT, np.zeros(3), "an array of shape (3,); expected an array of shape (3,) and a"),
        (OUTPUT, (np.zeros(3), None), "an array of shape (3,) and a NoneType (it "),
        (OUTPUT, {"w_out": 1.0}, "a dict (it "),
    ],
)  # fmt: skip
def test_what_is_no_gradient_is_named_plainly(question, value, said):
    grade = grading.grade(question, lambda *args: value)
    assert grade.status == "error"
    assert grade.message.startswith(f"{question.name} returned ")
    assert said in grade.message
    assert "\n" not in grade.message
    assert grade.report is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_fail(bad):
    grade = grading.grade(DELTA, lambda z, y: np.full(8, bad))
    assert grade.status == "failed"
    assert "NaN or infinite" in grade.message


@pytest.mark.parametrize(
    "kind", [list, np.ndarray.tolist, lambda g: g.astype("float32"), lambda g: g.astype("float16")]
)
def test_lists_and_narrower_floats_are_gradients_too(kind, right):
    rtol = np.finfo("float16").eps  # not what is graded: that they are compared at all
    grade = grading.grade(DELTA, lambda z, y: kind(right["delta_out"](z, y)))
    assert grade.report.max_error < rtol


def test_a_list_stands_for_a_tuple(right):
    assert grading.grade(OUTPUT, lambda *args: list(right["output_grad"](*args)))


def test_a_function_gets_copies():
    def spoil(params, X, y):
        X[:] = y[:] = params.w_out[:] = 9

    before = [a.copy() for a in (OUTPUT.args[0].w_out, *OUTPUT.args[1:])]
    grading.grade(OUTPUT, spoil)
    for old, new in zip(before, (OUTPUT.args[0].w_out, *OUTPUT.args[1:]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_error_comes_with_the_traceback_of_the_function_alone():
    def helper(z):
        return z / np.zeros(3)

    grade = grading.grade(DELTA, lambda z, y: helper(z))
    line = helper.__code__.co_firstlineno + 1
    assert grade.status == "error"
    assert grade.message.startswith("ValueError: operands could not be broadcast")
    assert grade.message.endswith(f" (line {line})")
    assert grade.traceback.startswith("Traceback (most recent call last):\n")
    assert f"line {line}, in helper\n    return z / np.zeros(3)" in grade.traceback
    assert "grading.py" not in grade.traceback.replace(__file__, "")


@pytest.mark.parametrize(
    ("function", "said"),
    [(lambda z: z, "takes 1 positional argument but 2 were given"),
     (np.zeros(8), "'numpy.ndarray' object is not callable"),
     (None, "'NoneType' object is not callable")],
)  # fmt: skip
def test_what_cannot_be_called_so_is_told_how_it_is_called(function, said):
    grade = grading.grade(DELTA, function)
    assert said in grade.message
    assert grade.message.endswith("; it is called as delta_out(z, y)")
    assert grade.traceback == ""


def test_a_function_that_exits_ends_nothing_but_ctrl_c_does():
    def leave(error):
        raise error

    assert grading.grade(DELTA, lambda z, y: leave(SystemExit(0))).message.startswith("SystemExit")
    with pytest.raises(KeyboardInterrupt):
        grading.grade(DELTA, lambda z, y: leave(KeyboardInterrupt))


def test_the_help_names_each_question():
    for q in grading.QUESTIONS:
        assert f"{q.number}  {q.name}({q.arguments}) " in program.__doc__


def test_long_text_is_cut_and_printable():
    text = grading.tidy("\x1b[2J\a" + "x" * 10**6 + "\n" + "y\n" * 10**5 + "end")
    rows = text.splitlines()
    assert len(rows) == 41
    assert rows[0].startswith("[2Jx")
    assert rows[20] == "[... lines are left out ...]"
    assert rows[-1] == "end"
    assert all(row.isprintable() and len(row) <= 500 for row in rows)
    assert grading.tidy("a\nb") == "a\nb"
