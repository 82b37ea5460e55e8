"""The two figures of a report: accuracy over training steps, and accuracy against capacity.

Drawn with matplotlib's objects alone (no pyplot), so that figures can be made in any thread and leave no state behind.
"""

import io
import math
from itertools import pairwise
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .published import published_curve
from .statistics import wilson_interval


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

# From this many columns on a panel is too narrow for a model's name and size on one line.
MANY_COLUMNS = 5


def task_label(record: dict[str, Any]) -> str:
    """What tables and figures call the training set of a run."""
    return record["config"]["task"]["path"]


def model_label(record: dict[str, Any]) -> str:
    """What tables and figures call the model of a run: its name, or its depth, width and heads."""
    model = record["config"]["model"]
    return model["name"] or f"L{model['n_layer']}-d{model['n_embd']}-h{model['n_head']}"


def cell(record: dict[str, Any]) -> tuple[str, str]:
    """Training set and model: runs of one cell differ in seeds or settings only."""
    return task_label(record), model_label(record)


def draw_learning_curves(records: list[dict[str, Any]], curves: dict[str, list[dict[str, Any]]]) -> bytes:
    """Accuracy over training steps, one panel per cell: a row for each training set, a column for each model.

    Args:
        records: Run records in the order of the report's tables.
        curves: The learning curve of each run, by run id.

    Returns:
        A PNG image.
    """
    tasks = list(dict.fromkeys(map(task_label, records)))
    models = list(dict.fromkeys(map(model_label, sorted(records, key=lambda record: record["num_parameters"]))))
    last_step = max(row["step"] for record in records for row in curves[record["run_id"]])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.65 * len(tasks) + 1.6), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(tasks), len(models), sharex=True, sharey=True, squeeze=False)
        for row, task in enumerate(tasks):
            for column, model in enumerate(models):
                runs = [record for record in records if cell(record) == (task, model)]
                published = [point for point in published_curve(task, model) if point[0] <= last_step]
                size = f"{runs[0]['num_parameters']:,}" if runs else "not run"
                title = ("\n" if len(models) >= MANY_COLUMNS else " · ").join([model, size])
                axes[row, column].set_title(f"{title}\n{len(runs)} runs" if len(runs) > 1 else title)
                _draw_cell(axes[row, column], [(run, curves[run["run_id"]]) for run in runs], published)
            axes[row, 0].set_ylabel("trained on\n" + fill(task, 18))
        axes[0, 0].set(xlim=(-0.03e-3 * last_step, 1.03e-3 * last_step), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1])
        axes[0, 0].locator_params(axis="x", nbins=4, steps=[1, 2, 2.5, 5, 10])
        figure.supxlabel("training steps (thousands)", fontsize=11)
        figure.supylabel("exact match", fontsize=11)
        handles = [Line2D([], [], **(MEASURES[name] | CURVE_LOOKS[name])) for name in _measures_shown(records)]
        if any(published_curve(*cell(record)) for record in records):
            handles += [Line2D([], [], **PUBLISHED), Line2D([], [], **OURS)]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return _png(figure)


def draw_capacity(records: list[dict[str, Any]]) -> bytes:
    """Accuracy against the number of parameters, one panel for each training set.

    Args:
        records: Run records in the order of the report's tables.

    Returns:
        A PNG image.
    """
    tasks = list(dict.fromkeys(map(task_label, records)))
    logs = [math.log10(record["num_parameters"]) for record in records]
    # The panels are about 6.6 inches wide, and half an inch on either side stays free.
    middle, decades = (max(logs) + min(logs)) / 2, max(max(logs) - min(logs), 0.5)
    decades_per_inch = decades / 5.6
    reach = 3.3 * decades_per_inch
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.95 * len(tasks) + 1.5), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(tasks), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        axes[0].set(xscale="log", xlim=(10 ** (middle - reach), 10 ** (middle + reach)))
        axes[0].set(ylim=(-0.09, 1.09), yticks=[0, 0.5, 1])
        axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,)))
        axes[0].xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
        axes[0].xaxis.set_minor_formatter(NullFormatter())
        for axis, task in zip(axes, tasks, strict=True):
            _draw_ladder(axis, [record for record in records if task_label(record) == task], decades_per_inch)
            axis.set_ylabel("trained on\n" + fill(task, 18))
        axes[-1].set_xlabel("number of parameters, positions included (log scale)")
        figure.supylabel("exact match", fontsize=11)
        grey = {"color": "#444444", "linestyle": "none", "marker": "o", "markersize": MARKER_SIZE}
        looks = [MEASURES[name] | {"linestyle": "none"} for name in _measures_shown(records)]
        handles = [
            *(Line2D([], [], **(grey | look)) for look in looks),
            Line2D([], [], **grey, label="filled: last checkpoint"),
            Line2D([], [], **grey, markerfacecolor="white", label="open: best on withheld (the study's choice)"),
            Line2D([], [], **(grey | {"marker": "|", "markersize": 14}), label="95 % over the questions of one model"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return _png(figure)


def _draw_cell(axis: Axes, runs: list[tuple[dict[str, Any], list[dict[str, Any]]]], published: list[tuple]) -> None:
    axis.plot([step / 1000 for step, _ in published], [accuracy for _, accuracy in published], **PUBLISHED)
    for record, curve in runs:
        steps = [row["step"] / 1000 for row in curve]
        for name in _measures_shown([record]):
            axis.plot(steps, [row[name] for row in curve], **(MEASURES[name] | CURVE_LOOKS[name]))
        if published:
            axis.plot(steps, [_accuracy(row["published_scoring"]) for row in curve], **OURS)


def _draw_ladder(axis: Axes, records: list[dict[str, Any]], decades_per_inch: float) -> None:
    """Last and best of each measure stand side by side around the model's size, so that none hides another."""
    sizes = sorted({record["num_parameters"]: model_label(record) for record in records}.items())
    slots = [(name, part) for name in _measures_shown(records) for part in ("last", "best_on_withheld")]
    gap = min((math.log10(larger / smaller) for (smaller, _), (larger, _) in pairwise(sizes)), default=math.inf)
    pitch = min(gap / (len(slots) + 1), 0.13 * decades_per_inch)
    for record in records:
        for slot, (name, part) in enumerate(slots):
            if name not in record[part]["counts"]:
                continue
            look = MEASURES[name]
            correct, questions = record[part]["counts"][name]
            low, high = wilson_interval(correct, questions)
            size = record["num_parameters"] * 10 ** ((slot - (len(slots) - 1) / 2) * pitch)
            axis.vlines(size, low, high, color=look["color"], linewidth=0.8)
            face = look["color"] if part == "last" else "white"
            point = {"color": look["color"], "marker": look["marker"], "markersize": MARKER_SIZE}
            axis.plot(size, correct / questions, **point, markerfacecolor=face, zorder=3)

    # Names above the panel; one that would run into the name before it is left out.
    free_from = -math.inf
    for size, model in sizes:
        half_width = 0.05 * len(model) * decades_per_inch
        if math.log10(size) - half_width > free_from:
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
            axis.annotate(model, (size, 1), (0, 4), **place)
            free_from = math.log10(size) + half_width


def _measures_shown(records: list[dict[str, Any]]) -> list[str]:
    return [measure for measure in MEASURES if any(measure in record["last"]["counts"] for record in records)]


def _accuracy(counts_by_kind: dict[str, list[int]]) -> float:
    correct, questions = (sum(column) for column in zip(*counts_by_kind.values(), strict=True))
    return correct / questions


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    # Without the version of matplotlib among the metadata: the same records give the same bytes.
    FigureCanvasAgg(figure).print_png(image, metadata={"Software": None})
    return image.getvalue()
