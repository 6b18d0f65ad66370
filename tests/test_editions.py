"""The PDF and the EPUB, as files: what is in them, what is not, and whether a reader can use it."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from lxml import etree, html
from sphinx_external_toc.parsing import parse_toc_yaml

from editions import book, epub, offer, pdf
from editions.page import Page, article, clean, prefix, take_solutions, text_of

BUILD = book.BUILD
MAKE = {".pdf": "make pdf", "-solutions.pdf": "make pdf SOLUTIONS=1", ".epub": "make epub"}
TOOLS = {"pdftotext": "poppler-utils", "epubcheck": "epubcheck"}
LARGEST = {".pdf": 4.0, "-solutions.pdf": 5.0, ".epub": 1.5}
"""Megabytes."""
SOLUTION = "details[contains(@class, 'solution')]"
SCREEN = "contains(@class, 'only-screen') or self::noscript"
"""What tells how to operate the site."""
XHTML = "{http://www.w3.org/1999/xhtml}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"
SVG = "{http://www.w3.org/2000/svg}svg"


def absent(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


def edition(suffix: str) -> Path:
    """Return an edition of the site as it is built now."""
    path, site = BUILD / f"{book.FILE}{suffix}", book.SITE / "searchindex.js"
    if not path.exists() or path.stat().st_mtime < site.stat().st_mtime:
        absent(f"no {path.name} of this site: run `{MAKE[suffix]}`")
    return path


def tool(name: str) -> str:
    """Return the path of a program of the machine."""
    if (path := shutil.which(name)) is None:
        absent(f"no {name}: on Debian, apt-get install {TOOLS[name]}")
    return path


def letters(text: str) -> str:
    """Return a text without spaces, the letters of formulas as plain ones."""
    return re.sub(r"[\s\u00ad\u200b]+", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def pages() -> dict[str, html.HtmlElement]:
    """The articles of the built pages, in the order of the book."""
    toc = parse_toc_yaml(book.ROOT / "_toc.yml")
    names = sorted(toc, key=[*order(toc, toc.root.docname)].index)
    roots = {name: html.parse(str(book.SITE / f"{name}.html")).getroot() for name in names}
    for root in roots.values():
        for element in root.xpath(f".//*[{SCREEN}]"):
            element.drop_tree()
    return {name: root.find(".//article") for name, root in roots.items()}


def order(toc: dict, name: str) -> Iterator[str]:
    yield name
    for tree in toc[name].subtrees:
        for below in tree.files():
            yield from order(toc, below)


@pytest.fixture(scope="module")
def printed() -> Iterator[pikepdf.Pdf]:
    """The PDF without solutions."""
    with pikepdf.open(edition(".pdf")) as opened:
        yield opened


def text_of_pdf(suffix: str) -> str:
    """Return what stands between the margins of an edition's pages."""
    inside = ["-r", "72", "-x", "50", "-y", "50", "-W", "496", "-H", "742"]
    command = [tool("pdftotext"), "-raw", *inside, edition(suffix), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def text() -> str:
    """The text of the PDF without solutions."""
    return text_of_pdf(".pdf")


@pytest.fixture(scope="module")
def opened() -> Iterator[zipfile.ZipFile]:
    """The EPUB."""
    with zipfile.ZipFile(edition(".epub")) as archive:
        yield archive


@pytest.fixture(scope="module")
def chapters(opened: zipfile.ZipFile) -> dict[str, etree._Element]:
    """The pages of the EPUB, in the order in which they are read."""
    package = etree.fromstring(opened.read("book.opf"))
    hrefs = {item.get("id"): item.get("href") for item in package.iterfind(".//{*}item")}
    names = [hrefs[item.get("idref")] for item in package.iterfind(".//{*}itemref")]
    return {name: etree.fromstring(opened.read(name)) for name in names}


def sentences(pages: dict[str, html.HtmlElement]) -> list[str]:
    """Return the longest run of words of each solution that the rest of the book does not have."""
    outside = f".//text()[not(ancestor::{SOLUTION})]"
    rest = letters(" ".join(words for page in pages.values() for words in page.xpath(outside)))
    solutions = [found for page in pages.values() for found in page.xpath(f".//{SOLUTION}[.//p]")]
    texts = (found.xpath(".//p//text()[not(ancestor::annotation)]") for found in solutions)
    longest = (letters(max(text, key=len)) for text in texts)
    return [words for words in longest if len(words) > 20 and words not in rest]


def test_a_page_is_read_as_the_browser_reads_it(tmp_path):
    (tmp_path / "page.html").write_text(
        '<article class="bd-article"><section id="s"><script>if (a < b) {}</script>'
        '<h1>A&nbsp;b</h1><p title="open hidden x">c<br>d<wbr>e</p>'
        '<details open class="x"><input disabled></details></section></article>'
    )
    found = article(tmp_path / "page.html")
    assert etree.tostring(found, encoding="unicode") == (
        '<section id="s"><h1>A\u00a0b</h1><p title="open hidden x">c<br/>d<wbr/>e</p>'
        '<details open="" class="x"><input disabled=""/></details></section>'
    )


BOX = """<section id="s"><h1>T<a class="headerlink" href="#s">#</a></h1>
<section id="q"><h2>Q</h2><form class="answer admonition" id="answer-a" aria-labelledby="t">
<p class="admonition-title" id="t">Try it</p><p>What?</p>
<div class="entry" hidden=""><label for="i">Your number</label><button>Check</button></div>
<details class="hint"><summary>Hint 1</summary><p>Think.</p></details>
<details class="solution" id="a"><summary>Solution</summary><p>It is 7.</p></details></form>
<div class="exercise admonition" id="e"><p class="admonition-title">Exercise 1.1</p></div>
<details class="solution dropdown admonition" id="b"><summary>Solution</summary><p>8</p></details>
<p class="ways" hidden="">Only with scripts.</p></section></section>"""


def test_a_box_becomes_a_question_and_its_solution_is_moved():
    whole = Page("p", etree.fromstring(BOX))
    clean(whole.body)
    answers = take_solutions(whole)
    for body in (whole.body, answers.body):
        prefix("p", body, {"p": "p.s"})
    assert letters(text_of(whole.body)) == (
        "TQTryitWhat?YournumberHint1.Think.SolutionExercise1.1Solution"
    )
    assert letters(text_of(answers.body)) == "Solutions:TTryit:QItis7.Exercise1.18"
    assert whole.body.xpath(".//p[@class='to-solution']/a/@href") == ["#p.a", "#p.b"]
    assert answers.body.xpath("section/@id") == ["p.a", "p.b"]
    assert answers.body.xpath("section/h2/a/@href") == ["#p.to-solution-1", "#p.to-solution-2"]
    assert not whole.body.xpath(".//form | .//button | .//details | .//*[@hidden]")
    book.unwrap_dead_links([whole.body])
    assert "Solution" not in text_of(whole.body)


@pytest.mark.parametrize("suffix", MAKE)
def test_an_edition_is_small(suffix):
    assert 0.3 < edition(suffix).stat().st_size / 1e6 < LARGEST[suffix]


def test_the_pdf_has_the_pages_of_a_book(printed):
    assert 150 < len(printed.pages) < 400
    sizes = {tuple(round(float(side)) for side in page.mediabox[2:]) for page in printed.pages}
    assert sizes == {(595, 842)}


def outline(pdf: pikepdf.Pdf) -> Iterator[tuple[int, str]]:
    """Yield the entries of the outline, each with its depth."""

    def walk(items: list[pikepdf.OutlineItem], depth: int) -> Iterator[tuple[int, str]]:
        for item in items:
            yield depth, letters(item.title)
            yield from walk(item.children, depth + 1)

    with pdf.open_outline() as whole:
        yield from walk(whole.root, 0)


def test_the_outline_has_every_part_page_and_section(printed, pages):
    toc = parse_toc_yaml(book.ROOT / "_toc.yml")
    parts = {tree.files()[0]: tree.caption for tree in toc.root.subtrees}
    expected = [(0, "Aboutthisedition"), (0, "Contents")]
    for name, page in pages.items():
        expected += [(0, letters(parts[name]))] if name in parts else []
        for heading in page.xpath(".//h1 | .//h2 | .//h3"):
            words = "".join(heading.xpath(".//text()[not(ancestor::annotation)]")).rstrip("#")
            level = int(heading.tag[1]) - (name == toc.root.docname)
            expected.append((level, letters(words)))
    found = [*outline(printed)]
    assert len(expected) > 200 and found == expected


def title_of(heading: html.HtmlElement) -> str:
    return "".join(heading.xpath(".//text()[not(ancestor::annotation)]")).rstrip("#").strip()


@pytest.mark.parametrize("suffix", [".pdf", "-solutions.pdf"])
def test_the_contents_name_the_page_on_which_each_heading_stands(suffix, pages):
    sheets = [letters(sheet) for sheet in text_of_pdf(suffix).split("\f")]
    contents = "".join(text_of_pdf(suffix).split("\f")[1:3])
    titles = [title_of(page.find(".//h1")) for page in pages.values()]
    if suffix != ".pdf":
        titles += re.findall(r"(?m)^Solutions: .*[^\d\s](?=\s*\d+$)", contents)
        assert len(titles) > len(pages) + 10
    for title in titles:
        (number,) = re.findall(rf"(?m)^{re.escape(title)}\s*(\d+)$", contents)
        assert letters(title) in sheets[int(number) - 1], title


def test_no_heading_and_no_title_of_a_box_is_the_last_line_of_a_sheet(text, pages):
    titles = {
        letters(title_of(found))
        for page in pages.values()
        for found in page.xpath(".//h1 | .//h2 | .//h3 | .//p[@class='admonition-title']")
    }
    last = [letters(sheet.strip().rpartition("\n")[2]) for sheet in text.split("\f")]
    assert len(titles) > 200 and not titles & {*last}


def test_no_sheet_is_all_but_empty(text):
    assert min(len(sheet.split()) for sheet in text.split("\f")[1:-1]) > 20


def test_a_reference_to_a_formula_that_is_left_out_says_so(text, pages):
    by_id = f".//div[@class='math'][{{}}(ancestor::{SOLUTION})]/span[@class='eqno']"
    out, there = (
        {title_of(eqno) for page in pages.values() for eqno in page.xpath(by_id.format(which))}
        for which in ("", "not")
    )
    assert len(out) > 10 and not out & there
    assert [number for number in out if number in text] == []
    said = re.findall(r"\(([\d.]+)(?:\*|,\s+in\s+the\s+solutions)\)", text)
    assert len(said) > 30 and {f"({number})" for number in said} <= {*out, "(0.2.5)"}
    assert ", in the solutions)" not in text_of_pdf("-solutions.pdf").replace("\n", " ")


def test_how_to_operate_the_site_is_said_there_alone(text, chapters):
    roots = [html.parse(str(path)).getroot() for path in book.SITE.glob("chapters/*.html")]
    found = [words for root in roots for words in root.xpath(f".//article//*[{SCREEN}]")]
    texts = [letters(text_of(words)) for words in found]
    read = letters(" ".join("".join(c.itertext()) for c in chapters.values()))
    assert len(texts) > 6 and "Yourprogress" in "".join(texts)
    assert [words for words in texts if words in letters(text) or words in read] == []


LOOK = """() => [...document.querySelectorAll(".practice svg :not(defs)")].map((part) => {
  const style = getComputedStyle(part);
  const names = ["fill", "stroke", "fontSize", "textAnchor", "strokeWidth", "paintOrder"];
  const look = names.map((name) => style[name]);
  return part.matches(".label") ? look.with(1, "that of its ground") : look;
})"""


def test_the_drawings_of_the_practice_page_look_as_on_the_site(browser, opened, tmp_path):
    opened.extractall(tmp_path)
    (tmp_path / "book.html").write_text(pdf.document(book.read(solutions=False)), "utf-8")
    tab, looks = browser.new_page(color_scheme="light"), []
    for path in (
        book.SITE / "chapters/practice.html", tmp_path / "book.html", tmp_path / "practice.xhtml",
    ):  # fmt: skip
        tab.goto(path.as_uri())
        looks.append(tab.evaluate(LOOK))
    tab.close()
    assert len(looks[0]) > 500 and len({tuple(look) for look in looks[0]}) > 6
    assert looks[1] == looks[0] == looks[2]


def test_every_formula_of_one_line_is_found_with_its_number(text, pages):
    formulas = [
        letters("".join(block.xpath(".//text()[not(ancestor::annotation)]")).rstrip("#"))
        for page in pages.values()
        for block in page.xpath(f".//div[@class='math' and not(ancestor::{SOLUTION})]")
        if not block.xpath(".//mfrac | .//msqrt | .//munderover | .//mtable | .//mover | .//munder")
    ]
    flat = letters(text)
    assert len(formulas) >= 10
    assert [formula for formula in formulas if formula not in flat] == []


def test_no_glyph_is_missing(printed, text):
    assert "\ufffd" not in text and not re.search("[\ue000-\uf8ff]", text)
    fonts = set()
    for page in printed.pages:
        own = page.Resources.get("/Font", {}).values()  # a halo has none: its outlines are drawn
        fonts |= {str(font.BaseFont)[8:] for font in own if font.Subtype != "/Type3"}
        codes = re.findall(rb"<([0-9A-F]+)> ?Tj", page.Contents.read_bytes())
        assert codes or not page.Resources.get("/Font")
        for code in codes:
            assert b"0000" not in [code[n : n + 4] for n in range(0, len(code), 4)]
    assert {"DejaVuSans", "NotoSansMath-Regular"} <= fonts <= {*pdf.FACES, "NotoSansMath-Regular"}


def test_every_link_of_the_pdf_leads_somewhere(printed):
    targets = printed.Root.Dests
    links = [link for page in printed.pages for link in page.get("/Annots", [])]
    inner = [link for link in links if "/Dest" in link]
    assert len(inner) > 600
    assert [str(link.Dest) for link in inner if str(link.Dest) not in targets] == []
    outer = [str(link.A.URI) for link in links if "/Dest" not in link]
    assert outer and all(uri.startswith("https://") for uri in outer)
    assert all(str(link.Contents) for link in links)


def test_solutions_are_in_the_pdf_only_where_they_are_asked_for(text, pages):
    solutions = sentences(pages)
    without, solved = letters(text), letters(text_of_pdf("-solutions.pdf"))
    assert len(solutions) > 60
    assert [words for words in solutions if words in without] == []
    assert [words for words in solutions if words not in solved] == []
    assert "Solutions:" not in text and "\nSolution\n" not in text


def test_the_solutions_of_the_pdf_are_its_last_part():
    with pikepdf.open(edition("-solutions.pdf")) as solved:
        entries = [*outline(solved)]
        place = entries.index((0, "Solutions"))
        assert all(depth > 0 for depth, _ in entries[place + 1 :])
        number = pdf.page_numbers(solved)
        first = number["/" + next(t[1:] for t in number if t.endswith(".solutions"))]
        ahead = [t for t in number if ".to-solution-" in t]
        assert len(ahead) > 100 and all(number[target] < first for target in ahead)


def elements(node: pikepdf.Object) -> Iterator[pikepdf.Dictionary]:
    """Yield an element of the tags and all below it."""
    if isinstance(node, pikepdf.Array):
        for kid in node:
            yield from elements(kid)
    elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
        yield node
        yield from elements(node.get("/K"))


def sheets(element: pikepdf.Dictionary) -> set[tuple[int, int]]:
    """Return the pages on which the content of an element stands."""
    found = set()
    for one in elements(element):
        kids = one.get("/K", [])
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if not isinstance(kid, pikepdf.Dictionary):
                found.add(one.Pg.objgen)
            elif kid.get("/Type") == "/MCR":
                found.add(kid.Pg.objgen)
    return found


@pytest.fixture(scope="module")
def tags(printed) -> list[pikepdf.Dictionary]:
    """The elements of the PDF without solutions, in the order in which they are read."""
    return [*elements(printed.Root.StructTreeRoot.K)]


def test_the_pdf_is_tagged_and_says_what_it_is(printed, tags):
    assert printed.Root.MarkInfo.Marked and str(printed.Root.Lang) == "en"
    assert printed.Root.ViewerPreferences.DisplayDocTitle
    assert {**printed.docinfo} == {"/Title": book.TITLE, "/Author": book.AUTHOR}
    assert "NonStruct" not in {str(tag.S)[1:] for tag in tags}
    for kind, least in (("/Figure", 40), ("/Formula", 2500)):
        found = [tag for tag in tags if kind == tag.S]
        assert len(found) > least and all(str(tag.get("/Alt", "")).strip() for tag in found)
    known = {tag.objgen for tag in tags}
    for owners in list(printed.Root.StructTreeRoot.ParentTree.Nums)[1::2]:
        for owner in owners if isinstance(owners, pikepdf.Array) else [owners]:
            assert owner.objgen in known


def test_figure_and_caption_stand_on_one_page(tags):
    places = [n for n, tag in enumerate(tags) if tag.S == "/Figure"]
    assert len(places) > 40
    for place in places:
        caption = next(tag for tag in tags[place + 1 :] if tag.S == "/P")
        assert len(sheets(tags[place]) | sheets(caption)) == 1, tags[place].Alt


def test_no_row_is_cut_and_no_table_that_fits_a_page(tags):
    tables = [tag for tag in tags if tag.S == "/Table"]
    assert len(tables) > 50
    for table in tables:
        rows = [tag for tag in elements(table) if tag.S == "/TR"]
        is_long = len(rows) > pdf.LONG  # its head is on each of its pages
        assert all(len(sheets(row)) == 1 for row in rows[is_long:])
        assert is_long or len(sheets(table)) == 1


def test_nothing_of_the_pdf_is_beyond_its_margins():
    command = [tool("pdftotext"), "-bbox", edition(".pdf"), "-"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    edges = [float(right) for right in re.findall(r'xMax="([\d.]+)"', words)]
    assert len(edges) > 30_000 and max(edges) < 595 - 55


def test_without_a_browser_the_pdf_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"no browser to print with.*apt-get install chromium"):
        pdf.browser()


def test_epubcheck_finds_nothing():
    command = ["java", "-jar", tool("epubcheck"), edition(".epub")]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "0 fatals / 0 errors / 0 warnings" in said.stdout


def shown(page: html.HtmlElement, what: str) -> list[html.HtmlElement]:
    """Return what a reader of the site meets, without what only scripts use or unfold."""
    tools = "template or self::button or @class='entry' or contains(@class, 'details hide')"
    return page.xpath(f".//{what}[not(ancestor::*[self::{tools}])]")


def test_the_epub_has_every_formula_of_the_site(chapters, pages):
    expected = sum(len(shown(page, "math")) for page in pages.values())
    found = [math for chapter in chapters.values() for math in chapter.iter(MATH)]
    assert len(found) == expected > 3000
    assert all(math.get("alttext") for math in found)


def test_the_epub_has_every_figure_with_its_text(chapters, pages):
    expected = Counter(svg.get("aria-label") for page in pages.values() for svg in page.iter("svg"))
    found = [svg for chapter in chapters.values() for svg in chapter.iter(SVG)]
    assert Counter(svg.get("aria-label") for svg in found) == expected
    assert expected.total() > 40 and "var(" not in str([etree.tostring(svg) for svg in found])


def test_every_link_of_the_epub_leads_somewhere(chapters):
    names = {f"{n}#{e.get('id')}" for n, c in chapters.items() for e in c.iter() if e.get("id")}
    for name, chapter in chapters.items():
        own = [element.get("id") for element in chapter.iter() if element.get("id")]
        assert len(own) == len(set(own)), name
        for use in chapter.iter("{http://www.w3.org/2000/svg}use"):
            assert use.get("{http://www.w3.org/1999/xlink}href")[1:] in own
        for link in chapter.iter(f"{XHTML}a"):
            assert (
                link.get("href") in chapters
                or link.get("href") in names
                or (link.get("href").startswith("https://"))
            ), link.get("href")


def test_the_solutions_of_the_epub_are_last_with_links_both_ways(chapters, pages):
    last = [name for name in chapters if name.startswith("solutions-")]
    assert len(last) > 10 and [*chapters][-len(last) :] == last
    before = letters(" ".join("".join(c.itertext()) for n, c in chapters.items() if n not in last))
    after = letters(" ".join("".join(chapters[name].itertext()) for name in last))
    assert [words for words in sentences(pages) if words in before or words not in after] == []
    expected = sum(len(page.xpath(f".//{SOLUTION}")) for page in pages.values())
    links = [
        (f"{name}#{paragraph.get('id')}", paragraph[0].get("href"))
        for name, chapter in chapters.items()
        for paragraph in chapter.iterfind(f".//{XHTML}p[@class='to-solution']")
    ]
    back = {
        f"{name}#{solution.get('id')}": solution.find(f"{XHTML}h2/{XHTML}a").get("href")
        for name in last
        for solution in chapters[name].iterfind(f".//{XHTML}section[@class='solution']")
    }
    assert len(links) == len(back) == expected
    assert all(back[there] == here for here, there in links)


def test_the_contents_of_the_epub_are_those_of_the_site(chapters, pages):
    listed = [a.get("href") for a in chapters["nav.xhtml"].find(f".//{XHTML}nav").iter(f"{XHTML}a")]
    names = [f"{Path(name).name}.xhtml" for name in pages]
    assert listed[: len(names)] == names and [*chapters][3 : 3 + len(names)] == names
    assert listed[len(names) :] == [*chapters][3 + len(names) :]


def test_the_same_pages_give_the_same_epub(tmp_path):
    epub.write(epub.files_of(book.read(solutions=True)), tmp_path / "again.epub")
    assert (tmp_path / "again.epub").read_bytes() == edition(".epub").read_bytes()


def test_the_first_page_offers_what_is_there(tmp_path):
    first = tmp_path / "chapters" / "intro.html"
    first.parent.mkdir()
    shutil.copy(book.SITE / "chapters" / "intro.html", first)
    first.write_text(offer.LINE.sub("", first.read_text("utf-8")), "utf-8")
    plain = first.read_text("utf-8")
    for number, name in enumerate(offer.NAMES, 1):
        (tmp_path / name).write_bytes(b"x" * 1_250_000)
        for _ in range(2):
            offer.offer(tmp_path / name, tmp_path)
        (line,) = html.fromstring(first.read_text("utf-8")).find_class("editions")
        hrefs = [link.get("href") for link in line.iter("a")]
        assert len(hrefs) == number and line.text_content().count("1.2 MB") == number
        assert all((first.parent / href).resolve().is_file() for href in hrefs)
        assert line.getnext().tag == "section" and line.getprevious() is not None
    assert offer.LINE.sub("", first.read_text("utf-8")) == plain


def test_the_site_offers_the_editions_that_were_made():
    there = {path.name for path in (book.SITE / offer.FOLDER).glob(f"{book.FILE}*")}
    page = "".join(offer.LINE.findall((book.SITE / "chapters" / "intro.html").read_text("utf-8")))
    offered = {
        posixpath.basename(href)
        for href in re.findall(rf'href="\.\./{offer.FOLDER}/([^"]+)"', page)
    }
    assert offered == there <= {*offer.NAMES}
