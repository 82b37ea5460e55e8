"""Accuracy against the number of parameters."""

import math
from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...analysis.cells import Cell, Ladder
from ...analysis.statistics import wilson_interval
from ...config.hypotheses import FEWEST_RUNS
from ..figures import DPI, KINDS, MARKER_SIZE, MEASURES, STYLE, WIDTH, label_text, png, rates_of
from ..markdown import render
from ..rates import kinds_of
from ..study import StudyResults
from . import Section


TEMPLATE = """\
## Against capacity

![Accuracy against the number of parameters, a panel for each training set](capacity.png)

*Accuracy against the number of parameters ({{ study.questions_asked }}).
{%- if "extrapolation" in rates %} Where triangles fall from left to right, larger models extrapolate less.
{%- endif %}
{%- if "recall" in rates %} Where squares rise, larger models recall more.
{%- endif %}
{%- if kinds %} Dotted: extrapolation of each kind of question by itself.
{%- endif %} Filled: last checkpoint. Open: best on withheld, the paper's choice. The markers of one model stand side
by side around its size.
{%- if study.most_runs > 1 %} Faint points: single runs
{{- "; whiskers: 95 % intervals of their mean" if study.most_runs >= fewest }}.
{%- endif %}
{%- if study.fewest_runs == 1 %} Whiskers{{ " of a single run" if study.most_runs > 1 }}: Wilson 95 % intervals over
the questions of one model. They say how precisely that model was measured, and nothing about other seeds.
{%- endif %}*
"""


def section(study: StudyResults) -> Section:
    kinds = _looks_of_kinds(study.ladders)
    page = render(TEMPLATE, study=study, rates=rates_of(study.cells), kinds=kinds, fewest=FEWEST_RUNS)
    return Section(page, {"capacity.png": draw_capacity(study.ladders)})


def draw_capacity(ladders: Sequence[Ladder]) -> bytes:
    """Accuracy against the number of parameters, one panel for each ladder.

    Several runs of a cell give their mean, an interval over runs and each run as a faint point; a single one an
    interval over its questions.

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
        looks = _looks_of_kinds(ladders)
        for axis, ladder in zip(axes, ladders, strict=True):
            _draw_ladder(axis, ladder.cells, looks, decades_per_inch)
            axis.set_ylabel(label_text(fill(f"trained on {ladder.title}", 20, break_long_words=False)))
        axes[-1].set_xlabel("number of parameters, positions included (log scale)")
        figure.supylabel("exact match", fontsize=11)
        grey = {"color": "#444444", "linestyle": "none", "marker": "o", "markersize": MARKER_SIZE}
        whisker = grey | {"marker": "|", "markersize": 14}
        handles = [Line2D([], [], **(grey | MEASURES[rate] | {"linestyle": "none"})) for rate in rates_of(cells)]
        handles += [Line2D([], [], markersize=9, label=label_text(kind), **looks[kind]) for kind in looks]
        handles.append(Line2D([], [], **grey, label="filled: last checkpoint"))
        handles.append(
            Line2D([], [], **grey, markerfacecolor="white", label="open: best on withheld (the paper's choice)")
        )
        if any(cell.num_runs >= FEWEST_RUNS for cell in cells):
            handles.append(Line2D([], [], **whisker, label="95 % over runs, around their mean"))
        if any(cell.num_runs > 1 for cell in cells):
            handles.append(Line2D([], [], **(grey | {"markersize": 3, "alpha": 0.4}), label="faint: each run"))
        if any(cell.num_runs == 1 for cell in cells):
            handles.append(Line2D([], [], **whisker, label="95 % over the questions of one model"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)


def _looks_of_kinds(ladders: Sequence[Ladder]) -> dict[str, dict[str, Any]]:
    """How the extrapolation of each kind of question is drawn; of more kinds than there are looks for, none is."""
    kinds = list(dict.fromkeys(kind for ladder in ladders for kind in kinds_of(ladder.cells)))
    return dict(zip(kinds, KINDS, strict=False)) if len(kinds) <= len(KINDS) else {}


def _draw_ladder(axis: Axes, cells: Sequence[Cell], looks: dict[str, dict[str, Any]], decades_per_inch: float) -> None:
    """Last and best of each rate stand side by side around the model's size, so that none hides another."""
    slots = [(rate, part) for rate in rates_of(cells) for part in ("last", "best_on_withheld")]
    gap = min((math.log10(b.num_parameters / a.num_parameters) for a, b in pairwise(cells)), default=math.inf)
    pitch = min(gap / (len(slots) + 1), 0.13 * decades_per_inch)
    for slot, (rate, part) in enumerate(slots):
        color, marker = MEASURES[rate]["color"], MEASURES[rate]["marker"]
        sizes = [cell.num_parameters * 10 ** ((slot - (len(slots) - 1) / 2) * pitch) for cell in cells]
        means = [cell.mean(cell.values(rate, part)) for cell in cells]
        face = color if part == "last" else "white"
        point = {"color": color, "marker": marker, "markersize": MARKER_SIZE, "markerfacecolor": face, "zorder": 3}
        axis.plot(sizes, [mean.value for mean in means], **point, linestyle="none")
        for kind in kinds_of(cells) if looks and (rate, part) == ("extrapolation", "last") else ():
            values = [cell.mean(cell.values(kind)).value for cell in cells]
            axis.plot(sizes, values, **looks[kind], lw=1.2, markersize=9, zorder=4)
        if part == "last" and all(cell.num_runs > 1 for cell in cells):
            axis.plot(
                sizes, [mean.value for mean in means], color=color, linestyle=MEASURES[rate]["linestyle"], lw=1.2
            )
        for size, cell, mean in zip(sizes, cells, means, strict=True):
            if cell.num_runs == 1:
                axis.vlines(size, *wilson_interval(*cell.records[0][part]["counts"][rate]), color=color, linewidth=0.8)
            elif part == "last":
                axis.vlines(size, *(mean.interval or (mean.value,) * 2), color=color, linewidth=1.6, alpha=0.5)
                axis.plot([size] * cell.num_runs, mean.values, ".", color=color, alpha=0.4, ms=4, markeredgewidth=0)
    _name_models(axis, cells, decades_per_inch)


def _name_models(axis: Axes, cells: Sequence[Cell], decades_per_inch: float) -> None:
    """Names above the panel; one that would run into the name before it is left out."""
    free_from = -math.inf
    for cell in cells:
        half_width = 0.05 * len(cell.model) * decades_per_inch
        if math.log10(cell.num_parameters) - half_width > free_from:
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
            axis.annotate(label_text(cell.model), (cell.num_parameters, 1), (0, 4), **place)
            free_from = math.log10(cell.num_parameters) + half_width
