"""Fit, extrapolation and the delay between them over two settings at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...analysis.cells import Cell
from ...analysis.delay_law import DelayLaw, delay_law
from ...analysis.planes import Plane, planes_of
from ...analysis.times import Times, delays
from ..figures import DPI, STYLE, WIDTH, label_text, png
from ..markdown import render
from ..study import Curves, StudyResults
from ..wording import has_withheld, in_common, mean_text
from . import Section
from .crowding_out import crowds_of


# Of planes, that a person can look at; and of squares in a row, that have room for numbers.
MOST_PLANES = 9
MOST_NUMBERED = 6
# Characters of all numbers below a panel, that fit side by side.
LONGEST_TICKS = 20
COLORS = "cividis"
EMPTY, CENSORED = "#EFEFEF", "#BDBDBD"
TEMPLATE = """\
## Phase diagram

![Fit, extrapolation and delay over two settings, a row for each plane of the grid](phase_diagram.png)

*Fit and extrapolation at the last checkpoint, means over runs, and the delay from fit to extrapolation, over two
settings at a time: see where a border runs, and whether it is the same in all three. A rate is reached at the first of
three consecutive evaluations at 99 % or more; the delay is Kaplan and Meier's median over the runs that fit, in
thousands of steps{{ ", above how many of them extrapolate" if is_numbered }}. Of {{ counts.runs }} runs
{{ counts.unfit }} never fit, and {{ counts.censored }} fit but never extrapolate: these are not dropped, but censored
at their last step. Hatched: so many are that the delay has no median{{ ", only a bound" if is_numbered }}. Light grey:
no run fits, or there is none.*

{% for law in laws %}
{{ law }}

{% endfor %}
"""


class Counts(NamedTuple):
    """Runs in the figure, those of them that never fit, and those that fit and never extrapolate."""

    runs: int
    unfit: int
    censored: int


def section(study: StudyResults) -> Section | None:
    # Whose own figure shows them over facts and sizes.
    crowded = [cell.records for crowd in crowds_of(study.cells) for cell in crowd.beside_facts]
    planes = planes_of([cell for cell in study.cells if has_withheld(cell) and cell.records not in crowded])
    if not 0 < len(planes) <= MOST_PLANES:
        return None
    is_numbered = any(map(_is_numbered, planes))
    laws = [delay_law_text(law) for plane in planes if (law := delay_law(plane, study.curves)) is not None]
    page = render(TEMPLATE, counts=count_runs(planes, study.curves), is_numbered=is_numbered, laws=laws)
    return Section(page, {"phase_diagram.png": draw_phase_diagram(planes, study.curves)})


def count_runs(planes: Sequence[Plane], curves: Curves) -> Counts:
    """Which runs of the planes never fit, and which of the others never extrapolate; each run once."""
    cells = {cell.records[0]["run_id"]: cell for plane in planes for cell in plane.cells.values()}.values()
    found = [_delays(cell, curves) for cell in cells]
    num_runs, num_fit = sum(cell.num_runs for cell in cells), sum(len(times.reached) for times in found)
    return Counts(num_runs, num_runs - num_fit, num_fit - sum(times.num_reached for times in found))


def delay_law_text(law: DelayLaw) -> str:
    """As which powers of learning rate and weight decay the delay goes, and what others found."""
    powers = [f"`{name}` to the power of {mean_text(power, '{:+.2f}')}" for name, power in law.powers.items()]
    explained = "" if law.r_squared is None else f", R2 {law.r_squared:.2f}"
    num_seeds = len(next(iter(law.powers.values())).values)
    return (
        f"The delay goes as {' and '.join(powers)}, by least squares in logarithms within each seed "
        f"(n = {num_seeds}; {law.num_runs} runs{explained}). Without weight decay, or a delay above 0, and left out: "
        f"{law.num_left_out}. Truong et al. (2026, arXiv 2603.13331) have it inverse in both, powers of -1, with an "
        "R2 above 0.97."
    )


def draw_phase_diagram(planes: Sequence[Plane], curves: Curves) -> bytes:
    """Heat maps over two settings, a row for each plane: fit, extrapolation, and the delay between them.

    Args:
        planes: Of cells that withhold questions of a rule.
        curves: The learning curve of each run, by run id.

    Returns:
        A PNG image.
    """
    found = [{place: _delays(cell, curves) for place, cell in plane.cells.items()} for plane in planes]
    medians = [times.median for of_plane in found for times in of_plane.values() if times.median is not None]
    heights = [0.36 * max(3, len(plane.y.values)) + 1.3 for plane in planes]
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(WIDTH, sum(heights) + 1.0), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(planes), 3, squeeze=False, height_ratios=heights)
        for row, plane, delays_of in zip(axes, planes, found, strict=True):
            for axis, rate in zip(row, ("fit", "extrapolation"), strict=False):
                image_of_rates = _draw_rate(axis, plane, rate)
            image_of_delays = _draw_delays(row[2], plane, delays_of, max([1.0, *medians]))
            row[0].set_ylabel(label_text("\n".join([*_title(plane), "", plane.y.name])))
        figure.colorbar(image_of_rates, ax=axes[:, :2], label="exact match", location="top", aspect=40)
        if medians:
            figure.colorbar(image_of_delays, ax=axes[:, 2], label="steps (thousands)", location="top", aspect=20)
        return png(figure, has_color_scale=True)


def _is_numbered(plane: Plane) -> bool:
    return len(plane.x.values) <= MOST_NUMBERED


def _delays(cell: Cell, curves: Curves) -> Times:
    return delays([curves[record["run_id"]] for record in cell.records])


def _title(plane: Plane) -> list[str]:
    """What all cells of a plane share: what they were trained on, and the model and settings if these are alike."""
    cells = list(plane.cells.values())
    models = {cell.model for cell in cells}
    return list(
        filter(None, [f"trained on {cells[0].task}", models.pop() if len(models) == 1 else "", in_common(cells)])
    )


def _draw_rate(axis: Axes, plane: Plane, rate: str) -> Any:
    rates = {place: float(np.mean(cell.values(rate))) for place, cell in plane.cells.items()}
    image = _draw_squares(axis, plane, rates, 1.0)
    _write_squares(axis, plane, {place: (f"{value:.2f}", value > 0.5) for place, value in rates.items()})
    axis.set_title(rate)
    return image


def _draw_delays(axis: Axes, plane: Plane, delays_of: dict[tuple[int, int], Times], longest: float) -> Any:
    medians = {place: times.median and times.median / 1000 for place, times in delays_of.items()}
    image = _draw_squares(axis, plane, medians, longest / 1000)
    _hatch_censored(axis, delays_of)
    _write_squares(axis, plane, {place: _delay_text(times, longest) for place, times in delays_of.items()})
    axis.set_title("median delay")
    return image


def _draw_squares(axis: Axes, plane: Plane, values: dict[tuple[int, int], float | None], highest: float) -> Any:
    """A square for each place, from 0 to `highest`; those without a value are left empty."""
    squares_YX = np.full((len(plane.y.values), len(plane.x.values)), np.nan)
    for (x, y), value in values.items():
        squares_YX[y, x] = np.nan if value is None else value
    image = axis.imshow(squares_YX, cmap=COLORS, vmin=0, vmax=highest, origin="lower", aspect="auto")
    axis.set_facecolor(EMPTY)
    xs, ys = ([f"{value:,.6g}" for value in one.values] for one in (plane.x, plane.y))
    axis.set_xticks(range(len(xs)), xs, rotation=90 if len("".join(xs)) > LONGEST_TICKS else 0)
    axis.set_yticks(range(len(ys)), ys)
    axis.tick_params(length=0, labelsize=9)
    axis.set_xlabel(label_text(plane.x.name))
    return image


def _hatch_censored(axis: Axes, delays_of: dict[tuple[int, int], Times]) -> None:
    for (x, y), times in delays_of.items():
        if times.durations and times.median is None:
            look = {"facecolor": CENSORED, "edgecolor": EMPTY, "hatch": "////", "linewidth": 0}
            axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **look))


def _delay_text(times: Times, longest: float) -> tuple[str, bool]:
    """A median with the runs behind it, and whether its square is bright."""
    if not times.durations:
        return "no fit", True
    runs = f"{times.num_reached}/{len(times.reached)}"
    if times.median is None:
        return f">{max(times.durations) / 1000:.3g}\n{runs}", True
    return f"{times.median / 1000:.3g}\n{runs}", times.median > longest / 2


def _write_squares(axis: Axes, plane: Plane, texts: dict[tuple[int, int], tuple[str, bool]]) -> None:
    """The texts of squares that have room for them, dark on bright ones."""
    if _is_numbered(plane):
        for (x, y), (text, is_bright) in texts.items():
            axis.text(x, y, text, ha="center", va="center", fontsize=7, color="black" if is_bright else "white")
