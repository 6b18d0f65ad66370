"""The site for students: nothing of a solution is left, and what stays is whole and true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
import test_answers as book_boxes
from hypothesis import given
from hypothesis import strategies as st
from pages import faults, go, watch
from playwright.sync_api import Browser
from test_site import broken_links, complaints, first_text, leftovers, read, repeated_ids, words_of

from course import boxes
from course import site as course_site

ROOT = Path(__file__).parents[1]
STUDENT = ROOT / "_build" / "course" / "site-student"
SOURCES = sorted(path for path in (ROOT / "chapters").iterdir() if path.suffix in (".ipynb", ".md"))
SHOWN = [path for path in SOURCES if path.stem != course_site.LEFT_OUT]
BOXES = [label for label in book_boxes.STORED if book_boxes.PAGES[label] != course_site.LEFT_OUT]


READ = {"first_gradient", "hinge_2_gradient", "network_1_output_error"}
"""Pages whose boxes are always tried: with numbers, with formulas, with both."""


def of_boxes(labels: Iterable[str]) -> pytest.MarkDecorator:
    """Run a test for each box; for those of other pages than these three it is slow."""
    return pytest.mark.parametrize("label", [
        pytest.param(label, marks=[pytest.mark.slow] * (book_boxes.PAGES[label] not in READ))
        for label in labels
    ])  # fmt: skip


@pytest.fixture(scope="module")
def student() -> Path:
    """The folder of the built site for students."""
    assert (STUDENT / "index.html").exists(), f"no site in {STUDENT}: run `make course` first"
    return STUDENT


@pytest.fixture(scope="module")
def pages(student: Path) -> dict[str, Any]:
    """Its pages by their paths, parsed."""
    return read(student)


# The solutions, read off the pages once more, without the code that leaves them out.

BOX = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{solution\}.*?^(?P=fence)$|^---\n.*?^(?:`{3,}|:{3,})$|"
    r"^#+ A model answer.*?(?=^#|\Z)", re.MULTILINE | re.DOTALL,
)  # fmt: skip
Piece = tuple[str, str]


def pieces(path: Path) -> tuple[list[Piece], list[Piece]]:
    """Return all texts of a page, prose or code, and those of them that are a solution's."""
    if path.suffix == ".md":
        text = path.read_text("utf-8")
        return [("prose", text)], [("prose", match[0]) for match in BOX.finditer(text)]
    everything: list[Piece] = []
    solved: list[Piece] = []
    within = False
    for cell in nbformat.read(path, as_version=4).cells:
        within = within or "{solution-start}" in cell.source
        texts = [("prose", cell.source)]
        if cell.cell_type == "code":
            shown = cell.metadata.get("mystnb", {})
            captions = shown.get("figure", {}).get("caption", ""), shown.get("image", {}).get("alt")
            texts = [("prose", text or "") for text in captions]
            texts += [("code", text) for text in (cell.source, *printed(cell))]
        everything += texts
        found = [("prose", m[0]) for m in BOX.finditer(cell.source)]
        solved += texts if within else found if cell.cell_type == "markdown" else []
        within = within and "{solution-end}" not in cell.source
    return everything, solved


def printed(cell: Any) -> Iterator[str]:
    for output in cell.outputs:
        yield output.get("text", "") or output.get("data", {}).get("text/plain", "")


def marks(texts: Iterable[Piece]) -> Counter[str]:
    """Count what a text can be known by.

    Of prose that is five words in a row, between formulas and code, and long formulas; of code, and
    of what it prints, the longer lines. The latter two without spaces.
    """
    found: Counter[str] = Counter()
    for kind, text in texts:
        if kind == "code":
            lines = ["".join(line.split()) for line in text.splitlines()]
            found.update(line for line in lines if len(line) > 20)
            continue
        text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
        for display, inline in re.findall(r"\$\$\n(.*?)\n\$\$|\$([^$\n]+)\$", text, re.DOTALL):
            rows = ["".join(row.split()) for row in (display or inline).split(r"\\")]
            found.update(row for row in rows if len(row) > 20)
        text = re.sub(r"\$\$\n[^$]*\n\$\$.*|\$[^$\n]+\$|`[^`\n]*`|\{[a-z]+\}", "$", text)
        for run in re.split(r"[$|<>]|\n\n", text):
            words = re.findall(r"[^\W_]+", run)
            runs = (" ".join(words[n : n + 5]) for n in range(len(words) - 4))
            found.update(phrase for phrase in runs if len(phrase) > 18)
    return found


@pytest.fixture(scope="module")
def secrets() -> set[str]:
    """What stands in solutions and nowhere else in the book."""
    both = [pieces(path) for path in SOURCES]
    everything = marks(piece for all_of_it, _ in both for piece in all_of_it)
    solved = marks(piece for _, solutions in both for piece in solutions)
    words = [book_boxes.answers.STORED, ROOT / "site_ext" / "practice" / "stored.json"]
    others = [*(ROOT / "hwlib").rglob("*.py"), *words]
    package = marks(("prose", path.read_text("utf-8")) for path in others)
    elsewhere = package.keys() | {mark for mark, n in everything.items() if n > solved[mark]}
    solid = " ".join(mark for mark in elsewhere if " " not in mark)
    return {mark for mark in solved.keys() - elsewhere if " " in mark or mark not in solid}


def leaks(text: str, secrets: set[str]) -> set[str]:
    """Return what a text tells of solutions."""
    text = unescape(re.sub(r"(?s)<svg.*?</svg>|</?(?:span|a|em|strong|code|wbr)\b[^>]*>", "", text))
    words = re.findall(r"[^\W_]+", re.sub(r"<[^>]*>", " $ ", text))
    runs = {" ".join(words[n : n + 5]) for n in range(len(words) - 4)}
    solid = "".join(re.sub(r"<[^>]*>", "\n", text).split())
    return (secrets & runs) | {mark for mark in secrets if " " not in mark and mark in solid}


def texts_of(path: Path) -> str:
    """Return what a file of the site says; a notebook, or data in a script, without its quoting."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        return "\n".join(["".join(cell["source"]) for cell in cells] + [
            "".join(output.get("text", [])) + "".join("".join(data) for kind, data
            in output.get("data", {}).items() if "svg" not in kind) for output in outputs
        ] + [str(cell["metadata"]) for cell in cells])  # fmt: skip
    return text.replace("\\n", "\n").replace("\\\\", "\\").replace('\\"', '"')


UNREAD = (".woff2", ".png", ".inv", ".whl")


def test_nothing_of_a_solution_is_left_in_any_file(student: Path, secrets: set[str]) -> None:
    assert len(secrets) > 3000
    files = [path for path in student.rglob("*") if path.suffix not in UNREAD]
    assert {path.suffix for path in files if path.is_file()} >= {".html", ".ipynb", ".js"}
    found = {path.name: leaks(texts_of(path), secrets) for path in files if path.is_file()}
    assert {name: sorted(some)[:5] for name, some in found.items() if some} == {}


@pytest.mark.parametrize(
    "text",
    [
        "<p>The derivative <em>vanishes</em> where the sigmoid is 0.9.</p>",
        r"&amp;= \frac{e^{-z}}{1 + e^{-z}} &amp;&amp; \text{(common denominator)} \\</annotation>",
        '<pre><span class="n">formula</span> = 1 / (1 + math.exp(-z)) - smooth</pre>',
        "the left side is called the odds of label 1",
        "central difference -0.262969, formula -0.262969",
    ],
)  # fmt: skip
def test_a_leak_is_seen(secrets: set[str], text: str) -> None:
    assert leaks(text, secrets)


def test_no_source_is_there_but_the_notebooks_for_students(student: Path) -> None:
    assert not (student / "_sources").exists()
    offered = sorted((student / "_downloads").glob("*.ipynb"))
    assert len(offered) > 10
    for path in offered:
        assert not re.search(r"Solution\b|<!--|# caption:", texts_of(path)), path.name


# What stays.


def test_every_link_leads_somewhere_and_no_id_is_there_twice(student: Path, pages) -> None:
    assert list(broken_links(student, pages)) == []
    assert {name: twice for name, page in pages.items() if (twice := repeated_ids(page))} == {}


def test_every_page_is_there_and_understood(pages) -> None:
    for path in SHOWN:
        page = pages[f"chapters/{path.stem}.html"]
        assert not leftovers(words_of(page)) and not complaints(page), path.stem


def test_the_page_for_instructors_is_not_there(student: Path, pages) -> None:
    assert f"chapters/{course_site.LEFT_OUT}.html" not in pages
    for path in student.rglob("*"):
        if path.suffix in (".html", ".js", ".ipynb"):
            assert "For teaching" not in texts_of(path), path.name
    told = words_of(pages["chapters/intro.html"])
    assert "If you teach" not in told and "Read in order" in told


def numbered(page: Any) -> dict[str, str]:
    """The numbers of a page's equations, figures and exercises by their anchors."""
    equations = {e.get("id"): first_text(e.find_class("eqno")[0]) for e in page.find_class("math")
                 if e.get("id") and e.find_class("eqno")}  # fmt: skip
    figures = {f.get("id"): f.find_class("caption-number")[0].text for f in page.iter("figure")
               if f.find_class("caption-number")}  # fmt: skip
    boxed = [e for e in page.find_class("exercise") if e.get("id")]
    return equations | figures | {e.get("id"): " ".join(e[0].text_content().split()) for e in boxed}


def test_what_is_numbered_has_the_number_that_it_has_in_the_book(site: Path, pages) -> None:
    book = read(site)
    total = 0
    for name, page in pages.items():
        whole, ours = numbered(book[name]), numbered(page)
        assert ours.items() <= whole.items(), name
        total += len(ours)
    assert total > 150


def test_a_reference_to_an_equation_of_a_solution_leads_to_a_line_that_says_so(pages) -> None:
    links = [link for page in pages.values() for link in page.xpath("//article//a[@href]")
             if link.get("href").endswith("#equation-eq-central-difference")]  # fmt: skip
    assert {link.text_content() for link in links} == {"(0.2.5)"} and len(links) > 4
    (line,) = pages["chapters/gradient_checks.html"].xpath(
        "//p[descendant-or-self::*[@id='equation-eq-central-difference']]"
    )
    told = "Equations (0.2.3), (0.2.4) and (0.2.5) belong to the solution, "
    assert line.text_content() == told + "which this edition leaves out."


SPEAKS = r"(?i)\S+ (?:the )?solutions?\b(?!, which this edition)|model answer|the next fold"


def test_no_sentence_speaks_of_a_solution_that_is_not_there(pages) -> None:
    texts = [" ".join(words_of(pages[f"chapters/{path.stem}.html"]).split()) for path in SHOWN]
    told = {hit for text in texts for hit in re.findall(SPEAKS, text)}
    assert told == {"without the solution", "to the solution", "at the solution"}


def test_no_section_is_empty(pages) -> None:
    for name, page in pages.items():
        for section in page.xpath("//article//section[h1 or h2 or h3]"):
            assert [e for e in section if e.tag not in ("h1", "h2", "h3", "span")], (
                name,
                section.get("id"),
            )


@pytest.mark.slow
def test_a_page_is_whole_in_a_browser(browser: Browser, student: Path) -> None:
    page = watch(browser.new_page())
    go(page, f"{student.as_uri()}/chapters/gradient_checks.html")
    found = faults(page, student)
    found.pop("references", None)  # an equation that is left out cannot be shown
    assert found == {}
    page.close()


# The boxes: hashes in the page, the same verdicts as in the book.


@pytest.fixture(scope="module")
def tabs(browser: Browser, student: Path) -> Iterator[book_boxes.Tabs]:
    """The pages with boxes."""
    context = browser.new_context()
    yield (opened := book_boxes.Tabs(context, student))
    assert [page.complaints for page in opened.values() if page.complaints] == []
    context.close()


@pytest.fixture
def type_into(tabs: book_boxes.Tabs) -> book_boxes.Try:
    def types(label: str, *texts: str) -> list[book_boxes.Said]:
        page = tabs[book_boxes.PAGES[label]]
        return [
            book_boxes.Said(**each) for each in page.evaluate(book_boxes.TYPE, [label, [*texts]])
        ]

    return types


def test_the_data_of_a_box_hold_hashes_and_no_value(pages) -> None:
    found = [json.loads(script.text) for page in pages.values()
             for script in page.xpath("//form[contains(@class, 'answer')]//script")]  # fmt: skip
    assert not [box for box in found if "salt" not in box and box.get("right", [])]
    found = [box for box in found if "salt" in box]  # the sheet of practice has nothing to judge by
    assert {box["salt"] for box in found} >= {*BOXES}

    def leaves(value: Any) -> Iterator[Any]:
        for each in value if isinstance(value, list) else [value]:
            yield from leaves(each) if isinstance(each, list) else [each]

    for box in found:
        entries = [each["values"] for kind in ("mistakes", "conventions") for each in box[kind]]
        shapes = [d for d in box["difference"] if isinstance(d, list)]
        values = [*leaves([box["right"], box["atKink"], box["cut"], *shapes, *entries])]
        assert all(re.fullmatch(r"([0-9a-f]{1,8}( |$))*", value) for value in values), box["salt"]
        assert all(d in (None, "") or isinstance(d, list) for d in box["difference"]) and any(
            values
        )


@of_boxes(BOXES)
@pytest.mark.sampled(4)
def test_a_box_says_what_it_says_in_the_book(type_into, label) -> None:
    right = book_boxes.RIGHT[label]
    for text, said in zip(right, type_into(label, *right), strict=True):
        assert said.verdict == "right", (text, said)
    mistakes = book_boxes.MISTAKES.get(label, {})
    for name, said in zip(mistakes, type_into(label, *mistakes.values()), strict=True):
        assert said.verdict == "mistake" and name in said.name.split(" / "), (name, said)
    wrong = book_boxes.WRONG.get(label, [])
    for text, said in zip(wrong, type_into(label, *wrong), strict=True):
        assert (said.verdict, said.name) == (book_boxes.verdict(label, text), ""), (text, said)


(CONVENTIONS,) = book_boxes.test_what_is_right_for_another_loss_is_told.pytestmark


@pytest.mark.parametrize(("label", "text", "name"), [
    pytest.param(*case, marks=[pytest.mark.slow] * (book_boxes.PAGES[case[0]] not in READ))
    for case in CONVENTIONS.args[1]
])  # fmt: skip
def test_what_is_right_for_another_loss_is_told(type_into, label, text, name) -> None:
    (said,) = type_into(label, text)
    assert (said.verdict, said.name) == ("convention", name) and name in said.said


NUMBERS = {label: box for label in BOXES if not (box := book_boxes.STORED[label])["symbols"]}
DIGITS = {label: int(box.get("digits", 4)) for label, box in book_boxes.options_of_boxes().items()}


@of_boxes(NUMBERS)
def test_a_number_is_right_to_any_digits_but_too_few(type_into, label) -> None:
    right, digits = NUMBERS[label]["right"][0], DIGITS[label]
    exact = Decimal(right)
    for places in range(digits, 12):
        text = str(exact.quantize(Decimal(10) ** -places, ROUND_HALF_UP))
        assert type_into(label, text)[0].verdict == "right", text
    for places in range(1, min(digits, 4)):
        text = str(exact.quantize(Decimal(10) ** -places, ROUND_HALF_UP))
        (said,) = type_into(label, text)
        assert said.verdict == "right" or "give more decimals" in said.said, text


@of_boxes(label for label in book_boxes.WRONG if label in BOXES)
def test_a_wrong_answer_is_not_shown_the_right_value(type_into, label) -> None:
    for said in type_into(label, *book_boxes.WRONG[label]):
        assert not re.search(r"should be (?!\S+ ×)|gives [^.;]+;|it is −?\d", said.said), said


def test_a_wrong_formula_is_shown_where_it_is_wrong(type_into) -> None:
    (said,) = type_into("network-w11", "x1")
    assert "Wrong at this point" in said.said and "z1=1.375" in said.said
    assert re.search(r"Your formula gives 3\.(\D|$)", said.said)


# The practice page.

PRACTICE = json.loads((ROOT / "site_ext" / "practice" / "stored.json").read_text("utf-8"))


def test_the_practice_page_has_no_solution_and_no_answer(pages) -> None:
    page = pages["chapters/practice.html"]
    assert not page.xpath("//details[contains(@class, 'solution')]")
    scripts = {e.getparent().get("data-topic"): json.loads(e.text)
               for e in page.find_class("instances")}  # fmt: skip
    assert scripts.keys() == PRACTICE.keys()
    for topic, data in scripts.items():
        assert "solution" not in data["inside"] and not any(
            a["lines"] for a in data["asks"].values()
        )
        place = data["names"].index("answer")
        for _, numbers, right, mistakes, conventions, _ in data["instances"]:
            hashes = [right, *(value for _, value in [*mistakes, *conventions])]
            assert all(re.fullmatch(r"[0-9a-f]{1,8}( [0-9a-f]{1,8})*", each) for each in hashes)
            assert numbers.split(" ")[place] == "?", topic


@pytest.mark.parametrize("topic", [
    topic if topic == "hidden" else pytest.param(topic, marks=pytest.mark.slow)
    for topic in PRACTICE
])  # fmt: skip
def test_the_practice_page_judges_as_the_book_does(browser: Browser, student: Path, topic) -> None:
    data = PRACTICE[topic]
    page = watch(browser.new_page())
    go(page, f"{student.as_uri()}/chapters/practice.html#topic-{topic}")
    box = page.locator(f".practice[data-topic={topic}] form")
    for _, _, right, mistakes, _ in data["instances"][:2]:
        n, wrong = mistakes[0]
        for value, verdict in ((wrong, "mistake"), (right, "right")):
            box.first.locator("input").fill(f"{value:.{data['digits']}f}")
            box.first.locator("input").press("Enter")
            output = box.first.locator("output")
            assert output.get_attribute("data-verdict") == verdict, (topic, value)
            assert verdict == "right" or output.get_attribute("data-name") == data["told"][n][0]
        page.get_by_role("button", name="New numbers").click()
    assert page.complaints == []
    page.close()


# The hash and the rounding: the same on both sides.

VALUES = [
    0.0,
    -0.0,
    1.0,
    0.5,
    -0.125,
    2.675,
    0.64449999,
    9.9999999e-5,
    3679583.32544,
    -1e-12,
    1 / 3,
]


def test_the_page_hashes_and_rounds_as_the_build_does(tabs: book_boxes.Tabs) -> None:
    page = tabs["network_1_output_error"]
    texts = [f"a-box {n} {value}" for n, value in enumerate(VALUES)]
    table = boxes.hashes(texts)
    assert page.evaluate("texts => texts.map(hash)", texts) == [table[text] for text in texts]
    for digits in (None, 0, 1, 3):
        rounded = page.evaluate("([all, d]) => all.map((v) => roundings(v, d))", [VALUES, digits])
        for value, texts in zip(VALUES, rounded, strict=True):
            assert {*texts} == {*boxes.roundings(value, digits)}, (value, digits)


def test_the_hash_is_fnv_1a(monkeypatch) -> None:
    monkeypatch.setattr(boxes, "ROUNDS", 1)
    monkeypatch.setattr(boxes, "WIDTH", 6)
    assert boxes.hashes(["foobar"]) == {"foobar": "bf9cf968"}  # of the authors' test vectors


def meet(a: float, b: float, digits: int | None) -> bool:
    return bool({*boxes.roundings(a, digits)} & {*boxes.roundings(b, digits)})


@given(st.floats(-1e6, 1e6), st.integers(0, 5), st.integers(0, 4))
def test_a_number_that_is_right_up_to_rounding_always_matches(value, digits, more) -> None:
    typed = float(Decimal(value).quantize(Decimal(10) ** -(digits + more), ROUND_HALF_UP))
    assert meet(typed, value, digits)
    assert not meet(typed + 2.0 * 10**-digits, value, digits)


@given(st.floats(-1e6, 1e6), st.floats(-1e-12, 1e-12))
def test_a_value_of_a_formula_matches_up_to_what_floats_lose(value, error) -> None:
    stored = float(f"{value:.12g}")  # as site_ext/answers.json has it
    assert meet(value * (1 + error), stored, None)
    assert not meet(value + 1e-5 * (abs(value) + 1), stored, None)


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(student: Path, tmp_path: Path) -> None:
    # In a process of its own: Sphinx's sitemap leaves a child behind, which would hold the pipes of
    # this one, and the browser's driver would wait for the end of its input for ever.
    command = [sys.executable, "-m", "course.site", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, timeout=500)
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (student, tmp_path / "site-student")
    )
    assert first.keys() == second.keys()
    assert [name for name, data in first.items() if data != second[name]] == []
