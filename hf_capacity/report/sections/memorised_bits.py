"""Memorised bits over a study's cells: a table, and a figure for each yardstick."""

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...analysis.cells import Cell
from ...boundary.shown import ABSENT
from ...config.hypotheses import FEWEST_RUNS
from ..bits import SHUFFLED_ANSWERS, YARDSTICKS, demanded_bits, estimator_of, has_bits
from ..figures import COLORS, DPI, MARKER_SIZE, MARKERS, STYLE, WIDTH, label_text, png
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import mean_text, names
from . import Section
from .crowding_out import crowds_of


# Characters of a label in a legend, that leave room for another beside it.
LONGEST_OF_TWO = 44
TEMPLATE = """\
## Memorised bits

{{ bits }}

{% if figure %}
![Memorised bits against the number of parameters](bits.png)

{% endif %}
*Memorised bits at the last checkpoint
{%- if figure %}: see where the markers leave their dotted line, all that the text demands, and whether they then
follow the grey one, what others measured{{ "; bars are 95 % intervals over runs" if has_intervals }}
{%- endif %}
{%- if num_without %}. {{ num_without }} of {{ num_cells }} cells memorised nothing, which a logarithmic axis does not
show
{%- endif %}. The bits are the entropy of the text, known by construction, minus its negative log likelihood; raw, and
clipped to what there is. The two yardsticks, random strings as a whole (Morris et al. 2025, arXiv 2505.24832) and
values of given keys (Allen-Zhu & Li 2024, arXiv 2404.05405), must not be compared with each other. A run has
converged if its loss changes by less than a hundredth over the last tenth of its evaluations; one that has not says
nothing about capacity. Exposures: how often each item was read.
{%- if has_shuffled %} Shuffled answers are a third yardstick: which equation has which of them, the equation being
given. Song & Ye (2026, arXiv 2605.09724) measured it with labels drawn independently.
{%- endif %}*
"""


def section(study: StudyResults) -> Section | None:
    table = bits_table(study.cells)
    if not table:
        return None
    crowded = [cell.records for crowd in crowds_of(study.cells) for cell in crowd.beside_facts]
    # The crowded ones' own figure shows their bits.
    cells = [cell for cell in study.cells if has_bits(cell) and cell.records not in crowded]
    figure = draw_bits(cells)
    has_shuffled = any(estimator_of(cell) == SHUFFLED_ANSWERS for cell in filter(has_bits, study.cells))
    has_intervals = study.most_runs >= FEWEST_RUNS
    num_without = sum(not any(record["bits"]["memorised"] for record in cell.records) for cell in cells)
    page = render(
        TEMPLATE,
        bits=table,
        figure=figure,
        has_intervals=has_intervals,
        has_shuffled=has_shuffled,
        num_without=num_without,
        num_cells=len(cells),
    )
    return Section(page, {"bits.png": figure} if figure else {})


def bits_table(cells: Sequence[Cell]) -> str:
    """A row a cell whose task has bits: means over runs; empty where there is none."""
    rows = []
    for cell in filter(has_bits, cells):
        bits = [record["bits"] for record in cell.records]
        settled = [one["converged"] for one in bits]
        rows.append(
            [
                *names(cell),
                bits[0]["estimator"],
                f"{cell.num_parameters:,}",
                str(cell.num_runs),
                f"{demanded_bits(cell):,.0f}",
                mean_text(cell.mean([one["raw"] for one in bits], None), "{:,.0f}"),
                mean_text(cell.mean([one["memorised"] for one in bits], None), "{:,.0f}"),
                mean_text(cell.mean([one["per_parameter"] for one in bits], None), "{:.2f}"),
                f"{cell.mean([one['exposures_per_item'] for one in bits], None).value:,.0f}",
                f"{settled.count(True)}/{len(settled)}",
                _if_first_were_free(cell),
            ]
        )
    header = ["trained on", "model", "differs in", "yardstick", "parameters", "runs", "demanded", "raw", "memorised"]
    header += ["per parameter", "exposures", "converged", "if first symbols were free"]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def draw_bits(cells: Sequence[Cell]) -> bytes | None:
    """Memorised bits against the number of parameters, a panel for each yardstick; None of no cells.

    Args:
        cells: Of tasks that have bits.
    """
    estimators = list(dict.fromkeys(map(estimator_of, cells)))
    if not estimators:
        return None
    with matplotlib.rc_context(STYLE):
        height = 3.2 * len(estimators) + 0.8 + 0.13 * len({cell.title for cell in cells})  # panels, and the legend
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
        axes = figure.subplots(len(estimators), 1, squeeze=False)[:, 0]
        handles = []
        for axis, estimator in zip(axes, estimators, strict=True):
            _draw_yardstick(axis, estimator, [cell for cell in cells if estimator_of(cell) == estimator])
            handles += axis.get_legend_handles_labels()[0]
            axis.set_xlabel("number of parameters, positions included (log scale)")
        handles.append(Line2D([], [], color="#444444", lw=0.8, linestyle=":", label="dotted: demanded"))
        longest = max(len(handle.get_label()) for handle in handles)
        figure.legend(handles=handles, loc="outside upper left", ncols=2 if longest <= LONGEST_OF_TWO else 1)
        return png(figure)


def _draw_yardstick(axis: Axes, estimator: str, cells: Sequence[Cell]) -> None:
    series: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (demanded_bits(cell), cell.num_parameters)):
        series.setdefault(cell.title, []).append(cell)
    sizes = [min(cell.num_parameters for cell in cells) / 1.6, max(cell.num_parameters for cell in cells) * 1.6]
    labels = _labels(series)
    shown = []
    for place, (title, rungs) in enumerate(series.items()):
        look = {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}
        means = [cell.mean([record["bits"]["memorised"] for record in cell.records], None) for cell in rungs]
        x = [cell.num_parameters for cell in rungs]
        values = [mean.value or math.nan for mean in means]  # 0 is nowhere on a logarithmic axis
        label = label_text(labels[title]) if any(mean.value for mean in means) else None
        axis.plot(x, values, **look, lw=1.2, markersize=MARKER_SIZE, label=label)
        axis.axhline(demanded_bits(rungs[0]), color=look["color"], lw=0.8, linestyle=":")
        for size, mean in zip(x, means, strict=True):
            if mean.interval:
                axis.vlines(size, *mean.interval, color=look["color"], lw=1)
        shown += [mean.value for mean in means if mean.value > 0] + [demanded_bits(rungs[0])]
    lowest, highest = min(shown) / 2, max(shown) * 2
    axis.set(xscale="log", yscale="log", xlim=sizes, ylim=(lowest, highest))
    _, per_parameter, source, _ = YARDSTICKS[estimator]
    if per_parameter * sizes[0] < highest and per_parameter * sizes[1] > lowest:
        label = f"{per_parameter:g} bits per parameter ({source})"
        axis.plot(sizes, [per_parameter * size for size in sizes], color="#999999", lw=1, label=label)
    axis.set_ylabel(f"memorised bits\n({estimator})")
    for line in (axis.xaxis, axis.yaxis):
        line.set_major_locator(LogLocator(subs=(1, 2, 5)))
        line.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.10g}"))
        line.set_minor_formatter(NullFormatter())


def _labels(series: dict[str, list[Cell]]) -> dict[str, str]:
    """Each series by its demand or, where several have the same, by what sets it apart from others of its task."""
    demands = {}
    for title, rungs in series.items():
        number, items = rungs[0].records[0]["bits"]["items"], YARDSTICKS[estimator_of(rungs[0])].items
        demands[title] = f"{number:,} {items}, {demanded_bits(rungs[0]):,.0f} bits"
    if len(set(demands.values())) == len(demands):
        return demands
    if len({rungs[0].task for rungs in series.values()}) > 1:
        return {title: title for title in series}
    return {title: rungs[0].differs or title for title, rungs in series.items()}


def _if_first_were_free(cell: Cell) -> str:
    bits = [record["bits"] for record in cell.records]
    if "first_symbols" not in bits[0]:
        return ABSENT
    return mean_text(cell.mean([one["raw"] + one["first_symbols"] for one in bits], None), "{:,.0f}")
