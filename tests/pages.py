"""A page as its reader meets it: opened once in a browser, and all that is wrong with it listed."""

from __future__ import annotations

import functools
import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fontTools.ttLib import TTFont
from playwright.sync_api import ConsoleMessage, Locator, Page

DESKTOP, PHONE, NARROW = (
    {"width": width, "height": height} for width, height in ((1280, 900), (390, 844), (320, 640))
)
PAGE = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}
"""What is behind the text in each theme."""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
HEAVIEST = 250_000
"""Bytes that a page may load until all of it is there, compressed as a server would."""
AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text("utf-8")

READY = """() => !document.documentElement.matches('.first-screen')
  && [...document.images].every((image) => image.complete) && document.fonts.status === 'loaded'
  && (!location.search || document.querySelector('ul.search li'))"""
FRAMES = """async () => {
  for (let n = 0; n < 3; n += 1) await new Promise(requestAnimationFrame);
}"""
"""What follows a change of size has followed: site.js, explorables."""


def watch(page: Page) -> Page:
    """Keep what a page asks for and what it complains of in two lists."""
    page.requested, page.complaints = [], []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            page.complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("requestfailed", lambda request: page.complaints.append(request.url))
    return page


def go(page: Page, address: str) -> None:
    """Open an address in a page that may have shown another, and wait until all of it is there."""
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.requested.clear()
    page.complaints.clear()
    page.goto(address)
    page.wait_for_function(READY)


def follow(page: Page, link: Locator) -> None:
    """Follow a link, and wait until the page that it leads to is there: a click alone may not."""
    with page.expect_navigation():
        link.click()


@functools.cache
def size_of(path: str) -> int:
    data = Path(path).read_bytes()
    return len(data) if path.endswith(("woff2", "png")) else len(gzip.compress(data, 9))


def requests(page: Page, site: Path) -> dict[str, list]:
    """What a page opened from a folder should not have asked for."""
    wanted = {urlsplit(url)._replace(query="", fragment="").geturl() for url in page.requested}
    files = [unquote(urlsplit(url).path) for url in wanted if url.startswith(site.as_uri())]
    weights = [(size_of(path), path) for path in files if Path(path).is_file()]
    return {
        "outside": [url for url in wanted if not url.startswith((site.as_uri(), "data:"))],
        "heavy": sorted(weights) if sum(weight for weight, _ in weights) > HEAVIEST else [],
    }


LOADED = {
    "pictures": "() => [...document.images].filter((i) => !i.width || !i.naturalWidth)",
    # References to an equation that could not show it.
    "references": """() => [...document.querySelectorAll(
      'a[href*="#equation-eq-"]:not(.headerlink)')].filter((a) =>
      !document.querySelector(`${a.hash} math, #preview-${a.hash.slice(10)}`))""",
}
"""Elements that are wrong at any size: for each check a script that returns them."""

GLYPHS = """() => {
  const found = new Map();
  const note = (text, { fontFamily }, element) => {
    for (const glyph of text.replaceAll(/[ -~\\s]/g, "")) {
      found.set(glyph + fontFamily, [glyph, fontFamily, element.outerHTML.slice(0, 120)]);
    }
  };
  for (const e of document.querySelectorAll("body :not(script, style, template, annotation)")) {
    for (const child of e.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) note(child.data, getComputedStyle(e), e);
    }
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(e, part);
      note(style.content, style, e);
    }
  }
  return [...found.values()];
}"""
"""What is written beyond ASCII, also by a style sheet: the glyph, the fonts asked for it, where."""


@functools.cache
def fonts_of(site: Path) -> dict[str, set[str]]:
    """The characters of each font that the site brings along."""
    faces = re.findall(
        r"@font-face *{[^}]*family: *[\"']?(.+?)[\"']?;[^}]*url\([\"']?(.+?)[\"']?\)",
        (site / "_static/site.css").read_text("utf-8"),
    )
    return {
        family: {chr(code) for code in TTFont(site / "_static" / url).getBestCmap()}
        for family, url in faces
    }


def without_font(page: Page, site: Path) -> list[str]:
    """The glyphs of a page that it leaves to the fonts of the reader's machine."""
    return [
        f"{glyph} in {where}"
        for glyph, families, where in page.evaluate(GLYPHS)
        if not any(f'"{name}"' in families and glyph in has for name, has in fonts_of(site).items())
    ]


LAID_OUT = {
    "sideways": """() => {
      const page = document.scrollingElement;
      const wide = [...document.querySelectorAll("article *")].filter((e) =>
        e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest("pre, math, table, .formula, .output"));
      return page.scrollWidth <= innerWidth ? [] : [...wide, page];
    }""",
    # A display equation whose left end or number is covered or cut, and a formula in a line of
    # text that is wider than the line.
    "formulas": """() => {
      const box = (element) => element.getBoundingClientRect();
      const displays = [...document.querySelectorAll("div.math")].filter((equation) => {
        const formula = box(equation.querySelector(".formula"));
        const number = box(equation.querySelector(".eqno"));
        const apart = formula.right <= number.left || formula.bottom <= number.top;
        const begins = box(equation.querySelector("semantics > *")).left >= formula.left - 1;
        return !(apart && begins && Math.abs(number.right - box(equation).right) < 1);
      });
      const lines = [...document.querySelectorAll("article :is(p, dt, dd) > math")].filter(
        (math) => !math.closest("table") && box(math).right > box(math.parentElement).right + 1
      );
      return [...displays, ...lines];
    }""",
    # What scrolls sideways in its own frame, and cannot be focused to do it with the keyboard.
    "unreachable": """() => [...document.querySelectorAll("article *")].filter((e) =>
      e.clientWidth && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0
      && /auto|scroll/.test(getComputedStyle(e).overflowX))""",
    # A step of a derivation (not a row of a matrix) whose reason is cut off, or not in view at all.
    "reasons": """() => [...document.querySelectorAll(
      ".aligned > mtr:has(> mtd:nth-child(4))")].filter((step) => {
        const reasons = [step.children[3], step.nextElementSibling].filter(
          (e) => e.checkVisibility());
        const place = step.closest(".formula");
        return place?.checkVisibility() && !(reasons.length === 1
          && (reasons[0].querySelector("mtext") ?? reasons[0]).getBoundingClientRect().right
            <= place.getBoundingClientRect().right + 1);
      })""",
    # A word that is broken within, on a phone.
    "broken": """() => {
      const broken = new Set();
      const all = document.querySelector("article") ?? document.body;
      const texts = document.createTreeWalker(all, NodeFilter.SHOW_TEXT);
      const range = document.createRange();
      while (innerWidth < 600 && texts.nextNode()) {
        const { currentNode: text, currentNode: { parentElement: at } } = texts;
        if (at.closest("pre, math, svg, script, style, template, ul.search, a.external")) continue;
        for (const word of text.data.matchAll(/[\\p{L}\\p{N}]{2,}/gu)) {
          range.setStart(text, word.index);
          range.setEnd(text, word.index + word[0].length);
          const [first, ...rest] = range.getClientRects();
          if (rest.some(({ top }) => top > first.bottom - 4)) broken.add(at);
        }
      }
      return [...broken];
    }""",
    # A sign that has left its formula, if that is short, for the next line.
    "apart": """() => {
    const formulas = document.querySelectorAll("article math:not([display])");
    return [...formulas].filter((math) => {
      let at = math;
      while (!at.nextSibling && at.parentElement.closest("article")) at = at.parentElement;
      const [next, range] = [at.nextSibling, document.createRange()];
      if (!math.checkVisibility() || !/^[.,;:!?)”’]/.test(next?.data)) return false;
      if (math.getBoundingClientRect().width > 150) return false;
      range.setStart(next, 0);
      range.setEnd(next, 1);
      return range.getBoundingClientRect().top > math.getBoundingClientRect().bottom - 1;
    }); }""",
    # Code, and what it prints, that a desktop cuts off.
    "cut": """() => innerWidth < 1280 ? [] : [...document.querySelectorAll("article pre")].filter(
      (e) => e.scrollWidth > e.clientWidth)""",
    # A figure with a text that is smaller on a phone than 9 pixels, indices aside, or with hardly
    # any text: a letter has 100 units in its font. What an explorable replaces counts as well.
    "small": """() => {
      const replaced = innerWidth === 390
        ? [...document.querySelectorAll("figure.explored .frame")] : [];
      for (const frame of replaced) frame.style.setProperty("display", "block", "important");
      const small = [...document.querySelectorAll(".drawing")].filter((drawing) => {
        const sizes = [...drawing.querySelectorAll("g[transform*=scale]")].map((text) => {
          const { a, b } = text.getScreenCTM();
          return 100 * Math.hypot(a, b);
        });
        return innerWidth === 390 && !(sizes.length > 3 && Math.min(...sizes) >= 9);
      });
      for (const frame of replaced) frame.style.removeProperty("display");
      return small;
    }""",
    # A figure that is wider than its frame on a desktop, or where neither a word nor a key helps.
    "frames": """() => [...document.querySelectorAll(".frame")].filter((frame) =>
      frame.scrollWidth > frame.clientWidth && innerWidth !== 320 && (innerWidth >= 1280
        || frame.tabIndex < 0
        || !getComputedStyle(frame, "::before").content.includes("scroll it sideways")))""",
    # On an explorable: what sticks out, is written smaller than 11 pixels, or missed by a finger.
    "explorable": """() => {
      const box = (element) => element.getBoundingClientRect();
      const small = (e, root) => {
        const least = e.matches("[type=radio]") ? e.closest("label").offsetHeight
          : Math.min(box(e).height, e.closest("label") ? 24 : box(e).width);
        return box(e).right > box(root).right + 0.5 && !e.closest("svg")
          || e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11
          || e.matches("button, input") && least < 24;
      };
      return [...document.querySelectorAll(".explorable")].flatMap((root) =>
        [...(root.scrollWidth > root.clientWidth ? [root] : []),
          ...[...root.querySelectorAll("*")].filter((e) => small(e, root))]);
    }""",
}
"""Elements that are wrong at some size of the window."""


VARIABLE = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
"""The rules of axe-core whose verdict on what stands in an article depends on width or theme."""


def axe(page: Page, rules: list[str] | None = None, within: str = "html") -> list[str]:
    """What axe-core holds against a part of a page, by some of its rules, with the elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE}; null")
    # It would fetch the style sheets once more, which a page from a folder may not do.
    options = {
        "resultTypes": ["violations"], "preload": False,
        "rules": {"label-content-name-mismatch": {"enabled": True}},
    }  # fmt: skip
    options |= {"runOnly": rules} if rules else {}
    run = "([part, options]) => axe.run(part, options).then((r) => r.violations)"
    found = page.evaluate(run, [within, options])
    return [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]]


def elements(page: Page, script: str) -> list[str]:
    return page.evaluate(f"() => ({script})().map((e) => e.outerHTML.slice(0, 120))")


def faults(page: Page, site: Path, within: str = "html") -> dict[str, list]:
    """Everything that is wrong with an opened page of the site, by the check that found it.

    axe-core looks twice, at a desktop in the light and at a phone in the dark: colors depend on
    the theme, all else on the width, and nothing on both. On a long page it looks the second time
    at what an article can do wrong then; what is around it is that of the short pages. It may look
    at one element alone, if the rest of the page has been looked at before.
    """
    long = page.evaluate("document.querySelectorAll('*').length > 2000")
    found = {what: elements(page, script) for what, script in LOADED.items()}
    found["glyphs"] = without_font(page, site)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    for size, theme in ((DESKTOP, "light"), (PHONE, "dark"), (NARROW, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"color => {BACKGROUND} === color", arg=PAGE[theme])
        page.evaluate(FRAMES)
        where = f"at {size['width']} pixels, {theme}"
        for what, script in LAID_OUT.items():
            found[f"{what} {where}"] = elements(page, script)
        if size != NARROW:
            found[f"axe {where}"] = axe(page, VARIABLE if long and size == PHONE else None, within)
    found |= {"complaints": list(page.complaints), **requests(page, site)}
    return {what: where for what, where in found.items() if where}
