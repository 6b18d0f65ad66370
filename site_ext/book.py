"""Sphinx extension of the site: what the book's pages need besides the theme.

Registered in ``_config.yml``. Formulas become MathML (`site_ext.mathml`), a solution becomes
a ``<details>`` element, everything that is numbered takes its number from the title of its page
(`site_ext.numbering`), code and the reference of hwlib link to the equations that they implement,
a page carries the equations that it refers to, and loads no script in vain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils import get_source_line
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator
from sphinx_exercise.nodes import solution_node

from site_ext import answers, numbering
from site_ext.figures import drawing
from site_ext.mathml import MathError, to_mathml
from site_ext.prune import prune


def mathml(node: nodes.Element, *, display: bool) -> str:
    """Return the formula of a node as MathML, or stop the build and say where the fault is."""
    try:
        return to_mathml(node.astext(), display=display)
    except MathError as error:
        source, line = get_source_line(node)
        raise ExtensionError(f"{source}:{line}: {error}") from error


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node, display=False))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(f'<div class="formula">{mathml(node, display=True)}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def visit_solution(self: HTML5Translator, node: solution_node) -> None:
    self.body.append(self.starttag(node, "details", CLASS="admonition"))
    self.body.append('<summary class="admonition-title">')
    for child in node.pop(0).children:
        child.walkabout(self)
    self.body.append("</summary>\n")


def depart_solution(self: HTML5Translator, node: solution_node) -> None:
    self.body.append("</details>\n")


def drop_repeats_and_comments(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take away what no reader needs.

    That is the one id that sphinx-exercise gives to the body of every box on a page, and the
    comments that bind the numbers of the prose and of the captions.
    """
    for block in doctree.findall(nodes.literal_block):
        block.rawsource = re.sub(r"(?m)^ *# caption:.*\n|  # fmt: skip$", "", block.rawsource)
        block[:] = [nodes.Text(block.rawsource)]
    for comment in [raw for raw in doctree.findall(nodes.raw) if raw.astext().startswith("<!--")]:
        comment.parent.remove(comment)
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


def join_folded_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Put folded cells that follow one another and show nothing into one: one bar opens them."""
    cells = [c for c in doctree.findall(nodes.container) if c.get("hide_mode") == "input"]
    for cell, after in pairwise(cells):
        if len(cell) == 1 and cell.next_node(descend=False, siblings=True) is after:
            after[0][:0] = cell[0].children
            cell.parent.remove(cell)


def name_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give each cell of a table the head of its column: on a phone a row is a card."""
    for table in doctree.findall(nodes.table):
        for head in table.findall(nodes.thead):
            names = [head_of(entry) for entry in head.findall(nodes.entry)]
            for row in table.next_node(nodes.tbody).children:
                for name, entry in zip(names, row.children, strict=False):
                    entry["column"] = name if entry.astext() else ""


def head_of(entry: nodes.entry) -> str:
    """Return the text of a head, its formulas as they are drawn."""
    head = entry.deepcopy()
    for math in [*head.findall(nodes.math)]:
        math.replace_self(nodes.Text(text_of(to_mathml(math.astext(), display=False))))
    return head.astext()


def visit_entry(self: HTML5Translator, node: nodes.entry) -> None:
    HTML5Translator.visit_entry(self, node)
    if name := node.get("column"):
        self.body[-1] = self.body[-1].replace("<td", f'<td data-column="{escape(name)}"', 1)


def link_equations(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn the labels of equations in a docstring into references, which have brackets."""
    label = r"(?<![\w`-])eq(?:-[a-z0-9]+)+"
    text = re.sub(rf"\(({label}(?:,\s+{label})*)\)", r"\1", "\n".join(lines))
    lines[:] = re.sub(label, r":eq:`\g<0>`", text).split("\n")


def skip_alias(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: its docstring has described them."""
    return True if (obj.__doc__ or "").startswith("Alias for field") else None


def visit_image(self: HTML5Translator, node: nodes.image) -> None:
    """Draw a figure on the page itself, where its colours follow the reader's theme."""
    if not node["uri"].endswith(".svg"):
        return HTML5Translator.visit_image(self, node)
    self.builder.images.pop(node["uri"], None)  # no file of its own
    self.drawn, self.letters = getattr(self, "drawn", 0) + 1, getattr(self, "letters", set())
    svg = Path(self.builder.srcdir, node["uri"]).read_text("utf-8")
    try:
        self.body.append(drawing(svg, node["alt"], self.drawn, self.letters))
    except KeyError as error:
        raise ExtensionError(f"{node['uri']}: {error} is no colour of the book") from error
    raise nodes.SkipNode


def latex_of_equations(app: Sphinx, env: BuildEnvironment) -> None:
    """Collect the display equations of the book by their labels."""
    documents = [env.get_doctree(name) for name in sorted(env.found_docs)]
    blocks = [block for document in documents for block in document.findall(nodes.math_block)]
    env.book_equations = {block["label"]: block for block in blocks if block["label"]}


def number_by_page(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Take the numbers of equations, figures and exercises from their page and place on it."""
    for page, kinds in env.toc_fignumbers.items():
        number, _ = numbering.split_title(env.titles[page].astext())
        start = tuple(number.split(".")) if number else ()
        for kind, ids in kinds.items():
            kinds[kind] = {name: (*start, place) for place, name in enumerate(ids, 1)}
    env.book_numbers = {
        name.removeprefix("equation-"): (".".join(map(str, number)), page)
        for page, kinds in env.toc_fignumbers.items()
        for name, number in kinds.get("displaymath", {}).items()
    }
    env.book_search = []
    executed = Path(app.srcdir, "formulas", "executed.json")
    env.book_executed = json.loads(executed.read_text("utf-8")) if executed.exists() else {}
    return []


def executed_line(count: int, ledger: str) -> str:
    """Return the folded line that says how many of a page's formulas a program has executed."""
    return (
        f'<details class="executed"><summary>{count} of {count} numbered formulas executed'
        "</summary>\n<p>A program read the LaTeX of each formula from this page and compared its "
        "values at many points. "
        f'<a href="{ledger}">The ledger</a> says how, and what was rejected.</p>'
        "</details>\n"
    )


NAMED = re.compile(r"(\()?(?<![\w-])(eq(?:-[a-z0-9]+)+)(?![\w-])(?(1)\))|\(((?:\d+\.){2}\d+)\)")
"""The label of an equation, in parentheses or not; or its number in parentheses."""


def label_links(app: Sphinx, pagename: str, body: str) -> str:
    """Let code and what it prints show numbers of equations in place of labels, as links."""
    table = app.env.book_numbers
    label_of = {number: label for label, (number, _) in table.items()}

    def link(match: re.Match[str]) -> str:
        label = match[2] or label_of.get(match[3])
        if label not in table:
            return match[0]
        number, page = table[label]
        uri = app.builder.get_relative_uri(pagename, page) if page != pagename else ""
        return f'<a href="{uri}#equation-{label}">({number})</a>'

    return re.sub(r"<pre\b.*?</pre>", lambda pre: NAMED.sub(link, pre[0]), body, flags=re.DOTALL)


REFERENCE = r'<a class="reference internal" href="[^"]*#equation-[^"]*">\([\d.]+\)</a>'
IN_PARENTHESES = re.compile(rf"\(({REFERENCE}(?:,?\s+(?:and\s+|to\s+)?{REFERENCE})*)\)")
"""References to equations and nothing else, in parentheses: they have their own."""


LONG_NAME = re.compile(r'((?<=<span class="pre">)|(?<=<span class="classifier">))[^<]{9,}')
"""Code in a line of text, which a phone may have to break: behind a sign, not within a word."""


GLUED = re.compile(
    r"(?s)([(“]*)(<math>(?:(?!</math>).)*</math>)((?:</(?:em|strong)>)*)((?:[.,;:!?)”’]|-(?=\w))*)"
)
"""A formula in a line of text with the signs that touch it: they stay on its line."""
SHORT_CODE = re.compile(r'(<code class=")(?=[^>]*>(?:(?:<[^>]*>)*[^<]){1,14}</span></code>)')
"""Code that is too short to be broken, such as dp * x."""


def glue(match: re.Match[str]) -> str:
    head, formula, ends, tail = match.groups()
    if len(text_of(formula)) > 24:  # wider than a phone, perhaps: it scrolls
        return f'{head}<span class="long">{formula}</span>{ends}{tail}'
    return f'<span class="glued">{head}{formula}{tail}</span>{ends}' if head + tail else match[0]


SECTION = re.compile(r'(?s)<section[^>]* id="([^"]*)">.*?<h\d>(.*?)<a class="headerlink.*?</h\d>')
WITHIN = re.compile(r"</?(?:m\w+|semantics|span|wbr)\b[^>]*>")
CODE = "div(?= class=.(?:highlight-python|output stream))"
UNSEEN = re.compile(rf"(?s)<(annotation|mtr(?= class=.r)|details|{CODE}).*?</\1>")
BETWEEN = re.compile(r"(?s)<(template|style|script|summary)\b.*?</\1>|<[^>]*>|#(?=</a>)")
"""A section's head; tags within words and formulas; code and what it prints, too much for the
search; that, what is not seen and what is folded, such as solutions; tags between words."""


def text_of(markup: str) -> str:
    """Return what a reader sees of a piece of a page; formulas as they are drawn."""
    markup = WITHIN.sub("", UNSEEN.sub("", markup).replace("<mo>=</mo>", " = "))
    return " ".join(unescape(BETWEEN.sub(" ", markup)).split())


def index_page(app: Sphinx, pagename: str, body: str) -> None:
    """Keep the sections of a page for the search: page, its title, anchor, heading, text.

    Of Python code the text has the names of the functions and classes that it defines.
    """
    _, *parts = SECTION.split(body)
    for anchor, heading, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        names = " ".join(re.findall(r'<span class="n[fc]">(\w+)', text))
        words = [text_of(piece) for piece in (heading, f"{text} {names}")]
        app.env.book_search.append([pagename, text_of(parts[1]), anchor, *words])


def write_index(app: Sphinx, exception: Exception | None) -> None:
    """Write the index of the search as a script, in place of one that has no text."""
    if not exception and app.builder.name == "html":
        index = json.dumps(app.env.book_search, ensure_ascii=False, separators=(",", ":"))
        Path(app.outdir, "searchindex.js").write_text(f"const BOOK = {index};\n", "utf-8")


def finish_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Finish what a page says; add the equations referred to; let no script hold it up."""
    # Roles of docutils that WAI-ARIA has deprecated, on elements that may not bear them; and the
    # label that myst-nb puts over the words "Show the code".
    wrong = r' role="(list|doc-[a-z]+)"| aria-label="Toggle hidden content"'
    body = re.sub(wrong, "", context.get("body", ""))
    body = LONG_NAME.sub(lambda name: re.sub(r"([._/(,=\[]+)(?=\w)", r"\1<wbr>", name[0]), body)
    body = SHORT_CODE.sub(r"\1glued ", GLUED.sub(glue, body))
    body = label_links(app, pagename, IN_PARENTHESES.sub(r"\1", body))
    if count := app.env.book_executed.get(Path(pagename).name):
        body += executed_line(count, app.builder.get_relative_uri(pagename, "chapters/ledger"))
    context["body"] = body
    index_page(app, pagename, body)
    for label in sorted(set(re.findall(r'href="[^"#]+#equation-(eq-[\w-]+)"', body))):
        formula = mathml(app.env.book_equations[label], display=True)
        context["body"] += f'<template id="preview-{label}">{formula}</template>\n'
    idle = "^$" if 'class="highlight' in body else "^$|copybutton|clipboard"
    scripts = [s for s in context["script_files"] if not re.search(idle, str(s.filename or ""))]
    for script in scripts:
        script.attributes["defer"] = "defer"
    context["script_files"] = scripts


def add_explorables(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give a page the scripts of the figures on it that can be operated, and no other page."""
    if names := re.findall(r'id="fig-explore-([a-z]+)"', context.get("body", "")):
        app.add_css_file("explore/explore.css")
        for name in ("explore", *names):
            app.add_js_file(f"explore/{name}.js")


class AuthorYear(BaseLabelStyle):  # type: ignore[misc]
    """Entries of the bibliography are named as they are cited: Squire and Trapp, 1998."""

    def format_labels(self, entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            names = [" ".join(person.last_names) for person in entry.persons["author"]]
            named = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
            yield f"{entry.fields.get('key', named)}, {entry.fields['year']}"


class Alphabetical(PlainStyle):  # type: ignore[misc]
    default_label_style = AuthorYear


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    register_plugin("pybtex.style.formatting", "book", Alphabetical)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
    app.add_node(nodes.entry, override=True, html=(visit_entry, HTML5Translator.depart_entry))
    app.add_node(nodes.image, override=True, html=(visit_image, HTML5Translator.depart_image))
    app.connect("doctree-read", join_folded_cells)
    app.connect("doctree-read", name_cells)
    app.connect("doctree-resolved", drop_repeats_and_comments)
    app.connect("autodoc-process-docstring", link_equations)
    app.connect("autodoc-skip-member", skip_alias)
    app.connect("env-check-consistency", latex_of_equations)
    app.connect("env-get-updated", number_by_page, priority=900)
    app.connect("html-page-context", add_explorables)
    answers.setup(app)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", write_index)
    app.connect("build-finished", prune, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
