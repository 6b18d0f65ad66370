"""Every number and every inline formula of the prose is bound, and a changed digit is noticed."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path

import pytest

from tests.prose import BOUND
from tests.prose.__main__ import STORED, kinds
from tests.prose.changes import changed, digits, notices, other_signs, other_words
from tests.prose.check import faults
from tests.prose.reasons import misfits, reason_faults
from tests.prose.run import run
from tests.prose.text import CHAPTERS, Notebook, read

PILOT = Path(__file__).parent / "network_pilot.ipynb"
"""A page cut out of a chapter and kept, which has a number and a formula of every kind."""
N_CHANGES = 300


@pytest.fixture(scope="module")
def pilot():
    return Notebook.load(PILOT)


@pytest.fixture(scope="module")
def computed(request):
    """A page that is bound, and what it computes."""
    page = Notebook.load(request.param)
    return page, run(page)


def of_pages(*chosen):
    """Run a test on each page that is bound; on those that are not chosen it is slow."""
    pages = [PILOT, *(CHAPTERS / name for name in BOUND)]
    params = [
        pytest.param(path, marks=[pytest.mark.slow] * bool(chosen and path.stem not in chosen))
        for path in pages
    ]
    return pytest.mark.parametrize(
        "computed", params, indirect=True, ids=[path.stem for path in pages], scope="module"
    )


def changed_digits(page, n, seed=15):
    """Return n changes of one digit each, drawn at random."""
    rng, places = random.Random(seed), [*digits(page)]
    for cell, b, k, at in rng.choices(places, k=n):
        old = cell.blocks[b].pieces[k][1][at]
        yield changed(cell, b, k, at, at + 1, rng.choice("0123456789".replace(old, "")))


@of_pages()
def test_every_number_and_formula_of_a_page_is_bound(computed):
    assert [*faults(*computed)] == []


@of_pages("network_pilot", "network_1_output_error")
def test_a_changed_digit_is_noticed(computed, record_property):
    """At least 95 of 100, drawn at random; other signs, too; exchanged words are only counted."""
    page, done = computed
    counts = {}
    for kind, mutants in {
        "changed digits": [*changed_digits(page, N_CHANGES)],
        "changed signs": [*other_signs(page)],
        "exchanged words": [*other_words(page)],
    }.items():
        missed = [mutant.what for mutant in mutants if not notices(page, done, mutant)]
        counts[kind] = len(mutants) - len(missed), len(mutants), missed
    text = ", ".join(f"{n} of {total} {kind}" for kind, (n, total, _) in counts.items())
    record_property("prose", f"{page.name}: noticed are {text}")
    for kind, share in (("changed digits", 0.95), ("changed signs", 0.9)):
        n, total, missed = counts[kind]
        assert n >= share * total, missed


@of_pages()
def test_what_the_ledger_says_of_the_inline_formulas_is_so(computed):
    page, done = computed
    if page.name != PILOT.stem:
        stored = json.loads(STORED.read_text("utf-8"))
        assert kinds(page, done) == stored[page.name], "run `make execute`"


def test_pages_that_are_not_yet_bound_are_named(record_property):
    names = {path.name for path in CHAPTERS.glob("*.ipynb")}
    assert names >= set(BOUND) - {"notation.md"}
    record_property("prose", f"not yet bound: {', '.join(sorted(names - set(BOUND)))}")


def test_every_figure_of_a_bound_page_stands_beside_an_assertion():
    for name in BOUND:
        for cell in Notebook.load(CHAPTERS / name).stored:
            if cell["metadata"].get("mystnb", {}).get("figure"):
                assert re.search(r"^\s*assert ", "".join(cell["source"]), re.MULTILINE), cell["id"]


def test_the_reasons_beside_a_derivation_are_listed_and_fit():
    pages = (Notebook.load(CHAPTERS / name) for name in BOUND)
    assert [fault for page in pages for fault in reason_faults(page)] == []


def altered(page, cell_id, old, new):
    """Return the page with other text in one cell, in its source or in its metadata."""
    stored = copy.deepcopy(page.stored)
    (cell,) = (c for c in stored if c["id"] == cell_id)
    figure = cell["metadata"].get("mystnb", {})
    places = [(cell, "source"), (figure.get("figure"), "caption"), (figure.get("image"), "alt")]
    hits = [(where, key) for where, key in places if where and old in "".join(where[key])]
    assert hits, f"{old!r} is not in {cell_id}"
    for where, key in hits:
        where[key] = "".join(where[key]).replace(old, new)
    return Notebook(page.name, stored)


@pytest.mark.parametrize(
    ("cell", "old", "new", "why"),
    [
        # numbers in a sentence, a table, a caption, an alt text
        ("title", "Two samples", "Three samples", "three is bound to no value"),
        ("title", "13 parameters", "14 parameters", "14 is bound to no value"),
        ("forward", "0.25. If", "0.35. If", "0.35 is bound to no value"),
        ("forward", "222%", "232%", "232% is 2.22222, by ratio - 1"),
        ("forward", "| 1.375 |", "| 1.385 |", "1.385 is bound to no value"),
        ("forward", "$-1.625$", "$1.625$", "1.625 is bound to no value"),
        ("figure", "2.29", "2.28", "2.28 is 2.29384, by losses"),
        ("figure", "to 2. It", "to 3. It", "3 is bound to no value"),
        ("experiment", "1,000,000", "1,000,001", "1,000,001 is 1e.06, by most"),
        ("experiment", "10^{-3}", "10^{-4}", "is 0.001, by least"),
        ("experiment", "19", "18", "18 is 19, by labels.sum"),
        ("experiment", "32 percent", "33 percent", "33 percent is 0.316667"),
        ("experiment", "$x_1 = 2$", "$x_1 = 4$", "4 is bound to no value"),
        # formulas
        ("forward", "= 1.375$, so", "= 1.376$, so", "z_1 is 1.375, and 1.376"),
        ("forward", "0.25 \\cdot 3", "0.26 \\cdot 3", "0.25 is 1.405"),
        ("forward", "1.25 \\cdot 0", "1.35 \\cdot 0", "1.35 is bound to no value"),
        ("forward", "= -0.3630$", "= 0.3630$", "is -0.362969, and 0.3630"),
        ("forward", "- 1 = -0.3630", "- 1 = -0.3631", "is -0.362969, and -0.3631"),
        ("forward", "1.375 = -0.4991", "1.375 = -0.4992", "is -0.499083, and -0.4992"),
        ("forward", "$z_3 < 0$", "$z_3 > 0$", "z_3 is -1.75, and 0 is 0"),
        ("forward", "$a_1 = z_1$", "$a_1 = z_2$", "a_1 is 1.375, and z_2 is 0.625"),
        ("forward", "< 1$", "< 2$", "2 is bound to no value"),
        ("forward", "\\{0, 1\\}", "\\{-1, 1\\}", "y is one of"),
        ("forward", "then $a_j = z_j$", "then $a_j = -z_j$", "at drawn points"),
        ("forward", "x = (3, -0.5)", "x = (3, 0.5)", "x is -0.5, and"),
        ("forward", "lambda = 0.2", "lambda = 0.3", "lambda is 0.2, and 0.3"),
        ("forward", "= W_{14} a_1 + b_4$", "= \\sum_{j=1}^{3} W_{j4} a_j + b_4$", "it is true"),
        ("forward", "$a_1 = z_1$", "$a_1 = \\mathcal{Z}$", "not in the book's LaTeX"),
        ("second", "p = 0.3558", "p = 0.3559", "p is 0.355775, and 0.3559"),
        ("second", "sample 2", "sample 1", "x_1|0.6442"),
        ("experiment", "= 1.125$", "= 1.135$", "0.25 is 1.125"),
        # words that claim something
        ("forward", "All labels", "Some labels", "“all labels” is there 0 times"),
        ("forward", "Unit 3 is off", "Unit 3 is on", "“is off” is there 0 times"),
        ("forward", "Unit 3 is off", "It is off. Unit 3 is off", "“is off” is there 2 times"),
        ("forward", '"is off":', '"is off" =', "which is not there"),
        ("forward", "[0, 2]", "[1, 2]", "“is off” does not hold of values.z_hidden"),
        ("figure", "falls everywhere", "rises everywhere", "“rises everywhere” does not hold"),
        ("figure", "It falls", "It rises", "“falls everywhere” is there 0 times"),
        ("figure", "on the left", "on the right", "“on the right” is there 2 times"),
        ("figure", '"falls every', '"all falls every', "has 2 words that claim something"),
        ("figure", ": losses", ": no_such", "no cell of this section has the name"),
        # the comment
        ("experiment", "19 = labels.sum()", "19 = 19", "uses no name"),
        ("experiment", "19 = labels.sum()", "19 = 0 * most + 19", "the comment repeats"),
        ("experiment", "19 = labels.sum()", "19 = no_such", "no cell of this section has the name"),
        ("experiment", "19 = labels.sum()", "19 = z", "no cell of this section has the name z"),
        ("experiment", "19 = labels.sum()", "19 = labels", "is no number"),
        ("experiment", "19 = labels.sum()", "19 = 1 / 0 * most", "ZeroDivisionError"),
        ("experiment", "19 = labels.sum()", "19 labels.sum()", "is not 'number = expression'"),
        ("experiment", "19 = labels.sum()", "", "19 is bound to no value"),
        ("experiment", "60 = len(points)", "60 = len(points)\n7 = most", "7 = most, which is not"),
        ("forward", "-1.625, 0.6442 =", "0.6442, -1.625 =", "is bound to no value"),
        ("figure", "change[[0, -1]]", "change[:3]", "is one of 2, and there are 3"),
        ("second", "let $p", "let $q", "which is not there"),
    ],
)  # fmt: skip
def test_what_is_false_or_bound_to_no_value_fails_by_name(pilot, cell, old, new, why):
    page = altered(pilot, cell, old, new)
    if new == "19 = z":  # assigned in two other sections
        page = altered(page, "sheet", "ratio =", "z = 0.0\nratio =")
    found = [*faults(page, run(page))]
    assert any(
        re.match(f"network_pilot, {cell}[:,].*({why})", fault, re.DOTALL) for fault in found
    ), found


@pytest.mark.parametrize(
    ("text", "bound", "free"),
    [
        ("Question 2.2, units 1 and 3, (2.1.9) in 2019, the 3rd of 60", "60", "2.2 1 3 2.1 2019 3"),
        ("`x[3]`, <https://a.b/4>, W₁₄, a1 = 1.5, y_2 and x⁶", "1.5", ""),
        ("from -2 to −3, 4-5 and (-6)", "-2 -3 4 5 -6", ""),
        ("10⁻³, 3.2·10⁻⁸, 1e-9, 12,000", "10⁻³ 3.2·10⁻⁸ 1e-9 12,000", ""),
        ("44%, 45 percent, ½", "44% 45_percent ½", ""),
        ("three hidden units, ten times larger, both", "three ten", "both"),
        ("two of the questions, and five lines", "", "two five"),
        ("# 2.1 The 3 errors", "3", "2.1"),
        ("| a | 7 |\n|---|---|\n| 8 | *9* |", "7 8 9", ""),
        ("```{exercise} The 3\n:label: ex-4\nTake 5.\n```", "5", ""),
        ("```python\n6\n```\n\n```{solution-start} ex-2\n:class: dropdown\n```", "", ""),
        ("$$\nL = 3\n$$ (eq-a)", "", ""),
    ],
)  # fmt: skip
def test_what_counts_as_a_number(text, bound, free):
    items = [item for block in read(text)[0] for item in block.items()]
    for wanted, must in ((bound, True), (free, False)):
        numbers = [
            i.text.replace(" ", "_") for i in items if i.kind == "number" and i.bound == must
        ]
        assert numbers == wanted.split()


@pytest.mark.parametrize(
    ("latex", "why"),
    [
        (r"\frac{\partial L}{\partial W_{14}} &= \frac{\partial L}{\partial z_4} \cdot "
         r"\frac{\partial z_4}{\partial W_{14}} && \text{(chain rule)}", ""),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(chain rule)}", "not fit"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(definition of δ)}", ""),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(definition of σ)}", "in neither line"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(definition of Q)}", "not define Q"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(sum rule)}", "not fit"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(product rule)}", "not fit"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(magic)}", "not in the list"),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(2.1.13)}", ""),
        (r"\delta_{z_4} a_1 &= (\hat{y} - y) a_1 && \text{(9.9.9)}", "no earlier equation"),
        (r"\frac{a_1}{a_2} &= a_1 && \text{(cancel)}", ""),
        (r"\frac{a_1}{a_2} &= a_1 && \text{(definition of a, cancel)}", ""),
        (r"\frac{a_1}{a_2} &= a_1 && \text{(definition of a, chain rule)}", "not fit"),
        (r"a_1 + a_2 &= a_2 + a_1 && \text{(reorder)}", ""),
        (r"a_1 + a_2 &= a_2 - b_4 && \text{(reorder)}", "not fit"),
        (r"a_1 &= \frac{a_1}{a_2} && \text{(cancel)}", "not fit"),
    ],
)  # fmt: skip
def test_a_reason_is_listed_and_fits_its_step(latex, why):
    aligned = rf"\begin{{aligned}} {latex} \end{{aligned}}"
    found = [*misfits("network_2_output_weight", "eq-grad-w-14", aligned)]
    assert len(found) == bool(why) and all(why in fault for fault in found)
