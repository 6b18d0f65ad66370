"""Grading one question: what passes, what fails, what is said of a value that is no gradient."""

from __future__ import annotations

import numpy as np
import pytest
from test_main import HOMEWORK as HOMEWORK_RIGHT
from test_main import RIGHT

from hwlib import __main__ as program
from hwlib import grading, hinge, network, optim
from hwlib._layout import Layout
from hwlib.gradcheck import mistakes, numerical_grad
from hwlib.gradcheck.problem import CALLS
from hwlib.grading import HOMEWORK, QUESTIONS
from hwlib.numbering import cite

BY_NUMBER = {q.number: q for q in QUESTIONS}
DELTA, OUTPUT = BY_NUMBER["2.1"], BY_NUMBER["2.2"]
BOTH = [pytest.param(q, id=f"{sheet} {q.number}")
        for sheet, questions in grading.SHEETS.items() for q in questions]  # fmt: skip


def functions(text):
    """Return the functions of a file, by name."""
    found = {}
    exec(text, found)
    return found


@pytest.fixture(scope="module")
def right():
    """The right functions of the book, by name."""
    return functions(RIGHT)


def right_for(question):
    is_book = any(question is q for q in QUESTIONS)
    return functions(RIGHT if is_book else HOMEWORK_RIGHT)[question.name]


def flat(gradient):
    parts = gradient if isinstance(gradient, tuple | list) else [gradient]
    return np.concatenate([np.ravel(part) for part in parts])


def graded(question, returned):
    """Grade what a function returns at the two points: computed beforehand, as a reader would."""
    given = [value for _ in range(CALLS) for value in returned]
    return grading.grade(question, lambda *args: given.pop(0) if given else returned[0])


def wrong_values(question, mistake):
    return [question.of(mistake.grad, *args) for args, *_ in question.cases]


def shows(question, mistake):
    """Whether a mistake of the catalogue makes an answer wrong, and leaves something of it."""
    return all(
        flat(value).any() and not np.allclose(flat(value), flat(question.of(question.right, *args)))
        for value, (args, *_) in zip(wrong_values(question, mistake), question.cases, strict=True)
    )


def is_part(question):
    """Whether a later question asks for more of the same: 2.4 on each sheet, for the network."""
    return any(question is q for q in (*HOMEWORK[:-1], *QUESTIONS[4:6]))


SHOWN = [(q, m) for q in (*QUESTIONS, *HOMEWORK) for m in q.catalogue if shows(q, m)]


@pytest.mark.parametrize("question", BOTH)
def test_the_right_function_passes_at_both_points(question):
    grade = grading.grade(question, right_for(question))
    assert grade
    assert grade.status == "passed"
    assert grade.message.startswith("passed: ")  # and not weak
    assert grade.message.endswith(", at 2 points")
    assert "\n" not in grade.message
    assert grade.why == grade.traceback == ""
    assert grade.points == question.points


@pytest.mark.parametrize("question", BOTH)
def test_what_stands_in_for_an_answer_is_right(question):
    for args, *_ in question.cases:
        expected = flat(right_for(question)(*args))
        np.testing.assert_allclose(flat(question.of(question.right, *args)), expected, rtol=1e-12)


def test_both_sheets_ask_for_the_same_functions_for_ten_points():
    assert [q.number for q in QUESTIONS] == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4"]
    assert [q[3:6] for q in QUESTIONS] == [q[3:6] for q in HOMEWORK]
    assert sum(q.points for q in QUESTIONS) == 10


@pytest.mark.parametrize("question", HOMEWORK, ids=lambda question: question.number)
def test_the_answer_of_the_book_is_wrong_for_the_homework(question, right):
    grade = grading.grade(question, right[question.name])
    assert grade.status == "failed"
    assert grade.points == 0
    of_book = {"1.1": "mask", "1.2": "mask", "1.3": "mask", "2.1": "labels"}
    if question.number in of_book:
        assert grade.why == f"{of_book[question.number]} of the book"


@pytest.mark.parametrize(
    ("name", "slip"),
    [("loss_grad", ("z < 0", "z > 0")), ("hidden_grad", ("z < 0", "z > 0")),
     ("output_grad", ("- (y + 1) / 2", "- y"))],
)  # fmt: skip
def test_what_is_taken_over_from_the_book_is_named(name, slip):
    question = next(q for q in HOMEWORK if q.name == name)
    wrong = functions(HOMEWORK_RIGHT.replace(*slip))[name]
    assert grading.grade(question, wrong).why in ("gate of the book", "labels of the book")


def slips(name, right, *wrongs):
    return [(name, HOMEWORK_RIGHT.replace(right, wrong), why) for wrong, why in wrongs]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [*slips("delta_out", "1 / (1 + np.exp(-z)) - (y + 1) / 2",
            ("-1 / (1 + np.exp(y * z))", "y forgotten before sigma(-y z)"),
            ("-y / (1 + np.exp(z))", "y forgotten in sigma(-y z)"),
            ("-y / (1 + np.exp(-y * z))", "sigma(y z) for sigma(-y z)"),
            ("y / (1 + np.exp(y * z))", "y - y_hat"),
            ("-y * np.exp(-y * z)", "1/q forgotten, q = 1 + exp(-y z)"),
            ("1 / (1 + np.exp(-y * z))", "derivative of q = 1 + exp(-y z) forgotten"),
            ("-y * (1 + np.exp(-y * z))", "sigma' forgotten")),
     *slips("hidden_grad", "np.outer(d, params.w_out)",
            ("np.outer(d, np.ones(3))", "w_j forgotten"),
            ("np.outer(d, params.w_out - 0.1 * a.T @ d)", "w_j after its step")),
     *slips("hidden_grad", "* (z < 0)", ("", "ReLU gate forgotten"))],
)  # fmt: skip
@pytest.mark.sampled(5)
def test_a_natural_slip_in_the_formulas_of_the_homework_is_named(name, text, why):
    assert text != HOMEWORK_RIGHT
    question = next(q for q in HOMEWORK if q.name == name)
    assert grading.grade(question, functions(text)[name]).why == why


def test_the_units_of_the_book_are_named_in_the_homework():
    text = HOMEWORK_RIGHT.replace("np.minimum", "np.maximum").replace("z < 0", "z > 0")
    assert grading.grade(HOMEWORK[6], functions(text)["loss_grad"]).why == "units of the book"


def test_the_homework_is_the_model_that_its_docstring_tells():
    (params, X, y, l2), _, loss = HOMEWORK[6].cases[0]
    assert set(y) == {-1.0, 1.0}
    a = np.minimum(X @ params.W_hidden + params.b_hidden, 0.0)
    data = np.log1p(np.exp(-y * (a @ params.w_out + params.b_out))).sum()
    penalty = l2 / 2 * sum((W**2).sum() for W in (params.W_hidden, params.w_out))
    assert loss(params._asdict()) == pytest.approx(data + penalty, rel=1e-12)
    (theta, X, y), _, loss = HOMEWORK[1].cases[0]
    margin = y * (X @ (theta * [1, 1, 1, 0, 1, 1, 1]))
    assert loss(theta) == pytest.approx(np.maximum(1 - margin, 0).sum(), rel=1e-12)
    u = X[:, 5] / X[0, 5] * np.sign(X[0, 5])  # columns are multiples of powers: 3 is the cubic one
    np.testing.assert_allclose(X[:, 3] / u**3, np.full(len(u), X[0, 3] / u[0] ** 3), rtol=1e-9)


def test_a_pass_visits_each_sample_once_with_the_weights_of_then():
    theta, X, y, step_size = QUESTIONS[2].cases[0][0]
    sample_grad = lambda theta, i: hinge.loss_grad(theta, X[[i]], y[[i]])  # noqa: E731
    expected = next(optim.sgd(sample_grad, theta, len(y), step_size=step_size))
    np.testing.assert_array_equal(
        QUESTIONS[2].of(QUESTIONS[2].right, theta, X, y, step_size), expected
    )
    moved = [bool(sample_grad(theta, i).any()) for i in range(len(y))]
    assert 0 < sum(moved) < len(y)


def test_a_report_of_weights_does_not_call_them_a_gradient():
    (mistake,) = (m for m in QUESTIONS[2].catalogue if m.name == "two passes")
    for grade in (graded(QUESTIONS[2], wrong_values(QUESTIONS[2], mistake)),
                  grading.grade(QUESTIONS[2], lambda theta, *_: theta * 1.7)):  # fmt: skip
        assert "new theta" in grade.message
        assert "gradient" not in grade.message.partition("reread")[0]
        assert "step_size = " in grade.message.splitlines()[0]
        rows = [len(row) for row in grade.message.splitlines()[1:9]]
        assert len(set(rows)) <= 2  # aligned: a verdict is "differs" or "agrees"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("as on the source sheet", "if label * (x @ theta) >= 1: theta = theta + a * label * x"),
     ("branches swapped", "if label * (m * x @ theta) >= 1: theta = theta + a * label * m * x"),
     ("sign", "if label * (m * x @ theta) < 1: theta = theta - a * label * m * x"),
     ("mask forgotten", "if label * (m * x @ theta) < 1: theta = theta + a * label * x"),
     ("no mask at all", "if label * (x @ theta) < 1: theta = theta + a * label * x"),
     ("margin test on h", "if m * x @ theta < 1: theta = theta + a * label * m * x"),
     ("margin test forgotten", "theta = theta + a * label * m * x"),
     ("step size forgotten", "if label * (m * x @ theta) < 1: theta = theta + label * m * x"),
     ("margins not computed anew",
      "if label * (m * x @ start) < 1: theta = theta + a * label * m * x"),
     ("each step from the start",
      "theta = start + a * label * m * x if label * (m * x @ start) < 1 else start")],
)  # fmt: skip
@pytest.mark.sampled(5)
def test_a_slip_in_the_loop_is_named(name, wrong):
    source = (
        "def algorithm_pass(theta, X, y, a):\n    m, start = np.where(np.arange(7) == 5, 0, 1), "
    )
    source += f"theta\n    for x, label in zip(X, y):\n        {wrong}\n    return theta"
    wrong_pass = functions("import numpy as np\n" + source)["algorithm_pass"]
    assert grading.grade(QUESTIONS[2], wrong_pass).why == name


def test_what_stands_in_for_delta_takes_single_numbers_too():
    assert float(DELTA.of(DELTA.right, 0.0, 1.0)) == -0.5


@pytest.mark.parametrize("question", BOTH)
def test_the_points_are_irregular_and_tell_every_mistake_from_every_other(question):
    number = question.number
    for args, x, _ in question.cases:
        parameters = abs(Layout(x).vector)
        assert parameters.min() > 0.1
        assert abs(parameters - 1.0).min() > 0.01
        assert len(set(parameters.round(3))) == parameters.size
        assert 0.5 not in [*parameters, *np.ravel(args[-1])]
        gradient = flat(right_for(question)(*args))
        n_masked = number in ("1.1", "1.2")
        assert np.sort(abs(gradient))[n_masked:].min() > 0.05
        seen = {m.name: flat(question.of(m.grad, *args)) for q, m in SHOWN if q is question}
        for name, value in seen.items():
            near = [other for other, v in seen.items() if np.allclose(v, value, rtol=1e-3)]
            assert near == [name] or number not in ("1.2", "1.3", "2.4")
            assert all(np.allclose(seen[other], value, rtol=1e-12) for other in near)  # or the same
            assert not np.allclose(value, gradient, rtol=1e-3)
    lengths = [len(np.atleast_2d(args[1])) for args, *_ in question.cases]
    assert lengths[0] != lengths[1] or number in ("1.1", "2.1")


@pytest.mark.parametrize(
    ("question", "mistake"),
    [pytest.param(q, m, id=f"{q.number} {m.name}", marks=[pytest.mark.slow] * is_part(q))
     for q, m in SHOWN],
)  # fmt: skip
@pytest.mark.sampled(5)
def test_every_mistake_of_the_catalogue_fails_by_name(question, mistake):
    grade = graded(question, wrong_values(question, mistake))
    assert grade.status == "failed"
    assert f"this is the mistake {mistake.name!r}" in grade.message
    assert mistake.name in grade.why.split(" or ")
    assert grade.why == mistake.name or question.number not in ("1.2", "1.3", "2.4")
    (reread,) = [line for line in grade.message.splitlines() if line.startswith("reread ")]
    assert reread[len("reread (") :][:3] <= question.number  # no later page


def test_every_mistake_of_the_catalogue_is_known_to_the_last_question_of_its_model():
    for number, catalogue in [("1.2", mistakes.HINGE), ("2.4", mistakes.NETWORK)]:
        assert [m for q, m in SHOWN if q is BY_NUMBER[number]] == [*catalogue]


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


@pytest.mark.parametrize("question", BOTH)
@pytest.mark.sampled(5)
def test_the_right_numbers_of_one_point_are_no_answer(question):
    for args, *_ in question.cases:
        value = right_for(question)(*args)
        grade = grading.grade(question, lambda *args, value=value: value)
        assert grade.status == "failed"
        assert " of 2" in grade.message.splitlines()[0]


@pytest.mark.parametrize("question", BOTH)
@pytest.mark.sampled(5)
def test_the_right_numbers_of_both_points_are_no_answer_either(question):
    grade = graded(question, [right_for(question)(*args) for args, *_ in question.cases])
    assert grade.status == "failed"
    assert grade.points == 0
    assert grade.why == (
        "right at the two points of hwlib.grading alone, wrong at one that is drawn anew"
    )


@pytest.mark.parametrize("step", [1e-4, 1e-5, 1e-6])
@pytest.mark.parametrize("number", ["1.2", "2.1", "2.4"])
def test_finite_differences_are_told_by_what_they_are_exact_to(number, step):
    losses = {"1.2": hinge.loss, "2.1": lambda z, y: network.log_loss(z, y).sum(),
              "2.4": network.loss}  # fmt: skip

    def differences(first, *given):
        layout = Layout(first)
        f, slopes = lambda v: losses[number](layout.point(v), *given), []
        for axis in step * np.eye(len(layout.vector)):
            slopes.append((f(layout.vector + axis) - f(layout.vector - axis)) / (2 * step))
        return layout.point(np.array(slopes))

    grade = grading.grade(BY_NUMBER[number], differences)
    assert grade.status == "failed"
    assert grade.why.startswith("right to ")
    assert "from finite differences, in float32, or with a small number added" in grade.why
    assert grade.why.endswith("? Return the derivative itself")


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
     ("2.4", network.loss_grad, "loss_grad"),
     ("1.1", lambda *args: QUESTIONS[0].of(QUESTIONS[0].right, *args), "answer"),
     ("1.2", QUESTIONS[1].right, "grad"),
     ("1.3", lambda *args: QUESTIONS[2].right(*args), "_pass"),
     ("1.3", lambda theta, X, y, a: next(optim.sgd(lambda t, i: 0 * t, theta, 3, step_size=a)),
      "sgd"),
     ("2.4", mistakes.network_grad(), "grad"),
     ("2.4", lambda *args: mistakes.network_grad()(*args), "network_grad")],
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


def test_hwlib_has_its_gradients_again_after_a_grade():
    before = [f.__code__ for f in (network.loss_grad, QUESTIONS[1].right, grading.check_grad)]
    for function in (lambda z, y: 1 / 0, network.log_loss_grad, right_for(DELTA)):
        grading.grade(DELTA, function)
        after = [f.__code__ for f in (network.loss_grad, QUESTIONS[1].right, grading.check_grad)]
        assert after == before
    assert network.log_loss_grad(0.0, 1.0) == -0.5


def test_a_grade_within_a_grade_leaves_no_way_in():
    def inner(*args):
        grading.grade(QUESTIONS[1], lambda *args: args[0])
        return hinge.loss_grad(*args)

    grade = grading.grade(QUESTIONS[1], inner)
    assert grade.status == "error"
    assert "hwlib's own" in grade.why
    assert hinge.loss_grad(*QUESTIONS[1].cases[0][0]).any()


@pytest.mark.parametrize("detail", grading.DETAILS)
def test_a_grade_shows_no_more_than_its_detail(detail, right):
    grade = grading.grade(DELTA, lambda z, y: right["delta_out"](z, y) + y, detail)
    assert ("y forgotten" in grade.message) == (detail == "diagnosis")
    assert ("z[3]" in grade.message) == (detail != "verdict")
    assert grade.message.startswith("FAILED")


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
@pytest.mark.sampled(5)
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
