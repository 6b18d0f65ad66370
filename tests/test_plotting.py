"""hwlib.plotting: what is drawn, in which colours, on which axes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from hwlib import plotting

matplotlib.use("Agg")
ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def ax():
    with plt.rc_context():
        plotting.use_book_style()
        figure, ax = plt.subplots()
        yield ax
        plt.close(figure)


def luminance(color):
    """Relative luminance as WCAG 2 defines it."""
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


CSS = (ROOT / "site_ext" / "static" / "book.css").read_text(encoding="utf-8")
INKS = {
    theme: dict(re.findall(r"--ink-(\w+): (#\w{6});", block))
    for theme, block in re.findall(r'html\[data-theme="(\w+)"\] \{([^}]*--ink[^}]*)\}', CSS)
}
"""The colours in which the site draws a figure, in each of its themes."""


def test_the_site_has_an_ink_for_each_colour_in_each_theme():
    assert INKS["light"] == plotting.COLORS | {"ground": "#ffffff"}
    assert INKS["dark"].keys() == INKS["light"].keys()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(set(plotting.COLORS) - {"light"}))
def test_inks_stand_out_on_the_ground(theme, name):
    # Enough for text on the ground, for text in the colour of the ground on a patch, and for lines.
    assert contrast(INKS[theme][name], INKS[theme]["ground"]) >= 4.5


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21
    assert 4.47 < contrast("#777777", "#ffffff") < 4.5


def test_orange_is_no_colour_that_a_figure_gets_by_itself():
    with plt.rc_context():
        plotting.use_book_style()
        cycle = [to_hex(color) for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]]
    classes = [style["color"] for style in plotting.CLASS_STYLE.values()]
    assert plotting.COLORS["orange"] not in cycle + classes


def test_use_book_style_sets_the_look():
    with plt.rc_context():
        plt.rcParams["axes.spines.top"], plt.rcParams["svg.hashsalt"] = True, None
        plotting.use_book_style()
        assert plt.rcParams["axes.spines.top"] is False
        assert plt.rcParams["svg.hashsalt"] == "hwlib"
        assert plt.rcParams["figure.facecolor"] == "white"
        cycle = [to_hex(color) for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]]
        assert set(cycle) <= set(plotting.COLORS.values()) and len(set(cycle)) == len(cycle)


def test_a_figure_is_the_same_bytes_every_time():
    def drawn():
        with plt.rc_context(), io.BytesIO() as file:
            plotting.use_book_style()
            figure, ax = plt.subplots()
            plotting.samples(ax, [[0, 1], [1, 0]], [0, 1])
            plotting.graph(ax, {"$x$": (0, 0), "$y$": (1, 0)}, [("$x$", "$y$")])
            figure.savefig(file, format="svg", metadata={"Date": None})
            plt.close(figure)
            return file.getvalue()

    assert drawn() == drawn()


def drawn_points(ax):
    """Colour of each collection of points on the axes, with its points."""
    return {
        to_hex(c.get_facecolor()[0]): c.get_offsets().tolist()
        for c in ax.collections
        if len(c.get_offsets())
    }


@pytest.mark.parametrize("low", [-1, 0])
def test_samples_draws_each_class_in_its_colour(ax, low):
    X = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert plotting.samples(ax, X, [1, low, 1]) is ax
    assert drawn_points(ax) == {
        plotting.COLORS["blue"]: [[0.0, 1.0], [4.0, 5.0]],
        plotting.COLORS["purple"]: [[2.0, 3.0]],
    }
    # The classes differ in more than colour.
    markers = [collection.get_paths()[0].vertices.shape for collection in ax.collections]
    assert len(set(markers)) == 2


@pytest.mark.parametrize(("label", "color"), [(1, "blue"), (0, "purple"), (-1, "purple")])
def test_samples_of_one_class(ax, label, color):
    plotting.samples(ax, np.array([[0.0, 1.0]]), np.array([label]))
    assert drawn_points(ax) == {plotting.COLORS[color]: [[0.0, 1.0]]}


def test_samples_passes_options_on(ax):
    plotting.samples(ax, [[0.0, 1.0], [1.0, 1.0]], [0, 1], s=99.0, zorder=7)
    assert all(c.get_sizes().tolist() == [99.0] and c.get_zorder() == 7 for c in ax.collections)


def test_end_label_stands_beside_its_point(ax):
    assert plotting.end_label(ax, 2.0, 3.0, "loss", plotting.COLORS["green"]) is ax
    (text,) = ax.texts
    assert (text.get_text(), text.get_color()) == ("loss", plotting.COLORS["green"])
    assert text.xy == (2.0, 3.0) and text.get_position() == (6, 0)


def test_end_label_passes_options_on(ax):
    plotting.end_label(ax, 0.0, 0.0, "loss", "black", xytext=(-8, 4), ha="right", va="top")
    (text,) = ax.texts
    assert text.get_position() == (-8, 4)
    assert (text.get_ha(), text.get_va()) == ("right", "top")


NODES = {"$x$": (0.0, 0.0), "$z$": (1.0, 0.0), "$a$": (2.0, 1.0)}
EDGES = [("$x$", "$z$"), ("$z$", "$a$")]


def test_graph_draws_a_text_a_node_and_an_arrow_an_edge(ax):
    assert plotting.graph(ax, NODES, EDGES) is ax
    assert {text.get_text(): text.get_position() for text in ax.texts} == NODES
    assert len(ax.patches) == 2
    assert not ax.axison and ax.get_aspect() == 1.0


def test_graph_writes_the_numbers_of_a_pass_beside_the_nodes(ax):
    plotting.graph(ax, NODES, EDGES, forward={"$z$": "1.5"}, backward={"$z$": "-0.25"})
    notes = {text.get_text(): text for text in ax.texts if text.get_text() not in NODES}
    assert set(notes) == {"1.5", "-0.25"}
    above, below = notes["1.5"], notes["-0.25"]
    assert above.xy == below.xy == NODES["$z$"]
    # clear of the circle by half a line, and not farther than a line from it
    rim = plotting.NODE / 2
    assert rim + 4 < above.get_position()[1] < rim + 12
    assert rim + 4 < -below.get_position()[1] < rim + 12
    assert above.get_position()[0] == below.get_position()[0] == 0
    assert above.get_color() == plotting.COLORS["blue"]
    assert below.get_color() == plotting.COLORS["orange"]


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_graph_writes_on_edges(ax, share):
    nodes = {"$x$": (1.0, 2.0), "$z$": (5.0, 4.0)}
    plotting.graph(ax, nodes, [("$x$", "$z$")], edge_labels={("$x$", "$z$"): "W"}, label_at=share)
    (label,) = (text for text in ax.texts if text.get_text() == "W")
    assert label.get_position() == (1.0 + 4.0 * share, 2.0 + 2.0 * share)


def test_graph_highlights_edges(ax):
    plotting.graph(ax, NODES, EDGES, highlight=[EDGES[1]])
    plain, strong = ax.patches
    assert to_hex(plain.get_edgecolor()) == plotting.COLORS["gray"]
    assert to_hex(strong.get_edgecolor()) == plotting.COLORS["orange"]
    assert strong.get_linewidth() > plain.get_linewidth()


def test_graph_arrows_point_from_the_first_node_to_the_second(ax):
    plotting.graph(ax, NODES, EDGES[:1])
    ax.figure.canvas.draw()
    (arrow,) = ax.patches
    path = arrow.get_path()  # in data units; the head is its widest part
    outline = path.vertices[path.codes != path.CLOSEPOLY]
    assert outline[np.argmax(np.abs(outline[:, 1])), 0] > 0.5
    points = ax.transData.transform(outline) * 72.0 / ax.figure.dpi
    centres = ax.transData.transform([NODES["$x$"], NODES["$z$"]]) * 72.0 / ax.figure.dpi
    start, end = points[:, 0].min() - centres[0, 0], centres[1, 0] - points[:, 0].max()
    rim = plotting.NODE / 2
    assert rim - 1 < start < rim + 4
    assert rim - 1 < end < rim + 4
