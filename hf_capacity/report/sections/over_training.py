"""Accuracy over training steps."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis.cells import Cell, Ladder
from ...analysis.paper import papers_curve
from ..figures import DPI, MEASURES, MOST_COLUMNS, STYLE, WIDTH, label_text, png, rates_of
from ..markdown import render
from ..study import Curves, StudyResults
from . import Section


# Few withheld questions make a curve jump at every evaluation: points on a thin line stay readable where a line blots.
CURVE_LOOKS = {
    "fit": {"marker": None, "linewidth": 1.5, "zorder": 4},
    "extrapolation": {"linewidth": 0.5, "markersize": 3, "markeredgewidth": 0, "zorder": 3},
    "recall": {"marker": None, "linewidth": 1.7, "zorder": 5},
}
PAPERS = {"label": "the paper's accuracy (withheld included)", "color": "#C4C4C4", "linewidth": 5, "zorder": 2}
OURS = {"label": "ours in the paper's scoring", "color": "black", "linewidth": 0.8, "zorder": 2.5}
FAINT = {"linewidth": 0.5, "alpha": 0.3, "zorder": 1.5}
WIDEST_TITLE = 22  # characters of a line, beside those of other panels
TEMPLATE = """\
## Over training

![Accuracy over training steps, a panel for each cell](learning_curves.png)

*Accuracy over training steps ({{ study.questions_asked }}), a panel for each cell with its number of parameters.
{%- if "extrapolation" in rates %} See whether extrapolation follows fit, how late, and whether it lasts.
{%- endif %}
{%- if study.most_runs > 1 %} Faint: every run. Strong: the median of the runs.
{%- else %} Each point of extrapolation is a single evaluation.
{%- endif %}
{%- if has_papers_curves %} The wide grey line is the paper's accuracy for the same cell, where there is a curve of it.
It counts withheld equations too, so compare it with the thin black line, ours in the same scoring, and not with the
coloured ones.
{%- endif %}*
"""


def section(study: StudyResults) -> Section:
    has_papers_curves = any(map(_papers_curve, study.cells))
    page = render(TEMPLATE, study=study, rates=rates_of(study.cells), has_papers_curves=has_papers_curves)
    return Section(page, {"learning_curves.png": draw_learning_curves(study.ladders, study.curves)})


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
            where = "" if in_rows or len(ladders) == 1 else f"\n{fill(cell.title, WIDEST_TITLE)}"
            axes[row, column].set_title(label_text(f"{cell.model}\n{cell.num_parameters:,}{runs}{where}"))
            papers = [point for point in _papers_curve(cell) if point[0] <= last_step]
            _draw_cell(axes[row, column], cell, curves, papers)
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
        handles = [Line2D([], [], **_curve_look(rate, many)) for rate in rates_of(cells)]
        if many:
            handles.append(Line2D([], [], color="#444444", **FAINT, label="faint: each run; strong: their median"))
        if any(map(_papers_curve, cells)):
            handles += [Line2D([], [], **PAPERS), Line2D([], [], **OURS)]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)


def _draw_cell(axis: Axes, cell: Cell, curves: Curves, papers: list[tuple[int, float]]) -> None:
    axis.plot([step / 1000 for step, _ in papers], [accuracy for _, accuracy in papers], **PAPERS)
    runs = [curves[record["run_id"]] for record in cell.records]
    steps = [row["step"] / 1000 for row in max(runs, key=len)]
    for rate in cell.rates:
        values = _side_by_side([[row[rate] for row in run] for run in runs])
        if len(runs) > 1:
            for run in values:
                axis.plot(steps, run, color=MEASURES[rate]["color"], **FAINT)
        axis.plot(steps, np.nanmedian(values, axis=0), **_curve_look(rate, len(runs) > 1))
    if papers:
        accuracies = _side_by_side([[_accuracy(row["published_scoring"]) for row in run] for run in runs])
        axis.plot(steps, np.nanmedian(accuracies, axis=0), **OURS)


def _papers_curve(cell: Cell) -> list[tuple[int, float]]:
    return papers_curve(cell.task, cell.rung) if cell.is_papers else []


def _side_by_side(curves: Sequence[Sequence[float]]) -> np.ndarray:
    """Curves as rows of one table; those of runs that stopped early end in gaps."""
    longest = max(map(len, curves))
    return np.array([[*curve, *[np.nan] * (longest - len(curve))] for curve in curves])


def _curve_look(rate: str, of_many_runs: bool) -> dict[str, Any]:
    return MEASURES[rate] | CURVE_LOOKS[rate] | ({"marker": None, "linewidth": 1.8} if of_many_runs else {})


def _accuracy(counts_by_kind: dict[str, list[int]]) -> float:
    correct, questions = (sum(column) for column in zip(*counts_by_kind.values(), strict=True))
    return correct / questions
