"""After the build: one style sheet of the rules that some page uses, and no file that none does.

The theme brings ten style sheets for everything that it could show, 400 kB of them, and a
browser has to read them all before it paints. A rule stays if each class and id that it asks
for is a word of some page or script.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx

UNUSED = ("locales", "vendor", "styles", "images/logo_*", "scripts/bootstrap*", "**/*.map",
          "scripts/fontawesome*", "webpack-macros.html", "sbt-webpack-macros.html", "*.css",
          "minus.png", "plus.png", "file.png", "searchtools.js", "language_data.js")  # fmt: skip
SHEET = re.compile(
    r'\s*<link rel="stylesheet"[^>]* href="(.*?)_static/((?:styles/)?[^"?/]+)["?][^>]*>'
)

PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')
"""Names, punctuation and spaces in code: they have the color of the text, in both themes."""

SCHEMES = [
    ("light", "screen", "[data-theme=light]"),
    ("dark", "screen", "[data-theme=dark]"),
    ("light", "screen and (prefers-color-scheme:light)", ":not([data-theme])"),
    ("dark", "screen and (prefers-color-scheme:dark)", ":not([data-theme])"),
    ("light", "print", ""),
]
"""Where a theme's rules hold: chosen by the reader; without scripts, by the system; on paper."""


def selectors(prelude: list[Any]) -> list[list[Any]]:
    """Split the head of a rule at its commas."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def is_used(selector: list[Any], words: set[str]) -> bool:
    """Whether each class and id of a selector, outside of its brackets, is among the words."""
    pairs = zip([None, *selector], selector, strict=False)
    names = [t.value for dot, t in pairs if t.type == "hash" or (dot == "." and t.type == "ident")]
    return words.issuperset(names)


def pruned(rules: list[Any], words: set[str]) -> str:
    """Return the rules of a style sheet that can apply where only these words occur."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            used = [s for s in selectors(rule.prelude) if is_used(s, words)]
            head = ",".join(tinycss2.serialize(selector).strip() for selector in used)
            body = f"{{{tinycss2.serialize(rule.content).strip()}}}"
            head = re.sub(r'\[data-theme="(\w+)"\]', r"[data-theme=\1]", head)
            schemes = [scheme for scheme in SCHEMES if f"[data-theme={scheme[0]}]" in head]
            for theme, media, instead in schemes:
                selector = head.replace(f"[data-theme={theme}]", instead)
                kept.append(f"@media {media}{{{selector}{body}}}")
            kept += [head + body] * bool(used and not schemes)
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inside = tinycss2.parse_blocks_contents(rule.content, True, True)
            if content := pruned(inside, words):
                head = tinycss2.serialize(rule.prelude).strip()
                kept.append(f"@{rule.at_keyword} {head}{{{content}}}")
        elif "Font Awesome" not in (text := rule.serialize()):
            kept.append(text)
    return "\n".join(kept)


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Put the style sheets of the built site into one, and take out what no page uses."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    paths = sorted(site.rglob("*.html"))
    pages = {path: PLAIN.sub(r"\1", path.read_text("utf-8")) for path in paths}
    sheets = dict.fromkeys(sheet[2] for page in pages.values() for sheet in SHEET.finditer(page))
    css = [(site / "_static" / sheet).read_text("utf-8") for sheet in sheets]
    for pattern in UNUSED:
        for path in [*(site / "_static").glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    scripts = [path.read_text("utf-8") for path in site.rglob("*.js")]
    words = {word for text in (*pages.values(), *scripts) for word in re.findall(r"[\w-]+", text)}
    rules = [pruned(tinycss2.parse_stylesheet(text, True, True), words) for text in css]
    (site / "_static" / "site.css").write_text("\n".join(rules), "utf-8")
    for path, page in pages.items():
        if first := SHEET.search(page):
            link = f'</title>\n<link rel="stylesheet" href="{first[1]}_static/site.css" />'
            path.write_text(SHEET.sub("", page).replace("</title>", link, 1), "utf-8")
