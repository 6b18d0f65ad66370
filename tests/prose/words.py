"""Words that claim something: all, below, rises. A comment says of what, and it is tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import partial
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from formulas.reader import FormulaError
from hwlib import plotting
from tests.prose.text import PHRASE, Cell

Meaning = Callable[[Any], Any]


def _compare(relation: Callable[[Any, Any], Any]) -> Meaning:
    return lambda pair: np.all(relation(*(np.asarray(side) for side in pair)))


def _moves(sign: int) -> Meaning:
    def holds(values: Any) -> Any:
        steps = sign * np.diff(np.ravel(values))
        return np.all(steps >= 0) and steps.sum() > 0

    return holds


def _is_in(color: str) -> Meaning:
    return lambda value: to_hex(value) == to_hex(plotting.COLORS[color])


MEANINGS: dict[str, Meaning] = {
    "all every each always both any": np.all,
    "none no never nothing neither nowhere nobody": lambda found: not np.any(found),
    "some sometimes": lambda found: np.any(found) and not np.all(found),
    "most mostly": lambda found: np.mean(found) > 0.5,
    "above larger more higher greater longer wider steeper faster after right better":
        _compare(np.greater),
    "below smaller less fewer lower shorter narrower flatter slower before left worse":
        _compare(np.less),
    "rises grows increases climbs up": _moves(1),
    "falls shrinks decreases down": _moves(-1),
    "positive on": lambda values: np.all(np.asarray(values) > 0),
    "negative": lambda values: np.all(np.asarray(values) < 0),
    "off": lambda values: np.all(np.asarray(values) <= 0),
    "first": lambda pair: pair[0] == np.ravel(pair[1])[0],
    "last": lambda pair: pair[0] == np.ravel(pair[1])[-1],
    "same equal": lambda pair: np.allclose(*pair),
    "other different": lambda pair: not np.allclose(*pair),
    "solid": lambda style: style in ("-", "solid"),
    "dashed": lambda style: style in ("--", "dashed"),
    "dotted": lambda style: style in (":", "dotted"),
} | {color: _is_in(color) for color in ("blue", "orange", "green", "purple")}  # fmt: skip
"""What must hold of the value that a comment gives for a word. A comparison is of two values."""
MEANING = {word: meaning for words, meaning in MEANINGS.items() for word in words.split()}


def word_faults(cell: Cell, value: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the words that a cell's comment binds: the sentence, and why."""
    sentences = [sentence for block in cell.blocks for sentence in block.sentences()]
    for line in cell.lines:
        if not (match := PHRASE.fullmatch(line)):
            continue
        phrase, expression = match.groups()
        words = [word for word in re.findall(r"[a-z]+", phrase.lower()) if word in MEANING]
        words = [word for word in words if word != "on"] or words  # on the left
        exact = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE)
        found = [s for s in sentences for _ in exact.finditer(s)]
        place = found[0] if found else max(sentences, key=partial(_common, phrase))
        if len(words) != 1:
            why = f"has {len(words)} words that claim something"
        elif len(found) != 1:
            why = f"is there {len(found)} times"
        else:
            try:
                holds = bool(MEANING[words[0]](value(expression)))
                wanted = not re.search(rf"\bnot {words[0]}", phrase, re.IGNORECASE)
                why = "" if holds == wanted else f"does not hold of {expression}"
            except (FormulaError, TypeError, ValueError, IndexError) as error:
                why = str(error)
        if why:
            yield place, f"“{phrase}” {why}"


def _common(phrase: str, sentence: str) -> int:
    """Return how many letters of a phrase stand in a sentence, in order."""
    blocks = SequenceMatcher(None, phrase, sentence, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1)
