"""The practice page: a box of each topic, whose numbers change, and what its script needs for that.

    ```{practice} forward
    ```

Without scripts a topic is a sheet of three boxes, with their solutions folded.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from site_ext.answers import entry
from site_ext.mathml import to_mathml
from site_ext.practice.pictures import PICTURES

HERE = Path(__file__).parent
WORDS: dict[str, dict[str, Any]] = tomllib.loads((HERE / "words.toml").read_text("utf-8"))
TOLD: dict[str, dict[str, str]] = tomllib.loads((HERE / "told.toml").read_text("utf-8"))
STORED = HERE / "stored.json"
SLOT = re.compile(r"\{(\(?)(\w+)\)?\}")
PRINTED = 3
"""Instances of a topic that are on the page without scripts."""

FORM = """<form class="answer admonition" data-answer="{label}" id="answer-{label}" \
aria-labelledby="answer-{label}-title" autocomplete="off">{inside}</form>
"""
INSIDE = """<p class="admonition-title" id="answer-{label}-title" tabindex="-1">TITLE</p>
PICTURE
<div class="work"><p id="answer-{label}-ask">{ask}</p>
ENTRY
<details class="hint"><summary>Hint</summary><p>{hint}</p></details>
<details class="solution" id="answer-{label}-solution"><summary>Solution</summary>{lines}</details>
</div>"""


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put numbers into their places, in parentheses where those ask for it; keep other places."""

    def value(match: re.Match[str]) -> str:
        if match[2] not in values:
            return match[0]
        text = re.sub(r"^-", "−", values[match[2]])
        return f"({text})" if match[1] and text[0] == "−" else text

    return SLOT.sub(value, template)


def math(latex: str) -> str:
    """Return a formula with places, <name> or <(name)>, as MathML with places."""
    places = dict.fromkeys(re.findall(r"<(\(?\w+\)?)>", latex))
    signs = {place: chr(0xE000 + n) for n, place in enumerate(places)}
    plain = re.sub(r"<(\(?\w+\)?)>", lambda place: signs[place[1]], latex)
    made = to_mathml(plain, display=False)
    made = re.sub(r"<semantics>|<annotation.*</semantics>", "", made)
    for place, sign in signs.items():
        tag = "mo" if place.startswith("eq_") else "mn"
        made = re.sub(f"<mi>{sign}</mi>", f"<{tag}>{{{place}}}</{tag}>", made)
    return made


def line(words: str) -> str:
    """Return a line of ``words.toml`` as HTML with places; what follows a formula stays with it."""
    parts = re.split(r"(\$.*?\$[^\s$]*)", words)
    for n, part in enumerate(parts):
        _, latex, tail = part.split("$") if n % 2 else ("", "", part)
        text = re.sub(r"&lt;(\w+)&gt;", r"{\1}", escape(tail))
        formula = math(latex) if latex else ""
        glued = f'<span class="glued">{formula}{text}</span>'
        parts[n] = glued if formula and text else formula + text
    return "".join(parts)


@functools.cache
def asks(topic: str) -> dict[str, dict[str, str]]:
    """Return the questions of a topic, each with its hint and its solution, as HTML with places."""
    return {
        name: {"ask": line(ask["ask"]), "hint": line(ask["hint"]),
               "lines": "".join(f"<p>{line(each)}</p>" for each in ask["lines"])}
        for name, ask in WORDS[topic]["asks"].items()
    }  # fmt: skip


def told(topic: str, names: Sequence[str]) -> str:
    """Return what is said of a number that one gets by any of these mistakes."""
    words = TOLD["all"] | TOLD.get(topic, {})
    return line(f"Perhaps {'. Or '.join(words[name] for name in names)}.")


@functools.cache
def drawing(topic: str) -> str:
    """Return the picture of a topic and the line below it, with places."""
    words = WORDS[topic]
    return f'<div class="drawn">{PICTURES[words["picture"]]}<p>{line(words["note"])}</p></div>'


@functools.cache
def inside(topic: str) -> str:
    """Return what is in the box of a topic, with places."""
    words = WORDS[topic]
    field = entry("{label}", f"Your number, to {words['digits']} decimals", "{data}")
    parts = {"TITLE": escape(words["title"]), "PICTURE": drawing(topic), "ENTRY": field}
    return re.sub("TITLE|PICTURE|ENTRY", lambda part: parts[part[0]], INSIDE)


@functools.cache
def names_of(topic: str) -> tuple[str, ...]:
    """Return the names of the numbers that a topic's picture, questions and solutions show."""
    whole = inside(topic) + "".join(part for ask in asks(topic).values() for part in ask.values())
    names = {name for _, name in SLOT.findall(whole)}
    return tuple(sorted(names - {"label", "data", "ask", "hint", "lines"}))


def form(topic: str, stored: Mapping[str, Any], n: int) -> str:
    """Return an instance as a box, to be read: the one that judges is made by the script."""
    ask, numbers, *_ = stored["instances"][n]
    values = dict(zip(stored["names"], numbers.split(), strict=True))
    values |= {"label": f"{topic}-{n}", "data": '{"symbols":[],"words":[]}'}
    return fill(fill(FORM.replace("{inside}", inside(topic)), asks(topic)[ask]), values)


class PracticeDirective(SphinxDirective):
    """Show the instances of a topic."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        topic = self.arguments[0]
        self.env.note_dependency(str(STORED))
        stored = json.loads(STORED.read_text("utf-8"))[topic]
        forms = "".join(form(topic, stored, n) for n in range(PRINTED))
        data = stored | {"asks": asks(topic), "inside": inside(topic)}
        data = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        script = f'<script type="application/json" class="instances">{data}</script>'
        html = f'<div class="practice" data-topic="{topic}">\n{forms}{script}</div>\n'
        return [nodes.raw("", html, format="html")]


def add_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    if '<div class="practice"' in context.get("body", ""):
        app.add_css_file("practice.css")
        app.add_js_file("practice.js")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("practice", PracticeDirective)
    app.connect("html-page-context", add_scripts, priority=600)  # behind the answer boxes
    return {"parallel_read_safe": True, "parallel_write_safe": True}
