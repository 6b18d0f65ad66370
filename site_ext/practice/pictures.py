"""Drawings of the practice page: templates whose numbers are filled in for each instance.

``{W_11}`` is the place of a number. Colours are the inks of book.css, and so is the type.
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, LINE = 340, 18
UNITS, INPUTS, OUT = (54, 170, 286), (84, 256), 170
SUB = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def named(name: str) -> str:
    """Return a number with its name before it: ``W₁₁ = {W_11}``."""
    letter, _, index = name.partition("_")
    letter = {"y_hat": "ŷ", "l2": "λ", "alpha": "α"}.get(name, letter)
    return f"{letter}{'' if name == 'y_hat' else index.translate(SUB)} = {{{name}}}"


def text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"{style and f" class={style!r}"}>{words}</text>'


def box(x: float, top: float, width: float, lines: Sequence[str]) -> str:
    """Draw a box around lines of text."""
    height = LINE * len(lines) + 9
    frame = f'<rect x="{x - width / 2:g}" y="{top}" width="{width}" height="{height}" rx="6"/>'
    rows = (text(x, top + LINE * (n + 1), line) for n, line in enumerate(lines))
    return frame + "".join(rows)


def arrow(start: tuple[float, float], end: tuple[float, float], at: float, name: str) -> str:
    """Draw an arrow that goes up, with the name and the value of its weight beside its line."""
    (x, y), (u, v) = start, end
    length = ((u - x) ** 2 + (v - y) ** 2) ** 0.5
    a, b = (u - x) / length, (v - y) / length
    head = [(u, v), (u - 9 * a - 4 * b, v - 9 * b + 4 * a), (u - 9 * a + 4 * b, v - 9 * b - 4 * a)]
    points = " ".join(f"{p:.1f},{q:.1f}" for p, q in head)
    p, q = x + at * (u - x), y + at * (v - y)
    label = text(p, q - 3, named(name).partition(" =")[0], "label")
    label += text(p, q + 11, f"{{{name}}}", "label")
    return f'<path d="M{x:g},{y:g}L{u:g},{v:g}"/><polygon points="{points}"/>', label


def drawing(height: float, parts: Sequence[str], alt: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{alt}">'
    return f"{head}{''.join(parts)}</svg>"


def layers(unit: str, out: Sequence[str], inputs: Sequence[str] = ()) -> tuple[str, float]:
    """Draw the units with these numbers in each, and the inputs below; return the height, too."""
    top, height = LINE * (len(out) + 1) + 9, LINE * (len(unit) + 1) + 9
    hidden = top + 76
    bottom = hidden + height + 132
    arrows = [arrow((x, hidden), (OUT + (x - OUT) / 3, top + 1), 0.45, f"W_{j}4")
              for j, x in enumerate(UNITS, 1)]  # fmt: skip
    boxes = [box(OUT, 1, 126, ["unit 4", *map(named, out)])]
    for j, u in enumerate(UNITS, 1):
        boxes.append(box(u, hidden, 100, [f"unit {j}", *(named(f"{n}_{j}") for n in unit)]))
        for i, x in enumerate(INPUTS if inputs else (), 1):
            at = 0.84 if abs(u - x) > 150 else 0.42 if j == 2 else 0.5
            end = u + (8 if i == 2 else -8), hidden + height + 1
            arrows.append(arrow((x, bottom), end, at, f"W_{i}{j}"))
    boxes += [box(x, bottom, 96, [line]) for x, line in zip(INPUTS, inputs, strict=False)]
    lines, labels = zip(*arrows, strict=True)
    return "".join([*lines, *labels, *boxes]), bottom + 28 if inputs else hidden + height + 2


def told(names: Sequence[str]) -> str:
    return ", ".join(named(name) for name in names)


def weights_of(inputs: str) -> list[str]:
    return [f"W_{i}{j}" for i in inputs for j in "123"] + [f"W_{j}4" for j in "123"]


def beside(names: Sequence[str]) -> str:
    """Write the label at the left of the output unit, and other numbers at its right."""
    label = text(4, 17, "true label", "start") + text(4, 35, named("y"), "start")
    return label + "".join(text(336, 17, named(name), "end") for name in names)


def network(unit: str, out: Sequence[str], more: Sequence[str] = ()) -> str:
    """Draw the whole network, with these numbers in its units and beside its output."""
    picture, height = layers(unit, out, [named("x_1"), named("x_2")])
    inside = [f"{name}_{j}" for name in unit for j in "123"]
    numbers = told(["x_1", "x_2", *weights_of("12"), *inside, *out, "y", *more])
    return drawing(height, [picture, beside(more)], f"A network: {numbers}.")


def output(unit: str, out: Sequence[str]) -> str:
    """Draw the output unit and what the hidden units give it."""
    picture, height = layers(unit, out)
    numbers = told([*(f"{unit}_{j}" for j in "123"), *weights_of(""), *out, "y"])
    return drawing(height, [picture, beside([])], f"The output unit: {numbers}.")


def table(top: float, widths: Sequence[float], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table, with a line below its head."""
    middles = [sum(widths[:n]) + width / 2 for n, width in enumerate(widths)]
    cells = (
        text(x, top + 20 * k, cell)
        for k, row in enumerate(rows) for x, cell in zip(middles, row, strict=True)
    )  # fmt: skip
    return f'<path d="M0,{top + 6:g}H{WIDTH}"/>{"".join(cells)}'


def batch() -> str:
    """Draw the network without a sample in it, and both samples as a table."""
    picture, height = layers("b", ["b_4"], ["x₁", "x₂"])
    names = ["x_1", "x_2", "z_1", "z_2", "z_3", "y_hat", "y"]
    heads = {name: named(name).partition(" =")[0] for name in names}
    rows = [[s, *(f"{{{name}_{s}}}" for name in names)] for s in "AB"]
    widths = [24, 42, 42, 51, 51, 51, 55, 24]
    numbers = told([*weights_of("12"), "b_1", "b_2", "b_3", "b_4"])
    both = (
        f"{s}: {', '.join(f'{head} = {{{name}_{s}}}' for name, head in heads.items())}."
        for s in "AB"
    )
    samples = table(height + 26, widths, [["", *heads.values()], *rows])
    return drawing(height + 76, [picture, samples], f"A network: {numbers}. {' '.join(both)}")


def samples(letters: str, more: str = "") -> str:
    """Draw the inputs on a line with the signs of their labels, and the weights above."""
    widths = [54, 26, 26, 26, 50, 50, 66, 42]
    weights = ["0", "0", "0", "{t_3}", "{t_4}", "{t_5}", "{t_6}"]
    cells = [["", *(f"θ{str(j).translate(SUB)}" for j in range(7))], ["weight", *weights],
             ["of", "u⁶", "u⁵", "u⁴", "u³", "u²", "u", "1"]]  # fmt: skip
    left = sum(widths[:6])
    parts = [f'<rect class="masked" x="{left}" y="1" width="{widths[6]}" height="84"/>',
             table(18, widths, cells), text(left + 33, 79, "masked"),
             '<path d="M20,140H322"/>', text(333, 144, "u")]  # fmt: skip
    for v in range(-3, 4):
        x = 170 + 46 * v
        parts += [f'<path d="M{x},136v8"/>', text(x, 162, str(v).replace("-", "−"))]
    for s in letters:
        parts += [f'<circle cx="{{place_{s}}}" cy="120" r="9"/>']
        parts += [f'<text x="{{place_{s}}}" y="{y}">{words}</text>'
                  for y, words in ((125, f"{{sign_{s}}}"), (106, s))]  # fmt: skip
    rows = [["sample", "input u", "label y"], *([s, f"{{u_{s}}}", f"{{y_{s}}}"] for s in letters)]
    parts.append(table(194, [112, 114, 114], rows))
    height = 204 + 20 * len(letters)
    alt = "Weights: θ₀, θ₁ and θ₂ are 0, θ₃ = {t_3}, θ₄ = {t_4}, θ₅ = {t_5} (masked), θ₆ = {t_6}. "
    alt += " ".join(f"Sample {s}: u = {{u_{s}}}, y = {{y_{s}}}." for s in letters)
    if more:
        parts.append(text(170, height + 18, more))
    return drawing(height + 26 * bool(more), parts, f"{alt} {more}")


PICTURES = {
    "network": network("b", ["b_4"]),
    "samples": samples("ABC"), "sample": samples("A", f"step size {named('alpha')}"),
    "output": output("a", ["b_4"]), "sums": output("z", ["y_hat"]),
    "answered": network("b", ["b_4", "y_hat"]),
    "penalized": network("bz", ["b_4", "y_hat"], ["l2"]),
    "batch": batch(),
}  # fmt: skip
"""The drawing of each topic, by the name that ``words.toml`` gives it."""
