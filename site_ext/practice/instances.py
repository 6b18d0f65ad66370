"""Instances of the practice page: numbers drawn until a person can compute with them.

A topic of ``words.toml`` has questions, and a question has the numbers that it shows. What is right
and what one gets by a mistake come from `hwlib` and its catalogue, as for the other answer boxes.
An instance is taken if the answer and all mistakes differ at the digits asked, if rounding on the
way does not matter, and if no factor is 0 or 1 unless that is the point.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from hwlib import hinge, network, polynomial
from site_ext import answer_data
from site_ext.answer_data import Point, Question, Value
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

FACTORS, BIASES = [0.5, 1.5, 2.0, 3.0], [0.25, 0.5, 1.5]
LAMBDAS, STEPS = [0.1, 0.2, 0.4], [0.2, 0.4]
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


def shown(number: Any) -> str:
    """Return a number as it is printed: in full, or rounded to four decimals."""
    if isinstance(number, str):
        return number
    exact = f"{number:.4f}".rstrip("0").rstrip(".")
    text = exact if abs(float(exact) - number) < 1e-9 else f"{number:.4f}"
    return "0" if float(text) == 0 else text


def drawn(rng: np.random.Generator, sizes: list[float], *shape: int) -> Any:
    return rng.choice([-1, 1], shape) * rng.choice(sizes, shape)


# Part 2.


def network_numbers(p: network.Parameters, x: Any, y: int, l2: float, i: int, j: int) -> Any:
    """Return every number of a sample by its name; those of the unit and input asked without."""
    s = answer_data.network_point(p, x, float(y), l2).symbols
    here = {
        "y_hat": s["ŷ"], "delta": s["δ_z4"], "l2": l2, "i": i, "j": j, "x": x[i - 1],
        "v": s[f"W_{i}{j}"], "v_1": s[f"W_1{j}"], "v_2": s[f"W_2{j}"], "b": s[f"b_{j}"],
        "w": s[f"W_{j}4"], "z": s[f"z_{j}"], "a": s[f"a_{j}"], "gate": float(s[f"z_{j}"] > 0),
        "is": "on" if s[f"z_{j}"] > 0 else "off", "p_true": s["ŷ"] if y else 1 - s["ŷ"],
    }  # fmt: skip
    return {k: v for k, v in s.items() if not isinstance(v, list)} | here


@functools.cache
def question_of(asked: str) -> Question:
    return answer_data.question(asked)._replace(others={})


def through(question: Question, last: Any) -> dict[str, tuple[str, Value]]:
    """Return the mistakes of a sum, carried on to what is computed from it."""

    def of(value: Value) -> Value:
        return lambda p: float(last(value(p), p.symbols["y"]))

    return {name: (rule, of(value)) for name, (rule, value) in question.mistakes.items()}


def forward_question(ask: str) -> Question:
    z4, loss = question_of("formula forward-z4"), question_of("formula forward-loss")
    if ask == "z4":
        return z4
    return loss._replace(mistakes=loss.mistakes | through(z4, network.log_loss))


def network_case(topic: str, ask: str, y: int, rng: np.random.Generator) -> Any:
    """Return the question and the point of a network that is drawn once, or nothing."""
    params = network.Parameters(
        drawn(rng, FACTORS, 2, 3), drawn(rng, BIASES, 3), drawn(rng, FACTORS, 3),
        float(drawn(rng, BIASES)),
    )  # fmt: skip
    X, labels = drawn(rng, FACTORS, 2, 2), np.array([y, 1 - y])
    i, j, l2 = int(rng.integers(1, 3)), int(rng.integers(1, 4)), float(rng.choice(LAMBDAS))
    l2 *= topic == "penalty"
    samples = [network_numbers(params, x, y, l2, i, j) for x, y in zip(X, labels, strict=True)]
    if topic != "batch":
        X, labels, samples = X[:1], labels[:1], samples[:1]
    if not all(is_fit(sample, topic) for sample in samples):
        return None
    gates = {s["is"] for s in samples}
    if gates == {"off"} if topic == "batch" else gates != {"off" if ask == "off" else "on"}:
        return None
    numbers = dict(samples[0])
    for name, sample in zip("AB", samples, strict=False):
        numbers |= {f"{key}_{name}": value for key, value in sample.items()}
    question = forward_question(ask) if topic == "forward" else question_of(
        f"network {asked_of(topic, ask, i, j)}"
    )  # fmt: skip
    data = params, X, labels.astype(float)
    if topic == "penalty":
        alone, whole = (question.right(Point({}, (*data, t))) for t in (0.0, l2))
        factor = alone / numbers["delta"]
        numbers |= {"part": factor * float(shown(numbers["delta"])), "decay": whole - alone}
    return question, Point(numbers, (*data, l2))


def asked_of(topic: str, ask: str, i: int, j: int) -> str:
    """Return the name of the parameter that a question is about."""
    if topic == "error":
        return "b_4"  # its derivative is that of the sum
    if topic == "output":
        ask = "out"
    return {"bias": f"b_{j}", "out": f"W_{j}4"}.get(ask, f"W_{i}{j}")


def is_fit(sample: dict[str, Any], topic: str) -> bool:
    """Whether a sample is worth a question: not sure, some units on and some off, no kink."""
    z = [sample[f"z_{j}"] for j in (1, 2, 3)]
    n_on = sum(value > 0 for value in z)
    return (
        0.25 <= abs(sample["z_4"]) <= 2.5 and abs(sample["x_1"]) != abs(sample["x_2"])
        and all(0.25 <= abs(value) <= 9 for value in z) and 0 < n_on < 3 + (topic == "hidden")
    )  # fmt: skip


# Part 1: the value is short, with two weights that count and the masked one; all others are 0.


def hinge_case(topic: str, ask: str, y: int, rng: np.random.Generator) -> Any:
    """Return the question and the point of samples that are drawn once, or nothing."""
    n, k, alpha = 3 if topic == "mask" else 1, int(rng.integers(2, 4)), float(rng.choice(STEPS))
    theta = np.zeros(7)
    theta[[6 - k, 5, 6]] = drawn(rng, FACTORS, 3)
    u = rng.choice(FACTORS, n, replace=False) * rng.choice([-1, 1], n)
    labels = np.append(y, rng.choice([-1, 1], n - 1))
    X = polynomial.features(u)
    h = hinge.hypothesis(theta, X)
    active, j = labels * h < 1, 5 if ask == "masked" else 6 - k
    if np.any(np.abs(labels * h - 1) < 0.1) or np.any(np.abs(h) > 30) or not h.all():
        return None
    if topic == "step" and active[0] != (ask != "safe"):
        return None
    numbers = {"j": j, "k": k, "alpha": alpha, "α": alpha, "θ_j": theta[j], "t_j": theta[6 - k]}
    numbers |= {f"t_{m}": theta[m] for m in (3, 4, 5, 6)}
    for name, *row in zip("ABC", u, labels, h, active, strict=False):
        v, label, value, is_active = row
        numbers |= {f"u_{name}": v, f"y_{name}": label, f"h_{name}": value, f"f_{name}": v**k,
                    f"r_{name}": label * value, f"e_{name}": int(is_active),
                    f"is_{name}": "active" if is_active else "safe",
                    f"place_{name}": 170 + 46 * v,
                    f"sign_{name}": "+" if label > 0 else "−"}  # fmt: skip
    asked = question_of("step θ_j" if topic == "step" else "hinge θ_j")
    return asked, Point(numbers, (theta, X, labels.astype(float), j))


# What is taken.


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
    values = sorted([right, *(value for kind in kinds for *_, value in kind)])
    apart = all(b - a > 2 * unit for a, b in itertools.pairwise(values))
    safe = abs(abs(right) / unit % 1 - 0.5) > 0.12
    told = [name for kind in kinds for name, *_ in kind]
    known = told and not any(" / " in name for name in told) and MATTERS.get(ask, told[0]) in told
    if not (apart and safe and known and LEAST <= abs(right or 1) <= MOST):
        return None
    exact = abs(right - round(right, digits)) < 1e-9
    numbers = point.symbols | {"answer": right if exact else f"{right:.{digits}f}"}
    return Instance(ask, {k: shown(v) for k, v in numbers.items()}, right, *kinds)


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
