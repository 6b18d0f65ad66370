"""The site as its reader meets it, in a real browser: offline, without scripts, on a phone."""

from __future__ import annotations

import functools
import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from pages import (
    BACKGROUND,
    DESKTOP,
    FRAMES,
    NARROW,
    PAGE,
    READY,
    faults,
    follow,
    go,
    watch,
)
from playwright.sync_api import Browser, BrowserContext, Page

from hwlib import numbering

SIGMOID_GRAD = numbering.number("eq-sigmoid-grad")

CHAPTERS = Path(__file__).parent.parent / "chapters"
NAMES = [
    *sorted(f"chapters/{path.stem}.html" for path in CHAPTERS.glob("*.[im][pd]*")),
    *("search.html", "search.html?q=hinge", "404.html"),
]
"""Every page of the site but the first, which leads on to chapters/intro."""

Open = Callable[..., Page]


def some(first: object, *others: object) -> list[object]:
    """The values that a test takes, of which all but the first are slow."""
    cases = [case if isinstance(case, tuple) else (case,) for case in others]
    return [first, *(pytest.param(*case, marks=pytest.mark.slow) for case in cases)]


class Served(http.server.SimpleHTTPRequestHandler):
    """A server of the folder, with the site's own page for what is not there."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def send_error(self, code: int, *args: object, **kwargs: object) -> None:
        """Answer with 404.html, as a host of static sites does."""
        body = Path(self.directory, "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The address of the site on a server of this machine."""
    handler = functools.partial(Served, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One window for all pages that are looked at one after the other."""
    context = browser.new_context(viewport=DESKTOP)
    yield watch(context.new_page())
    context.close()


@pytest.fixture
def visit(browser: Browser, site: Path) -> Iterator[Open]:
    """Open a page in a window of its own; what it asks for and complains of is in its lists."""
    contexts: list[BrowserContext] = []

    def open_page(name: str, base: str = "", size: dict = DESKTOP, **options: object) -> Page:
        context = browser.new_context(viewport=size, **options)
        context.set_default_timeout(20000)
        contexts.append(context)
        page = watch(context.new_page())
        page.goto(f"{base or site.as_uri()}/{name}")
        if options.get("java_script_enabled", True):
            page.wait_for_function(READY)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_from_a_folder_has_no_fault_at_first_sight(tab, site, name) -> None:
    go(tab, f"{site.as_uri()}/{name}")
    assert faults(tab, site, whole=False) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_from_a_folder_has_no_fault(tab, site, name) -> None:
    go(tab, f"{site.as_uri()}/{name}")
    assert faults(tab, site) == {}


TINY = '<g transform="scale(0.01)"><path d="M0 0h1v1z"/></g>' * 4
# What each check must see, put into a page.
SPOILT = {
    "complaints": "<script>console.error('x')</script>",
    "outside": '<img src="http://127.0.0.1:9/x.png" alt="A picture of another host">',
    "pictures": '<img src="none.png" alt="A picture that is not there">',
    "references": '<a href="#equation-eq-nowhere">(9)</a>',
    "sideways": '<div style="width: 1300px">wide</div>',
    "formulas": """<div class="math"><div class="formula"><math><semantics><mi>x</mi>
      <annotation>x</annotation></semantics></math></div>
      <span class="eqno" style="position: absolute; left: 0">(1)</span></div>""",
    "unreachable": """<div style="overflow-x: auto"><div style="width: 1300px">wide</div></div>""",
    "reasons": f"""<div class="formula"><math><mtable class="aligned"><mtr>{"<mtd></mtd>" * 3}
      <mtd><mspace width="90em"/></mtd></mtr><mtr class="reason"></mtr></mtable></math></div>""",
    "broken": f'<p style="overflow-wrap: anywhere">{"x" * 99}</p>',
    "glyphs": """<style>.icon::before { content: "\\f062"; }</style><p class="icon">\u4e00</p>""",
    "cut": f"<pre>{'x' * 200}</pre>",
    "small": f"""<svg class="drawing" width="9" height="9">{TINY}</svg>""",
    "frames": """<div class="frame" style="overflow-x: auto; width: 9px" tabindex="0">
      <div style="width: 99px">wide</div></div>""",
    "explorable": '<div class="explorable"><button style="height: 9px">press</button></div>',
    "axe": """<p style="color: #888; background: #777">pale</p>
      <a href="#" aria-label="Something else">words</a>""",
}


def test_each_fault_is_seen(tab, site, monkeypatch) -> None:
    monkeypatch.setattr("pages.HEAVIEST", 10_000)
    page = (site / "chapters/notation.html").read_text("utf-8")
    body = page.replace("</article>", "".join(SPOILT.values()) + "</article>")
    tab.route("**/notation.html", lambda route: route.fulfill(body=body, content_type="text/html"))
    go(tab, f"{site.as_uri()}/chapters/notation.html")
    found = faults(tab, site)
    tab.unroute_all()
    assert {what.partition(" at ")[0] for what in found} == SPOILT.keys() | {"heavy"}
    assert {"axe at 1280 pixels, light", "axe at 390 pixels, dark"} <= found.keys()
    assert [fault[0] for fault in found["glyphs"]] == ["\u4e00", "\uf062"]
    assert [fault for fault in found["axe at 1280 pixels, light"] if "content-name" in fault]


def test_axe_core_is_the_file_that_its_readme_names() -> None:
    folder = Path(__file__).parent / "vendor" / "axe-core"
    version, digest = re.search(
        r"^Version (\S+), SHA-256 of `axe.min.js` (\w+)$", (folder / "README.md").read_text(), re.M
    ).groups()
    assert hashlib.sha256((folder / "axe.min.js").read_bytes()).hexdigest() == digest
    assert (folder / "axe.min.js").read_text("utf-8").startswith(f"/*! axe v{version}\n")
    assert tuple(map(int, version.split("."))) >= (4, 14)


@pytest.mark.slow
def test_served_pages_ask_their_own_host_alone(tab, served, site) -> None:
    """One page for each set of scripts: what asks for something is a script or its page's own."""
    alike = {
        tuple(re.findall(r"<script(?![^>]*application/json).*?</script>",
                         (site / name.partition("?")[0]).read_text("utf-8"), re.DOTALL)): name
        for name in NAMES
    }  # fmt: skip
    assert {"chapters/hinge_3_algorithm.html", "404.html"} <= set(alike.values())
    for name in alike.values():
        go(tab, f"{served}/{name}")
        assert tab.complaints == []
        assert all(url.startswith((served, "data:")) for url in tab.requested), tab.requested


# What can be seen, or comes to be when the box around it is opened.
HIDDEN = """() => [...document.querySelectorAll("main h1, article math, article img")].filter((e) =>
  !(e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && e.getBoundingClientRect().width) && !e.closest("details:not([open]), form.answer .entry")
).map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.slow
def test_without_scripts_every_page_reads_completely(visit, site) -> None:
    page = visit_without_scripts(visit, NAMES[0], DESKTOP)
    for name in NAMES:
        page.goto(f"{site.as_uri()}/{name}")
        assert page.evaluate("document.querySelector('main h1') !== null"), name
        assert page.evaluate(HIDDEN) == [], name


def visit_without_scripts(visit: Open, name: str, size: dict, **options: object) -> Page:
    """Open a page in a browser that runs no script."""
    return visit(name, size=size, java_script_enabled=False, **options)


@pytest.mark.parametrize(
    "size", [pytest.param(DESKTOP, marks=pytest.mark.slow), NARROW], ids=["desktop", "phone"]
)
def test_without_scripts_one_can_walk_through_the_book(visit, size) -> None:
    page = visit_without_scripts(visit, "index.html", size)
    page.wait_for_url("**/intro.html")
    follow(page, page.get_by_role("link", name="Question 1", exact=True))
    assert "masked polynomial" in page.locator("main h1").inner_text()
    sidebar = page.locator(".bd-sidebar-primary")
    follow(page, sidebar.get_by_role("link", name="hidden weight"))
    follow(page, page.get_by_role("link", name="next").first)
    assert "L2" in page.locator("main h1").inner_text()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"]


def test_without_scripts_a_solution_opens(visit) -> None:
    page = visit_without_scripts(visit, "chapters/network_3_hidden_weight.html", DESKTOP)
    solution = page.locator("details.solution").first
    assert not solution.locator("p").last.is_visible()
    solution.locator("summary").click()
    assert solution.locator("p").last.is_visible()


def test_the_first_page_shows_a_gradient_and_a_wrong_one_in_one_screen(visit) -> None:
    page = visit("chapters/intro.html")
    passed, start = page.get_by_text("passed: 1 of 1"), page.locator("article .start a")
    bottoms = [place.bounding_box() for place in (passed.first, *start.all())]
    assert len(bottoms) > 3
    assert all(box["y"] + box["height"] <= DESKTOP["height"] for box in bottoms)
    assert "FAILED" in passed.first.inner_text()


def background(page: Page) -> str:
    return page.evaluate(BACKGROUND)


@pytest.mark.parametrize("scripts", [pytest.param(True, marks=pytest.mark.slow), False])
def test_the_page_follows_the_system_to_the_dark(visit, scripts) -> None:
    colors = {
        theme: background(
            visit("chapters/notation.html", color_scheme=theme, java_script_enabled=scripts)
        )
        for theme in ("light", "dark")
    }
    assert colors == PAGE


def test_the_reader_can_choose_the_theme(visit) -> None:
    page = visit("chapters/notation.html", color_scheme="light")
    themes = []
    for _ in range(3):
        page.locator("button.theme-switch-button").first.click()
        themes.append(background(page))
    assert len(set(themes)) == 2


@pytest.mark.parametrize("word", some("σ", "hinge", "ReLU", "subgradient", "loss_grad"))
def test_search_finds_from_a_folder_and_shows_where(visit, word) -> None:
    page = visit(f"search.html?q={word}")
    assert page.complaints == []
    found = page.locator("ul.search li")
    for text in found.all_inner_texts():
        assert text.endswith("…") and "href=" not in text
    assert word.lower() in found.locator("mark").first.inner_text().lower()
    follow(page, found.locator("a").first)
    assert word.lower() in page.content().lower()


def addresses(page: Page) -> list[str]:
    """The pages that a search found, in their order."""
    links = page.locator("ul.search a").evaluate_all("(found) => found.map((a) => a.href)")
    return [re.sub(r".*/|\.html.*", "", link) for link in links]


@pytest.mark.slow
def test_search_puts_chapters_before_reference(visit) -> None:
    kinds = [
        bool(re.match("api|ledger|notation|errata|bibliography", name))
        for name in addresses(visit("search.html?q=unravel"))
    ]
    assert True in kinds and kinds == sorted(kinds)


@pytest.mark.parametrize("query", some(f"({SIGMOID_GRAD})", SIGMOID_GRAD))
def test_search_finds_an_equation_by_its_number(visit, query) -> None:
    page = visit(f"search.html?q={query}")
    assert addresses(page)[0] == "network_1_output_error"
    assert f"({SIGMOID_GRAD})" in page.locator("ul.search p").first.inner_text()
    follow(page, page.locator("ul.search a").first)
    assert page.locator("section:target #equation-eq-sigmoid-grad").count()


@pytest.mark.parametrize(
    ("query", "name"),
    some(
        ("softmax regression", "beyond_layers"), ("Jacobian", "beyond_layers"),
        ("initialization", "beyond_layers"), ("momentum", "beyond_training"),
        ("learning curves", "beyond_training"), ("mini-batch", "beyond_training"),
    ),
)  # fmt: skip
def test_search_leads_to_the_page_that_explains_a_word(visit, query, name) -> None:
    page = visit(f"search.html?q={query}")
    assert addresses(page)[0] == name
    assert query.lower() in page.locator("ul.search a").first.inner_text().lower()


@pytest.mark.parametrize("query", some("mini-batch", "minibatch", "stochastic gradient descent"))
@pytest.mark.slow
def test_search_finds_what_trains_a_network_under_each_of_its_names(visit, query) -> None:
    assert "beyond_training" in [*dict.fromkeys(addresses(visit(f"search.html?q={query}")))][:2]


@pytest.mark.parametrize(
    ("name", "page"), [("batch_means", "beyond_training"), ("cross_entropy_grad", "api_layers")]
)
def test_search_finds_a_function_by_its_name(visit, name, page) -> None:
    assert addresses(visit(f"search.html?q={name}")) == [page]


def test_search_gives_no_solution_away(visit) -> None:
    text = (CHAPTERS / "beyond_layers.ipynb").read_text("utf-8")
    page = visit("search.html")
    page.goto(page.url + "?q=9.0396")
    assert "9.0396" in text and page.get_by_role("status").inner_text().startswith("0 sections")


def test_search_says_when_it_finds_nothing(visit) -> None:
    page = visit("search.html")
    page.goto(page.url + "?q=xylophone")
    assert page.get_by_role("status").inner_text() == "0 sections with “xylophone”"


@pytest.mark.slow
def test_keyboard_path_through_a_chapter(visit) -> None:
    page = visit("chapters/network_3_hidden_weight.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Skip to main")
    page.keyboard.press("Enter")
    seen, hidden = [], []
    for _ in range(150):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
        outline = page.evaluate(
            """(() => { const e = document.activeElement, s = getComputedStyle(e);
            return e === document.body || s.outlineStyle !== 'none' })()"""
        )
        hidden += [seen[-1]] * (not outline)
    text = "\n".join(seen)
    for part in ("equation-eq-delta-out", "<summary", "copybtn", "copy-latex", "network_4_l2"):
        assert part in text, part
    assert hidden == []
    page.locator("details.solution summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.solution").first.get_attribute("open") is not None


@pytest.mark.parametrize(
    ("label", "glyph"), some(("eq-delta-out", "ŷ"), ("eq-delta-x", "W")), ids=["other", "same"]
)
def test_a_reference_shows_its_equation(visit, label, glyph) -> None:
    page = visit("chapters/network_3_hidden_weight.html")
    link = page.locator(f"a[href$='#equation-{label}']:not(.headerlink)").first
    tip = page.get_by_role("tooltip", include_hidden=True)
    for call, leave in ((link.hover, lambda: page.mouse.move(0, 0)), (link.focus, link.blur)):
        call()
        page.wait_for_timeout(250)
        assert tip.is_visible() and tip.locator("math").count() == 1
        assert link.get_attribute("aria-describedby") == tip.get_attribute("id")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= DESKTOP["width"]
        leave()
        page.wait_for_timeout(250)
        assert not tip.is_visible()
    link.focus()
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_latex_can_be_copied(visit, served) -> None:
    page = visit(
        "chapters/network_3_hidden_weight.html", served,
        permissions=["clipboard-read", "clipboard-write"],
    )  # fmt: skip
    equation = page.locator("[id='equation-eq-grad-w-hidden']")
    equation.hover()
    equation.locator("button.copy-latex").click()
    page.wait_for_function("document.querySelector('.copy-latex.done')")
    latex = page.evaluate("navigator.clipboard.readText()")
    assert latex == r"\frac{\partial L}{\partial W_{ij}} = \delta_{z_j} x_i"
    page.evaluate("getSelection().selectAllChildren(document.querySelector('article p'))")
    page.keyboard.press("Control+c")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("The weight $W_{11}$ carries")
    page.evaluate("getSelection().removeAllRanges()")
    page.evaluate("document.dispatchEvent(new ClipboardEvent('copy'))")  # of nothing
    assert page.complaints == []


@pytest.mark.slow
def test_only_what_is_wide_is_a_stop_of_the_keyboard(visit) -> None:
    page = visit("chapters/network_3_hidden_weight.html", size=NARROW)
    stops = """[...document.querySelectorAll("article :is(.formula, pre)[tabindex='0']")].map(
      (e) => e.scrollWidth > e.clientWidth)"""
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.evaluate(FRAMES)
    narrow = page.evaluate(stops)
    assert narrow and all(narrow)
    page.set_viewport_size(DESKTOP)
    page.evaluate(FRAMES)
    wide = page.evaluate(stops)
    assert len(wide) < len(narrow) and all(wide)


def test_figures_are_looked_at(site) -> None:
    """What the checks of figures look for is there: drawings, and some that are scrolled."""
    texts = [(site / name.partition("?")[0]).read_text("utf-8") for name in NAMES]
    assert sum(text.count('<svg class="drawing"') for text in texts) > 40
    assert 2 < sum(text.count('<div class="frame wide"') for text in texts) < 15


def test_a_figure_lies_on_the_ground_of_the_page_and_on_paper_on_white(visit) -> None:
    page = visit("chapters/network_1_output_error.html", color_scheme="light")
    ground = "getComputedStyle(document.querySelector('.drawing path')).fill"
    ink = "getComputedStyle(document.body).getPropertyValue('--ink-black')"
    for theme, color in PAGE.items():
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"color => {BACKGROUND} === color", arg=color)
        assert page.evaluate(ground) == color
        dark = page.evaluate(ink)
    page.emulate_media(media="print")
    assert page.evaluate(ground) == PAGE["light"] and page.evaluate(ink) != dark


def test_paper_shows_the_solutions_that_are_open_and_no_controls(visit) -> None:
    page = visit("chapters/network_3_hidden_weight.html", color_scheme="dark")
    page.locator("details.solution summary").last.click()
    page.emulate_media(media="print")
    for name in (".bd-sidebar-primary", ".article-header-buttons", ".copy-latex", "button.copybtn"):
        assert not page.locator(name).first.is_visible(), name
    shown = page.evaluate(
        """[...document.querySelectorAll("details.solution")].map((d) =>
          [...d.querySelectorAll("p")].at(-1).checkVisibility())"""
    )
    assert len(shown) > 3 and shown[-1] and not any(shown[:-1])
    assert background(page) == "rgb(255, 255, 255)"


def test_an_address_that_is_not_there_leads_back(visit, served) -> None:
    page = visit("chapters/no/such/page.html", served)
    assert page.locator("main h1").inner_text() == "Page not found"
    assert [text for text in page.complaints if "404" not in text] == []
    follow(page, page.get_by_role("link", name="Conventions and notation").first)
    assert "notation" in page.locator("main h1").inner_text()


def test_a_notebook_can_be_downloaded(visit, served) -> None:
    page = visit("chapters/network_3_hidden_weight.html", served)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this notebook").click()
    notebook = nbformat.reads(download.value.path().read_text("utf-8"), as_version=4)
    first, title, *_ = notebook.cells
    assert title.source.startswith("# 2.3 The hidden weight")
    with page.expect_download() as download:
        page.locator(".article-header-buttons").get_by_role("link", name="hwlib").click()
    assert f'pip install "./{download.value.suggested_filename}[notebooks]"' in first.source
