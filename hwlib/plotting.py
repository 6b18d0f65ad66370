"""The book's figures: functions that draw on an Axes and return it. Nothing is computed here."""

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
"""Line and marker colours that colour-blind readers tell apart; 4.5 to 1 on white but `light`."""

CLASS_STYLE = {
    "high": {"color": COLORS["blue"], "marker": "o"},
    "low": {"color": COLORS["orange"], "marker": "X"},
}
"""Colour and marker of the samples with the higher label (+1 or 1) and the lower (-1 or 0)."""


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
        Labels in {-1, +1} or {0, 1}; 1 is drawn as a blue disc, the other as an orange cross.
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

    Returns
    -------
    Axes
        With equal scales and no frame.
    """
    drawn = {}
    for name, (x, y) in positions.items():
        box = {"boxstyle": "circle,pad=0.35", "facecolor": "white", "edgecolor": COLORS["black"]}
        drawn[name] = ax.text(x, y, name, ha="center", va="center", bbox=box, zorder=3)
        for texts, offset, color in ((forward, 22, "blue"), (backward, -22, "orange")):
            if texts and name in texts:
                ax.annotate(
                    texts[name], (x, y), xytext=(0, offset), textcoords="offset points",
                    ha="center", va="center", color=COLORS[color], fontsize=9, zorder=4,
                )  # fmt: skip
    for a, b in edges:
        strong = (a, b) in highlight
        arrow = FancyArrowPatch(
            positions[a], positions[b], arrowstyle="-|>", mutation_scale=12, shrinkA=16, shrinkB=16,
            color=COLORS["orange" if strong else "gray"], linewidth=2.4 if strong else 1.2,
        )  # fmt: skip
        ax.add_patch(arrow)
        if edge_labels and (a, b) in edge_labels:
            (xa, ya), (xb, yb) = positions[a], positions[b]
            at = (0.58 * xa + 0.42 * xb, 0.58 * ya + 0.42 * yb)
            white = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            label = edge_labels[a, b]
            ax.text(*at, label, ha="center", va="center", fontsize=9, bbox=white, zorder=2.5)
    ax.set_aspect("equal")
    ax.margins(0.12)
    ax.axis("off")
    return ax
