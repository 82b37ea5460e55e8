"""Crowding out: what a model extrapolates beside ever more facts, and how many of the facts it stores."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...analysis.cells import Cell, Mean
from ...analysis.differences import paired_difference, shared_runs
from ...analysis.intervals import DIFFERENCE
from ...boundary.shown import ABSENT
from ...config.hypotheses import FEWEST_RUNS
from ..bits import GIVEN_KEYS, demanded_bits, estimator_of, has_bits
from ..claims import Claim, differs, distance_from_zero
from ..figures import COLORS, DPI, MARKER_SIZE, MARKERS, STYLE, WIDTH, label_text, png
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import difference_text, has_withheld, mean_text, share_text
from . import Section


NO_FACTS = "no facts"
# Of what is demanded; a cell below it says what facts cost that are not stored.
STORED = 0.95
WHERE_STORED = "*stored*"
ALL_STORED = {"color": "#999999", "lw": 1, "zorder": 1, "label": "all that is demanded"}
TEMPLATE = """\
## Crowding out

{% if is_drawn %}
![Extrapolation, and the facts memorised, against the facts demanded, a line for each model](crowding_out.png)

*Does storing facts cost extrapolation? See whether the lines above fall to the right while those below still follow
the grey one. Above: extrapolation at the last checkpoint against the bits of facts that the text demands per
parameter. Below: the bits of facts memorised; on the grey line they are all of them. Points: means over runs, n in
the table{{ "; faint points: single runs" if study.most_runs > 1 -}}
{{ "; whiskers: 95 % intervals over runs" if study.most_runs >= fewest }}.
{{- " Open markers and dotted lines: the same width trained on the rule alone." if alone }}*

{% endif %}
{{ crowding }}

*stored*: the share of the demanded bits that is memorised, given the keys. Facts that are demanded but not stored say
nothing about what storing costs.
{%- if alone %} *less no facts*: extrapolation minus that of the same width trained on the rule alone (with fewer
parameters, where its alphabet is smaller), over pairs of runs with the same seeds. The row *stored* is the same for
the mean, seed by seed, over all cells that store 95 % or more.
{%- endif %}
"""


def section(study: StudyResults) -> Section | None:
    crowds = crowds_of(study.cells)
    if not crowds:
        return None
    alone = any(crowd.alone for crowd in crowds)
    is_drawn = len(crowds) > 1 or len(crowds[0].beside_facts) > 2  # a line between two points shows no more than they
    shown = {"crowding": crowding_table(crowds), "alone": alone, "is_drawn": is_drawn}
    page = render(TEMPLATE, study=study, fewest=FEWEST_RUNS, **shown)
    return Section(page, {"crowding_out.png": draw_crowding(crowds)} if is_drawn else {})


class Crowd(NamedTuple):
    """One model beside facts, fewest first, and alone: on the rule only, where it was trained so."""

    beside_facts: list[Cell]
    alone: Cell | None


def crowds_of(cells: Sequence[Cell]) -> list[Crowd]:
    """A crowd for each model, small ones first; none where no model was run on several demands of facts.

    Neither are there any where the cells of a model differ in more than their facts, for then no line joins them.
    Models go by their names: of one name, the one trained alone has fewer parameters, its alphabet being smaller.
    """
    beside: dict[str, list[Cell]] = {}
    alone: dict[str, list[Cell]] = {}
    for cell in sorted(filter(has_withheld, cells), key=lambda cell: cell.num_parameters):
        if has_bits(cell) and estimator_of(cell) == GIVEN_KEYS:
            beside.setdefault(cell.model, []).append(cell)
        elif "recall" not in cell.rates:
            alone.setdefault(cell.model, []).append(cell)
    found = [
        Crowd(sorted(group, key=demanded_bits), alone[model][0] if len(alone.get(model, [])) == 1 else None)
        for model, group in beside.items()
    ]
    demands = [list(map(demanded_bits, crowd.beside_facts)) for crowd in found]
    one_line_each = all(len(set(line)) == len(line) for line in demands)
    return found if one_line_each and max(map(len, demands), default=0) > 1 else []


def crowding_table(crowds: Sequence[Crowd]) -> str:
    """A row a cell, under that of the same model without facts, if there is any; empty where there is no crowd."""
    rows = []
    for crowd in crowds:
        for cell in [*filter(None, [crowd.alone]), *crowd.beside_facts]:
            rows.append([cell.model, f"{cell.num_parameters:,}", *_row(cell, crowd.alone)])
    if together := _where_stored(crowds):
        row = [WHERE_STORED, ABSENT, f"{together.num_cells} cells", *[ABSENT] * 7, str(together.num_pairs)]
        rows.append([*row, difference_text(together.difference)])
    header = ["model", "parameters", "facts demanded, bits", "per parameter", "runs", "fit", "extrapolation"]
    header += ["all withheld right", "recall", "stored"]
    if any(crowd.alone for crowd in crowds):
        header += ["pairs", f"less {NO_FACTS}"]
    rows = [row[: len(header)] for row in rows]
    return markdown_table(header, rows, num_texts=1) if rows else ""


def claims_of_crowding(cells: Sequence[Cell]) -> list[Claim]:
    """What storing facts does to extrapolation, over all cells that store theirs."""
    together = _where_stored(crowds_of(cells))
    if not together:
        return []
    difference = together.difference
    found = f"{difference_text(difference)} in the {together.num_cells} cells that store {100 * STORED:.0f} % or more"
    if differs(difference):
        changes = "raises" if difference.value > 0 else "costs"
        return [Claim(f"Storing facts **{changes}** extrapolation: {found}.", distance_from_zero(difference))]
    return [Claim(f"whether storing facts costs extrapolation ({found})", is_open=True)]


def draw_crowding(crowds: Sequence[Crowd]) -> bytes | None:
    """Extrapolation, and beneath it the facts memorised, against the facts demanded; None where there is no crowd.

    Facts are in bits per parameter.

    Args:
        crowds: As `crowds_of` gives them: a line each.

    Returns:
        A PNG image.
    """
    if not crowds:
        return None
    demands = [_per_parameter(cell) for crowd in crowds for cell in crowd.beside_facts]
    edge = min(demands) / 2
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.6 + 0.13 * len(crowds)), dpi=DPI, layout="constrained")
        axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for place, crowd in enumerate(crowds):
            look = _look(place)
            _draw_line(axes[0], crowd.beside_facts, _extrapolation, look)
            _draw_line(axes[1], crowd.beside_facts, _memorised, look)
            if crowd.alone:
                mean = _extrapolation(crowd.alone)
                # Side by side, so that none hides another.
                beside = edge * 1.1 ** (place - (len(crowds) - 1) / 2)
                _draw_runs(axes[0], beside, mean, look | {"markerfacecolor": "white"})
                axes[0].axhline(mean.value, color=look["color"], lw=1, linestyle=":", zorder=1)
        _lay_out(axes, demands, edge if any(crowd.alone for crowd in crowds) else None)
        figure.legend(handles=_handles(crowds), loc="outside upper left", ncols=2)
        return png(figure)


def _row(cell: Cell, alone: Cell | None) -> list[str]:
    facts = cell is not alone
    rates = {rate: mean_text(cell.mean(cell.values(rate))) for rate in cell.rates}
    difference = [ABSENT] * 2
    num_pairs = shared_runs(cell, alone)[0].num_runs if facts and alone else 0
    if num_pairs > 1:
        difference = [str(num_pairs), difference_text(paired_difference(cell, alone, "extrapolation"))]
    return [
        f"{demanded_bits(cell):,.0f}" if facts else NO_FACTS,
        f"{_per_parameter(cell):.2f}" if facts else ABSENT,
        str(cell.num_runs),
        rates.get("fit", ABSENT),
        rates["extrapolation"],
        share_text(cell.share(cell.all_right("extrapolation"))),
        rates.get("recall", ABSENT),
        mean_text(cell.mean(_stored(cell)), "{:.2f}") if facts else ABSENT,
        *difference,
    ]


class _Stored(NamedTuple):
    num_cells: int
    num_pairs: int
    difference: Mean


def _where_stored(crowds: Sequence[Crowd]) -> _Stored | None:
    """The cells that store their facts: seed by seed their mean less that of the same without facts."""
    stored = [
        (cell, crowd.alone)
        for crowd in crowds
        for cell in crowd.beside_facts
        if crowd.alone and np.mean(_stored(cell)) >= STORED
    ]
    if len(stored) < 2 or any(cell.seeds != stored[0][0].seeds for pair in stored for cell in pair):
        return None
    first = stored[0][0]
    if first.num_runs == 1:
        return None
    beside, alone = (
        np.mean([_extrapolation(cell).values for cell in cells], axis=0) for cells in zip(*stored, strict=True)
    )
    return _Stored(len(stored), first.num_runs, first.mean((beside - alone).tolist(), DIFFERENCE))


def _draw_line(axis: Axes, cells: Sequence[Cell], mean_of: Callable[[Cell], Mean], look: dict[str, Any]) -> None:
    x, means = list(map(_per_parameter, cells)), list(map(mean_of, cells))
    axis.plot(x, [mean.value for mean in means], color=look["color"], lw=1.2)
    for demand, mean in zip(x, means, strict=True):
        _draw_runs(axis, demand, mean, look)


def _draw_runs(axis: Axes, x: float, mean: Mean, look: dict[str, Any]) -> None:
    """The mean over runs, its interval, and each run faint."""
    axis.plot(x, mean.value, **look, markersize=MARKER_SIZE, linestyle="none", zorder=3)
    if mean.interval:
        axis.vlines(x, *mean.interval, color=look["color"], lw=1.2)
    if len(mean.values) > 1:
        points = {"color": look["color"], "alpha": 0.4, "markersize": 4, "markeredgewidth": 0}
        axis.plot([x] * len(mean.values), mean.values, ".", **points)


def _lay_out(axes: Sequence[Axes], demands: Sequence[float], edge: float | None) -> None:
    """Scales, ticks and names; `edge` is where the runs without facts stand, if there are any."""
    lowest, highest = min(demands), max(demands)
    ticks = [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)]
    labels = {tick: f"{tick:g}" for tick in ticks if lowest / 1.2 < tick < highest * 1.2}
    labels |= {edge: NO_FACTS} if edge else {}
    left = (edge or lowest) / 1.4
    axes[0].set(xscale="log", xlim=(left, highest * 1.4), ylim=(-0.06, 1.06), ylabel="extrapolation")
    axes[1].set_xticks(list(labels), labels=list(labels.values()))
    axes[1].minorticks_off()
    top = max(*axes[1].dataLim.intervaly, lowest) * 1.15
    grid = np.geomspace(lowest / 1.4, highest * 1.4)
    axes[1].plot(grid, grid, **ALL_STORED)
    axes[1].set(ylim=(-0.06 * top, top), ylabel="facts memorised\n(bits per parameter)")
    axes[1].set_xlabel("facts demanded (bits per parameter, log scale)")


def _handles(crowds: Sequence[Crowd]) -> list[Line2D]:
    handles = []
    for place, crowd in enumerate(crowds):
        sizes = " to ".join(f"{size:,}" for size in sorted({cell.num_parameters for cell in crowd.beside_facts}))
        label = label_text(f"{crowd.beside_facts[0].model}: {sizes} parameters")
        handles.append(Line2D([], [], **_look(place), lw=1.2, markersize=MARKER_SIZE, label=label))
    if any(crowd.alone for crowd in crowds):
        handles.append(Line2D([], [], color="#444444", lw=1, linestyle=":", label=f"open, dotted: {NO_FACTS}"))
    return [*handles, Line2D([], [], **ALL_STORED)]


def _look(place: int) -> dict[str, Any]:
    return {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}


def _per_parameter(cell: Cell) -> float:
    return demanded_bits(cell) / cell.num_parameters


def _extrapolation(cell: Cell) -> Mean:
    return cell.mean(cell.values("extrapolation"))


def _stored(cell: Cell) -> list[float]:
    """Of every run, the share of the demanded bits that it has memorised."""
    return [record["bits"]["memorised"] / record["bits"]["demanded"] for record in cell.records]


def _memorised(cell: Cell) -> Mean:
    return cell.mean([record["bits"]["per_parameter"] for record in cell.records], None)
