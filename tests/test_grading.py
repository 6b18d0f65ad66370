"""Grading one question: what passes, what fails, what is said of a value that is no gradient."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from test_main import RIGHT

from hwlib import __main__ as program
from hwlib import grading, hinge, network
from hwlib._layout import Layout
from hwlib.gradcheck import mistakes, numerical_grad
from hwlib.gradcheck.problem import CALLS
from hwlib.grading import QUESTIONS
from hwlib.numbering import cite

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


def graded(question, returned):
    """Grade what a function returns at each point: computed beforehand, as a reader would."""
    given = [value for _ in range(CALLS) for value in returned]
    return grading.grade(question, lambda *args: given.pop(0))


def wrong_values(question, mistake):
    return [question.of(mistake.grad, *args) for args, *_ in question.cases]


def shows(question, mistake):
    """Whether a mistake of the catalogue makes an answer wrong, and leaves something of it."""
    return all(
        flat(value).any() and not np.allclose(flat(value), flat(question.of(question.right, *args)))
        for value, (args, *_) in zip(wrong_values(question, mistake), question.cases, strict=True)
    )


SHOWN = [(q, m) for q in QUESTIONS for m in q.catalogue if shows(q, m)]


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_right_function_passes_at_both_points(number, right):
    question = BY_NUMBER[number]
    grade = grading.grade(question, right[question.name])
    assert grade
    assert grade.status == "passed"
    assert grade.message.startswith("passed: ")  # and not weak
    assert grade.message.endswith(", at 2 points")
    assert "\n" not in grade.message
    assert grade.why == grade.traceback == ""


@pytest.mark.parametrize("number", BY_NUMBER)
def test_what_stands_in_for_an_answer_is_right(number, right):
    question = BY_NUMBER[number]
    for args, *_ in question.cases:
        expected = flat(right[question.name](*args))
        np.testing.assert_allclose(flat(question.of(question.right, *args)), expected, rtol=1e-12)


def test_what_stands_in_for_delta_takes_single_numbers_too():
    assert float(DELTA.of(DELTA.right, 0.0, 1.0)) == -0.5


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_points_are_irregular_and_tell_every_mistake_from_every_other(number, right):
    question = BY_NUMBER[number]
    for args, x, _ in question.cases:
        parameters = abs(Layout(x).vector)
        assert parameters.min() > 0.1
        assert abs(parameters - 1.0).min() > 0.01
        assert len(set(parameters.round(3))) == parameters.size
        assert 0.5 not in [*parameters, *np.ravel(args[-1])]
        gradient = flat(right[question.name](*args))
        assert np.sort(abs(gradient))[number[0] == "1" :].min() > 0.05  # but for the masked one
        seen = {m.name: flat(question.of(m.grad, *args)) for q, m in SHOWN if q is question}
        for name, value in seen.items():
            near = [other for other, v in seen.items() if np.allclose(v, value, rtol=1e-3)]
            assert near == [name] or number not in ("1.2", "2.4")
            assert all(np.allclose(seen[other], value, rtol=1e-12) for other in near)  # or the same
            assert not np.allclose(value, gradient, rtol=1e-3)
    lengths = [len(np.atleast_2d(args[1])) for args, *_ in question.cases]
    assert lengths[0] != lengths[1] or number in ("1.1", "2.1")


@pytest.mark.parametrize(
    ("question", "mistake"), [pytest.param(q, m, id=f"{q.number} {m.name}") for q, m in SHOWN]
)
def test_every_mistake_of_the_catalogue_fails_by_name(question, mistake):
    grade = graded(question, wrong_values(question, mistake))
    assert grade.status == "failed"
    assert f"this is the mistake {mistake.name!r}" in grade.message
    assert mistake.name in grade.why.split(" or ")
    assert grade.why == mistake.name or question.number not in ("1.2", "2.4")
    (reread,) = [line for line in grade.message.splitlines() if line.startswith("reread ")]
    assert reread[len("reread (") :][:3] <= question.number  # no later page


def test_every_mistake_of_the_catalogue_is_known_to_the_last_question_of_its_model():
    for number, catalogue in [("1.2", mistakes.HINGE), ("2.4", mistakes.NETWORK)]:
        assert [m for q, m in SHOWN if q.number == number] == [*catalogue]


@pytest.mark.parametrize(
    ("number", "names"),
    [("1.1", ["x forgotten", "mask forgotten"]),
     ("2.1", ["y - y_hat", "y forgotten", "sigma' forgotten"]),
     ("2.2", ["z_j for a_j", "mean for sum"]),
     ("2.3", ["ReLU gate forgotten", "W_j4 forgotten", "x_i forgotten", "transposed weights"])],
)  # fmt: skip
def test_a_part_has_the_mistakes_that_show_in_it(number, names):
    known = {m.name for q, m in SHOWN if q.number == number}
    assert known.issuperset(names)
    assert not known & {"lambda forgotten", "biases regularized"}  # right without a penalty
    assert ("z_j for a_j" in known) == (number == "2.2")


def test_a_mean_is_told_on_the_page_of_its_question(right):
    def mean(params, X, y):
        return [part / len(X) for part in right["output_grad"](params, X, y)]

    grade = grading.grade(OUTPUT, mean)
    assert "mean for sum" in grade.why
    assert f"reread {cite('eq-grad-w-out')}" in grade.message


@pytest.mark.skipif(
    "no mask at all" not in [m.name for m in mistakes.HINGE], reason="not in the catalogue"
)
def test_the_answer_of_the_source_sheet_to_the_hinge_loss_is_named():
    def sheet(theta, X, y):
        return sum(-label * x for x, label in zip(X, y, strict=True) if label * (x @ theta) < 1)

    assert grading.grade(BY_NUMBER["1.2"], sheet).why == "no mask at all"


@pytest.mark.parametrize("number", BY_NUMBER)
def test_the_right_numbers_of_one_point_are_no_answer(number, right):
    question = BY_NUMBER[number]
    for args, *_ in question.cases:
        value = right[question.name](*args)
        grade = grading.grade(question, lambda *args, value=value: value)
        assert grade.status == "failed"
        assert " of 2" in grade.message.splitlines()[0]


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
    [("1.2", lambda *args: hinge.loss_grad(*args), "loss_grad"),
     ("1.2", hinge.loss_grad, "loss_grad"),
     ("2.1", lambda z, y: network.log_loss_grad(z, y), "log_loss_grad"),
     ("2.2", lambda *args: network.loss_grad(*args)[2:], "loss_grad"),
     ("2.3", lambda *args: network.loss_grad(*args)[:2], "loss_grad"),
     ("2.1", lambda z, y: numerical_grad(lambda z: network.log_loss(z, y).sum(), z),
      "numerical_grad"),
     ("2.4", network.loss_grad, "loss_grad")],
)  # fmt: skip
def test_a_gradient_of_hwlib_is_no_answer(number, function, called):
    question = BY_NUMBER[number]
    grade = grading.grade(question, function)
    assert grade.status == "error"
    assert grade.message == f"{question.name} calls hwlib's own {called}: write it yourself"
    assert grade.why == grade.message


def test_other_functions_of_hwlib_may_be_called():
    def hidden(params, X, y):
        z, _, out, _ = network.forward(params, X)
        D = np.outer(network.sigmoid(out) - y, params.w_out) * network.relu_grad(z)
        network.loss(params, X, y)
        return X.T @ D, D.sum(axis=0)

    assert grading.grade(BY_NUMBER["2.3"], hidden)


def test_nothing_stays_of_the_watch_over_calls():
    before = sys.getprofile()
    grading.grade(DELTA, lambda z, y: 1 / 0)
    assert sys.getprofile() is before


def test_a_function_that_flips_a_coin_fails_even_if_it_is_right_at_first(right):
    luck = iter([1.0] * 5 + [-1.0] * 99)
    grade = grading.grade(DELTA, lambda z, y: next(luck) * right["delta_out"](z, y))
    assert grade.status == "failed"
    assert "not deterministic: two calls at the same point gave " in grade.message


def test_a_function_that_changes_its_argument_fails_though_its_value_is_right(right):
    def spoils(params, X, y):
        value = right["output_grad"](params, X, y)
        params.w_out[1] = 0.0
        return value

    grade = grading.grade(OUTPUT, spoils)
    assert grade.status == "error"
    assert grade.message.startswith("ValueError: assignment destination is an argument: copy it ")
    assert OUTPUT.cases[0][0][0].w_out[1] != 0.0


@pytest.mark.parametrize("number", BY_NUMBER)
def test_no_array_that_is_given_can_be_changed(number):
    for args, *_ in BY_NUMBER[number].cases:
        arrays = [a for a in (*args, *args[0]) if isinstance(a, np.ndarray)]
        assert arrays
        assert not any(a.flags.writeable for a in arrays)


def test_an_unknown_mistake_is_told_with_its_place_and_what_to_do_next(right):
    def bent(theta, X, y):
        return right["hinge_grad"](theta, X, y) * [1.0, 0.7, 1.0, 1.0, 1.3, 1.0, 1.0]

    grade = grading.grade(BY_NUMBER["1.2"], bent)
    assert grade.status == "failed"
    assert grade.why == "the gradient is wrong in theta[1], theta[4]"
    last = grade.message.splitlines()[-1]
    assert last.startswith("next: ")
    assert last.endswith(cite("eq-hinge-grad"))


@pytest.mark.parametrize(
    ("question", "value", "said"),
    [
        (DELTA, None, "delta_out returned None: is a return missing?"),
        (DELTA, np.zeros(3), "delta_out(...) has shape (3,); expected (8,)"),
        (DELTA, np.zeros((8, 1)), "delta_out(...) has shape (8, 1); expected (8,)"),
        (DELTA, np.zeros((3000, 3000)), "delta_out(...) has shape (3000, 3000); expected (8,)"),
        (DELTA, 1.0, "delta_out(...) has shape (); expected (8,)"),
        (DELTA, "text", "delta_out(...) holds strings; expected integers or floats"),
        (DELTA, {}, "delta_out(...) holds object values; expected"),
        (DELTA, [[1, 2], [3]], "delta_out(...) is not an array of numbers"),
        (DELTA, np.ones(8, bool), "delta_out(...) holds booleans; expected"),
        (DELTA, 1j * np.ones(8), "delta_out(...) holds complex numbers; expected"),
        (DELTA, [object()] * 8, "delta_out(...) holds object values; expected"),
        (DELTA, iter([]), "delta_out(...) holds object values; expected"),
        (DELTA, (itself := []).append(itself) or itself,
         "too deep (a function or a list in itself without end)"),
        (DELTA, np.ma.masked_array(np.ones(8)), "delta_out(...) is or holds a masked array"),
        (OUTPUT, (np.zeros((3, 1)), np.zeros(1)),
         "output_grad(...).w_out has shape (3, 1); expected (3,)"),
        (OUTPUT, np.zeros(3),
         "output_grad(...) has no part w_out and no part b_out; expected what --help says"),
        (OUTPUT, (np.zeros(3), None), "output_grad(...).b_out holds object values; expected"),
        (OUTPUT, {"w_out": 1.0}, "output_grad(...) has no part b_out; expected what --help says"),
    ],
)  # fmt: skip
def test_what_is_no_gradient_is_named_plainly(question, value, said):
    grade = grading.grade(question, lambda *args: value)
    assert grade.status == "error"
    assert grade.message.startswith(said)
    assert "\n" not in grade.message


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_fail(bad):
    grade = grading.grade(DELTA, lambda z, y: np.full(8, bad))
    assert grade.status == "failed"
    assert grade.why.startswith("the gradient is NaN or infinite in ")


@pytest.mark.parametrize("kind", [list, np.ndarray.tolist, np.longdouble])
def test_lists_and_other_floats_are_gradients_too(kind, right):
    assert grading.grade(DELTA, lambda z, y: kind(right["delta_out"](z, y)))


@pytest.mark.parametrize("kind", [list, lambda pair: {"b_out": pair[1], "w_out": pair[0]}])
def test_a_list_or_a_dict_stands_for_a_tuple(kind, right):
    assert grading.grade(OUTPUT, lambda *args: kind(right["output_grad"](*args)))


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
    assert "cProfile" not in grade.traceback


@pytest.mark.parametrize(
    ("function", "said"),
    [(lambda z: z, "takes 1 positional argument but 2 were given"),
     (np.zeros(8), "'numpy.ndarray' object is not a function"),
     (None, "'NoneType' object is not a function")],
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
        assert f"    {q.number}  {q.name}(" in program.__doc__


def test_long_text_is_cut_and_printable():
    text = grading.tidy("\x1b[2J\a" + "x" * 10**6 + "\n" + "y\n" * 10**5 + "end")
    rows = text.splitlines()
    assert len(rows) == 41
    assert rows[0].startswith("[2Jx")
    assert rows[20] == "[... lines are left out ...]"
    assert rows[-1] == "end"
    assert all(row.isprintable() and len(row) <= 500 for row in rows)
    assert grading.tidy("a\nb") == "a\nb"
    most = "\n".join(map(str, range(41)))
    assert grading.tidy(most) == most
