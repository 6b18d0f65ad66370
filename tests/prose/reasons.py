"""The reasons beside the lines of a derivation: from a list, and such as fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lark import Tree

from formulas.reader import (
    DISPLAY,
    Equation,
    Node,
    Symbol,
    leaves,
    parse,
)
from hwlib import numbering
from tests.prose.example import BOOK
from tests.prose.text import Notebook


def _is_slope(tree: Any) -> bool:
    """Whether a piece of a formula is a derivative: a fraction, a delta, or a primed function."""
    if tree.data == "derivative":
        return True
    symbol = tree.children[0] if tree.data in ("symbol", "applied") else None
    symbol = symbol.children[0] if isinstance(symbol, Tree) else symbol
    nested = isinstance(symbol, Symbol) and any(isinstance(i, Symbol) for i in symbol.index)
    return isinstance(symbol, Symbol) and bool(symbol.primes or nested)


def _slopes(tree: Node) -> int:
    """Return how many derivatives a formula has in it."""
    if not isinstance(tree, Tree):
        return 0
    return 1 if _is_slope(tree) else sum(map(_slopes, tree.children))


def _factors(tree: Node) -> list[Node]:
    return [f for c in tree.children for f in _factors(c)] if tree.data in PRODUCTS else [tree]


PRODUCTS = ("times", "odot")
SUMS = ("add", "sub", "sum")


def _is_chain(before: Node, after: Node) -> bool:
    products = (t for t in after.iter_subtrees() if t.data in PRODUCTS)
    return any(sum(map(_is_slope, _factors(product))) > 1 for product in products)


def _is_sum_of_slopes(before: Node, after: Node) -> bool:
    sums = (t for t in after.iter_subtrees() if t.data in SUMS)
    return any(_slopes(s) > (s.data != "sum") for s in sums)


def _is_product_rule(before: Node, after: Node) -> bool:
    sums = (t for t in after.iter_subtrees() if t.data in ("add", "sub"))
    return any(all(map(_slopes, s.children)) and any(map(_products, s.children)) for s in sums)


def _products(tree: Node) -> bool:
    return any(t.data in PRODUCTS for t in tree.iter_subtrees())


def _has(*kinds: str) -> Any:
    return lambda before, after: any(t.data in kinds for t in after.iter_subtrees())


def _size(tree: Node) -> int:
    return sum(1 for _ in tree.scan_values(lambda leaf: True))


def _had_slope(before: Node, after: Node) -> bool:
    return _slopes(before) > 0


def _lost_slope(before: Node, after: Node) -> bool:
    return _slopes(before) > _slopes(after)


def _anything(before: Node, after: Node) -> bool:
    return True


REASONS: dict[str, Any] = {
    "chain rule": _is_chain,
    "sum rule": _is_sum_of_slopes,
    "product rule": _is_product_rule,
    "quotient rule": _has("frac"),
    "power rule": _had_slope,
    "constant factors?": _had_slope,
    "derivative of .+": _lost_slope,
    "derivative of a constant": _lost_slope,
    "common denominator": _has("frac"),
    "split the fraction": _has("frac"),
    "(drop zeros|cancel)": lambda before, after: _size(after) < _size(before),
    "case distinction": lambda before, after: (
        _has("cases")(after, before) or _has("cases")(0, after)
    ),
    "(expand|multiply out)": _has(*SUMS),
    "(sum over|two|three) paths": _is_sum_of_slopes,
    "factor out": _has("times", "odot", "frac"),
    "log of a (product|power|quotient)": lambda before, after: _calls("log", before, after),
    "Cauchy-Schwarz": _anything,
    "log undoes exp": lambda before, after: _calls("log", before),
    "collect (terms|signs)": _anything,
    "reorder": lambda before, after: Counter(leaves(before)) == Counter(leaves(after)),
    "substitute .+": _anything,
    "(multiply|divide) by .+": _anything,
    "Taylor": lambda before, after: _calls("O", after),
}
"""The reasons that may stand beside a line of a derivation, and whether one fits its step."""

SPELLED = {
    "ŷ": "haty", "σ": "sigma", "the sigmoid": "sigma", "δ": "delta", "θ": "theta", "λ": "lambda",
    "τ": "tau", "α": "alpha", "μ": "mu", "ℓ": "ell", "ρ": "rho", "η": "eta", "ν": "nu",
    "the loss": "L",
}  # fmt: skip
"""Names of symbols in a reason, where they are not those of LaTeX."""


def _calls(name: str, *sides: Node) -> bool:
    return any(s.name == name for side in sides for s in leaves(side))


def reason_faults(page: Notebook) -> Iterator[str]:
    """Yield the reasons beside the derivations of a page that are not listed, or do not fit."""
    text = "\n\n".join("".join(c["source"]) for c in page.stored if c["cell_type"] == "markdown")
    for latex, label in DISPLAY.findall(text):
        yield from misfits(page.name, label, latex)


def misfits(page: str, label: str, latex: str) -> Iterator[str]:
    """Yield what is wrong with the reasons beside one displayed derivation."""
    equation = parse(page, label, latex)
    for m in re.finditer(r"&&\s*\\text\{\(?(.*?)\)?\}", latex):
        k = len(re.findall(r"&\s*(?:=|<|>|\\(?:ge|le|ne)\b)", latex[: m.start()]))
        if why := _misfit(m[1], *equation.sides[k - 1 : k + 1], equation):
            yield f"{page}, ({numbering.number(label)}), the reason “{m[1]}”: {why}"


def _misfit(reason: str, before: Node, after: Node, equation: Equation) -> str:
    if ", " in reason:
        found = (_misfit(part, before, after, equation) for part in reason.split(", "))
        return next(filter(None, found), "")
    if re.fullmatch(r"\(?\d+\.\d+\.\d+\)?", reason):
        numbers = [numbering.number(e.label) for e in BOOK.equations]
        here = numbering.number(equation.label)
        place = reason.strip("()")
        if place not in numbers or numbers.index(place) >= numbers.index(here):
            return "no earlier equation has that number"
        return ""
    if reason.startswith("definition of "):
        name = reason.removeprefix("definition of ")
        name = SPELLED.get(
            name, re.sub(r"[₀-₉]+|_.*", "", SPELLED.get(name[0], name[0]) + name[1:])
        )
        known = BOOK.definitions(equation.page, name) or name in ("delta", "ReLU")
        if not known:
            return f"the book does not define {name}"
        inside = [any(s.name == name for s in leaves(side)) for side in (before, after)]
        return "" if any(inside) and before != after else f"{name} is in neither line"
    for pattern, fits in REASONS.items():
        if re.fullmatch(pattern, reason):
            return "" if fits(before, after) else "it does not fit the step"
    return "it is not in the list"
