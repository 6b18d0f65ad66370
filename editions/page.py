"""A built page of the site, made fit for paper and an e-reader.

Its ids begin with its name, its links lead to such ids, and its solutions are taken out. What only
the site can do stays behind: an answer box becomes its question.
"""

from __future__ import annotations

import re
from copy import deepcopy
from html import unescape
from pathlib import Path
from typing import NamedTuple

from lxml import etree
from lxml.builder import E
from lxml.etree import _Element

from site_ext.figures import BOOK_CSS

HERE = Path(__file__).parent
PRACTICE_CSS = BOOK_CSS.with_name("practice.css")
INKS = dict(reversed(re.findall(r"(--ink-\w+): (#\w+)", BOOK_CSS.read_text("utf-8"))))
"""The colours of the light theme."""
DROPPED = """
    .//*[contains(@class, 'only-screen')] | .//noscript | .//p[@class='editions'] | .//template
    | .//button | .//a[@class='headerlink'] | .//*[@hidden] | .//annotation
    | .//details[contains(@class, 'hide') or @class='executed']
    | .//div[contains(@class, 'start ') or contains(@class, 'toctree-wrapper')]"""
"""What is of use on the site alone, and code that is folded there."""
SOLUTIONS = ".//details[contains(@class, 'solution') and not(ancestor::details)]"
TAG = re.compile(r'<\w+(?:\s[\w:-]+(?:="[^"]*")?)+(?=\s*/?>)')
ATTRIBUTE = re.compile(r'(\s[\w:-]+)(="[^"]*")?')
"""In HTML it may have no value, as `hidden`; in XML it has one."""
OWNER = """(ancestor::*[contains(@class, 'answer ')]
    | preceding::div[contains(@class, 'exercise')][1])[last()]/p[@class='admonition-title']"""
ABOVE = "ancestor::section[h1 or h2 or h3][1]/*[self::h1 or self::h2 or self::h3]"
"""The title of the box or the exercise to which a solution belongs, and the heading above it."""


class Page(NamedTuple):
    """A page of the book: its name, and its section with all headings."""

    name: str
    body: _Element
    is_below: bool = False
    """Whether it belongs to the page before it, as the reference of a module does."""

    @property
    def id(self) -> str:
        return self.body.get("id")

    @property
    def title(self) -> str:
        return text_of(self.body.find(".//h1"))


def text_of(element: _Element) -> str:
    """Return what an element says, in one line."""
    return " ".join("".join(element.itertext()).split())


def article(path: Path) -> _Element:
    """Return the section that a built page shows, read as XML."""
    markup = path.read_text("utf-8").partition('<article class="bd-article">')[2]
    markup = re.sub(r"(?s)<script\b.*?</script>", "", markup.partition("</article>")[0])
    markup = re.sub(r"&(?!amp;|lt;|gt;|quot;|#)\w+;", lambda name: unescape(name[0]), markup)
    markup = re.sub(r"(<(?:br|col|hr|img|input|source|wbr)\b[^>]*?) ?/?>", r"\1/>", markup)
    markup = TAG.sub(lambda tag: ATTRIBUTE.sub(lambda a: a[1] + (a[2] or '=""'), tag[0]), markup)
    return etree.fromstring(f"<article>{markup}</article>").find("section")


def clean(body: _Element) -> None:
    """Take away what only the site can do, and turn boxes into questions."""
    for label in body.xpath(".//div[@class='entry']/label"):
        label.getparent().addprevious(E.p(text_of(label), {"class": "write"}))
    for math in body.iter("math"):
        math.set("alttext", math.findtext("semantics/annotation") or text_of(math))
    for element in body.xpath(DROPPED):
        element.tag = "dropped"
    etree.strip_elements(body, "dropped", with_tail=False)
    etree.strip_tags(body, "semantics")
    for hint in body.xpath(".//details[@class='hint']"):
        name, first = hint[:2]
        hint.tag, name.tag, name.text = "div", "strong", f"{name.text}."
        name.tail, first.text = f" {first.text or ''}", None
        first.insert(0, name)
    for cell in body.xpath(".//table[not(.//th)]//tr/td[1]"):
        cell.tag = "th"
        cell.set("scope", "row")
    for practice in body.xpath(".//div[@class='practice']"):
        for number, title in enumerate(practice.xpath("form/p[@class='admonition-title']"), 1):
            title.text += f" ({number})"
    for form in body.iter("form"):
        form.tag = "div"
        for attribute in ("aria-labelledby", "autocomplete", "data-answer"):
            form.attrib.pop(attribute, None)
    draw(body)


def take_solutions(page: Page) -> Page:
    """Move the solutions of a page to one of their own, with links both ways."""
    found = E.section(E.h1(f"Solutions: {page.title}"), id="solutions")
    for number, solution in enumerate(page.body.xpath(SOLUTIONS), 1):
        title, above = (text_of(solution.xpath(path)[0]) for path in (OWNER, ABOVE))
        if not title.startswith(("Exercise", above)):
            title += f": {above}"
        back, ahead = f"to-solution-{number}", f"#{solution.get('id')}"
        link = E.p({"class": "to-solution", "id": back}, E.a("Solution", href=ahead))
        solution.addprevious(link)
        link.tail, solution.tail = solution.tail, None
        solution.tag = "section"
        solution.set("class", "solution")
        solution[0] = E.h2(E.a(title, href=f"#{back}"))
        found.append(solution)
    return Page(f"solutions-{page.name}", found)


def anchor(page: str, name: str) -> str:
    """Return the id in the book of what has the given one on its page."""
    return re.sub(r"[^\w.-]", "-", f"{page}.{name}")


def prefix(page: str, body: _Element, tops: dict[str, str]) -> None:
    """Let ids, and what refers to them, begin with the name of their page; but no letter's."""
    for element in body.iter(etree.Element):
        for key, value in element.items():
            if key == "id" and not (element.tag == "path" and value[0].isupper()):
                element.set(key, anchor(page, value))
            elif element.tag == "use" and key == "href" and not value[1].isupper():
                element.set(key, "#" + anchor(page, value[1:]))
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{page}."))
    for link in body.iter("a"):
        link.attrib.pop("title", None)
        file, _, name = link.get("href", "").partition("#")
        target = Path(file).stem if file.endswith(".html") else "" if file else page
        if "://" not in file:
            link.set("href", f"#{anchor(target, name) if name else tops.get(target, '')}")


def draw(body: _Element) -> None:
    """Give figures the colours of the light theme, and each letter an outline, a space too."""
    for figure in body.iter("svg"):
        figure.attrib.pop("style", None)  # a width that a phone would scroll
    for space in body.xpath(".//path[not(@d)]"):
        space.set("d", "M0 0")
    for element in body.xpath(".//@*[contains(., 'var(--ink')]/.."):
        for key, value in element.items():
            element.set(key, inked(value))


def inked(style: str) -> str:
    return re.sub(r"var\((--ink-\w+)\)", lambda ink: INKS[ink[1]], style)


def sheet(name: str) -> str:
    """Return the style of an edition, and of the drawings of the practice page."""
    drawings = re.findall(r"(?m)^\.practice svg .*\n", PRACTICE_CSS.read_text("utf-8"))
    texts = [(HERE / f"{part}.css").read_text("utf-8") for part in ("edition", name)]
    white = inked("".join(drawings)).replace("var(--pst-color-on-background)", "#fff")
    return "".join(texts) + white


def take_letters(bodies: list[_Element]) -> dict[str, _Element]:
    """Take the outlines of letters, of which a page has one each, out of the figures."""
    found = {}
    for body in bodies:
        for path in body.xpath(".//path[@id]"):
            if path.get("id")[0].isupper():
                found[path.get("id")] = path
                path.getparent().remove(path)
    return found


def spell(body: _Element, letters: dict[str, _Element]) -> None:
    """Put the outline of each letter into the figure that is the first to show it."""
    missing = dict(letters)
    for figure in body.iter("svg"):
        used = (use.get("href")[1:] for use in figure.iter("use"))
        figure.insert(0, E.defs(*(deepcopy(missing.pop(n)) for n in used if n in missing)))
