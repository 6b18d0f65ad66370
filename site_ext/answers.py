r"""The answer box: a directive that asks for a formula or a number and checks it in the page.

    ```{answer} hinge-theta
    :asks: hinge θ_j
    :symbols: y h x_j θ_j μ_j
    What is the derivative of the loss of sample $i$ with respect to $\theta_j$?
    - The first hint, as a question.
    ---
    The solution, folded.
    ```

What the script compares with is made by `site_ext.answer_data` and stored in ``answers.json``.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from site_ext.mathml import to_mathml

STORED = Path(__file__).with_name("answers.json")
ALSO = {
    "x_j": ["x_ij", "x"], "θ_j": ["θ"], "μ_j": ["μ"], "y": ["y_i"], "r": ["r_i"], "ŷ": ["ŷ_i"],
    "h": ["h_θ(x_i)", "h_θ(x)", "h_i", "h_θ", "h(x_i)", "h(x)"], "δ_z4": ["δ_4", "δ_out", "δ"],
}  # fmt: skip
"""Other spellings of a symbol, besides those without the underscore."""


TOOLS = [
    ("[ ]", "[ ]", "[|]"), ("&lt;", "&lt;", "<"), ("&gt;", "&gt;", ">"), ("( )", "( )", "(|)"),
    ("max", "max", "max(|, 0)"), ("log", "log", "log(|)"), ("exp", "exp", "exp(|)"),
    ("sum", "<math><mo>∑</mo></math>", "sum(|)"),
]  # fmt: skip
"""What can be tapped besides the symbols: its name, how it is shown, what it inserts; | is the
caret. The last is for boxes with an index."""
TRANSPOSE = ("transpose", "<math><mo>⊤</mo></math>", "^T ")


class answer(nodes.General, nodes.Element):
    """A box: the question, the place for the answer, hints and the solution."""


class answer_entry(nodes.General, nodes.Element):
    """The place for the answer, which works with scripts only."""


class fold(nodes.General, nodes.Element):
    """A hint or the solution, closed at first."""


class AnswerDirective(SphinxDirective):
    """Ask for a formula in the symbols given, or for a number if there are none."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "asks": directives.unchanged_required,
        "symbols": directives.unchanged,
        "digits": directives.nonnegative_int,
        "title": directives.unchanged,
    }

    def part(self, start: int, end: int) -> list[nodes.Node]:
        lines = self.content[start:end]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines), self.content_offset + start, holder)
        return holder.children

    def run(self) -> list[nodes.Node]:
        label = self.arguments[0]
        lines = [str(line).strip() for line in self.content]
        end = lines.index("---") if "---" in lines else len(lines)
        body, solution = self.part(0, end), self.part(end + 1, len(lines))
        hints = body.pop().children if isinstance(body[-1], nodes.bullet_list) else []
        options = {
            "symbols": self.options.get("symbols", "").split(),
            "digits": self.options.get("digits", 4),
        }
        entry = answer_entry(label=label, **options)
        folds = [
            fold("", *hint.children, summary=f"Hint {n}", kind="hint")
            for n, hint in enumerate(hints, 1)
        ]
        if solution:
            folds.append(fold("", *solution, summary="Solution", kind="solution", label=label))
        box = answer("", *body, entry, *folds, label=label)
        box["title"] = self.options.get("title", "Try it")
        domain = self.env.get_domain("std")  # {ref}`some text <answer-network-w11>` leads to it
        domain.note_hyperlink_target(f"answer-{label}", self.env.docname, f"answer-{label}")
        self.set_source_info(box)
        return [box]


def bare(symbol: str) -> str:
    return symbol.replace("_", "")


def button(name: str, shown: str, insert: str) -> str:
    return (
        f'<button type="button" aria-label="{name}" data-insert="{escape(insert)}">{shown}</button>'
    )


def visit_answer(self: HTML5Translator, node: answer) -> None:
    label = node["label"]
    self.body.append(
        f'<form class="answer admonition" data-answer="{label}" id="answer-{label}" '
        f'aria-labelledby="answer-{label}-title" autocomplete="off">\n'
        f'<p class="admonition-title" id="answer-{label}-title">{escape(node["title"])}</p>\n'
    )


def depart_answer(self: HTML5Translator, node: answer) -> None:
    self.body.append("</form>\n")


def pattern(name: str, symbol: str) -> str:
    """Return the expression that matches a spelling, its underscore typed or not.

    A short name of a symbol with a long index, as δ for δ_z4, must stand alone: δz1 is another.
    """
    alone = r"(?![\p{L}])" if re.search("_..", symbol) and "_" not in name else ""
    return re.sub(r"([()])", r"\\\1", name).replace("_", "_?") + alone


def spelled(symbols: list[str]) -> list[tuple[str, str]]:
    """Return the spellings of all symbols of a box, longest first, each with its place."""
    words = [
        (name, pattern(name, symbol), f"s{n}")
        for n, symbol in enumerate(symbols)
        for name in (symbol, *ALSO.get(symbol, []))
    ]
    return [(expression, place) for _, expression, place in sorted(words, key=lambda w: -len(w[0]))]


def as_math(symbol: str) -> str:
    """Return a symbol as the formulas of the book show it."""
    base, _, index = symbol.partition("_")
    latex = {"ŷ": r"\hat{y}"}.get(base, base)
    index = re.sub(r"^([a-z])(\d)$", r"\1_\2", index)
    math = to_mathml(latex + (f"_{{{index}}}" if index else ""), display=False)
    return re.sub(r"^<math><semantics>|<annotation.*$", "", math)


def is_indexed(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value[0], list)


def content(label: str, symbols: list[str], digits: int) -> dict[str, Any]:
    """Return the data of a box for its script."""
    stored = json.loads(STORED.read_text("utf-8"))
    if label not in stored or [*stored[label]["symbols"]] != symbols:
        raise ExtensionError(f"answer box {label}: run `make execute` to make its data")
    columns = stored[label]["symbols"]
    offered: list[dict[str, Any]] = []
    for key, values in columns.items():
        indexed = is_indexed(values[0])
        offered.append({"key": key, "values": values, "indexed": indexed})
        for n in range(len(values[0]) if indexed else 0):
            one = key.replace("j", str(n + 1))
            offered.append({"key": one, "values": [row[n] for row in values], "of": key})
    for symbol in offered:
        symbol["math"] = as_math(symbol["key"])
    words = spelled([symbol["key"] for symbol in offered])
    return stored[label] | {"symbols": offered, "words": words, "digits": digits}


def entry(label: str, what: str, text: str, group: str = "") -> str:
    """Return the place for an answer, with the data of its box."""
    return (
        f'<div class="entry" hidden>\n<label for="answer-{label}-input">{what}</label>\n'
        f'<div class="line"><input name="answer" id="answer-{label}-input" type="text" '
        'autocapitalize="off" autocomplete="off" spellcheck="false" '
        f'aria-describedby="answer-{label}-reading" />'
        f'<button type="submit">Check</button></div>\n{group}'
        f'<div class="reading" id="answer-{label}-reading"></div>\n<output></output>\n'
        f'<script type="application/json">{text}</script></div>\n'
    )


def visit_entry(self: HTML5Translator, node: answer_entry) -> None:
    label, symbols = node["label"], node["symbols"]
    whole = content(label, symbols, node["digits"])
    self.builder.events.emit("answer-data", label, whole)  # an edition may have it another way
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    taps = [(plain, f"<math>{as_math(s)}</math>", plain) for s in symbols for plain in [bare(s)]]
    if '"values":[[[' in text:
        taps += [TRANSPOSE, TOOLS[3]]
    else:
        taps += TOOLS if '"indexed":true' in text else TOOLS[:-1]
    buttons = [button(*tap) for tap in taps]
    group = f'<div class="symbols" role="group" aria-label="Insert">{"".join(buttons)}</div>\n'
    what = "Your formula" if symbols else f"Your number, to {node['digits']} decimals"
    self.body.append(entry(label, what, text, group if symbols else ""))
    raise nodes.SkipNode


def visit_fold(self: HTML5Translator, node: fold) -> None:
    name = f' id="answer-{node["label"]}-solution"' if "label" in node else ""
    self.body.append(
        f'<details class="{node["kind"]}"{name}><summary>{node["summary"]}</summary>\n'
    )


def depart_fold(self: HTML5Translator, node: fold) -> None:
    self.body.append("</details>\n")


def add_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the pages that have boxes what runs them, and no other page."""
    if re.search(r'<form class="answer ', context.get("body", "")):
        app.add_css_file("answer.css")
        app.add_js_file("jsep/jsep.js")
        app.add_js_file("answer.js")


def setup(app: Sphinx) -> None:
    app.add_event("answer-data")
    app.add_directive("answer", AnswerDirective)
    app.add_node(answer, html=(visit_answer, depart_answer))
    app.add_node(answer_entry, html=(visit_entry, None))
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.connect("html-page-context", add_scripts)
