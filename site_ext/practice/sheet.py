"""A practice sheet to print: numbers that are not on the page, and answers on separate pages.

Usage: python -m site_ext.practice.sheet SEED FILE [--topics forward,mask] [--count 3]
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from site_ext.practice.__main__ import packed, row_of
from site_ext.practice.instances import instances
from site_ext.practice.page import STORED, WORDS, asks, drawing, fill

STATIC = Path(__file__).parents[1] / "static"
FONT = base64.b64encode((STATIC / "fonts" / "noto-sans-math.woff2").read_bytes()).decode()
STYLE = """@font-face { font-family: "Book Math"; src: url(data:font/woff2;base64,FONT); }
:root {
  --ink-black: #000; --ink-blue: #333; --ink-gray: #555; --ink-light: #ddd;
  --pst-color-on-background: #fff; font: 11pt/1.45 system-ui, "DejaVu Sans", sans-serif;
}
body { max-width: 46rem; margin: 1rem auto; padding-inline: 1rem; }
math { font-family: "Book Math", math; font-size: 1.08em; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 1.2rem 0 0.4rem; break-after: avoid; }
.task { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin-block: 0.9rem; break-inside: avoid; }
.task h2 { flex: 1 0 100%; }
.task .drawn { flex: 0 0 18rem; }
.drawn p { margin: 0.4rem 0 0; font-size: 0.85em; }
.task .work { flex: 1; display: flex; flex-direction: column; min-height: 15rem; }
.answers { break-before: page; }
.answers > div { margin-block: 0.7rem; break-inside: avoid; }
.answers p { margin: 0.15rem 0; }
.work .line { margin-top: auto; }
.glued { white-space: nowrap; }
@page { margin: 16mm 14mm; }
"""


def new(topic: str, seed: int, count: int) -> dict[str, Any]:
    """Return instances of a seed that are not on the page."""
    on_page = {tuple(row[:2]) for row in json.loads(STORED.read_text("utf-8"))[topic]["instances"]}
    drawn = (each for each in instances(topic, seed) if row_of(topic, each)[:2] not in on_page)
    return packed(topic, islice(drawn, count))


def parts(seed: int, topics: Sequence[str], count: int) -> Iterator[tuple[str, str]]:
    """Yield the tasks, each with what stands in its place among the answers."""
    number = 0
    for topic in topics:
        head, digits = f"<h2>{escape(WORDS[topic]['title'])}</h2>", WORDS[topic]["digits"]
        drawn = new(topic, seed, count)
        for ask, numbers, *_ in drawn["instances"]:
            number += 1
            values = dict(zip(drawn["names"], numbers.split(), strict=True))
            said = {name: fill(part, values) for name, part in asks(topic)[ask].items()}
            yield (
                f'<div class="task">{head}{fill(drawing(topic), values)}<div class="work">'
                f"<p><b>{number}.</b> {said['ask']}</p>"
                f'<p class="line">To {digits} decimals: ____________________</p></div></div>',
                f"<div>{head}<p><b>{number}. {fill('{answer}', values)}</b></p>"
                f"{said['lines']}</div>",
            )
            head = ""  # it stays with the first task


def sheet(seed: int, topics: Sequence[str], count: int) -> str:
    """Return the sheet as one HTML file that asks for no other."""
    tasks, answers = zip(*parts(seed, topics, count), strict=True)
    css = STYLE.replace("FONT", FONT) + (STATIC / "practice.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>Practice sheet {seed}</title>\n<style>\n{css}</style></head><body>\n"
        f"<h1>Practice sheet {seed}</h1>\n<p>Name: ______________________________</p>\n"
        f'<div class="practice">{"".join(tasks)}</div>\n'
        f'<div class="answers"><h1>Answers to practice sheet {seed}</h1>\n'
        f"{''.join(answers)}</div>\n</body></html>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seed", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--topics", default=",".join(WORDS), help="which, with commas between")
    parser.add_argument("--count", type=int, default=3, help="how many of each")
    options = parser.parse_args()
    topics = options.topics.split(",")
    if wrong := [topic for topic in topics if topic not in WORDS]:
        parser.error(f"no topic {', '.join(wrong)}; there are {', '.join(WORDS)}")
    if options.seed < 0 or options.count < 1:
        parser.error("the seed is at least 0, and the count at least 1")
    options.file.parent.mkdir(exist_ok=True)
    options.file.write_text(sheet(options.seed, topics, options.count), "utf-8")


if __name__ == "__main__":
    main()
