"""The curves of a report: accuracy over training steps, and accuracy against capacity.

Drawn with matplotlib's objects alone (no pyplot), so that figures can be made in any thread and leave no state behind.
"""

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..analysis.cells import RATES, Cell, Ladder
from ..analysis.paper import published_curve
from ..analysis.statistics import wilson_interval
from ..boundary.shown import shown


Curves = dict[str, list[dict[str, Any]]]


# 8 inches at 175 dots are 1,400 pixels; on paper they shrink to about 6.7 inches, and 11 points to a little over 9.
WIDTH = 8.0
DPI = 175
MARKER_SIZE = 6.5
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
}

# Okabe and Ito's colours, told apart by colour-blind readers; markers and dashes tell them apart without any colour.
MEASURES = {
    "fit": {"label": "seen rule questions (fit)", "color": "#0072B2", "marker": "o", "linestyle": "-"},
    "extrapolation": {
        "label": "withheld rule questions (extrapolation)",
        "color": "#D55E00",
        "marker": "^",
        "linestyle": "-",
    },
    "recall": {"label": "facts (recall)", "color": "#009E73", "marker": "s", "linestyle": (0, (4, 1.2))},
}
# Few withheld questions make a curve jump at every evaluation: points on a thin line stay readable where a line blots.
CURVE_LOOKS = {
    "fit": {"marker": None, "linewidth": 1.5, "zorder": 4},
    "extrapolation": {"linewidth": 0.5, "markersize": 3, "markeredgewidth": 0, "zorder": 3},
    "recall": {"marker": None, "linewidth": 1.7, "zorder": 5},
}
PUBLISHED = {"label": "published accuracy (withheld included)", "color": "#C4C4C4", "linewidth": 5, "zorder": 2}
OURS = {"label": "ours in the published scoring", "color": "black", "linewidth": 0.8, "zorder": 2.5}

FAINT = {"linewidth": 0.5, "alpha": 0.3, "zorder": 1.5}
# A panel narrower than a quarter of the page shows nothing.
MOST_COLUMNS = 4


def label_text(text: str) -> str:
    """A text for a figure, in which a dollar is a dollar and begins no formula."""
    return "\n".join(map(shown, text.split("\n"))).replace("$", r"\$")


def draw_learning_curves(ladders: Sequence[Ladder], curves: Curves) -> bytes:
    """Accuracy over training steps, one panel per cell: every run faint, their median strong.

    Args:
        ladders: In the order of the report's tables: a row each, if their cells find room in it.
        curves: The learning curve of each run, by run id.

    Returns:
        A PNG image.
    """
    cells = [cell for ladder in ladders for cell in ladder.cells]
    last_step = max(row["step"] for curve in curves.values() for row in curve)
    models = list(dict.fromkeys(cell.model for cell in sorted(cells, key=lambda cell: cell.num_parameters)))
    in_rows = len(models) <= MOST_COLUMNS
    num_columns = len(models) if in_rows else MOST_COLUMNS
    num_rows = len(ladders) if in_rows else math.ceil(len(cells) / MOST_COLUMNS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 * num_rows + 1.7), dpi=DPI, layout="constrained")
        axes = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
        places = [
            (row, models.index(cell.model), cell) if in_rows else (*divmod(cells.index(cell), MOST_COLUMNS), cell)
            for row, ladder in enumerate(ladders)
            for cell in ladder.cells
        ]
        for axis in axes.flat:
            axis.set_visible(False)
        for row, column, cell in places:
            axes[row, column].set_visible(True)
            runs = f"\n{cell.num_runs} runs" if cell.num_runs > 1 else ""
            where = "" if in_rows or len(ladders) == 1 else f"\n{cell.title}"
            axes[row, column].set_title(label_text(f"{cell.model}\n{cell.num_parameters:,}{runs}{where}"))
            published = [point for point in _published(cell) if point[0] <= last_step]
            _draw_cell(axes[row, column], cell, curves, published)
        if in_rows:
            for row, ladder in enumerate(ladders):
                first = min(column for at, column, _ in places if at == row)
                axes[row, first].set_ylabel(label_text(fill(f"trained on {ladder.title}", 20, break_long_words=False)))
        for column in {column for _, column, _ in places}:
            lowest = max(row for row, at, _ in places if at == column)
            axes[lowest, column].tick_params(labelbottom=True)
        axes[0, 0].set(xlim=(-0.03e-3 * last_step, 1.03e-3 * last_step), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1])
        axes[0, 0].locator_params(axis="x", nbins=4, steps=[1, 2, 2.5, 5, 10])
        figure.supxlabel("training steps (thousands)", fontsize=11)
        figure.supylabel("exact match", fontsize=11)
        many = max(cell.num_runs for cell in cells) > 1
        handles = [Line2D([], [], **_curve_look(rate, many)) for rate in _rates_of(cells)]
        if many:
            handles.append(Line2D([], [], color="#444444", **FAINT, label="faint: each run; strong: their median"))
        if any(map(_published, cells)):
            handles += [Line2D([], [], **PUBLISHED), Line2D([], [], **OURS)]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)


def draw_capacity(ladders: Sequence[Ladder]) -> bytes:
    """Accuracy against the number of parameters, one panel for each ladder.

    Several runs of a cell give their mean, a band over runs and each run as a faint point; a single one an interval
    over its questions.

    Args:
        ladders: In the order of the report's tables.

    Returns:
        A PNG image.
    """
    cells = [cell for ladder in ladders for cell in ladder.cells]
    logs = [math.log10(cell.num_parameters) for cell in cells]
    # The panels are about 6.6 inches wide, and half an inch on either side stays free.
    middle, decades = (max(logs) + min(logs)) / 2, max(max(logs) - min(logs), 0.5)
    decades_per_inch = decades / 5.6
    reach = 3.3 * decades_per_inch
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.95 * len(ladders) + 1.5), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(ladders), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        axes[0].set(xscale="log", xlim=(10 ** (middle - reach), 10 ** (middle + reach)))
        axes[0].set(ylim=(-0.09, 1.09), yticks=[0, 0.5, 1])
        axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,)))
        axes[0].xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
        axes[0].xaxis.set_minor_formatter(NullFormatter())
        for axis, ladder in zip(axes, ladders, strict=True):
            _draw_ladder(axis, ladder.cells, decades_per_inch)
            axis.set_ylabel(label_text(fill(f"trained on {ladder.title}", 20, break_long_words=False)))
        axes[-1].set_xlabel("number of parameters, positions included (log scale)")
        figure.supylabel("exact match", fontsize=11)
        grey = {"color": "#444444", "linestyle": "none", "marker": "o", "markersize": MARKER_SIZE}
        handles = [Line2D([], [], **(grey | MEASURES[rate] | {"linestyle": "none"})) for rate in _rates_of(cells)]
        handles.append(Line2D([], [], **grey, label="filled: last checkpoint"))
        handles.append(
            Line2D([], [], **grey, markerfacecolor="white", label="open: best on withheld (the study's choice)")
        )
        if any(cell.num_runs > 1 for cell in cells):
            handles.append(
                Patch(color="#444444", alpha=0.2, linewidth=0, label="band: 95 % over runs, around their mean")
            )
            handles.append(Line2D([], [], **(grey | {"markersize": 3, "alpha": 0.4}), label="faint: each run"))
        if any(cell.num_runs == 1 for cell in cells):
            whisker = grey | {"marker": "|", "markersize": 14}
            handles.append(Line2D([], [], **whisker, label="95 % over the questions of one model"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)


def _draw_cell(axis: Axes, cell: Cell, curves: Curves, published: list[tuple]) -> None:
    axis.plot([step / 1000 for step, _ in published], [accuracy for _, accuracy in published], **PUBLISHED)
    runs = [curves[record["run_id"]] for record in cell.records]
    steps = [row["step"] / 1000 for row in max(runs, key=len)]
    for rate in cell.rates:
        values = _side_by_side([[row[rate] for row in run] for run in runs])
        if len(runs) > 1:
            for run in values:
                axis.plot(steps, run, color=MEASURES[rate]["color"], **FAINT)
        axis.plot(steps, np.nanmedian(values, axis=0), **_curve_look(rate, len(runs) > 1))
    if published:
        accuracies = _side_by_side([[_accuracy(row["published_scoring"]) for row in run] for run in runs])
        axis.plot(steps, np.nanmedian(accuracies, axis=0), **OURS)


def _published(cell: Cell) -> list[tuple[int, float]]:
    return published_curve(cell.task, cell.rung) if cell.is_papers else []


def _side_by_side(curves: Sequence[Sequence[float]]) -> np.ndarray:
    """Curves as rows of one table; those of runs that stopped early end in gaps."""
    longest = max(map(len, curves))
    return np.array([[*curve, *[np.nan] * (longest - len(curve))] for curve in curves])


def _curve_look(rate: str, of_many_runs: bool) -> dict[str, Any]:
    return MEASURES[rate] | CURVE_LOOKS[rate] | ({"marker": None, "linewidth": 1.8} if of_many_runs else {})


def _draw_ladder(axis: Axes, cells: Sequence[Cell], decades_per_inch: float) -> None:
    """Last and best of each rate stand side by side around the model's size, so that none hides another."""
    slots = [(rate, part) for rate in _rates_of(cells) for part in ("last", "best_on_withheld")]
    gap = min((math.log10(b.num_parameters / a.num_parameters) for a, b in pairwise(cells)), default=math.inf)
    pitch = min(gap / (len(slots) + 1), 0.13 * decades_per_inch)
    for slot, (rate, part) in enumerate(slots):
        color, marker = MEASURES[rate]["color"], MEASURES[rate]["marker"]
        sizes = [cell.num_parameters * 10 ** ((slot - (len(slots) - 1) / 2) * pitch) for cell in cells]
        means = [cell.mean(cell.values(rate, part)) for cell in cells]
        face = color if part == "last" else "white"
        point = {"color": color, "marker": marker, "markersize": MARKER_SIZE, "markerfacecolor": face, "zorder": 3}
        axis.plot(sizes, [mean.value for mean in means], **point, linestyle="none")
        if part == "last" and all(mean.interval for mean in means):
            axis.fill_between(
                sizes, *zip(*(mean.interval for mean in means), strict=True), color=color, alpha=0.2, lw=0
            )
            axis.plot(
                sizes, [mean.value for mean in means], color=color, linestyle=MEASURES[rate]["linestyle"], lw=1.2
            )
        for size, cell in zip(sizes, cells, strict=True):
            if cell.num_runs == 1:
                axis.vlines(size, *wilson_interval(*cell.records[0][part]["counts"][rate]), color=color, linewidth=0.8)
            elif part == "last":
                values = cell.values(rate)
                axis.plot([size] * len(values), values, ".", color=color, alpha=0.4, markersize=4, markeredgewidth=0)

    # Names above the panel; one that would run into the name before it is left out.
    free_from = -math.inf
    for cell in cells:
        half_width = 0.05 * len(cell.model) * decades_per_inch
        if math.log10(cell.num_parameters) - half_width > free_from:
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
            axis.annotate(label_text(cell.model), (cell.num_parameters, 1), (0, 4), **place)
            free_from = math.log10(cell.num_parameters) + half_width


def _rates_of(cells: Sequence[Cell]) -> list[str]:
    return [rate for rate in RATES if any(rate in cell.rates for cell in cells)]


def _accuracy(counts_by_kind: dict[str, list[int]]) -> float:
    correct, questions = (sum(column) for column in zip(*counts_by_kind.values(), strict=True))
    return correct / questions


def png(figure: Figure) -> bytes:
    """The figure as an image."""
    image = io.BytesIO()
    # Without the version of matplotlib among the metadata: the same records give the same bytes.
    FigureCanvasAgg(figure).print_png(image, metadata={"Software": None})
    return image.getvalue()
