"""Figures of the book: from the SVG that a notebook stores to a drawing that belongs to its page.

Its colours are variables of book.css, one for each of `hwlib.plotting`, so that it follows the
theme. Its ids are its own, and an outline of a letter is on a page once.
Usage: python -m site_ext.figures NOTEBOOK CELL TARGET writes a drawing that stands alone.
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

import nbformat

from hwlib.plotting import COLORS

ROOM, LEAST = 342, 9.2
"""Pixels that a drawing has on a phone, and that its text must have there, indices aside."""

INKS = {"#ffffff": "ground"} | {code: name for name, code in COLORS.items()}
BOOK_CSS = Path(__file__).with_name("static") / "book.css"


def strip(svg: str) -> str:
    """Return the drawing alone, without what only the program that drew it needs."""
    noise = r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|(?<=>)\s+|\n"
    svg = re.sub(noise, "", svg[svg.index("<svg") :], flags=re.DOTALL)

    # Places to a tenth of a point, and no space around the letters of a path.
    places = r' (?:d|x|y)="[^"]*|translate\([^)]*'
    svg = re.sub(places, lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r'(?<= d=")[^"]*', lambda d: re.sub(r"\s*([A-Za-z])\s*", r"\1", d[0]), svg)
    ids = set(re.findall(r"#([\w-]+)", re.sub(r"#[0-9a-f]{6}\b", "", svg)))
    return re.sub(r' id="([^"]+)"', lambda name: name[0] if name[1] in ids else "", svg)


def themed(svg: str) -> str:
    """Replace colours by variables; a colour that is not the book's raises a `KeyError`."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda code: f"var(--ink-{INKS[code[0]]})", svg)


def drawing(svg: str, alt: str, number: int, letters: set[str]) -> str:
    """Return a figure's element for a page on which it is the given one, and add its letters."""
    body = themed(strip(svg)).replace("xlink:href", "href")
    known = "|".join(sorted(letters)) or "-"
    body = re.sub(rf'<path id="({known})" [^>]*>', "", body)
    letters.update(re.findall(r'<path id="([A-Z][\w-]*)"', body))
    body = re.sub(r'( id="|"#|url\(#)(?=[a-z])', rf"\1d{number}-", body)
    width, height = (float(n) for n in re.findall(r' (?:width|height)="([\d.]+)pt"', body)[:2])
    texts = [float(size) for size in re.findall(r"\) scale\(([\d.]+) -", body)]
    least = LEAST * width / (100 * min(texts))  # pixels, where the smallest text has its own
    wide, style = (" wide", f' style="min-width: {least:.0f}px"') if least > ROOM else ("", "")
    head = (
        f'<svg class="drawing" role="img" aria-label="{escape(alt)}" width="{width / 0.75:.0f}" '
        f'height="{height / 0.75:.0f}" viewBox="0 0 {width:g} {height:g}"{style}>'
    )
    return f'<div class="frame{wide}">{head}{body[body.index(">") + 1 :]}</div>'


def alone(svg: str) -> str:
    """Return a figure as a file of its own that follows the reader's system to the dark."""
    light, dark = re.findall(r"(\{[^}]*--ink-[^}]*\})", BOOK_CSS.read_text("utf-8"))[:2]
    dark = f"@media (prefers-color-scheme: dark){{svg{dark}}}"
    style = f"<style>svg{{stroke-linejoin:round}}svg{light}{dark}</style>"
    return themed(strip(svg)).replace(">", f">{style}", 1) + "\n"


if __name__ == "__main__":
    notebook, name, target = sys.argv[1:]
    (cell,) = [c for c in nbformat.read(notebook, as_version=4).cells if c.id == name]
    (figure,) = [out.data["image/svg+xml"] for out in cell.outputs if "image/svg+xml" in out.data]
    Path(target).write_text(alone(figure), encoding="utf-8")
