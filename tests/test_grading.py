"""Grading one question: what passes, what fails, what is said of a value that is no gradient."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from test_main import RIGHT

from hwlib import __main__ as program
from hwlib import grading, hinge, network
from hwlib.gradcheck import mistakes
from hwlib.questions import QUESTIONS

BY_NUMBER = {q.number: q for q in QUESTIONS}
DELTA, OUTPUT = BY_NUMBER["2.1"], BY_NUMBER["2.2"]


@pytest.fixture(scope="module")
def right():
    """The right functions, by name."""
    functions = {}
    exec(RIGHT, functions)
    return functions


def flat(gradient):
    parts = gradient if isinstance(gradient, tuple | list) else [gradient]
    return np.concatenate([np.ravel(part) for part in parts])


def graded(number, wrong):
    """Grade what a function of the case returns for it: computed beforehand, as a reader would."""
    question = BY_NUMBER[number]
    values = {id(case): wrong(case) for case in question.cases}
    given = [value for case in question.cases for value in [values[id(case)]] * grading.CALLS]
    given.insert(0, given[0])  # the call that may print
    return grading.grade(question, lambda *args: given.pop(0))


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_right_function_passes_at_both_points(number, right):
    question = BY_NUMBER[number]
    grade = grading.grade(question, right[question.name])
    assert grade
    assert grade.status == "passed"
    assert not grade.report.weak
    assert grade.message.startswith("passed: ")
    assert grade.message.endswith(", at 2 points")
    assert "\n" not in grade.message
    assert grade.why == grade.traceback == ""


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_points_are_irregular_and_tell_every_mistake_from_every_other(number, right):
    question = BY_NUMBER[number]
    for case in question.cases:
        numbers = np.concatenate([flat(case.x), *(np.ravel(a) for a in case.args[-1:])])
        parameters = abs(flat(case.x))
        assert parameters.min() > 0.1
        assert abs(parameters - 1.0).min() > 0.01
        assert len(set(parameters.round(3))) == parameters.size
        assert 0.5 not in numbers
        gradient = flat(right[question.name](*case.args))
        assert np.sort(abs(gradient))[number[0] == "1" :].min() > 0.05  # but for the masked one
        seen = {name: flat(wrong(case.x)) for name, wrong, *_ in case.options["candidates"]}
        assert all(value.any() for value in seen.values())
        for name, value in seen.items():
            same = [other for other, v in seen.items() if np.allclose(v, value, rtol=1e-3)]
            assert same == [name]
            assert not np.allclose(value, gradient, rtol=1e-3)
    first, second = ([n for n, *_ in case.options["candidates"]] for case in question.cases)
    assert first == second
    lengths = [len(np.atleast_2d(case.args[1])) for case in question.cases]
    assert lengths[0] != lengths[1] or number in ("1.1", "2.1")


@pytest.mark.parametrize(
    ("number", "name"),
    [(q.number, name) for q in QUESTIONS
     for name, *_ in q.cases[0].options["candidates"][:: 1 if q.number < "2.4" else 4]],
)  # fmt: skip
def test_every_mistake_of_the_catalogue_fails_by_name(number, name):
    grade = graded(number, lambda case: next(
        wrong(case.x) for n, wrong, *_ in case.options["candidates"] if n == name))  # fmt: skip
    assert not grade
    assert grade.status == "failed"
    assert grade.report.matches == (name,)
    assert name in grade.message
    assert grade.why == name


def test_every_mistake_of_the_catalogue_is_known_to_the_last_question_of_its_model():
    for number, catalogue in [("1.2", mistakes.HINGE), ("2.4", mistakes.NETWORK)]:
        for case in BY_NUMBER[number].cases:
            assert [n for n, *_ in case.options["candidates"]] == [m.name for m in catalogue]


@pytest.mark.parametrize(
    ("number", "names"),
    [("1.1", ["x forgotten", "mask forgotten"]),
     ("2.1", ["y - y_hat", "y forgotten", "sigma' forgotten"]),
     ("2.2", ["z_j for a_j", "mean for sum", "only the first sample"]),
     ("2.3", ["ReLU gate forgotten", "W_j4 forgotten", "x_i forgotten", "transposed weights"])],
)  # fmt: skip
def test_a_part_has_the_mistakes_that_show_in_it(number, names):
    known = {name for name, *_ in BY_NUMBER[number].cases[0].options["candidates"]}
    assert known.issuperset(names)
    assert not known & {"lambda forgotten", "biases regularized"}  # right without a penalty
    assert ("z_j for a_j" in known) == (number == "2.2")


@pytest.mark.parametrize(
    "penalty",
    [lambda W, l2: W / 2, lambda W, l2: (1 - l2) * W, lambda W, l2: 2 * l2**2 * W,
     lambda W, l2: 0.37 * W, lambda W, l2: (l2 - 0.37) * W + 0.37 * W * (l2 < 1),
     lambda W, l2: l2**2 / 0.37 * W],
)  # fmt: skip
def test_a_penalty_that_is_right_for_one_lambda_fails(penalty, right):
    def bent(params, X, y, l2):
        W, b, w, c = right["loss_grad"](params, X, y)
        return W + penalty(params.W_hidden, l2), b, w + penalty(params.w_out, l2), c

    grade = grading.grade(BY_NUMBER["2.4"], bent)
    assert grade.status == "failed"
    assert "the penalty is wrong" in grade.why
    head = grade.message.splitlines()[0]
    assert head.endswith(("at point 1 of 2, l2 = 0.37", "at point 2 of 2, l2 = 1.9"))


@pytest.mark.parametrize(
    ("number", "function", "called"),
    [("1.2", lambda *args: hinge.loss_grad(*args), "hwlib.hinge.loss_grad"),
     ("1.2", lambda *args: mistakes.hinge_grad()(*args), "hwlib.gradcheck.mistakes.grad"),
     ("2.1", lambda z, y: network.log_loss_grad(z, y), "hwlib.network.log_loss_grad"),
     ("2.2", lambda *args: network.loss_grad(*args)[2:], "hwlib.network.loss_grad"),
     ("2.3", lambda *args: network.loss_grad(*args)[:2], "hwlib.network.loss_grad")],
)  # fmt: skip
def test_a_call_of_the_own_gradient_of_hwlib_fails(number, function, called):
    grade = grading.grade(BY_NUMBER[number], function)
    assert grade.status == "error"
    assert grade.message.endswith(f" calls hwlib's own gradient, {called}")
    assert grade.why == grade.message


@pytest.mark.parametrize("function", [network.loss_grad, hinge.loss_grad])
def test_a_function_that_is_imported_from_hwlib_is_no_answer(function):
    grade = grading.grade(BY_NUMBER["2.4" if function is network.loss_grad else "1.2"], function)
    assert grade.status == "error"
    assert grade.message.endswith(f" own gradient, {function.__module__}.loss_grad")


def test_nothing_stays_of_the_watch_over_calls():
    before = sys.getprofile()
    grading.grade(DELTA, lambda z, y: 1 / 0)
    assert sys.getprofile() is before


def test_other_functions_of_hwlib_may_be_called(right):
    def hidden(params, X, y):
        z, _, out, _ = network.forward(params, X)
        D = np.outer(network.sigmoid(out) - y, params.w_out) * network.relu_grad(z)
        network.loss(params, X, y)
        return X.T @ D, D.sum(axis=0)

    assert grading.grade(BY_NUMBER["2.3"], hidden)


def test_a_function_that_flips_a_coin_fails_even_if_it_is_right_at_first(right):
    luck = iter([1.0] * 5 + [-1.0] * 99)
    grade = grading.grade(DELTA, lambda z, y: next(luck) * right["delta_out"](z, y))
    assert grade.status == "error"
    assert grade.message == "delta_out returns something else when called again"


def test_a_function_that_changes_its_argument_fails_though_its_value_is_right(right):
    def spoils(params, X, y):
        value = right["output_grad"](params, X, y)
        params.w_out[1] = 0.0
        return value

    grade = grading.grade(OUTPUT, spoils)
    assert grade.status == "error"
    assert grade.message == "output_grad changes what it is given: params, X, y"


def test_what_a_function_prints_is_printed_once(right, capsys):
    grading.grade(DELTA, lambda z, y: print("seen") or right["delta_out"](z, y))
    assert capsys.readouterr().out == "seen\n"


def test_an_unknown_mistake_is_told_with_its_place(right):
    def bent(theta, X, y):
        return right["hinge_grad"](theta, X, y) * [1.0, 0.7, 1.0, 1.0, 1.3, 1.0, 1.0]

    grade = grading.grade(BY_NUMBER["1.2"], bent)
    assert grade.status == "failed"
    assert grade.why == "unknown mistake in theta[1], theta[4]"
    grade = grading.grade(BY_NUMBER["1.2"], lambda *args: right["hinge_grad"](*args) ** 2)
    assert grade.why.startswith("unknown mistake in theta[0], theta[1], ")


@pytest.mark.parametrize(
    ("question", "value", "said"),
    [
        (DELTA, None, " returned None: is a return missing?"),
        (DELTA, np.zeros(3), "(...) has shapes [(3,)]; expected [(8,)]"),
        (DELTA, np.zeros((8, 1)), "(...) has shapes [(8, 1)]; expected [(8,)]"),
        (DELTA, np.zeros((3000, 3000)), "(...) has shapes [(3000, 3000)]; expected [(8,)]"),
        (DELTA, 1.0, "(...) has shapes [()]; expected [(8,)]"),
        (DELTA, "text", "(...) holds strings; expected integers or floats"),
        (DELTA, {}, "(...) holds object values; expected"),
        (DELTA, [[1, 2], [3]], "(...) is not an array of numbers"),
        (DELTA, np.ones(8, bool), "(...) holds booleans; expected"),
        (DELTA, 1j * np.ones(8), "(...) holds complex numbers; expected"),
        (DELTA, [object()] * 8, "(...) holds object values; expected"),
        (DELTA, iter([]), "(...) holds object values; expected"),
        (DELTA, (itself := []).append(itself) or itself, "(...) is not an array of numbers"),
        (DELTA, np.ma.masked_array(np.ones(8)), "(...) is or holds a masked array"),
        (OUTPUT, (np.zeros((3, 1)), np.zeros(1)),
         "(...) has shapes [(3, 1), (1,)]; expected [(3,), ()]"),
        (OUTPUT, np.zeros(3), "(...) has shapes [(3,)]; expected [(3,), ()]"),
        (OUTPUT, (np.zeros(3), None), "(...) holds object values; expected"),
        (OUTPUT, {"w_out": 1.0}, "(...) holds object values; expected"),
    ],
)  # fmt: skip
def test_what_is_no_gradient_is_named_plainly(question, value, said):
    grade = grading.grade(question, lambda *args: value)
    assert grade.status == "error"
    assert grade.message.startswith(f"{question.name}{said}")
    assert "\n" not in grade.message
    assert grade.report is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_fail(bad):
    grade = grading.grade(DELTA, lambda z, y: np.full(8, bad))
    assert grade.status == "failed"
    assert "NaN or infinite" in grade.message
    assert grade.why == "NaN or infinite"


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
        return np.zeros(3), 0.0

    before = [a.copy() for a in (OUTPUT.cases[0].args[0].w_out, *OUTPUT.cases[0].args[1:])]
    grading.grade(OUTPUT, spoil)
    for old, new in zip(
        before, (OUTPUT.cases[0].args[0].w_out, *OUTPUT.cases[0].args[1:]), strict=True
    ):
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
def test_what_cannot_be_called_so_is_told(function, said):
    grade = grading.grade(DELTA, function)
    assert said in grade.message
    assert grade.traceback == ""


def test_a_function_that_exits_ends_nothing_but_ctrl_c_does():
    def leave(error):
        raise error

    assert grading.grade(DELTA, lambda z, y: leave(SystemExit(0))).message.startswith("SystemExit")
    with pytest.raises(KeyboardInterrupt):
        grading.grade(DELTA, lambda z, y: leave(KeyboardInterrupt))


def test_the_help_names_each_question():
    for q in QUESTIONS:
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
