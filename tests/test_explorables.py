"""The explorables in a real browser: what they show is what hwlib computes, however operated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import numpy as np
import pytest
from pages import DESKTOP, FRAMES, NARROW, PHONE, go, watch
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hwlib import gradcheck, hinge, network, optim, polynomial

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "site_ext" / "static" / "explore"
CHAPTERS = {
    "chain": "network_3_hidden_weight",
    "algorithm": "hinge_3_algorithm",
    "step": "beyond_floats",
}
# The cells that the figure of an explorable needs, besides the chapter's setup.
CELLS = {
    "chain": ["network-3-setup", "network-3-bookkeeping", "network-3-explore-figure"],
    "algorithm": [
        "hinge-3-setup", "hinge-3-data", "hinge-3-step-figure", "hinge-3-code-loops",
        "hinge-3-break-run", "hinge-3-explore-figure",
    ],
    "step": [
        "beyond-floats-setup", "beyond-floats-step-function", "beyond-floats-step-run",
        "beyond-floats-explore-errors", "beyond-floats-explore-draw",
        "beyond-floats-explore-figure",
    ],
}  # fmt: skip
METHODS = ("forward", "central", "complex")

# Set the inputs of a widget, press its buttons, and read every number and every word it shows.
# The widget is out of the page meanwhile, so that nothing is laid out, and the result comes as a
# text: both are a matter of speed.
OPERATE = """([name, trials]) => {
  const root = document.querySelector(`.explorable[data-name=${name}]`);
  const find = (what) => root.querySelectorAll(what);
  const place = new Comment();
  root.replaceWith(place);
  const read = trials.map(({ inputs, presses = [] }) => {
    for (const [key, value] of Object.entries(inputs)) {
      const [radio] = find(`input[type=radio][data-name=${key}][value="${value}"]`);
      if (radio) radio.checked = true;
      else find(`input[data-name=${key}]`)[0].value = value;
    }
    if (Object.keys(inputs).length) root.dispatchEvent(new Event("input"));
    for (const press of presses) find(`button[data-name=${press}]`)[0].click();
    return {
      numbers: [...find("data")].map((data) => [data.dataset.name, data.value, data.textContent]),
      words: [...find("b[data-name]")].map((word) => [word.dataset.name, word.textContent]),
    };
  });
  place.replaceWith(root);
  return JSON.stringify(read);
}"""


class Shown(dict[str, float]):
    """The numbers that a widget shows, by their names; its words stand under `words`."""

    def __init__(self, numbers: list[tuple[str, str, str]], words: list[tuple[str, str]]) -> None:
        self.words = dict(words)
        for name, value, text in numbers:
            if name in self:
                assert repr(self[name]) == repr(float(value)), f"{name} is shown with two values"
            self[name] = float(value or "nan")
            assert fits(text, self[name]), f"{name} = {value} is shown as {text}"


def fits(text: str, value: float) -> bool:
    """Whether a text is a number, cut to four decimals or to two digits."""
    if text == "none":
        return not np.isfinite(value)
    rounding = 0.05 * abs(value) if "e" in text else 5.001e-5
    return abs(float(text.replace("−", "-")) - value) <= rounding


def operate(page: Page, name: str, trials: Sequence[dict[str, Any]]) -> Iterator[Shown]:
    """Yield what the widget shows for each of the trials; a few are asked for at a time."""
    for start in range(0, len(trials), 10):
        read = page.evaluate(OPERATE, [name, trials[start : start + 10]])
        yield from (Shown(**shown) for shown in json.loads(read))


def press(page: Page, name: str, inputs: dict[str, Any], *buttons: str) -> Shown:
    """Set inputs of a widget, press its buttons, and return what it shows then."""
    (shown,) = operate(page, name, [{"inputs": inputs, "presses": buttons}])
    return shown


def close(shown: float, expected: float) -> bool:
    """Agreement to 1e-9, of the value where it is above 1, else of 1. None equals none."""
    if np.isnan(expected) or np.isnan(shown):
        return bool(np.isnan(expected) and np.isnan(shown))
    return abs(shown - expected) <= 1e-9 * max(1.0, abs(expected))


def compare(shown: Shown, expected: dict[str, float], where: object) -> None:
    for name, value in expected.items():
        assert close(shown[name], float(value)), f"{name}: {shown[name]}, not {value}, at {where}"
    unknown = shown.keys() - expected.keys()
    assert not unknown, f"no expected value for {unknown}"


# What hwlib says for the inputs of each explorable.


def run_cells(name: str) -> dict[str, Any]:
    """Run the cells of a chapter that draw an explorable's figure; return their names."""
    matplotlib.use("Agg")
    notebook = nbformat.read(ROOT / "chapters" / f"{CHAPTERS[name]}.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}
    names: dict[str, Any] = {}
    for cell in CELLS[name]:
        exec(sources[cell], names)
    names["plt"].close("all")
    return names


@pytest.fixture(scope="module")
def cells() -> dict[str, dict[str, Any]]:
    return {name: run_cells(name) for name in CHAPTERS}


def chain_of_hwlib(p: dict[str, float]) -> dict[str, float]:
    params = network.Parameters(
        np.array([[p["W_11"]]]), np.array([p["b_1"]]), np.array([p["W_14"]]), p["b_4"]
    )
    x, y = np.array([[p["x_1"]]]), np.array([p["y"]])
    z_1, a_1, z_4, y_hat = (float(v.item()) for v in network.forward(params, x))
    grad = network.loss_grad(params, x, y)
    numeric = gradcheck.numerical_grad(lambda q: network.loss(q, x, y), params)
    numeric_x = gradcheck.numerical_grad(lambda v: network.loss(params, v, y), x)
    delta_z_4 = float(network.log_loss_grad(z_4, p["y"]))
    delta_z_1 = grad.b_hidden.item()
    # -1 / y_hat or 1 / (1 - y_hat), in the form that stays finite where y_hat rounds to 1
    delta_y_hat = float(-p["y"] / network.sigmoid(z_4) + (1 - p["y"]) / network.sigmoid(-z_4))
    shown = {key: value for key, value in p.items() if key != "y"}
    shown |= {"z_1": z_1, "a_1": a_1, "z_4": z_4, "y_hat": y_hat}
    shown["L"] = network.loss(params, x, y)
    shown |= {"delta_y_hat": delta_y_hat, "delta_z_4": delta_z_4, "delta_z_1": delta_z_1}
    shown |= {"delta_a_1": delta_z_4 * p["W_14"]}
    shown |= {"L_x_1": delta_z_1 * p["W_11"], "numerical_x_1": numeric_x.item()}
    for field, key in zip(network.Parameters._fields, ("W_11", "b_1", "W_14", "b_4"), strict=True):
        of = [np.asarray(getattr(g, field)).item() for g in (grad, numeric)]
        shown |= {f"L_{key}": of[0], f"numerical_{key}": of[1]}
    factors = {"x_1": p["W_11"], "W_11": p["x_1"], "b_1": 1.0, "b_4": 1.0, "W_14": a_1}
    factors |= {"z_1": float(network.relu_grad(z_1)), "a_1": p["W_14"], "y_hat": delta_y_hat}
    factors["z_4"] = float(network.sigmoid_grad(z_4))
    return shown | {f"factor_{key}": value for key, value in factors.items()}


def chain_trials() -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    names = ("x_1", "W_11", "b_1", "W_14", "b_4")
    trials = [
        {name: float(rng.integers(-32, 33)) / 8 for name in names} | {"y": int(rng.integers(0, 2))}
        for _ in range(100)
    ]
    for trial in trials[::10]:  # some at the kink
        trial |= {"W_11": 1.0, "b_1": -trial["x_1"]}
    return trials


def check_chain(page: Page, trials: list[dict[str, Any]]) -> None:
    asked = [{"inputs": p} for p in trials]
    for p, shown in zip(trials, operate(page, "chain", asked), strict=True):
        expected = {name: v for name, v in chain_of_hwlib(p).items() if name in shown}
        compare(shown, expected, p)
        assert shown.words["gate"] == ("on" if expected["z_1"] > 0 else "off")


STEPS = {"corrected": "corrected_step", "printed": "printed_step"}
"""What the chapter calls one step of each algorithm."""


def algorithm_of_hwlib(cells: dict[str, Any], p: dict[str, Any], k: int) -> dict[str, Any]:
    """Follow the chapter's own two functions; the loss, and the corrected path, are hwlib's."""
    X, y, n = cells["X_12"], cells["y_12"], len(cells["y_12"])
    zero, random = np.zeros(7), cells["random_start"].round(2)
    theta = before = random if p["start"] == "random" else zero
    mask = polynomial.NONLINEAR if p["algorithm"] == "corrected" else np.ones(7)
    step, i, margin = cells[STEPS[p["algorithm"]]], float("nan"), float("nan")
    for visit in range(k):
        i, before = visit % n, theta
        margin = y[i] * (mask * X[i] @ theta)
        theta = step(theta, X[i], y[i], p["alpha"])
    if p["algorithm"] == "corrected" and k and k % n == 0:
        start = random if p["start"] == "random" else zero
        path = optim.sgd(
            lambda t, i: hinge.loss_grad(t, X[[i]], y[[i]]), start, n, step_size=p["alpha"]
        )
        by_hwlib = [next(path) for _ in range(k // n)][-1]
        assert np.allclose(theta, by_hwlib, rtol=1e-12, atol=1e-12)
    sample = {"sample": i + 1, "u": cells["u_12"][i] if k else i, "y": y[i] if k else i}
    shown = {"alpha": p["alpha"], "k": k, "epoch": -(-k // n), "margin": margin, **sample}
    shown["loss"] = hinge.loss(theta, X, y)
    for j in range(7):
        shown |= {f"theta_{j}": theta[j], f"delta_{j}": theta[j] - before[j]}
    return shown


def algorithm_trials(longest: int = 40) -> list[tuple[dict[str, Any], int]]:
    rng = np.random.default_rng(2)
    chosen = [(a, s) for a in STEPS for s in ("zero", "random")]
    return [
        (
            dict(zip(("algorithm", "start"), chosen[trial % 4], strict=True))
            | {"alpha": round(0.05 * int(rng.integers(1, 21)), 2)},
            int(rng.integers(0, longest)) if trial % 3 else 12 * int(rng.integers(1, 6)),
        )
        for trial in range(100)
    ]


def check_algorithm(
    page: Page, cells: dict[str, Any], trials: list[tuple[dict[str, Any], int]]
) -> None:
    presses = [["epoch"] * (k // 12) + ["step"] * (k % 12) for _, k in trials]
    asked = [{"inputs": p, "presses": press} for (p, _), press in zip(trials, presses, strict=True)]
    for (p, k), shown in zip(trials, operate(page, "algorithm", asked), strict=True):
        expected = algorithm_of_hwlib(cells, p, k)
        compare(shown, expected, (p, k))
        safe = expected["margin"] >= 1
        stepped = safe if p["algorithm"] == "printed" else not safe
        assert shown.words["branch"] == ("none" if k == 0 else "step" if stepped else "no step")


def step_of_hwlib(method: str, step: float) -> dict[str, float]:
    def sixth(x: Any) -> Any:
        return x * x * x * x * x * x

    x, eta = 1.1, gradcheck.MACHINE_EPSILON
    exact = 6 * x**5
    estimate = float("nan")
    if method == "complex" or x + step != x:
        estimate = float(gradcheck.numerical_grad(sixth, x, method=method, step=step))
    else:
        with pytest.raises(ValueError, match="too small to change"):
            gradcheck.numerical_grad(sixth, x, method=method, step=step)
    truncation = step / 2 * 30 * x**4 if method == "forward" else step**2 / 6 * 120 * x**3
    rounding = {"forward": 2.0, "central": 1.0, "complex": 0.0}[method] * eta / step * x**6
    return {
        "step": step, "estimate": estimate, "exact": exact,
        "error": abs(exact - estimate) / max(abs(exact), abs(estimate)),
        "truncation": truncation / exact, "rounding": rounding / exact,
    }  # fmt: skip


def check_step(page: Page, trials: list[dict[str, Any]]) -> None:
    eta = gradcheck.MACHINE_EPSILON
    asked = [{"inputs": p} for p in trials]
    for p, shown in zip(trials, operate(page, "step", asked), strict=True):
        # Powers of ten may differ by a last bit between the languages: the shown one counts.
        assert abs(shown["step"] / 10.0 ** p["exponent"] - 1) <= 2 * eta
        expected = step_of_hwlib(p["method"], shown["step"])
        compare(shown, expected, p)
        # An error of 1e-12 is compared as such: 1e-9 would say nothing of it.
        for name in ("error", "truncation", "rounding"):
            off = abs(shown[name] - expected[name])
            assert np.isnan(off) or off <= 1e-9 * expected[name] + 4 * eta, f"{name} at {p}"


def step_trials() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [
        {"method": METHODS[trial % 3], "exponent": round(-0.1 * int(rng.integers(0, 161)), 1)}
        for trial in range(100)
    ]


# The pages.


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """One window of the browser, in which all pages of this module are opened."""
    context = browser.new_context(viewport=DESKTOP)
    yield context
    context.close()


@pytest.fixture(scope="module")
def pages(window: BrowserContext, site: Path) -> Iterator[dict[str, Page]]:
    """The page of each explorable as a reader opens it who has the folder."""
    opened = {}
    for name, chapter in CHAPTERS.items():
        opened[name] = watch(window.new_page())
        go(opened[name], (site / "chapters" / f"{chapter}.html").as_uri())
        (opened[name].first,) = operate(opened[name], name, [{"inputs": {}}])
    yield opened
    complaints = [page.complaints for page in opened.values()]
    assert complaints == [[]] * len(opened)


@pytest.fixture(params=CHAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def page(pages: dict[str, Page], name: str) -> Page:
    """The page of one explorable, as the test before has left it."""
    return pages[name]


def test_the_chain_shows_what_hwlib_computes(pages: dict[str, Page]) -> None:
    check_chain(pages["chain"], chain_trials())


def test_the_chain_stays_finite_where_the_sigmoid_is_saturated(pages: dict[str, Page]) -> None:
    extremes = {"x_1": 3.0, "W_11": 3.0, "b_1": 3.0}
    trials = [
        extremes | {"W_14": sign * 3.0, "b_4": sign * 3.0, "y": y}
        for sign in (1, -1)
        for y in (0, 1)
    ]
    check_chain(pages["chain"], trials)
    assert chain_of_hwlib(trials[0])["y_hat"] == 1.0  # 1 - y_hat would be 0
    (shown,) = operate(pages["chain"], "chain", [{"inputs": trials[0]}])
    assert np.isfinite(list(shown.values())).all() and shown["delta_y_hat"] > 1e16


def test_the_algorithm_shows_what_hwlib_computes(
    pages: dict[str, Page], cells: dict[str, Any]
) -> None:
    check_algorithm(pages["algorithm"], cells["algorithm"], algorithm_trials())


def test_the_printed_algorithm_never_moves_from_zero(pages: dict[str, Page]) -> None:
    trial = {"inputs": {"algorithm": "printed", "start": "zero"}, "presses": ["epoch"] * 3}
    (shown,) = operate(pages["algorithm"], "algorithm", [trial])
    assert shown["k"] == 36 and shown["loss"] == 12.0 and shown.words["branch"] == "no step"
    assert not any(shown[f"theta_{j}"] for j in range(7))


def test_back_and_reset(pages: dict[str, Page]) -> None:
    inputs = {"algorithm": "corrected", "start": "random", "alpha": 0.5}
    presses = [["step"] * 4, ["step"] * 5 + ["back"], ["epoch", "reset"], ["back"], []]
    fourth, again, *starts = operate(
        pages["algorithm"], "algorithm", [{"inputs": inputs, "presses": p} for p in presses]
    )
    assert repr(again) == repr(fourth) and fourth["k"] == 4
    assert len({repr(start) for start in starts}) == 1 and starts[0]["k"] == 0


def test_the_step_shows_what_hwlib_computes(pages: dict[str, Page]) -> None:
    check_step(pages["step"], step_trials())
    smallest = [{"method": method, "exponent": -16} for method in METHODS]
    check_step(pages["step"], smallest)


def test_the_initial_state_is_that_of_the_figure(
    page: Page, name: str, cells: dict[str, Any]
) -> None:
    shown, figure = page.first, cells[name]
    if name == "chain":
        rows = zip(figure["table"].values(), FIGURE_OF_CHAIN, strict=True)
        expected = {key: row[2 + k] for row, keys in rows for k, key in enumerate(keys)}
    elif name == "algorithm":
        expected = {f"theta_{j}": theta for j, theta in enumerate(figure["visits"][-1])}
        expected |= {"k": 12, "loss": figure["losses_12"][-1], "alpha": 0.5}
    else:
        expected = {"step": figure["step"], "error": figure["error_of"]("central", figure["step"])}
    for key, value in expected.items():
        assert close(shown[key], np.asarray(value).item()), key


FIGURE_OF_CHAIN = [
    ("x_1", "L_x_1"), ("W_11", "L_W_11"), ("b_1", "L_b_1"), ("z_1", "delta_z_1"),
    ("a_1", "delta_a_1"), ("W_14", "L_W_14"), ("b_4", "L_b_4"), ("z_4", "delta_z_4"),
    ("y_hat", "delta_y_hat"), ("L",),
]  # fmt: skip


def test_scripts_hold_the_numbers_of_the_notebook(cells: dict[str, Any]) -> None:
    script = (SCRIPTS / "algorithm.js").read_text("utf-8")
    lists = {name: json.loads(found) for name, found in re.findall(
        r"\b(u|y|random)\b ?[=:] (\[[-\d., ]+\])", script)}  # fmt: skip
    figure = cells["algorithm"]
    assert lists["u"] == figure["u_12"].tolist() and lists["y"] == figure["y_12"].tolist()
    assert lists["random"] == figure["random_start"].round(2).tolist()


def test_at_its_start_no_factor_of_the_chain_is_one_or_another(pages: dict[str, Page]) -> None:
    shown = pages["chain"].first
    names = ("x_1", "W_11", "a_1", "W_14", "z_4", "y_hat")
    factors = [abs(shown[f"factor_{name}"]) for name in names]
    assert len({*factors, 1.0}) == 7 and min(factors) > 0


def test_explorables_speak_of_finite_differences(page: Page) -> None:
    words = " ".join(page.locator(".explorable, .explored figcaption").all_inner_texts())
    assert not re.findall(r"(?<!finite )difference", re.sub(r"central difference of", "", words))
    assert "finite difference" in words or page.locator("[data-name=chain]").count() == 0


def test_explorables_have_no_colour_that_the_theme_does_not_know(site: Path) -> None:
    inks = set(re.findall(r"--ink-(\w+):", (SCRIPTS.parent / "book.css").read_text("utf-8")))
    for path in SCRIPTS.iterdir():
        text = path.read_text("utf-8")
        assert not re.findall(r"#[0-9a-f]{3,6}\b(?!;?[\w-])", text.replace("#0000", "")), path.name
        used = set(re.findall(r"--ink-(\w+)\b|ink\(\"(\w+)\"\)", text))
        assert {a or b for a, b in used} <= inks, path.name


def test_reset_brings_the_start_back(page: Page, name: str) -> None:
    moved = {"chain": {"x_1": -2, "b_4": 1, "y": 0}, "step": {"method": "forward", "exponent": -9}}
    if name in moved:
        shown = press(page, name, moved[name])
        assert shown != page.first
        assert press(page, name, {}, "defaults") == page.first


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_an_explorable_fits_the_screen_of_a_phone(page: Page, name: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size(PHONE)
    page.evaluate(FRAMES)
    head = page.locator(".bd-header-article").bounding_box()["height"]
    root = page.locator(".explorable")
    assert root.bounding_box()["height"] <= PHONE["height"] - head
    for size in (PHONE, NARROW):
        page.set_viewport_size(size)
        page.evaluate(FRAMES)
        assert root.evaluate("e => e.scrollWidth <= e.clientWidth") and page.evaluate(
            "document.scrollingElement.scrollWidth <= innerWidth"
        )
        sliders = root.locator("input[type=range]")
        widths = [sliders.nth(k).bounding_box()["width"] for k in range(sliders.count())]
        assert min(widths) >= 70, size
    page.set_viewport_size(DESKTOP)


# The reader's hands and ears.


def test_a_slider_follows_the_arrow_keys(page: Page, name: str) -> None:
    slider, number = {"chain": ("W_11", "W_11"), "algorithm": ("alpha", "alpha"),
                      "step": ("exponent", "step")}[name]  # fmt: skip
    number_shown = page.locator(f".explorable label data[data-name={number}]")
    page.locator(f".explorable input[data-name={slider}]").focus()
    values = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
        values.append(float(number_shown.get_attribute("value") or "nan"))
    assert values[0] < values[1] < values[3] < values[2]


def test_buttons_obey_enter_and_space(pages: dict[str, Page]) -> None:
    page = pages["algorithm"]
    visits = page.locator(".explorable data[data-name=k]")
    for button, key, expected in (
        ("reset", "Enter", "0"), ("step", "Enter", "1"), ("step", "Space", "2"),
        ("back", "Space", "1"), ("epoch", "Enter", "12"),
    ):  # fmt: skip
        page.locator(f".explorable button[data-name={button}]").focus()
        page.keyboard.press(key)
        expect(visits).to_have_text(expected)


def test_play_advances_until_it_is_paused(pages: dict[str, Page]) -> None:
    page = pages["algorithm"]
    press(page, "algorithm", {"algorithm": "corrected"}, "reset")
    play, visits = (page.locator(f".explorable [data-name={n}]") for n in ("play", "k"))
    status = page.locator(".explorable [role=status]")
    play.press("Enter")
    expect(play).to_have_text("Pause")
    expect(visits).to_have_text(re.compile(r"[2-9]|\d\d+"), timeout=5000)
    # What it says is what the panel shows, at every visit, and it is not read out meanwhile.
    for _ in range(3):
        page.wait_for_timeout(350)
        told, visit = page.evaluate(
            "[document.querySelector('.explorable [role=status]').textContent,"
            " document.querySelector('.explorable [data-name=k]').textContent]"
        )
        assert f"The corrected algorithm, visit {visit}," in told
    assert status.get_attribute("aria-live") == "off"
    play.press("Space")
    expect(play).to_have_text("Play")
    paused = visits.text_content()
    expect(status).to_contain_text(f"visit {paused},")
    assert status.get_attribute("aria-live") == "polite"
    page.wait_for_timeout(900)
    assert visits.text_content() == paused
    press(page, "algorithm", {"algorithm": "printed"}, "play", "reset")
    expect(status).to_contain_text("The printed algorithm at its start")
    press(page, "algorithm", {"algorithm": "corrected"})


def test_tab_reaches_an_arrow_and_its_local_factor_is_told(pages: dict[str, Page]) -> None:
    page = pages["chain"]
    press(page, "chain", {"W_14": -0.5, "x_1": 2})
    page.locator("[data-name=edge_x_1]").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    told = page.locator(".explorable .told")
    expect(told).to_have_attribute("data-name", "edge_a_1")
    expect(told).to_be_focused()
    expect(told.locator(".factor")).to_contain_text("local factor ∂z₄/∂a₁ = W₁₄ = −0.5.")
    assert told.locator(".factor").evaluate("e => getComputedStyle(e).clipPath") == "none"
    page.locator("[data-name=edge_W_11]").hover()
    expect(told).to_contain_text("∂z₁/∂W₁₁ = x₁ = 2.")


def test_crossing_zero_kills_the_path(pages: dict[str, Page]) -> None:
    page = pages["chain"]
    start = {"x_1": 1, "W_11": 0.5, "W_14": 1, "b_4": -0.5, "y": 1}
    arrows = "[...document.querySelectorAll('.edge')].filter(e => getComputedStyle("
    dashed = arrows + "e.querySelector('.arrow')).backgroundImage !== 'none').length"
    on, off, kink = ({"inputs": start | {"b_1": b_1}} for b_1 in (1, -1, -0.5))
    assert next(operate(page, "chain", [on])).words["gate"] == "on" and page.evaluate(dashed) == 0
    (shown,) = operate(page, "chain", [off])
    assert shown.words["gate"] == "off" and page.evaluate(dashed) == 5
    assert shown["L_W_11"] == shown["L_W_14"] == shown["L_b_1"] == 0 and shown["L_b_4"] != 0
    status = page.locator(".explorable [role=status]")
    expect(status).to_contain_text("the unit is off")
    (shown,) = operate(page, "chain", [kink])
    assert shown["z_1"] == 0 and shown["L_b_1"] == 0 and shown["numerical_b_1"] < -0.1
    expect(status).to_contain_text("no derivative. The book takes 0")


def test_a_change_is_told_once_the_hand_rests(page: Page, name: str) -> None:
    status = page.locator(".explorable [role=status]")
    (first, told), (second, then) = {
        "chain": [({"x_1": 0, "b_1": 3}, "is above 0"), ({"b_1": -3}, "is not above 0")],
        "algorithm": [({"start": "random"}, "at its start"), ({}, "visit 1")],
        "step": [
            ({"method": "central", "exponent": -1}, "Truncation dominates"),
            ({"exponent": -15}, "Rounding dominates"),
        ],
    }[name]
    press(page, name, first)
    expect(status).to_contain_text(told)
    press(page, name, second, *["step"] * (name == "algorithm"))
    expect(status).to_contain_text(told, timeout=1)
    expect(status).to_contain_text(then)


def test_on_paper_the_figure_is_there(page: Page, name: str) -> None:
    image, widget = page.locator(f"#fig-explore-{name} .drawing"), page.locator(".explorable")
    expect(image).to_be_hidden()
    expect(widget).to_be_visible()
    page.emulate_media(media="print")
    expect(image).to_be_visible()
    expect(widget).to_be_hidden()
    page.emulate_media(media="screen")


def test_only_pages_with_an_explorable_load_its_scripts(site: Path) -> None:
    for path in site.rglob("*.html"):
        if "_static" in path.parts:
            continue
        text = path.read_text("utf-8")
        names = re.findall(r'id="fig-explore-(\w+)"', text)
        wanted = ["explore", *names] if names else []
        assert re.findall(r"_static/explore/(\w+)\.js", text) == wanted, path
        assert text.count("explore/explore.css") == bool(names), path


# The comparisons themselves: scripts with a mistake, and each must be seen.

MISTAKES = [
    ("chain", "Math.max(z, 0); // eq-relu", "z;"),
    ("chain", "(z > 0 ? 1 : 0)", "(z >= 0 ? 1 : 0)"),
    ("chain", "(1 - 2 * y) * z", "(2 * y - 1) * z"),
    ("chain", "(1 - y) * sigmoid(z) - y", "(1 - y) * sigmoid(z) + y"),
    ("chain", "p.W_11 + p.b_1;", "p.W_11 - p.b_1;"),
    ("chain", "-p.y / sigmoid(z_4)", "p.y / sigmoid(z_4)"),
    ("chain", "delta_z_4 * p.W_14;", "delta_z_4;"),
    ("chain", "delta_a_1 * relu_grad(z_1)", "delta_a_1"),
    ("chain", "delta_z_1 * p.x_1", "delta_z_1 * p.W_11"),
    ("chain", "/ (right - left)", "/ step"),
    ("chain", "sigmoid(z) * sigmoid(-z)", "sigmoid(z)"),
    ("algorithm", "margin < 1 }", "margin < 0 }"),
    ("algorithm", "margin >= 1 }", "margin >= 2 }"),
    ("algorithm", "(-y[i] * mask[j]", "(y[i] * mask[j]"),
    ("algorithm", "1, 0, 1]; // eq-mask", "1, 1, 1];"),
    ("algorithm", "k % u.length, values()", "(k + 1) % u.length, values()"),
    ("algorithm", "Math.max(1 - y[i]", "Math.max(2 - y[i]"),
    ("step", "quotient(x + step, x)", "quotient(x, x - step)"),
    ("step", "quotient(x + step, x - step)", "quotient(x + step, x)"),
    ("step", "/ (right - left)", "/ (left - right)"),
    ("step", "re * step + im * x", "re * step - im * x"),
    ("step", "(step / 2) * second", "step * second"),
    ("step", "2 * noise(step)", "noise(step)"),
]
TRIED = [next(case for case in MISTAKES if case[0] == name) for name in CHAPTERS]


@pytest.fixture(scope="module")
def bench(window: BrowserContext) -> Page:
    """A page in which one script after the other is tried."""
    return window.new_page()


def check_script(bench: Page, folder: Path, cells: dict[str, Any], name: str, script: str) -> None:
    """Compare what a script shows on a page without anything else."""
    (folder / "explore.js").write_text((SCRIPTS / "explore.js").read_text("utf-8"), "utf-8")
    (folder / f"{name}.js").write_text(script, "utf-8")
    (folder / "page.html").write_text(BARE.replace("NAME", name), "utf-8")
    bench.goto((folder / "page.html").as_uri())
    if name == "chain":
        check_chain(bench, chain_trials())
    elif name == "algorithm":
        check_algorithm(bench, cells["algorithm"], algorithm_trials())
    else:
        check_step(bench, step_trials())


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case not in TRIED)) for case in MISTAKES],
)
def test_a_mistake_in_a_script_is_seen(
    bench: Page, tmp_path: Path, cells: dict[str, Any], name: str, right: str, wrong: str
) -> None:
    script = (SCRIPTS / f"{name}.js").read_text("utf-8")
    assert script.count(right) == 1, f"{right!r} is not in the script once"
    with pytest.raises(AssertionError):
        check_script(bench, tmp_path, cells, name, script.replace(right, wrong))


@pytest.mark.slow
def test_a_script_without_a_mistake_passes_there_too(
    bench: Page, tmp_path: Path, cells: dict[str, Any], name: str
) -> None:
    check_script(bench, tmp_path, cells, name, (SCRIPTS / f"{name}.js").read_text("utf-8"))


BARE = """<!doctype html><meta charset="utf-8">
<figure id="fig-explore-NAME"><img alt=""><figcaption></figcaption></figure>
<script src="explore.js"></script><script src="NAME.js"></script>"""
