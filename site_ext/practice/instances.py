"""Instances of the practice page: numbers drawn until a person can compute with them.

What is right and what one gets by a mistake come from `hwlib` and its catalogue, as for the other
answer boxes. An instance is taken if the answer and all mistakes differ at the digits asked, if
rounding on the way does not matter, and if no factor is 0 or 1 unless that is the point.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from site_ext import answer_data
from site_ext.answer_data import Point, Question, Value
from site_ext.practice.cases import hinge_case, network_case, shown
from site_ext.practice.page import WORDS, names_of, told

CASES = {
    "forward": [("z4", 0), ("z4", 1), ("loss", 0), ("loss", 1)],
    "mask": [("theta", -1), ("theta", 1)] * 6 + [("masked", 1)],
    "step": [("active", -1), ("active", 1)] * 4 + [("safe", -1), ("safe", 1)] * 2 + [("masked", 1)],
    "error": [("delta", 0), ("delta", 1)],
    "output": [("on", 0), ("on", 1), ("on", 0), ("on", 1), ("off", 0), ("off", 1)],
    "hidden": [("on", 0), ("on", 1), ("on", 0), ("on", 1), ("off", 0), ("off", 1)],
    "penalty": list(itertools.product(("out", "hidden", "off", "bias"), (0, 1))),
    "batch": [("out", 0), ("out", 1), ("hidden", 0), ("hidden", 1)],
}  # fmt: skip
"""The questions of a topic and the label that goes with each: so often it comes up."""

FUNCTIONS = {"exp": np.exp, "log": np.log}
LEAST, MOST = 0.05, 50.0
"""The size of an answer that is not 0."""
ZERO = {"term of label 0 forgotten", "unit taken as off", "lambda forgotten",
        "decay only for units that are on"}  # fmt: skip
"""Mistakes that are named where one types 0: of the others, nobody has made one who guesses so."""


class Instance(NamedTuple):
    """A question with its numbers: what is shown, what is right, what one gets by a mistake."""

    ask: str
    numbers: dict[str, str]
    right: float
    mistakes: list[tuple[str, str, float]]  # by name, as told
    conventions: list[tuple[str, str, float]]


def mistakes_of(topic: str, ask: str, question: Question) -> dict[str, tuple[str, Value]]:
    """Return the mistakes of the catalogue and those of the words, by name."""
    parts = WORDS[topic], WORDS[topic]["asks"][ask]
    extra = {
        name: ("", lambda p, text=text: float(eval(text, FUNCTIONS, p.symbols)))
        for part in parts for name, text in part.get("mistakes", {}).items()
    }  # fmt: skip
    unlike = {name for part in parts for name in part.get("unlike", [])}
    return {name: m for name, m in (question.mistakes | extra).items() if name not in unlike}


def values_of(topic: str, ask: str, question: Question, point: Point) -> Instance | None:
    """Return what a box compares with, if answer and mistakes differ, whatever was rounded."""
    digits, mistakes = WORDS[topic]["digits"], mistakes_of(topic, ask, question)
    data = answer_data.data(question._replace(points=[point], mistakes=mistakes), [])
    right, unit = float(data["right"][0]), 10.0**-digits
    made = [
        (names, float(value)) for each in data["mistakes"] for value in each["values"]
        if (names := [n for n in each["name"].split(" / ") if abs(value) > unit / 2 or n in ZERO])
    ]  # fmt: skip
    other = [(each["name"], each["told"], float(each["values"][0]))
             for each in data["conventions"] if each["values"]]  # fmt: skip
    wrong = [kind[-1] for kind in (*made, *other)]
    apart = all(b - a > 2.1 * unit for a, b in itertools.pairwise(sorted([right, *wrong])))
    apart &= not any(is_cut(value, right, digits) for value in wrong)
    safe = abs(abs(right) / unit % 1 - 0.5) > max(0.12, point.symbols.get("rough", 0.0) / unit)
    few = made and max(len(names) for names, _ in made) <= 3
    alone = {names[0] for names, _ in made if len(names) == 1}
    known = alone.issuperset(WORDS[topic]["asks"][ask].get("alone", []))
    if not (apart and safe and few and known and LEAST <= abs(right or 1) <= MOST):
        return None
    mistakes = [(" / ".join(names), told(topic, names), value) for names, value in made]
    return Instance(ask, printed(topic, ask, point, right), right, mistakes, other)


def printed(topic: str, ask: str, point: Point, right: float) -> dict[str, str]:
    """Return the numbers as they are printed, and whether products of those are exact."""
    text = f"{right:.{WORDS[topic]['digits']}f}"
    numbers = point.symbols | {"answer": right if abs(right - float(text)) < 1e-9 else text}
    texts = {"eq_answer": "=", "eq_part": "="} | {k: shown(v) for k, v in numbers.items()}
    values = {name: float(texts[name]) for name, v in numbers.items() if not isinstance(v, str)}
    for name, text in WORDS[topic]["asks"][ask].get("exact", {}).items():
        off = eval(text, FUNCTIONS, values) - float(texts[name])
        texts[f"eq_{name}"] = "=" if abs(off) < 1e-9 else "≈"
    return texts


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
    numbers = {name: instance.numbers[name] for name in names_of(topic) if name[:6] != "place_"}
    short = all(re.fullmatch(r"-?\d\d?(\.\d{1,4})?|[^\d]+", text) for text in numbers.values())
    return short and not any(text == "1" for name, text in numbers.items() if name[0] == "a")


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
