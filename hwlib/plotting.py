"""The book's figures: functions that draw on an Axes and return it. Nothing is computed here.

Orange has one meaning in the whole book: a derivative. Its number, its curve, the point where
it is taken, and the path on which it comes back are orange, and nothing else is. Blue is what a
figure is about, or a value; purple, green and black are what it is compared with.

A figure of the style's own size, 5.5 inches wide, fits a phone with all of its text at 11 points.
One that needs more room asks for 7 inches, and is scrolled there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from numpy.typing import ArrayLike

COLORS = {
    "blue": "#0072b2",
    "orange": "#bf4f00",
    "green": "#007a5a",
    "purple": "#a3468a",
    "black": "#1a1a1a",
    "gray": "#6b6b6b",
    "light": "#d9d9d9",
}
"""Colours that colour-blind readers tell apart, 4.5 to 1 on white; `light` is the grid's alone.

On the site each has a counterpart on the ground of the dark theme, and white is the ground.
"""

CLASS_STYLE = {
    "high": {"color": COLORS["blue"], "marker": "o"},
    "low": {"color": COLORS["purple"], "marker": "X"},
}
"""Colour and marker of the samples with the higher label (+1 or 1) and the lower (-1 or 0)."""

NODE = 32.0
"""Diameter of a node of `graph`, in points: wide enough for a name such as W_14."""

LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}


def use_book_style() -> None:
    """Use the book's style, and in a notebook show figures as SVG that is the same every time."""
    plt.style.use("hwlib.book")
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError):
        return  # outside a notebook there is nothing to set


def samples(ax: Axes, X: ArrayLike, y: ArrayLike, **kwargs: Any) -> Axes:
    """Draw labelled points in the plane, each class with a colour and a marker of its own.

    Parameters
    ----------
    ax : Axes
    X : array_like, shape (n, 2)
    y : array_like, shape (n,)
        Labels in {-1, +1} or {0, 1}; 1 is drawn as a blue disc, the other as a purple cross.
    **kwargs
        Passed on to `Axes.scatter`.

    Returns
    -------
    Axes
    """
    points, high = np.asarray(X), np.asarray(y) == 1
    style = {"s": 28, "linewidths": 0.6, "edgecolors": "white", "zorder": 3}
    for name, chosen in (("low", points[~high]), ("high", points[high])):
        options: dict[str, Any] = CLASS_STYLE[name] | style | kwargs
        ax.scatter(chosen[:, 0], chosen[:, 1], **options)
    return ax


def end_label(ax: Axes, x: float, y: float, text: str, color: str, **kwargs: Any) -> Axes:
    """Write a curve's name beside its point (x, y), in the curve's colour: a direct label.

    Parameters
    ----------
    ax : Axes
    x, y : float
        In data units.
    text, color : str
    **kwargs
        Passed on to `Axes.annotate`; `xytext` is the offset in points, (6, 0) by default.

    Returns
    -------
    Axes
    """
    options: dict[str, Any] = {"xytext": (6, 0), "va": "center"}
    ax.annotate(text, (x, y), textcoords="offset points", color=color, **(options | kwargs))
    return ax


def graph(
    ax: Axes,
    positions: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    *,
    forward: Mapping[str, str] | None = None,
    backward: Mapping[str, str] | None = None,
    edge_labels: Mapping[tuple[str, str], str] | None = None,
    highlight: Sequence[tuple[str, str]] = (),
    label_at: float = 0.42,
) -> Axes:
    """Draw a computational graph: nodes, arrows, and the numbers of a pass beside them.

    Parameters
    ----------
    ax : Axes
    positions : mapping
        Node's name, as it is written in the node (mathtext allowed), to its centre (x, y).
    edges : sequence of (str, str)
        From node, to node.
    forward, backward : mapping, optional
        Text above a node (blue: its value) and below it (orange: its gradient).
    edge_labels : mapping, optional
        Text on an edge, such as its weight.
    highlight : sequence of (str, str), optional
        Edges drawn thick and orange.
    label_at : float, default 0.42
        Where on its edge a label stands, from 0 (first node) to 1 (second). Move it where
        crossing edges bring labels together.

    Returns
    -------
    Axes
        With equal scales and no frame.
    """
    _draw_nodes(ax, positions, ((forward or {}, 1, "blue"), (backward or {}, -1, "orange")))
    for a, b in edges:
        _draw_edge(ax, positions[a], positions[b], strong=(a, b) in highlight)
        if edge_labels and (a, b) in edge_labels:
            (xa, ya), (xb, yb) = positions[a], positions[b]
            x, y = xa + label_at * (xb - xa), ya + label_at * (yb - ya)
            style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 2.5}
            ax.text(x, y, edge_labels[a, b], bbox=LABEL_BOX, **style)
    ax.set_aspect("equal")
    ax.margins(0.12)
    ax.axis("off")
    return ax


def _draw_nodes(
    ax: Axes,
    positions: Mapping[str, tuple[float, float]],
    passes: Sequence[tuple[Mapping[str, str], int, str]],
) -> None:
    # All nodes have one size, so that every arrow ends at the rim of its circle.
    ring: dict[str, Any] = {"s": NODE**2, "facecolors": "white", "edgecolors": COLORS["black"]}
    ax.scatter(*np.array(list(positions.values())).T, **ring, linewidths=1.0, zorder=3)
    for name, at in positions.items():
        ax.text(*at, name, ha="center", va="center", zorder=3.5)
        for texts, side, color in passes:
            if name in texts:
                ax.annotate(
                    texts[name], at, xytext=(0, side * (NODE / 2 + 10)), color=COLORS[color],
                    textcoords="offset points", ha="center", va="center", zorder=4,
                    bbox=LABEL_BOX,
                )  # fmt: skip


def _draw_edge(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], *, strong: bool
) -> None:
    arrow = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=12, shrinkA=NODE / 2, shrinkB=NODE / 2 + 1,
        color=COLORS["orange" if strong else "gray"], linewidth=2.4 if strong else 1.2,
    )  # fmt: skip
    ax.add_patch(arrow)
