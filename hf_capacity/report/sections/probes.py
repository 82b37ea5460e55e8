"""Extrapolation against each probe: does what a model looks like inside say what it gets right?"""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis.cells import Cell, Ladder
from ...analysis.correlation import RankCorrelation, rank_correlation
from ...boundary.shown import ABSENT
from ..figures import COLORS, DPI, MARKERS, STYLE, WIDTH, label_text, png
from ..markdown import markdown_table, render
from ..rates import kinds_of
from ..study import StudyResults
from ..wording import has_withheld
from . import Section


PROBES = {
    "number_line": "number line, R2",
    "parallelogram_ratio": "parallelogram ratio",
    "effective_rank": "effective rank",
    "inverse_participation_ratio": "inverse participation ratio",
    "weight_norm": "weight norm",
    "result": "result probed, R2",
}
NUM_COLUMNS = 3
# An R2 on few questions has no lower end: what lies below is drawn there.
R2_PROBES, LOWEST_R2 = ("number_line", "result"), -1.0
# Of runs that would lie upon each other: how far the first and the last are apart.
APART = 0.05
POINT = {"linestyle": "none", "markersize": 4.5, "alpha": 0.75, "markeredgewidth": 0}
TEMPLATE = """\
## Extrapolation against probes

![Extrapolation against each probe, a point for each run](probes.png)

*At the last checkpoint, a point for each run: see whether the points rise or fall along a probe within one colour, or
only from colour to colour. Runs that would lie upon each other are moved apart a little; an R2 below {{ lowest }} is
drawn there.*

{{ table }}

Spearman's rank correlation of extrapolation with each probe, over the runs of one size and over those of all sizes.
{%- if " to " in table %} Intervals are of 95 % over runs (Bonett & Wright 2000), none below ten runs, or over all
sizes: there runs share their seeds, and size may move both.
{%- endif %} {{ absent }} stands where all runs are alike. *result probed*: the result of withheld questions, read by
least squares off the residual stream before the answer.
"""


def section(study: StudyResults) -> Section | None:
    ladders = [
        ladder._replace(cells=cells)
        for ladder in study.ladders
        if (cells := [cell for cell in ladder.cells if has_withheld(cell) and "probes" in cell.records[0]])
    ]
    if not ladders:
        return None
    page = render(TEMPLATE, table=correlation_table(ladders), lowest=f"{LOWEST_R2:g}", absent=ABSENT)
    return Section(page, {"probes.png": draw_probes_of_runs(ladders)})


def read_probe(cell: Cell, probe: str) -> list[float]:
    """A probe of every run, at its last checkpoint."""
    if probe != "result":
        return [record["probes"][probe] for record in cell.records]
    return [record["probes"]["linear_probes"][probe]["withheld"] for record in cell.records]


def correlation_table(ladders: Sequence[Ladder]) -> str:
    """A row for each size and rate, and below them one for all sizes of the ladder."""
    rows = []
    for ladder in ladders:
        groups = {cell.model: [cell] for cell in ladder.cells}
        if len(groups) > 1:
            groups["all sizes"] = ladder.cells
        for rate in _rates(ladder.cells):
            for model, cells in groups.items():
                texts = [_correlation_text(_correlation(cells, probe, rate)) for probe in PROBES]
                num_runs = str(sum(cell.num_runs for cell in cells))
                rows.append([ladder.task, model, ladder.differs, rate, num_runs, *texts])
    return markdown_table(["trained on", "model", "differs in", "rate", "runs", *PROBES.values()], rows, num_texts=4)


def _rates(cells: Sequence[Cell]) -> list[str]:
    return ["extrapolation", *kinds_of(cells)]


def _correlation(cells: Sequence[Cell], probe: str, rate: str) -> RankCorrelation | None:
    values = [value for cell in cells for value in read_probe(cell, probe)]
    rates = [value for cell in cells for value in cell.values(rate)]
    return rank_correlation(values, rates, independent=len(cells) == 1 and not cells[0].is_crossed)


def _correlation_text(found: RankCorrelation | None) -> str:
    if found is None:
        return ABSENT
    ends = "" if found.interval is None else " ({:+.2f} to {:+.2f})".format(*found.interval)
    return f"{found.value:+.2f}{ends}"


def draw_probes_of_runs(ladders: Sequence[Ladder]) -> bytes:
    """Extrapolation against each probe, a point a run: colours are sizes, markers what else sets cells apart, if
    anything does.

    Where several kinds of question are withheld, each has panels of its own.

    Returns:
        A PNG image.
    """
    cells = [cell for ladder in ladders for cell in ladder.cells]
    looks_of_models, looks_of_ladders = _looks(ladders)
    rates = kinds_of(cells) or ["extrapolation"]
    rows_each = math.ceil(len(PROBES) / NUM_COLUMNS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.3 * rows_each * len(rates) + 1), dpi=DPI, layout="constrained")
        axes = figure.subplots(rows_each * len(rates), NUM_COLUMNS, sharey=True, squeeze=False)
        for rate, rows in zip(rates, axes.reshape(len(rates), rows_each, NUM_COLUMNS), strict=True):
            for axis, (probe, name) in zip(rows.flat, PROBES.items(), strict=True):
                axis.set(xlabel=name, ylim=(-0.08, 1.08), yticks=[0, 0.5, 1])
                for ladder, look in zip(ladders, looks_of_ladders, strict=True):
                    for cell in ladder.cells:
                        _draw_runs(axis, cell, probe, rate, look | looks_of_models[cell.model])
            for row in rows:
                row[0].set_ylabel(label_text(rate.replace(" of ", "\nof ")))
        named = [*looks_of_models.items()]
        if len(ladders) > 1:
            named += [(ladder.title, look) for ladder, look in zip(ladders, looks_of_ladders, strict=True)]
        handles = [
            Line2D([], [], **{"marker": "o", **POINT, **look, "label": label_text(name)}) for name, look in named
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2 if len(ladders) > 1 else 4)
        return png(figure)


def _looks(ladders: Sequence[Ladder]) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Of each model, small ones first, and of each ladder: a single one leaves the markers to the models."""
    cells = sorted((cell for ladder in ladders for cell in ladder.cells), key=lambda cell: cell.num_parameters)
    looks_of_models = {
        model: {"color": COLORS[place % len(COLORS)]}
        | ({"marker": MARKERS[place % len(MARKERS)]} if len(ladders) == 1 else {})
        for place, model in enumerate(dict.fromkeys(cell.model for cell in cells))
    }
    return looks_of_models, [
        {"marker": MARKERS[place % len(MARKERS)], "color": "#444444"} for place in range(len(ladders))
    ]


def _draw_runs(axis: Axes, cell: Cell, probe: str, rate: str, look: dict[str, Any]) -> None:
    values = np.array(read_probe(cell, probe))
    if probe in R2_PROBES:
        values = np.maximum(values, LOWEST_R2)
    heights = cell.values(rate) + APART * np.linspace(-0.5, 0.5, cell.num_runs) * (cell.num_runs > 1)
    axis.plot(values, heights, **POINT, **look)
