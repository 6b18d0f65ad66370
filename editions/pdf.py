"""The book as one PDF, printed by the machine's own Chromium or Chrome.

Usage: python -m editions.pdf [--solutions]

The pages are one document, which is printed twice: its table of contents shows the page numbers
that the first printing gave. Then the file is made small, and its formulas are tagged as formulas.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pikepdf
from lxml import etree
from lxml.builder import E
from lxml.etree import _Element
from matplotlib import get_data_path
from playwright.sync_api import Browser, sync_playwright

from editions import book, tags
from editions.book import Book
from editions.offer import megabytes, offer
from editions.page import Page, sheet, spell

STATIC = book.ROOT / "site_ext" / "static"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_BROWSER = (
    "no browser to print with. Install Chromium or Chrome (on Debian: apt-get install chromium), "
    f"or name it in the variable CHROME; looked for {', '.join(BROWSERS)}"
)
FACES = {
    "DejaVuSans": "Book Sans", "DejaVuSans-Bold": "Book Sans; font-weight: bold",
    "DejaVuSans-Oblique": "Book Sans; font-style: italic",
    "DejaVuSans-BoldOblique": "Book Sans; font-weight: bold; font-style: italic",
    "DejaVuSansMono": "Book Code", "DejaVuSansMono-Bold": "Book Code; font-weight: bold",
    "DejaVuSansMono-Oblique": "Book Code; font-style: italic",
    "DejaVuSansMono-BoldOblique": "Book Code; font-weight: bold; font-style: italic",
}  # fmt: skip
"""Matplotlib's own fonts, so that the PDF is the same on any machine."""
WIDTH = 642
"""Pixels between the margins of the paper."""
SMALL = "7.5pt Book Sans"
HEADING = " or ".join(f"ancestor::h{level}" for level in range(1, 6))
LONG = 20
"""Rows of a table that may be cut at the end of a page."""
FIT = """() => {
  for (const part of document.querySelectorAll(".formula, table, .long")) {
    const room = Math.min(part.clientWidth || Infinity, part.parentElement.clientWidth);
    const size = parseFloat(getComputedStyle(part).fontSize);
    if (part.scrollWidth > room) part.style.fontSize = `${size * room / part.scrollWidth}px`;
  }
}"""
"""What is wider than the paper is made smaller."""
NUMBER = """(pages) => {
  for (const number of document.querySelectorAll(".number")) {
    number.textContent = pages[`/${number.dataset.of}`] ?? "000";
  }
}"""


def line(target: str, text: str) -> _Element:
    """Return a line of the contents; its page number is not yet known."""
    number = E.span("000", {"class": "number", "data-of": target})
    return E.li(E.a(text, href=f"#{target}"), number)


def front(whole: Book) -> Iterator[_Element]:
    """Yield the title page, what to know of this edition, and the table of contents."""
    yield E.header(
        E.p(book.TITLE, {"class": "title"}), E.p(book.SUBTITLE, {"class": "subtitle"}),
        E.img(src=(STATIC / "overview.svg").as_uri(), alt=""),
        E.p(book.AUTHOR), E.p(book.RIGHTS), {"class": "front"},
    )  # fmt: skip
    lines = []
    for part in whole.parts:
        if part.title:
            lines.append(E.li(E.strong(part.title)))
        lines += [line(page.id, page.title) for page in part.pages]
    yield E.section(book.note(whole), E.h1("Contents"), E.ol(*lines), {"class": "front contents"})


def lower(section: _Element) -> None:
    """Make room for the heading of a part above those of a page."""
    for level in (4, 3, 2, 1):
        for heading in section.iter(f"h{level}"):
            heading.tag = f"h{level + 1}"


def for_paper(page: Page, *, in_part: bool) -> _Element:
    """Return a page as it is printed: what is long may be cut, a formula is one thing."""
    if in_part:
        lower(page.body)
    page.body.set("class", f"page page-{page.name}{' below' if page.is_below else ''}")
    for section in page.body.xpath("descendant-or-self::section[@id]"):
        heading = next(section.iter("h1", "h2", "h3", "h4", "h5"))
        heading.extend(heading.itersiblings("span", preceding=True))  # they are other names of it
        heading.set("id", section.attrib.pop("id"))  # which may begin a sheet, behind a margin
    for row in page.body.xpath(".//mtr[@class='reason']"):
        row.getparent().remove(row)
    for math in page.body.xpath(f".//math[not({HEADING})]"):  # the outline takes words alone
        math.set("role", "img")
        math.set("aria-label", f"${math.get('alttext', '')}$")
    for figure in page.body.xpath(".//figure | .//figcaption"):
        figure.set("class", figure.tag)
        figure.tag = "div"
    for table in page.body.iter("table"):
        table.set("class", "long" if len(table.findall(".//tr")) > LONG else "short")
    return page.body


def running_heads(pages: list[Page]) -> Iterator[str]:
    """Yield the rules that print on each sheet the title of its page, or of the one above that."""
    for page in pages:
        if not page.is_below:
            name, title = page.name, page.title.replace('"', r"\22 ")
            yield f'@page {name} {{ @top-right {{ content: "{title}"; font: {SMALL}; }} }}\n'
        yield f".page-{page.name} {{ page: {name}; }}\n"


def faces() -> str:
    """Return the rules that name the fonts of text and code."""
    folder = Path(get_data_path(), "fonts", "ttf")
    return "".join(
        f"@font-face {{ font-family: {face}; src: url({(folder / name).as_uri()}.ttf); }}\n"
        for name, face in FACES.items()
    )


def document(whole: Book) -> str:
    """Return the whole book as one HTML document."""
    css = faces() + sheet("pdf").replace('url("fonts/', f'url("{(STATIC / "fonts").as_uri()}/')
    body = E.body(*front(whole))
    for part in whole.parts:
        css += "".join(running_heads(part.pages))
        body.extend(for_paper(page, in_part=bool(part.title)) for page in part.pages)
        if part.title:
            part.pages[0].body.insert(0, E.h1(part.title, {"class": "part"}))
    spell(body, whole.letters)
    head = E.head(E.meta(charset="utf-8"), E.title(book.TITLE), E.style(css))
    html = etree.tostring(E.html(head, body, lang="en"), method="html", encoding="unicode")
    return f"<!DOCTYPE html>\n{html}"


def page_numbers(pdf: pikepdf.Pdf) -> dict[str, int]:
    """Return the number of the page on which each target of a link stands."""
    number = {page.objgen: n for n, page in enumerate(pdf.pages, 1)}
    return {name: number[place[0].objgen] for name, place in pdf.Root.Dests.items()}


def browser() -> str:
    """Return the machine's browser, or end with a word on how to get one."""
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or sys.exit(NO_BROWSER)


def sheets(chrome: Browser, address: str, numbers: dict[str, int]) -> bytes:
    """Print a document with these page numbers in its table of contents.

    Each time in a new tab: where Chromium breaks pages depends on what a tab has printed before.
    """
    tab = chrome.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    tab.emulate_media(media="print")
    tab.goto(address)
    tab.evaluate(FIT)
    tab.evaluate(NUMBER, numbers)
    data = tab.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    tab.close()
    return data


def printed(html: str, folder: Path) -> bytes:
    """Print a document until the page numbers that it shows are its own."""
    path, numbers = folder / "book.html", {}
    path.write_text(html, "utf-8")
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        for _ in range(4):
            data, shown = sheets(chrome, path.as_uri(), numbers), numbers
            with pikepdf.open(io.BytesIO(data)) as pdf:
                numbers = page_numbers(pdf)
            if numbers == shown:
                return data
    sys.exit("the page numbers change with each printing")


def finish(data: bytes, target: Path) -> None:
    """Tag formulas, say what the book is, and write the same bytes for the same pages."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        tags.simplify(pdf)
        tags.describe_links(pdf, page_numbers(pdf))
        for page in pdf.pages:
            page.Contents = pdf.make_stream(tags.artifacts(page.Contents.read_bytes()))
        pdf.docinfo = pdf.make_indirect({"/Title": book.TITLE, "/Author": book.AUTHOR})
        with pdf.open_metadata(set_pikepdf_as_editor=False) as about:
            about["dc:title"], about["dc:creator"] = book.TITLE, [book.AUTHOR]
            about["dc:rights"], about["dc:language"] = book.RIGHTS, ["en"]
        pdf.save(
            target, deterministic_id=True, recompress_flate=True,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
        )  # fmt: skip


def main(solutions: bool) -> None:
    """Write the PDF and say how long and how large it is."""
    target = book.BUILD / f"{book.FILE}{'-solutions' if solutions else ''}.pdf"
    html = document(book.read(solutions=solutions))
    finish(printed(html, book.BUILD), target)
    with pikepdf.open(target) as pdf:
        print(f"{target}: {len(pdf.pages)} pages, {megabytes(target)}")
    offer(target)


if __name__ == "__main__":
    main("--solutions" in sys.argv[1:])
