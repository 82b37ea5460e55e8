"""A forest of comparisons: a row a hypothesis, its difference with its interval over what is of interest."""

from collections.abc import Sequence
from textwrap import fill

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..analysis.hypotheses import Tested
from .figures import COLORS, DPI, STYLE, WIDTH, label_text, png


COLOR = COLORS[0]
LOOKS = {
    "supported": {"marker": "o", "markersize": 8, "markerfacecolor": COLOR},
    "opposed": {"marker": "X", "markersize": 9, "markerfacecolor": COLOR},
    "open": {"marker": "o", "markersize": 8, "markerfacecolor": "white"},
}
BAND = {"color": "#DDDDDD", "linewidth": 0, "zorder": 0}


def draw_forest(tested: Sequence[Tested]) -> bytes:
    """The differences of hypotheses, the first at the top.

    Args:
        tested: Each with a difference that has an interval.

    Returns:
        A PNG image.
    """
    names = [_name(one) for one in tested]
    heights = [max(2, 1 + name.count("\n")) for name in names]
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x", "axes.spines.left": False}):
        figure = Figure(figsize=(WIDTH, 0.24 * sum(heights) + 1.3), dpi=DPI, layout="constrained")
        axis = figure.subplots()
        top, places = 0.0, []
        for one, height in zip(tested, heights, strict=True):
            place = top - height / 2
            _draw_row(axis, one, place, height)
            places.append(place)
            top -= height
        axis.axvline(0, color="#444444", lw=0.8, zorder=1)
        axis.set(ylim=(top, 0), xlabel="difference")
        axis.set_yticks(places, labels=[label_text(name) for name in names])
        axis.tick_params(axis="y", length=0)
        shown = list(dict.fromkeys(one.verdict for one in tested))
        handles = [Line2D([], [], color=COLOR, linestyle="none", label=verdict, **LOOKS[verdict]) for verdict in shown]
        handles.append(Patch(**BAND, label="smaller than is of interest"))
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
        return png(figure)


def _draw_row(axis: Axes, one: Tested, place: float, height: int) -> None:
    interest = one.hypothesis.smallest_difference
    axis.fill_between([-interest, interest], place - 0.42 * height, place + 0.42 * height, **BAND)
    axis.hlines(place, *one.difference.interval, color=COLOR, lw=1.8, zorder=2)
    axis.plot(one.difference.value, place, color=COLOR, zorder=3, **LOOKS[one.verdict])


def _name(one: Tested) -> str:
    name = fill(one.hypothesis.name, 28, break_long_words=False)
    return name + ("\n(post hoc)" if one.hypothesis.is_post_hoc else "")
