"""The built site: every page is there, every link leads somewhere, nothing comes from elsewhere."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from lxml import html
from pygments.styles import get_style_by_name
from pygments.token import Token

from editions import offer
from site_ext import book, figures

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "html"
SOURCES = sorted(path for path in (ROOT / "chapters").iterdir() if path.suffix in (".ipynb", ".md"))
# What the browser loads by itself: element and attribute.
RESOURCES = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
    "object": "data", "embed": "src",
}  # fmt: skip


OWN_PAGES = {"index", "search", "404"}


def listed(entries):
    """The files that a part of _toc.yml lists, at any depth."""
    for entry in entries:
        yield entry["file"]
        yield from listed(entry.get("sections", []))


@pytest.fixture(scope="session")
def pages():
    """Every page of the site by its path in it, parsed."""
    assert (SITE / "index.html").exists(), f"no site in {SITE}: run `make book` first"
    return read(SITE)


def read(site):
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(site).as_posix(): html.parse(path).getroot() for path in paths}


def test_table_of_contents_lists_every_chapter():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"], *(file for part in toc["parts"] for file in listed(part["chapters"]))]
    assert sorted(files) == sorted(f"chapters/{path.stem}" for path in SOURCES)


def test_every_chapter_has_its_page(pages):
    for path in SOURCES:
        page = pages[f"chapters/{path.stem}.html"]
        assert page.xpath("//main//h1"), f"{path.stem} has no title"


def test_no_page_but_the_chapters_is_there(pages):
    chapters = {f"chapters/{path.stem}.html" for path in SOURCES}
    assert pages.keys() - chapters <= {f"{name}.html" for name in OWN_PAGES}


def outside_resources(page):
    for tag, attribute in RESOURCES.items():
        yield from (url for url in page.xpath(f"//{tag}/@{attribute}") if is_outside(url))
    for link in page.xpath("//link[@href]"):
        if link.get("rel") not in ("canonical", "license") and is_outside(link.get("href")):
            yield link.get("href")
    for text in page.xpath("//style/text() | //script[not(@src)]/text()"):
        yield from re.findall(r"(?:url\(|import |src=)[\"']?((?:https?:)?//[^\s\"')]+)", text)


def is_outside(url):
    return bool(urlsplit(url).netloc)


def test_no_page_names_a_resource_of_another_host(pages):
    for name, page in pages.items():
        assert not list(outside_resources(page)), name


@pytest.mark.parametrize(
    "source",
    [
        '<script src="https://example.org/x.js"></script>',
        '<link rel="stylesheet" href="//example.org/x.css">',
        '<img src="http://example.org/x.png">',
        "<style>@import 'https://example.org/x.css'</style>",
        "<style>p { background: url(https://example.org/x.png) }</style>",
    ],
)
def test_an_outside_resource_is_seen(source):
    assert list(outside_resources(html.document_fromstring(f"<html>{source}<p>x</p></html>")))


def outside_urls(css):
    return re.findall(r"(?:url\(|@import )\s*[\"']?((?:https?:)?//[^\s\"')]+)", css)


def test_code_has_no_span_that_only_repeats_the_color_of_the_text(pages):
    names = {name for page in pages.values() for name in page.xpath("//pre//span/@class")}
    assert not names & {"n", "p", "w"} and {"k", "s2", "mi", "o"} <= names


@pytest.mark.parametrize("style", ["light", "dark"])
def test_names_punctuation_and_spaces_in_code_have_the_color_of_the_text(style):
    styles = get_style_by_name(f"a11y-high-contrast-{style}")
    kinds = (Token.Text, Token.Name, Token.Punctuation, Token.Text.Whitespace)
    text, *others = [styles.style_for_token(kind) for kind in kinds]
    assert others == [text] * 3
    css = (SITE / "_static" / "site.css").read_text(encoding="utf-8").lower()
    assert f".highlight{{background: {styles.background_color}; color: #{text['color']}}}" in css


def test_style_sheets_name_no_other_host(pages):
    sheets = list(SITE.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert not outside_urls(path.read_text(encoding="utf-8")), path.name


def test_an_outside_url_of_a_style_sheet_is_seen():
    assert outside_urls("@import '//example.org/x.css'")
    assert outside_urls("@font-face { src: url( https://example.org/x.woff2) }")
    assert not outside_urls("a { background: url(data:image/svg+xml,x) } b { src: url(../x) }")


def broken_links(site, pages):
    """Each link inside the site that leads to no file, or to no anchor of a page."""
    anchors = {name: set(page.xpath("//@id | //a/@name")) for name, page in pages.items()}
    for name, page in pages.items():
        for url in page.xpath("//a/@href | //img/@src | //script/@src | //link/@href"):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or url == "#":
                continue
            start = (site / name).resolve()
            folder = site if parts.path.startswith("/") else start.parent
            path = unquote(parts.path).lstrip("/")
            target = (folder / path).resolve() if path else start
            inside = target.is_relative_to(site.resolve()) and target.is_file()
            known = anchors.get(target.relative_to(site.resolve()).as_posix()) if inside else None
            anchor = unquote(parts.fragment)
            if not inside or (anchor and known is not None and anchor not in known):
                yield f"{name} links to {url}"


def test_every_internal_link_leads_somewhere(pages):
    assert not list(broken_links(SITE, pages))


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ('<a href="b.html#there">x</a><a href="#here" id="here">x</a><a href="#">x</a>', 0),
        ('<a href="https://example.org/none">x</a><a href="b.html?q=1">x</a>', 0),
        ('<a href="/b.html#there">x</a>', 0),
        ('<a href="/c.html">x</a>', 1),
        ('<a href="c.html">x</a>', 1),
        ('<a href="b.html#nowhere">x</a>', 1),
        ('<a href="#nowhere">x</a>', 1),
        ('<img src="x.svg"><script src="x.js"></script><link href="x.css">', 3),
        ('<a href="../outside.html">x</a>', 1),
    ],
)
def test_a_broken_link_is_seen(tmp_path, source, number):
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").write_text("<p>not in the site</p>")
    (site / "a.html").write_text(f"<html><body>{source}</body></html>")
    (site / "b.html").write_text('<html><body><p id="there">x</p></body></html>')
    assert len(list(broken_links(site, read(site)))) == number


def repeated_ids(page):
    return [name for name, times in Counter(page.xpath("//@id")).items() if times > 1]


def test_ids_are_unique_on_a_page(pages):
    for name, page in pages.items():
        assert not repeated_ids(page), name
    assert repeated_ids(html.document_fromstring("<p id='x'>x</p><p id='x'>y</p>"))


def words_of(page):
    """The visible text of a page's article, without code, formulas and their sources."""
    (article,) = page.xpath("//article")
    parts = article.xpath(
        ".//text()[not(ancestor::pre or ancestor::code or ancestor::math or ancestor::script"
        " or ancestor::style)]"
    )
    return " ".join(parts)


def leftovers(text):
    """What a reference, a directive or a formula leaves behind when it is not resolved."""
    directives = r"\{(?:eq|numref|doc|ref|cite(?::[a-z]+)?)\}|:label:|```|%%%"
    return re.findall(rf"\?\?\?|{directives}|\beq-[a-z]+|\$|\\[A-Za-z]+", text)


def test_no_reference_is_left_unresolved(pages):
    for name, page in pages.items():
        if name.startswith("chapters/"):
            assert not leftovers(words_of(page)), name
            assert not complaints(page), name


def complaints(page):
    """What docutils leaves on a page where it did not understand the source."""
    return page.xpath("//*[contains(@class, 'problematic') or contains(@class, 'system-message')]")


def test_a_complaint_is_seen():
    assert complaints(html.document_fromstring('<p><span class="problematic">x</span></p>'))


@pytest.mark.parametrize(
    "text", ["see (???)", "{eq}`x`", "by eq-loss", "$$ x", ":label: x", "$x$", r"\frac", "{cite:t}"]
)
def test_a_leftover_is_seen(text):
    assert leftovers(text)


def faults_of(formula):
    """TeX that a formula shows: an ampersand, a backslash, a dollar, an error."""
    shown = "".join(formula.xpath(".//text()[not(ancestor::annotation)]"))
    return re.findall(r"[&\\$]", shown) + formula.xpath(".//merror") + [""] * (not shown.strip())


def test_formulas_are_whole(pages):
    formulas = [(name, f) for name, page in pages.items() for f in page.xpath("//math")]
    assert len(formulas) > 100
    for name, formula in formulas:
        assert not faults_of(formula), f"{name}: {formula.text_content()}"


@pytest.mark.parametrize("shown", ["a &amp;= b", "\\\\frac", "$x", "", "<merror>x</merror>"])
def test_a_fault_in_a_formula_is_seen(shown):
    (formula,) = html.document_fromstring(f"<p><math><mi>{shown}</mi></math></p>").xpath("//math")
    assert faults_of(formula)


def labels_of(path):
    """The labels of the display equations of a page's source."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"^\$\$ \((eq-\S+)\)$", text, re.MULTILINE)


def test_every_labelled_equation_is_on_its_page(pages):
    assert any(labels_of(path) for path in SOURCES)
    for path in SOURCES:
        page = pages[f"chapters/{path.stem}.html"]
        for label in labels_of(path):
            (equation,) = page.xpath(f"//*[@id='equation-{label}']")
            assert equation.xpath("./descendant-or-self::*//math"), label
            assert equation.xpath(".//*[contains(@class, 'eqno')]"), label


NUMBERS = json.loads((ROOT / "hwlib" / "equations.json").read_text(encoding="utf-8"))


def title_of(page):
    (title,) = page.xpath("//article//h1")
    return title.text


def first_text(element):
    """The text of an element without the link to itself."""
    (text,) = (element.xpath("string(./text()[1])"),)
    return text.strip()


def test_the_stored_numbers_are_those_on_the_pages(pages):
    shown = {
        equation.get("id").removeprefix("equation-"): [
            first_text(equation.xpath(".//*[contains(@class, 'eqno')]")[0]),
            name.removesuffix(".html"),
            title_of(page),
        ]
        for name, page in pages.items()
        for equation in page.xpath("//div[starts-with(@id, 'equation-eq-')]")
    }
    assert shown == {
        label: [f"({number})", page, f"{number.rpartition('.')[0]} {title}"]
        for label, (number, page, title) in NUMBERS.items()
    }


def test_a_reference_to_an_equation_shows_its_number(pages):
    for name, page in pages.items():
        for link in page.xpath("//article//a[contains(@href, '#equation-eq-')]"):
            if "headerlink" not in link.get("class", ""):
                number = NUMBERS[link.get("href").partition("#equation-")[2]][0]
                assert link.text_content() == f"({number})", name


NUMBERED = {
    "equations": ("//*[contains(concat(' ', @class, ' '), ' eqno ')]", r"\((.+)\)"),
    "figures": ("//figcaption//*[@class='caption-number']", r"Fig\. (.+)"),
    "exercises": (
        "//div[contains(@class, 'exercise') and not(starts-with(@id, 'try-'))]/p",
        r"Exercise (\S+).*",
    ),
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_are_those_of_the_page_and_count_up(pages, kind):
    path, form = NUMBERED[kind]
    seen = set()
    for name, page in pages.items():
        if found := [
            re.fullmatch(form, " ".join(n.text_content().strip(" #\n").split()))[1]
            for n in page.xpath(path)
        ]:
            start = re.match(r"(\d+\.\d+) |", title_of(page))[1]
            places = range(1, len(found) + 1)
            assert found == [f"{start}.{place}" if start else str(place) for place in places], name
            assert seen.isdisjoint(found)
            seen.update(found)
    assert len(seen) > 30


def visible_text(page, *without):
    """What a reader can see of a page, but for some kinds of elements."""
    hidden = " or ".join(
        f"ancestor::{tag}" for tag in ("script", "style", "template", "annotation", *without)
    )
    return "".join(page.xpath(f"//body//text()[not({hidden})]"))


def test_no_page_shows_a_label(pages):
    for name, page in pages.items():
        assert not re.findall(r"\beq-[a-z]\S*", visible_text(page)), name


def test_references_have_single_parentheses(pages):
    for name, page in pages.items():
        assert not re.findall(r"\(\(.{30}", visible_text(page, "pre", "code", "math")), name
        assert not re.findall(r"\(\(\d+\.\d+\.\d+\).*", visible_text(page)), name


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("(REF)", "(1.2.4)"),
        ("(REF, REF)", "(1.2.4), (1.2.4)"),
        ("(REF,\n and REF)", "(1.2.4),\n and (1.2.4)"),
        ("(by REF)", "(by (1.2.4))"),
        ("f(REF) + (x)", "f(1.2.4) + (x)"),
    ],
)
def test_a_reference_in_parentheses_loses_the_outer_ones(source, shown):
    link = '<a class="reference internal" href="a.html#equation-eq-x">(1.2.4)</a>'
    body = book.IN_PARENTHESES.sub(r"\1", source.replace("REF", link))
    assert html.fragment_fromstring(body, "p").text_content() == shown


def entries_of(page):
    """The entries of the bibliography by their anchors."""
    return {entry.get("id"): entry for entry in page.xpath("//div[@class='citation']")}


def test_every_source_has_a_link_and_is_listed_as_it_is_cited(pages):
    entries = entries_of(pages["chapters/bibliography.html"])
    labels = {name: entry.xpath("string(span)").strip("[]") for name, entry in entries.items()}
    cited = 0
    for name, entry in entries.items():
        assert entry.xpath("./p//a[starts-with(@href, 'https://')]") or "sheet" in labels[name]
    for name, page in pages.items():
        for link in page.xpath("//article//a[contains(@href, 'bibliography.html#id')]"):
            label = labels[link.get("href").partition("#")[2]]
            assert re.findall(r"\w+", link.text_content()) == re.findall(r"\w+", label), name
            cited += 1
    assert cited > 10 and len(set(labels.values())) == len(labels)


AUTHOR = "\u00d6zt\u00fcrk"


def test_the_author_of_the_source_sheet_is_named_once(pages):
    named = {name: visible_text(page).count(AUTHOR) for name, page in pages.items()}
    assert {name: times for name, times in named.items() if times} == {
        "chapters/bibliography.html": 1
    }


def test_the_source_sheet_has_one_name(pages):
    others = r"(?i)(?:solution|homework|original|student['\u2019]s) sheet|sheet of solutions"
    for name, page in pages.items():
        assert not re.findall(others, visible_text(page)), name
    paths = [path for path in (*ROOT.glob("*.*"), *ROOT.glob("hwlib/**/*.py")) if path.is_file()]
    texts = {path: path.read_text("utf-8") for path in paths}
    for path, text in texts.items():
        assert AUTHOR not in text and not re.findall(others, text), path
    sources = [path for path in SOURCES if AUTHOR in path.read_text("utf-8")]
    assert sources == []


def code_labels(path):
    """The labels that the code of a notebook names, in their order, where the page shows it."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    unseen = {"remove-cell", "remove-input"}
    text = "\n".join(c.source for c in cells if not unseen & {*c.metadata.get("tags", [])})
    return re.findall(r"(?<![\w-])eq(?:-[a-z0-9]+)+", text)


def test_code_links_to_the_equations_that_it_names(pages):
    named = Counter()
    for path in SOURCES:
        if path.suffix == ".ipynb":
            page = pages[f"chapters/{path.stem}.html"]
            links = page.xpath("//div[contains(@class, 'cell_input')]//pre//a/@href")
            assert [link.partition("#equation-")[2] for link in links] == code_labels(path)
            named.update(links)
    assert len(named) > 50


def folded_cells(page):
    """The cells of a page whose code is folded."""
    return page.xpath("//div[contains(@class, 'tag_hide-input')]")


def test_bars_that_show_the_code_do_not_follow_one_another(pages):
    joined = 0
    for name, page in pages.items():
        for cell in folded_cells(page):
            after = cell.getnext()
            shows = cell.xpath(".//div[contains(@class, 'cell_output')]")
            assert shows or after is None or after not in folded_cells(page), name
            joined += len(cell.xpath("./details/div/div")) > 1
    assert joined > 5


def test_what_a_page_imports_is_folded(pages):
    for path in SOURCES:
        # The first page, the check to paste, and the code of the network show theirs once.
        show = ("intro", "gradient_checks", "network_0_forward")
        if path.suffix == ".ipynb" and path.stem not in show:
            page = pages[f"chapters/{path.stem}.html"]
            imports = [
                pre for pre in page.xpath("//article//pre") if "import " in pre.text_content()
            ]
            assert not imports or imports[0].xpath("ancestor::details"), path.stem


CODE = "self::code or self::pre or self::kbd or self::annotation or self::script or self::style"
CURLED = re.compile(r"(?<![\w\d)])[–—][a-z]|[“‘][_%!/][^”’]*[”’]")
"""Code that stands in the text as words: its hyphens are a dash, its quotes are curly."""


def curled(page):
    texts = page.xpath(f"//article//text()[not(ancestor::*[{CODE}])]")
    return [text for text in texts if CURLED.search(text)]


def test_code_in_the_text_keeps_its_hyphens_and_quotes(pages):
    assert {name: found for name, page in pages.items() if (found := curled(page))} == {}
    lines = [line for page in pages.values() for line in page.xpath("//article//pre//text()")]
    assert not [line for line in lines if "# fmt: skip" in line]


@pytest.mark.parametrize(
    ("text", "number"),
    [("with –homework", 1), ("for “__main__” too", 1), ("2–3 or – if so –", 0), ("“word”", 0)],
)
def test_code_that_is_set_as_words_is_seen(text, number):
    page = f"<article><p>{text}</p><code>–homework</code></article>"
    assert len(curled(html.fromstring(page))) == number


def test_what_binds_a_caption_is_not_shown(pages):
    for name, page in pages.items():
        assert not page.xpath("//article//pre[contains(., '# caption:')]"), name


def test_a_number_that_a_cell_prints_is_a_link(pages):
    outputs = pages["chapters/beyond_checks.html"].xpath(
        "//div[contains(@class, 'cell_output')]//pre"
    )
    assert any(output.xpath(".//a/text()") for output in outputs)
    for name, page in pages.items():
        for text in page.xpath("//pre//text()[not(ancestor::a)]"):
            known = {number for number, *_ in NUMBERS.values()}
            assert not known & set(re.findall(r"\((\d+\.\d+\.\d+)\)", text)), name


def test_a_downloaded_notebook_keeps_its_labels():
    path = ROOT / "chapters" / "network_3_hidden_weight.ipynb"
    assert (SITE / "_sources" / "chapters" / path.name).read_bytes() == path.read_bytes()
    assert "eq-delta-out" in code_labels(path)


def test_a_page_says_how_many_of_its_formulas_were_executed(pages):
    path = ROOT / "formulas" / "executed.json"
    counts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, page in pages.items():
        lines = page.xpath("//article/details[@class='executed']")
        assert len(lines) == (Path(name).stem in counts), name
        for line in lines:
            count = counts[Path(name).stem]
            assert line.xpath("string(summary)").startswith(f"{count} "), name
            assert line.xpath(".//a/@href") == ["ledger.html"]


def mute_figures(page):
    """Each figure of a page that lacks its number, a caption or an alternative text."""
    for drawing in page.xpath("//article//img | //article//svg"):
        words = drawing.get("alt") or drawing.get("aria-label") or ""
        if len(words.split()) < 5 or (drawing.tag == "svg" and drawing.get("role") != "img"):
            yield f"{words!r} is no alternative text"
        if not drawing.xpath("./ancestor::figure | ./ancestor::form"):  # a box has its own
            yield f"{words!r} is in no figure"
    for figure in page.xpath("//article//figure[.//img or .//svg]"):
        caption = " ".join(part.text_content() for part in figure.xpath(".//figcaption"))
        if not re.match(r"\s*Fig\. (\d+\.\d+\.)?\d+\s+\S", caption):
            yield f"{figure.get('id')}: {caption}"


def test_every_figure_has_number_caption_and_alt_text(pages):
    for name, page in pages.items():
        if name.startswith("chapters/"):
            assert not list(mute_figures(page)), name


@pytest.mark.parametrize(
    ("alt", "caption", "faults"),
    [
        ("A line that rises slowly.", "Fig. 1.2.1 What to see.", 0),
        ("plot", "Fig. 1.2.1 What to see.", 1),
        ("A line that rises slowly.", "What to see.", 1),
        ("A line that rises slowly.", "Fig. 1.2.1", 1),
        ("", "", 2),
    ],
)
def test_a_mute_figure_is_seen(alt, caption, faults):
    for drawing in (f'<img src="x.png" alt="{alt}">', f'<svg role="img" aria-label="{alt}"></svg>'):
        figure = f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"
        page = html.document_fromstring(f"<article>{figure}</article>")
        assert len(list(mute_figures(page))) == faults
    for bare in ('img src="x" alt', "svg aria-label"):
        page = html.document_fromstring(f'<article><{bare}="A line that rises slowly."></article>')
        assert list(mute_figures(page))


def figures_of_notebooks():
    """The page, the figure and the stored SVG of each figure of a notebook."""
    for path in SOURCES:
        if path.suffix == ".ipynb":
            for cell in nbformat.read(path, as_version=4).cells:
                for output in cell.get("outputs", []):
                    if svg := output.get("data", {}).get("image/svg+xml"):
                        yield path.stem, cell.metadata.get("mystnb", {}), svg


def test_every_figure_of_a_notebook_is_drawn_on_its_page(pages):
    found = list(figures_of_notebooks())
    assert len(found) > 40 and not list(SITE.rglob("_images"))
    for name, info, _ in found:
        figure = info["figure"]["name"]
        (drawing,) = pages[f"chapters/{name}.html"].xpath(f"//figure[@id='{figure}']//svg")
        assert drawing.get("aria-label") == info["image"]["alt"], figure
        shown = html.tostring(drawing, encoding="unicode")
        assert "var(--ink-" in shown, figure
        assert not re.findall(r"#[0-9a-f]{6}\b|opacity: 0?\.", shown), figure


def test_what_a_drawing_uses_is_on_its_page(pages):
    for name, page in pages.items():
        used = {url[1:] for url in page.xpath("//svg//use/@href")}
        used |= set(re.findall(r"url\(#([\w-]+)\)", " ".join(page.xpath("//svg//@*"))))
        assert used <= set(page.xpath("//svg//@id")), name


def test_a_caption_names_no_colour_that_a_theme_turns_round():
    for name, info, _ in figures_of_notebooks():
        words = f"{info['figure']['caption']} {info['image']['alt']}"
        assert not re.findall(r"\b(?:black|white|dark|light)\b", words, re.IGNORECASE), name


def test_orange_is_a_derivative():
    orange = [info["figure"] for _, info, svg in figures_of_notebooks() if "#bf4f00" in svg]
    assert len(orange) > 8
    for figure in orange:
        words = r"\b(?:derivatives?|slopes?|gradients?|tangent)\b"
        assert re.search(words, figure["caption"]), figure["name"]


STORED = """<?xml version="1.0"?><svg xmlns:xlink="http://www.w3.org/1999/xlink" width="90pt"
 height="60pt" viewBox="0 0 90 60"><metadata>made by</metadata><defs><style>*{stroke: x}</style>
</defs><g id="figure_1"><!-- a --><path id="m1" d="M 0.12345 1 \nL 2 3 \nz\n"/>
<use xlink:href="#m1" clip-path="url(#m1)" style="fill: #0072b2; stroke: #ffffff"/>
<g transform="translate(1 2) scale(0.11 -0.11)"><path id="DejaVuSans-41" d="M 1 2"/>
<use xlink:href="#DejaVuSans-41"/></g></g></svg>"""


def test_a_drawing_has_the_inks_of_the_theme_and_ids_of_its_own():
    letters = set()
    first, second = (figures.drawing(STORED, 'a "b"', n, letters) for n in (1, 2))
    assert 'aria-label="a &quot;b&quot;"' in first and 'width="120" height="80"' in first
    assert 'id="d1-m1"' in first and 'href="#d1-m1"' in first and "url(#d1-m1)" in first
    assert "fill: var(--ink-blue); stroke: var(--ink-ground)" in first
    assert 'd="M0.1 1L2 3z"' in first and "figure_1" not in first and "made by" not in first
    assert first.count('id="DejaVuSans-41"') == 1 and 'id="DejaVuSans-41"' not in second
    assert second.count('href="#DejaVuSans-41"') == 1


@pytest.mark.parametrize(("width", "wide"), [(300, False), (400, False), (480, True)])
def test_a_drawing_that_a_phone_would_make_too_small_is_scrolled(width, wide):
    drawing = figures.drawing(STORED.replace('width="90pt"', f'width="{width}pt"'), "a", 1, set())
    assert ("min-width" in drawing) == ('class="frame wide"' in drawing) == wide


def test_a_colour_that_is_not_the_books_stops_the_build():
    with pytest.raises(KeyError, match="#123456"):
        figures.drawing(STORED.replace("#0072b2", "#123456"), "a", 1, set())


def overview_of(notebook):
    """The figure of the first page as its cell stored it."""
    (cell,) = [cell for cell in notebook.cells if cell.id == "intro-figure"]
    (svg,) = [out.data["image/svg+xml"] for out in cell.outputs if "image/svg+xml" in out.data]
    return svg.strip()


def test_the_figure_of_the_readme_is_that_of_the_first_page():
    notebook = nbformat.read(ROOT / "chapters" / "intro.ipynb", as_version=4)
    stored = (ROOT / "site_ext/static/overview.svg").read_text(encoding="utf-8")
    assert stored == figures.alone(overview_of(notebook))
    assert "prefers-color-scheme: dark" in stored and stored.count("--ink-blue: #") == 2


def test_the_archive_depends_on_the_files_alone(tmp_path):
    folder, archives = tmp_path / "site", [tmp_path / name / "book.zip" for name in "ab"]
    (folder / "sub").mkdir(parents=True)
    for archive in archives:
        archive.parent.mkdir()
        for name in ("b.html", "a.html", "sub/c.html"):
            (folder / name).write_text(name)
        subprocess.run(
            [sys.executable, "-m", "site_ext.archive", folder, archive], cwd=ROOT, check=True
        )
        for path in folder.rglob("*.html"):
            path.unlink()
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(archives[0]) as archive:
        assert archive.namelist() == ["book/a.html", "book/b.html", "book/sub/c.html"]
        assert archive.read("book/sub/c.html") == b"sub/c.html"


ADDRESS = "https://someone.github.io/gradients-by-hand/"


def build(folder, config):
    """Build the site with a configuration into a folder of its own."""
    (folder / "_config.yml").write_text(config)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-n", "-W", "--keep-going"]
    done = subprocess.run(
        [*command, "--config", folder / "_config.yml", "--path-output", folder, "."],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "_build" / "html"


@pytest.mark.slow
def test_a_second_build_elsewhere_has_the_same_bytes(tmp_path):
    again = build(tmp_path, (ROOT / "_config.yml").read_text())
    files = {
        site: {
            path.relative_to(site): offer.LINE.sub("", path.read_bytes().decode("latin-1"))
            for path in site.rglob("*")
            if path.is_file() and offer.FOLDER not in path.parts
        }
        for site in (SITE, again)
    }
    assert files[SITE].keys() == files[again].keys()
    assert [str(name) for name, data in files[SITE].items() if files[again][name] != data] == []


CONFIG = (ROOT / "_config.yml").read_text(encoding="utf-8")


def public_settings():
    """The settings with every comment sign before one that needs a public address taken away."""
    start, end = CONFIG.index("    # Public address"), CONFIG.index("      navbar_persistent")
    block = re.sub(r"^    notfound_urls_prefix: /\n", "", CONFIG[start:end], flags=re.MULTILINE)
    block = re.sub(r"^( +)# (?=\w+:)", r"\1", block, flags=re.MULTILINE)
    return CONFIG[:start] + block + CONFIG[end:]


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    """The site built with every setting that needs a public address."""
    return build(tmp_path_factory.mktemp("public"), public_settings())


def test_what_needs_a_public_address_is_commented_and_valid():
    """Without the comment signs the settings are read, and say what they said in the comment."""
    off, on = (yaml.safe_load(text) for text in (CONFIG, public_settings()))
    themes = [settings["sphinx"]["config"]["html_theme_options"] for settings in (off, on)]
    assert "launch_buttons" not in themes[0] and "repository_url" not in themes[0]
    assert themes[1]["launch_buttons"] == {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
    }
    assert on["sphinx"]["config"]["html_baseurl"] == ADDRESS
    assert on["sphinx"]["config"]["notfound_urls_prefix"] == "/gradients-by-hand/"
    added = {"html_baseurl", "ogp_site_url"}
    assert on["sphinx"]["config"].keys() - off["sphinx"]["config"].keys() == added


@pytest.mark.slow
def test_with_a_public_address_everything_that_needs_one_is_there(public):
    addresses = html.parse(public / "sitemap.xml").xpath("//loc/text()")
    assert f"{ADDRESS}chapters/intro.html" in addresses
    assert all((public / address.removeprefix(ADDRESS)).is_file() for address in addresses)
    page = html.parse(public / "chapters" / "notation.html")
    assert page.xpath("//link[@rel='canonical']/@href") == [f"{ADDRESS}chapters/notation.html"]
    (card,) = page.xpath("//meta[@property='og:image']/@content")
    assert card.startswith(ADDRESS) and (public / card.removeprefix(ADDRESS)).is_file()
    assert page.xpath("//meta[@property='og:url']/@content") == [f"{ADDRESS}chapters/notation.html"]
    links = page.xpath("//header//a/@href | //*[@class='article-header-buttons']//a/@href")
    assert "https://github.com/someone/gradients-by-hand" in links
    assert any("/edit/main/chapters/notation.md" in link for link in links)
    assert any("/issues/new" in link for link in links)
    notebook = html.parse(public / "chapters" / "hinge_1_hypothesis.html")
    binder = "https://mybinder.org/v2/gh/someone/gradients-by-hand/main?urlpath=lab/tree/"
    assert f"{binder}chapters/hinge_1_hypothesis.ipynb" in notebook.xpath("//a/@href")
    links = html.parse(public / "404.html").xpath("//a/@href")
    assert links and all(link.startswith("/gradients-by-hand/chapters/") for link in links)


def test_without_a_public_address_nothing_names_one(pages):
    assert not (SITE / "sitemap.xml").exists()
    for name, page in pages.items():
        assert not page.xpath("//link[@rel='canonical']"), name
        assert not [
            link for link in page.xpath("//a/@href") if "someone" in link or "mybinder" in link
        ]
