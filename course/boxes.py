"""The data of an answer box for a student: hashes in place of the values that it compares with.

The right values and those of mistakes and conventions are rounded, and hashed with the name of the
box and the point. What a reader types is rounded and hashed in the page, by ``static/hashed.js``,
and compared. A page tells as before whether an answer is right and which mistake it shows, and does
not hold the answer. A number of few digits can be guessed all the same, by trying all that it might
be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

ROUNDS, WIDTH = 1000, 48
OFFSET, PRIME = np.uint32(0x811C9DC5), np.uint32(0x01000193)


def hashes(texts: Iterable[str]) -> dict[str, str]:
    """Return the hash of each text: FNV-1a, 32 bits, of the text said a thousand times."""
    texts = sorted(set(texts))
    codes = np.array([[*f"{text:{WIDTH}}".encode()] for text in texts], np.uint32).T
    state = np.full(len(texts), OFFSET)
    for _ in range(ROUNDS):
        for code in codes:
            state = (state ^ code) * PRIME
    return {text: f"{value:x}" for text, value in zip(texts, state, strict=True)}


def roundings(value: float, digits: int | None) -> list[str]:
    """Return what a value is rounded to: two texts where it lies at the edge of two roundings.

    A number is rounded to the decimals asked for; without digits it is the value of a formula at a
    point, of which seven digits count.
    """
    if digits is not None:
        nearby = [value + side * 10 ** -(digits + 4) for side in (1, -1)]
        return [f"{v:.{digits}f}" for v in nearby]
    if abs(value) < 1e-9:
        return ["0"]
    parts = [f"{value * (1 + side * 1e-10):.6e}".split("e") for side in (1, -1)]
    return [f"{mantissa}e{int(exponent):+d}" for mantissa, exponent in parts]


Column = list[Any]


def leaves(column: Iterable[Any]) -> Iterator[str]:
    """Yield the texts of a column."""
    for each in column:
        yield from [each] if isinstance(each, str) else leaves(each)


def mapped(column: Column, of: Callable[[Any, int], Any]) -> Column:
    """Return a column of values, or of matrices of them, with each value replaced."""

    def each(value: Any, p: int) -> Any:
        return [each(v, p) for v in value] if isinstance(value, list) else of(value, p)

    return [each(value, p) for p, value in enumerate(column)]


def too_short(value: float, digits: int) -> list[str]:
    """Return what a number is with fewer decimals than asked for, as one rounds by hand."""
    steps = [Decimal(10) ** -places for places in range(1, min(digits, 4))]
    return [f"{float(Decimal(value).quantize(step, ROUND_HALF_UP)) + 0.0:.10g}" for step in steps]


def hashed(label: str, data: dict[str, Any]) -> None:
    """Put hashes in place of the values of a box.

    What lies between both sides at a kink is right under another convention: of these the box keeps
    the value of the other side and the mean.
    """
    right, digits = data["right"], None if data["symbols"] else data["digits"]

    def texts(value: float, p: int) -> tuple[str, ...]:
        return tuple(f"{label} {p} {text}" for text in dict.fromkeys(roundings(value, digits)))

    on_kink = {p for p, value in enumerate(data["difference"]) if value is None}
    both = [(at, (at + value) / 2) for at, value in zip(data["atKink"], right, strict=True)
            ] if on_kink else []  # fmt: skip
    short = too_short(right[0], digits) if digits is not None else []
    data["cut"] = [(f"{label} {text}",) for text in short]
    data["atKink"] = [
        sum((texts(v, p) for v in values), ()) if p in on_kink else ()
        for p, values in enumerate(both)
    ]
    entries = [*data["mistakes"], *data["conventions"]]
    columns = [(data, "right"), *((entry, "values") for entry in entries)]
    for holder, key in columns:
        holder[key] = mapped(holder[key], texts) or [()] * len(right)
    columns += [(data, "cut"), (data, "atKink")]
    table = hashes(text for holder, key in columns for text in leaves(holder[key]))
    for holder, key in columns:
        holder[key] = mapped(holder[key], lambda some, _: " ".join(table[text] for text in some))
    shapes = [value if isinstance(value, list) else "" for value in data["right"]]
    data["difference"] = [None if p in on_kink else shape for p, shape in enumerate(shapes)]
    data["salt"] = label
