"""The site as its reader meets it, in a real browser: offline, without scripts, on a phone."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CHAPTERS = Path(__file__).parent.parent / "chapters"
NAMES = [
    *sorted(f"chapters/{path.stem}.html" for path in CHAPTERS.glob("*.[im][pd]*")),
    *("search.html", "search.html?q=hinge", "404.html"),
]
"""Every page of the site but the first, which leads on to chapters/intro."""

DESKTOP, PHONE, NARROW = (
    {"width": width, "height": height} for width, height in ((1280, 900), (390, 844), (320, 640))
)
PAGE = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}
"""What is behind the text in each theme."""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
HEAVIEST = 250_000
"""Bytes that a page may load until all of it is there, compressed as a server would."""

Open = Callable[..., Page]


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


def note(page: Page, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        page.complaints.append(message.text)


@pytest.fixture
def visit(browser: Browser, site: Path) -> Iterator[Open]:
    """Open a page in a window of its own; what it asks for and complains of is in its lists."""
    contexts: list[BrowserContext] = []

    def open_page(name: str, base: str = "", size: dict = DESKTOP, **options: object) -> Page:
        context = browser.new_context(viewport=size, **options)
        context.set_default_timeout(8000)
        contexts.append(context)
        page = context.new_page()
        page.requested, page.complaints = [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("console", lambda message: note(page, message))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url))
        page.goto(f"{base or site.as_uri()}/{name}")
        page.wait_for_load_state("load")
        if options.get("java_script_enabled", True):
            page.wait_for_function("!document.documentElement.matches('.first-screen')")
        return page

    yield open_page
    for context in contexts:
        context.close()


def size_of(url: str, site: Path) -> int:
    data = Path(unquote(urlsplit(url).path)).read_bytes()
    return len(data) if url.endswith(("woff2", "png")) else len(gzip.compress(data, 9))


# References to an equation that could not show it.
BLIND = """[...document.querySelectorAll('a[href*="#equation-eq-"]:not(.headerlink)')].filter(
  a => !document.querySelector(a.hash + ' math, #preview-' + a.hash.slice(10))).map(a => a.href)"""


@pytest.mark.parametrize("name", NAMES)
def test_from_a_folder_a_page_is_complete_light_and_alone(visit, site, name) -> None:
    page = visit(name)
    page.wait_for_load_state("networkidle")
    assert page.complaints == []
    wanted = {urlsplit(url)._replace(query="", fragment="").geturl() for url in page.requested}
    outside = [url for url in wanted if not url.startswith((site.as_uri(), "data:"))]
    assert outside == []
    weights = {url: size_of(url, site) for url in wanted if url.startswith("file:")}
    assert sum(weights.values()) <= HEAVIEST, sorted(weights.items(), key=lambda item: -item[1])
    assert page.evaluate("[...document.images].filter(i => !i.complete || !i.width).length") == 0
    assert page.evaluate(BLIND) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_served_page_asks_its_own_host_alone(visit, served, name) -> None:
    page = visit(name, served)
    assert page.complaints == []
    assert all(url.startswith((served, "data:")) for url in page.requested), page.requested


# For the color behind each word axe-core reads colors over and over, and keeps the parts of each
# in a WeakMap. With a Map, and with a memory of the colors read, it finds the same.
AXE = (
    f"((WeakMap, WeakSet) => {{ {Axe().axe_script} }})(Map, Set);"
    + """{
  const { Color } = axe.commons.color, { parseString } = Color.prototype, known = new Map();
  Color.prototype.parseString = function (text) {
    if (!known.has(text)) known.set(text, parseString.call(new Color(0, 0, 0), text));
    const { r, g, b, alpha } = known.get(text);
    return Object.assign(this, { r, g, b, alpha });
  };
} null"""
)
OF_COLORS = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that look at colors."""


def faults(page: Page, where: str | None = None, **options: object) -> list[str]:
    """What axe-core holds against a page or a part of it, with the element of each fault."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(
        "([where, options]) => axe.run(where ?? document, options).then(r => r.violations)",
        [where, {"resultTypes": ["violations"], **options}],
    )
    return [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("name", NAMES)
def test_no_page_scrolls_sideways_and_axe_finds_no_violation(visit, name) -> None:
    page = visit(name, size=NARROW, reduced_motion="reduce")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    width = page.evaluate("document.scrollingElement.scrollWidth")
    wide = page.evaluate(
        """[...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right
        > innerWidth + 1 && !e.closest('pre, math, table, .formula, .output')).map(e => e.outerHTML
        .slice(0, 99))"""
    )
    assert width <= NARROW["width"], wide
    of_colors = {"runOnly": OF_COLORS}  # the other rules: once for each width and each theme
    for size, theme, options in (
        (DESKTOP, "light", {}), (DESKTOP, "dark", of_colors),
        (PHONE, "light", of_colors), (PHONE, "dark", {}),
    ):  # fmt: skip
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"color => {BACKGROUND} === color", arg=PAGE[theme])
        assert faults(page, **options) == [], (theme, size)


def test_axe_sees_a_fault(visit) -> None:
    page = visit("chapters/notation.html")
    page.evaluate(
        "document.querySelector('h1').innerHTML += '<img src=x><i style=color:#eee>pale</i>'"
    )
    found = " ".join(faults(page))
    assert "image-alt" in found and "color-contrast" in found
    assert all(fault.startswith("color-contrast") for fault in faults(page, runOnly=OF_COLORS))
    assert faults(page, runOnly=OF_COLORS)
    rules = page.evaluate("axe.getRules(['cat.color']).map(rule => rule.ruleId)")
    assert set(rules) == {*OF_COLORS, "color-contrast-enhanced"}  # the last is off by default


@pytest.mark.parametrize("name", NAMES)
def test_without_scripts_a_page_reads_completely(visit, name) -> None:
    page = visit_without_scripts(visit, name, DESKTOP)
    assert page.locator("main h1").is_visible()
    for what in ("math", "article img"):
        for element in page.locator(f"article {what}").all()[:3]:
            assert element.is_visible() or element.evaluate(
                "e => !!e.closest('details:not([open])')"
            )


def visit_without_scripts(visit: Open, name: str, size: dict, **options: object) -> Page:
    """Open a page in a browser that runs no script."""
    return visit(name, size=size, java_script_enabled=False, **options)


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "phone"])
def test_without_scripts_one_can_walk_through_the_book(visit, size) -> None:
    page = visit_without_scripts(visit, "index.html", size)
    page.wait_for_url("**/intro.html")
    page.get_by_role("link", name="Start with question 1.1").click()
    assert "masked polynomial" in page.locator("main h1").inner_text()
    page.locator(".bd-sidebar-primary").get_by_role("link", name="hidden weight").click()
    page.get_by_role("link", name="next").first.click()
    assert "L2" in page.locator("main h1").inner_text()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"]


def test_without_scripts_a_solution_opens(visit) -> None:
    page = visit_without_scripts(visit, "chapters/network_3_hidden_weight.html", DESKTOP)
    solution = page.locator("details.solution").first
    assert not solution.locator("p").last.is_visible()
    solution.locator("summary").click()
    assert solution.locator("p").last.is_visible()


def background(page: Page) -> str:
    return page.evaluate(BACKGROUND)


@pytest.mark.parametrize("scripts", [True, False])
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


@pytest.mark.parametrize("word", ["hinge", "ReLU", "sigma", "subgradient", "eq-hinge-grad"])
def test_search_finds_from_a_folder(visit, word) -> None:
    page = visit(f"search.html?q={word}")
    page.locator("ul.search li a").first.wait_for()
    assert page.complaints == []
    page.locator("ul.search li a").first.click()
    assert word.lower().split("-")[-1] in page.content().lower()


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
    ("label", "glyph"), [("eq-delta-out", "ŷ"), ("eq-grad-w-hidden", "W")], ids=["other", "same"]
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
    assert page.evaluate("navigator.clipboard.readText()").startswith("The weight $W_{11}$ carries")


def test_what_is_wide_scrolls_with_the_keyboard(visit) -> None:
    page = visit("chapters/network_3_hidden_weight.html", size=NARROW)
    page.wait_for_timeout(200)
    loose = page.evaluate(
        """[...document.querySelectorAll('article *')].filter(e => e.clientWidth &&
        e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)
        && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 99))"""
    )
    assert loose == []
    assert page.locator(".formula[tabindex='0'], pre[tabindex='0']").count() > 0


def test_paper_shows_solutions_and_no_controls(visit) -> None:
    page = visit("chapters/network_3_hidden_weight.html", color_scheme="dark")
    page.emulate_media(media="print")
    for name in (".bd-sidebar-primary", ".article-header-buttons", ".copy-latex", "button.copybtn"):
        assert not page.locator(name).first.is_visible(), name
    solution = page.locator("details.solution p").last
    assert solution.bounding_box()["height"] > 0
    assert background(page) == "rgb(255, 255, 255)"


def test_an_address_that_is_not_there_leads_back(visit, served) -> None:
    page = visit("chapters/no/such/page.html", served)
    assert page.locator("main h1").inner_text() == "Page not found"
    assert [text for text in page.complaints if "404" not in text] == []
    page.get_by_role("link", name="Notation and conventions").first.click()
    assert "Notation" in page.locator("main h1").inner_text()


def test_a_notebook_can_be_downloaded(visit, served) -> None:
    page = visit("chapters/network_3_hidden_weight.html", served)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this notebook").click()
    source = CHAPTERS / "network_3_hidden_weight.ipynb"
    assert download.value.path().read_bytes() == source.read_bytes()
