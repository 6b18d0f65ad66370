"""The practice page: its numbers are what hwlib gives, and it is tried in a real browser."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree, html
from pages import NARROW, faults, go, watch
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hwlib import hinge, network, polynomial
from hwlib.gradcheck import numerical_grad
from hwlib.gradcheck.mistakes import HINGE, NETWORK
from site_ext.figures import LEAST
from site_ext.practice.__main__ import packed
from site_ext.practice.instances import instances
from site_ext.practice.page import STORED, WORDS, asks, fill
from site_ext.practice.pictures import PICTURES
from site_ext.practice.sheet import sheet

ROOT = Path(__file__).parents[1]
DATA: dict[str, Any] = json.loads(STORED.read_text("utf-8"))
EACH = [(topic, n) for topic in DATA for n in range(len(DATA[topic]["instances"]))]
PICTURE = {topic: PICTURES[WORDS[topic]["picture"]] for topic in DATA}


class One:
    """A stored instance: its question, its numbers as printed, what is right, the wrong values."""

    def __init__(self, topic: str, n: int) -> None:
        stored = DATA[topic]
        self.ask, text, self.right, *kinds = stored["instances"][n]
        self.read: set[str] = set()  # numbers that were needed
        self.topic, self.unit = topic, 10.0 ** -stored["digits"]
        self.texts = dict(zip(stored["names"], text.split(), strict=True))
        self.mistakes, self.conventions = (
            {stored["told"][k][0]: value for k, value in kind} for kind in kinds
        )
        self.told = {stored["told"][k][0]: stored["told"][k][1] for kind in kinds for k, _ in kind}

    def __call__(self, name: str) -> float:
        self.read.add(name)
        return float(self.texts[name])

    def row(self, *names: str) -> np.ndarray:
        return np.array([self(name) for name in names])

    @property
    def params(self) -> network.Parameters:
        W = np.array([self.row(*(f"W_{i}{j}" for j in "123")) for i in "12"])
        w = self.row("W_14", "W_24", "W_34")
        b_out = self("b_4") if "b_4" in self.texts else 0.0
        return network.Parameters(W, self.row("b_1", "b_2", "b_3"), w, b_out)

    @property
    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        if self.topic == "batch":
            X = np.array([self.row(f"x_1_{s}", f"x_2_{s}") for s in "AB"])
            return X, self.row("y_A", "y_B")
        return self.row("x_1", "x_2")[None], self.row("y")

    @property
    def l2(self) -> float:
        return self("l2") if "l2" in self.texts else 0.0

    @property
    def asked(self) -> tuple[str, Any]:
        """The field and the place of the parameter that is asked for."""
        j = int(self("j")) - 1
        if self.ask == "out":
            return "w_out", j
        return ("b_hidden", j) if self.ask == "bias" else ("W_hidden", (int(self("i")) - 1, j))

    @property
    def samples(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        letters = "ABC" if self.topic == "mask" else "A"
        theta = np.array([0, 0, 0, *self.row("t_3", "t_4", "t_5", "t_6")])
        X = polynomial.features(self.row(*(f"u_{s}" for s in letters)))
        return theta, X, self.row(*(f"y_{s}" for s in letters))


def derivative(f: Any) -> float:
    return float(numerical_grad(lambda step: f(float(step[0])), np.zeros(1))[0])


def recomputed(one: One) -> float:
    """What is right, by finite differences of the loss, from the printed numbers alone."""
    if one.topic == "forward":
        X, y = one.batch
        z4 = network.forward(one.params, X).z_out[0]
        return float(z4) if one.ask == "z4" else network.loss(one.params, X, y)
    if one.topic in ("mask", "step"):
        theta, X, y = one.samples
        j = 5 if one.ask == "masked" else int(one("j"))
        slope = derivative(lambda t: hinge.loss(theta + t * np.eye(7)[j], X, y))
        return slope if one.topic == "mask" else theta[j] - one("alpha") * slope
    if one.topic == "error":
        z4 = one.row("a_1", "a_2", "a_3") @ one.row("W_14", "W_24", "W_34") + one("b_4")
        return derivative(lambda t: float(network.log_loss(z4 + t, one("y"))))
    if one.topic == "output":  # the output is printed to four decimals
        z4, a = math.log(one("y_hat") / (1 - one("y_hat"))), max(one(f"z_{one.texts['j']}"), 0)
        return derivative(lambda t: float(network.log_loss(z4 + t * a, one("y"))))
    if one.topic == "batch":  # and so it is here, where b_4 is printed, too
        assert np.allclose(network.forward(one.params, one.batch[0]).y_hat,
                           one.row("y_hat_A", "y_hat_B"), atol=5.1e-5)  # fmt: skip
    (field, place), params = one.asked, one.params

    def loss(step: float) -> float:
        values = np.array(getattr(params, field))
        values[place] += step
        return network.loss(params._replace(**{field: values}), *one.batch, one.l2)

    return derivative(loss)


@pytest.mark.parametrize("topic", DATA)
def test_what_is_right_is_what_finite_differences_of_the_loss_give(topic) -> None:
    for one in (One(topic, n) for n in range(len(DATA[topic]["instances"]))):
        rough = 1e-3 if topic == "output" else 1e-6
        assert recomputed(one) == pytest.approx(one.right, abs=rough), one.texts
        assert one.read <= places(PICTURE[topic], "text") | places(asks(topic)[one.ask]["ask"])


def places(template: str, tag: str = "") -> set[str]:
    """The names of the numbers that are in sight: in the text of a picture, or in a question."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", template) if tag else [template]
    return {name for text in texts for _, name in re.findall(r"\{(\(?)(\w+)\)?\}", text)}


@pytest.mark.parametrize("topic", DATA)
def test_who_does_not_see_the_picture_is_told_the_same_numbers(topic) -> None:
    (alt,) = re.findall('aria-label="([^"]*)"', PICTURE[topic])
    shown = {name for name in places(PICTURE[topic], "text") if not name.startswith("sign_")}
    assert places(alt) == shown


@pytest.mark.parametrize("topic", ["mask", "hidden", "penalty", "batch"])
def test_the_mistakes_are_those_of_the_catalogue(topic) -> None:
    """All of them, but for those that the words set aside or that change nothing here."""
    for one in (One(topic, n) for n in range(len(DATA[topic]["instances"]))):
        known = {name: value for names, value in (one.mistakes | one.conventions).items()
                 for name in names.split(" / ")}  # fmt: skip
        aside = WORDS[topic].get("unlike", []) + WORDS[topic]["asks"][one.ask].get("unlike", [])
        for mistake in HINGE if topic == "mask" else NETWORK:
            if topic == "mask":
                j = 5 if one.ask == "masked" else int(one("j"))
                value = mistake.grad(*one.samples)[j]
            else:
                grad = mistake.grad(one.params, *one.batch, one.l2)
                value = getattr(grad, one.asked[0])[one.asked[1]]
            if mistake.name in known:
                assert known[mistake.name] == pytest.approx(value, abs=1e-5)
            elif mistake.name not in aside and min(abs(value), abs(value - one.right)) > 1e-5:
                assert any(abs(value - v) < 1e-5 for v in known.values()), mistake.name


@pytest.mark.parametrize("topic", DATA)
def test_no_two_answers_look_alike(topic) -> None:
    """The answer and all mistakes differ at the digits asked, whichever way they are rounded."""
    for one in (One(topic, n) for n in range(len(DATA[topic]["instances"]))):
        values = [one.right, *one.mistakes.values(), *one.conventions.values()]
        assert len(values) > 1
        for a, b in itertools.combinations(values, 2):
            assert abs(a - b) > 2 * one.unit, one.texts


def test_there_is_enough_of_each_topic_and_nothing_twice() -> None:
    assert len(DATA) >= 8
    for topic, stored in DATA.items():
        rows = [tuple(row[:2]) for row in stored["instances"]]
        assert len(set(rows)) == len(rows) >= 60, topic


def test_the_numbers_are_small_and_no_factor_is_idle() -> None:
    for one in itertools.starmap(One, EACH):
        given = [name for name in one.texts if f"{{{name}}}" in PICTURE[one.topic]]
        for name in given:
            text = one.texts[name].lstrip("-")
            if re.match("(place|sign)_", name):
                continue
            assert float(text) <= 30 and len(text.partition(".")[2]) <= (4 if "hat" in name else 3)
            weights = re.match(r"W_|x_|u_|l2|alpha|t_[56]", name)
            assert not weights or text not in ("0", "1"), (one.topic, name)
        factors = {"w", "x", "delta", "delta_A", "delta_B", "x_A", "x_B", "f_A", "f_B", "f_C"}
        assert not {one.texts.get(name, "2").lstrip("-") for name in factors} & {"0", "1"}


def test_both_labels_gates_active_samples_and_the_mask_come_up() -> None:
    seen: dict[str, set[Any]] = {topic: set() for topic in DATA}
    for one in itertools.starmap(One, EACH):
        labels = [one.texts[name] for name in one.texts if re.fullmatch("y(_[ABC])?", name)]
        seen[one.topic] |= {("label", label) for label in labels} | {one.ask}
        seen[one.topic] |= {one.texts[f"is_{s}"] for s in "ABC" if f"is_{s}" in one.texts}
        if one.topic == "step":
            seen["step"].add("active" if one("r_A") < 1 else "safe")
    for topic, found in seen.items():
        labels = ("-1", "1") if topic in ("mask", "step") else ("0", "1")
        assert found >= {*WORDS[topic]["asks"], *(("label", label) for label in labels)}, topic
    assert seen["mask"] >= {"active", "safe", "masked"} and seen["step"] >= {"active", "safe"}
    assert seen["batch"] >= {"on", "off"} and {"on", "off"} <= seen["hidden"] & seen["output"]
    for one in itertools.starmap(One, EACH):  # the classic ones, each with a number of its own
        assert {*WORDS[one.topic]["asks"][one.ask].get("alone", [])} <= {*one.mistakes}
    theta = {"no mask at all", "margin test forgotten", "margin below 0", "branches swapped"}
    assert {*WORDS["mask"]["asks"]["theta"]["alone"]} == theta


def test_the_masked_weight_is_asked_for_now_and_then() -> None:
    for topic in ("mask", "step"):
        asked = [One(topic, n).ask for n in range(64)]
        assert 0 < asked.count("masked") <= 6


PENALTY = {
    "lambda forgotten",
    "the penalty alone",
    "lambda without W",
    "penalty for its derivative",
}
USUAL = {
    ("penalty", "out"): PENALTY, ("penalty", "hidden"): PENALTY | {"the other input"},
    ("penalty", "off"): {"lambda forgotten", "lambda without W"},
    ("batch", "out"): {"only the first sample", "only the second sample"},
    ("batch", "hidden"): {"only the first sample", "only the second sample", "the other input"},
    ("hidden", "on"): {"the other input", "unit taken as off"},
    ("forward", "loss"): {"z4 for L", "logarithm to base 10", "logarithm to base 2"},
    ("mask", "theta"): {"margin below 0", "another power of u"},
    ("step", "active"): {"another power of u"},
}  # fmt: skip


@pytest.mark.parametrize(("topic", "ask"), USUAL)
def test_what_people_do_is_named(topic, ask) -> None:
    """Where it gives a number of its own: neither 0 nor what is right, as where a unit is off."""
    ones = [one for n in range(64) if (one := One(topic, n)).ask == ask]
    for name in USUAL[topic, ask]:
        named = [name in " / ".join(one.mistakes).split(" / ") for one in ones]
        assert sum(named) >= 0.3 * len(ones), name


def test_a_plain_0_is_named_only_where_that_is_the_usual_mistake() -> None:
    from site_ext.practice.instances import ZERO

    found = set()
    for one in itertools.starmap(One, EACH):
        for names, value in one.mistakes.items():
            if abs(value) < one.unit / 2:
                found |= {*names.split(" / ")}
    assert found <= ZERO and "unit taken as off" in found


def test_what_is_said_of_a_mistake_is_a_sentence_and_no_code() -> None:
    for topic, stored in DATA.items():
        for name, said in stored["told"]:
            text = _text(re.sub("<math>.*?</math>", "M", said))
            assert re.match("(Perhaps (you|the sign)|Right under another convention)", text), text
            assert text.endswith(".") and not re.search(r"[_<>=$\\]|>=", text), (topic, text)
            assert text.count("Or ") == name.count(" / ") <= 2


# The worked solutions: what is printed is computed again.


def as_python(node: etree._Element) -> str:
    """A formula of a solution as Python, letters as they are."""
    parts = [as_python(child) for child in node]
    tag = etree.QName(node).localname
    if tag == "mfrac":
        return f"({parts[0]})/({parts[1]})"
    if tag == "msup":
        return f"({parts[0]})**({parts[1]})"
    if tag in ("mn", "mi", "mo"):
        return {"·": "*", "−": "-", "e": "exp(1)"}.get(
            node.text, (node.text or "").replace("−", "-")
        )
    return "".join(parts)


NAMES = {"exp": math.exp, "log": math.log, "max": max, "__builtins__": {}}


def sides(line: str) -> Iterator[list[str]]:
    """The sides of each relation of a line, formulas that stand side by side as one."""
    whole = html.fragment_fromstring(line, create_parent="p")
    text = whole.text or ""
    for math_ in whole.iter("math"):
        holder = math_.getparent() if math_.getparent().tag == "span" else math_
        text += as_python(math_) + (
            "" if (holder.tail or "") == " " else f" ; {holder.tail or ''};"
        )
    for run in text.split(";"):
        yield re.split("=|≈", run)


def value(side: str) -> float | None:
    if not re.fullmatch(r"(?:exp|log|max|[\d.,+*/()\s-])+", side.strip()) or not side.strip():
        return None
    return float(eval(side.replace("){}", ")"), NAMES))


@pytest.mark.parametrize("topic", DATA)
def test_each_number_of_a_worked_solution_follows_from_those_before_it(topic) -> None:
    compared = 0
    for one in (One(topic, n) for n in range(len(DATA[topic]["instances"]))):
        lines = re.findall("<p>(.*?)</p>", fill(asks(topic)[one.ask]["lines"], one.texts))
        assert 2 <= len(lines) <= 5
        last = None
        for line in lines:
            for run in sides(line):
                numbers = [v for v in map(value, run) if v is not None]
                rounding = 0.51 * one.unit if "≈" in line else 1e-9
                assert all(abs(v - numbers[-1]) < rounding for v in numbers), (line, numbers)
                if "≈" in line and len(run) == len(numbers):  # and no ≈ where it is exact
                    assert max(numbers) - min(numbers) > 1e-9, line
                compared += len(numbers) > 1
                last = numbers[-1] if numbers else last
        assert last is not None and abs(last - one.right) < 0.5001 * one.unit, (lines, one.right)
    assert compared >= len(DATA[topic]["instances"])


def test_all_places_of_pictures_and_words_are_filled() -> None:
    for one in itertools.starmap(One, EACH):
        for template in (PICTURE[one.topic], *asks(one.topic)[one.ask].values()):
            assert not re.search(r"[{}<]\w+[}>]\s*[{}]|\{\(?\w+\)?\}", fill(template, one.texts))


def test_a_number_is_put_in_parentheses_where_it_is_negative_and_asks_for_it() -> None:
    assert fill("{a} · {(b)} + {(a)} {c}", {"a": "2", "b": "-3"}) == "2 · (−3) + 2 {c}"


@pytest.mark.parametrize("topic", DATA)
def test_the_stored_instances_are_what_the_seed_gives(topic) -> None:
    from site_ext.practice.__main__ import SEED

    first = packed(topic, islice(instances(topic, SEED), 6))
    told = DATA[topic]["told"]
    for new, old in zip(first["instances"], DATA[topic]["instances"], strict=False):
        assert new[:3] == old[:3]
        for kind in (3, 4):
            assert [([*first["told"][k]], v) for k, v in new[kind]] == [
                (told[k], v) for k, v in old[kind]
            ]


def test_the_rule_of_the_page_is_that_of_its_script() -> None:
    page = (ROOT / "chapters/practice.md").read_text("utf-8")
    script = (ROOT / "site_ext/static/practice.js").read_text("utf-8")
    assert (
        "three in a row" in page and "sixty-four sets" in page and "const MASTERED = 3;" in script
    )
    assert {len(stored["instances"]) for stored in DATA.values()} == {64}
    assert [*re.findall(r"```\{practice\} (\w+)", page)] == [*DATA] == [*WORDS]


# The sheet.


@pytest.mark.slow
def test_a_sheet_is_new_and_the_same_for_the_same_seed() -> None:
    one, again, other = (sheet(seed, ["mask", "output"], 4) for seed in (7, 7, 8))
    assert one == again != other
    assert not re.search(r"https?://|src=|<script|<link", one)
    root = html.fromstring(one)
    assert len(root.xpath("//div[@class='task']")) == 8 == len(root.xpath("//svg"))
    tasks, answers = (root.xpath(f"//div[@class='{name}']")[0] for name in ("practice", "answers"))
    assert answers.getprevious() is tasks and len(answers.xpath("./div")) == 8
    on_page = {fill(PICTURE["mask"], One("mask", n).texts) for n in range(64)}
    drawn = [etree.tostring(svg, encoding="unicode") for svg in root.xpath("//svg")][:4]
    assert not on_page & set(drawn)


@pytest.mark.slow
def test_a_seed_of_the_page_gives_what_is_not_on_the_page() -> None:
    from site_ext.practice.__main__ import SEED
    from site_ext.practice.sheet import new

    rows = {tuple(row[:2]) for row in DATA["output"]["instances"]}
    assert not rows & {tuple(row[:2]) for row in new("output", SEED, 3)["instances"]}


@pytest.mark.slow
def test_the_command_writes_a_sheet_and_refuses_what_it_does_not_know(tmp_path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "site_ext.practice.sheet", *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    path = tmp_path / "made" / "sheet.html"
    done = run("3", str(path), "--topics", "error,step", "--count", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text("utf-8") == sheet(3, ["error", "step"], 2)
    for wrong in (["3", "--topics", "nothing"], ["-1"], ["3", "--count", "0"], ["three"]):
        refused = run(wrong[0], str(tmp_path / "none.html"), *wrong[1:])
        assert refused.returncode == 2 and not (tmp_path / "none.html").exists()


@pytest.mark.slow
def test_the_answers_begin_on_a_page_of_their_own_and_nothing_is_asked_for(
    browser, tmp_path
) -> None:
    path = tmp_path / "sheet.html"
    path.write_text(sheet(5, ["forward", "batch"], 1), "utf-8")
    page = watch(browser.new_page())
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    begins = "getComputedStyle(document.querySelector('.answers')).breakBefore"
    assert page.evaluate(begins) == "page"
    assert page.requested == [path.as_uri()] and page.complaints == []
    page.close()


# The page in a browser.


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(20000)
    yield context
    context.close()


ADDRESS = "chapters/practice.html"


def visit(context: BrowserContext, site: Path, topic: str = "hidden") -> Page:
    page = watch(context.new_page())
    go(page, f"{site.as_uri()}/{ADDRESS}#topic-{topic}")
    return page


def at(page: Page, topic: str = "hidden") -> One:
    """The instance that a topic shows: by its picture and its question."""
    root = page.locator(f".practice[data-topic={topic}]")
    alt, ask = root.locator("svg").first.get_attribute("aria-label"), root.locator(
        "form [id$=-ask]").first.inner_html()  # fmt: skip
    for one in (One(topic, n) for n in range(len(DATA[topic]["instances"]))):
        label = re.search('aria-label="([^"]*)"', fill(PICTURE[topic], one.texts))
        same = re.sub(r"\s|/?>|<", "", fill(asks(topic)[one.ask]["ask"], one.texts))
        if label and label[1] == alt and len(same) and _text(ask) == _text(
            fill(asks(topic)[one.ask]["ask"], one.texts)
        ):  # fmt: skip
            return one
    raise AssertionError(f"no instance looks like {alt}")


def _text(markup: str) -> str:
    return "".join(html.fragment_fromstring(markup, create_parent="p").itertext()).strip()


def answer(page: Page, text: str, topic: str = "hidden") -> str:
    form = page.locator(f".practice[data-topic={topic}] form").first
    form.locator("input").fill(text)
    form.get_by_role("button", name="Check").click()
    return form.locator("output").inner_text()


def status(page: Page, topic: str = "hidden") -> str:
    return page.locator(f".practice[data-topic={topic}] .next p").inner_text()


def new_numbers(page: Page, topic: str = "hidden") -> None:
    page.locator(f".practice[data-topic={topic}]").get_by_role("button", name="New").click()


def right(one: One) -> str:
    return f"{one.right:.{DATA[one.topic]['digits']}f}"


@pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["at first sight", "whole"]
)
def test_the_page_has_no_fault_with_any_topic_open(context, site, whole) -> None:
    page = visit(context, site)
    page.evaluate("document.querySelectorAll('.hint').forEach((hint) => { hint.hidden = false; })")
    for topic in DATA:
        page.evaluate("(topic) => { location.hash = `topic-${topic}`; }", topic)
        page.locator(f".practice[data-topic={topic}] form").first.wait_for()
        assert faults(page, site, f".practice[data-topic={topic}]", whole) == {}, topic


# Type into the box of a topic and check, then go on by some instances; what was said, and the name.
TRY = """([topic, texts, steps]) => {
  const root = document.querySelector(`.practice[data-topic=${topic}]`);
  const [input, output] = ["input", "output"].map((tag) => root.querySelector(`form ${tag}`));
  const said = texts.map((text) => {
    input.value = text;
    root.querySelector("form").requestSubmit();
    return [output.innerText, output.dataset.name];
  });
  for (let n = 0; n < steps; n += 1) root.querySelector(".next button").click();
  return said;
}"""


@pytest.mark.parametrize(
    "topic",
    [topic if topic == "hidden" else pytest.param(topic, marks=pytest.mark.slow)
     for topic in DATA],
)  # fmt: skip
def test_every_instance_is_judged_as_hwlib_says(context, site, topic) -> None:
    """Some of them, one after the other: the answer, and each mistake by its name."""
    page = visit(context, site, topic)
    known, digits, steps = DATA[topic], DATA[topic]["digits"], 7
    for n in range(0, len(known["instances"]), steps):
        one = One(topic, n)
        assert at(page, topic).texts == one.texts
        wrong = {**one.mistakes, **one.conventions}
        typed = [*(f"{value:.{digits}f}" for value in wrong.values()), right(one)]
        *answers, last = page.evaluate(TRY, [topic, typed, steps])
        for name, (said, told) in zip(wrong, answers, strict=True):
            if name in one.conventions:
                assert "another convention" in said
                continue
            assert said.startswith("Not quite.") and "Perhaps" in said and told == name
            assert right(one) not in said.split() or right(one) in known["told"]
        assert last[0] == "Right."


def test_a_wrong_number_resets_the_streak_and_rubbish_costs_nothing(context, site) -> None:
    page = visit(context, site)
    assert answer(page, right(at(page))) == "Right."
    assert status(page) == "Streak: 1 of 3."
    new_numbers(page)
    one = at(page)
    assert "does not count as a try" in answer(page, "rubbish")
    assert "does not count as a try" in answer(page, "1..2(")
    while round(one.right, 1) == round(one.right, 2):
        new_numbers(page)
        one = at(page)
    assert answer(page, f"{one.right:.1f}") == "Right so far: give more decimals."
    assert status(page) == "Streak: 1 of 3."
    assert answer(page, "77.77") == "Not this number."
    assert status(page) == "Streak: 0 of 3."
    assert answer(page, right(one)) == "Right."  # right, but not at the first try
    assert status(page) == "Streak: 0 of 3."


@pytest.mark.slow
def test_a_wrong_number_is_wrong_after_a_reload_too(context, site) -> None:
    page = visit(context, site)
    one = at(page)
    assert answer(page, "77.77") == "Not this number."
    page.wait_for_timeout(3000)  # storage goes to another process, which may be busy
    page.reload()
    assert at(page).texts == one.texts
    assert answer(page, right(one)) == "Right." and status(page) == "Streak: 0 of 3."
    new_numbers(page)
    assert answer(page, right(at(page))) == "Right." and status(page) == "Streak: 1 of 3."


@pytest.mark.slow
def test_decimals_are_counted_as_typed_and_too_few_of_them_cost_nothing(context, site) -> None:
    page = visit(context, site, "forward")
    for _ in range(60):
        one = at(page, "forward")
        text = f"{one.right:.1f}"
        if float(text) != round(one.right, 3) and one.right > 0.1:
            for _ in range(4):
                assert answer(page, text, "forward") == "Right so far: give more decimals."
            assert answer(page, text + "00", "forward").startswith("Not ")
            break
        new_numbers(page, "forward")
    assert status(page, "forward") == "Streak: 0 of 3."


def test_fractions_and_decimal_commas_are_read(context, site) -> None:
    page = visit(context, site, "mask")
    one = at(page, "mask")
    assert answer(page, right(one).replace(".", ","), "mask") == "Right."
    numerator = round(one.right * 64)
    assert numerator == one.right * 64
    assert answer(page, f"{numerator}/64", "mask") == "Right."


def test_hints_come_with_the_tries_and_a_look_at_the_solution_counts(context, site) -> None:
    page = visit(context, site)
    answer(page, right(at(page)))
    new_numbers(page)
    form = page.locator(".practice[data-topic=hidden] form").first
    form.locator(".hint summary").click()
    expect(form.locator(".hint p")).to_be_visible()
    assert status(page) == "Streak: 1 of 3."  # a hint costs nothing
    form.locator(".solution summary").click()
    expect(page.locator(".practice[data-topic=hidden] .next p")).to_have_text("Streak: 0 of 3.")
    assert fill("{answer}", at(page).texts) in form.locator(".solution").inner_text()
    new_numbers(page)
    form = page.locator(".practice[data-topic=hidden] form").first
    for text in ("77", "78"):
        answer(page, text)
    assert "Read the solution" in answer(page, "79")
    form.get_by_role("link", name="Read the solution.").click()
    expect(form.locator(".solution p").first).to_be_visible()
    answer(page, right(at(page)))
    form.locator(".solution summary").click()  # behind the answer it costs nothing more
    form.locator(".solution summary").click()
    assert status(page) == "Streak: 0 of 3."


def test_three_in_a_row_are_kept_over_a_reload_and_can_be_cleared(context, site) -> None:
    page = visit(context, site)
    for row in (1, 2, 3):
        assert answer(page, right(at(page))) == "Right."
        assert status(page).startswith(f"Streak: {row} of 3.")
        if row == 2:
            page.wait_for_timeout(3000)  # storage goes to another process, which may be busy
            page.reload()
        else:
            new_numbers(page)
    link = page.locator(".topics a[href='#topic-hidden']")
    expect(link).to_contain_text("(mastered)")
    page.goto("about:blank")
    go(page, f"{site.as_uri()}/{ADDRESS}")
    expect(link).to_contain_text("(mastered)")
    expect(link).to_have_attribute("aria-current", "true")  # the last topic
    overall = page.locator("#your-progress .next p")
    expect(overall).to_have_text(f"1 of {len(DATA)} topics mastered.")
    page.locator(".practice[data-topic=hidden] .next a").click()
    expect(page.locator(".practice[data-topic=penalty]")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Clear my progress").click()
    expect(overall).to_have_text(f"0 of {len(DATA)} topics mastered.")
    expect(link).not_to_contain_text("mastered")
    assert page.evaluate("localStorage.getItem('practice')") is None
    page.reload()
    expect(link).not_to_contain_text("mastered")
    assert page.complaints == []


@pytest.mark.slow
def test_what_is_stored_may_be_of_another_kind(context, site) -> None:
    page = visit(context, site)
    for stored in ("[", "7", "null", '{"hidden": 3}', '{"hidden": {"at": "x"}}'):
        page.evaluate("text => localStorage.setItem('practice', text)", stored)
        go(page, "about:blank")
        go(page, f"{site.as_uri()}/{ADDRESS}#topic-hidden")
        assert answer(page, right(at(page))) == "Right." and page.complaints == []


@pytest.mark.slow
def test_it_works_where_the_browser_keeps_nothing(context, site) -> None:
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } });"
    )
    page = visit(context, site)
    assert answer(page, right(at(page))) == "Right." and status(page) == "Streak: 1 of 3."
    new_numbers(page)
    assert answer(page, right(at(page))) == "Right." and status(page) == "Streak: 2 of 3."
    expect(page.locator("#your-progress .next p")).to_contain_text("keeps nothing")
    page.get_by_role("button", name="Clear my progress").click()
    assert status(page) == "Streak: 0 of 3."
    assert [c for c in page.complaints if not re.search("refused|theme mode", c)] == []


@pytest.mark.slow
def test_the_keyboard_alone_is_enough(context, site) -> None:
    page = visit(context, site)
    page.locator(".topics a[href='#topic-hidden']").focus()
    page.keyboard.press("Enter")
    for row in (1, 2):
        for _ in range(30):
            if page.evaluate("document.activeElement.matches('.practice input')"):
                break
            page.keyboard.press("Tab")
        page.keyboard.type(right(at(page)))
        page.keyboard.press("Enter")
        assert status(page) == f"Streak: {row} of 3."
        assert page.evaluate("document.activeElement.textContent") == "New numbers"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.matches('.practice input')")
    field = page.locator(".practice[data-topic=hidden] input").first
    described = field.get_attribute("aria-describedby").split()
    assert all(page.locator(f"#{name}").count() == 1 for name in described)
    assert "What is" in page.locator(f"#{described[0]}").inner_text()
    assert page.locator(".practice[data-topic=hidden] .next p").get_attribute("role") == "status"


@pytest.mark.slow
def test_the_address_opens_a_topic_and_one_alone_is_shown(context, site) -> None:
    page = visit(context, site, "penalty")
    shown = "[...document.querySelectorAll('.practice')].filter((e) => e.checkVisibility())"
    names = f"{shown}.map((e) => e.dataset.topic)"
    assert page.evaluate(names) == ["penalty"]
    page.locator(".topics a[href='#topic-mask']").click()
    assert page.evaluate(names) == ["mask"]
    page.go_back()
    assert page.evaluate(names) == ["penalty"]
    page.get_by_role("link", name="By hand or with a calculator").first.click()
    assert page.evaluate(names) == ["penalty"]
    assert page.locator(".practice[data-topic=penalty] form:visible").count() == 1


def test_without_scripts_it_is_a_sheet_with_its_answers_folded(browser, site) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=NARROW)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/{ADDRESS}")
    assert page.get_by_text("Without JavaScript").is_visible()
    assert page.locator(".practice form:visible svg").count() == 3 * len(DATA)
    assert page.locator(".practice .solution:not([open])").count() == 3 * len(DATA)
    assert page.locator(".practice .solution p:visible").count() == 0
    assert page.locator(".practice input:visible").count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= NARROW["width"]
    context.close()


@pytest.mark.parametrize(
    "topic",
    ["mask", *(pytest.param(name, marks=pytest.mark.slow) for name in ("penalty", "batch"))],
)
def test_the_pictures_can_be_read_on_a_narrow_phone(context, site, topic) -> None:
    page = visit(context, site, topic)
    page.set_viewport_size(NARROW)
    width = page.locator(f".practice[data-topic={topic}] svg").first.bounding_box()["width"]
    assert 14 * width / 340 > LEAST


@pytest.mark.slow
def test_on_paper_all_topics_are_there_without_their_answers(context, site) -> None:
    page = visit(context, site)
    page.emulate_media(media="print")
    assert page.locator(".practice form:visible svg").count() == 3 * len(DATA)
    assert page.locator(".practice :is(input, .solution p, .next):visible").count() == 0


LINKS = {
    "hinge_1_hypothesis": ["mask"], "hinge_2_gradient": ["mask"], "hinge_3_algorithm": ["step"],
    "network_0_forward": ["forward"], "network_1_output_error": ["error"],
    "network_2_output_weight": ["output"], "network_3_hidden_weight": ["hidden", "batch"],
    "network_4_l2": ["penalty"],
}  # fmt: skip


def test_each_question_leads_to_its_topic_and_no_other_page_loads_the_script(site) -> None:
    for path in (site / "chapters").glob("*.html"):
        text = path.read_text("utf-8")
        assert ("practice.js" in text) == (path.stem == "practice")
        links = re.findall(r'href="practice.html#topic-(\w+)"', text)
        assert links == LINKS.get(path.stem, []) or path.stem == "practice", path.stem
