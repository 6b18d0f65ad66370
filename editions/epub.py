"""The book as an EPUB 3: a file for each page, formulas as MathML, the solutions last.

Usage: python -m editions.epub

The same pages give the same bytes: no time of the build is stored, and the identifier comes from
the content.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from html import escape
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from lxml import etree
from lxml.builder import E
from lxml.etree import _Element

from editions import book
from editions.book import Book, Part
from editions.offer import megabytes, offer
from editions.page import HERE, Page, sheet, spell

FONTS = book.ROOT / "site_ext" / "static" / "fonts"
TYPES = {
    ".xhtml": "application/xhtml+xml", ".css": "text/css", ".png": "image/png",
    ".woff2": "font/woff2",
}  # fmt: skip
SPACES = {
    "<math": '<math xmlns="http://www.w3.org/1998/Math/MathML"',
    "<svg": '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"',
    "<use href": "<use xlink:href",
}
"""What XML asks for and HTML has not."""
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
  lang="en" xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" href="book.css"/></head>
<body>
{body}
</body></html>
"""
COVER = '<section epub:type="cover"><img class="cover" src="cover.png" alt="{alt}"/></section>'
NAV = """<nav epub:type="toc"><h1>Contents</h1>
<ol>{toc}</ol></nav>
<nav epub:type="landmarks" hidden=""><h2>Landmarks</h2>
<ol><li><a epub:type="toc" href="nav.xhtml">Contents</a></li>
<li><a epub:type="bodymatter" href="{first}">The book</a></li></ol></nav>"""
PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identifier}</dc:identifier>
<dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>
<dc:language>en</dc:language><dc:rights>{rights}</dc:rights>
<meta property="dcterms:modified">{modified}</meta>
<meta property="schema:accessMode">textual</meta><meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">structuralNavigation</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
<meta property="schema:accessibilitySummary">Formulas are MathML, figures have a text.</meta>
</metadata>
<manifest>{manifest}</manifest>
<spine>{spine}</spine>
</package>
"""
IDS = "@id | .//@id"
MODIFIED = "2026-01-01T00:00:00Z"
"""EPUB asks for a time; a fixed one, since the identifier changes with the content."""


def for_reader(page: Page, files: dict[str, str]) -> _Element:
    """Return a page as an e-reader takes it."""
    body = page.body
    body.attrib.pop("class", None)
    for table in body.xpath(".//table[.//td/@data-column]"):
        wide = table.xpath(".//*[@class='long']") or len(table.find(".//tr")) > 4
        table.set("class", "cards wide" if wide else "cards")
    for row in body.xpath(".//mtr[mtd[4]]"):  # the reason stands in a row of its own
        del row[2:]
    for sign in body.xpath(".//mo[@form]"):  # epubcheck takes it for the attribute of a button
        del sign.attrib["form"]
        sign.set("lspace", sign.get("lspace", "0"))
        sign.set("rspace", sign.get("rspace", "0"))
    for link in body.xpath(".//a[starts-with(@href, '#')]"):
        link.set("href", files[link.get("href")[1:]] + link.get("href"))
    return body


def xhtml(title: str, *elements: _Element | str) -> str:
    """Return a file of the book."""
    parts = [e if isinstance(e, str) else etree.tostring(e, encoding="unicode") for e in elements]
    body = "\n".join(parts)
    for before, after in SPACES.items():
        body = re.sub(rf"{before}\b", after, body)
    return PAGE.format(title=escape(title), body=body)


def contents(parts: list[Part], files: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table of contents: the pages below their parts."""
    for part in parts:
        lines = "\n".join(
            f'<li><a href="{files[page.id]}">{escape(page.title)}</a></li>' for page in part.pages
        )
        name = f"<span>{escape(part.title)}</span>"
        yield f"<li>{name}<ol>\n{lines}\n</ol></li>" if part.title else lines


def files_of(whole: Book) -> dict[str, bytes]:
    """Return the files of the book by their names, those that are read in their order."""
    pages = [page for part in whole.parts for page in part.pages]
    files = {name: f"{page.name}.xhtml" for page in pages for name in page.body.xpath(IDS)}
    toc = "\n".join(contents(whole.parts, files))
    found = {
        "cover.xhtml": xhtml(book.TITLE, COVER.format(alt=f"{book.TITLE}. {book.SUBTITLE}")),
        "about.xhtml": xhtml(book.TITLE, *about(whole)),
        "nav.xhtml": xhtml("Contents", NAV.format(toc=toc, first=f"{pages[0].name}.xhtml")),
    }
    for part in whole.parts:
        for page in part.pages:
            body = for_reader(page, files)
            spell(body, whole.letters)
            if part.title and page is part.pages[0]:
                body.insert(0, E.p(part.title, {"class": "part"}))
            found[f"{page.name}.xhtml"] = xhtml(page.title, body)
    found["book.css"] = sheet("epub")
    fonts = {f"fonts/{path.name}": path.read_bytes() for path in sorted(FONTS.glob("*.woff2"))}
    text = {name: content.encode() for name, content in found.items()}
    return text | fonts | {"cover.png": (HERE / "cover.png").read_bytes()}


def about(whole: Book) -> Iterator[_Element]:
    """Yield the title page."""
    yield E.h1(book.TITLE)
    yield E.p(book.SUBTITLE)
    yield E.p(book.AUTHOR)
    yield E.p(book.RIGHTS)
    yield book.note(whole)


def package(files: dict[str, bytes]) -> str:
    """Return the list of the files, with what the book is."""
    content = b"".join(files.values())
    manifest, spine = [], []
    for number, (name, data) in enumerate(files.items()):
        special = {"nav.xhtml": "nav", "cover.png": "cover-image"}.get(name)
        found = [special]
        found += [p for p, mark in (("mathml", b"<math "), ("svg", b"<svg ")) if mark in data]
        words = " ".join(filter(None, found))
        properties = f' properties="{words}"' if words else ""
        kind = TYPES[Path(name).suffix]
        manifest.append(f'<item id="f{number}" href="{name}" media-type="{kind}"{properties}/>')
        if kind == TYPES[".xhtml"]:
            spine.append(f'<itemref idref="f{number}"/>')
    return PACKAGE.format(
        identifier=uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(content).hexdigest()),
        title=book.TITLE, author=book.AUTHOR, rights=book.RIGHTS, modified=MODIFIED,
        manifest="\n".join(manifest), spine="\n".join(spine),
    )  # fmt: skip


def write(files: dict[str, bytes], target: Path) -> None:
    """Write the archive; what it is comes first, and is not compressed."""
    whole = {"mimetype": b"application/epub+zip", "META-INF/container.xml": CONTAINER.encode()}
    whole |= {"book.opf": package(files).encode()} | files
    with ZipFile(target, "w") as file:
        for name, data in whole.items():
            info = ZipInfo(name)
            info.external_attr = 0o644 << 16
            file.writestr(info, data, ZIP_STORED if name == "mimetype" else ZIP_DEFLATED, 9)


def main() -> None:
    """Write the EPUB and say how large it is."""
    target = book.BUILD / f"{book.FILE}.epub"
    write(files_of(book.read(solutions=True)), target)
    print(f"{target}: {megabytes(target)}")
    offer(target)


if __name__ == "__main__":
    main()
