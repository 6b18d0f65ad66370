"""hwlib.gradcheck.mistakes and blind_spots: the book's points hide no mistake."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from test_gradcheck import remembering

import hwlib
from hwlib import data, hinge, layers, network, polynomial
from hwlib._layout import Layout
from hwlib.gradcheck import blind_spots, check_grad, mistakes

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

CHAPTERS = Path(hwlib.__file__).parents[1] / "chapters"


def hinge_point(n, theta):
    x, y = data.interval(np.random.default_rng(0), n)
    return hinge, np.array(theta), (polynomial.features(x), y), [polynomial.LINEAR]


def network_point(n, seed, b_hidden, b_out, l2):
    params = network.init(np.random.default_rng(seed))
    params = params._replace(b_hidden=np.array(b_hidden), b_out=b_out)
    return network, params, (*data.disc(np.random.default_rng(0), n), l2), []


def layers_point(sizes, n, seed, l2=0.3):
    rng = np.random.default_rng(seed)
    params = [layers.Layer(W, 0.3 * rng.normal(size=len(b))) for W, b in layers.init(rng, sizes)]
    return layers, params, (rng.normal(size=(n, sizes[0])), rng.integers(0, sizes[-1], n), l2), []


POINTS = {
    "intro, question 1": hinge_point(30, [0.5, 0.3, -0.4, 0.8, 2.4, 0.6, -1.5]),
    "hinge_2_gradient": hinge_point(12, [1.6, 1.3, -1.5, 1.7, -2.5, 1.4, 0.1]),
    "intro, question 2": network_point(60, 2, [0.4, 0.2, 0.3], 0.0, 0.5),
    "network_3_hidden_weight": network_point(8, 4, [0.3, -0.2, 0.1], 0.2, 0.0),
    "the same with l2": network_point(8, 4, [0.3, -0.2, 0.1], 0.2, 0.3),
    "layers": layers_point((3, 4, 3), 8, 0),
    "square layers": layers_point((3, 3, 3), 3, 0),
    "two hidden layers": layers_point((2, 3, 4, 3), 6, 1),
}
"""Module, parameters, data and expected zeros: the points that the chapters check at, and layers of
unequal sizes, and of one size for inputs, units, classes and samples."""

FAMILIES = {"sign", "scale", "factor", "regularization", "offset", "mask", "zeros", "permutation",
            "block", "other loss", "unknown"}  # fmt: skip
"""The words of `hwlib.gradcheck.diagnosis`."""

CATALOGUE = {hinge: mistakes.HINGE, network: mistakes.NETWORK, layers: mistakes.LAYERS}
SPOTS = {hinge: blind_spots.hinge, network: blind_spots.network}


def applicable(module, args):
    return [
        m
        for m in CATALOGUE[module]
        if not (m.family == "regularization" and module is network and args[2] == 0.0)
    ]


def loss_of(point):
    module, _, args, _ = point
    return remembering(lambda x: module.loss(x, *args))


def flat(gradient):
    """The numbers of a gradient, however it is laid out."""
    return Layout(gradient).vector


LOSSES = {id(point): loss_of(point) for point in POINTS.values()}

CASES = [
    pytest.param(name, m, id=f"{name}: {m.name}")
    for name, point in POINTS.items()
    for m in applicable(point[0], point[2])
]


def check(point, grad, **options):
    module, x, args, zeros = point
    loss = LOSSES.get(id(point)) or (lambda v: module.loss(v, *args))
    return check_grad(loss, lambda v: grad(v, *args), x, expected_zero=zeros, **options)


@cache
def report_of(name, mistake):
    """What the check says of a mistake at a point, with the whole catalogue as candidates."""
    module, _, args, _ = POINTS[name]
    candidates = mistakes.candidates(CATALOGUE[module], *args)
    return check(POINTS[name], mistake.grad, candidates=candidates)


@pytest.mark.parametrize(("name", "mistake"), CASES)
def test_every_applicable_mistake_is_rejected(name, mistake):
    assert not report_of(name, mistake)


@pytest.mark.parametrize("name", POINTS)
def test_the_right_gradient_passes_and_the_check_is_not_weak(name):
    report = check(POINTS[name], POINTS[name][0].loss_grad)
    assert report
    assert not report.weak


def test_a_switch_that_changes_nothing_gives_the_right_gradient():
    unchanged = {
        hinge: mistakes.hinge_grad(), network: mistakes.network_grad(),
        layers: mistakes.layers_grad(),
    }  # fmt: skip
    for module, x, args, _ in POINTS.values():
        got, right = unchanged[module](x, *args), module.loss_grad(x, *args)
        np.testing.assert_allclose(flat(got), flat(right), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["intro, question 1", "the same with l2", "layers"])
def test_no_two_mistakes_are_the_same(name):
    module, x, args, _ = POINTS[name]
    grads = [flat(m.grad(x, *args)) for m in CATALOGUE[module]]
    for i, one in enumerate(grads):
        for other in grads[:i]:
            assert not np.allclose(one, other, rtol=1e-6, atol=0.0)


def test_a_mistake_keeps_the_layout_of_the_gradient():
    for module, x, args, _ in POINTS.values():
        right = module.loss_grad(x, *args)
        for m in CATALOGUE[module]:
            wrong = m.grad(x, *args)
            assert type(wrong) is type(right)
            assert Layout(x).flatten("wrong", wrong).shape == Layout(x).vector.shape
            assert {type(part) for part in wrong} == {type(part) for part in right}


def test_the_catalogue_is_complete_and_each_record_is_whole():
    for catalogue in CATALOGUE.values():
        names = [m.name for m in catalogue]
        assert len(set(names)) == len(names)
        for m in catalogue:
            assert re.fullmatch(r"[A-Zy][^.]*\.", m.rule), m.rule
            assert m.family in FAMILIES
    assert len(mistakes.HINGE) + len(mistakes.NETWORK) >= 21
    assert len(mistakes.LAYERS) >= 31


def test_the_words_of_the_catalogue_and_its_functions_are_of_the_same_mistakes():
    path = Path(mistakes.__file__).with_suffix(".toml")
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    for name in ("HINGE", "NETWORK", "LAYERS"):
        assert set(words.pop(name)) == {m.name for m in getattr(mistakes, name)}
    assert words == {}


def printed_labels():
    labels = set()
    for path in CHAPTERS.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            labels |= set(re.findall(r"\$\$ \((eq-[a-z0-9-]+)\)", "".join(cell["source"])))
    return labels


def test_every_mistake_names_an_equation_of_the_book():
    printed = printed_labels()
    later = set()
    if not (CHAPTERS / "beyond_layers.ipynb").exists():
        later = {"eq-softmax-stable", "eq-delta-logits", "eq-layer-a", "eq-layers-loss",
                 "eq-layer-grad", "eq-layer-delta"}  # fmt: skip
    for m in (*mistakes.HINGE, *mistakes.NETWORK, *mistakes.LAYERS):
        assert m.equation in printed | later, m.name


# The values of some, by hand


def test_mistakes_of_the_hinge_by_hand():
    # u = 1 and y = +1, then u = 2 and y = -1, at theta = 0: both active, h = 0.
    X, y, theta = polynomial.features([1.0, 2.0]), [1, -1], np.zeros(7)
    right, linear = np.array([63.0, 31, 15, 7, 3, 0, 0]), np.eye(7)[5]  # -x_1 + x_2
    of = {m.name: m.grad(theta, X, y) for m in mistakes.HINGE}
    np.testing.assert_array_equal(of["sign"], -right)
    np.testing.assert_array_equal(of["branches swapped"], np.zeros(7))
    np.testing.assert_array_equal(of["mean for sum"], right / 2)
    np.testing.assert_array_equal(of["mask forgotten"], right + linear)
    np.testing.assert_array_equal(of["y forgotten"], [-65, -33, -17, -9, -5, 0, -2])
    np.testing.assert_array_equal(of["x forgotten"], np.zeros(7))
    np.testing.assert_array_equal(of["max(-y x, 0)"], [64, 32, 16, 8, 4, 0, 1])
    # With theta_1 = 1 for the linear feature: h is 1 and 2 without a mask; only y = -1 is active.
    unmasked = {m.name: m.grad(linear, X, y) for m in mistakes.HINGE}
    np.testing.assert_array_equal(unmasked["no mask at all"], X[1])
    np.testing.assert_array_equal(unmasked["mask forgotten"], right + linear)
    np.testing.assert_array_equal(of["only the last sample"], [64, 32, 16, 8, 4, 0, 1])


def test_mistakes_of_the_network_by_hand():
    # The running example: z_hidden = (1.5, 0.5, -0.5), z_4 = 1; then delta_4 = sigma(1) - 1.
    params = network.Parameters(
        np.array([[0.5, -1.0, 0.25], [0.25, 1.0, -0.5]]),
        np.array([0.5, -0.5, 0.25]),
        np.array([1.0, -2.0, 0.5]),
        0.5,
    )
    of = {m.name: m.grad(params, [[1.0, 2.0]], [1], 0.5) for m in mistakes.NETWORK}
    right = network.loss_grad(params, [[1.0, 2.0]], [1], 0.5)
    delta = 1 / (1 + np.exp(-1.0)) - 1
    close = np.testing.assert_allclose
    close(of["ReLU gate forgotten"].b_hidden, delta * np.array([1.0, -2.0, 0.5]))
    close(of["gate of another unit"].b_hidden, delta * np.array([0.0, -2.0, 0.5]))
    close(of["W_j4 forgotten"].b_hidden, delta * np.array([1.0, 1.0, 0.0]))
    stepped = params.w_out - 0.1 * (delta * np.array([1.5, 0.5, 0.0]) + 0.5 * params.w_out)
    close(of["W_j4 after its step"].b_hidden, delta * stepped * np.array([1.0, 1.0, 0.0]))
    close(of["mean twice"].b_hidden, right.b_hidden)  # of one sample
    close(of["lambda halved"].w_out, right.w_out - 0.25 * params.w_out)
    two = [[1.0, 2.0], [-1.0, 0.5]], [1, 0], 2.0
    twice = {m.name: m.grad(params, *two) for m in mistakes.NETWORK}
    close(twice["mean twice"].b_hidden, network.loss_grad(params, *two).b_hidden / 2)
    close(twice["lambda squared"].w_out, network.loss_grad(params, *two).w_out + 2 * params.w_out)
    close(of["z_j for a_j"].w_out, delta * np.array([1.5, 0.5, -0.5]) + 0.5 * params.w_out)
    close(of["sigma' forgotten"].b_out, -1 / (delta + 1))
    close(of["y - y_hat"].b_out, -delta)
    close(of["lambda forgotten"].w_out, right.w_out - 0.5 * params.w_out)
    close(of["lambda with the wrong sign"].w_out, right.w_out - params.w_out)
    close(of["biases regularized"].b_out, delta + 0.25)
    # The unit that is off decays: its right derivative is lambda W, not 0.
    close(right.W_hidden[:, 2], [0.125, -0.25])
    close(of["decay only for units that are on"].W_hidden[:, 2], [0.0, 0.0])
    close(of["decay only for units that are on"].W_hidden[:, 0], right.W_hidden[:, 0])


def test_candidates_bind_the_data():
    _, x, args, _ = POINTS["intro, question 1"]
    bound = mistakes.candidates(mistakes.HINGE, *args)
    assert [name for name, _, _ in bound] == [m.name for m in mistakes.HINGE]
    assert [equation for _, _, equation in bound] == [m.equation for m in mistakes.HINGE]
    for (_, grad, _), m in zip(bound, mistakes.HINGE, strict=True):
        np.testing.assert_array_equal(grad(x), m.grad(x, *args))


# Facts about a point: each hides a mistake, and no mistake passes without one


ON_BOTH_SIDES = [0.1, 0.2, -0.1, 0.3, 0.2, 0.0, 0.5]
HINGE_FACTS = {
    # fact: inputs, labels, weights, the mistake that passes
    "there is only one sample": ([0.5], [-1], ON_BOTH_SIDES, "mean for sum"),
    "no sample is active": ([0.5, 0.6], [1, 1], [0, 0, 0, 0, 0, 0, 3], "sign"),
    "every sample is active": ([0.5, -0.8], [1, -1], ON_BOTH_SIDES, "margin test forgotten"),
    "no sample but the last is active": (
        [2.0, -0.8, 0.5], [1, 1, -1], [0, 0, 0, 0, 0, 0, 1.5], "only the last sample"),
    "every active sample has label +1": ([0.5, 0.8, 2.0], [1, 1, -1], [0, 0, -1, 0, 0, 0, 0.1],
                                         "y forgotten"),
    "h and y h lie on the same side of 1 for every sample": (
        [0.5, -0.8, 2.0], [-1, 1, 1], ON_BOTH_SIDES, "margin test on h"),
    "the masked feature adds up to 0": (
        [0.5, 0.5], [1, -1], ON_BOTH_SIDES, "mask forgotten"),
    "every feature of every active sample is 1": (
        [1.0, 1.0, 0.5], [1, 1, -1], [0, 0, 0, 0, 0, 0, -3.0], "x forgotten"),
}  # fmt: skip


@pytest.mark.parametrize("fact", HINGE_FACTS)
def test_each_fact_about_a_point_of_the_hinge_hides_a_mistake(fact):
    u, y, theta, name = HINGE_FACTS[fact]
    args = (polynomial.features(u), np.array(y, dtype=float))
    point = hinge, np.array(theta, dtype=float), args, [polynomial.LINEAR]
    (mistake,) = (m for m in mistakes.HINGE if m.name == name)
    assert check(point, mistake.grad).passed
    assert fact in blind_spots.hinge(point[1], *args)


RUNNING = {
    "W_hidden": [[0.5, -1.0, 0.25], [0.25, 1.0, -0.5]],
    "b_hidden": [0.5, -0.5, 0.25],
    "w_out": [1.5, -2.0, 0.5],
    "b_out": 0.5,
}
SAMPLES = [[0.9, 0.4], [-0.7, -0.9], [0.3, -0.8], [-0.5, 0.6]]
GOOD = network, network.Parameters(**RUNNING), (SAMPLES, [1, 0, 0, 1], 0.5), []
LOSSES[id(GOOD)] = loss_of(GOOD)
NETWORK_FACTS = {
    # fact: what is changed, l2, samples, labels, the mistake, where alone it is made
    "there is only one sample": ({}, 0.5, SAMPLES[:1], [1], "mean for sum", ""),
    "every label is 0": ({}, 0.5, SAMPLES, [0, 0, 0, 0], "y forgotten", ""),
    "every label is 1": ({}, 0.5, SAMPLES, [1, 1, 1, 1], "term of label 0 forgotten", ""),
    "l2 = 0": ({}, 0.0, SAMPLES, [1, 0, 0, 1], "lambda doubled", ""),
    "every bias is 0": ({"b_hidden": [0, 0, 0], "b_out": 0}, 0.5, SAMPLES, [1, 0, 0, 1],
                        "biases regularized", ""),
    "input 2 is 0 for every sample": (
        {}, 0.5, [[0.9, 0], [-0.7, 0], [0.3, 0]], [1, 0, 1], "ReLU gate forgotten",
        r"W_hidden\[1, .\]"),
    "input 2 is 1 for every sample": (
        {}, 0.5, [[0.9, 1], [-0.7, 1], [0.3, 1]], [1, 0, 1], "x_i forgotten",
        r"W_hidden\[1, .\]"),
    "unit 2 is off for every sample": (
        {"b_hidden": [0.5, -9, 0.25]}, 0.5, SAMPLES, [1, 0, 0, 1], "W_j4 forgotten",
        r"(W|b)_hidden\[(., )?1\]"),
    "unit 2 is on for every sample": (
        {"b_hidden": [0.5, 9, 0.25]}, 0.5, SAMPLES, [1, 0, 0, 1], "z_j for a_j", r"w_out\[1\]"),
    "W_24 is 0": ({"w_out": [1.5, 0, 0.5]}, 0.5, SAMPLES, [1, 0, 0, 1], "ReLU gate forgotten",
                  r"(W|b)_hidden\[(., )?1\]"),
    "W_24 is 1": ({"w_out": [1.5, 1, 0.5]}, 0.5, SAMPLES, [1, 0, 0, 1], "W_j4 forgotten",
                  r"(W|b)_hidden\[(., )?1\]"),
    "units 1 and 2 are on for the same samples": (
        {"W_hidden": [[0.5, 1.0, 0.25], [0.25, 0.5, -0.5]], "b_hidden": [0.2, 0.4, 0.25]},
        0.5, SAMPLES, [1, 0, 0, 1], "gate of another unit", r"(W|b)_hidden\[(., )?1\]"),
}  # fmt: skip


def made_at(grad, where):
    """The mistake made at the coordinates whose name fits a pattern alone."""

    def partly(params, *args):
        wrong, right = grad(params, *args), network.loss_grad(params, *args)
        fields = {}
        for key in params._fields:
            field = np.array(getattr(right, key))
            for index in np.ndindex(field.shape):
                name = f"{key}[{', '.join(map(str, index))}]" if index else key
                if re.match(where, name):
                    field[index] = np.asarray(getattr(wrong, key))[index]
            fields[key] = field[()]
        return network.Parameters(**fields)

    return partly


@pytest.mark.parametrize("fact", NETWORK_FACTS)
def test_each_fact_about_a_point_of_the_network_hides_a_mistake(fact):
    change, l2, X, y, name, where = NETWORK_FACTS[fact]
    values = {key: np.array(value, dtype=float) for key, value in (RUNNING | change).items()}
    point = network, network.Parameters(**values), (np.array(X), np.array(y), l2), []
    (mistake,) = (m for m in mistakes.NETWORK if m.name == name)
    assert check(point, made_at(mistake.grad, where)).passed
    assert fact in blind_spots.network(point[1], *point[2])
    assert fact not in blind_spots.network(GOOD[1], *GOOD[2])
    assert not check(GOOD, made_at(mistake.grad, where))  # it is the fact that hides it


ONES = np.ones((4, 3))
SYMMETRIC = np.array([[0.7, -0.4, 0.3], [-0.4, 1.1, 0.6], [0.3, 0.6, -0.9]])
LAYERS_FACTS = {
    # fact: the point, what is changed in it, the mistakes that pass there
    "there is only one sample": ("layers", {"n": 1}, [
        "mean for sum", "mean twice", "bias not summed", "bias averaged", "lambda over n",
        "p[:, y] for p[arange(n), y]", "transpose of a forgotten"]),
    "there is only one class": ("layers", {"W": ONES[:, :1], "b": [0.3], "y": [0] * 8}, [
        "y - p", "mean for sum", "bias summed over the wrong axis", "transposed weights"]),
    "every sample has the same class": (
        "layers", {"y": [2] * 8}, ["p[:, y] for p[arange(n), y]"]),
    "there is no hidden layer": ("layers", {"hidden": None}, [
        "z for a", "W forgotten", "W after its step", "transpose of W forgotten", "mean twice",
        "ReLU gate forgotten", "ReLU of delta for its gate", "gate of another layer"]),
    "every unit is on for every sample": (
        "layers", {"b_hidden": [9, 9, 9, 9]}, ["ReLU gate forgotten", "z for a"]),
    "every logit is above 0": ("layers", {"b": [31, 30, 30.5]}, ["ReLU gate at the logits"]),
    "W is symmetric": ("square layers", {"W": SYMMETRIC}, ["transpose of W forgotten"]),
    "every column of W is the same": ("layers", {"W": ONES}, [
        # The errors of a sample add up to 0, so that nothing goes back.
        "W forgotten", "transpose of W forgotten", "mean twice", "ReLU gate forgotten",
        "ReLU of delta for its gate", "gate of another layer"]),
    "l2 = 0": ("layers", {"l2": 0.0}, [
        "lambda forgotten", "lambda doubled", "lambda over n", "biases regularized"]),
    "every bias is 0": ("layers", {"b_hidden": [0] * 4, "b": [0] * 3}, ["biases regularized"]),
    "there are as many samples as classes": ("square layers", {}, []),
}  # fmt: skip


@pytest.mark.parametrize("fact", LAYERS_FACTS)
def test_each_fact_about_a_point_of_the_layers_hides_just_these_mistakes(fact):
    name, change, hidden = LAYERS_FACTS[fact]
    _, (first, last), (X, y, l2), _ = POINTS[name]
    first = first._replace(b=np.array(change.get("b_hidden", first.b), dtype=float))
    last = layers.Layer(change.get("W", last.W), np.array(change.get("b", last.b), dtype=float))
    params = [first, last] if "hidden" not in change else [layers.Layer(X[:3].T, last.b)]
    n = change.get("n", len(X))
    args = X[:n], np.array(change.get("y", y))[:n], change.get("l2", l2)
    right, of = flat(layers.loss_grad(params, *args)), {m.name: m for m in mistakes.LAYERS}
    same = {
        name for name, m in of.items()
        if np.allclose(flat(m.grad(params, *args)), right, rtol=1e-9, atol=1e-12)
    }  # fmt: skip
    assert set(hidden) <= same
    assert len(same) == len(hidden) or fact == "there is only one class"
    for mistake in hidden[:1]:
        assert check((layers, params, args, []), of[mistake].grad).passed
        assert not report_of(name, of[mistake])  # it is the fact that hides it


def test_the_facts_are_told_one_by_one():
    params = network.Parameters(np.ones((2, 1)), np.array([-9.0]), np.array([1.0]), 0.0)
    assert blind_spots.network(params, [[0.0, 1.0]], [1]) == (
        "there is only one sample",
        "every label is 1",
        "l2 = 0",
        "input 1 is 0 for every sample",
        "input 2 is 1 for every sample",
        "unit 1 is off for every sample",
        "W_14 is 1",
    )
    assert blind_spots.hinge(np.zeros(7), np.ones((2, 7)), [1, 1]) == (
        "every sample is active",
        "every active sample has label +1",
        "h and y h lie on the same side of 1 for every sample",
        "every feature of every active sample is 1",
    )


@pytest.mark.parametrize("name", ["intro, question 1", "hinge_2_gradient", "intro, question 2",
                                  "the same with l2"])  # fmt: skip
def test_the_points_of_the_book_have_no_blind_spot(name):
    module, x, args, _ = POINTS[name]
    assert SPOTS[module](x, *args) == ()


def random_point(rng, module):
    n = int(rng.integers(1, 16))
    if module is hinge:
        x = rng.permutation(np.arange(-8, 9))[:n] / 8.0  # no sample twice: two may cancel
        return hinge, rng.normal(size=7), (polynomial.features(x), rng.choice([-1, 1], n)), [5]
    d, m = (int(k) for k in rng.integers(1, 4, 2))
    params = network.init(rng, d, m)
    if rng.random() < 0.7:
        params = params._replace(b_hidden=rng.normal(size=m), b_out=rng.normal())
    X, y = rng.normal(size=(n, d)), rng.integers(0, 2, n)
    X[:, rng.random(d) < 0.1] = rng.integers(0, 2)
    return network, params, (X, y, float(rng.choice([0.0, 0.5]))), []


@pytest.mark.parametrize("module", SPOTS, ids=lambda module: module.__name__)
def test_no_mistake_passes_where_there_is_no_fact(module, rng):
    escaped, hidden, plain = [], 0, 0
    for _ in range(80):
        point = random_point(rng, module)
        _, x, args, _ = point
        catalogue = [m for m in CATALOGUE[module] if applies(m.name, x)]
        if SPOTS[module](x, *args):
            hidden += 1
        else:
            wrong = mistakes.candidates(catalogue, *args)
            report = check(point, module.loss_grad, candidates=wrong)
            plain += not report.weak
            escaped += report.matches
    assert escaped == []
    assert hidden > 10
    assert plain > 10


def applies(name, params):
    """Whether a network is large enough for a mistake to be one."""
    smallest = {"transposed weights": (2, 2), "gate of another unit": (1, 2)}.get(name, (1, 1))
    return smallest == (1, 1) or bool(np.all(np.array(params.W_hidden.shape) >= smallest))
