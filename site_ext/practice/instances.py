"""Instances of the practice page: numbers drawn until a person can compute with them.

What is right and what one gets by a mistake come from `hwlib` and its catalogue, as for the other
answer boxes. An instance is taken if the answer and all mistakes differ at the digits asked, if
rounding on the way does not matter, and if no factor is 0 or 1 unless that is the point.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from site_ext import answer_data
from site_ext.answer_data import Point, Question
from site_ext.practice.cases import hinge_case, network_case, shown
from site_ext.practice.page import WORDS, slots

CASES = {
    "forward": [("z4", 0), ("z4", 1), ("loss", 0), ("loss", 1)],
    "mask": [("theta", -1), ("theta", 1), ("theta", -1), ("theta", 1), ("masked", 1)],
    "step": [("active", -1), ("active", 1), ("active", -1), ("active", 1), ("safe", 1),
             ("safe", -1), ("masked", 1), ("masked", -1)],
    "error": [("delta", 0), ("delta", 1)],
    "output": [("on", 0), ("on", 1), ("on", 0), ("on", 1), ("off", 0), ("off", 1)],
    "hidden": [("on", 0), ("on", 1), ("on", 0), ("on", 1), ("off", 0), ("off", 1)],
    "penalty": list(itertools.product(("out", "hidden", "off", "bias"), (0, 1))),
    "batch": [("out", 0), ("out", 1), ("hidden", 0), ("hidden", 1)],
}  # fmt: skip
"""The questions of a topic and the label that goes with each: so often it comes up."""

FUNCTIONS = {"exp": np.exp}
LEAST, MOST = 0.05, 50.0
"""The size of an answer that is not 0."""
MATTERS = {"theta": "no mask at all", "masked": "mask forgotten"}
"""A mistake without which a question would not be worth asking."""


class Instance(NamedTuple):
    """A question with its numbers: what is shown, what is right, what one gets by a mistake."""

    ask: str
    numbers: dict[str, str]
    right: float
    mistakes: list[tuple[str, str, float]]  # by name, as told
    conventions: list[tuple[str, str, float]]


def values_of(topic: str, ask: str, question: Question, point: Point) -> Instance | None:
    """Return what a box compares with, if answer and mistakes differ, whatever was rounded."""
    words = WORDS[topic]
    unlike = words.get("unlike", []) + words["asks"][ask].get("unlike", [])
    extra = {
        name: (rule, lambda p, text=text: float(eval(text, FUNCTIONS, p.symbols)))
        for name, (text, rule) in words.get("mistakes", {}).items()
    }
    digits, question = words["digits"], question._replace(points=[point])
    mistakes = {name: m for name, m in (question.mistakes | extra).items() if name not in unlike}
    data = answer_data.data(question._replace(mistakes=mistakes), [])
    right, unit = float(data["right"][0]), 10.0**-digits
    kinds = [
        [(each["name"], each["told"], float(each["values"][0]))
         for each in data[kind] if each["values"]] for kind in ("mistakes", "conventions")
    ]  # fmt: skip
    wrong = [value for kind in kinds for *_, value in kind]
    apart = all(b - a > 2.1 * unit for a, b in itertools.pairwise(sorted([right, *wrong])))
    apart &= not any(is_cut(value, right, digits) for value in wrong)
    rough = max(0.12, point.symbols.get("rough", 0.0) / unit)
    safe = abs(abs(right) / unit % 1 - 0.5) > rough
    told = [name for kind in kinds for name, *_ in kind]
    known = told and not any(" / " in name for name in told) and MATTERS.get(ask, told[0]) in told
    if not (apart and safe and known and LEAST <= abs(right or 1) <= MOST):
        return None
    exact = abs(right - round(right, digits)) < 1e-9
    numbers = point.symbols | {"answer": right if exact else f"{right:.{digits}f}"}
    return Instance(ask, {k: shown(v) for k, v in numbers.items()}, right, *kinds)


def is_cut(value: float, right: float, digits: int) -> bool:
    """Whether a wrong number is what is right, but for its last digits."""
    places = (10.0**-d for d in range(1, digits))
    return any(
        abs(value - right) < 0.51 * place
        and abs(value - place * round(value / place)) < 0.5 * 10**-digits
        for place in places
    )


def is_small(instance: Instance, topic: str) -> bool:
    """Whether a person can compute with what is shown: short numbers, no idle factor."""
    numbers = {name: instance.numbers[name] for name in names_of(topic)}
    on_paper = [text for name, text in numbers.items() if not name.startswith("place")]
    short = all(re.fullmatch(r"-?\d\d?(\.\d{1,4})?|[^\d]+", text) for text in on_paper)
    return short and not any(text == "1" for name, text in numbers.items() if name[0] == "a")


@functools.cache
def names_of(topic: str) -> tuple[str, ...]:
    """Return the names of the numbers that a topic's picture, questions and solutions show."""
    return tuple(slots(topic))


def drawn_once(topic: str, ask: str, y: int, rng: np.random.Generator) -> Instance | None:
    case_of = hinge_case if topic in ("mask", "step") else network_case
    case = case_of(topic, ask, y, rng)
    found = values_of(topic, ask, *case) if case else None
    return found if found and is_small(found, topic) else None


def instances(topic: str, seed: int) -> Iterator[Instance]:
    """Yield instances of a topic without end, all different, the same ones for the same seed."""
    rng = np.random.default_rng([seed, [*WORDS].index(topic)])
    seen = set()
    while True:
        for n in rng.permutation(len(CASES[topic])):
            ask, y = CASES[topic][n]
            while not (found := drawn_once(topic, ask, y, rng)) or key(topic, found) in seen:
                pass
            seen.add(key(topic, found))
            yield found


def key(topic: str, instance: Instance) -> tuple[str, ...]:
    """Return the numbers by which two instances of a topic are told apart."""
    return tuple(instance.numbers[name] for name in names_of(topic))
