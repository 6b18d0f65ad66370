"""Draw the instances of the practice page and store them.

Usage: python -m site_ext.practice
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from site_ext.practice.instances import Instance, instances
from site_ext.practice.page import STORED, WORDS, names_of

SEED, COUNT = 20191030, 64


def row_of(topic: str, instance: Instance) -> tuple[str, str, float]:
    """Return the question, its numbers in the order of their names, and what is right."""
    numbers = " ".join(instance.numbers[name] for name in names_of(topic))
    return instance.ask, numbers, round(instance.right, 6)


def packed(topic: str, drawn: Iterable[Instance]) -> dict[str, Any]:
    """Return instances as they are stored: what a mistake is told once, numbers in one order."""
    told: dict[tuple[str, str], int] = {}

    def index(kind: list[tuple[str, str, float]]) -> list[list[float]]:
        return [[told.setdefault((name, text), len(told)), round(value, 5)]
                for name, text, value in kind]  # fmt: skip

    rows = [[*row_of(topic, each), index(each.mistakes), index(each.conventions)] for each in drawn]
    return {"digits": WORDS[topic]["digits"], "names": names_of(topic), "told": [*told],
            "instances": rows}  # fmt: skip


def stored(seed: int = SEED) -> dict[str, Any]:
    """Return what the page has of each topic."""
    return {topic: packed(topic, islice(instances(topic, seed), COUNT)) for topic in WORDS}


def lines(found: dict[str, Any]) -> str:
    """Return the topics as JSON, an instance a line."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return text.replace('],["', '],\n["').replace("]},", "]},\n") + "\n"


if __name__ == "__main__":
    STORED.write_text(lines(stored()), "utf-8")
