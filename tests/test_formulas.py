"""Every printed formula is executed, and every wrong version of it is rejected."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from formulas import reader
from formulas.__main__ import STORED, count
from formulas.check import check
from formulas.evaluator import Evaluator
from formulas.reader import Book, FormulaError, parse, read_side
from formulas.rewrites import SAME, rewrites, score, survives
from formulas.worlds import table, worlds

CHAPTERS = Path(__file__).parents[1] / "chapters"
BOOK = Book(reader.read(CHAPTERS))
BY_LABEL = {equation.label: equation for equation in BOOK.equations}


def lines(name):
    """Return the lines of a file beside this one that are no comments."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def rewritten(label, latex):
    return parse(BY_LABEL[label].page, label, latex)


def test_every_display_of_the_book_is_read():
    printed = []
    for path in (*CHAPTERS.glob("*.ipynb"), *CHAPTERS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
        printed += re.findall(r"^\$\$ \((eq-\S+)\)", text, re.MULTILINE)
    assert sorted(printed) == sorted(BY_LABEL), "a page is missing in _toc.yml"
    assert len(set(printed)) == len(printed) == len(BOOK.equations) > 80


@pytest.mark.parametrize("label", BY_LABEL)
def test_printed_formula(label):
    finding = check(BY_LABEL[label], BOOK)
    assert finding.n_points >= (80 if label == "eq-sgd-margin" else 96)


@pytest.mark.slow  # `make test` does the same in the ledger, which asserts that none escapes
@pytest.mark.parametrize("label", BY_LABEL)
def test_every_wrong_version_is_rejected(label):
    result = score(BY_LABEL[label], BOOK)
    assert result.escaped == []
    assert result.rejected > 50


def test_no_rewrite_is_listed_in_vain():
    """Each kind is met by a rewrite that survives; it must be tried on its equations alone."""
    for kind in SAME:
        labels = [label for label in BY_LABEL if re.fullmatch(kind[1], label)]
        assert labels, f"no equation is {kind[1]}"
        found = (
            survives(mutant, BOOK)
            for label in labels
            for what, mutant in rewrites(BY_LABEL[label], BOOK)
            if re.fullmatch(kind[2], what)
        )
        assert any(found), kind


def test_the_counts_that_the_pages_show_are_fresh():
    assert json.loads(STORED.read_text(encoding="utf-8")) == count()


EQUAL = [rewritten(*line.split(" | ")) for line in lines("equal_formulas.txt")]
DEFINITIONS = {e.label for e in BOOK.equations if BOOK.kind(e) == "definition"}


@pytest.mark.parametrize("form", EQUAL, ids=lambda form: f"{form.label} | {form.latex}")
def test_an_equal_form_is_accepted(form):
    check(form, BOOK.changed(form) if form.label in DEFINITIONS else BOOK)


def test_what_uses_equal_forms_of_definitions_is_accepted():
    """In each round one other form of every definition that has some left."""
    left = [form for form in EQUAL if form.label in DEFINITIONS]
    while left:
        book, forms = BOOK, {form.label: form for form in left}.values()
        for form in forms:
            book = book.changed(form)
            left.remove(form)
        parts = {form.part for form in forms}
        for equation in (e for e in book.equations if e.part in parts):
            check(equation, book)


@pytest.mark.parametrize("line", lines("false_formulas.txt"))
def test_a_false_or_empty_formula_is_rejected(line):
    label, latex = line.split(" | ")
    assert not survives(rewritten(label, latex), BOOK)


def test_an_upper_index_in_parentheses_is_a_layer_and_no_power():
    side = read_side("W_{ij}^{(l-1)} + a^{(2)} + x^2 + x^{2}")
    assert reader.show(side) == "add(add(add(W_ijl-1, a_2), power(x, 2)), power(x, 2))"
    assert reader.free_letters(side) == {"i", "j", "l"}
    for outside in ("a^{(l)", "a^(l)", "a^{(l)}_j"):
        with pytest.raises(FormulaError):
            read_side(outside)


@pytest.mark.parametrize(
    ("latex", "holds"),
    [
        ("t_j^{(l)} - t_j^{(l-1)} = 3", True),
        ("t_j^{(l)} - t_j^{(l-1)} = 2 + l", False),
        ("t_j^{(K)} - t_j^{(0)} = 3 K", True),
        ("t_j^{(l+1)} - t_j^{(l)} = 3", False),  # there is no layer K + 1
        ("t_j^{(2)} - t_j^{(l/l)} = 3", False),
        ("q_j^{(l)} - t_j^{(l)} = 0", True),
        ("q_j^{(l)} - t_j^{(l-1)} = 0", False),
        (r"\sum_{l=1}^{K} (t_j^{(l)} - t_j^{(0)}) = 3 K (K + 1) / 2", True),
    ],
)
def test_layers_are_taken_one_after_the_other(latex, holds, monkeypatch):
    layers = [parse("network_0_forward", f"eq-new-{k}", line) for k, line in enumerate(
        ["q_j^{(l)} = q_j^{(l-1)} + 3", "q_j^{(0)} = 10 j", latex]
    )]  # fmt: skip
    (world, *_) = worlds("network")
    n = int(world.drawn["K", 0][0])
    values = 10.0 * np.arange(1, 4)[:, None] + 3.0 * np.arange(n + 1)
    world = world._replace(
        ranges=world.ranges | {"l": range(1, n + 1)},
        drawn=world.drawn | {("t", 2): table(values, 1, 0)},
    )  # fmt: skip
    monkeypatch.setattr("formulas.check.worlds", lambda part: (world,))
    assert survives(layers[-1], Book([*BOOK.equations, *layers])) == holds


def test_a_capital_letter_makes_no_batch():
    batch = rewritten("eq-batch-grad-matrix", r"\frac{\partial L}{\partial W} = X^\top D")
    alone = rewritten("eq-l2-objective", "J = K + R + L - K")
    assert batch.is_of_a_batch and not alone.is_of_a_batch
    check(alone, BOOK)


@pytest.mark.parametrize(
    ("label", "old", "new"),
    [
        ("eq-features", "6 - j", "j"),
        ("eq-mask", "j = 5", "j = 4"),
        ("eq-hinge-upstream", r"r_i \ge 1", "r_i > 1"),
        ("eq-relu-grad", "z > 0", r"z \ge 0"),
        ("eq-delta-a-hidden", "W_{j4}", "W_{1j}"),
        ("eq-batch-grad-matrix", r"X^\top D", r"D^\top X"),
        ("eq-l2-grad-w-hidden", r"\\ \lambda W_{11}", r"\\ 0"),
        ("eq-forward-difference", r"O(\varepsilon^2)", r"O(\varepsilon^3)"),
        ("eq-hinge-loss", "{n}", "{5}"),
        ("eq-relative-error", r"\max", r"\min"),
    ],
)
def test_a_change_of_the_latex_is_rejected_by_name(label, old, new):
    printed = BY_LABEL[label]
    assert old in printed.latex
    wrong = rewritten(label, printed.latex.replace(old, new, 1))
    with pytest.raises(FormulaError, match=f"{printed.page}, {label}: "):
        check(wrong, BOOK.changed(wrong))


def test_the_message_tells_side_point_and_values():
    wrong = rewritten("eq-grad-w-out", BY_LABEL["eq-grad-w-out"].latex.replace("a_j", "z_j"))
    with pytest.raises(FormulaError) as failure:
        check(wrong, BOOK)
    text = str(failure.value)
    assert r"side 2, \delta_{z_4} z_j, is " in text
    assert re.search(r"and side 1, .*, is -?[\d.e-]+, at j = [1-3], point \d+$", text)


@pytest.mark.parametrize(
    "latex",
    [
        r"a = \sin(b)", "a = b +", r"a = \boldsymbol{b}", "a = b!", r"a = \frac{b}", "a == b",
        r"a = \int b", r"a = \sqrt[3]{b}", "a = 'b'", r"a = \left[ b \right]", "", "a = b_{c d}^",
        r"a = \begin{cases} 1 & b \\ 0 & c \end{cases}", "a = b, c", r"a = \text{what it is}",
        "a = " + 900 * "-" + "b",
    ],
)  # fmt: skip
def test_what_is_not_the_books_latex_is_rejected(latex):
    with pytest.raises(FormulaError, match="page, eq-new: not in the book's LaTeX"):
        parse("page", "eq-new", latex)


@pytest.mark.parametrize(
    ("page", "latex", "why"),
    [
        ("hinge_2_gradient", "r_i = y_i s_i", "different indices"),
        ("hinge_2_gradient", r"r_i = y_k h_\theta(\mathbf{x}_i)", "different indices"),
        ("hinge_2_gradient", r"r_i = y_i \max(1)", "max cannot be evaluated"),
        ("hinge_2_gradient", r"r_i = y_i \theta_9", "out of (its range|bounds)"),
        ("network_2_output_weight", "z_4 = a_5", "out of (its range|bounds)"),
        ("network_2_output_weight", "m_4 = a_1", "hwlib does not compute m_4"),
        ("network_2_output_weight", r"z_4 = \delta_4", "delta .* is not defined"),
        ("network_2_output_weight", r"z_4 = \sum_{j=3}^{1} a_j", "no sum over j makes sense"),
        ("network_2_output_weight", r"z_4 = \sum_{n=1}^{3} a_n", "no sum over n makes sense"),
        ("network_2_output_weight", "z_4 = f(a_1)", "f"),
        ("network_1_output_error", r"L = -\log \hat{y}", "log has no argument in brackets"),
        ("network_3_hidden_weight", r"L = \sum_i x_i^0 " + r"\sum_{k=1}^{40} " * 7 + "y", ""),
        ("intro", "a = b", "no quantities are declared"),
    ],
)
def test_what_has_no_value_is_rejected(page, latex, why):
    equation = parse(page, "eq-new", latex)
    with pytest.raises(FormulaError, match=f"{page}, eq-new: .*{why}"):
        check(equation, Book([*BOOK.equations, equation]))


def chain(first, n):
    """Return a book where t_00 is first, and each t_ij the one before it plus 1, up to n."""
    lines = [f"t_{{00}} = {first}"]
    lines += [f"t_{{{k:02}}} = t_{{{k - 1:02}}} + 1" for k in range(1, n + 1)]
    made = [parse("network_0_forward", f"eq-t-{k}", line) for k, line in enumerate(lines)]
    return Book([*BOOK.equations, *made])


def test_definitions_may_stand_deep_inside_one_another():
    deep = "network_0_forward", "eq-new", "t_{25} - z_4 = 25"
    check(parse(*deep), chain("z_4", 25))
    nested = f"t_{{25}} - z_4 = {'(' * 60}25{' + z_4 - z_4)' * 60}"
    check(parse("network_0_forward", "eq-new", nested), chain("z_4", 25))


@pytest.mark.parametrize("n", [0, 1, 25])
@pytest.mark.parametrize("first", ["t_{%02d}", r"\sqrt{t_{%02d}}", "1 + t_{%02d}^2"])
def test_a_definition_that_goes_in_a_circle_is_named(n, first):
    equation = parse("network_0_forward", "eq-new", f"z_4 = t_{{{n:02}}}")
    with pytest.raises(FormulaError, match=r"_0_forward, eq-new: t .*, or is defined by itself$"):
        check(equation, chain(first % n, n))


def test_at_the_limit_of_recursion_no_construct_seems_to_be_missing():
    """An error while Python looks for an attribute becomes an AttributeError."""
    node, (world, *_) = read_side("(z^2)^2"), worlds("network")

    def visit_below(depth):
        if depth:
            return visit_below(depth - 1)
        fresh = type("Fresh", (Evaluator,), {})  # no attribute of which has been looked for
        return fresh(BOOK, world, "network_0_forward", 1).visit(node)

    failed = 0
    for depth in range(800, sys.getrecursionlimit()):
        try:
            visit_below(depth)
        except RecursionError:
            failed += 1
    assert 10 < failed < 200


def test_worlds_lie_on_both_sides_of_every_kink_and_on_it():
    def is_around(kink, values):
        near = np.abs(values - kink) < 2e-6
        assert min(np.sum(values > kink), np.sum(values < kink), np.sum(values == kink)) >= 2
        assert np.any(near & (values > kink)) and np.any(near & (values < kink))

    for hinge in worlds("hinge"):
        is_around(1.0, hinge.drawn["y", 1][:, 1] * hinge.known["h_theta", 1][:, 1])
        losses = hinge.known["ell", 0]
        assert np.any(losses == 0) and np.any((losses > 0) & (losses < 1))
    for network in worlds("network"):
        for j in range(1, 5):
            is_around(0.0, network.known["z", 2][:, 1, j])
        is_around(0.0, network.drawn["z", 0])


def test_worlds_hold_0_and_numbers_on_both_sides_of_1():
    for part, names in (("hinge", "alpha u theta"), ("network", "alpha lambda varepsilon W x")):
        for name in names.split():
            drawn = [v for w in worlds(part) for (n, _), v in w.drawn.items() if n == name]
            assert all(np.nanmin(np.abs(v)) < 1 < np.nanmax(np.abs(v)) for v in drawn)
            assert name in ("alpha", "lambda", "varepsilon") or any(np.any(v == 0) for v in drawn)
    for world in worlds("differences"):
        f = [f(world.drawn["x", 0].reshape(-1, *(1,) * 10)) for f in world.functions["f"]]
        assert all(np.any(values > 0) and np.any(values < 0) for values in f)
        assert np.any((world.drawn["x", 0] == 0) & (np.abs(f[1]).ravel() < 1e-12))
        assert {0.0, 2.0} <= set(world.known["rho", 1].ravel())


def test_no_two_sizes_coincide_in_all_worlds():
    for part, names in (("network", "ndBK"), ("hinge", "n")):
        sizes = [{name: int(w.drawn[name, 0][0]) for name in names} for w in worlds(part)]
        for one in names:
            for other in (*names, *range(10)):
                for difference in (-1, 0, 1) if isinstance(other, str) else (0,):
                    equal = [s[one] == s.get(other, other) + difference for s in sizes]
                    assert one == other or not all(equal)
    sizes = [{name: int(w.drawn[name, 0][0]) for name in "ndBK"} for w in worlds("network")]
    for one, other in ("nd", "nB", "BK"):
        assert min(s[one] - s[other] for s in sizes) < 0 < max(s[one] - s[other] for s in sizes)
    rests = {s["n"] % s["B"] for s in sizes}
    assert 0 in rests and max(rests) > 1


def test_a_definition_that_is_wrong_is_found_where_it_is_used():
    printed = BY_LABEL["eq-sigmoid-denominator"]
    assert not survives(rewritten(printed.label, printed.latex.replace("+", "-")), BOOK)
    assert survives(rewritten(printed.label, printed.latex), BOOK)
