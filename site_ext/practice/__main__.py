"""Store the instances of the practice page. Usage: python -m site_ext.practice"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from site_ext.practice.instances import WORDS, Instance, instances, names_of
from site_ext.practice.page import STORED

SEED, COUNT = 20191030, 64


def packed(topic: str, drawn: Iterable[Instance]) -> dict[str, Any]:
    """Return instances as they are stored: what a mistake is told once, numbers in one order."""
    told: dict[tuple[str, str], int] = {}

    def index(kind: list[tuple[str, str, float]]) -> list[list[float]]:
        return [[told.setdefault((name, text), len(told)), round(value, 5)]
                for name, text, value in kind]  # fmt: skip

    rows = [
        [each.ask, " ".join(each.numbers[name] for name in names_of(topic)), round(each.right, 6),
         index(each.mistakes), index(each.conventions)] for each in drawn
    ]  # fmt: skip
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
