"""Which sums generalise: a heat map of the withheld equations."""

import math
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.cells import Cell
from ..figures import DPI, STYLE, WIDTH, label_text, png
from ..study import Curves, StudyResults
from . import Section


MOST_CELLS = 12
# So many cells have room for counts: two panels each, side by side.
MOST_COUNTED = 3
SUM = re.compile(r"<(\d)([+-])(\d)=")
TEMPLATE = """\
## Which sums generalise

![Share of runs that get a withheld equation right, a square for each equation](withheld_sums.png)

*Of the runs in which an equation was withheld, the share that gets it right at the last checkpoint: see which rows,
columns or diagonals are bright. Grey equations were never withheld. Each square counts few runs, so read the pattern,
not the square.*
"""


def section(study: StudyResults) -> Section | None:
    figure = draw_withheld_sums(study.cells, study.curves)
    return Section(TEMPLATE, {"withheld_sums.png": figure}) if figure else None


def draw_withheld_sums(cells: Sequence[Cell], curves: Curves) -> bytes | None:
    """Which sums generalise: of the runs in which an equation was withheld, the share that gets it right at the end.

    Args:
        cells: In the order of the report's tables.
        curves: The learning curve of each run, by run id.

    Returns:
        A PNG image, or None where no two runs withhold different sums, or cells are too many to be looked at.
    """
    tallies = {}
    for cell in cells:
        withheld = [curves[record["run_id"]][-1]["withheld"] for record in cell.records]
        if all(map(SUM.fullmatch, set().union(*withheld))) and len({frozenset(asked) for asked in withheld}) > 1:
            tallies[cell.task, cell.model, cell.differs] = _tally(withheld)
    if not 0 < len(tallies) <= MOST_CELLS:
        return None
    num_columns = 2 if len(tallies) <= MOST_COUNTED else 4
    num_rows = math.ceil(2 * len(tallies) / num_columns)
    title_height = 0.25 + 0.15 * max(bool(differs) * (1 + differs.count(",")) for _, _, differs in tallies)
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(
            figsize=(WIDTH, num_rows * (7.6 / num_columns + title_height) + 1.2), dpi=DPI, layout="constrained"
        )
        axes = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
        for (name, tally), pair in zip(tallies.items(), axes.reshape(-1, 2), strict=False):
            for axis, sign in zip(pair, "+-", strict=True):
                image = _draw_sums(axis, *tally[sign], with_counts=num_columns == 2)
                lines = [name[0] if len({task for task, *_ in tallies}) > 1 else "", *name[2].split(", ")]
                axis.set_title(
                    label_text("\n".join([*filter(None, lines), f"{name[1]}: a {sign} b"])),
                    fontsize=18 / num_columns + 4,
                )
        for axis in axes[2 * len(tallies) :]:
            axis.set_visible(False)
        figure.colorbar(
            image, ax=axes.tolist(), location="top", aspect=60, label="share of the runs that get it right"
        )
        return png(figure, has_color_scale=True)


def _tally(withheld: Sequence[dict[str, bool]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each sign, how often `a sign b` was right and how often it was withheld, both of shape (10, 10)."""
    tally = {sign: (np.zeros((10, 10), int), np.zeros((10, 10), int)) for sign in "+-"}
    for verdicts in withheld:
        for prompt, right in verdicts.items():
            a, sign, b = SUM.fullmatch(prompt).groups()
            tally[sign][0][int(a), int(b)] += right
            tally[sign][1][int(a), int(b)] += 1
    return tally


def _draw_sums(axis: Axes, right: np.ndarray, asked: np.ndarray, *, with_counts: bool) -> Any:
    share = np.divide(right, asked, out=np.full(asked.shape, np.nan), where=asked > 0)
    digits = range(0, 10, 1 if with_counts else 3)
    image = axis.imshow(share, cmap="cividis", vmin=0, vmax=1, origin="lower")
    axis.set(xlabel="b", ylabel="a", xticks=digits, yticks=digits)
    axis.tick_params(length=0)
    axis.set_facecolor("#EFEFEF")  # never withheld
    if with_counts:
        for a, b in zip(*np.nonzero(asked), strict=True):
            color = "white" if share[a, b] < 0.5 else "black"
            axis.text(b, a, f"{right[a, b]}/{asked[a, b]}", ha="center", va="center", fontsize=7, color=color)
    return image
