"""Every printed formula is executed, and every wrong version of it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

from hwlib import equations, mutants
from hwlib.equations import Book, FormulaError, check_one, parse
from hwlib.worlds import STATEMENTS, make_world

CHAPTERS = Path(__file__).parents[1] / "chapters"
BOOK = Book(equations.read(CHAPTERS))
EXECUTED = [e for e in BOOK.equations if BOOK.kind(e) != "statement"]
SAME = mutants.same_meaning()


def labels(found):
    return [equation.label for equation in found]


def test_every_display_of_the_book_is_read():
    printed = []
    for path in CHAPTERS.glob("*.*"):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
        printed += re.findall(r"^\$\$ \((eq-\S+)\)", text, re.MULTILINE)
    assert sorted(printed) == sorted(labels(BOOK.equations)), "a page is missing in worlds.ORDER"
    assert len(set(printed)) == len(printed) > 80


@pytest.mark.parametrize("equation", EXECUTED, ids=labels(EXECUTED))
def test_printed_formula(equation):
    finding = check_one(equation, BOOK)
    assert finding.n_points >= (50 if equation.label == "eq-sgd-margin" else 200)
    assert finding.error <= equations.TOLERANCE


@pytest.mark.parametrize("equation", EXECUTED, ids=labels(EXECUTED))
def test_every_wrong_version_is_refused(equation):
    score = mutants.score(equation, BOOK)
    assert score.escaped == ()
    assert score.refused > 0


def test_no_rewrite_is_listed_in_vain():
    rewrites = {(e.label, what) for e in EXECUTED for what, _ in mutants.mutants(e)}
    assert SAME.keys() <= rewrites
    survivors = {
        (e.label, what)
        for e in EXECUTED
        for what, mutant in mutants.mutants(e)
        if (e.label, what) in SAME and mutants.survives(mutant, BOOK)
    }
    assert survivors == SAME.keys()


def test_statements_are_few_and_have_a_reason():
    statements = [e.label for e in BOOK.equations if BOOK.kind(e) == "statement"]
    assert set(statements) == set(STATEMENTS)
    assert 10 * len(statements) <= len(BOOK.equations)
    assert all(len(reason.split()) > 4 for reason in STATEMENTS.values())


def test_a_chapter_with_formulas_prints_their_check():
    for chapter in {equation.chapter for equation in BOOK.equations}:
        cells = nbformat.read(CHAPTERS / f"{chapter}.ipynb", as_version=4).cells
        call = f'print(equations.report("{chapter}"))'
        (cell,) = [c for c in cells if c.cell_type == "code" and call in c.source]
        printed = sum(e.chapter == chapter for e in BOOK.equations)
        executed = sum(e.chapter == chapter for e in EXECUTED)
        assert cell.outputs[0].text.startswith(f"{executed} of {printed} formulas checked")
        assert len(cell.outputs[0].text.splitlines()) == printed + 1


@pytest.mark.parametrize(
    ("label", "old", "new"),
    [
        ("eq-features", "6 - j", "j"),
        ("eq-mask", "j = 5", "j = 4"),
        ("eq-hypothesis", r"\mu_j x_{ij}", r"x_{ij}"),
        ("eq-hinge-sample-loss", "1 - r_i", "1 + r_i"),
        ("eq-hinge-upstream", r"r_i \ge 1", "r_i > 1"),
        ("eq-hinge-grad", r"-\mu_j", r"\mu_j"),
        ("eq-hinge-matrix", r"X^\top (e \odot y)", r"X^\top y"),
        ("eq-hinge-subgradient", r"\ge", r"\le"),
        ("eq-sigmoid", "1 + e^{-z}", "1 + e^{z}"),
        ("eq-sigmoid-grad", r"(1 - \sigma(z))", r"(1 + \sigma(z))"),
        ("eq-log-loss", r"\log(1 - \hat{y})", r"\log(\hat{y})"),
        ("eq-delta-out", r"\hat{y} - y", r"y - \hat{y}"),
        ("eq-relu-grad", "z > 0", r"z \ge 0"),
        ("eq-delta-a-hidden", "W_{j4}", "W_{1j}"),
        ("eq-grad-w-hidden", r"\delta_{z_j}", r"\delta_{a_j}"),
        ("eq-batch-grad-matrix", r"X^\top D", r"D^\top X"),
        ("eq-l2-penalty", r"\frac{\lambda}{2}", r"\lambda"),
        ("eq-l2-grad-w-hidden", r"\\ \lambda W_{11}", r"\\ 0"),
        ("eq-l2-decay", r"1 - \alpha \lambda", r"1 + \alpha \lambda"),
        ("eq-central-difference", r"\frac{\varepsilon^2}{6}", r"\frac{\varepsilon^2}{3}"),
        ("eq-forward-difference", r"O(\varepsilon^2)", r"O(\varepsilon^3)"),
        ("eq-forward-difference", "=", r"\ne"),
        ("eq-hinge-loss", "{n}", "{6}"),
        ("eq-batch-loss", "{n}", "{3}"),
        ("eq-l2-penalty", "{d}", "{2}"),
        ("eq-relative-error", r"\max", r"\min"),
    ],
)
def test_a_change_of_the_latex_is_refused_by_name(label, old, new):
    (printed,) = [e for e in BOOK.equations if e.label == label]
    assert old in printed.latex
    wrong = parse(printed.chapter, label, printed.latex.replace(old, new, 1))
    book = Book(wrong if e is printed else e for e in BOOK.equations)
    with pytest.raises(FormulaError, match=f"{printed.chapter}, {label}: "):
        check_one(wrong, book)


def test_the_message_tells_side_point_and_values():
    (printed,) = [e for e in BOOK.equations if e.label == "eq-grad-w-out"]
    wrong = parse(printed.chapter, printed.label, printed.latex.replace("a_j", "z_j"))
    with pytest.raises(FormulaError) as failure:
        check_one(wrong, BOOK)
    text = str(failure.value)
    assert r"side 2, \delta_{z_4} z_j, is " in text
    assert re.search(r"and side 1, .*, is -?[\d.]+, at j = 1, .*z_1 = -", text)


@pytest.mark.parametrize(
    "latex",
    [
        r"a = \sin(b)", "a = b +", r"a = \boldsymbol{b}", "a = b!", r"a = \frac{b}", "a == b",
        r"a = \int b", r"a = \sqrt[3]{b}", "a = 'b'", r"a = \left[ b \right]", "", "a = b_{c d}^",
        r"a = \begin{cases} 1 & b \\ 0 & c \end{cases}", "a = b, c", r"a = \text{what it is}",
    ],
)  # fmt: skip
def test_what_is_not_the_books_latex_is_refused(latex):
    with pytest.raises(FormulaError, match="chapter, eq-new: not in the book's LaTeX"):
        parse("chapter", "eq-new", latex)


@pytest.mark.parametrize(
    ("chapter", "latex", "why"),
    [
        ("hinge_2_gradient", "r_i = y_i s_i", "s with index .* is not defined"),
        ("hinge_2_gradient", "r_i = y_k h_\\theta(\\mathbf{x}_i)", "y with index"),
        ("network_2_output_weight", "z_4 = a_5", "W with index .1, 5. is not defined"),
        ("network_2_output_weight", "m_4 = a_1", "hwlib does not compute m"),
        ("network_2_output_weight", r"z_4 = \delta_4", "name of a quantity"),
        ("network_2_output_weight", r"z_4 = \sum_{j=3}^{1} a_j", "makes no sense"),
        ("network_2_output_weight", r"z_4 = f(a_1)", "f"),
    ],
)
def test_what_has_no_value_is_refused(chapter, latex, why):
    equation = parse(chapter, "eq-new", latex)
    with pytest.raises(FormulaError, match=why):
        check_one(equation, Book([*BOOK.equations, equation]))


def test_an_equation_without_a_world_is_refused():
    with pytest.raises(ValueError, match="no quantities are declared"):
        check_one(parse("intro", "eq-new", "a = a"), BOOK)


def test_worlds_lie_on_both_sides_of_every_kink_and_on_it():
    hinge, network = make_world("hinge_2_gradient"), make_world("network_3_hidden_weight")
    margins = hinge.draws["y", (1,), 0] * hinge.values["h_theta", (1,), -1]
    for j in (1, 2, 3):
        sums = network.values["z", (j,), 1]
        assert min(np.sum(sums > 0), np.sum(sums < 0), np.sum(sums == 0)) >= 15
    assert min(np.sum(margins > 1), np.sum(margins < 1), np.sum(margins == 1)) >= 15
    assert np.any(network.values["z", (4,), 1] == 0)
    assert np.any(network.draws["z", (), 0] == 0)


def test_a_definition_that_is_wrong_is_found_where_it_is_used():
    (printed,) = [e for e in BOOK.equations if e.label == "eq-sigmoid-denominator"]
    wrong = parse(printed.chapter, printed.label, printed.latex.replace("+", "-"))
    assert not mutants.survives(wrong, BOOK)
    assert mutants.survives(replace(printed), BOOK)
