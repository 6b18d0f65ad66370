"""hwlib.gradcheck.diagnosis: what a failing check says of the mistake, if it knows."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import numpy as np
import pytest
from test_gradcheck import TIE, model, remembering, tie_grad, tie_loss
from test_mistakes import FAMILIES, POINTS, applicable, check, layers_point, report_of

from hwlib import hinge, layers, network
from hwlib._layout import Layout
from hwlib.gradcheck import check_grad, mistakes
from hwlib.network import Parameters
from hwlib.numbering import cite
from hwlib.polynomial import LINEAR, NONLINEAR

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

CUBIC = np.array([1.0, -2.0, 3.0, 0.5])


class Pair(NamedTuple):
    A: np.ndarray
    b: np.ndarray


PAIR = Pair(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([7.0, 11.0]))
PAIR_GRAD = Pair(np.array([[3.0, -1.0], [2.0, -4.0]]), np.array([0.5, 6.0]))


def diagnose(wrong, x=CUBIC):
    """Diagnose a wrong gradient of sum(x**3), which is 3 * x**2: 3, 12, 27, 0.75."""
    return check_grad(lambda x: np.sum(x**3), lambda x: np.asarray(wrong), x).diagnosis


def diagnose_pair(**fields):
    """Diagnose PAIR_GRAD with other fields, as the gradient of a linear function."""
    return check_grad(
        lambda p: np.sum(p.A * PAIR_GRAD.A) + p.b @ PAIR_GRAD.b,
        lambda p: PAIR_GRAD._replace(**{key: np.array(v) for key, v in fields.items()}),
        PAIR,
    ).diagnosis


# By hand


@pytest.mark.parametrize(
    ("wrong", "family", "evidence"),
    [
        ([-3, -12, -27, -0.75], "sign",
         "the sign is wrong in 4 coordinates of x: the gradient is -1 times the derivative"),
        ([-3, 12, 27, 0.75], "sign",
         "the sign is wrong in x[0]: the gradient is -1 times the derivative"),
        ([6, 24, 54, 1.5], "scale",
         "a factor is wrong in 4 coordinates of x: the gradient is 2 times the derivative"),
        ([3, 12, 13.5, 0.75], "scale",
         "a factor is wrong in x[2]: the gradient is 1/2 times the derivative"),
        ([3 / 7, 12 / 7, 27 / 7, 0.75 / 7], "scale",
         "a factor is wrong in 4 coordinates of x: the gradient is 1/7 times the derivative, "
         "right if f were the mean of n = 7 terms, and not their sum"),
        ([15, 60, 135, 3.75], "scale",
         "a factor is wrong in 4 coordinates of x: the gradient is 5 times the derivative, "
         "right if f were the sum of n = 5 terms, and not their mean"),
        ([-1, -4, -9, -0.25], "scale",
         "a factor is wrong in 4 coordinates of x: the gradient is -1/3 times the derivative"),
        ([3.0015, 12.006, 27.0135, 0.750375], "scale",
         "a factor is wrong in 4 coordinates of x: the gradient is 1.0005 times the derivative"),
        ([3.5, 11, 28.5, 1], "regularization",
         "the penalty is wrong in 4 coordinates of x: "
         "the gradient is off by 0.5 times the parameter "
         "(lambda = 0.5 added twice, or added though f has no penalty)"),
        ([2.5, 13, 25.5, 0.5], "regularization",
         "the penalty is wrong in 4 coordinates of x: "
         "the gradient is off by -0.5 times the parameter "
         "(lambda = 0.5 forgotten, 1 halved, or 0.25 with the wrong sign)"),
        ([-2.9, -12.2, -26.7, -0.7], "sign",
         "the sign is wrong in 4 coordinates of x: the gradient is -1 times the derivative, "
         "beside a multiple of the parameter"),
        ([12, 3, 27, 0.75], "permutation",
         "values changed places in x[0], x[1]: x[1] holds the value of x[0]"),
        ([3, 12, 0, 0.75], "mask",
         "the gradient is 0 in x[2], and should not be"),
        ([3, 12.5, 25, 0.7], "unknown",
         "the gradient is wrong in x[1], x[2], x[3], with relative errors of up to 0.074, "
         "in no known pattern"),
        ([3.5, 12.5, 27.5, 1.25], "offset",
         "a term is wrong in 4 coordinates of x: the gradient is off by a constant 0.5"),
        ([3.1, 11.9, 27.1, 0.85], "regularization",
         "the penalty is wrong in 4 coordinates of x: "
         "the gradient is off by 0.1 times the sign of the parameter"),
        ([9, 144, 729, 0.5625], "factor",
         "a factor is wrong in 4 coordinates of x: the gradient is the square of the derivative"),
        ([3, -24, 81, 0.375], "factor",
         "a factor is wrong in x[1], x[2], x[3]: "
         "the gradient is the derivative times the parameter"),
        ([3, -6, 9, 1.5], "factor",
         "a factor is wrong in x[1], x[2], x[3]: "
         "the gradient is the derivative divided by the parameter"),
        ([0, 0, 0, 0], "zeros", "the gradient is 0 everywhere"),
        ([3, np.nan, np.inf, 0.75], "unknown",
         "the gradient is NaN or infinite in x[1], x[2]"),
    ],
)  # fmt: skip
def test_the_first_finding_by_hand(wrong, family, evidence):
    assert diagnose(wrong)[0] == (family, evidence, "")


@pytest.mark.parametrize(
    ("fields", "families", "evidence"),
    [
        ({"b": [0.3, 5.0]}, ["block"],
         "only b is wrong: in b[0], b[1]; the other 4 that were seen agree"),
        ({"b": [-0.5, -6]}, ["sign"],
         "the sign is wrong in b[0], b[1]: the gradient is -1 times the derivative"),
        ({"b": [0, 0]}, ["mask"],
         "the gradient is 0 in b[0], b[1], and should not be"),
        ({"A": [[3, 2], [-1, -4]]}, ["permutation"],
         "rows and columns changed places in A[0, 1], A[1, 0]: A[1, 0] holds the value of A[0, 1]"),
        ({"A": [[3.1, -0.8], [2.3, -3.5]]}, ["regularization"],
         "the penalty is wrong in 4 coordinates of A: "
         "the gradient is off by 0.1 times the parameter "
         "(lambda = 0.1 added twice, or added though f has no penalty)"),
        ({"A": [[3, 0], [2, 0]]}, ["mask"], "the gradient is 0 in A[:, 1], and should not be"),
        ({"A": [[3, -1], [0, 0]]}, ["mask"], "the gradient is 0 in A[1, :], and should not be"),
        # two mistakes in two fields
        ({"A": [[-3, 1], [-2, 4]], "b": [0.2, 2.4]}, ["sign", "scale"],
         "the sign is wrong in 4 coordinates of A: the gradient is -1 times the derivative"),
        ({"A": [[6, -2], [4, -8]], "b": [0.3, 5.0]}, ["scale", "unknown"],
         "a factor is wrong in 4 coordinates of A: the gradient is 2 times the derivative"),
        # 0.2 and 0.3 times the parameter are added in the columns
        ({"A": [[3.2, -0.4], [2.6, -2.5]]}, ["regularization"],
         "the penalty is wrong in 4 coordinates of A: "
         "the gradient is off by 0.2 and 0.3 times the parameter"),
    ],
)  # fmt: skip
def test_fields_by_hand(fields, families, evidence):
    found = diagnose_pair(**fields)
    assert [finding.family for finding in found] == families
    assert found[0].evidence == evidence


def layers_grad(p):
    """The gradient of the sum of sin(W)**2 + b**3 over all layers."""
    return {"layers": [{"W": np.sin(2 * q["W"]), "b": 3 * q["b"] ** 2} for q in p["layers"]]}


@pytest.mark.parametrize(
    ("layer", "key", "change", "evidence"),
    [
        (0, "W", lambda g: -g, "6 coordinates of layers[0].W: the gradient is -1 times"),
        (1, "b", lambda g: 2 * g, "layers[1].b[0], layers[1].b[1], layers[1].b[2]: the gradient"),
        (0, "W", lambda g: g * [1, 0, 1], "the gradient is 0 in layers[0].W[:, 1], and should"),
        (1, "W", lambda g: g * [[0], [1]], "the gradient is 0 in layers[1].W[0, :], and should"),
    ],
)
def test_nested_parts_are_told_by_their_names(layer, key, change, evidence, rng):
    x = {"layers": [{"W": rng.normal(size=(2, 3)), "b": rng.normal(size=3)} for _ in range(2)]}

    def loss(p):
        return sum(np.sum(np.sin(q["W"]) ** 2) + np.sum(q["b"] ** 3) for q in p["layers"])

    def wrong(p):
        grad = layers_grad(p)
        grad["layers"][layer][key] = change(grad["layers"][layer][key])
        return grad

    assert check_grad(loss, layers_grad, x)
    (finding,) = check_grad(loss, wrong, x).diagnosis
    assert evidence in finding.evidence
    if "0 in" not in evidence:
        (finding,) = check_grad(loss, wrong, x, directions=2).diagnosis
        assert f"layers[{layer}].{key}[direction 1]" in finding.evidence


class Four(NamedTuple):
    A: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray


@pytest.mark.parametrize(
    ("hit", "family"),
    [
        (["A[0, 0]", "A[1, 0]", "b[0]"], "block"),  # all of unit 0 in two of the fields
        (["A[0, 0]", "A[0, 1]", "A[1, 0]", "A[1, 1]", "b[0]", "b[1]"], "block"),
        (["A[0, 0]", "A[1, 0]", "b[1]"], "unknown"),  # A[0, 1] is of unit 1, and right
        (["A[0, 0]", "b[0]"], "unknown"),
        (["b[1]", "c[1]"], "unknown"),  # two are no block
        (["b[0]", "c[0]", "d[0]"], "unknown"),  # all fields but one
    ],
)
def test_a_block_of_several_fields_is_whole_columns(hit, family, rng):
    x = Four(*(rng.normal(size=shape) for shape in ((2, 2), 2, 2, 2)))
    right = Four(*(rng.normal(size=np.shape(field)) for field in x))
    wrong = Four(*(field.copy() for field in right))
    for name in hit:
        key, _, index = name.rstrip("]").partition("[")
        getattr(wrong, key)[tuple(map(int, index.split(", ")))] *= rng.uniform(2.1, 3.0)
    report = check_grad(
        lambda p: sum(np.sum(g * v) for g, v in zip(right, p, strict=True)), lambda p: wrong, x
    )
    assert set(report.names("differs")) == set(hit)
    assert [finding.family for finding in report.diagnosis] == [family]
    if family == "block":
        where = ", ".join(hit) if len(hit) == 3 else f"{len(hit)} coordinates"
        sentence = f"only A and b are wrong: in {where}; the other {10 - len(hit)} "
        assert report.diagnosis[0].evidence == f"{sentence}that were seen agree"


def test_a_derivative_that_is_the_parameter_itself_tells_no_ratio():
    # d/dA is A / 10, so that "twice the derivative" and "a penalty of 0.1" are the same in A;
    # a share of b may be anything, as b has one coordinate.
    x = PAIR._replace(b=np.array([7.0]))
    (finding,) = check_grad(
        lambda p: 0.05 * np.sum(p.A**2) + 3.0 * p.b[0], lambda p: p._replace(b=p.b + 1.5), x
    ).diagnosis
    assert finding.family == "unknown"


def test_a_zero_that_should_be_none_and_a_number_that_should_be_0():
    report = check_grad(lambda x: x[0] + x[1] ** 2, lambda x: np.array([1.0, 0.0, 5.0]),
                        [1.0, 2.0, 3.0], expected_zero=[2])  # fmt: skip
    assert report.diagnosis[0] == (
        "mask",
        "the gradient is 0 in x[1], and should not be; "
        "the gradient should be 0 in x[2], and is not",
        "",
    )


def test_at_a_flat_point_nothing_is_known():
    report = check_grad(lambda x: 1.0, lambda x: np.array([1.0, 2.0]), [3.0, 4.0])
    assert [finding.family for finding in report.diagnosis] == ["unknown"]


def test_a_gradient_that_is_wrong_beside_a_kink_alone():
    def wrong(t):
        close = 0.0 < np.max(np.abs(t - TIE)) < 0.01
        return -tie_grad(t) if close else tie_grad(t)

    (finding,) = check_grad(tie_loss, wrong, TIE).diagnosis
    assert finding == ("unknown", "the gradient is wrong at points beside the kink alone", "")


def test_what_passes_has_no_diagnosis():
    assert check_grad(lambda x: np.sum(x**3), lambda x: 3 * x**2, CUBIC).diagnosis == ()
    weak = check_grad(lambda x: x[0], lambda x: np.array([1.0, 0.0]), [1.0, 2.0])
    assert weak.passed
    assert weak.weak
    assert weak.diagnosis == ()


def test_a_report_ends_with_the_likeliest_mistake():
    report = check_grad(lambda x: np.sum(x**3), lambda x: -3 * x**2, CUBIC, context=["n = 1"],
                        candidates=[("the other way", lambda x: -3 * x**2, "eq-a")])  # fmt: skip
    assert str(report).splitlines()[-5:] == [
        "a mistake could hide here: n = 1",
        "this is the mistake 'the other way'",
        "the sign is wrong in 4 coordinates of x: the gradient is -1 times the",
        "  derivative",
        "reread eq-a",
    ]
    assert {finding.equation for finding in report.diagnosis} == {"eq-a"}
    report = check_grad(lambda x: np.sum(x**3), lambda x: 0.5 * x, CUBIC)
    assert " ".join(str(report).split()).endswith(report.diagnosis[0].evidence)
    only = [("half", lambda x: 0.5 * x)]  # the candidate says more than "in no known pattern"
    report = check_grad(lambda x: np.sum(x**3), lambda x: 0.5 * x, CUBIC, candidates=only)
    assert str(report).splitlines()[-1] == "this is the mistake 'half'"


def test_a_report_gives_the_number_of_the_equation_and_not_its_label():
    point = POINTS["intro, question 2"]
    bound = mistakes.candidates(mistakes.NETWORK, *point[2])
    (sign,) = (m for m in mistakes.NETWORK if m.name == "y - y_hat")
    last = str(check(point, sign.grad, candidates=bound)).splitlines()[-1]
    assert last == f"reread {cite('eq-delta-out')}"
    assert "eq-" not in last


# The catalogue


CASES = [
    pytest.param(name, m, id=f"{name}: {m.name}")
    for name, point in POINTS.items()
    for m in applicable(point[0], point[2])
    if name not in ("square layers", "two hidden layers")  # few samples, and more wrong than right
]


@pytest.mark.parametrize(("name", "mistake"), CASES)
def test_the_family_of_every_mistake_is_found(name, mistake):
    _, x, args, _ = POINTS[name]
    report = report_of(name, mistake)
    vanishes = not Layout(mistake.grad(x, *args)).vector.any()
    assert report.diagnosis[0].family == ("zeros" if vanishes else mistake.family)
    if mistake.family != "block":
        assert len(report.diagnosis) == 1


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.sampled(4)
def test_with_the_catalogue_the_mistake_itself_is_named(name):
    module, x, args, _ = POINTS[name]
    half = {"lambda halved", "lambda squared"} if args[2:] == (0.5,) else set()
    third = {"mean for sum", "mean over the classes"} if name == "square layers" else set()
    for m in applicable(module, args):
        report = report_of(name, m)
        if not Layout(m.grad(x, *args)).vector.any():
            assert report.matches == ()  # what is 0 here equals any other that is
            assert [finding.family for finding in report.diagnosis] == ["zeros"]
            continue
        else:
            twins = next((twins for twins in (half, third) if m.name in twins), {m.name})
            assert set(report.matches) == twins
            found = {finding.equation for finding in report.diagnosis}
            assert found == {m.equation} or (len(twins) == 2 and len(found) == 1)
        assert f"this is the mistake {m.name!r}" in str(report)


def test_the_families_of_the_catalogue_are_words_of_the_findings():
    used = {m.family for m in (*mistakes.HINGE, *mistakes.NETWORK, *mistakes.LAYERS)}
    assert used == FAMILIES - {"offset", "zeros"}


# Wrong gradients that are not in the catalogue, at the points of the book


def altered(**changes):
    """The right gradient of the network with some fields changed."""

    def grad(params, X, y, l2):
        right = network.loss_grad(params, X, y, l2)
        values = network.forward(params, X)
        delta = network.log_loss_grad(values.z_out, y)
        env = {"p": params, "X": X, "n": len(X), "l2": l2, "right": right, "values": values}
        return right._replace(**{key: f(delta=delta, **env) for key, f in changes.items()})

    return grad


def leaky(delta, values, p):
    return np.outer(delta, p.w_out) * np.where(values.z_hidden > 0.0, 1.0, 0.01)


OTHERS = {
    "mean in one bias": (altered(b_hidden=lambda right, n, **_: right.b_hidden / n), "scale"),
    "mean in one weight": (
        altered(W_hidden=lambda right, p, n, l2, **_:
                (right.W_hidden - l2 * p.W_hidden) / n + l2 * p.W_hidden), "scale"),
    "sign in w_out": (
        altered(w_out=lambda right, p, l2, **_: -right.w_out + 2 * l2 * p.w_out), "sign"),
    "lambda n times": (
        altered(W_hidden=lambda right, p, n, l2, **_: right.W_hidden + (n - 1) * l2 * p.W_hidden,
                w_out=lambda right, p, n, l2, **_: right.w_out + (n - 1) * l2 * p.w_out),
        "regularization"),
    "lambda forgotten in one": (
        altered(W_hidden=lambda right, p, l2, **_: right.W_hidden - l2 * p.W_hidden),
        "regularization"),
    "inputs swapped": (altered(W_hidden=lambda right, **_: right.W_hidden[::-1]), "permutation"),
    "units flipped": (
        altered(W_hidden=lambda right, **_: right.W_hidden[:, ::-1],
                b_hidden=lambda right, **_: right.b_hidden[::-1],
                w_out=lambda right, **_: right.w_out[::-1]), "permutation"),
    "W_hidden forgotten": (altered(W_hidden=lambda right, **_: 0 * right.W_hidden), "mask"),
    "decay by the sign": (
        altered(W_hidden=lambda right, p, l2, **_:
                right.W_hidden + l2 * (np.sign(p.W_hidden) - p.W_hidden)), "block"),
    "a for the gate": (
        altered(W_hidden=lambda delta, values, p, X, l2, **_:
                X.T @ (np.outer(delta, p.w_out) * values.a_hidden) + l2 * p.W_hidden), "block"),
    "leaky gate": (
        altered(W_hidden=lambda delta, values, p, X, l2, **_:
                X.T @ leaky(delta, values, p) + l2 * p.W_hidden,
                b_hidden=lambda delta, values, p, **_: leaky(delta, values, p).sum(axis=0)),
        "block"),
    "labels flipped": (
        lambda p, X, y, l2: network.loss_grad(p, X, 1 - y, l2), "other loss"),
    "last sample alone": (
        lambda p, X, y, l2: network.loss_grad(p, X[-1:], y[-1:], l2), "other loss"),
    "all forgotten": (
        lambda p, X, y, l2: Parameters(*(0.0 * np.array(field) for field in p)), "zeros"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("point", ["intro, question 2", "the same with l2"])
def test_other_mistakes_of_the_network(name, point):
    wrong, family = OTHERS[name]
    report = check(POINTS[point], wrong)
    assert not report
    assert report.diagnosis[0].family == family


OTHER_HINGES = {
    "half": (lambda t, X, y: 0.5 * hinge.loss_grad(t, X, y), "scale"),
    "mean of the active": (
        lambda t, X, y: hinge.loss_grad(t, X, y) / np.sum(y * hinge.hypothesis(t, X) < 1), "scale"),
    "a penalty": (lambda t, X, y: hinge.loss_grad(t, X, y) + 0.1 * t, "regularization"),
    "ascending": (lambda t, X, y: hinge.loss_grad(t, X, y)[[6, 4, 3, 2, 1, 5, 0]], "permutation"),
    "x**6 forgotten": (lambda t, X, y: hinge.loss_grad(t, X, y) * (np.arange(7) > 0), "mask"),
    "weight for feature": (lambda t, X, y: hinge.loss_grad(t, X, y) * t, "factor"),
    "features reversed": (lambda t, X, y: hinge.loss_grad(t, X[:, ::-1], y), "unknown"),
    "squared hinge": (
        lambda t, X, y: NONLINEAR * (X.T @ (-y * np.maximum(1 - y * hinge.hypothesis(t, X), 0))),
        "other loss"),
    "perceptron": (
        lambda t, X, y: NONLINEAR * (X.T @ np.where(y * hinge.hypothesis(t, X) < 0, -y, 0.0)),
        "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_HINGES)
@pytest.mark.parametrize("point", ["intro, question 1", "hinge_2_gradient"])
def test_other_mistakes_of_the_hinge(name, point):
    wrong, family = OTHER_HINGES[name]
    report = check(POINTS[point], wrong)
    assert not report
    _, theta, args, _ = POINTS[point]
    vanishes = not np.any(wrong(theta, *args))
    assert report.diagnosis[0].family == ("zeros" if vanishes else family)


# The points that students choose: a pattern is named only where no other one fits


REGULAR = {
    "ones": np.ones(5),
    "equal": np.full(5, 0.7),
    "arange": np.arange(1.0, 6.0),
    "linspace": np.linspace(-1.0, 1.0, 5),
    "between": np.linspace(0.1, 0.9, 4),
}
A = np.array([0.5, -1.2, 0.9, 2.0, 0.3])
WAVE = (lambda x: np.sum(np.sin(A[: len(x)] * x)), lambda x: A[: len(x)] * np.cos(A[: len(x)] * x))
SQUARE = (lambda x: np.sum(x**2), lambda x: 2.0 * x)


@pytest.mark.parametrize("name", REGULAR)
@pytest.mark.parametrize("f", [WAVE, SQUARE])
@pytest.mark.parametrize(
    ("change", "family"),
    [
        (lambda g, x: g + 0.1, "offset"),
        (lambda g, x: -g, "sign"),
        (lambda g, x: 2.0 * g, "scale"),
        (lambda g, x: g / 9.0, "scale"),
        (lambda g, x: g + 0.1 * x, "regularization"),
    ],
)
def test_no_wrong_name_at_a_regular_point(name, f, change, family):
    loss, grad = f
    found = check_grad(loss, lambda x: change(grad(x), x), REGULAR[name]).diagnosis
    # A penalty on a square is a factor, too, at any point.
    expected = "unknown" if f is SQUARE and family == "regularization" else family
    assert [finding.family for finding in found] == [expected]


def test_a_gradient_that_is_cut_to_whole_numbers_is_no_forgotten_penalty():
    for x in REGULAR.values():
        report = check_grad(SQUARE[0], lambda x: (2.0 * x).astype(int), x)
        assert {f.family for f in report.diagnosis} <= {"unknown", "zeros", "mask"}
    report = check_grad(SQUARE[0], lambda x: (2.0 * x).astype(int), np.linspace(0.1, 0.4, 4))
    assert report.diagnosis[0] == ("zeros", "the gradient is 0 everywhere", "")


def test_where_a_recorded_gradient_fits_twice_both_ways_are_told():
    x = np.ones(5)
    wrong = WAVE[1](x) + 0.1  # the same at every point: no point beside can decide
    (finding,) = check_grad(WAVE[0], lambda x: wrong, x).diagnosis
    assert finding.family == "unknown"
    assert finding.evidence == (
        "the gradient is wrong in 5 coordinates of x: it is off by 0.1 times the parameter, "
        "or off by a constant 0.1; here these are the same"
    )


# A gradient that is right, but of another function


def test_the_gradient_of_another_loss():
    x, target = np.array([0.3, -0.8, 1.1]), 0.7

    def output(w):
        return np.tanh(w @ x)

    def grad(w):
        return (output(w) - target) * (1.0 - output(w) ** 2) * x  # of (output - target)**2 / 2

    w = np.array([0.5, 0.2, -0.4])
    assert check_grad(lambda w: (output(w) - target) ** 2 / 2.0, grad, w)
    (finding,) = check_grad(output, grad, w).diagnosis  # at w, a constant times the derivative
    assert finding.family == "other loss"
    assert finding.evidence == (
        "the gradient belongs to another loss: it is consistent with itself "
        "(its derivatives are symmetric), but not with f"
    )


def test_what_is_no_gradient_belongs_to_no_loss(rng):
    B, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    for wrong in (lambda x: 2.0 * B @ x, lambda x: np.cos(x) * x[::-1], lambda x: 1.0 + x * 0.0):
        report = check_grad(lambda x: x @ B @ x, wrong, x)
        assert [finding.family for finding in report.diagnosis] == ["unknown"]


@pytest.mark.parametrize("step", [0.1, 0.01])
@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.sampled(4)
def test_a_weight_that_was_stepped_before_it_was_used(step, l2):
    _, params, (X, y, _), _ = POINTS["the same with l2"]

    def wrong(p):
        grad = network.loss_grad(p, X, y, l2)
        delta = network.log_loss_grad(network.forward(p, X).z_out, y)
        gate = network.relu_grad(network.forward(p, X).z_hidden)
        delta_z = np.outer(delta, p.w_out - step * grad.w_out) * gate
        return grad._replace(W_hidden=X.T @ delta_z + l2 * p.W_hidden, b_hidden=delta_z.sum(axis=0))

    (finding,) = check_grad(lambda p: network.loss(p, X, y, l2), wrong, params).diagnosis
    assert finding.family == "factor"
    assert f"the gradient is the derivative with w_out after a step of {step}" in finding.evidence


# Numbers that fit nothing


def flat(value):
    return network.ravel(value) if isinstance(value, Parameters) else np.array(value)


def like(vector, x):
    return network.unravel(vector, x) if isinstance(x, Parameters) else vector


NOTHING = {
    "random numbers": lambda rng, g: rng.normal(size=g.size),
    "random factors": lambda rng, g: g * rng.uniform(0.5, 2.0, g.size),
    "random terms": lambda rng, g: g + rng.normal(size=g.size),
    "small random factors": lambda rng, g: g * (1 + 5e-4 * rng.uniform(1, 2, g.size)),
    "one number": lambda rng, g: np.full(g.size, rng.normal()),
}


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("name", ["hinge", "network"])
@pytest.mark.sampled(4)
def test_a_gradient_that_fits_nothing_is_unknown(kind, name, rng):
    answers, seeds = [], count()
    while len(answers) < 5:
        f, grad, x, zeros = model(name, next(seeds))
        wrong = like(NOTHING[kind](rng, flat(grad(x))), x)
        report = check_grad(f, lambda x, wrong=wrong: wrong, x, expected_zero=zeros)
        if not report.passed:
            answers.append([finding.family for finding in report.diagnosis])
    assert answers == [["unknown"]] * 5


@pytest.mark.parametrize("name", ["hinge", "network"])
@pytest.mark.slow
def test_random_coordinates_that_are_wrong_get_no_confident_name(name, rng):
    named = set()
    for seed in range(15):
        f, grad, x, zeros = model(name, seed)
        right = flat(grad(x))
        hit = rng.random(right.size) < rng.choice([0.1, 0.3, 0.6])
        sizes = rng.uniform(5e-4, 1.5, right.size) * rng.choice([-1, 1], right.size)
        wrong = like(np.where(hit, right * (1 + sizes), right), x)
        report = check_grad(f, lambda x, wrong=wrong: wrong, x, expected_zero=zeros)
        named |= {finding.family for finding in report.diagnosis}
    # That nothing but one block differs is a fact, and no guess.
    assert named <= {"unknown", "block"}


def test_two_small_differences_are_not_taken_for_a_pattern():
    # With two coordinates, some multiple of the parameter fits roughly: that is no evidence.
    right = 3 * CUBIC**2
    wrong = right + np.array([1e-4, -2.0001e-4, 0.0, 0.0])
    assert [finding.family for finding in diagnose(wrong)] == ["unknown"]
    # One multiple that fits two differences of a thousand tolerances may still be chance.
    wrong = right + 2e-3 * CUBIC * [1, 1, 0, 0]
    assert [finding.family for finding in diagnose(wrong)] == ["unknown"]


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1.0, 1e20, 1e200])
def test_the_scale_of_f_does_not_matter(scale):
    f, grad = lambda x: scale * np.sum(x**3), lambda x: scale * 3 * x**2
    for wrong, family in [(-1.0, "sign"), (2.0, "scale"), (1 / 9, "scale")]:
        report = check_grad(f, lambda x, wrong=wrong: wrong * grad(x), CUBIC)
        assert report.diagnosis[0].family == family
    odd = np.array([1.1, 0.7, 1.3, 0.2])
    (finding,) = check_grad(f, lambda x: odd * grad(x), CUBIC).diagnosis
    assert finding.family == "unknown"


def test_the_numbers_of_the_evidence_do_not_hang_on_the_last_bits():
    # The same mistake from a function that is rounded otherwise: the words stay the same.
    module, x, args, _ = POINTS["the same with l2"]
    losses = [remembering(lambda v, s=s: module.loss(v, *args) + s) for s in (1e-3, 3.0)]
    for m in applicable(module, args):
        reports = [check_grad(loss, lambda v, m=m: m.grad(v, *args), x) for loss in losses]
        reports.append(report_of("the same with l2", m))
        assert len({report.diagnosis[0].evidence for report in reports}) == 1


def test_linear_is_where_the_masked_coordinate_stands():
    point = POINTS["intro, question 1"]
    wrong = next(m for m in mistakes.HINGE if m.name == "mask forgotten")
    evidence = check(point, wrong.grad).diagnosis[0].evidence
    assert evidence == f"the gradient should be 0 in x[{LINEAR}], and is not"


# Lists of layers


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3, 4), (2, 3, 4, 3)])
def test_what_fits_a_sum_that_is_kept_is_no_permutation(sizes):
    # The errors of a softmax add up to 0. Where two biases are wrong, the sum of both is right,
    # and one multiple of the parameter makes either the other: that is no evidence.
    _, params, (X, y, l2), _ = layers_point(sizes, 7, seed=5)
    y = np.array([1, 1, 0, 2, 0, 1, 0])

    def wrong(params):
        grad = layers.loss_grad(params, X, y, l2)
        moved = grad[-1].b + np.array([2.0, 0.0, -2.0] + [0.0] * (sizes[-1] - 3))
        return [*grad[:-1], layers.Layer(grad[-1].W, moved)]

    report = check_grad(lambda params: layers.loss(params, X, y, l2), wrong, params)
    assert report.diagnosis[0].family == "block"
    assert "permutation" not in {finding.family for finding in report.diagnosis}


def test_two_numbers_that_changed_places_are_found_without_a_penalty():
    right = np.array([1.5, -0.7, 2.25, 0.4])
    report = check_grad(lambda x: right @ x, lambda x: right[[2, 1, 0, 3]], CUBIC)
    assert report.diagnosis[0].family == "permutation"


def test_a_mistake_is_placed_in_its_layer():
    module, params, args, _ = POINTS["two hidden layers"]

    def half(layer_params):
        grad = module.loss_grad(layer_params, *args)
        return [grad[0], layers.Layer(grad[1].W / 2, grad[1].b), grad[2]]

    report = check_grad(lambda layer_params: module.loss(layer_params, *args), half, params)
    (finding,) = report.diagnosis
    assert finding.family == "scale" and "layer_params[1].W" in finding.evidence
    assert set(report.names("differs")) == {
        f"layer_params[1].W[{i}, {j}]" for i in range(3) for j in range(4)
    }
