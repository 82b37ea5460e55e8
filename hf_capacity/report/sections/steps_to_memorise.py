"""How many steps a size takes to memorise shuffled answers, and to find the rule: T_mem and T_gen."""

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...analysis.times import Times, delays
from ...analysis.twins import Twins, TwinSize, twins_of
from ..figures import DPI, MARKER_SIZE, MEASURES, STYLE, WIDTH, label_text, png
from ..markdown import markdown_table, render
from ..study import Curves, StudyResults
from ..wording import median_text, names
from . import Section


LOOKS = {
    "memorise the shuffled answers (T_mem)": MEASURES["recall"],
    "extrapolate the rule (T_gen)": MEASURES["extrapolation"],
}
CENSORED = {"marker": "$\\uparrow$", "markersize": 9, "markeredgewidth": 0}
TEMPLATE = """\
## Steps to memorise and to generalise

![Steps to memorise shuffled answers and to extrapolate the rule, against size](steps_to_memorise.png)

*T_mem: steps to 99 % of the same questions with their answers shuffled, which leaves no rule to find. T_gen: steps to
99 % extrapolation of the rule. Lines: medians over runs; faint points: each run, an arrow where it never got there.
Song & Ye (2026, arXiv 2605.09724) find that extrapolation begins to lag behind fit near the size at which the lines
cross.*

{{ table }}

Each time is the first of three consecutive evaluations at 99 % or more, its median Kaplan and Meier's: a run that
never gets there is censored at its last step. The delay is that of the rule, from fit to extrapolation.

{% for line in crossings %}
{{ line }}
{% endfor %}
"""


def section(study: StudyResults) -> Section | None:
    found = twins_of(study.cells, study.curves)
    if not found:
        return None
    page = render(TEMPLATE, table=twins_table(found, study.curves), crossings=map(crossing_text, found))
    return Section(page, {"steps_to_memorise.png": draw_twins(found)})


def twins_table(found: Sequence[Twins], curves: Curves) -> str:
    """A row a size: how many runs of twin and rule got there, their median steps, and the rule's delay."""
    rows = []
    for size in (size for twins in found for size in twins.sizes):
        delay = delays([curves[record["run_id"]] for record in size.rule.records])
        rows.append(
            [
                *names(size.rule),
                f"{size.rule.num_parameters:,}",
                *_reached(size.to_memorise),
                *_reached(size.to_generalise),
                *_reached(delay),
            ]
        )
    header = ["trained on", "model", "differs in", "parameters", "memorised", "T_mem", "extrapolated", "T_gen"]
    return markdown_table([*header, "of those that fit", "delay"], rows)


def crossing_text(twins: Twins) -> str:
    """Between which sizes T_mem and T_gen cross, or which of them is shorter at all sizes that can be compared."""
    known = {size.is_memorised_first for size in twins.sizes} - {None}
    between = [f"{small:,} and {large:,}" for small, large in twins.crossings]
    if between:
        said = f"T_mem and T_gen cross between {', and between '.join(between)} parameters"
    elif known:
        said = (
            f"{'T_mem' if known == {True} else 'T_gen'} is the shorter at every size at which the two can be compared"
        )
    else:
        said = "T_mem and T_gen can be compared at no size"
    return f"Trained on {twins.ladder.title}: {said}."


def draw_twins(found: Sequence[Twins]) -> bytes:
    """Steps against the number of parameters, both logarithmic, a panel for each rule.

    Args:
        found: Rules with their twins.

    Returns:
        A PNG image.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2 * len(found) + 0.9), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
        for axis, twins in zip(axes, found, strict=True):
            _draw_panel(axis, twins.sizes)
            axis.set_ylabel("steps (log scale)")
            axis.set_title(label_text(f"trained on {twins.ladder.title}"), loc="left")
        axes[-1].set_xlabel("number of parameters, positions included (log scale)")
        handles = [Line2D([], [], **look | {"label": label}) for label, look in LOOKS.items()]
        handles.append(Line2D([], [], color="#444444", linestyle="none", label="not reached by then", **CENSORED))
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return png(figure)


def _draw_panel(axis: Axes, sizes: Sequence[TwinSize]) -> None:
    numbers = [size.rule.num_parameters for size in sizes]
    of_each = ([size.to_memorise for size in sizes], [size.to_generalise for size in sizes])
    for look, times, shift in zip(LOOKS.values(), of_each, (0.98, 1.02), strict=True):
        _draw_line(axis, look | {"label": None}, [shift * number for number in numbers], times)
    axis.set(xscale="log", yscale="log")
    for line in (axis.xaxis, axis.yaxis):
        line.set_major_locator(LogLocator(subs=(1, 2, 5)))
        line.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
        line.set_minor_formatter(NullFormatter())


def _draw_line(axis: Axes, look: dict, places: Sequence[float], times: Sequence[Times]) -> None:
    medians = [math.nan if of_size.median is None else of_size.median for of_size in times]
    axis.plot(places, medians, **look, markersize=MARKER_SIZE, lw=1.4, zorder=3)
    for place, of_size in zip(places, times, strict=True):
        for duration, reached in zip(*of_size, strict=True):
            run = {"marker": ".", "markersize": 5, "markeredgewidth": 0} if reached else CENSORED
            axis.plot(place, duration, color=look["color"], alpha=0.5, linestyle="none", zorder=2, **run)


def _reached(times: Times) -> list[str]:
    return [f"{times.num_reached}/{len(times.reached)}", median_text(times)]
