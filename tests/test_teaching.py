"""The page for teaching: what it measures, what it links to, what it tells to run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hwlib import grading, numbering
from site_ext.answer_data import BOX
from site_ext.numbering import text_of

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"
CELLS = {
    cell["id"]: cell
    for cell in json.loads((CHAPTERS / "teaching.ipynb").read_text("utf-8"))["cells"]
}
TEXT = text_of(CHAPTERS / "teaching")


def source(cell_id: str) -> str:
    return "".join(CELLS[cell_id]["source"])


def shown(cell_id: str) -> str:
    (output,) = CELLS[cell_id]["outputs"]
    return "".join(output["data"]["text/markdown"])


def table(text: str) -> list[list[str]]:
    """The rows of all tables of a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {k - 1 for k, row in enumerate(rows) if set(row[0]) == {"-"}}
    return [row for k, row in enumerate(rows) if k not in heads and set(row[0]) != {"-"}]


# The minutes, on a page made up for it.


@pytest.fixture
def measure() -> dict[str, Any]:
    """What the cells of the page define that count."""
    names: dict[str, Any] = {}
    for cell in ("rates", "count", "asked", "sections"):
        exec(source(f"teaching-{cell}"), names)
    return names


def md(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": [text]}


def code(text: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": [text]}


@pytest.mark.parametrize(
    ("cell", "counted"),
    [
        (md("Three words here."), {"word": 3}),
        (md("The weight $W_{11}$ is $3$.\n<!-- 3 = w -->"), {"word": 3, "formula": 2}),
        (md("So\n\n$$\na &= b \\\\\n&= c\n$$ (eq-a-b)\n"), {"word": 1, "row": 2}),
        (md("```{answer} a-b\n:asks: x\nWhat?\n---\nThis.\n```\nGo on."), {"box": 1, "word": 2}),
        (md("```{exercise} Guess\n:nonumber:\n:label: try-a\nWhich?\n```"), {"question": 1}),
        (md("```{exercise}\n:label: ex-a-1\nOn paper.\n```"), {"exercise": 1}),
        (md("```{solution} try-a\n:class: dropdown\nThat one.\n```"), {}),
        (code("x = 1\n\ny = 2"), {"line": 2, "cell": 1}),
        (code("import x", tags=["hide-input"]), {}),
        (code("plt.show()", tags=["hide-input"], mystnb={"figure": {}}), {"figure": 1}),
    ],
)
def test_what_a_cell_asks_of_its_reader(measure, cell, counted) -> None:
    found = measure["asked"](cell)
    assert {kind: n for kind, n in found.items() if n and kind != "solution"} == counted


def test_minutes_leave_out_folded_solutions_and_keep_apart_what_is_read_later(measure) -> None:
    words = "word " * 4040  # 20.2 minutes
    exercise = "```{exercise}\n:label: ex-a-1\nOn paper.\n```"
    cells = [
        md(f"# A page\n{words}"),
        md(f"## An experiment: so\n{words}"),
        md("```{answer} a-b\n:asks: x\nWhat?\n```"),
        md(f"## Exercises\n{exercise}"),
        md("```{solution-start} ex-a-1\n```"),
        md(words),
        code("x = 1\n" * 90),
        md("```{solution-end}\n```"),
    ]
    assert measure["minutes"](cells) == {
        "reading": 20,  # rounded to 5 minutes
        "boxes": 0,
        "later": 25,  # with a box
        "exercises": measure["MINUTES"]["exercise"],
    }


def test_the_tables_of_minutes_add_up() -> None:
    *pages, parts, whole = table(shown("teaching-table"))
    numbers = {row[0]: [int(cell) for cell in row[1:]] for row in (*pages, parts, whole)}
    assert all(n[0] + n[1] == n[2] for n in numbers.values())
    columns = zip(*(numbers[row[0]] for row in pages), strict=True)
    assert [sum(column) for column in columns] == numbers["**all pages**"]
    of_parts = [n for name, n in numbers.items() if re.search("hinge|network", name)]
    assert [sum(column) for column in zip(*of_parts, strict=True)] == numbers["**Parts 1 and 2**"]
    read = {re.findall(r"`(\w+)`", row[0])[0]: int(row[3]) for row in pages}
    assert all(n % 5 == 0 for its in numbers.values() for n in its)
    planned = table(shown("teaching-meetings"))
    *met, practice, two_weeks, fifth, sixth, three_weeks, later = (
        [*row[:3], *map(int, row[3:5]), row[5]] for row in planned
    )
    for row in (*met, fifth, sixth, later):
        assert row[3] == sum(read[page] for page in re.findall(r"<(\w+)>", row[1]))
        assert row[4] == 15 * row[2].count("{numref}")
    for whole, rows in ((two_weeks, met), (three_weeks, [*met, fifth, sixth])):
        assert whole[3] == sum(row[3] for row in rows)
        assert whole[4] == sum(row[4] for row in rows) + practice[4]
    assert [name for name, *_ in planned[-2:]] == ["**all of 3 weeks**", "later"]
    for *_, reading, exercises, together in (*met, practice, two_weeks, three_weeks, later):
        assert together == f"{(reading + exercises) // 60} h {(reading + exercises) % 60:02} min"


def test_the_plan_assigns_the_exercises_that_test_the_outcomes_and_no_others() -> None:
    assigned = re.findall(r"<(ex-[\w-]+)>", shown("teaching-meetings"))
    named = re.findall(r"\{numref\}`(ex-[\w-]+)`", source("teaching-outcomes"))
    assert len(assigned) == len({*assigned}) and {*assigned} == {*named}


def test_the_self_test_takes_five_minutes_at_the_rate_that_it_states() -> None:
    names: dict[str, Any] = {}
    exec(source("teaching-test-values"), names)
    boxes = source("teaching-test-1").count("```{answer}") + source("teaching-test-2").count(
        "```{answer}"
    )
    assert boxes == names["n_boxes"] and boxes * names["KNOWN"] < 5 * 60


def test_what_the_page_says_can_be_skipped_is_needed_by_nothing_that_stays() -> None:
    needs = dict(re.findall(r'"(\d\.\d)": "([\d. ]*)"', source("teaching-needs-table")))
    numbers = dict(re.findall(r"`(\d\.\d) <(\w+)>`", shown("teaching-needs-table")))
    (sentence,) = re.findall(r"leave out Part 1: .*? go too", source("teaching-skip"))
    skipped = {n for n, page in numbers.items() if n[0] == "1" or f"`{page}`" in sentence}
    assert {"3.2", "4.2"} <= skipped
    for page in {*needs} - skipped:
        assert not skipped & {*needs[page].split()}, page


# The outcomes: each page has some, and each is tested on its own page.


def outcomes() -> dict[str, list[str]]:
    """The labels of exercises and boxes that test the outcomes, by page."""
    found: dict[str, list[str]] = {}
    for first, _, tested in table(source("teaching-outcomes")):
        (page,) = re.findall(r"[`<](\w+)>?`", first)
        found.setdefault(page, []).extend(re.findall(r"`(ex-[\w-]+)`|<answer-([\w-]+)>", tested))
    return {page: ["".join(pair) for pair in pairs] for page, pairs in found.items()}


def test_each_outcome_is_tested_on_its_page() -> None:
    for page, labels in outcomes().items():
        text = text_of(CHAPTERS / page)
        known = {label for label, _ in BOX.findall(text)}
        known |= set(re.findall(r"^:label: (ex-\S+)", text, re.MULTILINE))
        assert labels and set(labels) <= known, page


def test_each_page_with_exercises_has_outcomes() -> None:
    pages = {
        path.stem
        for path in CHAPTERS.glob("*.ipynb")
        if ":label: ex-" in text_of(path.with_suffix(""))
    }
    assert pages == outcomes().keys()


# The catalogue and the kit.


def test_every_name_that_the_check_reports_is_there_with_a_cell_to_fill() -> None:
    parts = re.split(r"\*\*Question (\d\.\d)\*\*", shown("teaching-catalogue"))[1:]
    rows = {page: table(text) for page, text in zip(parts[::2], parts[1::2], strict=True)}
    assert [*rows] == [question.number for question in grading.HOMEWORK]
    for page, of_page in rows.items():
        for name, rule, equation, to_fill in of_page:
            assert numbering.number(equation.split("`")[1]).startswith(f"{page}."), name
            assert rule.endswith(".") and to_fill, name  # an empty cell vanishes on a phone
    for question in grading.HOMEWORK:
        names = [row[0] for page in rows if page[0] == question.number[0] for row in rows[page]]
        assert len(names) == len({*names})
        wanted = {f"`{mistake.name}`": mistake.rule for mistake in question.catalogue}
        assert wanted.keys() <= {*names}
        said = {
            row[0]: row[1] for page in rows if page[0] == question.number[0] for row in rows[page]
        }
        assert all(said[name] == rule for name, rule in wanted.items() if rule)


def test_each_question_of_the_homework_examines_an_outcome_of_its_page() -> None:
    rows = table(shown("teaching-points"))
    for (number, name, outcome, paper, code), question in zip(rows, grading.HOMEWORK, strict=True):
        assert (number, name) == (question.number, f"`{question.name}`")
        assert paper == code == str(question.points)
        assert f"| {outcome} |" in source("teaching-outcomes")


def test_what_the_page_tells_to_make_can_be_made() -> None:
    targets = re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    told = set(re.findall(r"`make (\w+)", TEXT))
    assert told >= {"course", "practice", "pdf", "epub"} and told <= {*targets}


def test_the_options_of_the_command_line_that_the_page_names_exist() -> None:
    command = [sys.executable, "-m", "hwlib", "check", "--help"]
    known = subprocess.check_output(command, cwd=ROOT, text=True)
    told = set(re.findall(r"--[a-z]+", TEXT))
    assert told >= {"--csv", "--summary", "--homework"}
    assert {option for option in told if option not in known} == set()
    levels = set(re.findall(r"`(?:--detail )?(verdict|coordinate|diagnosis)`", TEXT))
    assert levels == {*grading.DETAILS}


def test_the_book_is_cited_as_it_says_itself() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    (author,), year = cff["authors"], cff["date-released"].year
    assert f"*{cff['title']}*. {author['name']}, version {cff['version']} ({year})." in TEXT
