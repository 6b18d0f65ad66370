"""After the build: style rules and files that no page uses are taken out of the site.

The theme brings the styles of everything that it could show, 400 kB of them, and every browser
has to read them before it paints. A rule stays if each class and id that it asks for is a
word of some page or script.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx

UNUSED = ("locales", "vendor", "images/logo_*", "scripts/bootstrap*", "scripts/fontawesome*",
          "**/*.map", "webpack-macros.html", "sbt-webpack-macros.html", "styles/theme.css",
          "*.png")  # fmt: skip


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
            if used:
                head = ",".join(tinycss2.serialize(selector).strip() for selector in used)
                kept.append(f"{head}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inside = tinycss2.parse_blocks_contents(rule.content, True, True)
            if content := pruned(inside, words):
                head = tinycss2.serialize(rule.prelude).strip()
                kept.append(f"@{rule.at_keyword} {head}{{{content}}}")
        elif "Font Awesome" not in (text := rule.serialize()):
            kept.append(text)
    return "\n".join(kept)


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the built site what no page uses."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    for pattern in UNUSED:
        for path in [*(site / "_static").glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    texts = [path.read_text("utf-8") for end in ("html", "js") for path in site.rglob(f"*.{end}")]
    words = {word for text in texts for word in re.findall(r"[\w-]+", text)}
    for sheet in (site / "_static").rglob("*.css"):
        rules = tinycss2.parse_stylesheet(sheet.read_text("utf-8"), True, True)
        sheet.write_text(pruned(rules, words), "utf-8")
