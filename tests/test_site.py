"""The built site: every page is there, every link leads somewhere, nothing comes from elsewhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from lxml import html

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "html"
SOURCES = sorted(
    path for path in (ROOT / "chapters").iterdir() if path.suffix in (".ipynb", ".md")
)
# What the browser loads by itself: element and attribute.
RESOURCES = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
    "object": "data", "embed": "src",
}  # fmt: skip


def listed(entries):
    """The files that a part of _toc.yml lists, at any depth."""
    for entry in entries:
        yield entry["file"]
        yield from listed(entry.get("sections", []))


@pytest.fixture(scope="session")
def pages():
    """Every page of the site by its path in it, parsed."""
    assert (SITE / "index.html").exists(), f"no site in {SITE}: run `make book` first"
    paths = [path for path in SITE.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(SITE).as_posix(): html.parse(path).getroot() for path in paths}


def test_table_of_contents_lists_every_chapter():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"], *(file for part in toc["parts"] for file in listed(part["chapters"]))]
    assert sorted(files) == sorted(f"chapters/{path.stem}" for path in SOURCES)


def test_every_chapter_has_its_page(pages):
    for path in SOURCES:
        page = pages[f"chapters/{path.stem}.html"]
        assert page.xpath("//main//h1"), f"{path.stem} has no title"


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


def test_style_sheets_name_no_other_host():
    for path in SITE.rglob("*.css"):
        urls = re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\s\"')]+)", path.read_text())
        assert not urls, path.name


def test_every_internal_link_leads_somewhere(pages):
    anchors = {name: set(page.xpath("//@id | //a/@name")) for name, page in pages.items()}
    for name, page in pages.items():
        for url in page.xpath("//a/@href | //img/@src | //script/@src | //link/@href"):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            folder = (SITE / name).parent
            target = (folder / unquote(parts.path)).resolve() if parts.path else SITE / name
            assert target.exists(), f"{name} links to {url}"
            inside = target.relative_to(SITE.resolve()).as_posix() if parts.fragment else ""
            if inside in pages and parts.fragment:
                assert unquote(parts.fragment) in anchors[inside], f"{name} links to {url}"


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
    return re.findall(r"\?\?\?|\{(?:eq|numref|doc|cite|ref)\}|\beq-[a-z]+|\$\$|:label:|```|%%%", text)


def test_no_reference_is_left_unresolved(pages):
    for name, page in pages.items():
        if name.startswith("chapters/"):
            assert not leftovers(words_of(page)), name
            assert not page.xpath("//*[contains(@class, 'problematic') or contains(@class, 'system-message')]")


@pytest.mark.parametrize("text", ["see (???)", "{eq}`x`", "by eq-loss", "$$ x", ":label: x"])
def test_a_leftover_is_seen(text):
    assert leftovers(text)


def test_formulas_are_whole(pages):
    count = 0
    for name, page in pages.items():
        for formula in page.xpath("//math"):
            count += 1
            shown = "".join(formula.xpath(".//text()[not(ancestor::annotation)]"))
            assert not re.search(r"[&\\$]", shown), f"{name}: {shown}"
            assert not formula.xpath(".//merror"), f"{name}: {shown}"
    assert count > 100


def test_every_equation_has_its_number(pages):
    numbers = [
        (name, number.text_content().strip())
        for name, page in pages.items()
        for number in page.xpath("//*[contains(concat(' ', @class, ' '), ' eqno ')]")
    ]
    shown = [re.sub(r"[^0-9.]", "", number) for _, number in numbers]
    assert shown
    assert all(re.fullmatch(r"\d+(\.\d+)?", number) for number in shown)
    assert len(set(shown)) == len(shown), sorted({n for n in shown if shown.count(n) > 1})


def test_every_figure_has_number_caption_and_alt_text(pages):
    for name, page in pages.items():
        for image in page.xpath("//article//img"):
            assert len(image.get("alt", "").split()) >= 3, f"{name}: {image.get('src')}"
        for figure in page.xpath("//article//figure[.//img]"):
            caption = figure.xpath(".//figcaption")
            assert caption, name
            assert re.match(r"\s*Fig\. \d+", caption[0].text_content()), name
