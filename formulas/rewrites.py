"""Wrong versions of a printed formula, each of which the check must refuse."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lark import Token, Tree

from hwlib.equations import CALLS, LETTERS, Book, Equation, FormulaError, check_one, name_of
from hwlib.worlds import part_of

POINTS = 24

SWAPS = {
    "z": "a", "a": "z", "y": r"\hat{y}", r"\hat{y}": "y", "J": "L", "L": "J", "R": "L", "G": "N",
    "N": "G", r"\lambda": r"\alpha", r"\alpha": r"\lambda", r"\log": r"\exp", r"\exp": r"\log",
    r"\max": r"\min", r"\sigma": r"\operatorname{ReLU}", r"\operatorname{ReLU}": r"\sigma",
    r"\mu": r"\theta", "X": "D", "e": "y", "u": "c", "c": "u", "q": "z", "p": "y", "W": "b",
    r"\varepsilon": r"\eta", r"\eta": r"\varepsilon",
}  # fmt: skip
"""A symbol and another of the same kind, which a writer may put in its place."""

SIZES = {"n": ("3", "6"), "d": ("2", "3")}
"""The number of samples or of inputs, and numbers that it happens to be."""

SIGNS = {
    r"\ge": (">", r"\le"), r"\le": ("<", r"\ge"), ">": (r"\ge", "<"), "<": (r"\le", ">"),
    "=": (r"\ne",), r"\ne": ("=",),
}  # fmt: skip


def mutants(equation: Equation) -> Iterator[tuple[str, Equation]]:
    """Yield wrong versions of an equation, each with a description.

    A sign of a term, a dropped term or factor, swapped branches, another comparison, index,
    exponent or number, a symbol for another of its kind.
    """
    for k, side in enumerate(equation.sides):
        for what, other in _rewrites(side):
            sides = (*equation.sides[:k], other, *equation.sides[k + 1 :])
            yield f"side {k + 1}, {what}", replace(equation, sides=sides)
    for k, sign in enumerate(equation.relations):
        if sign != "=":
            for other in SIGNS[sign]:
                signs = (*equation.relations[:k], other, *equation.relations[k + 1 :])
                yield f"{sign} becomes {other}", replace(equation, relations=signs)


def survives(mutant: Equation, book: Book) -> bool:
    """Whether no check refuses a wrong version: its own, or one of an equation that may use it."""
    changed = Book(mutant if e.label == mutant.label else e for e in book.equations)
    others = [e for e in changed.equations if e is not mutant and defines(mutant, book)]
    part, sought = part_of(mutant.chapter), names(mutant.sides[0])
    users = sorted(
        (e for e in others if part_of(e.chapter) == part),
        key=lambda e: (not sought & names(*e.sides), e.chapter != mutant.chapter),
    )
    try:
        for user in [mutant, *users]:
            check_one(user, changed, POINTS)
    except FormulaError:
        return False
    return True


def names(*sides: Any) -> set[str]:
    """Return the names of the symbols of some sides."""
    return {name_of(symbol)[0] for side in sides for symbol in side.find_data("symbol")}


def same_meaning() -> dict[tuple[str, str], str]:
    """Return the rewrites that say the same as what is printed, by label and description."""
    text = (Path(__file__).parent / "same_meaning.toml").read_text(encoding="utf-8")
    return {
        (label, what): entry["reason"]
        for entry in tomllib.loads(text)["same"]
        for label, descriptions in entry.items()
        if label != "reason"
        for what in descriptions
    }


class Score(NamedTuple):
    """How the wrong versions of one formula fared.

    Attributes
    ----------
    label : str
    refused, same : int
        How many a check refused, and how many are listed as saying the same.
    escaped : tuple of str
        Those that no check refused, and that are not listed.
    """

    label: str
    refused: int
    same: int
    escaped: tuple[str, ...]


def score(equation: Equation, book: Book) -> Score:
    """Rewrite a formula in every way and count what is refused.

    Parameters
    ----------
    equation : Equation
    book : Book
    """
    listed = {what for label, what in same_meaning() if label == equation.label}
    counts = {"refused": 0, "same": 0}
    escaped = []
    for what, mutant in mutants(equation):
        if not survives(mutant, book):
            counts["refused"] += 1
        elif what in listed:
            counts["same"] += 1
        else:
            escaped.append(what)
    return Score(equation.label, counts["refused"], counts["same"], tuple(escaped))


def defines(mutant: Equation, book: Book) -> bool:
    """Whether the printed version of an equation defines a symbol."""
    return (
        any(d.equation.label == mutant.label for d in book.definitions) and len(mutant.sides) == 2
    )


def _with(node: Any, children: list[Any]) -> Any:
    return Tree(node.data, children, node.meta)


def _rewrites(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield each change of one place in a formula."""
    if isinstance(node, Token):
        return
    yield from getattr(_Rules, node.data, lambda node: iter(()))(node)
    for k, child in enumerate(node.children):
        for what, other in _rewrites(child):
            yield what, _with(node, [*node.children[:k], other, *node.children[k + 1 :]])


def _text(node: Any) -> str:
    """Return a short name of a piece of a formula."""
    return " ".join(str(t) for t in node.scan_values(lambda _: True)) or node.data


class _Rules:
    """The changes of one construct, by the grammar's name of it."""

    @staticmethod
    def add(node: Any) -> Iterator[tuple[str, Any]]:
        a, b = node.children
        yield f"+ {_text(b)} becomes -", Tree("sub", [a, b], node.meta)
        yield f"+ {_text(b)} dropped", a
        yield f"{_text(a)} + dropped", b

    @staticmethod
    def sub(node: Any) -> Iterator[tuple[str, Any]]:
        a, b = node.children
        yield f"- {_text(b)} becomes +", Tree("add", [a, b], node.meta)
        yield f"- {_text(b)} dropped", a
        yield f"{_text(a)} - dropped", Tree("neg", [b], node.meta)

    @staticmethod
    def neg(node: Any) -> Iterator[tuple[str, Any]]:
        yield f"sign of {_text(node)} dropped", node.children[0]

    @staticmethod
    def factors(node: Any) -> Iterator[tuple[str, Any]]:
        groups, queue = [], list(node.children)
        while queue:
            group = [queue.pop(0)]
            is_call = group[0].data == "symbol" and name_of(group[0])[0] in CALLS
            if is_call and queue and queue[0].data == "group":
                group.append(queue.pop(0))
            groups.append(group)
        for k, group in enumerate(groups):
            rest = [child for other in groups[:k] + groups[k + 1 :] for child in other]
            if rest:
                yield f"factor {' '.join(map(_text, group))} dropped", _with(node, rest)

    @staticmethod
    def frac(node: Any) -> Iterator[tuple[str, Any]]:
        yield f"divisor {_text(node.children[1])} dropped", node.children[0]

    @staticmethod
    def cases(node: Any) -> Iterator[tuple[str, Any]]:
        first, *rest, last = node.children
        swapped = [
            _with(first, [last.children[0], *first.children[1:]]),
            *rest,
            _with(last, [first.children[0]]),
        ]
        yield "branches swapped", _with(node, swapped)

    @staticmethod
    def case(node: Any) -> Iterator[tuple[str, Any]]:
        if len(node.children) == 4:
            value, left, sign, right = node.children
            for other in SIGNS[str(sign)]:
                yield (
                    f"{sign} becomes {other}",
                    _with(node, [value, left, Token("REL", other), right]),
                )

    @staticmethod
    def power(node: Any) -> Iterator[tuple[str, Any]]:
        base, exponent = node.children
        if exponent.data == "top":
            yield "transpose dropped", base
        elif str(_text(base)) != "e":
            yield f"exponent of {_text(base)} dropped", base

    @staticmethod
    def number(node: Any) -> Iterator[tuple[str, Any]]:
        value = str(node.children[0])
        others = {"0": ("1",), "1": ("2", "0"), "2": ("1", "3"), "7": ("6",)}.get(
            value, (str(int(value) + 1), str(int(value) - 1))
        )
        for other in others:
            yield f"{value} becomes {other}", _with(node, [Token("NUMBER", other)])

    @staticmethod
    def indices(node: Any) -> Iterator[tuple[str, Any]]:
        for k, token in enumerate(node.children):
            if isinstance(token, Token) and (token.isdigit() or str(token) in LETTERS):
                for other in {
                    "1": "2",
                    "2": "1",
                    "3": "1",
                    "4": "1",
                    "i": "j",
                    "j": "i",
                    "k": "j",
                    "s": "i",
                }[str(token)]:
                    new = Token("DIGIT" if other.isdigit() else "LETTER", other)
                    children = [*node.children[:k], new, *node.children[k + 1 :]]
                    yield f"index {_text(node)}: {token} becomes {other}", _with(node, children)
        if len(set(map(str, node.children))) == 2 == len(node.children):
            yield f"index {_text(node)} turned round", _with(node, node.children[::-1])

    @staticmethod
    def lower(node: Any) -> Iterator[tuple[str, Any]]:
        base, *index = node.children
        for _, other in _Rules.indices(Tree("indices", index, node.meta)):
            yield (
                f"index {_text(node)}: becomes {base} {_text(other)}",
                _with(node, [base, *other.children]),
            )
        if str(base) in SWAPS:
            yield (
                f"{base} becomes {SWAPS[str(base)]} in {_text(node)}",
                _with(node, [Token("LETTER", SWAPS[str(base)]), *index]),
            )

    @staticmethod
    def symbol(node: Any) -> Iterator[tuple[str, Any]]:
        base, *rest = node.children
        if str(base) in SWAPS:
            yield (
                f"{_text(node)} becomes {SWAPS[str(base)]}",
                _with(node, [Token("LETTER", SWAPS[str(base)]), *rest]),
            )
        if str(base) in SIZES and not rest:
            for number in SIZES[str(base)]:
                yield f"{base} becomes {number}", Tree("number", [Token("NUMBER", number)])
        primes = [t for t in rest if isinstance(t, Token) and t.type == "PRIMES"]
        if primes:
            kept = [t for t in rest if t is not primes[0]]
            shorter = [Token("PRIMES", "'" * (len(primes[0]) - 1))] if len(primes[0]) > 1 else []
            yield f"prime of {_text(node)} dropped", _with(node, [base, *shorter, *kept])
