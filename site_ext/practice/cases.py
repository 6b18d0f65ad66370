"""Cases of the practice page: a network or samples drawn once, with every number by its name."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from hwlib import hinge, network, polynomial
from site_ext import answer_data
from site_ext.answer_data import Point, Question, Value

FACTORS, BIASES = [0.5, 1.5, 2.0, 3.0], [0.25, 0.5, 1.5]
LAMBDAS, STEPS = [0.1, 0.2, 0.4], [0.2, 0.4]


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
        "x_other": x[2 - i],
        "v": s[f"W_{i}{j}"], "v_1": s[f"W_1{j}"], "v_2": s[f"W_2{j}"], "b": s[f"b_{j}"],
        "w": s[f"W_{j}4"], "z": s[f"z_{j}"], "a": s[f"a_{j}"], "gate": float(s[f"z_{j}"] > 0),
        "is": "on" if s[f"z_{j}"] > 0 else "off", "p_true": s["ŷ"] if y else 1 - s["ŷ"],
    }  # fmt: skip
    here["rough"] = 6e-5 / max(here["p_true"], 1e-3)  # what rounding of that does to its logarithm
    return {k: v for k, v in s.items() if not isinstance(v, list)} | here


@functools.cache
def question_of(asked: str) -> Question:
    return answer_data.question(asked)._replace(others={})


def through(question: Question, last: Any) -> dict[str, tuple[str, Value]]:
    """Return the mistakes of a sum, carried on to what is computed from it."""

    def of(value: Value) -> Value:
        return lambda p: float(last(value(p), p.symbols["y"]))

    return {name: (rule, of(value)) for name, (rule, value) in question.mistakes.items()}


def asked_question(topic: str, ask: str, i: int, j: int) -> Question:
    """Return what is asked: a value of the forward pass, or a derivative."""
    z4, loss = question_of("formula forward-z4"), question_of("formula forward-loss")
    if topic == "forward":
        return z4 if ask == "z4" else loss._replace(
            mistakes=loss.mistakes | through(z4, network.log_loss))  # fmt: skip
    if topic == "error":
        return question_of("network b_4")  # its derivative is that of the sum
    named = {"bias": f"b_{j}", "out": f"W_{j}4"}
    return question_of(f"network {named.get('out' if topic == 'output' else ask, f'W_{i}{j}')}")


def network_case(topic: str, ask: str, y: int, rng: np.random.Generator) -> Any:
    """Return the question and the point of a network that is drawn once, or nothing."""
    params = network.Parameters(
        drawn(rng, FACTORS, 2, 3), drawn(rng, BIASES, 3), drawn(rng, FACTORS, 3),
        float(drawn(rng, BIASES)),
    )  # fmt: skip
    X, labels = drawn(rng, FACTORS, 2, 2), np.array([y, 1 - y])
    i, j = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    l2 = float(rng.choice(LAMBDAS)) * (topic == "penalty")
    samples = [network_numbers(params, x, y, l2, i, j) for x, y in zip(X, labels, strict=True)]
    if topic != "batch":
        X, labels, samples = X[:1], labels[:1], samples[:1]
    if not all(is_fit(sample, topic) for sample in samples):
        return None
    gates = {s["is"] for s in samples}
    if gates == {"off"} if topic == "batch" else gates != {"off" if ask == "off" else "on"}:
        return None
    of_each = [
        {f"{k}_{s}": v for k, v in one.items()} for s, one in zip("AB", samples, strict=False)
    ]
    numbers = dict(itertools.chain(samples[0].items(), *(one.items() for one in of_each)))
    question = asked_question(topic, ask, i, j)
    data = params, X, labels.astype(float)
    if topic == "penalty":
        alone, whole = (question.right(Point({}, (*data, t))) for t in (0.0, l2))
        factor = alone / numbers["delta"]
        numbers |= {"part": factor * float(shown(numbers["delta"])), "decay": whole - alone}
    return question, Point(numbers, (*data, l2))


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
    kinds = {*np.digitize(labels * h, [0, 1])}  # all three, so that each wrong test has its number
    if (ask == "theta" and len(kinds) < 3) or (topic == "step" and active[0] == (ask == "safe")):
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
