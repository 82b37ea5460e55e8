"""Fewer directions: what trained models get right when their numbers are cut to their best directions.

A model that has memorised may hide a rule in few of them, which the others drown (Liu & Lu 2026, arXiv 2605.18022).
"""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...analysis.cells import Cell
from ...analysis.intervals import DIFFERENCE
from ..figures import COLORS, DPI, MARKERS, STYLE, WIDTH, label_text, png
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import difference_text, has_withheld, mean_text, names
from . import Section


RATES = ("fit", "extrapolation")
NUM_COLUMNS = 3
LINE = {"markersize": 4, "linewidth": 1.2}
TEMPLATE = """\
## Fewer directions

![Fit and extrapolation against the directions left to the numbers, a panel for each size](extraction.png)

*Trained models, their number embeddings cut to the directions in which these differ most, means over runs: a rule that
the other directions drown would show as extrapolation that is higher at few directions than at all, at the right end
(Liu & Lu 2026, arXiv 2605.18022). Cells whose numbers lie in one direction are left out.*

{{ table }}

*best*: the number of directions short of all with the highest mean extrapolation, the fewest of several. It is chosen
by the very questions that are counted, which flatters it. *best - all*: the mean difference over runs.
"""


def section(study: StudyResults) -> Section | None:
    probed = [cell for cell in study.cells if has_withheld(cell) and "probes" in cell.records[0]]
    cells = [cell for cell in probed if _depends(cell)]
    if not cells:
        return None
    return Section(render(TEMPLATE, table=extraction_table(cells)), {"extraction.png": draw_extraction(cells)})


def extraction_of(cell: Cell) -> dict[int, dict[str, list[float]]]:
    """Fit and extrapolation of every run, by the number of directions left to its numbers; the last is all."""
    found: dict[int, dict[str, list[float]]] = {}
    for record in cell.records:
        for row in record["probes"]["extraction"]:
            rates = found.setdefault(row["directions"], {rate: [] for rate in RATES})
            for rate, values in rates.items():
                right, asked = row["counts"][rate]
                values.append(right / asked)
    return found


def _depends(cell: Cell) -> bool:
    """Whether its rates depend on the number of directions: those of numbers on a line do not."""
    first, *others = extraction_of(cell).values()
    return any(rates != first for rates in others)


def extraction_table(cells: Sequence[Cell]) -> str:
    """A row a cell: both rates with all directions, and with the best number of fewer."""
    rows = []
    for cell in cells:
        found = extraction_of(cell)
        *fewer, most = sorted(found)
        best = max(fewer, key=lambda number: np.mean(found[number]["extrapolation"]), default=most)
        pairs = zip(found[best]["extrapolation"], found[most]["extrapolation"], strict=True)
        difference = cell.mean([one - other for one, other in pairs], DIFFERENCE)
        ours = [mean_text(cell.mean(found[number][rate])) for number in (most, best) for rate in RATES]
        rows.append(
            [*names(cell), str(cell.num_runs), str(most), *ours[:2], str(best), *ours[2:], difference_text(difference)]
        )
    header = ["trained on", "model", "differs in", "runs", "all", "fit", "extrapolation", "best"]
    return markdown_table([*header, "fit with best", "extrapolation with best", "best - all"], rows)


def draw_extraction(cells: Sequence[Cell]) -> bytes:
    """Fit, and below it extrapolation, against the number of directions: a panel a size, a line a cell.

    Returns:
        A PNG image.
    """
    models = list(dict.fromkeys(cell.model for cell in sorted(cells, key=lambda cell: cell.num_parameters)))
    titles = list(dict.fromkeys(cell.title for cell in cells))
    looks = {
        title: LINE | {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}
        for place, title in enumerate(titles)
    }
    rows_each, num_columns = math.ceil(len(models) / NUM_COLUMNS), min(len(models), NUM_COLUMNS)
    with matplotlib.rc_context(STYLE):
        height = 2.1 * rows_each * len(RATES) + 0.6 + 0.13 * len(titles)
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
        axes = figure.subplots(rows_each * len(RATES), num_columns, sharex=True, sharey=True, squeeze=False)
        for rate, of_rate in zip(RATES, axes.reshape(len(RATES), rows_each, num_columns), strict=True):
            for row in of_rate:
                row[0].set_ylabel(rate)
            for axis, model in zip(of_rate.flat, models, strict=False):
                for cell in (cell for cell in cells if cell.model == model):
                    curve = [(number, np.mean(rates[rate])) for number, rates in sorted(extraction_of(cell).items())]
                    axis.plot(*zip(*curve, strict=True), **looks[cell.title])
                axis.set(title=label_text(model), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1])
                axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            for axis in of_rate.flat[len(models) :]:
                axis.set_visible(False)
        figure.supxlabel("directions left to the numbers", fontsize=11)
        handles = [Line2D([], [], label=label_text(title), **look) for title, look in looks.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)
